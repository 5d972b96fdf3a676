"""Keys of tenants, collections that all tenants share, and who asked for an answer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["downgrade", "upgrade"]

revision = "0004"
down_revision = "0003"

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the table of keys; nothing that is there is shared, or was asked for by anybody."""
    op.create_table(
        "keys",
        sa.Column("number", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("forwards", sa.String(16), nullable=False),
        sa.Column("successor", sa.String(64), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("expires", sa.Double(), nullable=True),
        sa.Column("revoked", sa.Double(), nullable=True),
        sa.Column("used", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_keys"),
        sa.UniqueConstraint("id", name="uq_keys_id"),
    )
    op.create_index("ix_keys_tenant_number", "keys", ["tenant", "number"])
    op.add_column(
        "collections",
        sa.Column("shared", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.add_column("traces", sa.Column("key", sa.String(64), nullable=False, server_default=""))
    op.add_column("traces", sa.Column("user", sa.String(255), nullable=False, server_default=""))


def downgrade() -> None:
    """Take all of it away."""
    for name in ("user", "key"):
        with op.batch_alter_table("traces") as table:
            table.drop_column(name)
    with op.batch_alter_table("collections") as table:
        table.drop_column("shared")
    op.drop_index("ix_keys_tenant_number", table_name="keys")
    op.drop_table("keys")
