"""What can be odd about the lines of a log, each as a query of the lines concerned."""

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

import duckdb

from recolab_assets.config import PRODUCT_EVENTS, SourceConfig
from recolab_assets.shop.faults import literal

ROBOT_EVENTS: Final = 1_000
"""Events from which a user can be a robot, if they are also a hundred times the median user's."""

GAP_DAYS: Final = 7
"""Days without any event that are more than a weekend or a holiday."""

_PLACEHOLDERS = (
    "-1", "null", "none", "nan", "n/a", "na", "unknown", "undefined", "anonymous", "guest", "test",
    "-", "?",
)  # fmt: skip

# The replacement character; UTF-8 that was read as Latin-1 or Windows-1252 (Ã©, Â£, â€™).
_ENCODING = r"\x{FFFD}|[ÃÂ][\x{80}-\x{BF}\x{0152}-\x{0178}\x{2013}-\x{2122}]|â€"

_MOMENT = "strftime(occurred_at, '%Y-%m-%d %H:%M:%S')"
_ON_PRODUCT = "item_type = 'product'"
_EVENT = f"concat_ws(', ', user_key, item_key, {_MOMENT})"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something odd."""

    name: str
    lines: str
    """SQL of the lines concerned: file_number, source_row (both may be NULL) and value."""
    advice: str
    warn_from: float = 0.0
    """Share from which it is a warning; below it is said, no more."""
    of_read: bool = False
    """The share is of the lines read, not of those kept."""


def findings(
    cursor: duckdb.DuckDBPyConnection, source: SourceConfig, now: datetime
) -> list[Finding]:
    """Everything that is looked for in this log.

    Args:
        cursor: Sees ``sifted``, ``kept``, ``event_names``, ``attributes`` and ``members``;
            temporary tables are made on it.
        source: What the columns of the log are.
        now: Times after it lie in the future.
    """
    return [
        *_ids(source),
        *_times(now),
        *_repeats(cursor, source),
        *_values(source),
        *_funnel(cursor),
        *_users(),
    ]


def _where(condition: str, value: str, relation: str = "kept") -> str:
    return f"SELECT file_number, source_row, {value} AS value FROM {relation} WHERE {condition}"


def _ids(source: SourceConfig) -> list[Finding]:
    """Ids that are missing, stand for nothing, differ in case only, or are not in the table."""
    found = []
    for key, other, what in (("user_key", "item_key", "user"), ("item_key", "user_key", "item")):
        same = f"lower(trim({key}))"
        groups = f"SELECT {same} FROM kept GROUP BY 1 HAVING count(DISTINCT {key}) > 1"
        placeholders = ", ".join(map(literal, _PLACEHOLDERS))
        found += [
            Finding(
                f"no {what} (dropped)",
                _where(f"{key} IS NULL", f"coalesce({other}, '')", "sifted"),
                "dropped before training; see the steps above for the rule",
                warn_from=0.5,
                of_read=True,
            ),
            Finding(
                f"{what} id that looks like a placeholder",
                _where(f"{same} IN ({placeholders})", key),
                "leave these lines out by a rule under source.drop if the id stands for nobody",
            ),
            Finding(
                f"{what} ids that differ in case or outer blanks only",
                _where(f"{same} IN ({groups})", key),
                f"source.columns.{what}: upper(trim(…)) if they are the same {what}",
            ),
        ]
    return [*found, *_not_listed(source), *_of_editorial(source)]


def _not_listed(source: SourceConfig) -> list[Finding]:
    """Lines that the tables of users and products contradict."""
    found = []
    if source.users is not None:
        found = [
            Finding(
                "user that the table of users lacks",
                _where("user_key NOT IN (SELECT user_key FROM members)", "user_key"),
                "complete the table of users, or correct source.users.user",
                warn_from=0.05,
            ),
            Finding(
                "event before its user's sign-up",
                "SELECT file_number, kept.source_row,"
                f" concat({_EVENT}, ', signed up ', signed_up_at) AS value"
                " FROM kept JOIN members USING (user_key) WHERE occurred_at < signed_up_at",
                "one of the two times is in another zone, or is not what it is called",
                warn_from=0.01,
            ),
        ]
    if source.products is None:
        return found
    known = "SELECT item_key FROM attributes"
    return [
        *found,
        Finding(
            "item that the product table lacks",
            _where(
                f"{_ON_PRODUCT} AND item_key NOT IN ({known} WHERE item_key IS NOT NULL)",
                "item_key",
            ),
            "complete the product table, or correct source.products.item; without attributes only"
            " popularity, als and item_cf can recommend it",
            warn_from=0.05,
        ),
        Finding(
            "item without a category",
            _where(
                f"{_ON_PRODUCT} AND item_key IN ({known} WHERE category IS NULL)"
                " AND item_key IS NOT NULL",
                "item_key",
            ),
            "content_based and diversity need source.products.category",
            warn_from=0.05,
        ),
    ]


def _of_editorial(source: SourceConfig) -> list[Finding]:
    """Lines that the table of editorial content contradicts, or that lead to no product."""
    if source.editorial is None:
        return []
    found = [
        Finding(
            "editorial content that its table lacks",
            _where(
                "item_type = 'editorial' AND item_key NOT IN (SELECT item_key FROM contents)",
                "item_key",
            ),
            "complete the table of editorial content, or correct source.editorial.item",
            warn_from=0.05,
        ),
        Finding(
            "event before its content's publication",
            f"SELECT file_number, kept.source_row, concat({_EVENT}, ', published ', published_at)"
            " AS value FROM kept JOIN contents USING (item_key)"
            " WHERE item_type = 'editorial' AND occurred_at < published_at",
            "one of the two times is in another zone, or is not what it is called",
            warn_from=0.01,
        ),
    ]
    if source.products is None or source.products.category is None:
        return found
    return [
        *found,
        Finding(
            "editorial content whose category no product has",
            "SELECT file_number, kept.source_row, category AS value"
            " FROM kept JOIN contents USING (item_key) WHERE item_type = 'editorial'"
            " AND category IS NOT NULL"
            " AND category NOT IN (SELECT category FROM attributes WHERE category IS NOT NULL)",
            "what follows reading is looked for in the category read of: give both tables the same"
            " words",
        ),
    ]


def _times(now: datetime) -> list[Finding]:
    """Times that cannot be, that are the same for many, and days without any."""
    later = f"TIMESTAMP {literal(now.isoformat(' '))}"
    days = "(SELECT DISTINCT CAST(occurred_at AS DATE) AS day FROM kept)"
    gaps = f"(SELECT day, lead(day) OVER (ORDER BY day) AS next FROM {days})"
    span = "SELECT max(occurred_at) - min(occurred_at) FROM kept"
    return [
        Finding(
            "time before 1990",
            _where("occurred_at < TIMESTAMP '1990-01-01'", _MOMENT),
            "a placeholder, or seconds read as another unit: correct source.columns.time or leave"
            " the lines out",
        ),
        Finding(
            "time in the future",
            _where(f"occurred_at > {later}", _MOMENT),
            "the hold-out is the end of the log, so these lines decide it: leave them out, or"
            " correct source.columns.time (zone, order of day and month)",
        ),
        Finding(
            "the same moment for many lines",
            _where(
                "occurred_at IN (SELECT occurred_at FROM kept GROUP BY 1"
                " HAVING count(DISTINCT user_key) >= 20 AND count(*) > 0.01 *"
                " (SELECT count(*) FROM kept))",
                _MOMENT,
            ),
            "many users at one moment: a placeholder, a batch import, or days without hours",
        ),
        Finding(
            "every line at midnight",
            _where(
                "(SELECT bool_and(occurred_at = date_trunc('day', occurred_at)) FROM kept)"
                " AND (SELECT count(*) FROM kept) > 1",
                "'days without hours'",
            ),
            "events of one day have no order: sessions are days, and a funnel within a day cannot"
            " be seen",
            warn_from=2.0,
        ),
        Finding(
            f"gap of more than {GAP_DAYS} days without any event",
            "SELECT NULL::INTEGER AS file_number, NULL::BIGINT AS source_row,"
            " concat(day, ' to ', next, ': ', next - day - 1, ' days') AS value"
            f" FROM {gaps} WHERE next - day - 1 > {GAP_DAYS}",
            "missing exports, or holidays; a gap in the last weeks distorts the hold-out"
            " (n_rows counts gaps)",
        ),
        Finding(
            "weekday without any event",
            "SELECT NULL::INTEGER AS file_number, NULL::BIGINT AS source_row,"
            " dayname(DATE '2024-01-01' + n::INTEGER) AS value FROM range(7) AS week(n)"
            f" WHERE ({span}) > INTERVAL 56 DAY"
            f" AND n + 1 NOT IN (SELECT isodow(day) FROM {days})",
            "closed that day, or a missing export (n_rows counts weekdays)",
            warn_from=2.0,
        ),
    ]


def _repeats(cursor: duckdb.DuckDBPyConnection, source: SourceConfig) -> list[Finding]:
    """Lines that say the same as one before, in their own file or an earlier one."""
    same = "user_key, item_type, item_key, occurred_at, event_type, session, quantity, unit_price"
    cursor.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE repeated AS
        SELECT file_number, source_row, {_EVENT} AS value, first_file < file_number AS in_earlier
        FROM (
            SELECT *, hash({same}) AS said, min(file_number) OVER w AS first_file,
                row_number() OVER (w ORDER BY file_number, source_row) AS nth
            FROM kept WINDOW w AS (PARTITION BY hash({same}))
        ) WHERE nth > 1
        """
    )
    found = [
        Finding(
            "says the same as an earlier line of its file",
            _where("NOT in_earlier", "value", "repeated"),
            "counted as events of their own; drop them by a rule with repeats if they are faults of"
            " the export",
            warn_from=0.01,
        )
    ]
    if len(source.files) > 1:
        found.append(
            Finding(
                "says the same as a line of an earlier file",
                _where("in_earlier", "value", "repeated"),
                "exports overlap: drop them by a rule with in_earlier_file",
            )
        )
    return found


