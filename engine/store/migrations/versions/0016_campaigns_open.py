"""Paused campaigns are looked at, too: their time may be over."""

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Make the index anew, over all that may have to turn."""
    op.execute("DROP INDEX campaigns_open")
    op.execute("CREATE INDEX campaigns_open ON campaigns (state) WHERE state IN (0, 1, 4)")
