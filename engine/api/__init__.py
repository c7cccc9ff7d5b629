"""The HTTP APIs: one application, a dialect for each vendor whose documents we answer to."""
