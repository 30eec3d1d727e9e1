"""Import of every mode and option: nothing is written, the plan after it is empty, and others' things are never taken off."""

import json

import pytest
from cross_account_access import ACCESS, ACCESS_ARN, ADDRESS, BUCKETS, STORY, WORKLOAD, access, assert_story_in_place
from irsa_trust import ADDRESS as TRUST
from irsa_trust import CHAINED, POD, POLICY, ROLE, trust
from world import CLUSTER, CLUSTER_ACCOUNT, TRUSTS_EC2, World, role_arn, traces

DOCUMENT = json.dumps(TRUSTS_EC2)
THEIRS = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}]}
)
DEFAULT_TAGS = '  default_tags = { owner = "o" }\n'
PEOPLE = f"arn:aws:iam::{CLUSTER_ACCOUNT}:role/people"

CASES = {
    "story": STORY,
    "a named instance profile": access(workload_role=f'name = "{WORKLOAD}", instance_profile = true, instance_profile_name = "p"'),
    "trust in the account": access(f'name = "{ACCESS}", trust = "account", external_id = "x-1", trusted_principal_arns = ["{PEOPLE}"]'),
    "more principals": access(f'name = "{ACCESS}", trusted_principal_arns = ["{PEOPLE}"]'),
    "paths": access(f'name = "{ACCESS}", path = "/eks/"', f'name = "{WORKLOAD}", path = "/team/x/", instance_profile = true', 'username = "u", groups = ["g"], policies = { AmazonEKSEditPolicy = { scope = "namespace", namespaces = ["dev-*", "b"] } }'),
    "settings": access(f'name = "{ACCESS}", description = "d", max_session_duration = 7200', f'name = "{WORKLOAD}", trusted_services = ["ec2.amazonaws.com", "lambda.amazonaws.com"], managed_policy_arns = ["{BUCKETS}"]'),
    "tags": access(f'name = "{ACCESS}", tags = {{ side = "c", team = "y" }}', f'name = "{WORKLOAD}", instance_profile = true', more='tags = { team = "x" }'),
    "direct": access(None, more='mode = "direct"'),
    "another region by name": access(more='cluster_region = "ap-south-1"'),
}  # fmt: skip

TRUSTS = {
    "story": trust(f'name = "{ROLE}", inline_policies = {{ bucket = {POLICY} }}'),
    "several": trust(service_accounts='{ namespace = "a", name = "x" }, { namespace = "b*", name = "?" }', more='audiences = ["sts.amazonaws.com", "vault"]'),
    "settings": trust(f'name = "{ROLE}", path = "/irsa/", description = "d", max_session_duration = 7200, managed_policy_arns = ["{BUCKETS}"]'),
    "a set of one cluster": trust(clusters=f'cluster_names = ["{CLUSTER}"]'),
    "tags": trust(f'name = "{ROLE}"', more='tags = { team = "x" }'),
    "chained": trust(f'name = "{ROLE}", tags = {{ side = "w" }}', more=CHAINED + '\ntags = { team = "x" }'),
    "chained with paths": trust(f'name = "{ROLE}", path = "/r/"', more=f'mode = "chained"\npod_role = {{ name = "{POD}", path = "/p/" }}'),
}  # fmt: skip


def people(aws) -> None:
    World(aws).iam("cluster").create_role(RoleName="people", AssumeRolePolicyDocument=DOCUMENT)


def again(root, aws, address: str) -> None:
    """Forgets the resource and imports it by its own id."""
    before = aws.dump()
    id = root.state(address)["id"]
    root.forget(address)
    root.import_(address, id).must_work()
    assert not traces(aws, before), "an import writes nothing"


def make_import_destroy(root, aws, address):
    """What is made, forgotten and imported plans nothing, and a destroy leaves what was there before."""
    before = aws.dump()
    root.apply()
    root.assert_empty_plan()

    again(root, aws, address)

    root.assert_empty_plan()
    root.destroy()
    assert not traces(aws, before)


@pytest.mark.parametrize("case", CASES)
def test_an_import_of_what_was_made_plans_nothing(workspace, aws, case):
    people(aws)
    make_import_destroy(workspace(CASES[case], in_provider=DEFAULT_TAGS), aws, ADDRESS)


@pytest.mark.parametrize("case", TRUSTS)
def test_an_import_of_a_trust_that_was_made_plans_nothing(workspace, aws, case):
    make_import_destroy(workspace(TRUSTS[case], in_provider=DEFAULT_TAGS), aws, TRUST)


