"""Names of the ways of evaluating."""

from dashboard.ways import FAMILY_COLORS, WAYS, way_of


def test_no_two_ways_look_alike():
    looks = {(way.color, way.dash, way.symbol, way.label) for way in WAYS.values()}
    assert len(looks) == len(WAYS)
    assert {way.family for way in WAYS.values()} == set(FAMILY_COLORS)
    assert all(way.explanation.endswith(".") for way in WAYS.values())


def test_an_unknown_way_is_shown_by_its_name():
    assert way_of("ab_new").label == "ab_new"


def test_every_method_of_the_scorecard_has_a_name(lab_run):
    methods = lab_run[0].query("SELECT DISTINCT method FROM experiments.method_scorecard")
    assert {method for (method,) in methods} <= set(WAYS)
