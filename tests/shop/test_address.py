"""Addresses of PostgreSQL: those that hold a password are refused and never shown."""

from pathlib import Path

import pytest
import yaml

from recolab_assets.config import ConfigError, load_config
from recolab_assets.shop.__main__ import main
from recolab_assets.shop.address import is_address, require_no_password, without_password

GOOD = [
    "postgresql://localhost/shop#orders",
    "postgres://localhost/shop#orders",
    "postgresql:///shop#orders",
    "postgresql://reader@db.example.com:5433/shop#sales.orders",
    "postgresql://reader%40corp@[::1]:5433/shop?sslmode=require#sales.orders",
    "postgresql://%2Fvar%2Frun%2Fpostgresql/shop#a@b:c?d#e",
    "postgresql://one:5432,two:5433/shop?target_session_attrs=any#orders",
    "postgresql:///shop?host=/tmp&passfile=/etc/pgpass#orders",
]
SECRET = "hunter2"
BAD = [
    f"postgresql://reader:{SECRET}@localhost/shop#orders",
    f"postgresql://:{SECRET}@localhost/shop#orders",
    f"postgresql://reader:{SECRET}/x@localhost/shop#orders",
    f"postgresql://reader:{SECRET}@x@localhost/shop#orders",
    f"postgresql://reader:{SECRET} x@localhost/shop#orders",
    f"postgresql://reader:{SECRET}?x@localhost/shop#orders",
    f"postgresql://reader:{SECRET}#x@localhost/shop#orders",
    f"postgresql://localhost/shop?password={SECRET}#orders",
    f"postgresql://localhost/shop?sslmode=require&p%61ssword={SECRET}#orders",
    f"postgresql://localhost/shop?sslpassword={SECRET}#orders",
    f"postgresql://localhost/shop?oauth_client_secret={SECRET}#orders",
    f"postgres://reader:{SECRET}@localhost/shop#orders",
]
SHAPELESS = ["postgresql://", "postgresql://localhost#orders", "postgresql://localhost:x/shop#o"]


@pytest.mark.parametrize("name", [*GOOD, "orders.csv", "a@b:c?password=1.csv", "shop.db#orders"])
def test_an_address_without_a_password_is_taken_as_it_is(name: str) -> None:
    assert require_no_password(name) == name
    assert is_address(name) == (name in GOOD)


@pytest.mark.parametrize("name", [*BAD, *SHAPELESS])
class TestRefused:
    def configuration(self, path: Path, **source: object) -> str:
        columns = {"user": "u", "item": "i", "time": "t"}
        values = {"directory": ".", "files": ["a.csv"], "columns": columns, **source}
        path.write_text(yaml.safe_dump({"source": values}))
        with pytest.raises(ConfigError) as caught:
            load_config(path)
        for error in (caught.value, caught.value.__cause__):
            assert SECRET not in str(error)
        return str(caught.value)

    def test_the_configuration_says_where_the_password_belongs(
        self, tmp_path: Path, name: str
    ) -> None:
        path = tmp_path / "mine.yaml"
        for key, source in {
            "source.files.1": {"files": ["a.csv", name]},
            "source.products.file": {"products": {"file": name, "item": "sku"}},
        }.items():
            message = self.configuration(path, **source)
            assert message.startswith(f"{path}: {key}: an address of PostgreSQL is written")
            assert "PGPASSWORD" in message and "\n" not in message

    def test_another_fault_of_the_configuration_does_not_show_it(
        self, tmp_path: Path, name: str
    ) -> None:
        path = tmp_path / "mine.yaml"
        for source in (
            {"files": name},
            {"file": name},
            {"header": [name]},
            {"limits": {"x": name}},
        ):
            self.configuration(path, **source)

    def test_the_command_refuses_it(self, capsys: pytest.CaptureFixture[str], name: str) -> None:
        assert main(["inspect", name]) == 1
        shown = capsys.readouterr()
        assert "never with a password" in shown.err and shown.err.count("\n") == 1
        assert SECRET not in shown.out + shown.err


@pytest.mark.parametrize("name", BAD)
def test_no_part_of_a_refused_address_is_shown(name: str) -> None:
    assert without_password(repr([name])) == "an address of PostgreSQL (not shown)"


def test_other_values_are_shown() -> None:
    assert without_password("'a@b?'") == "'a@b?'"
    assert without_password("postgresql://localhost/shop#t") == "postgresql://localhost/shop#t"
