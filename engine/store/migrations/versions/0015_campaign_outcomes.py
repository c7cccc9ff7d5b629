"""A campaign's ended attempts are counted by outcome each second while somebody watches it."""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Make the index."""
    op.execute(
        "CREATE INDEX cdrs_campaign_outcome ON cdrs (campaign_id, disposition, amd_status)"
        " WHERE campaign_id IS NOT NULL"
    )
