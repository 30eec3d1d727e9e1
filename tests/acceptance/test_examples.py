"""Everything in examples/ works unchanged: applied, an empty plan, imported by its import.sh, destroyed without a trace."""

import pytest
from accounts import traces
from profiles import teams, write_profiles
from stories import locals_of, names_other_providers, set_up

from examples import DATA_SOURCES, EXAMPLES, RESOURCES, STORIES, imports_of


@pytest.mark.parametrize("story", STORIES)
def test_a_story_applies_plans_empty_and_destroys_without_a_trace(cli, aws, tmp_path, story):
    directory = set_up(aws, story, tmp_path)
    before = aws.dump()
    root = cli.workspace(directory, **write_profiles(aws, tmp_path / "aws", **teams(aws))).init()

    root.apply()
    assert aws.dump() != before
    root.assert_empty_plan()

    root.destroy()
    assert root.resources() == {}
    assert not traces(aws, before)


@pytest.mark.parametrize("story", STORIES)
def test_a_stand_in_has_the_local_values_of_the_files_it_replaces(aws, tmp_path, story):
    files = [path.read_text() for path in (EXAMPLES / "stories" / story).glob("*.tf")]
    wanted = set().union(*(locals_of(hcl) for hcl in files if names_other_providers(hcl)))

    stand_in = set_up(aws, story, tmp_path) / "stand_in.tf"

    assert (locals_of(stand_in.read_text()) if stand_in.exists() else set()) == wanted


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_resources_example_applies_imports_and_destroys(cli, aws, tmp_path, resource):
    before = aws.dump()
    given = {"TF_VAR_workload_vpc_id": aws.story()["workload_vpc_id"]}
    root = cli.workspace(tmp_path, **write_profiles(aws, tmp_path / "aws"), **given)
    root.write((EXAMPLES / "provider" / "provider.tf").read_text(), "provider.tf")
    root.write((EXAMPLES / "resources" / resource / "resource.tf").read_text())
    root.apply()
    root.assert_empty_plan()

    for address, id in imports_of(resource):
        # A peering connection has its id from AWS.
        id = id.replace("pcx-0123456789abcdef0", root.state(address).get("peering_connection_id", ""))
        root.forget(address)
        root.import_(address, id).must_work()
        root.assert_empty_plan()

    root.destroy()
    assert not traces(aws, before)


@pytest.mark.parametrize("source", DATA_SOURCES)
def test_a_data_sources_example_is_read_and_changes_nothing(cli, aws, tmp_path, source):
    before = aws.dump()
    root = cli.workspace(tmp_path, **write_profiles(aws, tmp_path / "aws"))
    root.write((EXAMPLES / "provider" / "provider.tf").read_text(), "provider.tf")
    root.write((EXAMPLES / "data-sources" / source / "data-source.tf").read_text())
    root.apply()
    root.assert_empty_plan()
    assert not traces(aws, before)
