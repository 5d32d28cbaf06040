"""The section ``shop`` of the configuration: mechanisms of the synthetic shop."""

from datetime import date
from typing import Annotated, Self

from pydantic import Field, model_validator

from recolab_assets.sections import (
    PRODUCT_EVENTS,
    Count,
    EventType,
    NonNegative,
    Positive,
    PositiveShare,
    Section,
    Share,
    Weights,
)


class AffinityConfig(Section):
    """Users shop in a primary category and, inside it, a preferred subcategory."""

    enabled: bool = True
    """Off: every user draws from the whole catalogue."""
    primary_share: Share = 0.70
    """Share of a user's product interactions that fall in the primary category."""
    preferred_share: Share = 0.60
    """Share of those that fall in the preferred subcategory."""
    whole_share: Share = 0.0
    """Share of draws that know no category and are from the whole catalogue; the shares above are
    those of the other draws."""


class LifecycleConfig(Section):
    """Every product has a peak month and fades exponentially on both sides of it."""

    enabled: bool = True
    """Off: a product's weight does not change with time."""
    decay_low: NonNegative = 0.02
    """Slowest decay of a product, per month away from its peak."""
    decay_high: NonNegative = 0.15
    """Fastest decay of a product, per month away from its peak."""
    launched_share: Share = 0.10
    """Share of products launched while the log runs; they have weight zero before."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.decay_low > self.decay_high:
            raise ValueError(
                f"decay_low {self.decay_low} must not be above decay_high {self.decay_high}"
            )
        return self


class SeasonalityConfig(Section):
    """Every category has a seasonal curve (toys in November, garden in spring)."""

    enabled: bool = True
    """Off: all months alike."""
    traffic: Weights | None = None
    """Visits a day in each month of the log, relative, times the seasonal curves; null: level."""


class TasteConfig(Section):
    """A user favours two brands and a price tier inside the chosen category."""

    enabled: bool = True
    """Off: attributes other than category and subcategory carry no meaning."""
    brand_share: Share = 0.58
    """Share of draws restricted to one of the user's two favourite brands."""
    tier_share: Share = 0.10
    """Share of draws restricted to the user's favourite price tier."""

    @model_validator(mode="after")
    def _shares(self) -> Self:
        if self.brand_share + self.tier_share > 1:
            raise ValueError("brand_share + tier_share must not exceed 1")
        return self


class SessionSizeConfig(Section):
    """Sessions of a size of their own, so that who does more comes more often."""

    median: Positive
    """Median number of walks down the funnel in a session."""
    sigma: NonNegative = 1.0
    """Standard deviation of the logarithm of that number."""


class ActivityConfig(Section):
    """How unevenly interactions spread over users, and how they fall into sessions."""

    sigma: NonNegative = 0.8
    """Standard deviation of the logarithm of a user's activity."""
    new_user_share: Share = 0.15
    """Share of users who sign up while the log runs; the others were there before."""
    session_exponent: Positive = 1.5
    """Exponent of the Zipf law of session slots."""
    max_sessions: Count = 40
    """Session slots a user can have: where the Zipf law is truncated."""
    session_size: SessionSizeConfig | None = None
    """In place of the Zipf law; what does not fit into max_sessions falls into the last."""
    event_gap_seconds: Positive = 45.0
    """Mean time between two events of one session."""
    weekday_weights: Annotated[Weights, Field(min_length=7, max_length=7)] = [
        *(1.0, 0.95, 0.95, 1.0, 1.05, 1.2, 1.25)
    ]
    """Visits on each day of the week, relative, Monday to Sunday."""
    hour_weights: Annotated[Weights, Field(min_length=24, max_length=24)] = [
        *(2.0, 1.0, 1.0, 1.0, 1.0, 2.0, 3.0, 5.0, 6.0, 7.0, 8.0, 9.0),
        *(10.0, 9.0, 8.0, 8.0, 8.0, 9.0, 11.0, 13.0, 14.0, 12.0, 8.0, 4.0),
    ]
    """Visits in each hour of the day, relative, from midnight."""


class CategoryConfig(Section):
    """A category of a taxonomy of one's own."""

    name: Annotated[str, Field(min_length=1)]
    share: Positive = 1.0
    """Products in it, and users whose primary category it is; relative."""
    subcategories: Annotated[dict[str, Positive], Field(min_length=1)]
    """Products in each, and users of the category who prefer it; relative."""
    price_level: Positive = 30.0
    """Median price of a mid-tier product."""
    season: Annotated[Weights, Field(min_length=12, max_length=12)] | None = None
    """Weight of each calendar month, relative; null: level."""


