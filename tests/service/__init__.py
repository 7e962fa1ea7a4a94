"""The embedded service as an operator runs it: real processes, real sockets."""
