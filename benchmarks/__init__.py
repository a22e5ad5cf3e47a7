"""Measurements, side by side with what they are compared with; tools/bench.sh runs them. None is a test."""

import warnings

# As in vethagent/cmd/bootstrap.py.
warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
