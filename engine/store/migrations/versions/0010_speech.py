"""What was heard of a speech."""

from alembic import op

revision = "0010"
down_revision = "0009"

STATEMENTS = (
    """
ALTER TABLE calls ADD heard_seconds double precision  -- NULL: written by an engine that knows of no speech
""",
    """
ALTER TABLE cdrs
    ADD heard_seconds double precision,         -- NULL: nothing was to be spoken
    ADD announcement_seconds double precision
""",
)


def upgrade() -> None:
    """Add the columns."""
    for statement in STATEMENTS:
        op.execute(statement)
