"""The command that plans a test, in this process."""

import pytest
import yaml

from recolab_assets.plan import main
from tests.small_lab import Lab


def test_the_command_prints_the_sentences_of_the_table(lab, capsys):
    assert main(["--config", str(lab.config_path)]) == 0
    out, err = capsys.readouterr()
    rows = lab.query("SELECT sentence FROM experiments.experiment_plan")
    assert out.splitlines() == [sentence for (sentence,) in rows]
    assert err == ""


def test_a_smaller_effect_is_planned_with_more_users(lab, capsys):
    printed = []
    for effect in ("0.2", "0.1"):
        assert main(["--config", str(lab.config_path), "--effect", effect]) == 0
        printed.append(capsys.readouterr().out.splitlines()[0])
    users = [int(line.split(": ")[1].split(" ")[0].replace(",", "")) for line in printed]
    assert users[1] == pytest.approx(4 * users[0], rel=0.02)
    assert "10%" in printed[1]


def test_who_wants_the_uplift_is_not_told_to_interleave(lab, capsys):
    assert main(["--config", str(lab.config_path), "--uplift"]) == 0
    advised = [line for line in capsys.readouterr().out.splitlines() if " Recommended: " in line]
    assert len(advised) == 1
    assert advised[0].startswith("A/B test")


def test_the_command_leaves_the_database_as_it_is(lab, capsys):
    before = lab.database_path.read_bytes()
    main(["--config", str(lab.config_path)])
    assert lab.database_path.read_bytes() == before


def test_a_lab_that_has_not_been_run_is_one_sentence(tmp_path, capsys):
    lab = Lab.create(tmp_path / "lab")
    assert main(["--config", str(lab.config_path)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"{lab.database_path} does not exist: materialise the assets of the lab first.\n"
    assert not lab.database_path.exists()


def test_a_table_that_has_not_been_written_is_named(lab, tmp_path, capsys):
    copy = lab.copy(tmp_path / "copy")
    copy.change("DROP TABLE experiments.method_scorecard")
    assert main(["--config", str(copy.config_path)]) == 1
    sentence = "experiments.method_scorecard has not been written yet: materialise the asset"
    assert capsys.readouterr().err.startswith(sentence)


def test_tables_of_an_older_lab_are_one_sentence(lab, tmp_path, capsys):
    copy = lab.copy(tmp_path / "copy")
    copy.change("ALTER TABLE experiments.ab_exposures DROP COLUMN shown_on")
    assert main(["--config", str(copy.config_path)]) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "materialise its assets again" in err
    assert "shown_on" in err


def test_a_broken_configuration_is_said(tmp_path, capsys):
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump({"experiment": {"smallest_effect": -1}}))
    assert main(["--config", str(file)]) == 1
    assert "experiment.smallest_effect" in capsys.readouterr().err


@pytest.mark.parametrize("effect", ["0", "-0.1", "nan", "inf", "much"])
def test_effects_that_are_none_are_refused(effect, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([f"--effect={effect}"])
    assert stopped.value.code == 2
    assert "is not an effect" in capsys.readouterr().err
