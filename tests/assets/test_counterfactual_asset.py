"""What the graph keeps of the counterfactual estimates."""

import pytest

from recolab_assets.models import MODELS


def test_every_model_is_judged_beside_its_exact_truth(lab):
    rows = lab.query("SELECT model, estimator, truth, n FROM experiments.counterfactual_report")
    assert {model for model, *_ in rows} == set(MODELS)
    assert len(rows) == 7 * len(MODELS)
    # With all visitors in the log, the truth is that of the experiments.
    ctr = dict(lab.query("SELECT model, value FROM experiments.truth WHERE metric = 'ctr'"))
    for model, _, truth, n in rows:
        assert truth == pytest.approx(ctr[model], rel=1e-9)
        assert n > 0


def test_estimates_of_the_logging_policys_own_list_are_near_its_truth(lab):
    [[off]] = lab.query(
        """
        SELECT max(abs(value - truth) / standard_error)
        FROM experiments.counterfactual_report
        WHERE model = 'popularity' AND estimator IN ('ips', 'snips', 'doubly_robust')
        """
    )
    assert off < 3.5
