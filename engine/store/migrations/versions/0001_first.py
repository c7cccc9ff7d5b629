"""Calls, legs, CDRs and what is applied from the accounts file."""

from alembic import op

revision = "0001"
down_revision = None

TABLES = (
    """
CREATE TABLE applied (
    kind text NOT NULL,                     -- account, agent, group, announcement, template, did, route
    account_id text NOT NULL,               -- '' for what belongs to no account
    id text NOT NULL,
    position integer NOT NULL,              -- its place in the file
    body jsonb NOT NULL,                    -- secrets only as SHA-256
    enabled boolean NOT NULL,
    applied_at timestamptz NOT NULL,
    PRIMARY KEY (kind, account_id, id)
)
""",
    """
CREATE TABLE calls (
    call_id text PRIMARY KEY,
    node text NOT NULL,
    account_id text NOT NULL,
    kind text NOT NULL,
    request jsonb NOT NULL,
    requested_at timestamptz NOT NULL,
    bridged_at timestamptz,
    ended_at timestamptz,
    ended_by text,
    release_reason text,
    bridge integer NOT NULL,
    bridge_open boolean NOT NULL,
    members jsonb NOT NULL,
    digits text NOT NULL,
    deadlines jsonb NOT NULL,
    hangup_asked_at timestamptz
)
""",
    "CREATE TABLE nodes (node text PRIMARY KEY, seen_at timestamptz NOT NULL)",
    "CREATE INDEX calls_live ON calls (node) WHERE ended_at IS NULL",
    """
CREATE TABLE legs (
    leg_id text PRIMARY KEY,
    call_id text NOT NULL,
    position integer NOT NULL,              -- the order of placing
    name text NOT NULL,
    side text NOT NULL,
    number text NOT NULL,
    endpoint text NOT NULL,
    created_at timestamptz,
    dialed_at timestamptz,
    rang_at timestamptz,
    answered_at timestamptz,
    bridged_at timestamptz,
    ended_at timestamptz,
    cause integer,
    sip_code integer,
    estimated boolean NOT NULL,
    hangup_reason text,
    disposition text,
    reason text,
    ended_by text
)
""",
    "CREATE INDEX legs_call ON legs (call_id)",
    """
CREATE TABLE cdrs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id text NOT NULL UNIQUE,
    account_id text NOT NULL,
    node text NOT NULL,
    kind text NOT NULL,
    agent_number text NOT NULL,
    customer_number text NOT NULL,
    dialed_number text NOT NULL,
    caller_id text NOT NULL,
    disposition text NOT NULL,
    reason text NOT NULL,
    ended_by text NOT NULL,
    call_date timestamptz NOT NULL,
    created_at timestamptz,
    answered_at timestamptz,
    ended_at timestamptz,
    billsec double precision,
    duration double precision,
    channel text NOT NULL,
    digits text NOT NULL
)
""",
    "CREATE INDEX cdrs_account_date ON cdrs (account_id, call_date)",
)


def upgrade() -> None:
    """Make the tables."""
    for statement in TABLES:
        op.execute(statement)
