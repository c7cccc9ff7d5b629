"""The catalogue of codes, for `legwork codes`."""

from dataclasses import asdict

from rich.table import Table
from rich.text import Text

from engine.api.dialects.sarv_codes import CODES
from engine.terminal import Json, present


def codes(as_json: Json = False) -> None:
    """List the codes of Sarv's Click-to-Call, and our reading where its document does not say when one is sent."""
    table = Table("code", "message", "our reading", box=None, pad_edge=False)
    for each in CODES.values():
        table.add_row(each.code, Text(each.message), Text(each.reading, style="dim"))
    present([asdict(each) for each in CODES.values()], table, as_json=as_json)
