"""A call has a transfer, and what is asked of one that is on another node stands in a row until that node took it."""

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Make the column and the table."""
    op.execute("ALTER TABLE calls ADD COLUMN transfer jsonb")
    op.execute("CREATE INDEX legs_third ON legs (dialed_at) WHERE side = 'third'")  # to count them
    op.execute(
        """
        CREATE TABLE call_orders (
            order_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            node text NOT NULL,
            call_id text NOT NULL,
            asked jsonb NOT NULL,
            asked_at timestamptz NOT NULL DEFAULT now(),
            taken_at timestamptz,
            refusal text
        )
        """
    )
