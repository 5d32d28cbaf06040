"""What columns of a log and of a product table are likely to mean, by their names and values."""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from recolab_assets.config import EventType
from recolab_assets.shop.profile import ColumnProfile

EVENT_WORDS: Final[dict[str, EventType]] = {
    **dict.fromkeys(("view", "views", "viewed", "pageview", "page_view", "pv", "view_item", "visit",
                     "product_view", "detail", "impression", "show", "rating", "rate", "watch",
                     "play", "listen", "read"), "view"),
    **dict.fromkeys(("click", "clicks", "clicked", "select_item", "tap", "open"), "click"),
    **dict.fromkeys(("cart", "carts", "addtocart", "add_to_cart", "add-to-cart", "add to cart",
                     "add_to_basket", "basket", "atc", "fav", "wishlist"), "add_to_cart"),
    **dict.fromkeys(("purchase", "purchased", "buy", "bought", "order", "ordered", "orders", "sale",
                     "transaction", "checkout", "kauf", "paid", "conversion"), "purchase"),
}  # fmt: skip
"""Words that logs use for the lab's four events."""

_USER = {"user", "customer", "client", "member", "household", "visitor", "shopper", "buyer",
         "account", "person", "people", "reviewer", "kunde", "kunden", "uid", "userid",
         "customerid", "visitorid", "cust", "patron", "utilisateur", "usuario", "who",
         "pseudo", "guest"}  # fmt: skip
_ITEM = {"item", "product", "article", "artikel", "sku", "stock", "stockcode", "isbn", "asin",
         "movie", "book", "track", "offer", "prod", "goods", "itemid", "productid", "pid", "iid",
         "ean", "upc", "gtin", "what", "thing", "produit", "producto"}  # fmt: skip
_SESSION = {"session", "sessionid", "basket", "invoice", "order", "transaction", "receipt", "visit",
            "bon", "rechnung", "orderid", "transactionid", "ticket", "trip"}  # fmt: skip
_EVENT = {"event", "action", "activity", "behavior", "behaviour", "interaction", "did"}
_QUANTITY = {"quantity", "qty", "units", "count", "menge", "anzahl", "pieces", "qte"}
_PRICE = {"price", "unitprice", "cost", "preis", "prix", "precio", "paid", "amount", "value",
          "sales", "revenue"}  # fmt: skip
_TOTAL = {"amount", "sales", "revenue", "total", "value"}
_TITLE = {"title", "name", "description", "label", "desc", "bezeichnung", "titel"}
_CATEGORY = {"category", "department", "genre", "genres", "class", "section", "kategorie",
             "categorie", "dept", "cat", "kind", "aisle"}  # fmt: skip
