"""Modules for WSGI servers to load."""
