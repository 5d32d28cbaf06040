"""Addresses of tables in PostgreSQL: ``postgresql://host:port/database#schema.table``."""

import re
from urllib.parse import unquote

_HOST = r"(?:\[[0-9A-Fa-f:.%]+\]|[^:/?#@,\[\]]*)(?::\d+)?"
_FORM = re.compile(
    rf"postgres(?:ql)?://(?:[^:/?#@]+@)?{_HOST}(?:,{_HOST})*"
    r"/[^:/?#@]+(?:\?(?P<settings>[^#@]*))?(?:#.*)?",
    re.DOTALL,
)


def is_address(name: str) -> bool:
    """Whether the name of a source is an address of PostgreSQL, well written or not."""
    return name.startswith(("postgresql://", "postgres://"))


def require_no_password(name: str) -> str:
    """Refuse an address that holds a password: names of sources are kept and shown.

    Whatever is not of the usual form is refused too, since a password may hide in it.

    Args:
        name: Name of a file, or an address.

    Returns:
        The name as it is.

    Raises:
        ValueError: The address is refused; the message does not quote it.
    """
    if is_address(name):
        form = _FORM.fullmatch(name)
        if not form or re.search("password|secret", unquote(form["settings"] or ""), re.IGNORECASE):
            raise ValueError(
                "an address of PostgreSQL is written postgresql://user@host:port/database"
                "#schema.table, odd characters as %40, and never with a password, which is taken"
                " from the environment variable PGPASSWORD or from ~/.pgpass"
            )
    return name


def without_password(text: str) -> str:
    """A text as messages may show it: not at all if a password can stand in an address in it."""
    hidden = re.search(r"postgres(ql)?://.*[@?]", text, re.DOTALL)
    return "an address of PostgreSQL (not shown)" if hidden else text
