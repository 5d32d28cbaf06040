"""Rows of a tiny shop and of models fitted on it, as the explorer reads them.

Users 0 to 4; user 3 has no history, user 4 no event at all. Product 5 has no title. Lists are those
of the real models, fitted here.
"""

from datetime import datetime, timedelta
from functools import cache

import numpy as np
import pyarrow as pa

from recolab_assets.config import LabConfig
from recolab_assets.models import fit_models
from recolab_assets.models.training import TrainingData
from recolab_assets.tables import TABLES

N_USERS, N_PRODUCTS, TOP_K = 5, 8, 6
CUT = datetime(2024, 12, 4)
TRAINED = {0: (0, 1, 2), 1: (0, 2, 3), 2: (1, 2, 4)}
HELD_OUT = {0: ((3, "purchase"), (3, "view"), (4, "click")), 3: ((0, "view"),)}


def _event(number, user, item, event_type, at, item_type="product"):
    return {
        "interaction_id": number,
        "user_id": user,
        "item_id": item,
        "item_type": item_type,
        "event_type": event_type,
        "session_id": number,
        "occurred_at": at,
        "quantity": 2 if event_type == "purchase" else None,
        "unit_price": 5.5 if event_type == "purchase" else None,
    }


def _events():
    """Training events, a day apart from November on, and those of the hold-out."""
    train, test = [], []
    for user, products in TRAINED.items():
        for product in products:
            at = datetime(2024, 11, 1) + timedelta(days=len(train))
            train.append(_event(len(train), user, product, "view", at))
    train.append(_event(len(train), 0, 0, "read", datetime(2024, 11, 20), "editorial"))
    for user, events in HELD_OUT.items():
        for product, event_type in events:
            at = CUT + timedelta(days=1, hours=len(test))
            test.append(_event(len(train) + len(test), user, product, event_type, at))
    return train, test


def _products():
    return [
        {
            "product_id": product,
            "source_id": f"SKU{product}",
            "title": None if product == 5 else f"Thing {product}",
            "category": "toys" if product % 2 else "garden",
            "subcategory": None,
            "brand": f"brand_{product % 3}",
            "price_tier": None,
            "price": 10.0 + product,
            "launched_at": datetime(2024, 10, 15) if product == 1 else None,
            "base_popularity": 0.1,
            "peak_month": 1.0 if product == 1 else None,
            "decay_per_month": 0.5 if product == 1 else None,
        }
        for product in range(N_PRODUCTS)
    ]


def _user_features():
    return [
        {
            "user_id": user,
            **dict.fromkeys(
                ("n_views", "n_events", "n_products", "n_sessions"), len(TRAINED.get(user, ()))
            ),
            **dict.fromkeys(("n_clicks", "n_carts", "n_purchases", "n_editorial_reads"), 0),
            "editorial_reads_top_category": 0,
            "spend": 0.0,
            "top_category": "garden" if user in TRAINED else None,
            "top_category_share": 0.6 if user in TRAINED else None,
        }
        for user in range(N_USERS)
    ]


@cache
def shop_tables():
    """Rows of the shop, what was made of them, the fitted models and their lists."""
    train, test = _events()
    pairs = [
        {"user_id": user, "product_id": product, "weight": 1.0, "n_events": 1, "last_at": CUT}
        for user, products in TRAINED.items()
        for product in products
    ]
    products = _products()
    popularity = np.bincount([pair["product_id"] for pair in pairs], minlength=N_PRODUCTS).astype(
        float
    )
    config = LabConfig.model_validate({"model": {"als_factors": 4, "als_iterations": 5}})
    data = TrainingData.from_tables(
        pa.Table.from_pylist([{k: v for k, v in pair.items() if k != "last_at"} for pair in pairs]),
        pa.Table.from_pylist(products, TABLES["products"].arrow_schema),
        popularity,
        N_USERS,
    )
    models = fit_models(data, config.model, 1)
    users = np.arange(N_USERS, dtype=np.int32)
    return {
        "users": [
            # The shop's own ids are those of other users of the lab.
            {
                "user_id": user,
                "source_id": str(N_USERS - user),
                "signed_up_at": datetime(2024, 1, 2),
            }
            for user in range(N_USERS)
        ],
        "products": products,
        "editorial": [
            {
                "content_id": 0,
                "title": "On gardens",
                "content_type": "article",
                "category": "garden",
                "topic_tags": ["seasonal"],
                "published_at": datetime(2024, 1, 1),
                "base_popularity": 1.0,
            }
        ],
        "interactions": train + test,
        "train_interactions": train,
        "test_interactions": test,
        "train_pairs": pairs,
        "user_features": _user_features(),
        "item_features": [
            {
                "product_id": product,
                **dict.fromkeys(("n_events", "n_views", "n_users"), int(popularity[product])),
                **dict.fromkeys(("n_clicks", "n_carts", "n_purchases", "n_buyers"), 0),
                "revenue": 0.0,
                "recent_popularity": float(popularity[product]),
            }
            for product in range(N_PRODUCTS)
        ],
        **{
            name: table.to_pylist()
            for model in models.values()
            for name, table in model.to_tables().items()
        },
        "user_metrics": [
            {
                "model": name,
                "user_id": user,
                "k": TOP_K,
                "n_relevant": 1,
                **dict.fromkeys(("precision", "recall", "ndcg", "map", "mrr", "hit_rate"), 1.0),
            }
            for name in models
            for user in HELD_OUT
        ],
        "recommendations": [
            row
            for name, model in models.items()
            for row in model.recommend(users, TOP_K).to_table(name).to_pylist()
        ],
    }
