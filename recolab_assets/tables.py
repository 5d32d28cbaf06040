"""The contract of every table: columns, types, keys. Storage, checks and docs derive from it."""

from dataclasses import dataclass
from typing import Final

import pyarrow as pa

ARROW_TYPES: Final[dict[str, pa.DataType]] = {
    "BOOLEAN": pa.bool_(),
    "TINYINT": pa.int8(),
    "INTEGER": pa.int32(),
    "BIGINT": pa.int64(),
    "FLOAT": pa.float32(),
    "DOUBLE": pa.float64(),
    "VARCHAR": pa.string(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us"),
    "VARCHAR[]": pa.list_(pa.string()),
    "FLOAT[]": pa.list_(pa.float32()),
}
"""DuckDB types that the lab uses, with the Arrow type that each is exchanged as."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: DuckDB type, meaning, and whether a value may be absent."""

    name: str
    type: str
    description: str
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """Columns whose values must stand in another table; ``where`` limits the rows it binds."""

    columns: tuple[str, ...]
    table: str
    references: tuple[str, ...]
    where: str = "true"


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the lab."""

    name: str
    schema: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    reproducible: bool = True
    """The same configuration and seed give the same rows; not so where times are measured."""

    @property
    def qualified_name(self) -> str:
        """``schema.name``, as SQL names it."""
        return f"{self.schema}.{self.name}"

    @property
    def arrow_schema(self) -> pa.Schema:
        """The Arrow schema that the table is exchanged as, columns in order."""
        return pa.schema(
            [
                pa.field(column.name, ARROW_TYPES[column.type], nullable=column.nullable)
                for column in self.columns
            ]
        )

    @property
    def column_names(self) -> list[str]:
        """Names of the columns, in order."""
        return [column.name for column in self.columns]


def _columns(*rows: tuple[str, str, str]) -> tuple[Column, ...]:
    """Build columns from (name, type, description); a type that ends in ``?`` may be absent."""
    return tuple(
        Column(name, kind.removesuffix("?"), description, nullable=kind.endswith("?"))
        for name, kind, description in rows
    )


_INTERACTION_COLUMNS = _columns(
    ("interaction_id", "BIGINT", "Number of the event, ordered by user and time."),
    ("user_id", "INTEGER", "Who."),
    ("item_id", "INTEGER", "A product_id or a content_id, according to item_type."),
    ("item_type", "VARCHAR", "product or editorial."),
    ("event_type", "VARCHAR", "view, click, add_to_cart, purchase; editorial: click, read."),
    ("session_id", "BIGINT", "Visit that the event belongs to."),
    ("occurred_at", "TIMESTAMP", "When (UTC)."),
    ("quantity", "INTEGER?", "Units bought; empty unless a purchase."),
    ("unit_price", "DOUBLE?", "Price paid for one unit; empty unless a purchase."),
)

_USER = ForeignKey(("user_id",), "users", ("user_id",))
_PRODUCT = ForeignKey(("product_id",), "products", ("product_id",))


def _interaction_table(name: str, schema: str, description: str) -> Table:
    return Table(
        name,
        schema,
        description,
        _INTERACTION_COLUMNS,
        key=("interaction_id",),
        foreign_keys=(
            _USER,
            ForeignKey(("item_id",), "products", ("product_id",), "item_type = 'product'"),
            ForeignKey(("item_id",), "editorial", ("content_id",), "item_type = 'editorial'"),
        ),
    )


RAW = (
    Table(
        "users",
        "raw",
        "Customers. user_id runs from 0 without gaps.",
        _columns(
            ("user_id", "INTEGER", "Dense id, from 0."),
            ("source_id", "VARCHAR?", "The shop's own id; empty on the synthetic shop."),
            (
                "signed_up_at",
                "TIMESTAMP?",
                "Sign-up; no event of the synthetic shop lies before.",
            ),
            ("primary_category", "VARCHAR?", "Where 70% of product interactions fall."),
            ("preferred_subcategory", "VARCHAR?", "Where 60% of those fall."),
            ("favourite_brand", "VARCHAR?", "First favourite (synthetic shop)."),
            ("second_brand", "VARCHAR?", "Second favourite (synthetic shop)."),
            ("favourite_tier", "VARCHAR?", "Favourite price tier (synthetic shop)."),
            ("activity", "DOUBLE?", "Share of all interactions expected of the user."),
        ),
        key=("user_id",),
    ),
    Table(
        "products",
        "raw",
        "The catalogue. product_id runs from 0 without gaps.",
        _columns(
            ("product_id", "INTEGER", "Dense id, from 0."),
            ("source_id", "VARCHAR?", "The shop's own id; empty on the synthetic shop."),
            ("title", "VARCHAR?", "Name."),
            ("category", "VARCHAR?", "Category."),
            ("subcategory", "VARCHAR?", "Subcategory inside the category."),
            ("brand", "VARCHAR?", "Brand."),
            ("price_tier", "VARCHAR?", "budget, mid, premium or luxury."),
            ("price", "DOUBLE?", "List price."),
            ("launched_at", "TIMESTAMP?", "Launch; nobody meets the product before it."),
            ("base_popularity", "DOUBLE?", "Weight rank^-1.2 that draws start from (synthetic)."),
            ("peak_month", "DOUBLE?", "Months from the log's start to the peak (synthetic)."),
            ("decay_per_month", "DOUBLE?", "Decay of the weight away from the peak (synthetic)."),
        ),
        key=("product_id",),
    ),
    Table(
        "editorial",
        "raw",
        "Editorial content. content_id runs from 0 in a name space of its own.",
        _columns(
            ("content_id", "INTEGER", "Dense id, from 0."),
            ("source_id", "VARCHAR?", "The shop's own id; empty on the synthetic shop."),
            ("title", "VARCHAR?", "Headline."),
            ("content_type", "VARCHAR?", "article, post, collection, buying_guide, or own word."),
            ("category", "VARCHAR?", "Category, of the products' taxonomy."),
            ("topic_tags", "VARCHAR[]?", "Topics; two or three on the synthetic shop."),
            (
                "published_at",
                "TIMESTAMP?",
                "Publication; no event of the synthetic shop lies before.",
            ),
            ("base_popularity", "DOUBLE?", "Weight rank^-1.1 that draws start from (synthetic)."),
        ),
        key=("content_id",),
    ),
    _interaction_table("interactions", "raw", "The event log, products and editorial."),
    Table(
        "import_report",
        "raw",
        "What became of the rows of the log, step by step, and what is odd about those kept.",
        _columns(
            ("step", "INTEGER", "Order of the rows, from 0: read, dropped, kept, then findings."),
            ("kind", "VARCHAR", "step: counts add up to what was read; finding: they need not."),
            ("finding", "VARCHAR", "read, why rows were dropped, kept, or what is odd."),
            ("severity", "VARCHAR", "info, or warning where results are likely to suffer."),
            ("rule", "VARCHAR?", "Condition of the step."),
            (
                "n_matched",
                "BIGINT",
                "Rows that meet the condition, lines of an earlier file not counted.",
            ),
            ("n_rows", "BIGINT", "Rows read, dropped at this step, kept, or concerned."),
            ("share", "DOUBLE", "Of the rows read (steps, dropped lines), or of those kept."),
            ("examples", "VARCHAR[]", "Up to three: file, row and value."),
            ("advice", "VARCHAR?", "What to change in the configuration or the log."),
        ),
        key=("step",),
    ),
)

PROCESSED = (
    _interaction_table("train_interactions", "processed", "Everything before the cut."),
    _interaction_table(
        "validation_interactions",
        "processed",
        "The last part of training, set aside while settings are tuned, trained on afterwards.",
    ),
    _interaction_table("test_interactions", "processed", "The hold-out: everything from the cut."),
    Table(
        "train_pairs",
        "processed",
        "Training product interactions by (user, product): what the models learn from.",
        _columns(
            ("user_id", "INTEGER", "User."),
            ("product_id", "INTEGER", "Product."),
            ("weight", "FLOAT", "Sum of the event weights."),
            ("n_events", "INTEGER", "Events of the pair."),
            ("last_at", "TIMESTAMP", "Latest event of the pair."),
        ),
        key=("user_id", "product_id"),
        foreign_keys=(_USER, _PRODUCT),
    ),
    Table(
        "user_features",
        "processed",
        "One row a user, from training data only.",
        _columns(
            ("user_id", "INTEGER", "User."),
            ("n_events", "BIGINT", "Events, products and editorial."),
            ("n_views", "BIGINT", "Product views."),
            ("n_clicks", "BIGINT", "Product clicks."),
            ("n_carts", "BIGINT", "Products put into the cart."),
            ("n_purchases", "BIGINT", "Purchases."),
            ("n_sessions", "BIGINT", "Sessions."),
            ("n_products", "BIGINT", "Distinct products."),
            ("events_per_session", "DOUBLE?", "Mean length of a session; empty without events."),
            ("click_rate", "DOUBLE?", "Clicks per view."),
            ("cart_rate", "DOUBLE?", "Carts per click."),
            ("purchase_rate", "DOUBLE?", "Purchases per cart."),
            ("recency_days", "DOUBLE?", "Days from the latest event to the end of training."),
            ("tenure_days", "DOUBLE?", "Days from the first event to the end of training."),
            ("top_category", "VARCHAR?", "Category with most product events."),
            ("top_category_share", "DOUBLE?", "Its share of product events."),
            ("top_subcategory", "VARCHAR?", "Subcategory with most product events."),
            ("top_subcategory_share", "DOUBLE?", "Its share of product events."),
            ("spend", "DOUBLE", "Sum of quantity × unit price over purchases."),
            ("share_budget", "DOUBLE?", "Share of product events in the tier."),
            ("share_mid", "DOUBLE?", "Share of product events in the tier."),
            ("share_premium", "DOUBLE?", "Share of product events in the tier."),
            ("share_luxury", "DOUBLE?", "Share of product events in the tier."),
            ("n_editorial_reads", "BIGINT", "Editorial clicks and reads."),
            ("top_editorial_category", "VARCHAR?", "Category read most."),
            ("editorial_reads_top_category", "BIGINT", "Reads in the top product category."),
        ),
        key=("user_id",),
        foreign_keys=(_USER,),
    ),
    Table(
        "item_features",
        "processed",
        "One row a product, from training data only.",
        _columns(
            ("product_id", "INTEGER", "Product."),
            ("n_events", "BIGINT", "Events."),
            ("n_views", "BIGINT", "Views."),
            ("n_clicks", "BIGINT", "Clicks."),
            ("n_carts", "BIGINT", "Put into the cart."),
            ("n_purchases", "BIGINT", "Purchases."),
            ("n_users", "BIGINT", "Distinct users."),
            ("n_buyers", "BIGINT", "Distinct buyers."),
            ("click_rate", "DOUBLE?", "Clicks per view."),
            ("cart_rate", "DOUBLE?", "Carts per click."),
            ("purchase_rate", "DOUBLE?", "Purchases per cart."),
            ("revenue", "DOUBLE", "Sum of quantity × unit price over purchases."),
            ("recency_days", "DOUBLE?", "Days from the latest event to the end of training."),
            ("age_days", "DOUBLE?", "Days from launch (or first event) to the end of training."),
            ("recent_popularity", "DOUBLE", "Events, each halved for every half-life of age."),
            ("trend", "DOUBLE?", "Events of the last 28 days over the 28 days before."),
        ),
        key=("product_id",),
        foreign_keys=(_PRODUCT,),
    ),
)

MODELS = (
    Table(
        "popularity",
        "models",
        "Popularity model: recency-weighted counts.",
        _columns(
            ("product_id", "INTEGER", "Product."),
            ("score", "DOUBLE", "Weighted events, each halved for every half-life of age."),
            ("popularity_rank", "INTEGER", "Order by score, then product id; from 1."),
        ),
        key=("product_id",),
        foreign_keys=(_PRODUCT,),
    ),
    Table(
        "als",
        "models",
        "Settings and fit of the matrix factorisation.",
        _columns(
            ("factors", "INTEGER", "Latent dimensions."),
            ("iterations", "INTEGER", "Sweeps."),
            ("regularization", "DOUBLE", "Ridge penalty."),
            ("alpha", "DOUBLE", "Confidence a unit of weight adds."),
        ),
    ),
    Table(
        "als_user_factors",
        "models",
        "Latent factors of users with training pairs.",
        _columns(
            ("user_id", "INTEGER", "User."),
            ("factors", "FLOAT[]", "Latent factors."),
        ),
        key=("user_id",),
        foreign_keys=(_USER,),
    ),
    Table(
        "als_item_factors",
        "models",
        "Latent factors of products with training pairs.",
        _columns(
            ("product_id", "INTEGER", "Product."),
            ("factors", "FLOAT[]", "Latent factors."),
        ),
        key=("product_id",),
        foreign_keys=(_PRODUCT,),
    ),
    Table(
        "item_cf",
        "models",
        "Item–item neighbours by cosine.",
        _columns(
            ("product_id", "INTEGER", "Product."),
            ("neighbour_id", "INTEGER", "A similar product, never itself."),
            ("similarity", "DOUBLE", "Cosine of their columns of training pairs."),
        ),
        key=("product_id", "neighbour_id"),
        foreign_keys=(_PRODUCT, ForeignKey(("neighbour_id",), "products", ("product_id",))),
    ),
    Table(
        "content_based",
        "models",
        "TF-IDF vectors of the products' attributes, unit length.",
        _columns(
            ("product_id", "INTEGER", "Product."),
            ("term", "VARCHAR", "attribute=value."),
            ("weight", "DOUBLE", "Component of the unit vector."),
        ),
        key=("product_id", "term"),
        foreign_keys=(_PRODUCT,),
    ),
    Table(
        "hybrid",
        "models",
        "What the hybrid blends.",
        _columns(
            ("component", "VARCHAR", "Model that hands in candidates."),
            ("weight", "DOUBLE", "Share in the weighted sum."),
            ("candidate_depth", "INTEGER", "Candidates taken of the model."),
        ),
        key=("component",),
    ),
)

RECOMMENDATIONS = (
    Table(
        "recommendations",
        "recommendations",
        "Top list of every model for every user: what everything after the models reads.",
        _columns(
            ("model", "VARCHAR", "Model."),
            ("user_id", "INTEGER", "User."),
            ("rank", "TINYINT", "Position, from 1."),
            ("product_id", "INTEGER", "Recommended product."),
            ("score", "FLOAT", "The model's own score; popularity's where is_fallback."),
            ("is_fallback", "BOOLEAN", "The model cannot serve the user; popularity fills in."),
        ),
        key=("model", "user_id", "rank"),
        foreign_keys=(_USER, _PRODUCT),
    ),
)

_INTERVAL = (
    ("ci_low", "DOUBLE?", "Lower end of the confidence interval."),
    ("ci_high", "DOUBLE?", "Upper end of the confidence interval."),
)

_SEGMENT = (
    ("segmentation", "VARCHAR", "activity, category or history."),
    (
        "segment",
        "VARCHAR",
        "Third by events in training; top category in training, or unknown;"
        " new (no event in training) or returning.",
    ),
)


_METHOD = ("model", "VARCHAR", "Model or baseline.")
_PRODUCTS = (
    "products",
    "VARCHAR",
    "What counts as relevant: all, new (to the user), repeat, recent (first seen shortly before"
    " the cut) or unseen (first seen after it).",
)
_MEAN_METRIC = (
    ("metric", "VARCHAR", "Accuracy metric."),
    ("k", "INTEGER", "List length."),
    ("value", "DOUBLE", "Mean over users."),
    *_INTERVAL,
    ("n_users", "BIGINT", "Users behind the value."),
)


def _user_metrics_table(name: str, description: str, *parts: tuple[str, str, str]) -> Table:
    return Table(
        name,
        "evaluation",
        description,
        _columns(
            *parts,
            ("model", "VARCHAR", "Model."),
            ("user_id", "INTEGER", "User with relevant products in the hold-out."),
            ("k", "INTEGER", "List length."),
            ("n_relevant", "INTEGER", "Distinct relevant products."),
            ("precision", "DOUBLE", "Hits / k."),
            ("recall", "DOUBLE", "Hits / relevant."),
            ("ndcg", "DOUBLE", "Discounted gain over the ideal of min(k, relevant)."),
            ("map", "DOUBLE", "Average precision over min(k, relevant)."),
            ("mrr", "DOUBLE", "1 / rank of the first hit."),
            ("hit_rate", "DOUBLE", "1 with any hit."),
        ),
        key=(*(part[0] for part in parts), "model", "user_id", "k"),
        foreign_keys=(_USER,),
    )


EVALUATION = (
    _user_metrics_table("user_metrics", "Accuracy of every model for every eligible user."),
    _user_metrics_table(
        "other_split_metrics",
        "The same under the split that the configuration does not use, for a sample of users and"
        " models fitted anew.",
    ),
    _user_metrics_table(
        "product_kind_user_metrics",
        "The same for models and baselines by kind of product, for a sample of users.",
        _PRODUCTS,
    ),
    Table(
        "product_kind_metrics",
        "evaluation",
        "Accuracy of models and baselines by kind of product, with its interval.",
        _columns(_METHOD, _PRODUCTS, *_MEAN_METRIC),
        key=("model", "products", "metric", "k"),
    ),
    Table(
        "user_group_metrics",
        "evaluation",
        "Accuracy of models and baselines for warm, cold and new users apart.",
        _columns(
            (
                "users",
                "VARCHAR",
                "warm, cold (few product events in training) or new (none).",
            ),
            _METHOD,
            _PRODUCTS,
            *_MEAN_METRIC,
        ),
        key=("users", "model", "products", "metric", "k"),
    ),
    Table(
        "shop_verdict",
        "evaluation",
        "What is best for this shop, models and baselines together: a sentence each with all, new"
        " and repeat products.",
        _columns(
            ("products", "VARCHAR", "What counts as relevant: all, new (to the user) or repeat."),
            ("k", "INTEGER", "List length."),
            ("n_users", "BIGINT", "Users compared."),
            ("best", "VARCHAR?", "Highest NDCG; empty where no list holds anything relevant."),
            ("value", "DOUBLE?", "Its NDCG."),
            *_INTERVAL,
            ("runner_up", "VARCHAR?", "Second highest."),
            ("runner_up_value", "DOUBLE?", "Its NDCG."),
            ("difference", "DOUBLE?", "Best minus second, mean over users."),
            ("difference_low", "DOUBLE?", "Lower end of its interval, uncorrected."),
            ("difference_high", "DOUBLE?", "Upper end of it."),
            ("p_adjusted", "DOUBLE?", "Paired test of it, Holm-corrected over all pairs."),
            ("is_decided", "BOOLEAN", "The difference is more than noise."),
            ("as_good", "VARCHAR[]", "Methods from which the best cannot be told by such tests."),
            ("best_model", "VARCHAR?", "Highest of the models, baselines left out."),
            ("best_model_value", "DOUBLE?", "Its NDCG."),
            ("sentence", "VARCHAR", "The same in words."),
        ),
        key=("products",),
    ),
    Table(
        "rolling_metrics",
        "evaluation",
        "Accuracy of models and baselines at several cuts in time, all fitted anew to the log of a"
        " sample of users.",
        _columns(
            ("cut", "INTEGER", "Number of the cut; 1 is the latest."),
            ("cut_at", "TIMESTAMP", "Training ends and the hold-out begins (UTC)."),
            _METHOD,
            ("products", "VARCHAR", "What counts as relevant: all, new (to the user) or repeat."),
            ("metric", "VARCHAR", "Accuracy metric."),
            ("k", "INTEGER", "List length."),
            ("value", "DOUBLE", "Mean over users."),
            ("n_users", "BIGINT", "Users behind the value."),
        ),
        key=("cut", "model", "products", "metric", "k"),
    ),
    Table(
        "rolling_summary",
        "evaluation",
        "How much the accuracy of models and baselines varies from cut to cut.",
        _columns(
            _METHOD,
            ("products", "VARCHAR", "What counts as relevant: all, new (to the user) or repeat."),
            ("metric", "VARCHAR", "Accuracy metric."),
            ("k", "INTEGER", "List length."),
            ("n_cuts", "BIGINT", "Cuts with a value."),
            ("mean", "DOUBLE", "Mean over cuts."),
            ("standard_deviation", "DOUBLE?", "Between cuts; empty with one."),
            ("lowest", "DOUBLE", "Least value."),
            ("highest", "DOUBLE", "Greatest value."),
            ("n_best", "BIGINT", "Cuts at which nothing has a greater value."),
        ),
        key=("model", "products", "metric", "k"),
    ),
    Table(
        "product_exposure",
        "evaluation",
        "How often each product is recommended by every model, used and bought.",
        _columns(
            ("source", "VARCHAR", "A model; interactions or purchases in training."),
            ("product_id", "INTEGER", "Product; every one for every source."),
            ("n", "BIGINT", "Lists that hold it, or events with it."),
        ),
        key=("source", "product_id"),
        foreign_keys=(_PRODUCT,),
    ),
    Table(
        "offline_metrics",
        "evaluation",
        "Every metric of every model with its interval.",
        _columns(
            ("model", "VARCHAR", "Model."),
            (
                "metric",
                "VARCHAR",
                "precision, recall, ndcg, map, mrr, hit_rate, coverage,"
                " diversity, novelty, average_popularity or gini.",
            ),
            ("k", "INTEGER", "List length."),
            ("value", "DOUBLE", "Value; a mean over users, or of all lists together."),
            *_INTERVAL,
            ("n_users", "BIGINT", "Users behind the value."),
        ),
        key=("model", "metric", "k"),
    ),
    Table(
        "model_comparisons",
        "evaluation",
        "Paired differences between every two models.",
        _columns(
            ("model_a", "VARCHAR", "First model."),
            ("model_b", "VARCHAR", "Second model."),
            ("metric", "VARCHAR", "Accuracy metric."),
            ("k", "INTEGER", "List length."),
            ("difference", "DOUBLE", "Mean of a − b over users."),
            *_INTERVAL,
            ("effect_size", "DOUBLE?", "Mean over standard deviation of the differences."),
            ("p_value", "DOUBLE", "Two-sided paired test."),
            ("p_adjusted", "DOUBLE", "Holm-corrected over the pairs of one metric and k."),
            ("n_users", "BIGINT", "Users compared."),
        ),
        key=("model_a", "model_b", "metric", "k"),
    ),
    Table(
        "metric_curves",
        "evaluation",
        "Accuracy of every model at every list length.",
        _columns(
            ("model", "VARCHAR", "Model."),
            ("metric", "VARCHAR", "Accuracy metric."),
            ("k", "INTEGER", "List length, from 1 to that of the stored lists."),
            ("value", "DOUBLE", "Mean over eligible users."),
        ),
        key=("model", "metric", "k"),
    ),
    Table(
        "segment_metrics",
        "evaluation",
        "Accuracy of every model by kind of user.",
        _columns(
            *_SEGMENT,
            ("model", "VARCHAR", "Model."),
            ("metric", "VARCHAR", "Accuracy metric."),
            ("k", "INTEGER", "List length."),
            ("value", "DOUBLE", "Mean over the eligible users of the segment."),
            *_INTERVAL,
            ("n_users", "BIGINT", "Eligible users of the segment."),
        ),
        key=("segmentation", "segment", "model", "metric", "k"),
    ),
    Table(
        "segment_comparisons",
        "evaluation",
        "Paired differences between every two models by kind of user.",
        _columns(
            *_SEGMENT,
            ("model_a", "VARCHAR", "First model."),
            ("model_b", "VARCHAR", "Second model."),
            ("metric", "VARCHAR", "Accuracy metric."),
            ("k", "INTEGER", "List length."),
            ("difference", "DOUBLE", "Mean of a − b over the users of the segment."),
            *_INTERVAL,
            ("p_value", "DOUBLE", "Two-sided paired test."),
            (
                "p_adjusted",
                "DOUBLE",
                "Holm-corrected over the pairs and segments of one segmentation, metric and k.",
            ),
            ("n_users", "BIGINT", "Users compared."),
        ),
        key=("segmentation", "segment", "model_a", "model_b", "metric", "k"),
    ),
    Table(
        "guardrails",
        "evaluation",
        "Limits that a model to be shipped must keep.",
        _columns(
            ("model", "VARCHAR", "Model."),
            ("metric", "VARCHAR", "coverage or diversity, at the longest k."),
            ("value", "DOUBLE", "Measured."),
            ("threshold", "DOUBLE", "Least allowed."),
            ("passed", "BOOLEAN", "value >= threshold."),
        ),
        key=("model", "metric"),
    ),
)

EXPERIMENTS = (
    Table(
        "ab_exposures",
        "experiments",
        "What each user of the A/B test was shown and did, position by position.",
        _columns(
            ("user_id", "INTEGER", "User."),
            ("arm", "VARCHAR", "Model whose list was shown."),
            ("shown_on", "DATE", "Day of the user's first event in the hold-out."),
            ("position", "TINYINT", "Position, from 1."),
            ("product_id", "INTEGER", "Product shown."),
            ("propensity", "DOUBLE", "Probability of showing it here under the arm: 1."),
            ("clicked", "BOOLEAN", "Clicked."),
            ("purchased", "BOOLEAN", "Bought after the click."),
        ),
        key=("user_id", "position"),
        foreign_keys=(_USER, _PRODUCT),
    ),
    Table(
        "ab_report",
        "experiments",
        "The A/B test, a row an arm.",
        _columns(
            ("arm", "VARCHAR", "Model."),
            ("is_control", "BOOLEAN", "What the others are compared with."),
            ("n_users", "BIGINT", "Users assigned."),
            ("impressions", "BIGINT", "Products shown."),
            ("clicks", "BIGINT", "Clicks."),
            ("purchases", "BIGINT", "Purchases."),
            ("ctr", "DOUBLE?", "Clicks per impression."),
            ("session_depth", "DOUBLE?", "Mean pages a session."),
            ("purchase_rate", "DOUBLE?", "Purchases per impression."),
            ("ctr_uplift", "DOUBLE?", "ctr over the control's, minus 1."),
            ("ctr_uplift_low", "DOUBLE?", "Lower end of its interval."),
            ("ctr_uplift_high", "DOUBLE?", "Upper end of its interval."),
            ("p_mann_whitney", "DOUBLE?", "Mann–Whitney U on users' click rates, as published."),
            ("p_value", "DOUBLE?", "Delta-method test of the ratio of sums."),
            ("p_adjusted", "DOUBLE?", "Holm-corrected over the arms."),
            ("significant", "BOOLEAN", "p_adjusted below alpha."),
            ("is_best", "BOOLEAN", "Highest click rate."),
            (
                "sample_ratio_p",
                "DOUBLE?",
                "Chance of arms as unequal in users as these; below .001 do not read the report.",
            ),
        ),
        key=("arm",),
    ),
    Table(
        "ab_comparisons",
        "experiments",
        "Every metric of every arm against the control.",
        _columns(
            ("arm", "VARCHAR", "Arm."),
            ("metric", "VARCHAR", "ctr, clicks_per_user, purchase_rate or log_session_depth."),
            ("value", "DOUBLE?", "The arm's."),
            ("control_value", "DOUBLE?", "The control's."),
            ("difference", "DOUBLE?", "Arm minus control."),
            *_INTERVAL,
            ("relative_difference", "DOUBLE?", "Arm over control, minus 1; depth: as depth."),
            ("relative_low", "DOUBLE?", "Lower end of its interval, never below -1."),
            ("relative_high", "DOUBLE?", "Upper end of its interval."),
            ("standard_error", "DOUBLE?", "Of the difference."),
            ("p_value", "DOUBLE?", "Two-sided."),
            ("p_adjusted", "DOUBLE?", "Holm-corrected over the arms of one metric."),
            ("superiority", "DOUBLE?", "P(a user of the arm has more) + P(as much) / 2."),
            ("p_mann_whitney", "DOUBLE?", "Mann–Whitney U on users' own values."),
            (
                "ranks_disagree",
                "BOOLEAN",
                "Superiority and difference point opposite ways, and one of them is significant.",
            ),
            ("cuped_difference", "DOUBLE?", "Arm minus control, given activity before the test."),
            ("cuped_low", "DOUBLE?", "Lower end of its interval."),
            ("cuped_high", "DOUBLE?", "Upper end of its interval."),
            ("cuped_p_value", "DOUBLE?", "Two-sided, uncorrected."),
            ("cuped_variance_removed", "DOUBLE?", "Share of the squared standard error removed."),
            ("power", "DOUBLE?", "Chance to find experiment.smallest_effect, uncorrected."),
            (
                "minimum_detectable_effect",
                "DOUBLE?",
                "Least relative difference that is found with 80% power, uncorrected.",
            ),
        ),
        key=("arm", "metric"),
    ),
    Table(
        "ab_sequence",
        "experiments",
        "Click rate of every arm against the control, with an interval for looking every day.",
        _columns(
            ("arm", "VARCHAR", "Arm."),
            ("day", "DATE", "Last day that is counted."),
            ("n_users", "BIGINT", "Users of the arm and the control so far."),
            ("difference", "DOUBLE?", "Clicks per impression so far, arm minus control."),
            ("ci_low", "DOUBLE?", "Lower end of the interval that holds on all days together."),
            ("ci_high", "DOUBLE?", "Upper end of it."),
            ("excludes_zero", "BOOLEAN", "The interval left out 0 on this day or an earlier one."),
        ),
        key=("arm", "day"),
    ),
    Table(
        "ab_segments",
        "experiments",
        "Click rate of every arm against the control, by kind of user.",
        _columns(
            *_SEGMENT,
            ("arm", "VARCHAR", "Arm."),
            ("n_users", "BIGINT", "Users of the arm."),
            ("n_control_users", "BIGINT", "Users of the control."),
            ("ctr", "DOUBLE?", "Clicks per impression of the arm."),
            ("control_ctr", "DOUBLE?", "Clicks per impression of the control."),
            ("difference", "DOUBLE?", "Arm minus control; empty where too few users or clicks."),
            *_INTERVAL,
            ("p_value", "DOUBLE?", "Two-sided."),
            (
                "p_adjusted",
                "DOUBLE?",
                "Holm-corrected over the segments and arms of one segmentation.",
            ),
        ),
        key=("segmentation", "segment", "arm"),
    ),
    Table(
        "interleaving_report",
        "experiments",
        "Team-draft multileaving, a row a model.",
        _columns(
            ("model", "VARCHAR", "Model."),
            ("n_users", "BIGINT", "Users who saw a multileaved list."),
            ("win_rate", "DOUBLE?", "Share of users with strictly more credits than any rival."),
            ("chance_win_rate", "DOUBLE?", "What chance alone gives: users not tied, over models."),
            ("avg_credits", "DOUBLE?", "Clicked products drafted, per user."),
            ("is_winner", "BOOLEAN", "Highest win rate; ties by credits."),
            ("copeland_score", "DOUBLE?", "Rivals that more users prefer it to; a draw is a half."),
            ("copeland_confidence", "DOUBLE?", "Share of bootstrap samples of users that it wins."),
            ("is_copeland_winner", "BOOLEAN?", "Strictly highest Copeland score."),
            ("slot_share", "DOUBLE?", "Share of the owned slots that it drafted."),
            ("mean_position", "DOUBLE?", "Mean position of those slots, from 1."),
            ("balance_p", "DOUBLE?", "Chance of so uneven slots or positions in a sound draft."),
        ),
        key=("model",),
    ),
    Table(
        "interleaving_preferences",
        "experiments",
        "Multileaving, every two models.",
        _columns(
            ("model_a", "VARCHAR", "First model."),
            ("model_b", "VARCHAR", "Second model."),
            ("preference", "DOUBLE?", "Share of deciding users who credit a more; ties left out."),
            *_INTERVAL,
            ("p_value", "DOUBLE", "Exact two-sided sign test."),
            ("p_adjusted", "DOUBLE", "Holm-corrected over the pairs."),
            ("n_users", "BIGINT", "Deciding users."),
            ("bootstrap_low", "DOUBLE?", "Lower end of the interval by bootstrap over users."),
            ("bootstrap_high", "DOUBLE?", "Upper end."),
            ("overlap", "DOUBLE?", "Rank-biased overlap of the two models' lists, mean of users."),
        ),
        key=("model_a", "model_b"),
    ),
    Table(
        "interleaving_pairs",
        "experiments",
        "Round-robin of two-model team drafts, every two models on users of their own.",
        _columns(
            ("model_a", "VARCHAR", "First model."),
            ("model_b", "VARCHAR", "Second model."),
            ("preference", "DOUBLE?", "Share of deciding users who credit a more; ties left out."),
            *_INTERVAL,
            ("p_value", "DOUBLE", "Exact two-sided sign test."),
            ("p_adjusted", "DOUBLE", "Holm-corrected over the pairs."),
            ("n_users", "BIGINT", "Users who saw a list drafted from the two."),
            ("wins_a", "BIGINT", "Users with more credits for a."),
            ("wins_b", "BIGINT", "Users with more credits for b."),
            ("ties", "BIGINT", "Users with as many for both, mostly none."),
        ),
        key=("model_a", "model_b"),
    ),
    Table(
        "truth",
        "experiments",
        "Exact expected values of every model and of an oracle (synthetic shop; else empty).",
        _columns(
            ("model", "VARCHAR", "Model, or oracle."),
            (
                "metric",
                "VARCHAR",
                "ctr, clicks_per_user, purchase_rate, session_depth, share_of_oracle or regret.",
            ),
            ("value", "DOUBLE", "Expected value."),
        ),
        key=("model", "metric"),
    ),
    Table(
        "method_scorecard",
        "experiments",
        "How well each way of evaluating finds the truth (synthetic shop; else empty).",
        _columns(
            ("method", "VARCHAR", "Way of evaluating."),
            ("measure", "VARCHAR", "best_pick_rate, regret, kendall_tau, …"),
            ("setting", "VARCHAR", "Size of the experiment and what was varied."),
            (
                "arms",
                "VARCHAR",
                "What the arms show: models, cloned, closest, closest_cloned, identical,"
                " equal_truth or more_visits.",
            ),
            ("model", "VARCHAR?", "Model compared with the control; empty for all together."),
            ("n_users", "BIGINT?", "Users of the experiment; empty where not for a given number."),
            ("value", "DOUBLE", "Value."),
            ("standard_error", "DOUBLE?", "Monte-Carlo error; empty where exact."),
        ),
        key=("method", "measure", "setting"),
    ),
    Table(
        "counterfactual_report",
        "experiments",
        "Every model's click rate as estimated from another policy's log (synthetic shop; else"
        " empty: no propensities).",
        _columns(
            ("model", "VARCHAR", "Model whose lists are judged."),
            (
                "estimator",
                "VARCHAR",
                "replay, ips, snips, clipped_ips, direct_method, doubly_robust or"
                " position_based_ips.",
            ),
            ("value", "DOUBLE?", "Estimated clicks per impression; empty where none is left."),
            *_INTERVAL,
            ("standard_error", "DOUBLE?", "Over users; empty where fewer than ten of them tell."),
            ("effective_sample_size", "DOUBLE?", "Kish's, of the weights; empty without weights."),
            ("largest_weight", "DOUBLE?", "Largest weight used; empty without weights."),
            ("truth", "DOUBLE?", "Exact clicks per impression for the users of the log."),
            ("n", "BIGINT", "Impressions of the model's lists for these users."),
        ),
        key=("model", "estimator"),
    ),
    Table(
        "experiment_plan",
        "experiments",
        "How many users and days a test of one's own needs, a row a method.",
        _columns(
            ("method", "VARCHAR", "Way of testing, as on the scorecard; ab_cuped adjusted."),
            ("users_needed", "BIGINT?", "Users of the whole test; empty where not known."),
            ("days_needed", "BIGINT?", "Days until so many users have come."),
            ("smallest_effect", "DOUBLE", "Relative difference in ctr that is to be found."),
            ("alpha", "DOUBLE", "Significance level of all comparisons together."),
            ("power", "DOUBLE", "Chance to find the effect."),
            ("recommended", "BOOLEAN", "Fewest users of the methods that nothing speaks against."),
            ("sentence", "VARCHAR", "The same in words, with the figures behind it."),
        ),
        key=("method",),
    ),
)

REPORTS = (
    Table(
        "shop_funnel",
        "reports",
        "Product events by step of the funnel: in all, by segment, by month.",
        _columns(
            (
                "breakdown",
                "VARCHAR",
                "total; category of the product; activity or favourite category of the user.",
            ),
            ("segment", "VARCHAR", "all; a category, or unknown; low, middle or high."),
            ("month", "DATE?", "First day of the month; empty for the whole log."),
            ("step", "VARCHAR", "view, click, add_to_cart or purchase; those that are logged."),
            ("position", "INTEGER", "Order of the step, from 1."),
            ("n_events", "BIGINT", "Events."),
            ("n_users", "BIGINT?", "Users with such an event; empty for a month."),
        ),
        key=("breakdown", "segment", "month", "step"),
    ),
    Table(
        "seasonality",
        "reports",
        "How each category rises and falls over the months of the log.",
        _columns(
            ("category", "VARCHAR", "Category, or unknown."),
            ("month", "DATE", "First day of the month."),
            ("n_days", "INTEGER", "Days of the month that lie in the log."),
            ("events_per_day", "DOUBLE", "Product events a day."),
            ("realised", "DOUBLE", "The same over the category's mean day."),
            ("specified", "DOUBLE?", "Seasonal weight over its mean (synthetic shop)."),
        ),
        key=("category", "month"),
    ),
    Table(
        "session_lengths",
        "reports",
        "How many sessions have how many events.",
        _columns(
            ("n_events", "INTEGER", "Events of a session, products and editorial."),
            ("n_sessions", "BIGINT", "Sessions of this length."),
            ("n_with_read", "BIGINT", "Of these, with editorial content."),
            ("n_with_purchase", "BIGINT", "Of these, with a purchase."),
            ("mean_minutes", "DOUBLE", "Mean time from first to last event, minutes."),
        ),
        key=("n_events",),
    ),
    Table(
        "reads_to_purchases",
        "reports",
        "What users do in a category after reading about it, and before; empty without editorial.",
        _columns(
            ("category", "VARCHAR", "Category read of."),
            ("within_days", "INTEGER", "Length of the window after and of that before, days."),
            ("step", "VARCHAR", "view, add_to_cart or purchase of a product of the category."),
            ("position", "INTEGER", "Order of the step in the funnel."),
            ("n_reads", "BIGINT", "Sessions in which a user read of it, windows inside the log."),
            ("n_after", "BIGINT", "Of these, with the step in the window after the read."),
            ("n_before", "BIGINT", "Of these, with the step in the window before it."),
        ),
        key=("category", "within_days", "step"),
    ),
)

HISTORY = (
    Table(
        "materializations",
        "history",
        "What ran when: the latest materialisation of every asset, noted as its tables are stored.",
        _columns(
            ("asset", "VARCHAR", "Asset whose tables were written."),
            ("run_id", "VARCHAR", "Dagster's run that wrote them."),
            ("materialized_at", "TIMESTAMP", "When (UTC)."),
            ("config", "VARCHAR", "Path of the configuration file."),
            ("random_seed", "BIGINT", "data.random_seed."),
            ("fingerprint", "VARCHAR", "Hash of the settings that its rows depend on."),
            ("settings", "VARCHAR", "These settings as JSON: dotted key and value."),
            ("inputs", "VARCHAR[]", "Assets that it was made from."),
            (
                "input_runs",
                "VARCHAR[]",
                "For each input the run that had written it by then; empty where not known.",
            ),
        ),
        key=("asset",),
        reproducible=False,
    ),
)

TABLES: Final[dict[str, Table]] = {
    table.name: table
    for table in (
        *RAW,
        *PROCESSED,
        *MODELS,
        *RECOMMENDATIONS,
        *EVALUATION,
        *EXPERIMENTS,
        *REPORTS,
    )
}
"""Every table by name."""

_SCORECARD_SETTING = (
    ("method", "VARCHAR", "Way of evaluating; truth: the exact expected value itself."),
    ("measure", "VARCHAR", "As in method_scorecard; of the truth ctr, regret, share_of_oracle."),
    ("setting", "VARCHAR", "Size of the experiment and what was varied."),
    ("arms", "VARCHAR", "What the arms show, as in method_scorecard."),
    ("model", "VARCHAR?", "Model compared with the control; empty for all together."),
    ("n_users", "BIGINT?", "Users of the experiment; empty where not for a given number."),
)
_NOISE = ("noise", "VARCHAR", "What is drawn anew from unit to unit: clicks, training or shop.")

STUDY = (
    Table(
        "study_units",
        "experiments",
        "Scorecard and truth of every unit of the study: one seed of one source of noise.",
        _columns(
            ("settings", "VARCHAR", "Fingerprint of the settings that all units share."),
            _NOISE,
            ("unit", "INTEGER", "Number of the unit, from 1."),
            *_SCORECARD_SETTING,
            ("value", "DOUBLE", "Value in this unit."),
            ("standard_error", "DOUBLE?", "Monte-Carlo error of it; empty where exact."),
        ),
        key=("noise", "unit", "method", "measure", "setting"),
        reproducible=False,
    ),
    Table(
        "scorecard_study",
        "experiments",
        "The scorecard of the long study, for each source of noise apart.",
        _columns(
            _NOISE,
            *_SCORECARD_SETTING,
            ("n_units", "BIGINT", "Units behind the value; of some a value may not exist."),
            ("value", "DOUBLE", "Mean over units."),
            (
                "standard_error",
                "DOUBLE?",
                "Of the mean: Monte-Carlo error for clicks, else from the spread of the units.",
            ),
        ),
        key=("noise", "method", "measure", "setting"),
        reproducible=False,
    ),
)
"""Tables of the job scorecard_study, which is no part of the graph; they hold times as well."""

OTHER_TABLES: Final[dict[str, Table]] = {table.name: table for table in (*STUDY, *HISTORY)}
"""Tables that no asset writes, by name: those of the study, and what storage notes of runs."""


def registered(name: str) -> Table | None:
    """Return the contract of a table of the lab; None for any other."""
    return TABLES.get(name) or OTHER_TABLES.get(name)


MODEL_TABLES: Final[dict[str, tuple[str, ...]]] = {
    "popularity": ("popularity",),
    "als": ("als", "als_user_factors", "als_item_factors"),
    "item_cf": ("item_cf",),
    "content_based": ("content_based",),
    "hybrid": ("hybrid",),
}
"""Tables that each model keeps; the first has the model's name."""
