"""The log-ins of agents, apart from what is applied; sticky pairs."""

from alembic import op

revision = "0007"
down_revision = "0006"

STATEMENTS = (
    """
CREATE TABLE agent_states (
    account_id text NOT NULL,
    agent_id text NOT NULL,
    web_login boolean NOT NULL,
    call_login boolean NOT NULL,
    busy boolean NOT NULL,                  -- as somebody set it; calls make busy without it
    PRIMARY KEY (account_id, agent_id)
)
""",
    """
INSERT INTO agent_states
SELECT account_id, id, coalesce((body->>'web_login')::boolean, false), coalesce((body->>'call_login')::boolean, false),
    false
FROM applied WHERE kind = 'agent'
""",
    """
CREATE TABLE sticky_pairs (
    account_id text NOT NULL,
    number text NOT NULL,
    agent_id text NOT NULL,
    expires_at timestamptz,                 -- NULL: never
    PRIMARY KEY (account_id, number)
)
""",
    "CREATE INDEX sticky_pairs_expiry ON sticky_pairs (expires_at)",
)


def upgrade() -> None:
    """Make the tables, with the log-ins of the agents there are."""
    for statement in STATEMENTS:
        op.execute(statement)
