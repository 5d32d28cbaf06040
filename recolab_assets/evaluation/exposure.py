"""Which products the lists expose: popular or not, of which category, how evenly."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recolab_assets.sql import Select
from recolab_assets.tables import TABLES

Shares = npt.NDArray[np.float64]

LORENZ_STEPS: Final = 100
"""Points of a Lorenz curve along each axis: one is never further than 1% from the next."""


def product_exposure(k_values: Sequence[int]) -> Select:
    """Select in how many lists of each model, cut at each k, each product appears.

    A product that is in no list has no row.

    Args:
        k_values: Lengths at which lists are cut.
    """
    return Select(
        """
        WITH places AS (
            SELECT model, rank, product_id, count(*) AS n
            FROM recommendations.recommendations
            GROUP BY model, rank, product_id
        )
        SELECT model, k, product_id, sum(n) AS n_lists
        FROM places JOIN (SELECT unnest($k_values::INTEGER[]) AS k) lengths ON rank <= k
        GROUP BY model, k, product_id
        ORDER BY model, k, product_id
        """,
        {"k_values": sorted(k_values)},
    )


def recommendation_profile() -> Select:
    """Select what recommendations are made of, beside the catalogue and what users do.

    Products stand in order of their training interactions, ties by product id; a tenth of them is
    a decile, 1 the most popular. The long tail is what lies outside the top fifth: Anderson, "The
    Long Tail", 2006, and the 80/20 rule. Every source has a row for every bucket, also with
    nothing in it; a source with nothing at all (purchases where none are logged) has no rows.
    """
    return Select(
        """
        WITH places AS (
            SELECT
                product_id,
                coalesce(category, 'unknown') AS category,
                item_features.n_events,
                item_features.n_purchases,
                (10 * (row_number() OVER by_popularity - 1)) // count(*) OVER () + 1 AS decile
            FROM raw.products JOIN processed.item_features USING (product_id)
            WINDOW by_popularity AS (ORDER BY item_features.n_events DESC, product_id)
        ),
        bucketed AS (
            SELECT product_id, n_events, n_purchases, 'popularity' AS dimension,
                decile::VARCHAR AS bucket, decile AS position
            FROM places
            UNION ALL
            SELECT product_id, n_events, n_purchases, 'tail',
                CASE WHEN decile <= 2 THEN 'top fifth' ELSE 'long tail' END,
                CASE WHEN decile <= 2 THEN 1 ELSE 2 END
            FROM places
            UNION ALL
            SELECT product_id, n_events, n_purchases, 'category', category,
                dense_rank() OVER (ORDER BY category)
            FROM places
        ),
        buckets AS (SELECT DISTINCT dimension, bucket, position FROM bucketed),
        counted AS (
            SELECT 'catalogue' AS source, NULL::INTEGER AS k, dimension, bucket, count(*) AS n
            FROM bucketed GROUP BY dimension, bucket
            UNION ALL
            SELECT 'interactions', NULL, dimension, bucket, sum(n_events)
            FROM bucketed GROUP BY dimension, bucket
            UNION ALL
            SELECT 'purchases', NULL, dimension, bucket, sum(n_purchases)
            FROM bucketed GROUP BY dimension, bucket
            UNION ALL
            SELECT model, k, dimension, bucket, sum(n_lists)
            FROM reports.product_exposure JOIN bucketed USING (product_id)
            GROUP BY model, k, dimension, bucket
        ),
        sources AS (
            SELECT source, k, dimension, sum(n) AS total
            FROM counted GROUP BY source, k, dimension HAVING sum(n) > 0
        )
        SELECT sources.source, sources.k, dimension, buckets.bucket, position,
            coalesce(n, 0) AS n,
            coalesce(n, 0)::DOUBLE / total::DOUBLE AS share
        FROM sources
        JOIN buckets USING (dimension)
        LEFT JOIN counted ON counted.source = sources.source
            AND counted.k IS NOT DISTINCT FROM sources.k
            AND counted.dimension = sources.dimension AND counted.bucket = buckets.bucket
        ORDER BY sources.source, sources.k NULLS FIRST, dimension, position
        """
    )


def lorenz_curve(counts: npt.NDArray[np.integer], steps: int = LORENZ_STEPS) -> tuple[Shares, ...]:
    """Return points of the Lorenz curve of counts: their share that the lowest products hold.

    Between its points, which are points of the exact curve, it is straight; they lie so close that
    1 − twice the area below it is the Gini coefficient to within 1 / ``steps``. Lorenz, "Methods
    of measuring the concentration of wealth", 1905.

    Args:
        counts: ``(n,)`` count of each product, zeros included.
        steps: Parts into which each axis is divided.

    Returns:
        Share of products, ascending from 0 to 1, and the share of counts of so many products with
        the lowest; empty without any count.

    >>> lorenz_curve(np.array([3, 0, 1, 0]))
    (array([0.  , 0.5 , 0.75, 1.  ]), array([0.  , 0.  , 0.25, 1.  ]))
    """
    n = counts.size
    running = np.concatenate([[0], np.cumsum(np.sort(counts))])
    total = running[-1]
    if not total:
        return np.zeros(0), np.zeros(0)
    fractions = np.linspace(0.0, 1.0, steps + 1)
    along = np.rint(fractions * n).astype(np.int64)
    # Where few products hold nearly everything, even steps along the first axis would miss them.
    upward = np.searchsorted(running, fractions * float(total)).clip(max=n)
    # Up to the last product without any the curve is flat: two points draw it.
    flat = np.count_nonzero(running == 0) - 1
    place = np.unique(np.concatenate([along, upward, [flat]]))
    place = place[(place == 0) | (place >= flat)]
    return place / n, running[place] / total


def exposure_lorenz(exposure: pa.Table, item_features: pa.Table) -> pa.Table:
    """Draw the Lorenz curve of every model's lists, and of what users do and buy.

    Args:
        exposure: Rows of product_exposure, those of one model and k together.
        item_features: Columns product_id (dense, from 0), n_events and n_purchases.

    Returns:
        Rows of exposure_lorenz.
    """
    parts = [
        _curve_rows(source, k, counts)
        for source, k, counts in (
            *_of_users(item_features),
            *_of_models(exposure, item_features.num_rows),
        )
    ]
    schema = TABLES["exposure_lorenz"].arrow_schema
    return pa.concat_tables([schema.empty_table(), *parts])


def _of_users(item_features: pa.Table) -> Iterator[tuple[str, int | None, Any]]:
    yield "interactions", None, item_features["n_events"].to_numpy()
    yield "purchases", None, item_features["n_purchases"].to_numpy()


def _of_models(exposure: pa.Table, n_products: int) -> Iterator[tuple[str, int | None, Any]]:
    lists = exposure.select(["model", "k"]).group_by(["model", "k"], use_threads=False)
    for row in lists.aggregate([]).to_pylist():
        mine = (exposure["model"].to_numpy(zero_copy_only=False) == row["model"]) & (
            exposure["k"].to_numpy() == row["k"]
        )
        counts = np.zeros(n_products, np.int64)
        counts[exposure["product_id"].to_numpy()[mine]] = exposure["n_lists"].to_numpy()[mine]
        yield row["model"], row["k"], counts


def _curve_rows(source: str, k: int | None, counts: npt.NDArray[np.integer]) -> pa.Table:
    products, exposure = lorenz_curve(counts)
    return pa.table(
        {
            "source": pa.repeat(pa.scalar(source), products.size),
            "k": pa.repeat(pa.scalar(k, pa.int32()), products.size),
            "product_share": products,
            "exposure_share": exposure,
        },
        schema=TABLES["exposure_lorenz"].arrow_schema,
    )
