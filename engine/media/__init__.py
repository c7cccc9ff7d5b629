"""What callers hear: voices and what they speak, announcements and the files Asterisk plays."""
