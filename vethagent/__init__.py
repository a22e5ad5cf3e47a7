"""Veth pairs between bridges, driven from one place on many hosts."""
