"""When we told Asterisk to end a leg: until then it was there, whether its end was seen or not."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column."""
    op.execute("ALTER TABLE legs ADD COLUMN hangup_at timestamptz")
