"""The synthetic shop: its raw tables, generated block by block from named random streams."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from recolab_assets.config import EDITORIAL_EVENTS, PRODUCT_EVENTS, LabConfig, ShopConfig
from recolab_assets.parallel import in_order
from recolab_assets.randomness import stream
from recolab_assets.shop.behaviour import Events, Visitors, simulate_events
from recolab_assets.shop.catalogue import generate_editorial, generate_products
from recolab_assets.shop.demand import Demand, editorial_demand, product_demand
from recolab_assets.shop.population import generate_users
from recolab_assets.shop.taxonomy import seasonal_weights, taxonomy_of
from recolab_assets.shop.timeline import LogCalendar
from recolab_assets.tables import TABLES

SHARD_USERS = 10_000
"""Users of one block. Part of what a seed means: another size gives other draws."""

_EVENT_NAMES = list(dict.fromkeys([*PRODUCT_EVENTS, *EDITORIAL_EVENTS]))
_EDITORIAL_CODES = np.array([_EVENT_NAMES.index(name) for name in EDITORIAL_EVENTS], np.int8)
_ITEM_TYPES = pa.array(["editorial", "product"])
_PURCHASE = PRODUCT_EVENTS.index("purchase")

Progress = Callable[[int, int], None]
"""Called with the number of users done and the number of all."""


class SyntheticShop:
    """A shop whose truth is known.

    Args:
        config: Size, seed and mechanisms.
    """

    def __init__(self, config: LabConfig) -> None:
        self._config = config

    def users(self) -> pa.Table:
        """Return ``raw.users``."""
        return generate_users(self._config)

    def products(self) -> pa.Table:
        """Return ``raw.products``."""
        return generate_products(self._config)

    def editorial(self) -> pa.Table:
        """Return ``raw.editorial``."""
        return generate_editorial(self._config)

    def interactions(
        self,
        users: pa.Table,
        products: pa.Table,
        editorial: pa.Table,
        progress: Progress = lambda done, total: None,
    ) -> pa.RecordBatchReader:
        """Generate the event log as a stream, one batch a block of users.

        Args:
            users: ``raw.users``.
            products: ``raw.products``.
            editorial: ``raw.editorial``; may be empty.
            progress: Told after every block.

        Returns:
            The columns of ``raw.interactions``, ordered by user and time;
            ``data.n_interactions`` rows. Text columns are dictionary-encoded.
        """
        return pa.RecordBatchReader.from_batches(
            _BATCH_SCHEMA, self._batches(users, products, editorial, progress)
        )

    def report(self) -> pa.Table:
        """Return ``raw.import_report``: everything generated is kept."""
        n = self._config.data.n_interactions
        row = {"kind": "step", "severity": "info", "n_matched": n, "n_rows": n, "share": 1.0}
        names = ("generated", "kept")
        return pa.Table.from_pylist(
            [{**row, "step": i, "finding": name, "examples": []} for i, name in enumerate(names)],
            schema=TABLES["import_report"].arrow_schema,
        )

    def event_log(self, users: pa.Table, products: pa.Table, editorial: pa.Table) -> "EventLog":
        """Return the log to be: what any block of its users is generated from.

        Args:
            users: ``raw.users``.
            products: ``raw.products``.
            editorial: ``raw.editorial``; may be empty.
        """
        shop, data = self._config.shop, self._config.data
        activity = users["activity"].to_numpy()
        return EventLog(
            shop=shop,
            seed=data.random_seed,
            counts=stream(data.random_seed, "shop.activity").multinomial(
                data.n_interactions, activity / activity.sum()
            ),
            wanted=product_demand(users, products, shop),
            read=editorial_demand(users, editorial, shop) if editorial.num_rows else None,
            visitors=_visitors(users, self._config, LogCalendar.of(shop)),
            prices=products["price"].to_numpy(),
        )

    def _batches(
        self, users: pa.Table, products: pa.Table, editorial: pa.Table, progress: Progress
    ) -> Iterator[pa.RecordBatch]:
        log = self.event_log(users, products, editorial)
        for shard, batch in enumerate(in_order(log.batch, range(log.n_shards))):
            yield batch
            progress(min((shard + 1) * SHARD_USERS, users.num_rows), users.num_rows)


@dataclass(frozen=True, eq=False)
class EventLog:
    """All that the events of any block of users depend on, so that blocks may run anywhere.

    Attributes:
        shop: Mechanisms and their parameters.
        seed: ``data.random_seed``.
        counts: (n_users,) events of each user.
        wanted: Demand for products.
        read: Demand for editorial content; None where the shop has none.
        visitors: Sign-up and season of all users.
        prices: (n_products,) prices.
    """

    shop: ShopConfig
    seed: int
    counts: np.ndarray
    wanted: Demand
    read: Demand | None
    visitors: Visitors
    prices: np.ndarray

    @property
    def n_shards(self) -> int:
        """Blocks of ``SHARD_USERS`` users."""
        return -(-len(self.counts) // SHARD_USERS)

    def batch(self, shard: int) -> pa.RecordBatch:
        """Generate the events of one block of users, in the order and with the ids of the log.

        Args:
            shard: Number of the block, from 0.
        """
        low = shard * SHARD_USERS
        block = np.arange(low, min(low + SHARD_USERS, len(self.counts)))
        events = simulate_events(
            block,
            self.counts[block],
            self.wanted,
            self.read,
            self.visitors,
            self.shop,
            stream(self.seed, "shop.behaviour", shard),
        )
        first_id = int(self.counts[:low].sum())
        return _batch(events, first_id, self.prices, LogCalendar.of(self.shop), self.shop)


def _visitors(users: pa.Table, config: LabConfig, calendar: LogCalendar) -> Visitors:
    """Visits follow the season of the primary category; with seasonality off all months alike."""
    shop, taxonomy = config.shop, taxonomy_of(config.shop)
    names = [category.name for category in taxonomy]
    position = {name: number for number, name in enumerate(names)}
    weights = np.ones((len(names), calendar.n_months))
    if shop.seasonality.enabled:
        weights = seasonal_weights(names, taxonomy, calendar.first_month, calendar.n_months)
        if shop.seasonality.traffic is not None:
            weights = weights * shop.seasonality.traffic
    return Visitors(
        signed_up=calendar.seconds(users["signed_up_at"].to_numpy()),
        season=np.array([position[name] for name in users["primary_category"].to_pylist()]),
        season_weights=weights,
        weekday_weights=np.array(shop.activity.weekday_weights),
        hour_weights=np.array(shop.activity.hour_weights),
    )


_DICTIONARY = pa.dictionary(pa.int8(), pa.string())
_BATCH_SCHEMA = pa.schema(
    [
        field.with_type(_DICTIONARY) if field.type == pa.string() else field
        for field in TABLES["interactions"].arrow_schema
    ]
)


def _batch(
    events: Events, first_id: int, prices: np.ndarray, calendar: LogCalendar, shop: ShopConfig
) -> pa.RecordBatch:
    """Turn a block of events into rows of ``raw.interactions``."""
    n = len(events.user)
    recorded = np.array([PRODUCT_EVENTS.index(event) for event in shop.funnel], np.int8)
    step = recorded[np.where(events.is_product, events.stage, 0)]
    bought = events.is_product & (step == _PURCHASE)
    # Editorial items have ids of their own, so they must not look up a product's price.
    price = prices[np.where(bought, events.item, 0)]
    read = _EDITORIAL_CODES[np.where(events.is_product, 0, events.stage)]
    name = np.where(events.is_product, step, read)
    columns = [
        np.arange(first_id, first_id + n),
        events.user.astype(np.int32),
        events.item,
        pa.DictionaryArray.from_arrays(events.is_product.astype(np.int8), _ITEM_TYPES),
        pa.DictionaryArray.from_arrays(name, _EVENT_NAMES),
        events.user * shop.activity.max_sessions + events.slot,
        calendar.times(events.seconds),
        pa.array(np.ones(n, dtype=np.int32), mask=~bought),
        pa.array(price, mask=~bought),
    ]
    return pa.record_batch(columns, schema=_BATCH_SCHEMA)
