"""Drives a real terraform or tofu with the provider under test, as a user's install would: from a filesystem mirror.

Knows the CLI, its files and its JSON. Knows nothing of AWS and nothing of what a resource means.
"""

import json
import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

HOSTS = ("registry.terraform.io", "registry.opentofu.org")
#: What the CLIs warn of in every command while dev_overrides are configured.
OVERRIDES_WARNING = "Provider development overrides are in effect"
ADDRESS = "xeks/xeks"


def host_platform() -> str:
    """OS_ARCH as Go, and so every registry and mirror, spells it."""
    machine = platform.machine().lower()
    arch = {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
    return f"{platform.system().lower()}_{arch}"


def version_of(provider: Path) -> str:
    """The version that the binary itself reports: the last word of `--version`."""
    return subprocess.run([provider, "--version"], check=True, capture_output=True, text=True).stdout.split()[-1]


def lay_out(provider: Path, mirror: Path) -> list[Path]:
    """Copies `provider` to where a filesystem mirror has it, under both registries' names; returns the copies."""
    version, copies = version_of(provider), []
    for host in HOSTS:
        copy = mirror / host / ADDRESS / version / host_platform() / f"terraform-provider-xeks_v{version}"
        copy.parent.mkdir(parents=True, exist_ok=True)
        # Written beside it and renamed: the file of a running process can't be overwritten.
        shutil.copy2(provider, copy.with_suffix(".new"))
        copy.with_suffix(".new").replace(copy)
        copies.append(copy)
    return copies


def cli_config(mirror: Path, override: Path | None = None) -> str:
    """A CLI configuration that installs from `mirror` and nowhere else, or runs what is in the folder `override`."""
    overrides = f'  dev_overrides {{ "{ADDRESS}" = "{override}" }}\n' if override else ""
    installation = f'{overrides}  filesystem_mirror {{ path = "{mirror}" }}\n'
    return f"disable_checkpoint = true\nprovider_installation {{\n{installation}}}\n"


def clean_environment(home: Path, config: Path, **more: str) -> dict[str, str]:
    """An environment in which only `config` and what is in `more` can speak to the CLI, the provider or an AWS SDK."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return {
        **kept,
        "HOME": str(home),
        "TF_CLI_CONFIG_FILE": str(config),
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        "CHECKPOINT_DISABLE": "1",
        # A command runs for less than a second: without garbage collection it needs a quarter less processor time.
        "GOGC": "off",
        "GOMEMLIMIT": "1GiB",
        "AWS_EC2_METADATA_DISABLED": "true",
        **more,
    }


#: What is left of the indentation where a long text in the source was joined wrongly.
GAP = re.compile(r"\w[^\w\s]? {3,}[^\W\d]\w*")


@dataclass
class Diagnostic:
    severity: str
    summary: str
    detail: str = ""
    address: str = ""

    def __str__(self) -> str:
        return f"{self.severity}: {self.summary}\n{self.detail}".strip()


@dataclass
class Run:
    """One command of the CLI, finished."""

    command: str
    code: int
    output: str
    diagnostics: list[Diagnostic] = field(default_factory=list)

    def __post_init__(self) -> None:
        gaps = [found.group() for each in self.diagnostics for found in [GAP.search(str(each))] if found]
        assert not gaps, f"{self.command}: a text whose line breaks were not joined: {gaps}\n{self.text}"

    @property
    def errors(self) -> list[Diagnostic]:
        return [d for d in self.diagnostics if d.severity == "error"]

    @property
    def warnings(self) -> list[Diagnostic]:
        return [d for d in self.diagnostics if d.severity == "warning"]

    @property
    def text(self) -> str:
        """All diagnostics as one string."""
        return "\n\n".join(map(str, self.diagnostics)) or self.output

    def must_work(self) -> "Run":
        assert self.code == 0, f"{self.command} ended with {self.code}:\n{self.text}"
        return self

    def must_fail(self, *words: str) -> "Run":
        assert self.code == 1 and self.errors, f"{self.command} should have failed:\n{self.text}"
        errors = "\n\n".join(map(str, self.errors))
        missing = [word for word in words if word not in errors]
        assert not missing, f"{self.command}: no {missing} in:\n{errors}"
        return self


class Plan:
    """What a plan would do, from the CLI's own JSON."""

    def __init__(self, document: dict, run: Run):
        self.document = document
        self.warnings = run.warnings

    @property
    def changes(self) -> dict[str, dict]:
        """Address → change, of every resource that the plan would touch."""
        found = {}
        for resource in self.document.get("resource_changes", []):
            if resource["mode"] == "managed" and resource["change"]["actions"] != ["no-op"]:
                found[resource["address"]] = resource["change"]
        return found

    def actions(self, address: str) -> list[str]:
        return self.changes[address]["actions"] if address in self.changes else ["no-op"]

    def changed(self, address: str) -> list[str]:
        """Paths of the attributes of `address` that differ or become unknown: `username`, `objects["…"].document`."""
        if address not in self.changes:
            return []
        change = self.changes[address]
        return sorted(differing(change["before"], change["after"], change.get("after_unknown")))

    @property
    def outputs(self) -> dict[str, dict]:
        return {k: v for k, v in self.document.get("output_changes", {}).items() if v["actions"] != ["no-op"]}


def differing(before, after, unknown=None, path: str = "") -> set[str]:
    """Paths of the leaves that differ between two JSON values, or that `unknown` marks."""
    if unknown is True:
        return {path}
    if isinstance(before, dict) and isinstance(after, dict):
        marks = unknown if isinstance(unknown, dict) else {}
        return set().union(
            *(
                differing(before.get(key), after.get(key), marks.get(key), step(path, key))
                for key in {*before, *after, *marks}
            )
        )
    if isinstance(unknown, dict) and isinstance(before, dict) and after is None:
        return set().union(*(differing(before.get(key), None, mark, step(path, key)) for key, mark in unknown.items()))
    return set() if before == after else {path}


def step(path: str, key: str) -> str:
    """`path` one level further down, written as Terraform writes it: keys that are no identifiers in brackets."""
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key):
        return f"{path}.{key}" if path else key
    return f'{path}["{key}"]'