def _values(source: SourceConfig) -> list[Finding]:
    """Quantities, prices and texts that are wrong."""
    given = source.columns.model_dump(exclude_none=True)
    texts = ["user_key", "item_key", *({"title", "event_type", "session"} & given.keys())]
    texts.sort()
    wrong = " OR ".join(f"regexp_matches({key}, {literal(_ENCODING)})" for key in texts)
    shown = " ".join(
        f"WHEN regexp_matches({key}, {literal(_ENCODING)}) THEN {key}" for key in texts
    )
    return [
        Finding(
            "return or cancellation (quantity of zero or less)",
            _where(
                f"quantity <= 0 AND {_ON_PRODUCT}", f"concat({_EVENT}, ', quantity ', quantity)"
            ),
            "counted as purchases: leave them out by a rule under source.drop",
        ),
        Finding(
            "price of zero or less",
            _where(
                f"unit_price <= 0 AND {_ON_PRODUCT}", f"concat({_EVENT}, ', price ', unit_price)"
            ),
            "gifts, samples or corrections: leave them out by a rule if they are no purchases",
            warn_from=0.01,
        ),
        Finding(
            "text in a wrong encoding",
            _where(wrong, f"CASE {shown} END"),
            "the export wrote UTF-8 that was read as another encoding, or the other way round:"
            " export again as UTF-8",
        ),
    ]


