"""Link templates and their roll-outs: what each host is to have, and when it gets it."""
