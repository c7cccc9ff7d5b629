"""Contact lists, campaigns, their leads, and what a campaign's attempt leaves in calls, legs and CDRs."""

from alembic import op

revision = "0012"
down_revision = "0011"

STATEMENTS = (
    """
CREATE TABLE lists (
    list_id text PRIMARY KEY,               -- LS… of contacts, DN… of numbers not to be disturbed
    account_id text NOT NULL,
    kind text NOT NULL,                     -- contacts, dnd
    name text NOT NULL,
    last_position bigint NOT NULL DEFAULT 0,  -- of its contacts; also the lock of whoever adds some
    created_at timestamptz NOT NULL,
    UNIQUE (account_id, kind, name)
)
""",
    """
CREATE TABLE contacts (
    list_id text NOT NULL,
    position bigint NOT NULL,               -- its row in the list, from 1
    number text NOT NULL,                   -- E.164 digits, or an extension
    name text NOT NULL,
    fields jsonb NOT NULL,                  -- by name
    PRIMARY KEY (list_id, number)
)
""",
    "CREATE UNIQUE INDEX contacts_position ON contacts (list_id, position)",
    """
CREATE TABLE campaigns (
    campaign_id text PRIMARY KEY,           -- CM…
    number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,  -- the same, where a vendor has numbers
    account_id text NOT NULL,
    name text NOT NULL,
    list_id text NOT NULL,
    dnd_list_id text NOT NULL,              -- '' for none
    settings jsonb NOT NULL,                -- engine.core.campaign.Settings
    calls_per_minute integer NOT NULL,
    state smallint NOT NULL,                -- 0 scheduled, 1 running, 2 stopped, 3 completed, 4 paused, 5 failed
    reason text NOT NULL DEFAULT '',        -- why it failed
    starts_at timestamptz NOT NULL,
    ends_at timestamptz,                    -- NULL: open-ended
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    settled_at timestamptz,                 -- since when it is stopped, completed or failed
    enrolled_position bigint NOT NULL DEFAULT 0,  -- up to which contact of its list there are leads
    next_start_at timestamptz NOT NULL DEFAULT 'epoch',  -- when the next call may start, by its pacing
    UNIQUE (account_id, name)
)
""",
    "CREATE INDEX campaigns_open ON campaigns (state) WHERE state IN (0, 1, 4)",
    """
CREATE TABLE leads (
    campaign_id text NOT NULL,
    position bigint NOT NULL,               -- of the contact in the list
    number text NOT NULL,
    name text NOT NULL,
    fields jsonb NOT NULL,
    state text NOT NULL,                    -- queued, calling, done
    attempts integer NOT NULL DEFAULT 0,    -- begun, the one that is on included
    due_at timestamptz NOT NULL,            -- when it may be called next
    version integer NOT NULL DEFAULT 0,     -- counts its claims: a call is made only for the latest
    claimed_until timestamptz NOT NULL DEFAULT 'epoch',  -- by Postgres's clock: until then a node is at it
    call_id text,                           -- of the latest attempt
    disposition text,                       -- of the latest attempt that is over
    PRIMARY KEY (campaign_id, position)
)
""",
    "CREATE INDEX leads_due ON leads (campaign_id, due_at, position) WHERE state = 'queued'",
    "CREATE INDEX leads_call ON leads (call_id) WHERE state = 'calling'",
    """
ALTER TABLE calls
    ADD connecting text NOT NULL DEFAULT '',
    ADD visit jsonb
""",
    """
ALTER TABLE legs
    ADD amd_status text NOT NULL DEFAULT '',
    ADD amd_reason text NOT NULL DEFAULT '',
    ADD amd_at timestamptz
""",
    """
ALTER TABLE cdrs
    ADD campaign_id text,
    ADD campaign_type smallint,
    ADD list_id text,
    ADD unique_id text,
    ADD is_dnd boolean NOT NULL DEFAULT false,
    ADD answers jsonb,                      -- to an IVR's questions, by step
    ADD amd_status text,
    ADD amd_reason text
""",
)


def upgrade() -> None:
    """Make the tables and add the columns."""
    for statement in STATEMENTS:
        op.execute(statement)
