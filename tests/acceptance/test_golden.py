"""What every configuration of the sweep, of the stored states and of the examples does is what it did: tests/golden/acceptance.

XEKS_WRITE=1 writes the files instead (CONTRIBUTING, Golden files).
"""

import re
import shutil
from pathlib import Path

import pytest
import states
from golden import Golden, check
from modes import MODES
from profiles import teams, write_profiles
from stories import ROOT, set_up
from workspaces import workspaces

from examples import DATA_SOURCES, EXAMPLES, MODULE_EXAMPLES, RESOURCES, STORIES, imports_of

pytestmark = pytest.mark.one_cli

KINDS = sorted({(kind, re.sub(r"^v\d+-|\.\d+$", "", name)) for kind, name in states.stored()})


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_a_mode_of_the_sweep(cli, aws, tmp_path, mode):
    update = mode.write(aws)
    root = workspaces(cli, aws, tmp_path)(update.before)
    golden = Golden(root, aws)
    golden.apply("create").must_work()
    golden.again()
    root.write(update.after)
    golden.apply("update").must_work()
    golden.apply("replace", f"-replace={mode.address}").must_work()
    golden.destroy()
    check(f"sweep-{mode.resource}-{mode.name}", golden.seen)


@pytest.mark.parametrize(("kind", "mode"), KINDS)
def test_a_mode_of_the_stored_states(cli, aws, tmp_path, kind, mode):
    hcl = states.modes(aws) + states.INTERRUPTED
    (block,) = re.findall(rf'^resource "{kind}" "{mode}" {{\n.*?^}}\n', hcl, re.M | re.S)
    root = workspaces(cli, aws, tmp_path)(block)
    golden = Golden(root, aws)
    if mode == "interrupted":
        aws.faults.add("deny", service="eks", action="AssociateAccessPolicy")
        golden.apply("create").must_fail("AssociateAccessPolicy")
        golden.apply("and again").must_work()
    else:
        golden.apply("create").must_work()
    if mode == "imported":
        address = f"{kind}.{mode}"
        imported(golden, address, root.state(address)["id"])
        golden.apply("change to what is configured").must_work()
    golden.again()
    golden.destroy()
    check(f"states-{kind.removeprefix('xeks_')}-{mode}", golden.seen)


@pytest.mark.parametrize("story", STORIES)
def test_a_story(cli, aws, tmp_path, story):
    directory = set_up(aws, story, tmp_path)
    applied(
        cli.workspace(directory, **write_profiles(aws, tmp_path / "aws", **teams(aws))).init(), aws, f"story-{story}"
    )


@pytest.mark.parametrize("example", MODULE_EXAMPLES)
def test_an_example_of_a_module(cli, aws, tmp_path, example):
    shutil.copytree(ROOT / "modules", tmp_path / "modules")
    given = {"TF_VAR_vpc_id": aws.story()["workload_vpc_id"]}
    root = cli.workspace(tmp_path / "modules" / example, **write_profiles(aws, tmp_path / "aws"), **given).init()
    applied(root, aws, f"module-{example.replace('/examples/', '-')}")


@pytest.mark.parametrize("source", DATA_SOURCES)
def test_an_example_of_a_data_source(cli, aws, tmp_path, source):
    root = example(cli, aws, tmp_path, EXAMPLES / "data-sources" / source / "data-source.tf")
    applied(root, aws, f"data-{source.removeprefix('xeks_')}")


@pytest.mark.parametrize("resource", RESOURCES)
def test_an_example_of_a_resource_and_its_import(cli, aws, tmp_path, resource):
    root = example(cli, aws, tmp_path, EXAMPLES / "resources" / resource / "resource.tf")
    root.write(one_after_another((root.directory / "main.tf").read_text()))
    golden = Golden(root, aws)
    golden.apply("create").must_work()
    for address, id in imports_of(resource):
        id = id.replace("pcx-0123456789abcdef0", root.state(address).get("peering_connection_id", ""))
        imported(golden, address, id)
    golden.again()
    golden.destroy()
    check(f"resource-{resource.removeprefix('xeks_')}", golden.seen)


def example(cli, aws, directory: Path, file: Path):
    given = {"TF_VAR_workload_vpc_id": aws.story()["workload_vpc_id"]}
    root = cli.workspace(directory, **write_profiles(aws, directory / "aws"), **given)
    root.write((EXAMPLES / "provider" / "provider.tf").read_text(), "provider.tf")
    return root.write(file.read_text())


def one_after_another(hcl: str) -> str:
    """Which of two resources makes what they share would be chance."""
    addresses = [".".join(block) for block in re.findall(r'^resource "(\w+)" "(\w+)" {$', hcl, re.M)]
    earlier = iter(["", *(f"  depends_on = [{address}]\n" for address in addresses)])
    return re.sub(r'^resource "\w+" "\w+" {\n', lambda block: block[0] + next(earlier), hcl, flags=re.M)


def applied(root, aws, name: str) -> None:
    golden = Golden(root, aws)
    golden.apply("create").must_work()
    golden.again()
    golden.destroy()
    check(name, golden.seen)


def imported(golden: Golden, address: str, id: str) -> None:
    golden.root.forget(address)
    golden.run("import", lambda: golden.root.import_(address, id))
