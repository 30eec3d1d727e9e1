"""The corpus of stored states in tests/states: what applies of all modes store, by resource and version.

Knows the files and the modes. Knows nothing of the provider's schema: tests/states/main.rs compares with that.
"""

import json
import re
from pathlib import Path

from accounts import CLUSTER, CLUSTER_ACCOUNT, Accounts, role_arn
from aws_emulator.client import Aws
from cluster_peering import peering
from cross_account_access import BUCKETS, access
from harness import Workspace
from irsa_trust import POLICY, trust
from network import HOME, Network, vpc

#: Its create is interrupted, so that its state names some of its objects.
INTERRUPTED = access(name="interrupted", access_role='name = "late-a"', workload_role='name = "late-w"')
CORPUS = Path(__file__).parents[1] / "states"
ABROAD = "eu-west-1"
#: Ids that differ after each apply, in keys too.
GIVEN = re.compile(r"\b(?:(pcx|rtb|vpc|sg|sgr|subnet)-[0-9a-z]+|[0-9A-F]{32})\b")


def path(kind: str, version: int) -> Path:
    return CORPUS / kind / f"v{version}"


def stored() -> dict[tuple[str, str], dict]:
    """(resource type, name of the file) → `schema_version` and `attributes`, of all that is stored."""
    files = (each for each in sorted(CORPUS.glob("*/v*/*.json")) if each.name != "type.json")
    return {(each.parts[-3], f"{each.parent.name}-{each.stem}"): json.loads(each.read_text()) for each in files}


def lay_down(root: Workspace, states: dict[tuple[str, str], dict]) -> None:
    """Makes these the workspace's state, each resource called by the name of its file."""
    host = "registry.opentofu.org" if root.cli.name == "tofu" else "registry.terraform.io"
    resources = [
        {
            "mode": "managed",
            "type": kind,
            "name": re.sub(r"\W", "-", name),
            "provider": f'provider["{host}/xeks/xeks"]',
            "instances": [state],
        }
        for (kind, name), state in states.items()
    ]
    state = {"version": 4, "terraform_version": "1.6.0", "serial": 1, "lineage": "stored", "resources": resources}
    (root.directory / "terraform.tfstate").write_text(json.dumps(state))


def instances(root: Workspace) -> dict[tuple[str, str], dict]:
    """(resource type, name) → `schema_version` and `attributes`, as in the workspace's state file."""
    state = json.loads((root.directory / "terraform.tfstate").read_text())
    kept = ("schema_version", "attributes")
    return {
        (each["type"], each["name"]): {name: each["instances"][0][name] for name in kept} for each in state["resources"]
    }


def edit(root: Workspace, change) -> None:
    """Changes the attributes of every resource in the state file; `change` gets and alters them."""
    file = root.directory / "terraform.tfstate"
    state = json.loads(file.read_text())
    for resource in state["resources"]:
        change(resource["instances"][0]["attributes"])
    file.write_text(json.dumps(state))


def keep(kind: str, mode: str, state: dict) -> None:
    """Stores a state whose shape no stored state of this mode has. Stored states stay: users may still have them."""
    folder = path(kind, state["schema_version"])
    folder.mkdir(parents=True, exist_ok=True)
    variants = sorted(folder.glob(f"{mode}.json")) + sorted(folder.glob(f"{mode}.[0-9]*.json"))
    if all(shape(json.loads(each.read_text())) != shape(state) for each in variants):
        name = f"{mode}.{len(variants) + 1}.json" if variants else f"{mode}.json"
        (folder / name).write_text(json.dumps(state, indent=2, sort_keys=True) + "\n")


def shape(value):
    """The value with the kinds of its leaves for the leaves, and without the ids that AWS gives."""
    if isinstance(value, dict):
        return {GIVEN.sub(r"\1", key): shape(member) for key, member in value.items()}
    if isinstance(value, list):
        return sorted({json.dumps(shape(member), sort_keys=True) for member in value})
    return type(value).__name__


def modes(aws: Aws) -> str:
    """Prepares the accounts for one resource per mode, named like it, and returns their configuration."""
    accounts = Accounts(aws)
    ec2 = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = {"Version": "2012-10-17", "Statement": [ec2]}
    for name in ("existing", "adopted"):
        accounts.make_role("cluster", f"{name}-a", document)
        accounts.make_role("workload", f"{name}-w", document)
        accounts.make_role("workload", f"{name}-t", document)
    accounts.eks.create_access_entry(clusterName=CLUSTER, principalArn=role_arn(CLUSTER_ACCOUNT, "adopted-a"))
    accounts.make_cluster("green", "API")
    accounts.make_oidc_provider("theirs", cluster="green")
    return accesses() + trusts() + peerings(aws)


