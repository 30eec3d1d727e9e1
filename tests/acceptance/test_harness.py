"""The harness itself: how it compares plans, and that each test file is independent."""

import ast
from pathlib import Path

from harness import differing

TESTS = Path(__file__).parents[1]


def test_a_changed_leaf_is_named_by_its_full_path():
    before = {"objects": {"cluster/iam_role/a": {"document": "x", "origin": "created"}}, "username": "u"}
    after = {"objects": {"cluster/iam_role/a": {"document": "y", "origin": "created"}}, "username": "u"}
    assert differing(before, after) == {'objects["cluster/iam_role/a"].document'}


def test_an_unknown_leaf_counts_as_changed():
    assert differing({"id": "a", "tags": {}}, {"tags": {}}, {"id": True}) == {"id"}


def test_a_missing_key_is_named():
    assert differing({"tags": {"a": "1"}}, {"tags": {}}) == {"tags.a"}


def test_equal_values_have_no_differences():
    assert differing({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}) == set()


def imported_by(path: Path) -> set[str]:
    """The modules that a file imports, at its top or within a function."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def test_no_file_imports_a_test_file():
    """What two tests share lies in a module named after what it holds."""
    files = sorted(TESTS.rglob("*.py"))
    assert sum(path.name.startswith("test_") for path in files) > 50

    importing = {
        f"{path.relative_to(TESTS)} imports {module}"
        for path in files
        for module in imported_by(path)
        if module.split(".")[-1].startswith("test_") or module == "conftest"
    }

    assert not importing
