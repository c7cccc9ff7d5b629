"""Legwork: live call legs on an Asterisk you already run, owned by one asyncio application."""
