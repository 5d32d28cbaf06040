"""The filters of a page as they stand in its address."""

from urllib.parse import parse_qsl, urlencode


def given(search: str | None) -> dict[str, str]:
    """Return the ``name=value`` pairs of an address's query."""
    return dict(parse_qsl((search or "").removeprefix("?")))


def changed_search(search: str, values: dict[str, str]) -> str:
    """Return the address's query with some filters changed, the others kept."""
    return "?" + urlencode({**given(search), **values})


def explorer_link(**values: int | str) -> str:
    """Return the address of the explorer with some filters chosen."""
    return "/explorer?" + urlencode(values)
