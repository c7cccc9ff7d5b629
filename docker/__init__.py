"""The lab: a PBX and a telephone network on this machine's loopback."""
