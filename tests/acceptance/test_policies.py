"""Policies that only the CLI can render pass the check of `tests/policies`: those of `xeks_runner_policy`, and HCL's."""

import json

import pytest
from documents import ROOT, in_hcl, text_files
from findings import findings
from linter import linter_findings
from runner_policies import ACCOUNTS, WITH_IDS

pytestmark = pytest.mark.one_cli

BOUNDARY = "arn:aws:iam::185863138492:policy/team"
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"


def access(more: str = "", access_role: str = "", workload_role: str = "") -> str:
    roles = f'access_role = {{ name = "a-*"\n{access_role} }}\nworkload_role = {{ name = "w"\n{workload_role} }}'
    return f'cross_account_access = [{{\ncluster_name = "c"\n{roles}\n{more} }}]'


def direct(more: str = "", workload_role: str = "") -> str:
    return f'cross_account_access = [{{\ncluster_name = "c"\nmode = "direct"\nworkload_role = {{ name = "w"\n{workload_role} }}\n{more} }}]'


def irsa(more: str = "", role: str = "", clusters: str = 'cluster_name = "c"\ncluster_region = "eu-west-1"') -> str:
    return f'irsa_trust = [{{\n{clusters}\nrole = {{ name = "r"\n{role} }}\n{more} }}]'


def chained(more: str = "", role: str = "", pod_role: str = "") -> str:
    return irsa(f'mode = "chained"\npod_role = {{ name = "p"\n{pod_role} }}\n{more}', role)


def peering(more: str = "") -> str:
    return f'cluster_peering = [{{\ncluster_name = "c"\nworkload_vpc_id = "vpc-0123456789abcdef0"\n{more} }}]'


EXISTING, ADOPT, PATH = "existing = true", 'adopt = "if_exists"', 'path = "/teams/*/"'
BOUND = f'permissions_boundary = "{BOUNDARY}"'
MANAGED = f'managed_policy_arns = ["{READ_ONLY}"]'
PROFILE = "instance_profile = true"

# Every option of the data source, alone and with those that decide together with it.
OPTIONS = {
    "access": access(),
    "access, existing roles": access(access_role=EXISTING, workload_role=f"{EXISTING}\n{MANAGED}"),
    "access, adopted": access(ADOPT, workload_role=f"{PROFILE}\n{MANAGED}"),
    "access, paths": access(access_role=PATH, workload_role=f"{PATH}\n{PROFILE}"),
    "access, boundaries": access(access_role=f'permissions_boundary = "{BOUNDARY.replace("185863138492", "183295435445")}"', workload_role=f"{BOUND}\n{PROFILE}\n{MANAGED}"),
    "access, existing roles with boundaries": access(access_role=f"{EXISTING}\n{BOUND}", workload_role=f"{EXISTING}\n{BOUND}\n{MANAGED}"),
    "access, any boundary": access(access_role='permissions_boundary = "*"', workload_role='permissions_boundary = "*"'),
    "access, trusted": access(access_role=f'trusted_principal_arns = ["arn:aws:iam::{ACCOUNTS["workload"]}:role/ci", "arn:aws:iam::{ACCOUNTS["cluster"]}:role/x/admin"]'),
    "access, trusted patterns and users": access(access_role=f'trusted_principal_arns = ["arn:aws:iam::{ACCOUNTS["workload"]}:role/aws-reserved/sso.amazonaws.com/*AWSReservedSSO_PowerUser_*", "arn:aws:iam::{ACCOUNTS["workload"]}:user/ann", "arn:aws:sts::{ACCOUNTS["workload"]}:assumed-role/ci/run"]'),
    "access, no policy": access(workload_role="manage_policy = false"),
    "access, profile by name": access(workload_role=f'{PROFILE}\ninstance_profile_name = "profile-*"'),
    "access, any managed policy": access(workload_role='managed_policy_arns = ["*"]'),
    "access, access policies": access('kubernetes = { policies = { AmazonEKSViewPolicy = {}, AmazonEKSAdminPolicy = { scope = "cluster" }, "arn:aws:eks::aws:cluster-access-policy/AmazonEKSEditPolicy" = { scope = "namespace", namespaces = ["team-*", "x"] }, "*" = { namespaces = ["y"] } } }'),
    "access, groups": access('kubernetes = { groups = ["viewers", "team-*"], username = "xeks:*" }'),
    "direct, no groups": direct("kubernetes = {}"),
    "access, upgrade": access('on_config_map = "upgrade"'),
    "access, region": access('cluster_region = "eu-west-1"'),
    "access, mode": access('mode = "assume_role"'),
    "direct": direct(),
    "direct, permission set": 'cross_account_access = [{\ncluster_name = "c"\nmode = "direct"\nworkload_role = { permission_set = "Power*" } }]',
    "direct, existing": direct(workload_role=f"{EXISTING}\n{PROFILE}"),
    "direct, adopted": direct(ADOPT, workload_role=MANAGED),
    "irsa": irsa(),
    "irsa, mode": irsa('mode = "federated"'),
    "irsa, clusters": irsa(clusters='cluster_names = ["c", "d-*"]\ncluster_region = "eu-west-1"'),
    "irsa, issuers": irsa(clusters='issuer_urls = ["https://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE", "https://issuer.example.com/*"]'),
    "irsa, existing": irsa(role=EXISTING),
    "irsa, existing with policies": irsa(role=f"{EXISTING}\n{MANAGED}\ninline_policies = {{ bucket = \"{{}}\" }}"),
    "irsa, trusted": irsa(role=f'trusted_principal_arns = ["arn:aws:iam::{ACCOUNTS["cluster"]}:role/AWSReservedSSO_PowerUser_0123456789abcdef"]'),
    "irsa, adopted": irsa(ADOPT, role=f"{PATH}\n{BOUND}\n{MANAGED}"),
    **{f"irsa, {manage}": irsa(f'oidc_provider = {{ manage = "{manage}" }}') for manage in ("shared", "existing", "retain")},
    "chained": chained(),
    "chained, existing": chained(role=EXISTING, pod_role=EXISTING),
    "chained, paths and boundaries": chained(ADOPT, role=f"{PATH}\n{BOUND}", pod_role=f'{PATH}\npermissions_boundary = "*"'),
    "peering": peering(),
    "peering, existing": peering('peering_connection_id = "pcx-0123456789abcdef0"'),
    "peering, some existing with DNS": peering('peering_connection_id = "pcx-*"\ndns_resolution = true'),
    "peering, existing with DNS": peering('peering_connection_id = "pcx-0123456789abcdef0"\ndns_resolution = true'),
    "peering, DNS": peering("dns_resolution = true"),
    "peering, no HTTPS": peering("allow_https = false"),
    "peering, VPC": peering('cluster_vpc_id = "vpc-0fedcba9876543210"'),
    "peering, tables": peering('cluster_route_table_ids = ["rtb-1"]\nworkload_route_table_ids = ["rtb-2", "rtb-3"]'),
    "peering, regions": peering('cluster_region = "eu-west-1"\nworkload_region = "eu-central-1"'),
    **{f"data source {name}": f'data_sources = ["{name}"]' for name in ("xeks_access_path", "xeks_cluster", "xeks_irsa_path")},
    "region": f'region = "ap-south-1"\n{access()}\n{irsa()}\n{peering()}\ndata_sources = ["xeks_access_path"]',
    **{f"partition {name}": f'partition = "{name}"\n{access(workload_role=PROFILE)}\n{irsa()}\n{peering()}\ndata_sources = ["xeks_access_path"]' for name in ("aws-cn", "aws-us-gov")},
}  # fmt: skip

