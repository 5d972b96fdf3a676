"""What was left out of an upload is told with it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["downgrade", "upgrade"]

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Give every upload a list of notes, which is empty for those that are there."""
    op.add_column("uploads", sa.Column("notes", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    """Take the notes away."""
    with op.batch_alter_table("uploads") as table:
        table.drop_column("notes")
