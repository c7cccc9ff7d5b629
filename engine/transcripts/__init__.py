"""Transcripts: what was said in a recording, written down by one engine or another."""
