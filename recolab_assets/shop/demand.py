"""What users want when: the closed form p(item | user, month) and draws from it.

A draw picks a *segment* of the catalogue (the user's preferred subcategory, the rest of the primary
category, or all other categories) with fixed probabilities, and inside it a *component*: all items,
those of a favourite brand, or those of the favourite price tier. Inside segment and component an
item is drawn in proportion to its weight of that month (popularity × lifecycle × season). With
shares π_z of segments, θ_c of components and G(z, c, u) the items of both,

    p(i | u, t) = Σ_z π_z Σ_c θ_c · 1[i ∈ G(z, c, u)] · w_i(t) / Σ_{j ∈ G(z, c, u)} w_j(t).

A component with no weight in the segment passes its share to all items of the segment; a segment
with no weight at all passes its share to the whole catalogue.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recolab_assets.config import AffinityConfig, ShopConfig
from recolab_assets.shop.demand_kernels import ALL, OTHER, PRIMARY, fill_listed
from recolab_assets.shop.taxonomy import seasonal_weights, taxonomy_of
from recolab_assets.shop.timeline import LogCalendar

Ints = npt.NDArray[np.integer]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Attributes:
    """Integer codes of what demand depends on, one entry an item or a user each."""

    category: Ints
    subcategory: Ints
    """Codes distinct across the whole taxonomy."""
    favourites: tuple[Ints, ...] = ()
    """Items: code in each layout (brand, tier). Users: code in each component's layout."""


@dataclass(frozen=True, slots=True)
class Component:
    """A share of draws restricted to the items that share one attribute with the user."""

    share: float
    layout: int
    """Which of the items' favourites codes it looks at."""
    user_codes: Ints
    """(n_users,) code that the items must have."""


@dataclass(frozen=True, slots=True)
class _Ranges:
    """Runs of positions of a layout, each without a hole inside it; all (n,)."""

    low: Ints
    high: Ints
    hole_low: Ints
    hole_high: Ints


class _Layout:
    """Items sorted by (restriction, category, subcategory), with running sums of weights.

    In this order every segment is one run of items, or one run without another inside it, so that
    its mass is a difference of running sums and a draw from it is one binary search.
    """

    def __init__(self, restriction: Ints, items: Attributes, weights: Floats) -> None:
        # Subcategory codes are distinct across categories, so sorting by them refines categories.
        self.order = np.lexsort((items.subcategory, items.category, restriction))
        # One code is left free for what a user may favour and no item has.
        self._width = int(items.subcategory.max()) + 2
        self._n_categories = int(items.category.max()) + 2
        leaf = restriction * self._width + items.subcategory
        branch = restriction * self._n_categories + items.category
        n_restrictions = int(restriction.max()) + 2
        self._leaf = _Spans(leaf[self.order], n_restrictions * self._width)
        self._branch = _Spans(branch[self.order], n_restrictions * self._n_categories)
        self._restriction = _Spans(restriction[self.order], n_restrictions)
        self.cumulative = np.zeros((len(weights), weights.shape[1] + 1))
        np.cumsum(weights[:, self.order], axis=1, out=self.cumulative[:, 1:])

    def ranges(self, segment: int, restriction: Ints, category: Ints, subcategory: Ints) -> _Ranges:
        """Return the run of a segment for each (restriction, category, subcategory)."""
        branch = self._branch.of(restriction * self._n_categories + category)
        if segment == ALL:
            whole = self._restriction.of(restriction)
            return _Ranges(*whole, whole[0], whole[0])
        if segment == OTHER:
            return _Ranges(*self._restriction.of(restriction), *branch)
        leaf = self._leaf.of(restriction * self._width + subcategory)
        if segment == PRIMARY:
            return _Ranges(*branch, *leaf)
        return _Ranges(*leaf, leaf[0], leaf[0])

    def mass(self, month: Ints | int, ranges: _Ranges) -> Floats:
        """Return the weight of each run in a month."""
        sums = self.cumulative
        inside = sums[month, ranges.high] - sums[month, ranges.low]
        hole = sums[month, ranges.hole_high] - sums[month, ranges.hole_low]
        # What a subtraction of nearly equal sums leaves is rounding, not weight.
        mass: Floats = inside - hole
        return np.where(mass > 1e-12 * sums[month, -1], mass, 0.0)

    def draw(self, month: int, ranges: _Ranges, uniforms: Floats) -> Ints:
        """Draw one item from each run of positive mass, by inversion of the running sum."""
        sums = self.cumulative[month]
        target = sums[ranges.low] + uniforms * self.mass(month, ranges)
        # A run is what lies before its hole and what lies behind it; a run without one is "behind".
        behind = (target >= sums[ranges.hole_low]) & (ranges.hole_high < ranges.high)
        hole = sums[ranges.hole_high] - sums[ranges.hole_low]
        # Rounding must not push a target over an edge, onto an item that is not in the run.
        first = sums[np.where(behind, ranges.hole_high, ranges.low)]
        end = sums[np.where(behind, ranges.high, ranges.hole_low)]
        target = np.clip(target + np.where(behind, hole, 0.0), first, np.nextafter(end, -np.inf))
        drawn: Ints = self.order[np.searchsorted(sums, target, side="right") - 1]
        return drawn


