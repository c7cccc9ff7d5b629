"""The benchmark: what a call costs and how fast it is handled, beside others that do the same."""