def their_roles(aws, path: str = "/") -> None:
    """Roles of others, with policies of others on them."""
    for account, name in (("cluster", ACCESS), ("workload", WORKLOAD), ("workload", ROLE), ("cluster", POD)):
        iam = World(aws).iam(account)
        iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=DOCUMENT)
        iam.put_role_policy(RoleName=name, PolicyName="theirs", PolicyDocument=THEIRS)
        iam.attach_role_policy(RoleName=name, PolicyArn=BUCKETS)


EXISTING = {
    "assume role": (ADDRESS, access(f'name = "{ACCESS}", existing = true, trusted_principal_arns = ["{PEOPLE}"], external_id = "x-1"', f'name = "{WORKLOAD}", existing = true')),
    "direct": (ADDRESS, access(None, f'name = "{WORKLOAD}", existing = true', more='mode = "direct"')),
    "federated": (TRUST, trust(f'name = "{ROLE}", existing = true')),
    "chained": (TRUST, trust(f'name = "{ROLE}", existing = true', more=f'mode = "chained"\npod_role = {{ name = "{POD}", existing = true }}')),
}  # fmt: skip


@pytest.mark.parametrize("case", EXISTING)
def test_an_import_of_existing_roles_plans_nothing_and_a_destroy_leaves_them(workspace, aws, case):
    address, hcl = EXISTING[case]
    people(aws)
    their_roles(aws, "/theirs/")
    make_import_destroy(workspace(hcl), aws, address)


ADOPTED = {
    "assume role": (ADDRESS, access(more='adopt = "if_exists"')),
    "direct": (ADDRESS, access(None, more='mode = "direct"\nadopt = "if_exists"')),
    "federated": (TRUST, trust(more='adopt = "if_exists"')),
    "chained": (TRUST, trust(more=f'{CHAINED}\nadopt = "if_exists"')),
}


@pytest.mark.parametrize("case", ADOPTED)
def test_an_import_of_adopted_roles_is_taken_for_existing_and_corrected_in_place(workspace, aws, case):
    address, hcl = ADOPTED[case]
    their_roles(aws)
    before = aws.dump()
    root = workspace(hcl)
    root.apply()

    again(root, aws, address)

    assert root.plan().actions(address) == ["update"]
    root.apply("tfplan")
    root.assert_empty_plan()
    root.destroy()
    assert not traces(aws, before)


@pytest.mark.parametrize("case", EXISTING)
def test_what_others_put_on_a_role_survives_an_import_that_took_it_for_ours(workspace, aws, case):
    """Nothing of ours is there yet: only the configuration says that the roles are others'."""
    address, hcl = EXISTING[case]
    people(aws)
    their_roles(aws)
    before = aws.dump()
    root = workspace(hcl)
    id = {
        "assume role": f"{CLUSTER}/{ACCESS}/{WORKLOAD}",
        "direct": f"{CLUSTER}//{WORKLOAD}",
        "federated": f"{CLUSTER}/{ROLE}",
        "chained": f"{CLUSTER}/{POD}>{ROLE}",
    }[case]
    root.import_(address, id).must_work()

    root.apply()
    root.assert_empty_plan()
    root.destroy()

    assert not traces(aws, before)


def test_policies_that_are_not_managed_stay_attached_after_an_import(workspace, aws):
    world = World(aws)
    root = workspace(access() + trust())
    root.apply()
    for role in (WORKLOAD, ROLE):
        world.iam("workload").attach_role_policy(RoleName=role, PolicyArn=BUCKETS)
    root.assert_empty_plan()

    again(root, aws, ADDRESS)
    again(root, aws, TRUST)
    root.apply()

    root.assert_empty_plan()
    assert world.managed_policies("workload", WORKLOAD) == [BUCKETS]
    assert world.managed_policies("workload", ROLE) == [BUCKETS]
    root.destroy()


def test_a_dead_access_entry_is_seen_by_an_import_and_healed(workspace, aws):
    world = World(aws)
    root = workspace(access())
    root.apply()
    iam = world.iam("cluster")
    trusted, tags = world.trust("cluster", ACCESS), iam.list_role_tags(RoleName=ACCESS)["Tags"]
    policy = world.inline_policy("cluster", ACCESS, "xeks-eks-describe")
    iam.delete_role_policy(RoleName=ACCESS, PolicyName="xeks-eks-describe")
    iam.delete_role(RoleName=ACCESS)
    import time

    time.sleep(1.1)
    iam.create_role(RoleName=ACCESS, AssumeRolePolicyDocument=json.dumps(trusted), Tags=tags)
    iam.put_role_policy(RoleName=ACCESS, PolicyName="xeks-eks-describe", PolicyDocument=json.dumps(policy))
    dead = world.entry(ACCESS_ARN)["accessEntryArn"]

    again(root, aws, ADDRESS)

    assert root.plan().actions(ADDRESS) == ["update"]
    root.apply()
    assert world.entry(ACCESS_ARN)["accessEntryArn"] != dead
    root.assert_empty_plan()