def _ratio(share: float | Floats, mass: Floats) -> Floats:
    """Divide, with 0 where there is no mass."""
    return np.divide(share, mass, out=np.zeros(len(mass)), where=mass > 0)


class _Spans:
    """Where each code starts and ends in an ascending array of codes, by looking it up.

    No item has the last code, which stands for all that is beyond.
    """

    def __init__(self, sorted_codes: Ints, n_codes: int) -> None:
        self._starts = np.searchsorted(sorted_codes, np.arange(n_codes + 1)).astype(np.int32)

    def of(self, codes: Ints) -> tuple[Ints, Ints]:
        """Return the start and the end of each code's run; empty where there is none."""
        known = np.minimum(codes, self._starts.size - 2)
        return self._starts[known], self._starts[known + 1]


class Demand:
    """The closed form p(item | user, month) of one kind of item.

    Args:
        items: Codes of the items.
        users: Codes of the users (``favourites`` unused).
        weights: Weight of every item in every month, (n_months, n_items), non-negative; every month
            has some weight.
        affinity: Shares of the segments.
        components: Restrictions by attribute; their shares sum to at most 1.
    """

    def __init__(
        self,
        items: Attributes,
        users: Attributes,
        weights: Floats,
        affinity: AffinityConfig,
        components: tuple[Component, ...] = (),
    ) -> None:
        self.items = items
        self.users = users
        self.weights = weights
        primary, preferred = affinity.primary_share, affinity.preferred_share
        known, whole = 1 - affinity.whole_share, affinity.whole_share
        self._segment_shares = (
            np.array(
                [
                    known * primary * preferred,
                    known * primary * (1 - preferred),
                    known * (1 - primary),
                    whole,
                ]
            )
            if affinity.enabled
            else np.array([0.0, 0.0, 0.0, 1.0])
        )
        everything = Component(
            1 - sum(component.share for component in components),
            layout=-1,
            user_codes=np.zeros(len(users.category), dtype=np.int64),
        )
        self._components = (everything, *components)
        self._layouts = {
            layout: _Layout(self._item_codes(layout), items, weights)
            for layout in {component.layout for component in self._components}
        }

    @cached_property
    def item_codes(self) -> Ints:
        """(C, n_items) code of every item in the layout of each component."""
        return np.stack([self._item_codes(component.layout) for component in self._components])

    def user_codes(self, users: Ints) -> Ints:
        """(C, n) code that each component asks of an item, for some users."""
        return np.stack([component.user_codes[users] for component in self._components])

    def _item_codes(self, layout: int) -> Ints:
        """Codes of the items in a layout; the layout −1 has one code for all."""
        if layout < 0:
            return np.zeros(len(self.items.category), dtype=np.int64)
        return self.items.favourites[layout]

    @property
    def n_items(self) -> int:
        """Number of items."""
        return self.weights.shape[1]

    def _runs(self, component: Component, segment: int, users: Ints) -> _Ranges:
        return self._layouts[component.layout].ranges(
            segment,
            component.user_codes[users],
            self.users.category[users],
            self.users.subcategory[users],
        )

    def coefficients(self, users: Ints, month: int) -> Floats:
        """Return what weights are multiplied by, to be summed over what item and user share.

        Args:
            users: User ids, (n,).
            month: Index of the month in the log.

        Returns:
            (n, 4 segments, C components).
        """
        coefficients = np.zeros((len(users), 4, len(self._components)))
        passed_on = np.zeros(len(users))
        for segment in np.flatnonzero(self._segment_shares).tolist():
            share = self._segment_shares[segment]
            masses = [
                self._mass(component, segment, users, month) for component in self._components
            ]
            present = masses[0] > 0
            passed_on += np.where(present, 0.0, share)
            plain = np.full(len(users), self._components[0].share)
            for number, component in enumerate(self._components[1:], start=1):
                held = masses[number] > 0
                plain += np.where(held, 0.0, component.share)
                coefficients[:, segment, number] = _ratio(share * component.share, masses[number])
            coefficients[:, segment, 0] = _ratio(share * plain, masses[0])
        everything = self._mass(self._components[0], ALL, users, month)
        coefficients[:, ALL, 0] += passed_on / everything
        return coefficients

    def _mass(self, component: Component, segment: int, users: Ints, month: int) -> Floats:
        runs = self._runs(component, segment, users)
        return self._layouts[component.layout].mass(month, runs)

    def probability_of(self, users: Ints, items: Ints, month: int) -> Floats:
        """Return p(item | user, month) of listed items.

        Args:
            users: User ids, (n,).
            items: Item ids, (n, k); −1 marks an empty place.
            month: Index of the month in the log.

        Returns:
            Probabilities, (n, k); 0 at empty places.
        """
        probabilities = np.zeros(items.shape)
        fill_listed(
            items,
            self.coefficients(users, month),
            (self.items.category, self.items.subcategory),
            (self.users.category[users], self.users.subcategory[users]),
            self.item_codes,
            self.user_codes(users),
            self.weights[month],
            probabilities,
        )
        return probabilities

    def draw(self, users: Ints, months: Ints, rng: np.random.Generator) -> Ints:
        """Draw one item for each (user, month).

        Args:
            users: User ids, (n,).
            months: Index of the month of each draw, (n,).
            rng: Source of the draws.

        Returns:
            Item ids, (n,) int32.
        """
        n = len(users)
        segment = np.searchsorted(np.cumsum(self._segment_shares)[:-1], rng.random(n), side="right")
        shares = np.array([component.share for component in self._components])
        chosen = np.searchsorted(np.cumsum(shares)[:-1], rng.random(n), side="right")
        uniforms = rng.random(n)
        drawn = np.empty(n, dtype=np.int32)
        for month in np.unique(months):
            now = np.flatnonzero(months == month)
            for part in range(4):
                here = now[segment[now] == part]
                if len(here):
                    self._draw_segment(part, here, users, int(month), chosen, uniforms, drawn)
        return drawn

    def _draw_segment(
        self,
        segment: int,
        rows: Ints,
        users: Ints,
        month: int,
        chosen: Ints,
        uniforms: Floats,
        drawn: npt.NDArray[np.int32],
    ) -> None:
        """Fill the rows of one segment and month, passing on the shares of what is empty."""
        waiting = np.zeros(len(rows), dtype=bool)
        for number, component in enumerate(self._components[1:], start=1):
            mine = np.flatnonzero(chosen[rows] == number)
            held = self._mass(component, segment, users[rows[mine]], month) > 0
            waiting[mine[~held]] = True
            served = rows[mine[held]]
            runs = self._runs(component, segment, users[served])
            drawn[served] = self._layouts[component.layout].draw(month, runs, uniforms[served])
        # An empty segment passes on all its draws, those of its restricted components too.
        rest = rows[waiting | (chosen[rows] == 0)]
        everything = self._components[0]
        held = self._mass(everything, segment, users[rest], month) > 0
        for part, served in ((segment, rest[held]), (ALL, rest[~held])):
            runs = self._runs(everything, part, users[served])
            drawn[served] = self._layouts[-1].draw(month, runs, uniforms[served])


