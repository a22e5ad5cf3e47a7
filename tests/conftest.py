import signal

# Where a shell has started the tests in the background SIGINT is ignored, and would be in all that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
