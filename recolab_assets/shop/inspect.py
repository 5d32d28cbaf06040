"""Looks at the files of a shop and proposes how to map them: a configuration with its reasons."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from recolab_assets.shop.binding import Binder
from recolab_assets.shop.faults import SourceError, faults_of, literal, quoted
from recolab_assets.shop.log import place_of
from recolab_assets.shop.profile import FileProfile, profile_file
from recolab_assets.shop.roles import (
    EVENT_WORDS,
    Role,
    log_roles,
    product_roles,
    words,
)
from recolab_assets.shop.suggestions import MISSING, Rule, suggested_rules
from recolab_assets.storage.scratch import scratch_connection


@dataclass(slots=True)
class Proposal:
    """What a log and its product table are taken for."""

    logs: list[FileProfile]
    products: FileProfile | None
    roles: list[Role]
    product_roles: list[Role] = field(default_factory=list)
    expressions: dict[str, str] = field(default_factory=dict)
    """SQL expression of each role of the log."""
    event_types: dict[str, str] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    unused: list[FileProfile] = field(default_factory=list)
    item_of_products: str = ""
    days: float | None = None
    edits: list[str] = field(default_factory=list)
    """What a person must change or decide before the configuration is right."""
    notes: list[str] = field(default_factory=list)
    """What a person should know."""


def inspect_files(folder: Path, names: Sequence[str]) -> tuple[list[FileProfile], Proposal]:
    """Look at files of one folder and propose a mapping.

    Args:
        folder: Their folder; tables of PostgreSQL lie in none.
        names: Their names; logs and at most one product table, in any order.

    Returns:
        What was seen of each file, and the proposal.

    Raises:
        SourceError: A file cannot be read, or none of them can be a log.
    """
    with scratch_connection() as connection:
        profiles = [profile_file(connection, folder, name) for name in dict.fromkeys(names)]
        for profile in profiles:
            if not profile.rows:
                raise SourceError(f"{place_of(folder, profile.file.name)}: there are no lines")
        return profiles, _propose(connection, profiles)


def _propose(connection: duckdb.DuckDBPyConnection, profiles: list[FileProfile]) -> Proposal:
    logs, others = _logs(profiles)
    products, key, item = _product_table(connection, logs[0], others)
    roles = log_roles(logs[0].columns, item)
    proposal = Proposal(logs, products, roles)
    proposal.unused = [other for other in others if other is not products]
    for other in proposal.unused:
        proposal.edits.append(
            f"{other.file.name} is left out: its columns are not those of the log, and no column"
            " of it holds the log's items, each once"
        )
    _compulsory(proposal)
    for role in roles:
        _express(proposal, role)
    if products and key:
        proposal.product_roles = product_roles(products.columns, key)
        _match_items(connection, proposal, key)
    _events(connection, proposal)
    _sequence(connection, proposal)
    proposal.rules += suggested_rules(
        connection, proposal.logs, {r.role: r.column for r in roles}, proposal.expressions
    )
    return proposal


def _logs(profiles: list[FileProfile]) -> tuple[list[FileProfile], list[FileProfile]]:
    """The log, all files that share its columns, and the other files.

    The log is the file with a time and the most rows; without any time, that with the most rows.
    """
    first = max(profiles, key=lambda p: (any(c.time for c in p.columns), p.rows))
    names = [column.name for column in first.columns]
    logs = [
        p
        for p in profiles
        if [c.name for c in p.columns] == names and p.header == first.header and _alike(p, first)
    ]
    return logs, [p for p in profiles if p not in logs]


def _alike(one: FileProfile, other: FileProfile) -> bool:
    """Whether columns of the same names hold times in the same places."""
    return [c.time is None for c in one.columns] == [c.time is None for c in other.columns]


def _text(column: str, *, upper: bool = False) -> str:
    """SQL of a column's value as the import compares ids."""
    plain = f"regexp_replace(CAST({quoted(column)} AS VARCHAR), '\\.0$', '')"
    return f"upper({plain})" if upper else plain


def _product_table(
    connection: duckdb.DuckDBPyConnection, log: FileProfile, others: list[FileProfile]
) -> tuple[FileProfile | None, str | None, str | None]:
    """The file, its id and the log's item: the pair of columns that share most values.

    At least half of the log's distinct values must stand in the table, where each stands once.
    """
    best: tuple[float, FileProfile | None, str | None, str | None] = (0.5, None, None, None)
    for other in others:
        for key in other.columns:
            if key.absent or key.distinct < 0.9 * other.rows or (key.numbers and not key.whole):
                continue
            for column in log.columns:
                if column.time or column.distinct < 2 or column.distinct > 20 * key.distinct:
                    continue
                with faults_of(f"{log.file.name} and {other.file.name} cannot be compared"):
                    row = connection.execute(
                        "SELECT avg((id IN (SELECT "
                        f"{_text(key.name, upper=True)} FROM {other.texts.relation}))::INTEGER)"
                        f" FROM (SELECT DISTINCT {_text(column.name, upper=True)} AS id"
                        f" FROM {log.texts.relation} WHERE {quoted(column.name)} IS NOT NULL)"
                    ).fetchone()
                share = float(row[0] or 0) if row else 0.0
                # A name that says item decides between columns of small numbers.
                share += 0.01 * bool(words(column.name) & words(key.name))
                if share > best[0]:
                    best = (share, other, key.name, column.name)
    return best[1:]


def _compulsory(proposal: Proposal) -> None:
    found = {role.role for role in proposal.roles}
    for name in ("user", "item", "time"):
        if name not in found:
            proposal.expressions[name] = MISSING
            proposal.edits.append(
                f"source.columns.{name}: no column looks like it; name the column in place of"
                f" {MISSING}"
            )
    for role in proposal.roles:
        if not role.sure:
            proposal.edits.append(
                f"source.columns.{role.role}: {role.column} is a guess ({role.why}); check it"
            )


