"""The REST API: a WSGI application, and a server for those who have none."""
