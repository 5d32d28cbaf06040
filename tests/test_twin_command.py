"""The command that makes a twin, in this process."""

import datetime as dt

import pytest
import yaml

from recolab_assets.config import load_config
from recolab_assets.twin import main
from tests.small_lab import Lab


@pytest.fixture(scope="module")
def written(lab, tmp_path_factory):
    """The twin of the small laboratory: its configuration's path."""
    path = tmp_path_factory.mktemp("twin") / "small_twin.yaml"
    before = lab.database_path.read_bytes()
    assert main(["estimate", "--config", str(lab.config_path), "--output", str(path)]) == 0
    assert lab.database_path.read_bytes() == before
    return path


def test_the_twin_is_a_configuration_with_comments(written, lab):
    config = load_config(written)
    assert config.source is None
    assert config.data.n_interactions == 6_000
    assert config.data.n_editorial == 20
    assert config.shop.start == dt.date(2024, 1, 1)
    assert config.experiment.response_model == "simulated"
    assert config.model == lab.config.model
    assert config.evaluation == lab.config.evaluation
    assert config.database_path.name == "small_twin.duckdb"
    text = written.read_text(encoding="utf-8")
    assert "[share in first category: " in text
    assert "# the log's own categories" in text


def test_the_twin_runs_as_any_lab_and_is_compared(written, lab, tmp_path, capsys):
    values = yaml.safe_load(written.read_text(encoding="utf-8"))
    values["storage"]["database"] = str(tmp_path / "small_twin.duckdb")
    twin = Lab(tmp_path, values)
    twin.config_path.write_text(yaml.safe_dump(values), encoding="utf-8")
    assert twin.run().success
    assert twin.scalar("SELECT count(*) FROM experiments.truth") > 0
    assert twin.scalar("SELECT count(*) FROM experiments.experiment_plan") > 0
    capsys.readouterr()
    files = ["--twin", str(twin.database_path), "--log", str(lab.database_path)]
    assert main(["compare", *files]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("# small_twin, a twin of lab\n")
    assert "Kendall's τ: " in printed
    report = tmp_path / "report.md"
    assert main(["compare", *files, "--output", str(report)]) == 0
    assert report.read_text(encoding="utf-8") == printed


def test_a_smaller_twin_has_as_many_events_a_user(written, lab, tmp_path):
    path = tmp_path / "half.yaml"
    arguments = ["--config", str(lab.config_path), "--output", str(path)]
    assert main(["estimate", *arguments, "--users", "150", "--rounds", "1"]) == 0
    data = load_config(path).data
    assert data.n_users == 150
    assert data.n_interactions / 150 == pytest.approx(6_000 / 300, rel=0.05)


def test_a_file_is_not_written_over(written, lab, capsys):
    text = written.read_text(encoding="utf-8")
    arguments = ["estimate", "--config", str(lab.config_path), "--output", str(written)]
    assert main(arguments) == 1
    assert capsys.readouterr().err == (f"{written} exists; name another file, or add --overwrite\n")
    assert written.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("output", "said"), [("nowhere/twin.yaml", "there is no folder"), (".", "is a folder")]
)
def test_a_place_that_cannot_be_written_is_said_before_the_work(
    lab, tmp_path, capsys, output, said
):
    path = str(tmp_path / output)
    assert main(["estimate", "--config", str(lab.config_path), "--output", path]) == 1
    files = ["--twin", str(lab.database_path), "--log", str(lab.database_path)]
    assert main(["compare", *files, "--output", path]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first == second
    assert "cannot be written: " in first
    assert said in first


def test_a_log_that_has_not_been_imported_is_one_sentence(tmp_path, capsys):
    lab = Lab.create(tmp_path / "lab")
    output = tmp_path / "twin.yaml"
    assert main(["estimate", "--config", str(lab.config_path), "--output", str(output)]) == 1
    assert capsys.readouterr().err == (
        f"{lab.database_path} does not exist: materialise the assets of the lab first.\n"
    )
    assert not output.exists()


def test_a_log_too_short_for_a_twin_is_one_sentence(lab, tmp_path, capsys):
    copy = lab.copy(tmp_path / "copy")
    copy.change("DELETE FROM raw.interactions WHERE occurred_at >= '2024-02-01'")
    output = tmp_path / "twin.yaml"
    assert main(["estimate", "--config", str(copy.config_path), "--output", str(output)]) == 1
    err = capsys.readouterr().err.splitlines()[-1]
    assert err.startswith("the log covers 1 calendar month, from 2024-01-")
    assert not output.exists()


def test_an_empty_log_is_one_sentence(lab, tmp_path, capsys):
    copy = lab.copy(tmp_path / "copy")
    copy.change("DELETE FROM raw.interactions")
    assert (
        main(["compare", "--twin", str(lab.database_path), "--log", str(copy.database_path)]) == 1
    )
    assert "no product event" in capsys.readouterr().err


def test_a_lab_without_metrics_is_compared_without_them(lab, tmp_path, capsys):
    copy = lab.copy(tmp_path / "copy")
    copy.change("DROP TABLE evaluation.offline_metrics")
    files = ["--twin", str(lab.database_path), "--log", str(copy.database_path)]
    assert main(["compare", *files]) == 0
    assert "No model has been measured on both." in capsys.readouterr().out


@pytest.mark.parametrize("users", ["0", "-3", "many", "1.5"])
def test_a_size_that_is_none_is_refused(users, capsys):
    with pytest.raises(SystemExit):
        main(["estimate", "--users", users])
    assert "is not a count; allowed: whole numbers above 0" in capsys.readouterr().err