class Cli:
    """One CLI with the provider installed; `init` has run once and its result is shared by all workspaces.

    `init` installs from the mirror. Later commands take the provider from there by dev_overrides, without computing its
    checksum at each start, which takes a fifth of the processor time of a plan.
    """

    def __init__(self, executable: str, provider: Path, directory: Path):
        self.executable = executable
        self.name = "tofu" if "tofu" in Path(executable).name else "terraform"
        self.directory = directory
        copies = lay_out(provider, directory / "mirror")
        self.config = directory / "cli.tfrc"
        self.config.write_text(cli_config(directory / "mirror"))
        self.home = directory / "home"
        self.home.mkdir()
        self.data = directory / "data"
        root = directory / "init"
        root.mkdir()
        (root / "main.tf").write_text(
            'terraform {\n  required_providers {\n    xeks = { source = "xeks/xeks" }\n  }\n}\n'
        )
        self.init_output = self.run(root, ["init", "-no-color"], self.environment()).must_work().output
        self.lock = root / ".terraform.lock.hcl"
        self.config.write_text(cli_config(directory / "mirror", copies[0].parent))

    def environment(self, **more: str) -> dict[str, str]:
        return clean_environment(self.home, self.config) | {"TF_DATA_DIR": str(self.data)} | more

    def workspace(self, directory: Path, **environment: str) -> "Workspace":
        directory.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.lock, directory)
        return Workspace(self, directory, self.environment(**environment))

    def run(self, directory: Path, arguments: list[str], environment: dict[str, str], timeout: int = 120) -> Run:
        ended = subprocess.run(
            [self.executable, *arguments],
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
        )
        command = f"{self.name} {' '.join(arguments)}"
        return Run(command, ended.returncode, ended.stdout, diagnostics_in(ended.stdout))


