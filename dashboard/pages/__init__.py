"""The pages: what each asks the store and shows, as a function of the address and the scheme."""

from dashboard.pages import (
    diagnostics,
    experiments,
    explorer,
    fit,
    journey,
    log,
    methods,
    models,
    overview,
)
from dashboard.pages.page import Page

PAGES: tuple[Page, ...] = (
    overview.PAGE,
    diagnostics.PAGE,
    journey.PAGE,
    models.PAGE,
    fit.PAGE,
    experiments.PAGE,
    methods.PAGE,
    explorer.PAGE,
    log.PAGE,
)
"""Every page in the order of the menu; a new page is a new file and an entry here."""

__all__ = ["PAGES", "Page"]
