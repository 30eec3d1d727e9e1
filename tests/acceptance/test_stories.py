"""The stories of examples/, applied as they stand: init, apply, empty plan, destroy, nothing left."""

from pathlib import Path

import pytest
from profiles import write_profiles

EXAMPLES = Path(__file__).parents[2] / "examples"
STORIES = sorted(path.parent.name for path in EXAMPLES.glob("stories/*/main.tf"))


@pytest.mark.parametrize("story", STORIES)
def test_a_story_applies_plans_empty_and_destroys_without_a_trace(cli, aws, tmp_path, story):
    before = aws.dump()
    root = cli.workspace(tmp_path, **write_profiles(aws, tmp_path / "aws"))
    root.write((EXAMPLES / "stories" / story / "main.tf").read_text())

    root.apply()
    assert aws.dump() != before
    root.assert_empty_plan()

    root.destroy()
    assert root.resources() == {}
    assert aws.dump() == before
