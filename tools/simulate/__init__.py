"""Many agents on hosts in memory against a real controller, as tools/simulate.sh runs them."""