def _express(proposal: Proposal, role: Role) -> None:
    """The SQL expression of a role of the log."""
    column = proposal.logs[0].column(role.column)
    expression = role.column
    if role.role == "time" and column.time:
        if column.time.expression != "{}":
            expression = column.time.expression.format(quoted(role.column))
        if column.time.others:
            proposal.edits.append(
                f"source.columns.time: {role.column} reads as {column.time.label} and as"
                f" {' or '.join(column.time.others)} as well; check which is meant"
            )
    elif role.role == "clicked":
        flag = f"lower(CAST({quoted(role.column)} AS VARCHAR)) IN ('1', 'true')"
        proposal.expressions["event_type"] = f"CASE WHEN {flag} THEN 'click' ELSE 'view' END"
        proposal.notes.append(
            "what was shown and not clicked is read as a view, though it was the shop that chose"
            " to show it: models that learn from it learn what the shop did"
        )
        return
    elif role.role == "quantity" and not column.whole:
        proposal.notes.append(
            f"{role.column} looks like a quantity and is left out: it is not whole throughout"
        )
        return
    proposal.expressions[role.role] = expression


def _match_items(connection: duckdb.DuckDBPyConnection, proposal: Proposal, key: str) -> None:
    """Write ids in upper case on both sides where that finds products that differ in case only."""
    log, products = proposal.logs[0], proposal.products
    item = next((role.column for role in proposal.roles if role.role == "item"), None)
    if products is None or item is None:
        return
    proposal.item_of_products = key
    counts = []
    for upper in (False, True):
        row = connection.execute(
            f"SELECT count(*) FILTER (id IN (SELECT {_text(key, upper=upper)}"
            f" FROM {products.texts.relation})), count(*) FROM"
            f" (SELECT {_text(item, upper=upper)} AS id FROM {log.texts.relation})"
        ).fetchone()
        counts.append(row or (0, 0))
    (plain, rows), (upper_case, _) = counts
    if upper_case > plain:
        proposal.expressions["item"] = f"upper({quoted(item)})"
        proposal.item_of_products = f"upper({quoted(key)})"
        proposal.notes.append(
            f"{item} is compared in upper case: {upper_case - plain:,} more lines of"
            f" {log.file.name} are then found in {products.file.name}"
        )
    known = max(plain, upper_case)
    proposal.notes.append(f"{known:,} of {rows:,} lines name an item of {products.file.name}")
    twice = connection.execute(
        f"SELECT count(*) FROM (SELECT {_text(key, upper=upper_case > plain)} AS id"
        f" FROM {products.texts.relation} GROUP BY id HAVING count(*) > 1)"
    ).fetchone()
    if twice and twice[0]:
        proposal.edits.append(
            f"{products.file.name}: {twice[0]:,} items stand in it more than once; leave one row"
            " each"
        )


def _events(connection: duckdb.DuckDBPyConnection, proposal: Proposal) -> None:
    """Map the log's words for events; words that are not known are left out by a rule."""
    role = next((r for r in proposal.roles if r.role == "event_type"), None)
    if role is None:
        return
    found: list[tuple[str | None, int]] = []
    for log in proposal.logs:
        found += connection.execute(
            f"SELECT CAST({quoted(role.column)} AS VARCHAR), count(*)"
            f" FROM {log.file.relation} GROUP BY 1 ORDER BY 2 DESC LIMIT 100"
        ).fetchall()
    known = {
        str(word): EVENT_WORDS[str(word).strip().lower()]
        for word, _ in found
        if str(word).strip().lower() in EVENT_WORDS
    }
    unknown = {str(word): n for word, n in found if str(word) not in known}
    if not known:
        del proposal.expressions["event_type"]
        proposal.edits.append(
            f"source.columns.event_type: {role.column} says {', '.join(list(unknown)[:5])}, none of"
            " which is known; every line counts as a purchase until source.event_types maps them"
        )
        return
    proposal.event_types = {word: event for word, event in known.items() if word != event}
    if {"rating", "rate"} & {word.strip().lower() for word in known}:
        proposal.notes.append(
            "ratings are read as views, the low ones too: leave those out by a rule if a rating"
            " should say that something was liked"
        )
    if unknown:
        listed = ", ".join(map(literal, known))
        condition = f"{quoted(role.column)} IS NULL OR {quoted(role.column)} NOT IN ({listed})"
        words_left = ", ".join(list(unknown)[:5])
        proposal.rules.append(
            Rule("event of another kind", "where", condition, sum(unknown.values()))
        )
        proposal.edits.append(
            f"source.event_types: {words_left} are left out; map those that are views, clicks,"
            " carts or purchases, and shorten the rule 'event of another kind'"
        )


def _sequence(connection: duckdb.DuckDBPyConnection, proposal: Proposal) -> None:
    """Put the log's files in the order of time, and measure the log's length."""
    time = proposal.expressions["time"]
    if time == MISSING:
        return
    spans = {}
    for log in proposal.logs:
        moment = Binder(connection, log.file).time("source.columns.time", time)
        with faults_of(f"{log.file.name} cannot be read"):
            row = connection.execute(
                f"SELECT min(t), max(t) FROM (SELECT {moment} AS t FROM {log.file.relation})"
            ).fetchone()
        spans[log.file.name] = row or (None, None)
    known = [span for span in spans.values() if span[0] is not None]
    if not known:
        return
    if len(known) == len(proposal.logs):
        proposal.logs.sort(key=lambda log: (spans[log.file.name], log.file.name))
    proposal.days = (max(s[1] for s in known) - min(s[0] for s in known)).total_seconds() / 86_400
