"""The examples in examples/ and in the modules, as the checkout has them."""

import shlex

from stories import ROOT

EXAMPLES = ROOT / "examples"
STORIES = sorted(path.parent.name for path in EXAMPLES.glob("stories/*/main.tf"))
RESOURCES = sorted(path.parent.name for path in EXAMPLES.glob("resources/*/resource.tf"))
DATA_SOURCES = sorted(path.parent.name for path in EXAMPLES.glob("data-sources/*/data-source.tf"))
MODULES = ROOT / "modules"
#: MODULE/examples/NAME of each.
MODULE_EXAMPLES = sorted(f"{path.parts[-4]}/examples/{path.parts[-2]}" for path in MODULES.glob("*/examples/*/main.tf"))


def imports_of(resource: str) -> list[tuple[str, str]]:
    """Address and id of each command in the resource's import.sh."""
    lines = (EXAMPLES / "resources" / resource / "import.sh").read_text().splitlines()
    commands = [shlex.split(line, comments=True) for line in lines]
    found = [(command[2], command[3]) for command in commands if command]
    assert found, "no import in import.sh"
    return found
