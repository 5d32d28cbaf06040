"""Rows about ways of evaluating, for the dashboard's tests: few, with answers known by hand."""


def _row(method, measure, value, error=0.01, arms="models", model=None, n_users=None, looks=""):
    setting = f"{n_users}, {model}, {arms}{looks}"
    return {
        "method": method,
        "measure": measure,
        "setting": setting,
        "arms": arms,
        "model": model,
        "n_users": n_users,
        "value": value,
        "standard_error": error,
    }


def scorecard_rows():
    """A/B holds with a near-copy, multileaving's wins break; als is the median model of two."""
    rows = []
    for method, best in (
        ("ab_delta", {200: 0.5, 1_000: 0.8, 20_000: 1.0}),
        ("multileaving_win_rate", {200: 0.6, 1_000: 0.9}),
        ("offline_ndcg_global", {200: 0.95, 1_000: 1.0, 20_000: 1.0}),
        ("snips", {200: 0.3, 1_000: 0.4, 20_000: 0.7}),
    ):
        rows += [_row(method, "best_pick_rate", rate, n_users=n) for n, rate in best.items()]
    for model, users, powers in (
        ("als", 631.0, (0.2, 0.7, 1.0)),
        ("hybrid", 2_458_179.0, (0.05, 0.05, 0.1)),
    ):
        sizes = (200, 1_000, 20_000)
        rows += [
            _row("ab_delta", "power", power, model=model, n_users=n)
            for n, power in zip(sizes, powers, strict=True)
        ]
        rows.append(_row("ab_delta", "users_for_80_power", users, None, model=model))
        rows.append(_row("multileaving_win_rate", "users_for_80_power", 2 * users, model=model))
        rows.append(_row("multileaving_win_rate", "ratio_to_ab", 0.5, model=model))
        rows.append(_row("multileaving_win_rate", "power", 0.3, model=model, n_users=1_000))
    rows += [
        _row("ab_delta", "false_alarm_rate", 0.04, arms="identical", n_users=1_000),
        _row("ab_delta", "false_alarm_rate", 0.05, arms="identical", n_users=20_000),
        _row("ab_delta", "false_alarm_rate", 0.06, arms="equal_truth", n_users=20_000),
        _row("ab_delta", "daily_false_alarm_rate", 0.22, 0.02, "identical", None, 20_000, "days"),
        _row("ab_delta", "best_pick_rate", 0.79, arms="cloned", n_users=1_000),
        _row("multileaving_win_rate", "best_pick_rate", 0.2, arms="cloned", n_users=1_000),
        _row("multileaving_win_rate", "clicks_lost", 0.12),
    ]
    return rows


def ways_tables():
    """Rows of the tables that only the page on ways of evaluating reads."""
    return {
        "method_scorecard": scorecard_rows(),
        "interleaving_pairs": [
            {
                "model_a": a,
                "model_b": b,
                "preference": preference,
                "ci_low": preference - 0.1,
                "ci_high": preference + 0.1,
                "p_value": 0.04,
                "p_adjusted": 0.12,
                "n_users": 60,
                "wins_a": 10,
                "wins_b": 20,
                "ties": 30,
            }
            for a, b, preference in (
                ("popularity", "als", 0.3),
                ("popularity", "hybrid", 0.2),
                ("als", "hybrid", 0.45),
            )
        ],
        "counterfactual_report": [
            {"model": model, "estimator": "snips", "value": value, "n": 900}
            for model, value in (("popularity", 0.01), ("als", 0.02), ("hybrid", 0.02))
        ],
        "experiment_plan": [
            {
                "method": method,
                "users_needed": users,
                "days_needed": None if users is None else 12,
                "smallest_effect": 0.05,
                "alpha": 0.05,
                "power": 0.8,
                "recommended": method == "ab_cuped",
                "sentence": f"{method} in words.",
            }
            for method, users in (
                ("ab_delta", 9_000),
                ("ab_cuped", 8_500),
                ("interleaving_pairs", None),
            )
        ],
    }
