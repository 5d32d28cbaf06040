"""A proposal as a person reads it: what was seen, and the commented configuration."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from recolab_assets.shop.inspect import Proposal
from recolab_assets.shop.profile import ColumnProfile, FileProfile
from recolab_assets.shop.suggestions import Rule

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_ ]*(\.[a-z]+)*")
_RESERVED = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}
_SHOWN = 40

_LOG_ROLES = (
    "user", "item", "time", "event_type", "session", "quantity", "unit_price", "title",
)  # fmt: skip
_PRODUCT_ROLES = ("title", "category", "subcategory", "brand", "price")


def seen(profiles: Sequence[FileProfile], proposal: Proposal) -> str:
    """What was seen of each file, one line a column, and what the columns are taken for."""
    parts = []
    for profile in profiles:
        if profile is proposal.products:
            kind, roles = "product table", proposal.product_roles
        else:
            kind = "log" if profile in proposal.logs else "left out"
            roles = proposal.roles if profile in proposal.logs else []
        header = "" if profile.header else ", no line of column names"
        lines = [f"{profile.file.name}: {kind}, {profile.rows:,} rows{header}"]
        for column in profile.columns:
            taken = next((r for r in roles if r.column == column.name), None)
            role = f"-> {taken.role}: {taken.why}" if taken else "-> not used"
            lines.append(f"  {_described(column)}  {role}")
        parts.append("\n".join(lines))
    if proposal.days is not None:
        parts.append(f"The log spans {proposal.days:,.1f} days.")
    parts += [f"Note: {note}." for note in proposal.notes]
    parts += [f"EDIT: {edit}." for edit in proposal.edits]
    if not proposal.edits:
        parts.append("The proposed mapping needs no edit to run.")
    return "\n".join(parts) + "\n"


def configuration(proposal: Proposal, directory: str, database: str) -> str:
    """The configuration as YAML with comments.

    Args:
        proposal: The mapping.
        directory: Folder of the files, as the configuration is to name it.
        database: DuckDB file that the lab is to write, as the configuration is to name it.
    """
    lines = ["# A proposal made by looking at the files; read it before you trust it."]
    lines += [f"# EDIT: {_one_line(edit)}." for edit in proposal.edits]
    lines += [f"# Note: {_one_line(note)}." for note in proposal.notes]
    lines += ["source:", f"  directory: {scalar(directory)}", "  files:"]
    lines += [f"    - {scalar(log.file.name)} # {log.rows:,} rows" for log in proposal.logs]
    if not proposal.logs[0].header:
        lines.append("  header: false")
    lines.append("  columns:")
    why = {role.role: role.why for role in proposal.roles}
    if "clicked" in why:
        why["event_type"] = why["clicked"]
    for role in _LOG_ROLES:
        if role in proposal.expressions:
            comment = _one_line(why.get(role, "not found"))
            lines.append(f"    {role}: {scalar(proposal.expressions[role])} # {comment}")
    if proposal.event_types:
        lines.append("  event_types:")
        lines += [f"    {scalar(word)}: {e}" for word, e in proposal.event_types.items()]
    lines += _rules(proposal.rules)
    lines += _products(proposal)
    lines += _split(proposal.days)
    lines += [
        "experiment:",
        "  response_model: replay # only the synthetic shop has a truth to simulate from",
        "storage:",
        f"  database: {scalar(database)}",
    ]
    return "\n".join(lines) + "\n"


def scalar(text: str) -> str:
    """A text as YAML writes it, whatever characters it holds."""
    if _PLAIN.fullmatch(text) and text.lower() not in _RESERVED and text == text.strip():
        return text
    # A JSON string is a YAML string; other than JSON, YAML refuses some characters unescaped.
    return re.sub(
        r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]",
        lambda found: f"\\u{ord(found[0]):04x}",
        json.dumps(text, ensure_ascii=False),
    )


def relative_to(folder: Path, root: Path) -> str:
    """A folder as the configuration names it: from the repository where it lies in it."""
    return str(folder.relative_to(root)) if folder.is_relative_to(root) else str(folder)


def _rules(rules: Sequence[Rule]) -> list[str]:
    if not rules:
        return []
    lines = ["  drop:" if any(rule.active for rule in rules) else "  # drop:"]
    for rule in rules:
        mark = "" if rule.active else "# "
        if isinstance(rule.value, str):
            value = scalar(rule.value)
        else:
            value = f"[{', '.join(map(scalar, rule.value))}]"
        doubt = "" if rule.active else "; not left out unless you say so"
        lines += [
            f"    {mark}- reason: {scalar(rule.reason)} # {rule.rows:,} lines{doubt}",
            f"    {mark}  {rule.kind}: {value}",
        ]
    return lines


def _products(proposal: Proposal) -> list[str]:
    table = proposal.products
    if table is None:
        return []
    lines = [
        "  products:",
        f"    file: {scalar(table.file.name)} # {table.rows:,} rows",
        f"    item: {scalar(proposal.item_of_products)}",
    ]
    if table.header != proposal.logs[0].header:
        lines.append(f"    header: {str(table.header).lower()}")
    given = [r for r in proposal.product_roles if r.role in _PRODUCT_ROLES]
    given.sort(key=lambda r: _PRODUCT_ROLES.index(r.role))
    return lines + [f"    {r.role}: {scalar(r.column)} # {_one_line(r.why)}" for r in given]


def _split(days: float | None) -> list[str]:
    """Windows that leave a log shorter than three of the usual 28 days something to train on."""
    if days is None or days >= 84:
        return []
    window = max(1, int(days // 5))
    return [
        "split:",
        f"  test_days: {window} # the log spans {days:,.1f} days only",
        f"  validation_days: {window}",
    ]


def _described(column: ColumnProfile) -> str:
    absent = f", {column.absent:,} absent" if column.absent else ""
    span = f"{_short(column.least)} to {_short(column.greatest)}" if column.distinct else "empty"
    return f"{_short(column.name)} ({column.type}, {column.distinct:,} distinct{absent}; {span})"


def _short(text: str | None) -> str:
    line = _one_line(text or "")
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"


def _one_line(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text)
