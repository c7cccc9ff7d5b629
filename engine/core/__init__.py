"""The call as data: events in, commands out; no async, no clock, no I/O."""
