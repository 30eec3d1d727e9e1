"""Story 1 with its network, one hop after another broken by hand: what kubectl says, and which hop xeks names.

Both run where the instance is. Writes docs/guides/kubectl-errors.md with XEKS_WRITE=1, and otherwise compares it.
"""

import json
import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from accounts import CLUSTER, TRUSTS_EC2
from cluster_peering import peering
from cross_account_access import ACCESS, ACCESS_ARN, WORKLOAD, WORKLOAD_ARN, access
from harness import Cli
from network import Network
from private_network import PrivateNetwork
from stories import workload
from story_access import OUTPUTS, PROFILE, policies_of, recreate
from world import Shell, World

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "kubectl-errors.md"
ADMIN = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
ASK = ("get", "pods", "--namespace", "default")
#: Asks for nothing else first, which kubectl tries five times.
RAW = ("get", "--raw", "/api/v1/namespaces/default/pods")
#: What differs from one run to the next.
VARYING = (
    (re.compile(r"\b(AROA|AIDA|ASIA)[A-Z0-9]{10,}"), r"\1..."),
    (re.compile(r"\b(vpc|subnet|sg|rtb|pcx|acl)-[0-9a-f]{8,}"), r"\1-..."),
    (re.compile(r"botocore-session-\d+"), "botocore-session-..."),
    (re.compile(r"[0-9A-F]{32}\.gr7"), "....gr7"),
    (
        re.compile(r"(Unable to connect to the server): (context deadline|net/http: request canceled).*"),
        r"\1: dial tcp: i/o timeout",
    ),
    (re.compile(r"https?://127\.0\.0\.1:\d+"), "https://..."),
)


@dataclass(frozen=True)
class Break:
    what: str
    how: Callable[[World], None]
    #: The hop that the documents name, and words of kubectl's error.
    hop: str
    words: str


def entry_is_deleted(world: World) -> None:
    world.accounts.eks.delete_access_entry(clusterName=CLUSTER, principalArn=ACCESS_ARN)


def policy_is_disassociated(world: World) -> None:
    world.accounts.eks.disassociate_access_policy(clusterName=CLUSTER, principalArn=ACCESS_ARN, policyArn=ADMIN)


def scope_is_another_namespace(world: World) -> None:
    scope = {"type": "namespace", "namespaces": ["team-x"]}
    named = {"clusterName": CLUSTER, "principalArn": ACCESS_ARN, "policyArn": ADMIN}
    world.accounts.eks.associate_access_policy(**named, accessScope=scope)


def access_role_is_another(world: World) -> None:
    trust, policies = world.accounts.trust("cluster", ACCESS), policies_of(world, "cluster", ACCESS)
    recreate(world, "cluster", ACCESS, trust, policies)


def workload_role_is_another(world: World) -> None:
    policies = policies_of(world, "workload", WORKLOAD)
    recreate(world, "workload", WORKLOAD, TRUSTS_EC2, policies)
    world.accounts.iam("workload").add_role_to_instance_profile(RoleName=WORKLOAD, InstanceProfileName=WORKLOAD)


def trust_is_replaced(world: World) -> None:
    world.accounts.iam("cluster").update_assume_role_policy(RoleName=ACCESS, PolicyDocument=json.dumps(TRUSTS_EC2))


def permission_is_removed(world: World) -> None:
    for name in world.accounts.inline_policies("workload", WORKLOAD):
        world.accounts.iam("workload").delete_role_policy(RoleName=WORKLOAD, PolicyName=name)


def peering_is_deleted(world: World) -> None:
    network = Network(world.aws)
    for each in network.connections():
        network.delete(each["VpcPeeringConnectionId"])


def routes_are_deleted(account: str) -> Callable[[World], None]:
    def how(world: World) -> None:
        network = Network(world.aws)
        for route, target in network.routes(account).items():
            table, block = route.split("/", 1)
            if target.startswith("pcx-"):
                network.ec2(account).delete_route(RouteTableId=table, DestinationCidrBlock=block)

    return how


def rule_is_revoked(world: World) -> None:
    network = Network(world.aws)
    rules = [rule["SecurityGroupRuleId"] for rule in network.rules().values()]
    network.ec2("cluster").revoke_security_group_ingress(GroupId=network.group, SecurityGroupRuleIds=rules)


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
        world.metadata.become(world.aws.instance_credentials("workload", WORKLOAD))
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
        world = self.world
        keys = world.aws.instance_credentials("workload", WORKLOAD)
        root = self.cli.workspace(world.directory("asked"), **world.profiles(app=keys))
        arguments = {"cluster_name": CLUSTER, "principal_arn": WORKLOAD_ARN, "via_role_arns": [ACCESS_ARN]}
        arguments |= {
            "source": workload(world.aws),
            "live": True,
            "live_as": "app",
            "namespaces": ["default"],
            "verbs": ["list"],
        }
        accounts = {"cluster_account": "platform", "workload_account": "workload"}
        provider = {name: {"profile": profile, "region": world.aws.region} for name, profile in accounts.items()}
        provider["workload_accounts"] = {"app": {"profile": "app", "region": world.aws.region}}
        document = {
            "terraform": {"required_providers": {"xeks": {"source": "xeks/xeks"}}},
            "provider": {"xeks": provider},
            "data": {"xeks_access_path": {"it": arguments}},
        }
        root.write(json.dumps(document), "main.tf.json")
        root.apply()
        (resource,) = json.loads((root.directory / "terraform.tfstate").read_text())["resources"]
        return resource["instances"][0]["attributes"]

    def check(self, each: Break) -> dict:
        self.settle()
        self.world.metadata.become(self.world.aws.instance_credentials("workload", WORKLOAD))
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
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


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
