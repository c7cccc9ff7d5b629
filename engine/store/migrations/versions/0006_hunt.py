"""What a hunt has to remember: which attempt at which target a leg was, whom a call waits for, what is played."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the columns; a number is one of several a request is for, and looked for among them."""
    op.execute(
        """
        ALTER TABLE legs
            ADD COLUMN caller_id text NOT NULL DEFAULT '',
            ADD COLUMN target integer NOT NULL DEFAULT 0,
            ADD COLUMN attempt integer NOT NULL DEFAULT 1,
            ADD COLUMN agent_id text NOT NULL DEFAULT ''
        """
    )
    op.execute(
        """
        ALTER TABLE calls
            ADD COLUMN seeking jsonb NOT NULL DEFAULT '{}',
            ADD COLUMN sought_since jsonb NOT NULL DEFAULT '{}',
            ADD COLUMN gave_up text NOT NULL DEFAULT '',
            ADD COLUMN hears text NOT NULL DEFAULT '',
            ADD COLUMN plays integer NOT NULL DEFAULT 0,
            ADD COLUMN played_at timestamptz NOT NULL DEFAULT 'epoch'
        """
    )
    op.execute("DROP INDEX calls_destination_requested")
    op.execute("CREATE INDEX calls_targets ON calls USING gin ((request #> '{customer,targets}') jsonb_path_ops)")
