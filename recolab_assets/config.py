"""Every tunable parameter of the lab, validated as a whole before anything runs."""

import os
from collections.abc import Hashable
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, Field, ValidationError, model_validator

from recolab_assets.scale_sections import ScaleConfig
from recolab_assets.sections import (
    EDITORIAL_EVENTS,
    PRODUCT_EVENTS,
    Count,
    EditorialEvent,
    EventType,
    Expressions,
    ItemType,
    ModelName,
    NonNegative,
    Positive,
    PositiveShare,
    PriceTier,
    Section,
    Seed,
    Share,
    SourceName,
)
from recolab_assets.shop.address import without_password
from recolab_assets.shop_sections import (
    ActivityConfig,
    AffinityConfig,
    CategoryConfig,
    RankPiece,
    ShopConfig,
)

__all__ = [
    "EDITORIAL_EVENTS",
    "PRODUCT_EVENTS",
    "ActivityConfig",
    "AffinityConfig",
    "CategoryConfig",
    "EventType",
    "PriceTier",
    "RankPiece",
    "ShopConfig",
]

CONFIG_VARIABLE = "RECOLAB_CONFIG"
SOURCE_VARIABLE = "RECOLAB_SOURCE_DIRECTORY"
ROOT = Path(__file__).resolve().parent.parent
DEFAULT_CONFIG = ROOT / "config" / "config.yaml"


class ConfigError(ValueError):
    """The configuration cannot be used; the message names file, key, value and what is allowed."""


class DataConfig(Section):
    """Size and seed of the synthetic shop."""

    n_users: Count = 100_000
    """Customers."""
    n_products: Count = 10_000
    """Products in the catalogue."""
    n_editorial: Annotated[int, Field(ge=0)] = 1_000
    """Articles, posts, collections and buying guides."""
    n_interactions: Count = 3_000_000
    """Events in the log, products and editorial together."""
    random_seed: Seed = 42
    """Seed of every random stream of the lab."""


class DropRule(Section):
    """Lines of the log to leave out; one of where, repeats and in_earlier_file says which."""

    reason: Annotated[str, Field(min_length=1)]
    """What is wrong with these lines, in words; the import report gives it."""
    where: Annotated[str, Field(min_length=1)] | None = None
    """SQL condition over the raw columns (and source_file, source_row); true drops the line."""
    repeats: Expressions | None = None
    """Drops a line that agrees in all of these with an earlier line that is still kept."""
    in_earlier_file: Expressions | None = None
    """Drops a line that agrees in all of these with a line of an earlier file (overlapping
    exports). The other rules' n_matched leaves such lines out, so nothing is counted twice."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = {
            "where": self.where,
            "repeats": self.repeats,
            "in_earlier_file": self.in_earlier_file,
        }
        given = [name for name, value in kinds.items() if value is not None]
        if len(given) != 1:
            raise ValueError(
                f"the rule {self.reason!r} has {' and '.join(given) or 'no condition'};"
                f" allowed: exactly one of {', '.join(kinds)}"
            )
        return self

    @property
    def condition(self) -> str:
        """The condition in one line, as the import report shows it."""
        if self.where is not None:
            return self.where
        if self.repeats is not None:
            return f"repeats an earlier line in {', '.join(self.repeats)}"
        return f"stands in an earlier file by {', '.join(self.in_earlier_file or [])}"


class LogColumns(Section):
    """SQL expressions over the raw columns; only user, item and time are compulsory."""

    user: str
    """The customer's id; any type, kept as text in source_id."""
    item: str
    """The id of the product or piece of editorial content; any type, kept as text in source_id."""
    time: str
    """A timestamp or ISO text, UTC unless it says otherwise; for other forms use strptime(…)."""
    event_type: str | None = None
    """One of view, click, add_to_cart, purchase, on editorial content click or read, or a key of
    event_types; absent: every line is a purchase, or a read of editorial content."""
    item_type: str | None = None
    """product or editorial, or a key of item_types; absent: lines whose item stands in the table
    of editorial content are on it, all others on products."""
    session: str | None = None
    """Absent: a user's events of one day are one session."""
    quantity: str | None = None
    """Units bought; whole numbers."""
    unit_price: str | None = None
    """Price of one unit; a product's list price is the median of the positive ones."""
    title: str | None = None
    """Title of the item; the most frequent one is kept."""


