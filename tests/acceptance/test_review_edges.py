"""Edges: what is adopted, deleted by hand, killed half way, changed from set to null, recreated under its name."""

import itertools
import json
import time

import pytest
from conftest import PROVIDER
from faults import writes
from test_access import ACCESS, ACCESS_ARN, ADDRESS, BUCKETS, WORKLOAD, access
from test_irsa import ADDRESS as TRUST
from test_irsa import CHAINED, ROLE, trust
from world import CLUSTER, World, traces

EC2 = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
DOCUMENT = json.dumps({"Version": "2012-10-17", "Statement": [EC2]})
VIEW = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
EVERYTHING = access(workload_role=f'name = "{WORKLOAD}", instance_profile = true', more='adopt = "if_exists"\ntags = { team = "x", whose = "ours" }')  # fmt: skip


def theirs(world: World, account: str, name: str) -> None:
    world.iam(account).create_role(
        RoleName=name, AssumeRolePolicyDocument=DOCUMENT, Tags=[{"Key": "whose", "Value": "theirs"}]
    )


@pytest.mark.parametrize(
    "there",
    [
        ["access"],
        ["workload"],
        ["profile"],
        ["workload", "profile"],
        ["access", "entry"],
        ["access", "workload", "profile", "entry"],
    ],
    ids=" and ".join,
)
def test_what_is_there_is_adopted_and_left_as_it_was(workspace, aws, there):
    world = World(aws)
    if "access" in there:
        theirs(world, "cluster", ACCESS)
    if "workload" in there:
        theirs(world, "workload", WORKLOAD)
    if "profile" in there:
        iam = world.iam("workload")
        iam.create_instance_profile(InstanceProfileName=WORKLOAD, Tags=[{"Key": "whose", "Value": "theirs"}])
        if "workload" in there:
            iam.add_role_to_instance_profile(InstanceProfileName=WORKLOAD, RoleName=WORKLOAD)
    if "entry" in there:
        world.eks.create_access_entry(clusterName=CLUSTER, principalArn=ACCESS_ARN, tags={"whose": "theirs"})
        world.eks.associate_access_policy(
            clusterName=CLUSTER, principalArn=ACCESS_ARN, policyArn=VIEW, accessScope={"type": "cluster"}
        )
    before = aws.dump()
    root = workspace(EVERYTHING)

    root.apply()
    root.assert_empty_plan()
    for account, name, key in (("cluster", ACCESS, "access"), ("workload", WORKLOAD, "workload")):
        assert world.role_tags(account, name)["whose"] == ("theirs" if key in there else "ours")

    root.write(EVERYTHING.replace('team = "x"', 'team = "y", more = "z"'))
    root.apply()
    root.assert_empty_plan()
    root.write(EVERYTHING.replace('tags = { team = "x", whose = "ours" }', ""))
    root.apply()
    root.assert_empty_plan()

    root.destroy()
    assert not traces(aws, before)


def test_what_others_wrote_on_an_adopted_entry_is_refused_with_what_to_do(workspace, aws):
    world = World(aws)
    theirs(world, "cluster", ACCESS)
    world.eks.create_access_entry(clusterName=CLUSTER, principalArn=ACCESS_ARN)
    world.eks.associate_access_policy(
        clusterName=CLUSTER, principalArn=ACCESS_ARN, policyArn=VIEW, accessScope={"type": "cluster"}
    )
    narrow = access(
        kubernetes='policies = { AmazonEKSViewPolicy = { scope = "namespace", namespaces = ["a"] } }',
        more='adopt = "if_exists"',
    )
    root = workspace(narrow)

    run = root.try_apply().must_fail("AmazonEKSViewPolicy", "never rewrites")
    assert "set adopt" not in run.text
    assert world.associations(ACCESS_ARN)["AmazonEKSViewPolicy"]["type"] == "cluster"

    same = access(kubernetes='policies = { AmazonEKSViewPolicy = { scope = "cluster" } }', more='adopt = "if_exists"')
    root.write(same)
    root.apply()
    root.assert_empty_plan()
    root.write(narrow)
    root.try_apply().must_fail("AmazonEKSViewPolicy", "never rewrites")
    root.destroy()
    assert world.associations(ACCESS_ARN)["AmazonEKSViewPolicy"]["type"] == "cluster"


