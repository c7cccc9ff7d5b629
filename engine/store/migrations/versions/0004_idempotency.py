"""Idempotency keys, each with the answer its request was given; old CDRs found by their date."""

from alembic import op

revision = "0004"
down_revision = "0003"

TABLES = (
    """
CREATE TABLE idempotency_keys (
    account_id text NOT NULL,
    key text NOT NULL,
    fingerprint text NOT NULL,              -- of the request: the same key with another one is refused
    call_id text NOT NULL,                  -- the call it made, committed with it
    status integer NOT NULL,
    body text NOT NULL,
    expires_at timestamptz NOT NULL,
    replayed_at timestamptz,                -- when the answer was last given again
    PRIMARY KEY (account_id, key)
)
""",
    "CREATE INDEX idempotency_keys_call ON idempotency_keys (call_id)",
    "CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at)",
    "CREATE INDEX cdrs_date ON cdrs (call_date)",
)


def upgrade() -> None:
    """Make the table and the indexes."""
    for statement in TABLES:
        op.execute(statement)
