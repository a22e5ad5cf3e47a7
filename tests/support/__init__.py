"""Hosts, services and traffic of their own for tests, benchmarks and the demo: nothing of the machine is touched."""
