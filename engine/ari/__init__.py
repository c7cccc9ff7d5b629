"""Asterisk's REST interface: our own client, which speaks it over one websocket and a little HTTP."""
