"""What the permit needs: where dialling is stopped, requests to count, its verdict on a call."""

from alembic import op

revision = "0003"
down_revision = "0002"

STATEMENTS = (
    """
CREATE TABLE stops (
    account_id text PRIMARY KEY,            -- '' stops every account
    reason text NOT NULL,
    stopped_at timestamptz NOT NULL
)
""",
    "ALTER TABLE calls ADD COLUMN permit jsonb",
    "CREATE INDEX calls_account_requested ON calls (account_id, requested_at)",
    "CREATE INDEX calls_destination_requested ON calls ((request #>> '{customer,number}'), requested_at)",
)


def upgrade() -> None:
    """Make the table, the column and the indexes."""
    for statement in STATEMENTS:
        op.execute(statement)
