"""Recordings of calls, and what was said in them."""

from alembic import op

revision = "0017"
down_revision = "0016"

STATEMENTS = (
    "ALTER TABLE callbacks ADD COLUMN recording text NOT NULL DEFAULT ''",  # both, agent, customer
    # NULL where an engine that knew of no recordings has written the call
    "ALTER TABLE calls ADD COLUMN recordings jsonb, ADD COLUMN recorded text",
    """
CREATE TABLE recordings (
    name text PRIMARY KEY,                  -- the node's, the call's, the leg's, and its number: n1-91da7c083f.b1.r1
    account_id text NOT NULL,
    node text NOT NULL,                     -- whose Asterisk wrote the file
    call_id text NOT NULL,
    leg text NOT NULL,
    side text NOT NULL,                     -- who is heard in it: both, agent, customer
    transcript boolean NOT NULL,            -- one is to be made of it
    asked_at timestamptz NOT NULL,
    started_at timestamptz,
    ended_at timestamptz,
    state text NOT NULL,                    -- recording, paused; as its file shows: finished, failed; deleted
    reason text NOT NULL,                   -- why it failed
    seconds double precision,               -- of the file, and its bytes
    bytes bigint,
    settled_at timestamptz,                 -- since when that is known
    uploaded_at timestamptz,
    tries integer NOT NULL DEFAULT 0,       -- how often in vain, of what is to be done with it next: it is settled,
    due_at timestamptz NOT NULL DEFAULT 'epoch',  -- uploaded, removed here, deleted; when again, and what went wrong
    error text NOT NULL DEFAULT '',
    removed_at timestamptz                  -- since when there is no file on the node any more
)
""",
    "CREATE INDEX recordings_account ON recordings (account_id, asked_at, name)",
    "CREATE INDEX recordings_call ON recordings (call_id)",
    "CREATE INDEX recordings_unsettled ON recordings (node) WHERE settled_at IS NULL",
    "CREATE INDEX recordings_here ON recordings (node, settled_at) WHERE removed_at IS NULL",
    "CREATE INDEX recordings_kept ON recordings (node, settled_at) WHERE state <> 'deleted' OR uploaded_at IS NOT NULL",
    """
CREATE TABLE transcripts (
    name text PRIMARY KEY,                  -- of the recording
    account_id text NOT NULL,
    node text NOT NULL,
    call_id text NOT NULL,
    side text NOT NULL,
    state text NOT NULL,                    -- queued, running, done, failed
    attempts integer NOT NULL,
    due_at timestamptz NOT NULL,
    claimed_until timestamptz NOT NULL DEFAULT 'epoch',
    reason text NOT NULL,                   -- why the last attempt failed
    text text NOT NULL,
    segments jsonb,
    queued_at timestamptz NOT NULL,
    settled_at timestamptz
)
""",
    "CREATE INDEX transcripts_call ON transcripts (call_id)",
    "CREATE INDEX transcripts_due ON transcripts (node, due_at) WHERE state IN ('queued', 'running')",
)


def upgrade() -> None:
    """Make the tables and columns."""
    for statement in STATEMENTS:
        op.execute(statement)
