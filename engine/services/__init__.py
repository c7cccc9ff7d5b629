"""What an engine does by itself: one loop a file."""
