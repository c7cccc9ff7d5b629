"""The fault bench: calls in flight, one fault, and what must hold, seen from outside."""
