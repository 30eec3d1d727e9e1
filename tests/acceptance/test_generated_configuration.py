"""Configurations that the CLI writes itself (`plan -generate-config-out`) for what is imported: they validate, change nothing
but the import, keep what xeks created as its own, and a destroy deletes it and nothing else.

Terraform documentation, "Generate configuration": the file has each argument with its value in the imported state, optional
and computed ones included.
"""

import json
from dataclasses import dataclass

import pytest
from accounts import CLUSTER, TRUSTS_EC2, Accounts, traces
from cluster_peering import ADDRESS as PEERING
from cluster_peering import CASES as PEERINGS
from cluster_peering import peering
from cross_account_access import ACCESS, BUCKETS, WORKLOAD, access
from cross_account_access import ADDRESS as OF_ACCESS
from cross_account_access import CASES as ACCESSES
from harness import Plan, Workspace
from irsa_trust import ADDRESS as OF_TRUST
from irsa_trust import CASES as TRUSTS
from irsa_trust import CHAINED, POD, POLICY, ROLE, trust
from network import Network

GENERATED = "generated.tf"
ABROAD = "eu-west-1"
KEYED = '  workload_accounts = { payments = { profile = "workload", region = "ap-south-1" } }\n'
REUSER = "xeks_cluster_peering.other"


@pytest.fixture
def network(aws) -> Network:
    return Network(aws)


def generate(root: Workspace, address: str, rest: str = "") -> Plan:
    """Drops the resource from the state and lets the CLI write the configuration of its import beside `rest`; returns that
    plan."""
    id = root.state(address)["id"]
    root.forget(address)
    root.write(rest)
    root.write(f'import {{\n  to = {address}\n  id = "{id}"\n}}\n', "import.tf")
    return root.plan(f"-generate-config-out={GENERATED}")


def import_by_generated(root: Workspace, address: str, rest: str = "") -> None:
    """Imports with the configuration as it was written: no plan has a change, and all is the resource's as before."""
    origins = origins_of(root, address)
    plan = generate(root, address, rest)
    assert plan.changed(address) == [], (root.directory / GENERATED).read_text()
    root.validate().must_work()
    root.apply("tfplan")
    (root.directory / "import.tf").unlink()
    root.assert_empty_plan()
    imported = {key: "imported" if origin == "created" else origin for key, origin in origins.items()}
    assert origins_of(root, address) == imported


def origins_of(root: Workspace, address: str) -> dict[str, str]:
    return {key: object["origin"] for key, object in root.state(address)["objects"].items()}


@dataclass(frozen=True)
class Case:
    address: str
    hcl: str


