"""What an engine does for the stages that grow with the log, and how one is chosen."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pyarrow as pa

from recolab_assets.config import ModelConfig
from recolab_assets.models.base import Recommender
from recolab_assets.models.recommend import Progress
from recolab_assets.shop.synthetic import SyntheticShop
from recolab_assets.sql import Select
from recolab_assets.storage import StoredTable
from recolab_assets.storage.writer import Contents


class EngineError(Exception):
    """The engine that the configuration asks for cannot run here; the message says why."""


class Training(NamedTuple):
    """The tables that models learn from, where they are."""

    users: StoredTable
    products: StoredTable
    train_pairs: StoredTable


class HoldOut(NamedTuple):
    """The tables that lists are measured with, where they are."""

    recommendations: StoredTable
    test_interactions: StoredTable
    train_pairs: StoredTable


class Engine(ABC):
    """Runs the large stages; every stage has one definition, which all engines run.

    What comes out is the contents of a table, in the table's order. The rows do not depend on the
    engine, but for ``als``, whose solvers differ.
    """

    @abstractmethod
    def select(self, name: str, select: Select) -> Contents:
        """Run a SELECT over the lab's tables.

        Args:
            name: The registered table that the rows are for.
            select: Its placeholders have names.
        """

    @abstractmethod
    def events(
        self,
        shop: SyntheticShop,
        users: pa.Table,
        products: pa.Table,
        editorial: pa.Table,
        progress: Progress,
    ) -> Contents:
        """Generate ``raw.interactions`` of the synthetic shop, by shards of users.

        Args:
            shop: The shop.
            users: ``raw.users``.
            products: ``raw.products``.
            editorial: ``raw.editorial``.
            progress: Told of the users done.
        """

    @abstractmethod
    def log(self, rows: pa.RecordBatchReader) -> Contents:
        """Keep ``raw.interactions`` of an imported log where later stages read them.

        Args:
            rows: The log, which is read once.
        """

    @abstractmethod
    def fit(
        self, model: type[Recommender], training: Training, config: ModelConfig, seed: int
    ) -> Mapping[str, Contents]:
        """Fit a model.

        Args:
            model: One that learns from training pairs, or blends those that do.
            training: What to learn from.
            config: Settings of all models.
            seed: Seed of what models draw when they are fitted.

        Returns:
            Contents of the model's tables, by name.
        """

    @abstractmethod
    def recommend(
        self,
        fitted: Mapping[str, StoredTable],
        training: Training,
        config: ModelConfig,
        progress: Progress,
    ) -> Contents:
        """Rank products for every user with every model, by shards of users.

        Args:
            fitted: A table of each model, in the schema that holds all of them.
            training: What the models were fitted on.
            config: Settings of all models.
            progress: Told of the users done.
        """

    @abstractmethod
    def user_metrics(
        self, hold_out: HoldOut, k_values: Sequence[int], *, exclude_seen: bool
    ) -> Contents:
        """Measure the accuracy of every model for every eligible user.

        Args:
            hold_out: Lists, and what was withheld.
            k_values: Lengths at which lists are cut.
            exclude_seen: Products that a user has in training do not count.
        """
