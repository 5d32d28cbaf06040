"""Simulated online evaluation: the A/B test's exposures and the truth."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_matrix

from recolab_assets.assets.charts import interval_chart
from recolab_assets.assets.declare import lab_asset
from recolab_assets.config import LabConfig
from recolab_assets.experiments.ab_test import ab_exposures as run_ab_test
from recolab_assets.experiments.arrays import DayArray
from recolab_assets.experiments.cascade import CascadeShoppers
from recolab_assets.experiments.purchases import PurchaseReadiness
from recolab_assets.experiments.response import (
    ClickModel,
    DemandShoppers,
    HoldoutReplay,
    SessionDepth,
    SimulatedShoppers,
)
from recolab_assets.experiments.truth import truth as expected_outcomes
from recolab_assets.models import MODELS
from recolab_assets.models.lists import RecommendationLists
from recolab_assets.models.training import TrainingData
from recolab_assets.resources import LabResource
from recolab_assets.shop.demand import Demand, Ints, product_demand
from recolab_assets.shop.most_probable import most_probable
from recolab_assets.shop.timeline import LogCalendar
from recolab_assets.storage import StoredTable
from recolab_assets.tables import TABLES

RESPONSE_SETTINGS = (
    "data.random_seed",
    "experiment.random_seed",
    "shop",
    "source",
    "split.test_days",
    "experiment.response_model",
    "experiment.control_model",
    "experiment.examination_decay",
    "experiment.satisfaction",
    "experiment.control_ctr",
    "experiment.control_purchase_rate",
    "experiment.purchase_tier_factors",
    "experiment.purchase_match_factor",
)
"""What :meth:`Laboratory.click_model` reads."""
DEPTH_SETTINGS = (
    "experiment.control_ctr",
    "experiment.control_session_depth",
    "experiment.depth_minimum",
    "experiment.depth_ctr_factor",
)
"""What :func:`session_depth` reads."""
_FIRST_VISITS = """
    SELECT user_id, min(occurred_at)::DATE AS day FROM processed.test_interactions
    GROUP BY user_id ORDER BY user_id
"""


@dataclass(frozen=True)
class Laboratory:
    """What every experiment works with: visitors, the models' lists, and how shoppers answer."""

    config: LabConfig
    recommendations: StoredTable
    test_interactions: StoredTable
    users: StoredTable
    products: pa.Table

    @cached_property
    def visitors(self) -> Ints:
        """Users with an event in the test window, ascending: the population of experiments."""
        return self._first_visits["user_id"].to_numpy().copy()

    @cached_property
    def first_days(self) -> DayArray:
        """Day of each visitor's first event in the test window: when the test meets the visitor."""
        return self._first_visits["day"].to_numpy().copy()

    @cached_property
    def _first_visits(self) -> pa.Table:
        return self.test_interactions.query(_FIRST_VISITS)

    def lists(self, models: Sequence[str], k: int) -> dict[str, np.ndarray]:
        """Lists of the visitors, (n, k) product ids for each model; −1 pads."""
        columns, found = ["user_id", "rank", "product_id"], {}
        for model in models:
            rows = self.recommendations.select(columns, "model = ? AND rank <= ?", (model, k))
            found[model] = RecommendationLists.from_table(rows, k, self.visitors).products
        return found

    @cached_property
    def demand(self) -> Demand:
        """The truth of the synthetic shop."""
        return product_demand(self.users.select(), self.products, self.config.shop)

    @cached_property
    def months(self) -> dict[int, float]:
        """Share of the test window in each month of the log."""
        calendar = LogCalendar.of(self.config.shop)
        end = calendar.months[-1]
        return calendar.month_shares(end - self.config.split.test_days, end)

    def probability(self, users: Ints, products: Ints) -> np.ndarray:
        """p(i | u, t) of listed products, averaged over the test window."""
        months = self.months.items()
        return np.sum(
            [share * self.demand.probability_of(users, products, month) for month, share in months],
            axis=0,
        )

    def oracle_lists(self, k: int, seen: csr_matrix | None) -> np.ndarray:
        """Lists of the visitors by the truth, (n, k), without what they have ``seen``."""
        return most_probable(self.demand, self.visitors, self.months, k, seen)

    def click_model(self) -> ClickModel:
        """Simulated shoppers calibrated on the control, or the hold-out played back."""
        experiment = self.config.experiment
        if experiment.response_model == "replay":
            events = self.test_interactions.select(
                ["user_id", "item_id", "event_type"], "item_type = 'product'"
            )
            bought = pc.equal(events["event_type"], "purchase")
            return HoldoutReplay.from_events(
                events["user_id"].to_numpy(),
                events["item_id"].to_numpy(),
                bought.to_numpy(),
            )
        control = experiment.control_model
        calibrate, clicking = (
            (
                CascadeShoppers.calibrate,
                {
                    "continuation": experiment.examination_decay,
                    "satisfaction": experiment.satisfaction,
                },
            )
            if experiment.response_model == "cascade"
            else (SimulatedShoppers.calibrate, {"examination_decay": experiment.examination_decay})
        )
        return calibrate(
            self.probability,
            self.visitors,
            self.lists([control], self.config.model.top_k)[control],
            control_ctr=experiment.control_ctr,
            control_purchase_rate=experiment.control_purchase_rate,
            purchase_factor=PurchaseReadiness.from_tables(
                self.users.select(),
                self.products,
                experiment.purchase_tier_factors,
                experiment.purchase_match_factor,
            ),
            **clicking,
        )


