"""Fixtures of all tests: small shops, and no configuration taken from the environment."""

import pytest

from recolab_assets.config import LabConfig


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    """Tests must not depend on the shell that they are started from."""
    for variable in ("RECOLAB_CONFIG", "RECOLAB_SOURCE_DIRECTORY"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture(scope="session")
def make_config():
    """Return a builder of small shops; sections are merged over a shop of a few hundred users."""

    def make(**sections):
        values = {
            "data": {
                "n_users": 400,
                "n_products": 200,
                "n_editorial": 40,
                "n_interactions": 12_000,
            },
            "shop": {"n_categories": 4, "n_subcategories": 3, "n_brands": 6},
        }
        for name, section in sections.items():
            values[name] = {**values.get(name, {}), **section}
        return LabConfig.model_validate(values)

    return make


@pytest.fixture(scope="session")
def config(make_config):
    """The small shop's configuration."""
    return make_config()
