"""Story 1 with its network, one hop after another broken by hand: what kubectl says, and which hop xeks names.

Both run where the instance is. Writes docs/guides/kubectl-errors.md with XEKS_WRITE=1, and otherwise compares it.
"""

import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import setups
from breaks import (
    access_role_is_another,
    entry_is_deleted,
    peering_is_deleted,
    permission_is_removed,
    policy_is_disassociated,
    routes_are_deleted,
    rule_is_revoked,
    scope_is_another_namespace,
    trust_is_replaced,
    workload_role_is_another,
)
from cluster_peering import peering
from cross_account_access import WORKLOAD, access
from harness import Cli
from live import asked
from private_network import PrivateNetwork
from stories import workload
from story_access import OUTPUTS, PROFILE
from world import Shell, World

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "kubectl-errors.md"
ASK = ("get", "pods", "--namespace", "default")
#: Asks for nothing else first, which kubectl tries five times.
RAW = ("get", "--raw", "/api/v1/namespaces/default/pods")
#: What differs from one run to the next, besides what does on the page of the broken set-ups.
VARYING = (
    *setups.VARYING,
    (re.compile(r"botocore-session-\d+"), "botocore-session-…"),
    (
        re.compile(r"(Unable to connect to the server): (context deadline|net/http: request canceled).*"),
        r"\1: dial tcp: i/o timeout",
    ),
)


@dataclass(frozen=True)
class Break:
    what: str
    how: Callable[[World], None]
    #: The hop that the documents name, and words of kubectl's error.
    hop: str
    words: str


#: How kubectl goes on depends on where its time was up.
TIMEOUT = "Unable to connect to the server"
BREAKS = (
    Break("The workload role may not assume the access role", permission_is_removed, "assume_role", "AccessDenied"),
    Break("The access role trusts other principals", trust_is_replaced, "assume_role", "AccessDenied"),
    Break("The workload role was deleted and created again", workload_role_is_another, "assume_role", "AccessDenied"),
    Break("The access entry is missing", entry_is_deleted, "access_entry", "must be logged in to the server"),
    Break(
        "The access role was deleted and created again",
        access_role_is_another,
        "access_entry",
        "must be logged in to the server",
    ),
    Break("The access entry has no access policy", policy_is_disassociated, "access_policy", "cannot list resource"),
    Break(
        "The access policy is for another namespace",
        scope_is_another_namespace,
        "access_policy",
        "cannot list resource",
    ),
    Break("The peering connection is deleted", peering_is_deleted, "peering", TIMEOUT),
    Break("The workload's VPC has no route to the cluster's", routes_are_deleted("workload"), "route", TIMEOUT),
    Break("The cluster's VPC has no route back", routes_are_deleted("cluster"), "route", TIMEOUT),
    Break("The cluster security group doesn't let in port 443", rule_is_revoked, "security_group", TIMEOUT),
)


def run(world: World) -> None:
    checks = world.checks
    checks.title("Broken hops: kubectl on the instance, and xeks_access_path")
    world.fresh()
    with PrivateNetwork(world) as network:
        scene = Scene(world, network)
        scene.check_grows()
        begin, rows = world.aws.snapshot(), []
        for each in BREAKS:
            each.how(world)
            rows.append(scene.check(each))
            world.aws.restore(begin)
        scene.settle()
        checks.works("put right again: kubectl lists pods", scene.kubectl(), "No resources found")
        write_or_compare(world, page(rows))