class RankPiece(Section):
    """A piece of the popularity law with an exponent of its own."""

    beyond: Annotated[float, Field(gt=0, lt=1)]
    """Share of the ranks after which it begins."""
    exponent: NonNegative
    """Popularity goes on falling with rank to the minus this."""


class ShopConfig(Section):
    """Mechanisms of the synthetic shop."""

    start: date = date(2024, 1, 1)
    """First day of the log; must be the first of a month."""
    months: Annotated[int, Field(ge=3, le=120)] = 12
    """Length of the log in calendar months."""
    end: date | None = None
    """Last day of the log, in the last of these months; null: the last of that month."""
    n_categories: Annotated[int, Field(ge=1, le=20)] = 20
    """Categories of the built-in taxonomy."""
    n_subcategories: Count = 5
    """Subcategories of each of them."""
    taxonomy: Annotated[list[CategoryConfig], Field(min_length=1)] | None = None
    """Categories in place of the built-in ones."""
    n_brands: Count = 30
    """Brands; a brand sells in every category."""
    product_share: PositiveShare = 0.80
    """Share of interactions that are with products; the rest are with editorial content."""
    product_exponent: Positive = 1.2
    """Popularity of products follows rank to the minus this."""
    product_tail: list[RankPiece] = []
    """Where the law bends: a flat head and a steep body are two pieces."""
    editorial_exponent: Positive = 1.1
    """Popularity of editorial content follows rank to the minus this."""
    repeat_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of walks that take up a product of one of the user's earlier sessions, where there is
    one. The truth is that of products new to the user."""
    funnel: Annotated[list[EventType], Field(min_length=1)] = list(PRODUCT_EVENTS)
    """Product events that the log records, in order; a walk begins at the first of them and passes
    through those left out unseen."""
    click_given_view: Share = 0.30
    """Share of product views that are followed by a click."""
    cart_given_click: Share = 0.30
    """Share of product clicks that are followed by an add_to_cart."""
    purchase_given_cart: Share = 0.35
    """Share of carts that are followed by a purchase."""
    read_given_click: Share = 0.60
    """Share of editorial clicks that are followed by a read."""
    affinity: AffinityConfig = AffinityConfig()
    lifecycle: LifecycleConfig = LifecycleConfig()
    seasonality: SeasonalityConfig = SeasonalityConfig()
    taste: TasteConfig = TasteConfig()
    activity: ActivityConfig = ActivityConfig()

    @model_validator(mode="after")
    def _starts_a_month(self) -> Self:
        if self.start.day != 1:
            raise ValueError(f"start {self.start} must be the first day of a month")
        return self

    @model_validator(mode="after")
    def _ends_in_its_last_month(self) -> Self:
        last = divmod(self.start.year * 12 + self.start.month - 1 + self.months - 1, 12)
        if self.end is not None and (self.end.year, self.end.month - 1) != last:
            raise ValueError(
                f"end {self.end} must lie in the last of the {self.months} months from"
                f" {self.start}, {last[0]}-{last[1] + 1:02d}"
            )
        traffic = self.seasonality.traffic
        if traffic is not None and len(traffic) != self.months:
            raise ValueError(
                f"seasonality.traffic has {len(traffic)} values; allowed: one for each of the"
                f" {self.months} months"
            )
        return self

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        places = [PRODUCT_EVENTS.index(event) for event in self.funnel]
        if places != sorted(set(places)):
            raise ValueError(
                f"funnel {self.funnel} must be distinct events in the order of"
                f" {list(PRODUCT_EVENTS)}"
            )
        edges = [piece.beyond for piece in self.product_tail]
        if edges != sorted(set(edges)):
            raise ValueError(f"product_tail: beyond {edges} must rise from piece to piece")
        names = [category.name for category in self.taxonomy or []]
        if len(names) != len(set(names)):
            raise ValueError(f"taxonomy: the names {names} must be distinct")
        return self

    @property
    def n_leaves(self) -> int:
        """Subcategories of all categories together."""
        if self.taxonomy is None:
            return self.n_categories * self.n_subcategories
        return sum(len(category.subcategories) for category in self.taxonomy)
