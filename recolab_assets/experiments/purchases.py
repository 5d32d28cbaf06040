"""How ready a shopper is to buy what was clicked: by price tier, and by match with the user."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recolab_assets.config import PriceTier
from recolab_assets.experiments.arrays import FloatArray, IntArray


@dataclass(frozen=True)
class PurchaseReadiness:
    """Relative chance that a click ends in a purchase; the response model sets the level.

    Attributes:
        tier_factors: (n_products,) factor of each product's price tier.
        brands: (n_products,) code of each product's brand, −1 if it has none.
        tiers: (n_products,) code of its price tier, −1 if it has none.
        favourite_brands: (n_users, 2) codes of each user's two favourites; −2 if there is none.
        favourite_tiers: (n_users,) code of the favourite tier; −2 if there is none.
        match_factor: Further factor for a product of a favourite brand or of the favourite tier.
    """

    tier_factors: FloatArray
    brands: IntArray
    tiers: IntArray
    favourite_brands: IntArray
    favourite_tiers: IntArray
    match_factor: float

    @classmethod
    def from_tables(
        cls,
        users: pa.Table,
        products: pa.Table,
        tier_factors: Mapping[PriceTier, float],
        match_factor: float,
    ) -> Self:
        """Look up what matters in the raw tables.

        Args:
            users: Table ``users``, ordered by its dense id.
            products: Table ``products``, ordered by its dense id.
            tier_factors: Factor by price tier; 1 for a tier that is not named.
            match_factor: Factor of a match.
        """
        brands = pc.unique(products["brand"]).drop_null()
        tiers = pc.unique(products["price_tier"]).drop_null()
        factors = np.array([tier_factors.get(tier, 1.0) for tier in tiers.to_pylist()] + [1.0])
        product_tiers = _codes(products["price_tier"], tiers, -1)
        favourites = [_codes(users[name], brands, -2) for name in _FAVOURITE_BRANDS]
        return cls(
            # A product without a tier has code -1, which is the last place.
            tier_factors=factors[product_tiers],
            brands=_codes(products["brand"], brands, -1),
            tiers=product_tiers,
            favourite_brands=np.stack(favourites, axis=1),
            favourite_tiers=_codes(users["favourite_tier"], tiers, -2),
            match_factor=match_factor,
        )

    def __call__(self, users: IntArray, products: IntArray) -> FloatArray:
        """Relative chance of each shown product, (n, K); at pads it means nothing.

        Args:
            users: (n,) user ids.
            products: (n, K) product ids; −1 pads.
        """
        brands = self.brands[products]
        matches = self.tiers[products] == self.favourite_tiers[users, None]
        for favourite in self.favourite_brands[users].T:
            matches |= brands == favourite[:, None]
        factors: FloatArray = self.tier_factors[products] * np.where(matches, self.match_factor, 1)
        return factors


_FAVOURITE_BRANDS = ("favourite_brand", "second_brand")


def _codes(values: pa.ChunkedArray, names: pa.Array, missing: int) -> IntArray:
    found: IntArray = pc.fill_null(pc.index_in(values, value_set=names), missing).to_numpy()
    return found