def diagnostics_in(output: str) -> list[Diagnostic]:
    """Diagnostics of a command run with -json: one JSON object per line, or a single one for `validate`; without the
    warning of dev_overrides."""
    found = []
    for line in [output] if output.startswith("{\n") else output.splitlines():
        try:
            message = json.loads(line)
        except ValueError:
            continue
        if not isinstance(message, dict):
            continue
        listed = message.get("diagnostics") or ([message["diagnostic"]] if "diagnostic" in message else [])
        for diagnostic in listed:
            if diagnostic["summary"] == OVERRIDES_WARNING:
                continue
            found.append(
                Diagnostic(
                    diagnostic["severity"],
                    diagnostic["summary"],
                    diagnostic.get("detail", ""),
                    diagnostic.get("address", ""),
                )
            )
    return found


class Workspace:
    """One root module with its state."""

    def __init__(self, cli: Cli, directory: Path, environment: dict[str, str]):
        self.cli = cli
        self.directory = directory
        self.environment = environment
        #: Seconds that a command may take.
        self.timeout = 120

    def write(self, hcl: str, name: str = "main.tf") -> "Workspace":
        (self.directory / name).write_text(hcl)
        return self

    def init(self) -> "Workspace":
        """For a root with modules: it needs a data folder of its own, since they are listed there."""
        self.environment["TF_DATA_DIR"] = str(self.directory / ".terraform")
        self.run("init", "-no-color").must_work()
        return self

    def run(self, *arguments: str) -> Run:
        return self.cli.run(self.directory, list(arguments), self.environment, self.timeout)

    def validate(self) -> Run:
        return self.run("validate", "-json")

    def apply(self, *arguments: str) -> Run:
        return self.try_apply(*arguments).must_work()

    def try_apply(self, *arguments: str) -> Run:
        return self.run("apply", "-json", "-auto-approve", *arguments)

    def destroy(self, *arguments: str) -> Run:
        return self.try_destroy(*arguments).must_work()

    def try_destroy(self, *arguments: str) -> Run:
        return self.run("destroy", "-json", "-auto-approve", *arguments)

    def plan(self, *arguments: str) -> Plan:
        run = self.try_plan("-out=tfplan", *arguments).must_work()
        shown = self.run("show", "-json", "tfplan").must_work()
        return Plan(json.loads(shown.output), run)

    def try_plan(self, *arguments: str) -> Run:
        return self.run("plan", "-json", *arguments)

    def assert_empty_plan(self, *arguments: str) -> None:
        run = self.try_plan("-detailed-exitcode", *arguments)
        if run.code == 2:
            plan = self.plan(*arguments)
            changed = {address: (change["actions"], plan.changed(address)) for address, change in plan.changes.items()}
            raise AssertionError(f"the plan should be empty: {changed or plan.outputs}")
        run.must_work()

    def import_(self, address: str, id: str) -> Run:
        return self.run("import", "-no-color", address, id)

    def forget(self, address: str) -> None:
        self.run("state", "rm", address).must_work()

    def resources(self) -> dict[str, dict]:
        """Address → attributes of every managed resource in the state."""
        found = {}
        for resource in self._stored():
            if resource["mode"] != "managed":
                continue
            for instance in resource["instances"]:
                key = instance.get("index_key")
                suffix = "" if key is None else f"[{json.dumps(key)}]"
                found[f"{resource['type']}.{resource['name']}{suffix}"] = instance["attributes"]
        return found

    def data_sources(self) -> dict[str, dict]:
        """Name → attributes of every data source in the state, of those without `count` and `for_each`."""
        return {each["name"]: each["instances"][0]["attributes"] for each in self._stored() if each["mode"] == "data"}

    def _stored(self) -> list[dict]:
        path = self.directory / "terraform.tfstate"
        return json.loads(path.read_text())["resources"] if path.exists() else []

    def state(self, address: str) -> dict:
        return self.resources()[address]

    def output(self, name: str):
        return json.loads(self.run("output", "-json", name).must_work().output)