def roles(name: str, access_role: str = "", workload_role: str = "") -> dict[str, str]:
    return {
        "name": name,
        "access_role": f'name = "{name}-a"{access_role}',
        "workload_role": f'name = "{name}-w"{workload_role}',
    }


def accesses() -> str:
    policies = 'policies = { AmazonEKSViewPolicy = { scope = "namespace", namespaces = ["a", "b"] } }'
    full = roles(
        "full",
        f', path = "/x/", description = "d", external_id = "e-1", trust = "account", max_session_duration = 7200,'
        f' trusted_principal_arns = ["{role_arn(CLUSTER_ACCOUNT, "xeks-runner")}"], tags = {{ of = "a" }}',
        f', instance_profile = true, instance_profile_name = "p", managed_policy_arns = ["{BUCKETS}"],'
        ' trusted_services = ["lambda.amazonaws.com"]',
    )
    client = 'client = { profile_name = "p", source_profile = "base", session_name = "ci", auth = "profile" }'
    return "".join(
        [
            access(**roles("plain")),
            access(
                **full,
                kubernetes=f'username = "u", groups = ["g"], {policies}',
                more=f'{client}\ntags = {{ team = "x" }}\ntimeouts = {{ create = "5m", delete = "90s" }}',
            ),
            access(**roles("direct") | {"access_role": None}, more='mode = "direct"'),
            access(**roles("existing", ", existing = true", ", existing = true")),
            access(**roles("adopted"), more='adopt = "if_exists"\ntags = { team = "x" }'),
            access(**roles("imported", "", ", instance_profile = true")),
        ]
    )


def trusts() -> str:
    inline = f'inline_policies = {{ bucket = {POLICY} }}, managed_policy_arns = ["{BUCKETS}"]'
    thumbprints = 'thumbprints = ["9e99a48a9960b14926bb7f3b02e22da2b0ab7280"]'
    several = '{ namespace = "a", name = "x" }, { namespace = "b-*", name = "*" }'
    issuer = "https://oidc.eks.ap-south-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"
    return "".join(
        [
            trust('name = "plain-t"', name="plain"),
            trust(
                f'name = "full-t", path = "/x/", description = "d", {inline}, tags = {{ a = "1" }}',
                several,
                f'issuer_urls = ["{issuer}"]',
                f'oidc_provider = {{ {thumbprints}, tags = {{ a = "1" }} }}\ntags = {{ team = "x" }}\n'
                'audiences = ["sts.amazonaws.com", "vault"]',
                name="full",
            ),
            trust('name = "chained-t"', more='mode = "chained"\npod_role = { name = "chained-p" }', name="chained"),
            trust(
                'name = "existing-t", existing = true',
                clusters='cluster_names = ["green"]',
                more='oidc_provider = { manage = "existing" }',
                name="existing",
            ),
            trust('name = "adopted-t"', more='adopt = "if_exists"\ntags = { team = "x" }', name="adopted"),
            trust('name = "imported-t"', name="imported"),
        ]
    )


def peerings(aws: Aws) -> str:
    def vpcs(number: int, region: str = HOME) -> Network:
        return Network(aws, vpc(aws, "workload", f"10.4{number}.0.0/16", region), region)

    named = vpcs(3)
    return "".join(
        [
            peering(vpcs(0).workload_vpc, name="plain"),
            peering(
                vpcs(1).workload_vpc,
                'workload_cidrs = ["10.41.0.0/24"]',
                'cluster_cidrs = ["10.20.1.0/24"]',
                'https_source_cidrs = ["10.41.0.0/25"]',
                "dns_resolution = true",
                'tags = { team = "x" }',
                'timeouts = { create = "5m" }',
                name="full",
            ),
            peering(vpcs(2, ABROAD).workload_vpc, f'workload_region = "{ABROAD}"', name="abroad"),
            peering(named.workload_vpc, f'peering_connection_id = "{named.connect()}"', name="existing"),
            peering(vpcs(4).workload_vpc, name="imported"),
        ]
    )
