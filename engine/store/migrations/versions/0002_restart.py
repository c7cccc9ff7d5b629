"""When a node's Asterisk was started: another time is another Asterisk, and its calls are gone."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column."""
    op.execute("ALTER TABLE nodes ADD COLUMN asterisk_started_at timestamptz")
