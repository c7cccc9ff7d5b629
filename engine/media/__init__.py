"""What callers hear: voices, announcements."""