class ProductTable(Section):
    """A file with one row a product, bought or not; what it lacks stays empty."""

    file: SourceName
    """Name of the file in the source's folder, or address of a table as in source.files."""
    item: str
    """SQL expression that gives the same id as the log's item."""
    header: bool | None = None
    """Whether this CSV file opens with a line of column names; null: as source.header says."""
    title: str | None = None
    category: str | None = None
    subcategory: str | None = None
    brand: str | None = None
    price_tier: str | None = None
    price: str | None = None


class UserTable(Section):
    """A file with one row a user, whether the log names the user or not."""

    file: str
    """Name of the file in the source's folder."""
    user: str
    """SQL expression that gives the same id as the log's user."""
    header: bool | None = None
    """Whether this CSV file opens with a line of column names; null: as source.header says."""
    signed_up_at: str | None = None
    """A timestamp or ISO text, as the log's time."""


class EditorialTable(Section):
    """A file with one row a piece of editorial content, read or not; what it lacks stays empty."""

    file: str
    """Name of the file in the source's folder."""
    item: str
    """SQL expression that gives the same id as the log's item."""
    header: bool | None = None
    """Whether this CSV file opens with a line of column names; null: as source.header says."""
    title: str | None = None
    content_type: str | None = None
    category: str | None = None
    """Category, in the words of the products' categories."""
    published_at: str | None = None
    """A timestamp or ISO text, as the log's time."""
    topic_tags: str | None = None
    """A list of texts; string_split(…, ',') makes one."""


class LimitsConfig(Section):
    """What a log may lack or lose; beyond it the run stops and says what to change."""

    unstated_share: Share = 0.0
    """Largest share of lines without user, item or time, or with a number that is none, that may
    be dropped though no rule of drop names them."""
    dropped_share: Share = 0.95
    """Largest share of lines that may be dropped, by rules or without."""
    least_users: Count = 1
    """Users that must be left."""
    least_items: Count = 1
    """Products with events that must be left."""
    least_days: Count = 1
    """Days with events (UTC) that must be left."""


class SourceConfig(Section):
    """A shop's own log in place of the synthetic shop."""

    directory: str
    """Folder of the files, relative to the repository; RECOLAB_SOURCE_DIRECTORY overrides it."""
    files: Annotated[list[SourceName], Field(min_length=1)]
    """Files of the log (Parquet, CSV, JSON lines, or a table of a database as shop.duckdb#orders,
    shop.sqlite#orders or postgresql://host:port/database#schema.table), all with the same columns.
    """
    header: bool = True
    """Whether CSV files open with a line of column names; if not: column0, column1, …"""
    columns: LogColumns
    """What each column of the log is."""
    event_types: dict[str, EventType | EditorialEvent] = {}
    """What the log's own event types mean; those not listed must be one of the lab's. read is for
    lines on editorial content only."""
    item_types: dict[str, ItemType] = {}
    """What the log's own words for products and editorial content mean."""
    drop: list[DropRule] = []
    """Applied in this order; a line is counted under the first rule that it meets."""
    products: ProductTable | None = None
    """Attributes of the products, where the shop has them."""
    users: UserTable | None = None
    """The shop's users, where it lists those without events too."""
    editorial: EditorialTable | None = None
    """Attributes of editorial content, where the shop has any."""
    limits: LimitsConfig = LimitsConfig()
    """When the log is too faulty or too small to be used."""


class SplitConfig(Section):
    """How the log is cut into training and hold-out."""

    method: Literal["global_time", "per_user_latest"] = "global_time"
    """One cut in time for all, or each user's latest interactions withheld."""
    test_days: Count = 28
    """Length of the test window (global_time)."""
    validation_days: Count = 28
    """Length of the validation window, the last part of training, used by tuning only."""
    test_share: Annotated[float, Field(gt=0, lt=1)] = 0.10
    """Share of each user's latest product events withheld (per_user_latest)."""
    validation_share: Annotated[float, Field(ge=0, lt=1)] = 0.10
    """Share of each user's latest training events in the validation set (per_user_latest)."""


class EventWeights(Section):
    """What one event of each type adds to a training pair."""

    view: NonNegative = 1.0
    click: NonNegative = 2.0
    add_to_cart: NonNegative = 3.0
    purchase: NonNegative = 5.0

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not any((self.view, self.click, self.add_to_cart, self.purchase)):
            raise ValueError("at least one event weight must be above 0")
        return self