_SUBCATEGORY = {"subcategory", "subcat", "subclass", "subgroup", "aisle"}
_BRAND = {"brand", "manufacturer", "maker", "marke", "vendor"}
_NOT_AN_ID = {"feature", "features", "price", "count", "type", "category", "quantity", "score",
              "affinity", "segment", "country", "position", "name", "description", "age", "title",
              "brand"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Role:
    """A column, what it is taken for, and why."""

    role: str
    column: str
    why: str
    sure: bool = True
    """False: nothing but its place and its values speak for it."""


def words(name: str) -> set[str]:
    """The words of a column's name: camelCase, underscores and signs apart, in lower case."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    parts = [part for part in re.split(r"[\W_]+", apart.lower()) if part]
    return {*parts, "".join(parts), *(re.sub(r"\d+$", "", part) for part in parts)} - {""}


def is_id(column: ColumnProfile) -> bool:
    """Whether the values can be ids: short, several, neither fractions nor times."""
    if not column.sample or column.distinct < 2 or column.type.endswith(("]", ")")):
        return False
    if (column.numbers and not column.whole) or (column.time and column.type != "BIGINT"):
        return False
    return sum(map(len, column.sample)) / len(column.sample) <= 45


def event_names(column: ColumnProfile) -> dict[str, EventType]:
    """What the words of the column mean, for those that the lab knows."""
    return {
        value: EVENT_WORDS[value.strip().lower()]
        for value in sorted(set(column.sample))
        if value.strip().lower() in EVENT_WORDS
    }


def is_rating(column: ColumnProfile) -> bool:
    """Whether the values are stars: at most 11 different ones from 0 to 10 in halves."""
    seen = set(column.numbers)
    return bool(seen) and len(seen) <= 11 and seen <= {half / 2 for half in range(21)}


def is_flag(column: ColumnProfile) -> bool:
    """Whether the values say yes or no."""
    return bool(column.sample) and {v.lower() for v in column.sample} <= {"0", "1", "true", "false"}


def _named(columns: Iterable[ColumnProfile], names: Collection[str]) -> list[ColumnProfile]:
    """Columns whose names hold one of the words: first the word alone, then those that say id."""
    found = [column for column in columns if words(column.name) & set(names)]
    return sorted(
        found,
        key=lambda c: (
            c.name.lower() not in names,
            not words(c.name) & {"id", "code", "key"},
            len(words(c.name)),
        ),
    )


class _Choice:
    """Columns are given away one by one; each can have one role only."""

    def __init__(self, columns: Sequence[ColumnProfile]) -> None:
        self.free = list(columns)
        self.roles: list[Role] = []

    def take(self, role: str, column: ColumnProfile, why: str, *, sure: bool = True) -> None:
        self.free.remove(column)
        self.roles.append(Role(role, column.name, why, sure))

    def by_name(
        self, role: str, names: Collection[str], fits: Callable[[ColumnProfile], bool]
    ) -> None:
        for column in _named(self.free, names):
            if fits(column):
                said = ", ".join(sorted(words(column.name) & set(names)))
                self.take(role, column, f"its name says {said}")
                return


def log_roles(columns: Sequence[ColumnProfile], item: str | None = None) -> list[Role]:
    """Propose the role of each column of a log; columns without a role are left out.

    Args:
        columns: What was seen.
        item: The column whose values are the ids of a product table, where there is one.
    """
    choice = _Choice(columns)
    _take_time(choice)
    _take_event(choice)
    for column in choice.free:
        if column.name == item:
            choice.take("item", column, "its values are the ids of the product table")
            break
    choice.by_name("quantity", _QUANTITY, lambda c: bool(c.numbers))
    # A total is no price of one unit, but where nothing else is there it can be divided.
    for names in (_PRICE - _TOTAL, _PRICE):
        if all(role.role != "unit_price" for role in choice.roles):
            choice.by_name("unit_price", names, lambda c: bool(c.numbers) and not is_rating(c))
    for role, names in (("user", _USER), ("item", _ITEM)):
        if all(taken.role != role for taken in choice.roles):
            choice.by_name(
                role,
                names,
                lambda c: is_id(c) and not words(c.name) & _NOT_AN_ID and not is_flag(c),
            )
    choice.by_name("session", _SESSION, lambda c: is_id(c) and not words(c.name) & {"price"})
    _take_by_values(choice)
    choice.by_name("title", _TITLE, lambda c: not c.numbers and c.distinct > 1)
    return choice.roles


def product_roles(columns: Sequence[ColumnProfile], item: str) -> list[Role]:
    """Propose the role of each column of a product table.

    Args:
        columns: What was seen.
        item: The column of the ids.
    """
    choice = _Choice([column for column in columns if column.distinct and column.sample])
    for column in choice.free:
        if column.name == item:
            choice.take("item", column, "its values are the items of the log, each once")
            break
    for role, names in (("subcategory", _SUBCATEGORY), ("category", _CATEGORY), ("brand", _BRAND),
                        ("title", _TITLE)):  # fmt: skip
        choice.by_name(role, names, lambda c: not c.time)
    choice.by_name(
        "price", _PRICE, lambda c: bool(c.numbers) and min(c.numbers) >= 0 and not is_rating(c)
    )
    texts = [c for c in choice.free if not c.numbers and not c.time and c.distinct > 1]
    taken = {role.role for role in choice.roles}
    texts.sort(key=lambda c: c.distinct)
    if "title" not in taken and texts and texts[-1].distinct > 0.5 * texts[-1].rows:
        choice.take("title", texts.pop(), "nearly every product has its own text", sure=False)
    if "category" not in taken and texts and texts[0].distinct <= max(2, 0.2 * texts[0].rows):
        choice.take("category", texts[0], "few texts, each of many products", sure=False)
    return choice.roles


def _take_time(choice: _Choice) -> None:
    """The time: what is one by its values; of several, the one whose name says so most plainly."""
    plain = {"time", "timestamp", "datetime", "ts", "date", "at", "when", "moment", "zeit", "datum"}
    times = [column for column in choice.free if column.time]
    if not times:
        return
    times.sort(key=lambda c: (not words(c.name) & plain, c.absent, -c.distinct))
    best = times[0]
    choice.take("time", best, best.time.label if best.time else "")


def _take_event(choice: _Choice) -> None:
    """The event: a column of known words, or a yes or no of clicks, or one that says so."""
    few = [c for c in choice.free if 0 < len(set(c.sample)) <= 30 and not c.numbers]
    known = [c for c in few if len(event_names(c)) >= 0.5 * len(set(c.sample))]
    known.sort(key=lambda c: not words(c.name) & _EVENT)
    if known:
        choice.take("event_type", known[0], f"its words: {', '.join(event_names(known[0]))}")
        return
    for column in _named(choice.free, {"click", "clicked", "clicks", "isclick"}):
        if is_flag(column):
            choice.take("clicked", column, "yes or no to a click on what was shown")
            return
    for column in _named(few, _EVENT):
        choice.take("event_type", column, "its name", sure=False)
        return


def _take_by_values(choice: _Choice) -> None:
    """User and item among columns whose names do not say it plainly; a person must look."""
    for role, names in (("user", _USER), ("item", _ITEM)):
        if any(taken.role == role for taken in choice.roles):
            continue
        ids = [c for c in choice.free if is_id(c) and not is_flag(c) and not is_rating(c)]
        halves = [c for c in ids if words(c.name) & names]
        if halves:
            best = max(halves, key=lambda c: c.distinct)
            choice.take(role, best, f"its name says {role}, but no id of one", sure=False)
            continue
        ids = [c for c in ids if not words(c.name) & _NOT_AN_ID]
        # What has a handful of values throughout a long log is a kind of something.
        many = [c for c in ids if c.distinct > 20 or c.rows < 100]
        if many:
            choice.take(role, many[0], "the first column of ids without another role", sure=False)
