"""The harness reads a plan's differences as a person would read them."""

from harness import differing


def test_a_changed_leaf_is_named_by_its_full_path():
    before = {"objects": {"cluster/iam_role/a": {"document": "x", "origin": "created"}}, "username": "u"}
    after = {"objects": {"cluster/iam_role/a": {"document": "y", "origin": "created"}}, "username": "u"}
    assert differing(before, after) == {'objects["cluster/iam_role/a"].document'}


def test_an_unknown_leaf_counts_as_changed():
    assert differing({"id": "a", "tags": {}}, {"tags": {}}, {"id": True}) == {"id"}


def test_a_missing_key_is_named():
    assert differing({"tags": {"a": "1"}}, {"tags": {}}) == {"tags.a"}


def test_equal_values_differ_nowhere():
    assert differing({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}) == set()