class ModelConfig(Section):
    """Settings of the five models."""

    training_seed: Seed | None = None
    """Seed of what models draw when they are fitted; null: data.random_seed."""
    als_factors: Count = 64
    als_iterations: Count = 20
    als_regularization: NonNegative = 80.0
    als_alpha: Positive = 40.0
    """Confidence a unit of weight adds: c = 1 + alpha × weight."""
    top_k: Annotated[int, Field(ge=1, le=100)] = 20
    """Length of the recommendation lists."""
    itemcf_k_neighbours: Count = 50
    """Neighbours kept for a product, itself not counted."""
    hybrid_pop_weight: Share = 0.10
    hybrid_als_weight: Share = 0.40
    hybrid_itemcf_weight: Share = 0.30
    hybrid_cb_weight: Share = 0.20
    candidate_depth: Count = 100
    """Candidates that each model hands to the hybrid."""
    popularity_half_life_days: Positive = 30.0
    """After this time an interaction counts half as much for popularity."""
    exclude_seen: bool = True
    """Never recommend a product that the user already has in training."""
    event_weights: EventWeights = EventWeights()
    log_weights: bool = True
    """Learn from log(1 + sum of event weights): the tenth event says less than the first."""

    @property
    def hybrid_weights(self) -> dict[str, float]:
        """Weight of each component of the hybrid, by model name."""
        return {
            "popularity": self.hybrid_pop_weight,
            "als": self.hybrid_als_weight,
            "item_cf": self.hybrid_itemcf_weight,
            "content_based": self.hybrid_cb_weight,
        }

    @model_validator(mode="after")
    def _weights(self) -> Self:
        total = sum(self.hybrid_weights.values())
        if abs(total - 1) > 1e-9:
            raise ValueError(
                "hybrid_pop_weight + hybrid_als_weight + hybrid_itemcf_weight + hybrid_cb_weight"
                f" is {total:g}; the four must sum to 1"
            )
        if self.candidate_depth < self.top_k:
            raise ValueError(
                f"candidate_depth {self.candidate_depth} must be at least top_k {self.top_k}"
            )
        return self


class EvaluationConfig(Section):
    """Offline metrics and guardrails."""

    k_values: Annotated[list[Count], Field(min_length=1)] = [10, 20]
    """List lengths at which metrics are taken."""
    coverage_guardrail: Share = 0.05
    """Least catalogue coverage at the longest k."""
    diversity_guardrail: Share = 0.30
    """Least category diversity at the longest k."""
    bootstrap_samples: Annotated[int, Field(ge=100)] = 1_000
    """Resamples of users behind each interval."""
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95
    """Confidence of every interval."""
    other_split_n_users: Count = 20_000
    """Users whose lists are measured under the split that split.method does not name."""
    kinds_n_users: Count = 10_000
    """Users whose lists are measured, with the baselines, by kind of product and of user."""
    rolling_cuts: Count = 3
    """Cuts in time of the rolling evaluation, each a test window earlier than the last."""
    rolling_n_users: Count = 4_000
    """Users of the rolling evaluation, whose log alone is learned from and measured."""
    recent_days: Count = 28
    """Days before the cut whose best sellers are a baseline; what was first seen then is recent."""
    cold_max_events: Count = 10
    """Most product events in training of a cold user; with more a user is warm."""

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len(set(self.k_values)) != len(self.k_values):
            raise ValueError(f"k_values {self.k_values} must be distinct")
        return self


