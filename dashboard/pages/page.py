"""What a page is, and what it is drawn from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pandas as pd
from dash import Dash
from dash.development.base_component import Component

from dashboard.store import Answer, Query, Store
from dashboard.theme import Scheme


@dataclass(slots=True)
class View:
    """Everything that a page depends on: the address, the data and the scheme."""

    store: Store
    scheme: Scheme = "light"
    filters: Mapping[str, str] = field(default_factory=dict)
    """The address's ``?name=value`` pairs."""
    answers: list[Answer] = field(default_factory=list)
    """What has been asked so far."""

    def ask(self, query: Query) -> pd.DataFrame:
        """Return the rows of a query, and note whether they are from before a run that writes.

        Raises:
            Unavailable: There is nothing to show.
        """
        answer = self.store.ask(query)
        self.answers.append(answer)
        return answer.rows

    def fetch(self, *queries: Query) -> None:
        """Read at one opening of the file what will be asked next."""
        self.store.fetch(queries)

    def chosen(self, name: str, allowed: list[str]) -> str:
        """Return the value of a filter, or the first allowed one when the address has no such."""
        value = self.filters.get(name)
        return value if value in allowed else allowed[0]


@dataclass(frozen=True, slots=True)
class Page:
    """One address of the dashboard."""

    path: str
    """Where it is, as ``/models``."""
    title: str
    """Its name in the menu and its heading."""
    question: str
    """What it answers, in a sentence."""
    render: Callable[[View], list[Component]]
    """Asks the store and returns the page's content; may raise ``Unavailable``."""
    register: Callable[[Dash, Store], None] = lambda _app, _store: None
    """Adds the callbacks of the page's own buttons."""
    left_out: str | None = None
    """Why the page is not in the report that is mailed, in a sentence; None where it is."""
