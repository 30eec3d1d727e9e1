"""What a configuration does, as a file in tests/golden/acceptance: what is planned, called, stored and made.

Knows plans, states, calls and dumps, and how to take from them what chance decides. Knows no configuration.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from aws_emulator.client import Aws
from harness import Run, Workspace, step
from network import HOME, Network

FOLDER = Path(__file__).parents[1] / "golden" / "acceptance"
UNKNOWN = "(known after apply)"
#: Asked until it is so: how often depends on the time.
POLLED = {"DescribeUpdate", "DescribeVpcPeeringConnections"}
#: Different for each object, and counted in the order in which they are seen. Statements' ids hold an instance.
GIVEN = re.compile(
    r"\b(?P<object>(?:vpc|subnet|sg|sgr|rtb|rtbassoc|pcx|acl|eni)-(?=\w*\d)[0-9a-z]{8,})\b"
    r"|\b(?P<principal>(?:AROA|AIPA)[A-Z0-9]{12,})\b"
    r"|(?:\b|(?<=x))(?P<instance>[0-9a-f]{16})(?:\b|(?=x))"
    r"|\b(?P<uuid>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b"
)
VARYING = (
    (re.compile(r"\b127\.0\.0\.1:\d+"), "127.0.0.1:port"),
    # In a Sid: the digest of a statement that has the issuer in it.
    (re.compile(r"(?<=x\dw)[0-9a-f]{8}\b"), "digest"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?"), "time"),
)
TIMES = re.compile(r"(Date|Time|At)$|^_made$")


class Golden:
    """What one configuration did so far; `names` are the words for what was random in it."""

    def __init__(self, root: Workspace, aws: Aws):
        self.root, self.aws = root, aws
        self.accounts = {account.id: name for name, account in aws.accounts.items()}
        self.seen: dict[str, dict] = {}
        self.given: dict[str, str] = {}
        self.pattern = re.compile("(?!)")
        self.counts: Counter = Counter()
        #: As it is, and as it is planned to be: what each resource is to become.
        self.state: dict = {}
        self.planned: dict = {}
        self.empty = self.world = self._look()

    def apply(self, title: str, *arguments: str) -> Run:
        """Plans and applies that; the apply may fail."""
        self.aws.clear_calls()
        planned = self.root.plan(*arguments)
        found = {"plan": self._changes(planned.document), "calls of the plan": self._calls()}
        run = self.root.run("apply", "-json", "tfplan")
        self._ended(title, found | {"calls": self._calls()}, run, planned.warnings)
        return run

    def run(self, title: str, run: Callable[[], Run]) -> None:
        """Another command that must work, and changes the state."""
        self.aws.clear_calls()
        run = run().must_work()
        self._ended(title, {"calls": self._calls()}, run, [])

    def again(self) -> None:
        self.aws.clear_calls()
        self.root.assert_empty_plan()
        self.seen["again"] = {"calls": self._calls()}

    def destroy(self) -> None:
        self.aws.clear_calls()
        run = self.root.destroy()
        found = {"calls": self._calls()}
        self.world = self.empty
        self._ended("destroy", found, run, [])

    def _ended(self, title: str, found: dict, run: Run, before: list) -> None:
        state, world = self._stored(), self._look()
        said = sorted({f"{each.severity}: {each.summary}" for each in [*before, *run.diagnostics]})
        found |= {"said": said} if said else {}
        # What differs from what was planned, or from what was there.
        found |= {"state": changes(self.state | self.planned, state), "made": changes(self.world, world)}
        self.state, self.world, self.planned = state, world, {}
        self.seen[title] = found

    def _calls(self) -> dict:
        """Side, region unless it is the one at home, service, operation, error of what is refused → how many."""
        self.aws.quiet()
        calls, counts = self.aws.calls(), Counter()
        for call in calls:
            region = "" if call["service"] in ("iam", "sts") or call["region"] == HOME else f" {call['region']}"
            error = f" {call['error']}" if call["error"] else ""
            counts[f"{self.accounts[call['account']]}{region} {call['service']}:{call['action']}{error}"] += 1
        self.aws.clear_calls()
        some = {call for call in counts if call.split(":")[1].split()[0] in POLLED}
        return {call: "some" if call in some else counts[call] for call in sorted(counts)}

    def _changes(self, document: dict) -> dict:
        """Address → what is planned: all of what is made, else what becomes different."""
        found = {}
        for resource in document.get("resource_changes", []):
            change = resource["change"]
            if (
                resource["mode"] != "managed"
                or not resource["type"].startswith("xeks_")
                or change["actions"] == ["no-op"]
            ):
                continue
            before = self._named(change["before"])
            after = self._named(without_null(planned(change["after"], change["after_unknown"])))
            self.planned[resource["address"]] = after
            found[resource["address"]] = {"actions": "/".join(change["actions"])}
            found[resource["address"]] |= {"changes": changes(before, after)} if before else {"planned": after}
            if change.get("replace_paths"):
                paths = [".".join(map(str, path)) for path in change["replace_paths"]]
                found[resource["address"]] |= {"replaces": sorted(paths)}
        return found

    def _stored(self) -> dict:
        """Address → what the state holds, also of data sources."""
        file = self.root.directory / "terraform.tfstate"
        found = {}
        for resource in json.loads(file.read_text())["resources"] if file.exists() else []:
            for instance in resource["instances"] if resource["type"].startswith("xeks_") else []:
                parts = [resource.get("module"), "data" if resource["mode"] == "data" else None]
                address = ".".join([*filter(None, parts), resource["type"], resource["name"]])
                key = json.dumps(instance["index_key"]) if "index_key" in instance else None
                found[f"{address}[{key}]" if key else address] = instance["attributes"]
        return self._named(found)

    def _look(self) -> dict:
        """All that is in the accounts."""
        dump = Network(self.aws).left()
        self.aws.clear_calls()
        self._learn(dump)
        dump = {self.accounts.get(account, account): stores for account, stores in dump.items()}
        return self._named(ordered(timeless(dump), every=True))

    def _learn(self, dump: dict) -> None:
        """Names for what exists in the accounts: where an object is, not when it was seen."""
        for account, stores in dump.items():
            side = self.accounts.get(account, account)
            ec2, clusters = stores.get("ec2", {}), stores.get("eks", {}).get("clusters", {})
            of = {name: {each.split("/")[1]: one for each, one in ec2.get(name, {}).items()} for name in ec2}
            vpcs = {id: f"{side} {vpc['CidrBlock']}" for id, vpc in of.get("vpcs", {}).items()}
            subnets = {id: subnet["CidrBlock"] for id, subnet in of.get("subnets", {}).items()}
            self._name("vpc", vpcs)
            self._name("subnet", {id: f"{side} {block}" for id, block in subnets.items()})
            # The name of a cluster's group ends in a number.
            named = {id: re.sub(r"-\d+$", "", one["GroupName"]) for id, one in of.get("security_groups", {}).items()}
            tables = {id: serves(one, subnets) for id, one in of.get("route_tables", {}).items()}
            acls = dict.fromkeys(of.get("network_acls", {}), "")
            for kind, store, names in (
                ("sg", "security_groups", named),
                ("rtb", "route_tables", tables),
                ("acl", "network_acls", acls),
            ):
                self._name(kind, {id: f"{vpcs[of[store][id]['VpcId']]} {name}".strip() for id, name in names.items()})
            for name, cluster in clusters.items():
                issuer = cluster["identity"]["oidc"]["issuer"].rsplit("/", 1)[1]
                self._name("issuer", {issuer: name.split("/")[1]})
                self._name("certificate", {cluster["certificateAuthority"]["data"]: name.split("/")[1]})

    def _named(self, value):
        """The value with a word for all that is random in it, the same for the same."""
        text = self._known(json.dumps(ordered(value, self._known), ensure_ascii=False))
        return ordered(json.loads(GIVEN.sub(self._count, text)))

    def _known(self, text: str) -> str:
        for pattern, shown in VARYING:
            text = pattern.sub(shown, text)
        return self.pattern.sub(lambda found: self.given[found.group()], text)

    def _count(self, found: re.Match) -> str:
        given, kind = found.group(), found.lastgroup
        kind = given.split("-")[0] if kind == "object" else given[:4] if kind == "principal" else kind
        if given not in self.given:
            self.counts[kind] += 1
            self._name(kind, {given: f"#{self.counts[kind]}"})
        return self.given[given]

    def _name(self, kind: str, names: dict[str, str]) -> None:
        new = {given: f"«{kind} {name}»" for given, name in names.items() if given not in self.given}
        if new:
            self.given |= new
            self.pattern = re.compile("|".join(map(re.escape, sorted(self.given, key=len, reverse=True))))


def check(name: str, seen: dict) -> None:
    """Compares with the file, or writes it."""
    file = FOLDER / f"{name}.json"
    if os.environ.get("XEKS_WRITE"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(written(seen) + "\n")
    kept = json.loads(file.read_text()) if file.exists() else {}
    found = changes(kept, seen)
    if os.environ.get("XEKS_ROLES") == "all":
        found = {path: value for path, value in found.items() if "calls" not in path}
    lines = [f"{path}: {json.dumps(value, ensure_ascii=False)}" for path, value in list(found.items())[:20]]
    assert not found, "\n".join([f"{len(found)} places of {file} are otherwise (CONTRIBUTING, Golden files):", *lines])


def serves(table: dict, subnets: dict[str, str]) -> str:
    """What tells the tables of a VPC apart."""
    linked = table["Associations"]
    main = ["main"] if any(each.get("Main") for each in linked) else []
    return " ".join(main + sorted(subnets[each["SubnetId"]] for each in linked if each.get("SubnetId")))


def planned(after, unknown):
    """The planned value, with a word for what is unknown in it."""
    if unknown is True:
        return UNKNOWN
    if after is None and not unknown:
        return None
    if isinstance(after, dict) or isinstance(unknown, dict):
        after, unknown = after or {}, unknown or {}
        return {key: planned(after.get(key), unknown.get(key)) for key in sorted({*after, *unknown})}
    if isinstance(after, list) and isinstance(unknown, list) and len(after) == len(unknown):
        return [planned(*each) for each in zip(after, unknown, strict=True)]
    return after


def changes(before, after, path: str = "") -> dict:
    """Path → what is there later, wherever two values differ. What is null is not there."""
    if isinstance(before, dict) and isinstance(after, dict):
        found = {}
        for key in [*before, *(key for key in after if key not in before)]:
            found |= changes(before.get(key), after.get(key), step(path, key))
        return found
    return {} if before == after else {path: without_null(after)}


def without_null(value):
    if isinstance(value, dict):
        return {key: without_null(member) for key, member in value.items() if member is not None}
    return [without_null(member) for member in value] if isinstance(value, list) else value


def timeless(value):
    """Without when it was made, and without what is computed from ids."""
    if isinstance(value, dict):
        if str(value.get("Key")).startswith("xeks:routes:"):
            return value | {"Value": f"«{len(value['Value'])} digits»"}
        return {key: timeless(member) for key, member in value.items() if not TIMES.search(key)}
    return [timeless(member) for member in value] if isinstance(value, list) else value


def ordered(value, known: Callable[[str], str] = str, every: bool = False):
    """The same whatever ids were given: keys in the order of what else is in them; so too members with ids in them."""

    def mask(member) -> str:
        return GIVEN.sub("*", known(json.dumps(member, ensure_ascii=False)))

    if isinstance(value, dict):
        return {key: ordered(value[key], known, every) for key in sorted(value, key=mask)}
    if isinstance(value, list):
        members = [ordered(member, known, every) for member in value]
        return sorted(members, key=mask) if every or "«" in mask(members) or "*" in mask(members) else members
    return value


def written(value, depth: int = 0) -> str:
    """JSON with what is short on one line."""
    short = json.dumps(value, ensure_ascii=False)
    if len(short) + 2 * depth <= 140 or not isinstance(value, dict | list):
        return short
    within, outside = "\n" + "  " * (depth + 1), "\n" + "  " * depth
    if isinstance(value, dict):
        members = [
            f"{json.dumps(key, ensure_ascii=False)}: {written(member, depth + 1)}" for key, member in value.items()
        ]
        return "{" + within + f",{within}".join(members) + outside + "}"
    return "[" + within + f",{within}".join(written(member, depth + 1) for member in value) + outside + "]"