def managed(policies: str) -> str:
    return access(workload_role=f'name = "{WORKLOAD}"{policies}')


def test_managed_policies_set_and_null_and_set(workspace, aws):
    world = World(aws)
    other = "arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess"
    root = workspace(managed(f', managed_policy_arns = ["{BUCKETS}"]'))
    root.apply()
    world.iam("workload").attach_role_policy(RoleName=WORKLOAD, PolicyArn=other)

    root.write(managed(""))
    root.apply()
    root.assert_empty_plan()
    assert world.managed_policies("workload", WORKLOAD) == [other], "null: others' are let be, ours are taken off"

    root.write(managed(", managed_policy_arns = []"))
    root.apply()
    root.apply()
    root.assert_empty_plan()
    assert world.managed_policies("workload", WORKLOAD) == [], "set: these and no others"


def test_an_empty_text_is_no_drift(workspace, aws):
    empty = access(
        f'name = "{ACCESS}", description = ""', f'name = "{WORKLOAD}", tags = {{}}', "groups = []\npolicies = {}"
    )
    root = workspace(empty)
    root.apply()
    root.assert_empty_plan()


def test_default_tags_that_go_are_taken_off(workspace, aws):
    world = World(aws)
    root = workspace(access() + trust(), in_provider='  default_tags = { owner = "a" }\n')
    root.apply()

    root.write(PROVIDER % "", "provider.tf")
    root.apply()

    assert "owner" not in world.role_tags("workload", WORKLOAD) and "owner" not in world.role_tags("workload", ROLE)
    root.assert_empty_plan()


def test_a_default_tag_that_is_ignored_is_no_drift(workspace, aws):
    provider = '  default_tags = { owner = "a", cost = "1" }\n  ignore_tags = { keys = ["cost"] }\n'
    root = workspace(access() + trust(), in_provider=provider)
    root.apply()
    root.assert_empty_plan()
    World(aws).iam("workload").tag_role(RoleName=WORKLOAD, Tags=[{"Key": "cost", "Value": "2"}])
    root.assert_empty_plan()


def recreate_cluster(world: World) -> None:
    like = world.eks.describe_cluster(name=CLUSTER)["cluster"]
    world.eks.delete_cluster(name=CLUSTER)
    world.eks.create_cluster(
        name=CLUSTER,
        roleArn=like["roleArn"],
        resourcesVpcConfig={"subnetIds": like["resourcesVpcConfig"]["subnetIds"]},
        accessConfig={"authenticationMode": "API"},
    )


@pytest.mark.parametrize("mode", ["federated", "chained"])
def test_a_cluster_recreated_under_its_name_is_trusted_in_place(workspace, aws, mode):
    world = World(aws)
    root = workspace(access() + trust(more=CHAINED if mode == "chained" else ""))
    root.apply()
    old, role = world.issuer(), world.role("workload", ROLE)["RoleId"]

    recreate_cluster(world)
    assert world.issuer() != old
    plan = root.plan()
    assert plan.actions(TRUST) == ["update"] and plan.actions(ADDRESS) == ["update"]
    assert "issuers" not in plan.changed(TRUST), "what a read saw is no change of the plan"
    root.apply()

    assert list(root.state(TRUST)["oidc_provider_arns"]) == [world.issuer()]
    assert world.role("workload", ROLE)["RoleId"] == role
    assert old.removeprefix("https://") not in json.dumps(aws.dump()["183295435445"]["iam"])
    assert world.associations(ACCESS_ARN)
    root.assert_empty_plan()
    root.destroy()


def delete_role(world: World, account: str, name: str) -> None:
    iam = world.iam(account)
    for profile in iam.list_instance_profiles_for_role(RoleName=name)["InstanceProfiles"]:
        iam.remove_role_from_instance_profile(InstanceProfileName=profile["InstanceProfileName"], RoleName=name)
    for policy in world.inline_policies(account, name):
        iam.delete_role_policy(RoleName=name, PolicyName=policy)
    iam.delete_role(RoleName=name)


