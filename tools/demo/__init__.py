"""What ``tools/demo.sh`` shows, on the same hosts and services as the tests."""
