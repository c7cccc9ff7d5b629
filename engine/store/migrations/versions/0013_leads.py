"""Attempts of leads that never were dialled, and leads that are being called by their campaign."""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add the column and the index."""
    op.execute(
        "ALTER TABLE leads ADD lost integer NOT NULL DEFAULT 0"  # of its attempts: nobody was dialled, for our fault
    )
    op.execute("CREATE INDEX leads_calling ON leads (campaign_id) WHERE state = 'calling'")
