"""Print the tables of docs/findings.md: `uv run python benchmarks/findings.py`.

Reads the scorecard of the long study (`uv run dagster job execute -m recolab_assets.definitions -j
scorecard_study`) from the database that the configuration names.
"""

from collections.abc import Callable, Sequence

import pandas as pd

from recolab_assets.config import load_config
from recolab_assets.storage import Database, StoredTable

ONLINE = (
    "ab_delta",
    "ab_welch",
    "ab_cuped",
    "ab_sequential",
    "ab_mann_whitney",
    "interleaving_pairs",
    "pairwise_multileaving",
    "multileaving_preference",
    "multileaving_credit",
    "multileaving_win_rate",
)
LOGGED = ("position_based_ips", "doubly_robust", "snips", "ips", "replay")
OFFLINE = tuple(
    f"offline_{metric}_{split}"
    for split in ("global", "per_user")
    for metric in ("precision", "recall", "ndcg", "map", "mrr", "hit_rate")
)
METHODS = (*ONLINE, *LOGGED, *OFFLINE)


def share(row: pd.Series) -> str:
    """Write a share with its standard error, in per cent."""
    error = "" if pd.isna(row["standard_error"]) else f" ± {100 * row['standard_error']:.1f}"
    return f"{100 * row['value']:.1f}{error}"


def plain(row: pd.Series) -> str:
    """Write a number without its error."""
    return f"{row['value']:,.3g}" if row["value"] < 100 else f"{row['value']:,.0f}"


def table(
    rows: pd.DataFrame,
    across: str,
    written: Callable[[pd.Series], str],
    methods: Sequence[str] = METHODS,
) -> str:
    """Write rows of the scorecard as a Markdown table, a row a method."""
    columns = list(dict.fromkeys(rows[across]))
    lines = ["| method | " + " | ".join(map(str, columns)) + " |"]
    lines.append("|---|" + "---:|" * len(columns))
    for method in (name for name in methods if name in set(rows["method"])):
        mine = rows[rows["method"] == method].drop_duplicates(across).set_index(across)
        cells = [written(mine.loc[column]) if column in mine.index else "–" for column in columns]
        lines.append(f"| `{method}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def headed(title: str, *lines: str) -> None:
    """Print lines under a heading."""
    print("\n".join([f"\n## {title}\n", *lines]))


def of_truth(study: pd.DataFrame) -> list[str]:
    """Expected click rates of every model, a line for each source of noise."""
    truth = study[(study["method"] == "truth") & (study["measure"] == "ctr")]
    lines = []
    for noise, rows in truth.groupby("noise", sort=False):
        cells = [
            f"{row['model']} {100 * row['value']:.3f} ± {100 * row['standard_error']:.3f}"
            for _, row in rows.iterrows()
        ]
        lines.append(f"- {noise} ({rows['n_units'].max()} units): {', '.join(cells)}")
    return lines


def of_time(study: pd.DataFrame) -> list[str]:
    """Seconds of every part of the scorecard, a line for each source of noise."""
    seconds = study[study["measure"] == "seconds"]
    return [
        f"- {noise}: " + ", ".join(f"{r['setting']} {r['value']:.1f}" for _, r in rows.iterrows())
        for noise, rows in seconds.groupby("noise", sort=False)
    ]


def main() -> None:
    """Print every table under a heading."""
    config = load_config()
    database = Database(config.database_path, config.storage.lock_timeout_seconds)
    study = StoredTable(database, "experiments", "scorecard_study").select().to_pandas()
    study["size"] = study["setting"].str.extract(r"^(everyone|n_users=\d+)")[0]
    study["size"] = study["size"].str.removeprefix("n_users=").fillna("")

    def of(measure: str, arms: str = "models", noise: str = "clicks") -> pd.DataFrame:
        return study[
            (study["measure"] == measure) & (study["arms"] == arms) & (study["noise"] == noise)
        ]

    headed("Truth: expected click rate, %", *of_truth(study))
    for noise in study["noise"].unique():
        rows = of("best_pick_rate", noise=noise)
        headed(f"Best model named, %, noise: {noise}", table(rows, "size", share))
    for measure in ("false_alarm_rate", "family_wise_error", "family_wise_error_holm"):
        for arms in ("identical", "equal_truth", "more_visits"):
            headed(f"{measure}, {arms}, %", table(of(measure, arms), "size", share))
    watched = of("daily_false_alarm_rate", "identical")
    headed("daily_false_alarm_rate, %", table(watched, "size", share))
    headed("interval_coverage, %", table(of("interval_coverage"), "size", share))
    for measure in ("users_for_80_power", "ratio_to_ab", "preference_for_better"):
        headed(measure, table(of(measure), "model", plain))
    for measure in ("power", "wrong_sign_rate", "exaggeration"):
        for size in ("200", "1000", "5000"):
            rows = of(measure)
            headed(f"{measure}, {size} users", table(rows[rows["size"] == size], "model", plain))
    for arms in ("cloned", "closest", "closest_cloned"):
        headed(f"Best model named, {arms}, %", table(of("best_pick_rate", arms), "size", share))
    rows = of("power", "cloned")
    headed(
        "power with the best model's clone among the arms, 1,000 users",
        table(rows[rows["size"] == "1000"], "model", plain),
    )
    headed("clicks_lost, %", table(of("clicks_lost"), "arms", share))
    headed("regret, %", table(of("regret"), "size", share))
    headed("kendall_tau", table(of("kendall_tau"), "size", plain))
    headed("Seconds of the scorecard", *of_time(study))


if __name__ == "__main__":
    main()
