"""A whole deployment under faults at random, as tools/soak.sh runs it."""
