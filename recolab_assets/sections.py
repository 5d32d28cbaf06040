"""What all sections of the configuration are made of: value types, and the base class."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from recolab_assets.shop.address import require_no_password

Share = Annotated[float, Field(ge=0, le=1)]
PositiveShare = Annotated[float, Field(gt=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0)]


def _some_weight(weights: list[float]) -> list[float]:
    if not any(weights):
        raise ValueError("at least one of the weights must be above 0")
    return weights


Weights = Annotated[list[NonNegative], AfterValidator(_some_weight)]
SourceName = Annotated[str, AfterValidator(require_no_password)]
Expressions = Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]

ModelName = Literal["popularity", "als", "item_cf", "content_based", "hybrid"]
PriceTier = Literal["budget", "mid", "premium", "luxury"]
EventType = Literal["view", "click", "add_to_cart", "purchase"]
PRODUCT_EVENTS: tuple[EventType, ...] = ("view", "click", "add_to_cart", "purchase")
EditorialEvent = Literal["click", "read"]
EDITORIAL_EVENTS: tuple[EditorialEvent, ...] = ("click", "read")
ItemType = Literal["product", "editorial"]


class Section(BaseModel):
    """Base of every section: unknown keys and silent conversions are refused, values are fixed."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,  # a value may hold a password that has no place there
    )
