"""Uploaded announcements, apart from what is applied; the last number of each account."""

from alembic import op

revision = "0009"
down_revision = "0008"

STATEMENTS = (
    """
CREATE TABLE announcements (
    account_id text NOT NULL,
    id text NOT NULL,                       -- 1610448601_84.wav
    number bigint NOT NULL,                 -- 84
    name text NOT NULL,                     -- what whoever sent it called it
    seconds double precision NOT NULL,
    sound bytea NOT NULL,                   -- as Asterisk plays it; empty once it is deleted
    uploaded_at timestamptz NOT NULL,
    deleted_at timestamptz,
    PRIMARY KEY (account_id, id),
    UNIQUE (account_id, number)
)
""",
    "ALTER TABLE announcements ALTER COLUMN sound SET STORAGE EXTERNAL",  # speech does not get smaller
    """
CREATE TABLE announcement_numbers (
    account_id text PRIMARY KEY,
    last_number bigint NOT NULL
)
""",
)


def upgrade() -> None:
    """Make the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
