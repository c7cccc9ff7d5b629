"""Postgres: what outlives the engine."""