# What the expressions in HCL refer to.
LOCALS = {"bucket": '{ arn = "arn:aws:s3:::uploads" }', "prefix": '"prefix/"'}


def test_the_policies_of_every_option_pass(workspace):
    found = set()
    for option, values in zip(OPTIONS, rendered(workspace), strict=True):
        policies = [json.loads(values[f"{account}_policy"] or "null") for account in ACCOUNTS]
        found |= {f"{option}: {fault}" for policy in policies if policy for fault in faults(policy)}
    assert not found, "\n".join(sorted(found))


def test_every_option_is_among_those_that_are_rendered(workspace):
    """So that one that is added later is checked too."""
    given = set().union(*(paths(values) for values in rendered(workspace)))
    root = workspace(source("schema", access()))
    schemas = json.loads(root.run("providers", "schema", "-json").must_work().output)["provider_schemas"]
    (provider,) = schemas.values()
    declared = options(provider["data_source_schemas"]["xeks_runner_policy"]["block"]["attributes"])

    assert declared - given == {"workload_account"}, "it names accounts of the provider, and these cases give their ids"


def test_the_policies_in_hcl_pass(workspace):
    every = {str(path.relative_to(ROOT)): list(in_hcl(path.read_text())) for path in text_files()}
    expressions = {file: policies for file, policies in every.items() if policies}
    assert expressions.pop("modules/irsa-trust/main.tf"), "it loops over a variable: golden files have its policies"
    assert len(expressions) > 3
    known = "".join(f"  {name} = {value}\n" for name, value in LOCALS.items())
    values = "".join(f'  "{file}" = [{", ".join(policies)}]\n' for file, policies in expressions.items())
    root = workspace(f'locals {{\n{known}}}\n\noutput "policies" {{\n  value = {{\n{values}  }}\n}}\n')
    root.apply()

    policies = {file: [json.loads(policy) for policy in texts] for file, texts in root.output("policies").items()}

    found = {f"{file}: {fault}" for file, each in policies.items() for policy in each for fault in faults(policy)}
    assert not found, "\n".join(sorted(found))


def rendered(workspace) -> list[dict]:
    """The attributes of the data source for each of OPTIONS."""
    names = [f"option{number}" for number in range(len(OPTIONS))]
    root = workspace("\n".join(map(source, names, OPTIONS.values())))
    root.apply()
    state = json.loads((root.directory / "terraform.tfstate").read_text())
    values = {resource["name"]: resource["instances"][0]["attributes"] for resource in state["resources"]}
    return [values[name] for name in names]


def source(name: str, lists: str) -> str:
    return f'data "xeks_runner_policy" "{name}" {{\n{WITH_IDS}\n{lists}\n}}\n'


def faults(policy: dict) -> list[str]:
    return findings(policy) + linter_findings(policy)


def options(attributes: dict, above: str = "") -> set[str]:
    """Paths of the attributes that can be set."""
    found = set()
    for name, attribute in attributes.items():
        path = f"{above}{name}"
        if "nested_type" in attribute:
            found |= options(attribute["nested_type"]["attributes"], f"{path}.")
        elif attribute.get("optional") or attribute.get("required"):
            found.add(path)
    return found


def paths(values: dict, above: str = "") -> set[str]:
    """Paths of the attributes that are set; the keys of a map of objects and the places in a list are no part of them."""
    found = set()
    for name, value in values.items():
        path = f"{above}{name}"
        maps = value.values() if path.endswith("kubernetes.policies") and value else [value]
        members = value if isinstance(value, list) else maps
        found |= {path} if value is not None else set()
        found |= set().union(*(paths(member, f"{path}.") for member in members if isinstance(member, dict)))
    return found
