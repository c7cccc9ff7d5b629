"""How many callbacks an account has scheduled is counted before one more is."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Make the index."""
    op.execute("CREATE INDEX callbacks_scheduled ON callbacks (account_id) WHERE state = 'scheduled'")
