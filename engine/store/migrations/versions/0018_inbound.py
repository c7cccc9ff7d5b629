"""Legs of who called in: Asterisk's own id of the channel, as it is not ours; of all: its name for theirs."""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Add the columns."""
    op.execute("ALTER TABLE legs ADD channel text NOT NULL DEFAULT ''")
    op.execute("ALTER TABLE legs ADD channel_name text NOT NULL DEFAULT ''")
