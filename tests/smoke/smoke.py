"""`make smoke`: the provider in two AWS accounts of yours, from nothing to proof and back.

    make smoke SMOKE='--cluster-profile platform --workload-profile team --region eu-west-1 --cluster my-cluster'
    make smoke SMOKE='… --cleanup'      removes what interrupted runs left

CONTRIBUTING.md says what it makes, needs and costs.
"""

import argparse
import json
import os
import platform
import re
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import boto3
from harness import Cli, Workspace, version_of
from leftovers import clean_up, leftovers
from scenes import EC2, SCENES, Scene, permissions, scenes
from sides import Side, Sides
from steps import OutOfTime, Steps, described, report

FAMILY = "xeks-smoke-"
#: Seconds until AWS shows everywhere what was just changed.
PROPAGATION = 120
#: Seconds until a call of a provider that was killed has taken effect.
LATE_CALLS = 5


def main() -> int:
    given = arguments()
    # A job that is cancelled cleans up as one that is interrupted does.
    # Also where a shell started this in the background, which ignores Ctrl-C there.
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, signal.default_int_handler)
    cluster = Side("cluster", given.cluster_profile, given.region)
    workload = Side("workload", given.workload_profile, given.region)
    sides = Sides(cluster, workload, given.cluster)
    if complaint := sides.complaint():
        print(complaint, file=sys.stderr)
        return 2
    if given.cleanup:
        return 1 if clean_up(sides, given.prefix or FAMILY) else 0
    with tempfile.TemporaryDirectory(prefix=FAMILY) as scratch:
        return 0 if Smoke(sides, given, Path(scratch)).run() else 1


class Smoke:
    """One run."""

    def __init__(self, sides: Sides, given: argparse.Namespace, scratch: Path):
        self.sides, self.given, self.scratch = sides, given, scratch
        self.prefix = given.prefix or FAMILY + secrets.token_hex(4)
        self.steps = Steps(time.monotonic() + given.budget * 60)
        self.cli: Cli | None = None
        #: Account → how to assume its runner role.
        self.runners: dict[str, dict[str, str]] = {}

    def run(self) -> bool:
        """Whether all worked and nothing is left."""
        print(f"All names begin with {self.prefix}", flush=True)
        left = ["unknown: the clean-up did not end"]
        complete = False
        try:
            self.play_all()
            complete = True
        except (KeyboardInterrupt, Exception) as error:
            print(f"Stopped: {described(error)}", file=sys.stderr)
        try:
            with self.steps.step("Clean up", in_time=False):
                time.sleep(0 if complete else LATE_CALLS)
                left = [str(each) for each in clean_up(self.sides, self.prefix)]
        except (KeyboardInterrupt, Exception) as error:
            print(f"Stopped: {described(error)}\nRun it again with --cleanup --prefix {self.prefix}", file=sys.stderr)
        text = report(self.versions(), self.steps.made, left, self.identities())
        if self.given.report:
            self.given.report.write_text(text)
        print(text.splitlines()[0].removeprefix("## "))
        return complete and not left and not self.steps.failed

    def play_all(self) -> None:
        with self.steps.step("Install the provider"):
            self.cli = Cli(self.given.cli, self.given.provider.resolve(), self.scratch)
        with self.steps.step("Make a VPC and an existing role"):
            vpc = self.sides.make_vpc(self.prefix)
            self.sides.cluster.make_role("hub", self.prefix, EC2)
        every = scenes(self.sides, self.prefix, vpc)
        with self.steps.step("Render the policies of the runner roles"):
            root = self.workspace("permissions", 'provider "xeks" {}\n', permissions(every, self.sides))
            root.apply()
            policies = root.output("policies")
        with self.steps.step("Make the runner roles"):
            self.runners = self.sides.make_runners(self.prefix, policies)
        with self.steps.step("Wait until the runner roles work"):
            self.sides.wait_for(self.runners, PROPAGATION)
        for scene in every:
            if scene.name in self.given.only:
                print(f"\n{scene.title}")
                self.play(scene)

    def play(self, scene: Scene) -> None:
        """The life of one scene. What fails ends it, and the next one follows."""
        before = set(map(str, leftovers(self.sides, self.prefix)))
        hcl = scene.hcl(self.sides.cluster_name, self.prefix)
        root = self.workspace(scene.name, self.provider(), hcl)
        attempt(lambda: self.live(scene, root))
        attempt(lambda: self.step(scene, "destroy", root, root.destroy))
        attempt(lambda: self.step(scene, "nothing is left", root, lambda: self.expect_only(before)))

    def live(self, scene: Scene, root: Workspace) -> None:
        self.step(scene, "apply", root, root.apply)
        self.step(scene, "empty plan", root, root.assert_empty_plan)
        self.step(scene, "change by hand", root, scene.drift)
        self.step(scene, "plan that shows the change", root, lambda: self.plan_with_changes(root))
        self.step(scene, "apply that repairs it", root, lambda: root.apply("tfplan"))
        self.step(scene, "empty plan again", root, root.assert_empty_plan)

    def step(self, scene: Scene, what: str, root: Workspace, act: Callable[[], object]) -> None:
        root.timeout = max(1, self.steps.remaining())
        with self.steps.step(f"{scene.name}: {what}"):
            act()

    def plan_with_changes(self, root: Workspace) -> None:
        """AWS may answer a read with what was there before the change, for a while."""
        deadline = self.patience()
        while not (changes := root.plan().changes):
            assert time.monotonic() < deadline, "no plan shows the change"
            time.sleep(5)
        actions = {address: change["actions"] for address, change in changes.items()}
        assert all(each == ["update"] for each in actions.values()), f"not repaired in place: {actions}"

    def expect_only(self, before: set[str]) -> None:
        """AWS may list what is deleted for a while."""
        deadline = self.patience()
        while left := set(map(str, leftovers(self.sides, self.prefix))) - before:
            assert time.monotonic() < deadline, f"left: {', '.join(sorted(left))}"
            time.sleep(5)

    def patience(self) -> float:
        return min(time.monotonic() + PROPAGATION, self.steps.deadline)

    def workspace(self, name: str, provider: str, hcl: str) -> Workspace:
        required = 'terraform {\n  required_providers { xeks = { source = "xeks/xeks" } }\n}\n'
        root = self.cli.workspace(self.scratch / name, **environment())
        root.timeout = max(1, self.steps.remaining())
        return root.write(required + provider, "provider.tf").write(hcl)

    def provider(self) -> str:
        """Both accounts as the runner roles."""
        accounts = {}
        for side in self.sides.both:
            account = {
                "region": side.region,
                "allowed_account_ids": [side.id],
                "assume_role": [self.runners[side.name]],
            }
            accounts[side.name] = account | ({"profile": side.profile} if side.profile else {})
        # An object in JSON is one in HCL too.
        lines = [f"  {name}_account = {json.dumps(account)}\n" for name, account in accounts.items()]
        return f'provider "xeks" {{\n{"".join(lines)}}}\n'

    def versions(self) -> dict[str, str]:
        given = self.given
        cli = self.cli.run(self.scratch, ["version"], self.cli.environment()).output if self.cli else given.cli
        return {
            "xeks": version_of(given.provider),
            "CLI": cli.splitlines()[0],
            "boto3": boto3.__version__,
            "System": platform.platform(),
            "Region": given.region,
            "Cluster": f"Kubernetes {self.sides.described['version']}, {self.sides.mode}",
            "Time": datetime.now(UTC).isoformat(timespec="seconds"),
        }

    def identities(self) -> dict[str, str]:
        """What the report must not have → what it has in its place."""
        found = {side.caller: "ADMINISTRATOR" for side in self.sides.both}
        found |= {side.id: f"{side.name.upper()}_ACCOUNT" for side in self.sides.both}
        return found | {role["external_id"]: "EXTERNAL_ID" for role in self.runners.values()}


