"""Measurements, side by side with what they are compared with; tools/bench.sh runs them. None is a test."""
