"""Fixtures of the graph's tests: a second run, watched."""

import pytest

from recolab_assets import resources
from recolab_assets.config import LabConfig, Section
from recolab_assets.storage import FileIOManager
from tests.small_lab import WITHOUT_CHECKS, Lab


class SettingsRead:
    """Notes which settings are read while each asset is made and stored."""

    def __init__(self) -> None:
        self.by_asset: dict[str, set[str]] = {}
        self._pending: set[str] = set()
        self._loading = False
        self._prefixes: dict[type, str] = {}
        self._find_sections(LabConfig, "")

    def _find_sections(self, section: type[Section], prefix: str) -> None:
        self._prefixes[section] = prefix
        for name, field in section.model_fields.items():
            kind = field.annotation
            if isinstance(kind, type) and issubclass(kind, Section):
                self._find_sections(kind, f"{prefix}{name}.")

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        load, store = resources.load_config, FileIOManager.handle_output

        def load_unwatched(path):
            # Validation reads everything, whatever the asset then uses.
            self._loading = True
            try:
                return load(path)
            finally:
                self._loading = False

        def read(section, name):
            value = object.__getattribute__(section, name)
            if not self._loading:
                self._note(section, name, value)
            return value

        def store_and_close(manager, context, obj):
            store(manager, context, obj)
            self.by_asset[context.asset_key.to_user_string()] = self._pending
            self._pending = set()

        monkeypatch.setattr(resources, "load_config", load_unwatched)
        monkeypatch.setattr(Section, "__getattribute__", read, raising=False)
        monkeypatch.setattr(FileIOManager, "handle_output", store_and_close)

    def _note(self, section: Section, name: str, value: object) -> None:
        prefix = self._prefixes.get(type(section))
        if prefix is None:
            return
        if name in type(section).model_fields and not isinstance(value, Section):
            self._pending.add(f"{prefix}{name}")
        elif name == "model_dump" and prefix:
            self._pending.add(prefix.removesuffix("."))


@pytest.fixture(scope="session")
def watched_run(tmp_path_factory):
    """A second laboratory with the settings of ``lab``, and what was read to make each asset."""
    lab = Lab.create(tmp_path_factory.mktemp("again"))
    _ = lab.definitions
    reads = SettingsRead()
    with pytest.MonkeyPatch.context() as monkeypatch, lab.held_open():
        reads.install(monkeypatch)
        lab.run(WITHOUT_CHECKS)
    return lab, reads.by_asset


@pytest.fixture
def copy(lab, tmp_path):
    """A laboratory with the tables of ``lab`` that a test may spoil."""
    return lab.copy(tmp_path / "copy")
