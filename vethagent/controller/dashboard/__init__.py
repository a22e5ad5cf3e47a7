"""The page at ``/ui``: files that a browser runs as they are, and that speak with the REST API only."""