class Scene:
    """The story applied, an instance that uses it, and the data source that explains it."""

    def __init__(self, world: World, network: PrivateNetwork):
        self.world, self.network = world, network
        self.shell: Shell | None = None
        self.cli = Cli(self._wrapped(), world.provider, world.directory("cli"))

    def _wrapped(self) -> str:
        """The CLI, run where the instance is: so is its provider."""
        script = self.world.directory("bin") / self.world.cli.name
        script.write_text(f'#!/bin/sh\nexec {" ".join(self.network.enter)} {self.world.cli.executable} "$@"\n')
        script.chmod(0o755)
        return str(script)

    def check_grows(self) -> None:
        """Applied bit by bit: the API server is reachable once the last object of the network is there."""
        world, checks, vpc = self.world, self.world.checks, self.world.aws.story()["workload_vpc_id"]
        story = access(workload_role=PROFILE)
        root = world.root(story + OUTPUTS)
        root.apply()
        world.become(WORKLOAD)
        self.shell = world.shell().place(root.output("kubeconfig"), root.output("aws_config"))
        self.settle()
        checks.refused("without a peering connection, nothing answers", self.kubectl(*RAW), TIMEOUT)
        root.write(story + peering(vpc, "allow_https = false") + OUTPUTS)
        root.apply()
        self.settle()
        checks.refused("with connection and routes, but no rule, nothing answers", self.kubectl(*RAW), TIMEOUT)
        root.write(story + peering(vpc) + OUTPUTS)
        root.apply()
        self.settle()
        checks.works("with all of it, kubectl lists pods", self.kubectl(), "No resources found")
        state = self.explained()
        checks.check("xeks_access_path says that everything holds", state["allowed"], state["text"])

    def settle(self) -> None:
        self.world.bridge.settle()
        self.network.reconcile()
        self.shell.forget_sessions()

    def kubectl(self, *arguments: str) -> subprocess.CompletedProcess:
        arguments = arguments or ASK
        ended = self.shell.run(
            *self.network.enter, self.world.programs["kubectl"], *arguments, "--request-timeout", "6s"
        )
        if ended.returncode == 0:
            # "No resources found" is said on standard error.
            ended.stdout, ended.stderr = ended.stdout + ended.stderr, ""
        return subprocess.CompletedProcess(["kubectl", *arguments], ended.returncode, ended.stdout, ended.stderr)

    def explained(self) -> dict:
        more = {"source": workload(self.world.aws), "namespaces": ["default"], "verbs": ["list"]}
        return asked(self.world, cli=self.cli, **more)

    def check(self, each: Break) -> dict:
        self.settle()
        self.world.become(WORKLOAD)
        ended, state = self.kubectl(), self.explained()
        self.world.checks.refused(f"{each.what}: kubectl", ended, each.words)
        hops = {hop["name"]: hop for hop in reversed(state["hops"])}
        found = next((hop for hop in state["hops"] if hop["status"] != "ok"), hops["api_server"])
        holds = not state["allowed"] and state["broken"] == each.hop
        self.world.checks.check(f"{each.what}: xeks_access_path names {each.hop}", holds, state["text"])
        live = hops["api_server"]
        self.world.checks.check(
            f"{each.what}: so does live, as far as it got",
            live["status"] != "ok",
            f"{live['status']}: {live['reason']}",
        )
        return {"what": each.what, "kubectl": last_line(ended.stderr), "hop": found, "live": live}


def last_line(text: str) -> str:
    """What kubectl says in the end; where the AWS CLI said why, that."""
    lines = [line for line in text.splitlines() if line and "memcache.go" not in line]
    return next((line for line in lines if line.startswith("An error occurred")), lines[-1])


def page(rows: list[dict]) -> str:
    lines = [*HEAD.splitlines(), ""]
    lines += ["| Broken | kubectl | Hop | Reason |", "|---|---|---|---|"]
    for row in rows:
        cells = [row["what"], f"`{plain(row['kubectl'])}`", f"`{row['hop']['name']}`", plain(row["hop"]["reason"])]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", *TAIL.splitlines()]) + "\n"


def plain(text: str) -> str:
    for pattern, shown in VARYING:
        text = pattern.sub(shown, text)
    return setups.cell(text)


def write_or_compare(world: World, text: str) -> None:
    if os.environ.get("XEKS_WRITE"):
        PAGE.write_text(text)
    world.checks.check(
        f"docs/guides/{PAGE.name} is up to date",
        PAGE.exists() and PAGE.read_text() == text,
        "XEKS_WRITE=1 make e2e writes it",
    )


HEAD = """\
---
page_title: "kubectl's errors, and the hop that is broken - xeks"
subcategory: ""
description: |-
  What kubectl says when one part of cross-account access is missing, and what xeks_access_path says of it.
---

# kubectl's errors, and the hop that is broken

kubectl's errors name the last thing that failed, not the cause. The data source
[`xeks_access_path`](../data-sources/access_path.md) names the cause. Each row is one object of the story
[Give an EC2 instance access to a cluster](kubectl-across-accounts.md), broken by hand, with kubectl and the data source
run where the instance is. The output of kubectl is shortened to the line that says what failed.

<!-- Written by `XEKS_WRITE=1 make e2e`: etcd, kube-apiserver and aws-iam-authenticator answer. -->
"""
TAIL = """\
## After you repair a role

The AWS CLI keeps the sessions of its profiles in `~/.aws/cli/cache` until they expire. If a role was deleted and
created again, kubectl answers `Unauthorized` with the old session even after `terraform apply` repaired the connection.
Delete the folder:

```sh
rm -r ~/.aws/cli/cache
```

An API server also caches answers to a token for some seconds: after you delete an access entry, a token in use can
still work for that long.
"""
