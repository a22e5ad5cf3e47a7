"""When: casts, events and timers mark links as dirty, one consumer reconciles them in batches."""
