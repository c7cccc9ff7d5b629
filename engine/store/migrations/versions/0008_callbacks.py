"""Callbacks: calls that are to be made later."""

from alembic import op

revision = "0008"
down_revision = "0007"

STATEMENTS = (
    """
CREATE TABLE callbacks (
    request_id text PRIMARY KEY,            -- the id of the call it will be
    account_id text NOT NULL,
    agent_number text NOT NULL,
    customer_number text NOT NULL,
    caller_id text NOT NULL,
    wall text NOT NULL,                     -- what a clock in the time zone shows when it is due
    time_zone text NOT NULL,
    due_at timestamptz NOT NULL,
    requested_at timestamptz NOT NULL,
    state text NOT NULL,                    -- scheduled, fired, deleted, missed, refused
    version integer NOT NULL,               -- counts its changes: what was read is fired only while it holds
    reason text NOT NULL,                   -- why it was not rung
    settled_at timestamptz,                 -- since when it is not scheduled any more
    claimed_until timestamptz NOT NULL DEFAULT 'epoch'  -- by Postgres's clock: until then a node is at it
)
""",
    "CREATE INDEX callbacks_due ON callbacks (due_at) WHERE state = 'scheduled'",
    "CREATE INDEX callbacks_account ON callbacks (account_id, requested_at, request_id)",
    "CREATE INDEX callbacks_settled ON callbacks (settled_at)",
)


def upgrade() -> None:
    """Make the table."""
    for statement in STATEMENTS:
        op.execute(statement)
