"""The shop of a table of orders, and what its log says."""

from pathlib import Path
from typing import Any

from recolab_assets.config import ROOT, SourceConfig
from recolab_assets.shop.ingest import LogShop


def shop_of(folder: Path, *files: str, **changes: Any) -> LogShop:
    """The shop of tables with the columns of the orders."""
    columns = {
        "user": "who", "item": "what", "time": "moment", "quantity": "n", "unit_price": "paid",
    }  # fmt: skip
    values = {"directory": str(folder), "files": list(files), "columns": columns, **changes}
    return LogShop(SourceConfig.model_validate(values), ROOT)


def events(shop: LogShop) -> list[tuple[Any, ...]]:
    """User, item, time, quantity and price of each event."""
    users, products = shop.users(), shop.products()
    who, what = users["source_id"].to_pylist(), products["source_id"].to_pylist()
    return [
        (who[e["user_id"]], what[e["item_id"]], e["occurred_at"], e["quantity"], e["unit_price"])
        for e in shop.interactions(users, products, shop.editorial()).read_all().to_pylist()
    ]