def session_depth(config: LabConfig) -> SessionDepth:
    """Session depth, calibrated so that the control has the depth that is asked for."""
    experiment = config.experiment
    return SessionDepth.calibrate(
        control_depth=experiment.control_session_depth,
        control_ctr=experiment.control_ctr,
        minimum=experiment.depth_minimum,
        ctr_factor=experiment.depth_ctr_factor,
    )


@lab_asset(settings=(*RESPONSE_SETTINGS, "experiment.salt"), kinds=("numpy",))
def ab_exposures(
    context: dg.AssetExecutionContext,
    lab: LabResource,
    recommendations: StoredTable,
    test_interactions: StoredTable,
    users: StoredTable,
    products: pa.Table,
) -> dg.MaterializeResult[pa.Table]:
    config = lab.settings
    laboratory = Laboratory(config, recommendations, test_interactions, users, products)
    click_model = laboratory.click_model()
    calibration = (
        {
            "demand_draws": click_model.demand_draws,
            "purchase_given_click": click_model.purchase_share,
        }
        if isinstance(click_model, DemandShoppers)
        else {}
    )
    exposures = run_ab_test(
        laboratory.visitors,
        laboratory.first_days,
        laboratory.lists(list(MODELS), config.model.top_k),
        click_model,
        salt=config.experiment.salt,
        seed=config.experiment_seed,
    )
    return lab.result(context, exposures, {"visitors": len(laboratory.visitors), **calibration})


@lab_asset(settings=(*RESPONSE_SETTINGS, *DEPTH_SETTINGS, "model.exclude_seen"), kinds=("numba",))
def truth(
    context: dg.AssetExecutionContext,
    lab: LabResource,
    recommendations: StoredTable,
    test_interactions: StoredTable,
    users: StoredTable,
    products: pa.Table,
    train_pairs: pa.Table,
) -> dg.MaterializeResult[pa.Table]:
    config = lab.settings
    if config.source is not None:
        # A log does not say what its users would have done with another list.
        return lab.result(context, TABLES["truth"].arrow_schema.empty_table())
    laboratory = Laboratory(config, recommendations, test_interactions, users, products)
    seen = (
        TrainingData.from_tables(
            train_pairs, products, np.zeros(products.num_rows), users.count()
        ).pairs
        if config.model.exclude_seen
        else None
    )

    visitors, k = laboratory.visitors, config.model.top_k
    table = expected_outcomes(
        visitors,
        laboratory.lists(list(MODELS), k),
        laboratory.oracle_lists(k, seen),
        laboratory.click_model(),
        session_depth(config),
    )
    ctr = [(r["model"], r["value"], None, None) for r in table.to_pylist() if r["metric"] == "ctr"]
    return lab.result(context, table, {"chart": interval_chart("Expected click rate", ctr)})


ASSETS = (
    ab_exposures,
    truth,
)
