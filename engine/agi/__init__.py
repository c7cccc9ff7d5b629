"""FastAGI: what a dialplan that keeps its own channel asks the engine, answered in channel variables."""