def item_weights(table: pa.Table, appears: str, categories: list[str], shop: ShopConfig) -> Floats:
    """Return the weight of every item in every month, (n_months, n_items).

    popularity × lifecycle × season, and 0 before the month in which the item appears. A table
    without lifecycle columns (editorial) has popularity × season.

    Args:
        table: ``raw.products`` or ``raw.editorial``.
        appears: Name of the column with the time of appearance.
        categories: Names that the season is looked up by.
        shop: Mechanisms, each of which may be off.
    """
    calendar = LogCalendar.of(shop)
    months = np.arange(calendar.n_months)[:, None]
    weights = np.tile(_floats(table, "base_popularity"), (calendar.n_months, 1))
    if shop.lifecycle.enabled:
        if "peak_month" in table.column_names:
            distance = np.abs(months - _floats(table, "peak_month"))
            weights *= np.exp(-_floats(table, "decay_per_month") * distance)
        appeared = calendar.seconds(table[appears].to_numpy())
        weights[calendar.month_starts[:, None] < appeared] = 0.0
    if shop.seasonality.enabled:
        curves = seasonal_weights(
            categories, taxonomy_of(shop), calendar.first_month, calendar.n_months
        )
        weights *= curves[_codes(table["category"], categories)].T
    return weights


def product_demand(users: pa.Table, products: pa.Table, shop: ShopConfig) -> Demand:
    """Return the demand for products of a synthetic shop, from its raw tables."""
    categories = _names(products, "category")
    leaves = _names(products, "category", "subcategory")
    brands, tiers = _names(products, "brand"), _names(products, "price_tier")
    items = Attributes(
        category=_codes(products["category"], categories),
        subcategory=_codes(_joined(products, "category", "subcategory"), leaves),
        favourites=(_codes(products["brand"], brands), _codes(products["price_tier"], tiers)),
    )
    population = Attributes(
        category=_codes(users["primary_category"], categories),
        subcategory=_codes(_joined(users, "primary_category", "preferred_subcategory"), leaves),
    )
    taste = shop.taste
    components = (
        Component(taste.brand_share / 2, 0, _codes(users["favourite_brand"], brands)),
        Component(taste.brand_share / 2, 0, _codes(users["second_brand"], brands)),
        Component(taste.tier_share, 1, _codes(users["favourite_tier"], tiers)),
    )
    return Demand(
        items,
        population,
        item_weights(products, "launched_at", categories, shop),
        shop.affinity,
        components if taste.enabled else (),
    )