@pytest.mark.parametrize("how", ["replace", "rename"])
def test_what_was_made_by_hand_can_be_imported_and_replaced(workspace, aws, how):
    world = World(aws)
    before = aws.dump()
    world.iam("workload").create_role(RoleName=WORKLOAD, AssumeRolePolicyDocument=DOCUMENT)
    trusting = {**TRUSTS_EC2["Statement"][0], "Principal": {"AWS": role_arn("185863138492", WORKLOAD)}}
    world.iam("cluster").create_role(
        RoleName=ACCESS, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trusting]})
    )
    world.eks.create_access_entry(clusterName=CLUSTER, principalArn=ACCESS_ARN)
    root = workspace(access())
    root.import_(ADDRESS, f"{CLUSTER}/{ACCESS}/{WORKLOAD}").must_work()

    if how == "rename":
        root.write(access(workload_role='name = "renamed"'))
        root.apply()
    else:
        root.apply(f"-replace={ADDRESS}")

    root.assert_empty_plan()
    root.destroy()
    assert not traces(aws, before)


IMPORT_ID = f"{CLUSTER}/{ACCESS}/{WORKLOAD}"


def test_forgotten_and_imported_is_as_before(workspace, aws):
    root = workspace(STORY)
    root.apply()
    assert root.state(ADDRESS)["id"] == IMPORT_ID
    before = aws.dump()

    root.forget(ADDRESS)
    root.import_(ADDRESS, IMPORT_ID).must_work()

    assert not traces(aws, before), "an import writes nothing"
    root.assert_empty_plan()
    root.destroy()
    assert World(aws).role("workload", WORKLOAD) is None


def test_what_is_imported_by_an_import_block_plans_no_change(workspace, aws):
    root = workspace(STORY)
    root.apply()
    root.forget(ADDRESS)

    root.write(f'import {{\n  to = {ADDRESS}\n  id = "{IMPORT_ID}"\n}}\n', "import.tf")
    plan = root.plan()

    assert plan.changed(ADDRESS) == []
    root.apply()
    root.assert_empty_plan()


def test_an_import_of_nothing_fails(workspace):
    run = workspace(STORY).import_(ADDRESS, IMPORT_ID)
    assert run.code == 1
    assert ACCESS in run.output


def test_an_import_with_a_missing_piece_shows_it_and_an_apply_heals_it(workspace, aws):
    world = World(aws)
    root = workspace(STORY)
    root.apply()
    root.forget(ADDRESS)
    world.iam("cluster").delete_role_policy(RoleName=ACCESS, PolicyName="xeks-eks-describe")

    root.import_(ADDRESS, IMPORT_ID).must_work()

    assert any("xeks-eks-describe" in path for path in root.plan().changed(ADDRESS))
    root.apply()
    assert_story_in_place(world)
    root.assert_empty_plan()


def test_every_attribute_comes_back_by_import(workspace, aws):
    """What the id and AWS tell is all that a configuration says: nothing is left to change after an import."""
    rich = access(
        access_role=f'''name = "{ACCESS}", description = "d", max_session_duration = 7200, tags = {{ of = "role" }},
          external_id = "xeks-1234", trust = "account",
          trusted_principal_arns = ["arn:aws:iam::183295435445:role/xeks-runner"]''',
        workload_role=f'''name = "{WORKLOAD}", path = "/team/", instance_profile = true, instance_profile_name = "p",
          managed_policy_arns = ["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"]''',
        kubernetes="""username = "team:{{SessionName}}", groups = ["a", "b"],
          policies = { AmazonEKSViewPolicy = { scope = "namespace", namespaces = ["a", "dev-*"] } }""",
        more='tags = { team = "x" }',
    )
    root = workspace(rich)
    root.apply()
    before = aws.dump()

    root.forget(ADDRESS)
    root.import_(ADDRESS, IMPORT_ID).must_work()

    assert not traces(aws, before)
    root.assert_empty_plan()
