"""The configuration is checked as a whole, and says what is wrong in one line."""

from pathlib import Path

import pytest
import yaml

from recolab_assets.config import ROOT, ConfigError, LabConfig, load_config


@pytest.fixture
def written(tmp_path):
    """Write a configuration and return its path."""

    def write(text: str) -> Path:
        path = tmp_path / "lab.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_the_default_file_states_every_key_with_its_default():
    path = ROOT / "config" / "config.yaml"
    assert load_config(path) == LabConfig()
    stated = yaml.safe_load(path.read_text(encoding="utf-8"))

    def keys(values, prefix=""):
        for key, value in values.items():
            yield prefix + key
            if isinstance(value, dict):
                yield from keys(value, f"{prefix}{key}.")

    assert set(keys(stated)) == set(keys(LabConfig().model_dump()))


def test_published_defaults():
    config = LabConfig()
    assert config.data.model_dump() == {
        "n_users": 100_000,
        "n_products": 10_000,
        "n_editorial": 1_000,
        "n_interactions": 3_000_000,
        "random_seed": 42,
    }
    assert (config.model.als_factors, config.model.als_iterations, config.model.top_k) == (
        64,
        20,
        20,
    )
    assert config.model.itemcf_k_neighbours == 50
    assert config.model.hybrid_weights == {
        "popularity": 0.10,
        "als": 0.40,
        "item_cf": 0.30,
        "content_based": 0.20,
    }
    assert config.evaluation.k_values == [10, 20]
    assert config.experiment.interleaving_n_users == 200


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda p: p.name)
def test_ready_configurations_are_valid(path):
    load_config(path)


def test_a_file_states_only_what_differs(written):
    config = load_config(written("model: {als_factors: 8}"))
    assert config.model.als_factors == 8
    assert config.data == LabConfig().data


def test_an_empty_file_is_all_defaults(written):
    assert load_config(written("")) == LabConfig()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            "data: {n_user: 5}",
            ["data.n_user: unknown key", "n_users"],
            id="unknown key, with the keys there are",
        ),
        pytest.param(
            "shop: {taste: {brands: 1}}",
            ["shop.taste.brands: unknown key", "brand_share"],
            id="unknown key in a nested section",
        ),
        pytest.param(
            "source: {directory: x, files: [a], columns: {user: u, item: i, time: t, tim: t}}",
            ["source.columns.tim: unknown key", "event_type"],
            id="unknown key in an optional section",
        ),
        pytest.param("extra: 1", ["extra: unknown key", "experiment"], id="unknown section"),
        pytest.param("data: {n_users: many}", ["data.n_users: 'many'", "integer"], id="wrong type"),
        pytest.param(
            'data: {n_users: "100"}', ["data.n_users: '100'", "integer"], id="text for a number"
        ),
        pytest.param("data: {n_users: 1.5}", ["data.n_users: 1.5", "integer"], id="fraction"),
        pytest.param("data: {n_users: 0}", ["data.n_users: 0", "greater"], id="no users"),
        pytest.param("data: {n_users: -3}", ["data.n_users: -3", "greater"], id="negative"),
        pytest.param(
            "model: {hybrid_als_weight: 0.9}", ["1.5", "sum to 1"], id="weights that sum to 1.5"
        ),
        pytest.param(
            "evaluation: {k_values: [10, 50]}",
            ["evaluation.k_values: 50", "model.top_k 20"],
            id="k above top_k",
        ),
        pytest.param("evaluation: {k_values: [5, 5]}", ["[5, 5]", "distinct"], id="k twice"),
        pytest.param("evaluation: {k_values: []}", ["evaluation.k_values: []"], id="no k"),
        pytest.param(
            "experiment: {interleaving_k: 30}",
            ["experiment.interleaving_k: 30", "model.top_k 20"],
            id="interleaved list longer than top_k",
        ),
        pytest.param(
            "experiment: {control_model: best}",
            ["experiment.control_model: 'best'", "popularity"],
            id="unknown model",
        ),
        pytest.param("shop: {start: 2024-01-15}", ["2024-01-15", "first day"], id="mid-month"),
        pytest.param(
            "shop: {lifecycle: {decay_low: 0.5}}", ["0.5", "0.15"], id="decay range upside down"
        ),
        pytest.param(
            "data: {n_products: 10}", ["data.n_products: 10", "subcategor"], id="too few products"
        ),
        pytest.param(
            "source: {directory: x, files: [a], columns: {user: u, item: i, time: t}}",
            ["experiment.response_model", "replay"],
            id="simulated shoppers on a log",
        ),
        pytest.param(
            "experiment: {control_session_depth: 2.5}",
            ["control_session_depth 2.5", "above 3"],
            id="a depth that no Pareto law has",
        ),
        pytest.param("source: {directory: x}", ["source.files", "compulsory"], id="missing key"),
        pytest.param("data: [", ["not valid YAML", "line"], id="broken YAML"),
        pytest.param("data: {n_users: 1, n_users: 2}", ["n_users", "twice"], id="key twice"),
        pytest.param("just text", ["expected sections", "just text"], id="no sections"),
        pytest.param("data: !!python/object:os.x {}", ["not valid YAML"], id="no objects"),
    ],
)
def test_wrong_input_is_named(written, text, said):
    path = written(text)
    with pytest.raises(ConfigError) as error:
        load_config(path)
    message = str(error.value)
    assert str(path) in message
    for part in said:
        assert part in message


def test_every_fault_is_reported_at_once(written):
    with pytest.raises(ConfigError) as error:
        load_config(written("data: {n_users: 0, n_products: x}\nmodel: {top_k: 0}"))
    assert len(str(error.value).splitlines()) == 3


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: the configuration cannot be read"):
        load_config(tmp_path / "nowhere.yaml")


def test_binary_garbage_is_refused(tmp_path):
    path = tmp_path / "lab.yaml"
    path.write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(path)


def test_the_environment_names_the_file(written, monkeypatch):
    monkeypatch.setenv("RECOLAB_CONFIG", str(written("data: {random_seed: 7}")))
    assert load_config().data.random_seed == 7


def test_relative_paths_are_found_from_any_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RECOLAB_CONFIG", "config/small.yaml")
    assert load_config().data.n_users == 3_000


def test_the_environment_names_the_folder_of_a_log(written, monkeypatch):
    path = written(
        "source: {directory: x, files: [a], columns: {user: u, item: i, time: t}}\n"
        "experiment: {response_model: replay}"
    )
    monkeypatch.setenv("RECOLAB_SOURCE_DIRECTORY", "/elsewhere")
    source = load_config(path).source
    assert source is not None
    assert source.directory == "/elsewhere"