def editorial_demand(users: pa.Table, editorial: pa.Table, shop: ShopConfig) -> Demand:
    """Return the demand for editorial content: the categories that users shop in, no finer."""
    categories = _names(editorial, "category")
    category = _codes(editorial["category"], categories)
    # Content has no subcategory: the category stands in for it and takes the whole primary share.
    interest = _codes(users["primary_category"], categories)
    return Demand(
        Attributes(category, category),
        Attributes(interest, interest),
        item_weights(editorial, "published_at", categories, shop),
        shop.affinity.model_copy(update={"preferred_share": 1.0}),
    )


def _floats(table: pa.Table, column: str) -> Floats:
    values: Floats = table[column].to_numpy().astype(np.float64)
    return values


def _joined(table: pa.Table, first: str, second: str) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(table[first], table[second], "/")


def _names(table: pa.Table, *columns: str) -> list[str]:
    """Distinct values of one column, or of two joined, sorted."""
    values = table[columns[0]] if len(columns) == 1 else _joined(table, *columns)
    return sorted(pc.unique(values).to_pylist())


def _codes(values: pa.ChunkedArray, names: list[str]) -> Ints:
    """Position of every value among the names, int64; one past the end if it is none of them."""
    found = pc.fill_null(pc.index_in(values, value_set=pa.array(names)), len(names))
    codes: Ints = found.to_numpy().astype(np.int64)
    return codes