BY_HAND = {
    "access role": lambda world: delete_role(world, "cluster", ACCESS),
    "workload role": lambda world: delete_role(world, "workload", WORKLOAD),
    "app role": lambda world: delete_role(world, "workload", ROLE),
    "access entry": lambda world: world.eks.delete_access_entry(clusterName=CLUSTER, principalArn=ACCESS_ARN),
    "OIDC provider": lambda world: world.iam("workload").delete_open_id_connect_provider(
        OpenIDConnectProviderArn=world.oidc_providers()[0]
    ),
}
STORY = access(workload_role=f'name = "{WORKLOAD}", instance_profile = true')


@pytest.mark.parametrize("mode", ["assume_role", "direct"])
@pytest.mark.parametrize("what", ["access role", "workload role"])
def test_a_role_deleted_by_hand_is_made_again_and_lives_in_the_cluster(workspace, aws, what, mode):
    if mode == "direct" and what == "access role":
        pytest.skip("there is none")
    world = World(aws)
    hcl = STORY if mode == "assume_role" else access(None, more='mode = "direct"')
    root = workspace(hcl)
    root.apply()
    (principal,) = [entry for entry in world.entries() if ACCESS in entry or WORKLOAD in entry]
    dead = world.entry(principal)["accessEntryArn"]
    BY_HAND[what](world)

    root.apply()

    root.assert_empty_plan()
    bound = what == "access role" or mode == "direct"
    assert (world.entry(principal)["accessEntryArn"] != dead) == bound
    assert world.associations(principal)
    root.destroy()


@pytest.mark.parametrize("what", BY_HAND)
def test_without_a_refresh_what_was_deleted_is_an_error_of_our_own_and_heals(workspace, aws, what):
    world = World(aws)
    before = aws.dump()
    root = workspace(STORY + trust())
    root.apply()
    BY_HAND[what](world)

    changed = STORY.replace("instance_profile = true", "instance_profile = true, max_session_duration = 7200")
    root.write(changed + trust(f'name = "{ROLE}", max_session_duration = 7200'))
    run = root.try_apply("-refresh=false")
    assert "inconsistent" not in run.text and "bug in the provider" not in run.text
    if run.code:
        assert "Plan and apply once more" in run.text

    root.apply()
    root.assert_empty_plan()
    root.destroy()
    assert not traces(aws, before)


OTHER = access(
    f'name = "{ACCESS}", external_id = "e-1", description = "d"',
    f'name = "{WORKLOAD}", instance_profile = true, instance_profile_name = "other", max_session_duration = 7200',
    'username = "u", groups = ["g"], policies = { AmazonEKSViewPolicy = { scope = "namespace", namespaces = ["a"] } }',
    'tags = { a = "1" }',
)


def test_an_update_that_fails_at_any_call_can_be_retried_reverted_or_destroyed(workspace, aws):
    before = aws.dump()
    root = workspace(STORY + trust())
    after = OTHER + trust(service_accounts='{ namespace = "b", name = "*" }', more='audiences = ["vault"]')
    root.apply()
    root.write(after)
    aws.clear_calls()
    root.apply()
    # An audience stays with a provider that was made here, so that only the first update adds it.
    faults = [fault for fault in writes(aws) if fault["action"] != "AddClientIDToOpenIDConnectProvider"]
    assert len(faults) > 8

    for fault, then in zip(faults, itertools.cycle(["retry", "revert", "destroy"])):
        root.write(STORY + trust())
        root.apply()
        root.write(after)
        aws.faults.add("deny", **fault)
        root.try_apply().must_fail(fault["action"])
        aws.faults.clear()

        if then == "destroy":
            root.destroy()
            assert not traces(aws, before), fault
            continue
        root.write(after if then == "retry" else STORY + trust())
        root.apply()
        root.assert_empty_plan()


CREATE_FIRST = "lifecycle {\n  create_before_destroy = true\n}"