def _funnel(cursor: duckdb.DuckDBPyConnection) -> list[Finding]:
    """Events whose user had not had the step before with the product, where the log has both."""
    named = (
        "(FROM kept WHERE item_type = 'product') AS kept JOIN event_names"
        " ON event_names.event_type IS NOT DISTINCT FROM kept.event_type"
        " AND event_names.item_type = 'product'"
    )
    present = {row[0] for row in cursor.execute(f"SELECT DISTINCT name FROM {named}").fetchall()}
    stages = [event for event in PRODUCT_EVENTS if event in present]
    if len(stages) < 2:
        return []
    firsts = ", ".join(f"min(occurred_at) FILTER (name = '{s}') AS {s}" for s in stages)
    before = " ".join(f"WHEN '{later}' THEN first.{earlier}" for earlier, later in pairwise(stages))
    lines = f"""
        WITH named AS (SELECT kept.*, name FROM {named}),
        first AS (SELECT user_key, item_key, {firsts} FROM named GROUP BY user_key, item_key)
        SELECT file_number, source_row, concat(name, ' of ', {_EVENT}) AS value
        FROM named JOIN first USING (user_key, item_key)
        WHERE name <> '{stages[0]}'
            AND coalesce(CASE name {before} END > occurred_at, true)
    """
    return [
        Finding(
            "event out of funnel order",
            lines,
            f"of {' → '.join(stages)}, the step before is later or missing for this user and item:"
            " incomplete tracking, or ids that change between steps",
            warn_from=0.10,
        )
    ]


def _users() -> list[Finding]:
    """Users who do far more than others."""
    per_user = "(SELECT user_key, count(*) AS n FROM kept GROUP BY user_key)"
    limit = f"greatest({ROBOT_EVENTS}, 100 * (SELECT median(n) FROM {per_user}))"
    return [
        Finding(
            f"user with {ROBOT_EVENTS:,} events or more and 100 times the median",
            _where(f"user_key IN (SELECT user_key FROM {per_user} WHERE n >= {limit})", "user_key"),
            "robots, shared tills or resellers: leave them out by a rule if they are no shoppers",
        )
    ]
