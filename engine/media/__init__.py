"""Sound that is made here: texts spoken by the voices there are, cached, and put together."""