@pytest.mark.parametrize("more", ["", CREATE_FIRST], ids=["destroy first", "create first"])
@pytest.mark.parametrize("kind", ["federated", "chained", "existing", "adopted"])
def test_a_trust_is_replaced_whole(workspace, aws, kind, more):
    world = World(aws)
    if kind in ("existing", "adopted"):
        theirs(world, "workload", ROLE)
    before = aws.dump()
    options = {
        "federated": trust(more=more),
        "chained": trust(more=CHAINED + "\n" + more),
        "existing": trust(f'name = "{ROLE}", existing = true', more=more),
        "adopted": trust(more='adopt = "if_exists"\n' + more),
    }
    root = workspace(options[kind])
    root.apply()

    root.apply(f"-replace={TRUST}")

    root.assert_empty_plan()
    assert json.dumps(aws.dump()).count("sts:AssumeRoleWithWebIdentity") >= 1
    assert TRUST in root.resources()
    root.destroy()
    assert not traces(aws, before)


@pytest.mark.parametrize("more", ["", CREATE_FIRST], ids=["destroy first", "create first"])
@pytest.mark.parametrize("kind", ["existing", "adopted", "direct"])
def test_an_access_is_replaced_whole(workspace, aws, kind, more):
    world = World(aws)
    if kind in ("existing", "adopted"):
        theirs(world, "workload", WORKLOAD)
        theirs(world, "cluster", ACCESS)
    before = aws.dump()
    options = {
        "existing": access(f'name = "{ACCESS}", existing = true', f'name = "{WORKLOAD}", existing = true', more=more),
        "adopted": access(more='adopt = "if_exists"\n' + more),
        "direct": access(None, more='mode = "direct"\n' + more),
    }
    root = workspace(options[kind])
    root.apply()

    root.apply(f"-replace={ADDRESS}")

    root.assert_empty_plan()
    root.destroy()
    assert not traces(aws, before)


def test_many_trusts_share_one_new_provider_in_one_apply(workspace, aws):
    world = World(aws)
    before = aws.dump()
    many = "".join(
        trust(f'name = "r{i}"', f'{{ namespace = "n", name = "s{i}" }}', name=f"t{i}", more=f'audiences = ["sts.amazonaws.com", "a{i % 2}"]')
        for i in range(8)
    )  # fmt: skip
    root = workspace(many)
    root.apply("-parallelism=8")
    root.assert_empty_plan()
    (arn,) = world.oidc_providers()
    assert sorted(world.oidc_provider(arn)["ClientIDList"]) == ["a0", "a1", "sts.amazonaws.com"]
    root.destroy("-parallelism=8")
    assert not traces(aws, before)


def test_one_resource_an_account_by_for_each(workspace, aws):
    provider = """
terraform {
  required_providers { xeks = { source = "xeks/xeks" } }
}
provider "xeks" {
  cluster_account   = { profile = "platform", region = "ap-south-1" }
  workload_accounts = {
    one = { profile = "workload", region = "ap-south-1" }
    two = { profile = "workload", region = "ap-south-1" }
  }
}
"""
    hcl = f"""
resource "xeks_cross_account_access" "ec2" {{
  for_each         = toset(["one", "two"])
  workload_account = each.key
  cluster_name     = "{CLUSTER}"
  access_role      = {{ name = "a-${{each.key}}" }}
  workload_role    = {{ name = "w-${{each.key}}", instance_profile = true }}
  kubernetes       = {{ policies = {{ AmazonEKSViewPolicy = {{ scope = "cluster" }} }} }}
}}
"""
    before = aws.dump()
    root = workspace(hcl, provider=provider)
    root.apply()
    root.assert_empty_plan()
    address = f'{ADDRESS}["one"]'
    id = root.state(address)["id"]
    assert id == f"{CLUSTER}/a-one/w-one/one"
    root.forget(address)
    root.import_(address, id).must_work()
    root.assert_empty_plan()
    root.destroy()
    assert not traces(aws, before)


def test_a_deadline_of_the_user_ends_a_wait(workspace, aws):
    root = workspace(access(more='timeouts = { create = "3s" }'))
    aws.faults.add("throttle", service="iam", action="CreateRole", times=100000)
    began = time.time()

    root.try_apply().must_fail("CreateRole")

    assert time.time() - began < 30
    aws.faults.clear()
    root.apply()
    root.assert_empty_plan()
