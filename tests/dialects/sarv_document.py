"""The error codes of Sarv's Click-to-Call document, verbatim: what its customers read."""

from pathlib import Path

LINES = (Path(__file__).parent / "sarv_codes.txt").read_text().splitlines()
MESSAGES = {code: message for code, _, message in (line.partition(" ") for line in LINES)}
SUCCESS = """
{
  "callid": "kn5skxr6161770885161627785",
  "status": "success",
  "code": "200"
}
"""
