"""What executors are sent of the models: all but their users, of all products or of a block."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import pyarrow as pa

from recolab_assets.config import ModelConfig
from recolab_assets.models import MODELS
from recolab_assets.models.als import STRETCH
from recolab_assets.models.product_blocks import OF_BLOCK, SCORED
from recolab_assets.scale.local import model_tables
from recolab_assets.storage import StoredTable


@dataclass(frozen=True)
class ItemSide:
    """All of the models but their users, or what a block of products needs of it.

    Attributes:
        tables: Tables of the models by name, but for ``als_user_factors``.
        n_users: Users of the shop.
        config: Settings of the models.
    """

    tables: Mapping[str, pa.Table]
    n_users: int
    config: ModelConfig

    @classmethod
    def of_all(cls, fitted: Mapping[str, StoredTable], n_users: int, config: ModelConfig) -> Self:
        """Read what is needed to rank all products."""
        return cls(model_tables(fitted, without=["als_user_factors"]), n_users, config)

    @classmethod
    def of_block(
        cls,
        fitted: Mapping[str, StoredTable],
        n_users: int,
        config: ModelConfig,
        n_blocks: int,
        block: int,
    ) -> Self:
        """Read what is needed to rank one block of products.

        Args:
            fitted: A table of each model, in the schema that holds all of them.
            n_users: Users of the shop.
            config: Settings of the models.
            n_blocks: Blocks that the products are dealt to.
            block: Number of the block, from 0.
        """
        tables = model_tables(fitted, without=["als_user_factors", *SCORED])
        (handle, *_) = fitted.values()
        for name, column in SCORED.items():
            table = replace(handle, name=name, columns=None)
            own = f"{column} IN {OF_BLOCK}"
            tables[name] = table.select(where=own, params=(STRETCH, n_blocks, block))
        return cls(tables, n_users, config)

    @classmethod
    def of_blends(
        cls, fitted: Mapping[str, StoredTable], n_users: int, config: ModelConfig
    ) -> Self:
        """Read what is needed to blend what the models have ranked."""
        blends = {name: fitted[name] for name, model in MODELS.items() if model.components}
        return cls(model_tables(blends), n_users, config)
