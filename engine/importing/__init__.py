"""Imports of files of contacts, each in a process of its own: the engine's event loop has calls to look after."""
