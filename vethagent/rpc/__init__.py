"""The message bus: how it is reached, and the client of each side."""