def attempt(act: Callable[[], object]) -> None:
    """What fails is among the steps already; only the end of the run's time ends the run."""
    try:
        act()
    except OutOfTime:
        raise
    except Exception as error:
        print(described(error), file=sys.stderr)


def environment() -> dict[str, str]:
    """What the provider signs in with, as boto3 does."""
    own = re.compile(r"AWS_.*|HOME|SSL_CERT_FILE|(HTTPS?|NO)_PROXY", re.IGNORECASE)
    passed = {name: value for name, value in os.environ.items() if own.fullmatch(name)}
    return {"AWS_EC2_METADATA_DISABLED": "false"} | passed


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--provider", type=Path, required=True, help="the provider's binary")
    parser.add_argument("--cli", required=True, help="terraform or tofu")
    parser.add_argument("--cluster-profile", help="administrator of the cluster's account; else the environment's")
    parser.add_argument("--workload-profile", help="administrator of the other account; else the environment's")
    parser.add_argument("--region", required=True, help="of the cluster, and of the VPC that is made")
    parser.add_argument("--cluster", required=True, help="name of an EKS cluster that accepts access entries")
    parser.add_argument("--prefix", type=prefix, help=f"of all names; default: {FAMILY} and eight hexadecimal digits")
    parser.add_argument("--budget", type=float, default=45, help="minutes after which it stops and cleans up")
    parser.add_argument("--only", nargs="+", choices=SCENES, default=SCENES, help="these scenes only")
    parser.add_argument("--report", type=Path, help="a Markdown file to paste into an issue")
    parser.add_argument("--cleanup", action="store_true", help="only remove what runs left, of --prefix or of all")
    return parser.parse_args()


def prefix(text: str) -> str:
    """So that a clean-up removes nothing else, and names have room for an ending."""
    if not re.fullmatch(FAMILY + r"[a-z0-9-]{0,28}[a-z0-9]", text):
        raise argparse.ArgumentTypeError(f"a prefix is {FAMILY} and up to 29 small letters and digits")
    return text


if __name__ == "__main__":
    sys.exit(main())