class ExperimentConfig(Section):
    """Simulated online evaluation."""

    random_seed: Seed | None = None
    """Seed of simulated users, assignments and clicks; null: data.random_seed."""
    control_model: ModelName = "popularity"
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """Significance level, before correction for several comparisons."""
    smallest_effect: Annotated[float, Field(gt=0)] = 0.05
    """Least relative difference worth finding: what the power of the A/B test is stated for."""
    interleaving_k: Count = 20
    """Length of the interleaved list."""
    interleaving_n_users: Count = 200
    """Users of the interleaving test."""
    pairs_n_users: Count | None = None
    """Users of the round-robin of two-model drafts, dealt evenly to all pairs; null: everyone."""
    response_model: Literal["simulated", "cascade", "replay"] = "simulated"
    """Simulated shoppers who look at positions by chance, or a cascade of shoppers who leave when
    satisfied (both synthetic shop only), or hold-out replay (any log)."""
    salt: Annotated[str, Field(min_length=1)] = "recolab-2024"
    """Salt of the hash that assigns users to arms."""
    examination_decay: PositiveShare = 0.85
    """A shopper who looks at one position looks at the next with this probability; in a cascade
    only if not satisfied."""
    satisfaction: Share = 0.5
    """Cascade: a click satisfies with this probability, and the shopper leaves."""
    control_ctr: Annotated[float, Field(gt=0, lt=1)] = 0.01
    """True click rate of the control arm that attraction is calibrated to."""
    control_purchase_rate: Annotated[float, Field(gt=0, lt=1)] = 0.0025
    """True purchases per impression of the control arm."""
    purchase_tier_factors: dict[PriceTier, Positive] = {
        "budget": 1.2,
        "mid": 1.0,
        "premium": 0.85,
        "luxury": 0.7,
    }
    """Relative chance that a click on a product of the tier ends in a purchase."""
    purchase_match_factor: Positive = 1.25
    """Further factor where brand or price tier is a favourite of the user."""
    control_session_depth: Annotated[float, Field(gt=1)] = 7.7
    """Mean pages a session of the control arm."""
    depth_minimum: Annotated[float, Field(ge=1)] = 2.0
    """Least pages a session: the scale of the Pareto base."""
    depth_ctr_factor: NonNegative = 50.0
    """Session depth is the Pareto base times (1 + this × the user's click rate)."""
    scorecard_replicates: Annotated[int, Field(ge=1)] = 100
    """Simulated experiments behind each figure of the scorecard."""
    logging_policy: Literal["epsilon_popularity", "plackett_luce"] = "epsilon_popularity"
    """How the log behind the counterfactual estimates is filled."""
    logging_epsilon: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of its slots that epsilon_popularity leaves to chance."""
    logging_n_users: Count = 50_000
    """Users in that log, a list each."""

    @model_validator(mode="after")
    def _rates(self) -> Self:
        if self.control_purchase_rate > self.control_ctr:
            raise ValueError("control_purchase_rate must not be above control_ctr")
        least = self.depth_minimum * (1 + self.depth_ctr_factor * self.control_ctr)
        if self.control_session_depth <= least:
            raise ValueError(
                f"control_session_depth {self.control_session_depth:g} must be above {least:g},"
                " the depth that depth_minimum alone gives at control_ctr"
            )
        return self


class StudyConfig(Section):
    """The long study of the scorecard: how often each source of noise is drawn anew."""

    click_seeds: Annotated[int, Field(ge=0)] = 7
    """Scorecards of the same shop and models, each of experiment.scorecard_replicates."""
    training_seeds: Annotated[int, Field(ge=0)] = 4
    """Models fitted again to the same shop."""
    shop_seeds: Annotated[int, Field(ge=0)] = 4
    """Shops, with models of their own."""
    replicates: Annotated[int, Field(ge=1)] = 50
    """Simulated experiments behind each figure of one training or one shop."""


class StorageConfig(Section):
    """Where the tables are kept."""

    database: Annotated[str, Field(min_length=1)] = "data/recolab.duckdb"
    """The DuckDB file, relative to the repository."""
    lock_timeout_seconds: NonNegative = 60.0
    """How long to wait for another process that holds the file."""


class LabConfig(Section):
    """The whole configuration."""

    data: DataConfig = DataConfig()
    shop: ShopConfig = ShopConfig()
    source: SourceConfig | None = None
    split: SplitConfig = SplitConfig()
    model: ModelConfig = ModelConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    experiment: ExperimentConfig = ExperimentConfig()
    study: StudyConfig = StudyConfig()
    storage: StorageConfig = StorageConfig()
    scale: ScaleConfig = ScaleConfig()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        top_k, longest = self.model.top_k, max(self.evaluation.k_values)
        if longest > top_k:
            raise ValueError(
                f"evaluation.k_values: {longest} is above model.top_k {top_k};"
                " metrics need lists that long"
            )
        if self.experiment.interleaving_k > top_k:
            raise ValueError(
                f"experiment.interleaving_k: {self.experiment.interleaving_k} is above"
                f" model.top_k {top_k}"
            )
        if self.source is not None and self.experiment.response_model != "replay":
            raise ValueError(
                f"experiment.response_model: {self.experiment.response_model!r} needs the synthetic"
                " shop's truth;"
                " with a source only 'replay' is possible"
            )
        if self.shop.n_leaves > self.data.n_products:
            raise ValueError(
                f"data.n_products: {self.data.n_products} leaves some of the"
                f" {self.shop.n_leaves} subcategories empty;"
                " allowed: at least one product a subcategory"
            )
        if self.source is None and self.shop.repeat_share and not self.model.exclude_seen:
            raise ValueError(
                "shop.repeat_share: with repeats the truth is known for products new to the user"
                " only; set model.exclude_seen to true, or repeat_share to 0"
            )
        return self

    @property
    def training_seed(self) -> int:
        """Seed of what models draw when they are fitted."""
        own = self.model.training_seed
        return self.data.random_seed if own is None else own

    @property
    def experiment_seed(self) -> int:
        """Seed of simulated users, assignments and clicks."""
        own = self.experiment.random_seed
        return self.data.random_seed if own is None else own

    @property
    def database_path(self) -> Path:
        """Absolute path of the DuckDB file."""
        return ROOT / self.storage.database


class _StrictLoader(yaml.SafeLoader):
    """Safe YAML that refuses a key given twice instead of keeping the last one."""


def _mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Hashable, Any]:
    keys = [loader.construct_object(key) for key, _ in node.value]
    for position, key in enumerate(keys):
        if key in keys[:position]:
            mark = node.value[position][0].start_mark
            raise ConfigError(f"line {mark.line + 1}: the key {key!r} is given twice")
    return loader.construct_mapping(node, deep=True)


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def config_path() -> Path:
    """Path of the configuration in force: ``RECOLAB_CONFIG``, or ``config/config.yaml``."""
    return resolve_config(os.environ.get(CONFIG_VARIABLE) or str(DEFAULT_CONFIG))


def resolve_config(path: str | Path) -> Path:
    """Make a configuration path absolute: relative to here, else to the repository."""
    given = Path(path)
    return given.resolve() if given.is_absolute() or given.exists() else ROOT / given


def load_config(path: str | Path | None = None) -> LabConfig:
    """Read and validate a configuration.

    Args:
        path: A YAML file; by default the one that ``RECOLAB_CONFIG`` names, or
            ``config/config.yaml``. Keys that it leaves out have the defaults of this module.

    Raises:
        ConfigError: The file is missing, is no YAML, or holds an unknown key, a wrong type or an
            impossible value. The message names the file, each dotted key, its value and what is
            allowed.
    """
    file = config_path() if path is None else resolve_config(path)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: the configuration cannot be read ({error})") from error
    try:
        content = yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a SafeLoader
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{file}: not valid YAML: {error}") from error
    if content is None:
        content = {}
    if not isinstance(content, dict):
        raise ConfigError(f"{file}: expected sections such as 'data:', found {content!r}")
    directory = os.environ.get(SOURCE_VARIABLE)
    if directory and isinstance(content.get("source"), dict):
        content["source"]["directory"] = directory
    try:
        return LabConfig.model_validate(content)
    except ValidationError as error:
        raise ConfigError("\n".join(_sentences(file, error))) from error


def _sentences(file: Path, error: ValidationError) -> list[str]:
    """One line for each fault: file, dotted key, value, what is allowed."""
    lines = []
    for fault in error.errors():
        key = ".".join(str(part) for part in fault["loc"])
        message = fault["msg"].removeprefix("Value error, ")
        value = without_password(repr(fault["input"]))
        where = f"{file}: {key}" if key else f"{file}"
        if fault["type"] == "extra_forbidden":
            lines.append(f"{where}: unknown key (value {value}); {_allowed(fault['loc'])}")
        elif fault["type"] == "value_error":
            lines.append(f"{where}: {message}")
        elif fault["type"] == "missing":
            lines.append(f"{where}: this key is compulsory")
        else:
            lines.append(f"{where}: {value} is not allowed; {message}")
    return lines


def _allowed(location: tuple[int | str, ...]) -> str:
    """Name the keys of the section that an unknown key was found in."""
    section: Any = LabConfig
    for part in location[:-1]:
        field = section.model_fields.get(part) if isinstance(part, str) else None
        annotation = field.annotation if field else section
        section = next(
            (
                candidate
                for candidate in (annotation, *getattr(annotation, "__args__", ()))
                if isinstance(candidate, type) and issubclass(candidate, BaseModel)
            ),
            LabConfig,
        )
    return "allowed: " + ", ".join(sorted(section.model_fields))