#: Each mode and option, and each place where an import looks.
CASES = {
    **{f"access, {name}": Case(OF_ACCESS, hcl) for name, hcl in ACCESSES.items()},
    **{f"trust, {name}": Case(OF_TRUST, hcl) for name, hcl in TRUSTS.items()},
    "access, another account": Case(OF_ACCESS, access(more='workload_account = "payments"\ncluster_region = "ap-south-1"')),
    "trust, another account": Case(OF_TRUST, trust(more='workload_account = "payments"')),
    "chained, another account": Case(OF_TRUST, trust(more=f'{CHAINED}\nworkload_account = "payments"')),
    "chained, with paths": Case(
        OF_TRUST,
        trust(
            f'name = "{ROLE}", path = "/r/", inline_policies = {{ bucket = {POLICY} }}, managed_policy_arns = ["{BUCKETS}"]',
            more=f'mode = "chained"\npod_role = {{ name = "{POD}", path = "/p/" }}\naudiences = ["vault", "x"]',
        ),
    ),
    "trust, a set of clusters": Case(OF_TRUST, trust(clusters=f'cluster_names = ["{CLUSTER}", "green"]')),
    "trust, a set of one": Case(OF_TRUST, trust(clusters=f'cluster_names = ["{CLUSTER}"]')),
    "trust, tags of its provider": Case(OF_TRUST, trust(more='oidc_provider = { tags = { a = "b" } }')),
    "trust, thumbprints of its provider": Case(
        OF_TRUST, trust(more='oidc_provider = { thumbprints = ["9E99A48A9960B14926BB7F3B02E22DA2B0AB7280"] }')
    ),
    "access, what HCL has to escape": Case(
        OF_ACCESS,
        access(
            f'name = "{ACCESS}", description = "$${{x}} %%{{y}} \\"q\\"", external_id = "x-1", trust = "account"',
            kubernetes='username = "team:{{SessionName}}", groups = ["a", "b"]',
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_generated_configuration_changes_nothing(workspace, aws, name):
    Accounts(aws).make_cluster("green", "API")
    before = aws.dump()
    root = workspace(CASES[name].hcl, in_provider=KEYED)
    root.apply()
    there = aws.dump()
    import_by_generated(root, CASES[name].address)
    assert not traces(aws, there), "an import writes nothing"
    root.destroy()
    assert not traces(aws, before)


@pytest.mark.parametrize("more", ["", CHAINED], ids=["federated", "chained"])
def test_the_generated_configuration_of_an_issuer_changes_nothing(workspace, aws, more):
    before = aws.dump()
    root = workspace(trust(clusters=f'issuer_urls = ["{Accounts(aws).issuer()}"]', more=more))
    root.apply()
    import_by_generated(root, OF_TRUST)
    root.destroy()
    assert not traces(aws, before)


#: Over roles of others, which stay.
EXISTING = {
    "assume role": Case(OF_ACCESS, access(f'name = "{ACCESS}", existing = true', f'name = "{WORKLOAD}", existing = true')),
    "direct": Case(OF_ACCESS, access(None, f'name = "{WORKLOAD}", existing = true', more='mode = "direct"')),
    "access role": Case(OF_ACCESS, access(f'name = "{ACCESS}", existing = true, trust = "account"', 'name = "own"')),
    "workload role": Case(OF_ACCESS, access('name = "own"', f'name = "{WORKLOAD}", existing = true, instance_profile = true, instance_profile_name = "p"')),
    "a role that can't be edited": Case(OF_ACCESS, access('name = "own"', f'name = "{WORKLOAD}", existing = true, manage_policy = false')),
    "two roles, one can't be edited": Case(OF_ACCESS, access(f'name = "{ACCESS}", existing = true', f'name = "{WORKLOAD}", existing = true, manage_policy = false')),
    "federated": Case(OF_TRUST, trust(f'name = "{ROLE}", existing = true')),
    "chained": Case(OF_TRUST, trust(f'name = "{ROLE}", existing = true', more=f'mode = "chained"\npod_role = {{ name = "{POD}", existing = true }}')),
    "pod role": Case(OF_TRUST, trust('name = "own"', more=f'mode = "chained"\npod_role = {{ name = "{POD}", existing = true }}')),
    "target role": Case(OF_TRUST, trust(f'name = "{ROLE}", existing = true', more='mode = "chained"\npod_role = { name = "own" }')),
    "adopted, federated": Case(OF_TRUST, trust(more='adopt = "if_exists"')),
    "adopted, chained": Case(OF_TRUST, trust(more=f'{CHAINED}\nadopt = "if_exists"')),
}  # fmt: skip


@pytest.mark.parametrize("name", EXISTING)
def test_the_generated_configuration_keeps_roles_of_others(workspace, aws, name):
    for account, role in (("cluster", ACCESS), ("workload", WORKLOAD), ("workload", ROLE), ("cluster", POD)):
        iam = Accounts(aws).iam(account)
        path = "/" if "adopted" in name else "/theirs/"
        iam.create_role(RoleName=role, Path=path, AssumeRolePolicyDocument=json.dumps(TRUSTS_EC2))
        iam.attach_role_policy(RoleName=role, PolicyArn=BUCKETS)
    before = aws.dump()
    root = workspace(EXISTING[name].hcl)
    root.apply()
    import_by_generated(root, EXISTING[name].address)
    root.destroy()
    assert not traces(aws, before)


def test_policies_that_other_resources_of_this_provider_wrote_are_not_in_it(workspace, aws):
    """Their names are reserved: no configuration may list them."""
    other = access(workload_role=f'name = "{ROLE}", existing = true')
    root = workspace(trust(f'name = "{ROLE}", inline_policies = {{ bucket = {POLICY} }}'))
    root.apply()
    root.write(trust(f'name = "{ROLE}", inline_policies = {{ bucket = {POLICY} }}') + other)
    root.apply()
    generate(root, OF_TRUST, other)
    assert "xeks-" not in (root.directory / GENERATED).read_text()
    root.validate().must_work()


@pytest.mark.parametrize("case", PEERINGS)
def test_the_generated_configuration_of_a_peering_changes_nothing(workspace, network, case):
    before = network.left()
    root = workspace(peering(network.workload_vpc, *PEERINGS[case]))
    root.apply()
    import_by_generated(root, PEERING)
    assert set(origins_of(root, PEERING).values()) == {"imported"}
    root.destroy()
    assert network.left() == before


def test_a_peering_of_another_account_and_with_tables_named_keeps_them(workspace, network):
    before = network.left()
    table = network.tables("workload")[0]["RouteTableId"]
    lines = ['workload_account = "payments"', f'workload_route_table_ids = ["{table}"]', "dns_resolution = true"]
    root = workspace(peering(network.workload_vpc, *lines), in_provider=KEYED)
    root.apply()
    import_by_generated(root, PEERING)
    root.destroy()
    assert network.left() == before


@pytest.mark.parametrize("made_by", ["others", "a resource"])
def test_a_connection_that_is_only_used_is_kept(workspace, aws, network, made_by):
    """The connection is others' or another resource's; the routes and rules of this one go with it."""
    Accounts(aws).make_cluster("green", "API")
    owner = workspace(peering(network.workload_vpc))
    if made_by == "a resource":
        owner.apply()
        made = owner.state(PEERING)["peering_connection_id"]
    else:
        made = network.connect()
    table = network.make_table("cluster")
    before = network.left()
    lines = [f'peering_connection_id = "{made}"', f'cluster_route_table_ids = ["{table}"]']
    root = workspace(peering(network.workload_vpc, *lines, name="other", cluster="green"))
    root.apply()
    import_by_generated(root, REUSER)
    assert origins_of(root, REUSER)[f"workload/ec2_vpc_peering_connection/green/{network.workload_vpc}"] == "adopted"
    root.destroy()
    assert network.left() == before


def test_a_replacement_that_would_delete_what_the_configuration_names_is_refused(workspace, network):
    root = workspace(peering(network.workload_vpc))
    root.apply()
    import_by_generated(root, PEERING)
    made = root.state(PEERING)["peering_connection_id"]
    there = network.left()
    root.try_plan(f"-replace={PEERING}").must_fail(
        f"deletes {made}", "Remove peering_connection_id", "terraform destroy -refresh=false"
    )
    assert network.left() == there

    generated = (root.directory / GENERATED).read_text()
    root.write("\n".join(line for line in generated.splitlines() if "peering_connection_id" not in line), GENERATED)
    root.assert_empty_plan()
    root.apply(f"-replace={PEERING}")
    root.assert_empty_plan()
