"""Our table of ARI's operations against the running Asterisk's own api-docs."""

from engine.ari import generate
from engine.ari.operations import OPERATIONS
from tests.live.lab import settings


def test_the_table_is_what_asterisk_describes() -> None:
    lab = settings()
    docs = generate.read(lab["ARI_URL"], lab["ARI_USER"], lab["ARI_PASSWORD"])
    assert generate.tabulate(docs) == OPERATIONS
