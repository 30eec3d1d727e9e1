"""Import of every mode and option: it writes nothing, the plan after it is empty, and foreign policies stay."""

import json
import time
from dataclasses import dataclass

import pytest
from accounts import CLUSTER, CLUSTER_ACCOUNT, TRUSTS_EC2, Accounts, role_arn, traces
from cross_account_access import ACCESS, ACCESS_ARN, ADDRESS, BUCKETS, STORY, WORKLOAD, access, assert_story_in_place
from irsa_trust import ADDRESS as TRUST
from irsa_trust import CHAINED, POD, POLICY, ROLE, trust

DOCUMENT = json.dumps(TRUSTS_EC2)
THEIRS = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}]}
)
DEFAULT_TAGS = '  default_tags = { owner = "o" }\n'
PATTERN = f"arn:aws:iam::{CLUSTER_ACCOUNT}:role/aws-reserved/sso.amazonaws.com/*AWSReservedSSO_PowerUser_*"
PEOPLE = f"arn:aws:iam::{CLUSTER_ACCOUNT}:role/people"

CASES = {
    "story": STORY,
    "a named instance profile": access(workload_role=f'name = "{WORKLOAD}", instance_profile = true, instance_profile_name = "p"'),
    "trust in the account": access(f'name = "{ACCESS}", trust = "account", external_id = "x-1", trusted_principal_arns = ["{PEOPLE}"]'),
    "more principals": access(f'name = "{ACCESS}", trusted_principal_arns = ["{PEOPLE}"]'),
    "patterns": access(f'name = "{ACCESS}", external_id = "x-1", trusted_principal_arns = ["{PEOPLE}", "{PATTERN}"]'),
    "patterns with trust in the account": access(f'name = "{ACCESS}", trust = "account", trusted_principal_arns = ["{PATTERN}"]'),
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
    "principals": trust(f'name = "{ROLE}", trusted_principal_arns = ["arn:aws:iam::{CLUSTER_ACCOUNT}:root", "{PATTERN}"]'),
    "chained with principals": trust(f'name = "{ROLE}", trusted_principal_arns = ["{PATTERN}"]', more=CHAINED),
    "tags": trust(f'name = "{ROLE}"', more='tags = { team = "x" }'),
    "chained": trust(f'name = "{ROLE}", tags = {{ side = "w" }}', more=CHAINED + '\ntags = { team = "x" }'),
    "chained with paths": trust(f'name = "{ROLE}", path = "/r/"', more=f'mode = "chained"\npod_role = {{ name = "{POD}", path = "/p/" }}'),
}  # fmt: skip


def make_people_role(aws) -> None:
    Accounts(aws).iam("cluster").create_role(RoleName="people", AssumeRolePolicyDocument=DOCUMENT)


def forget_and_import(root, aws, address: str) -> None:
    """Removes the resource from the state and imports it by its id."""
    before = aws.dump()
    id = root.state(address)["id"]
    root.forget(address)
    root.import_(address, id).must_work()
    assert not traces(aws, before), "an import writes nothing"


def create_import_and_destroy(root, aws, address):
    """A created, removed and imported resource plans nothing, and a destroy leaves what existed before."""
    before = aws.dump()
    root.apply()
    root.assert_empty_plan()

    forget_and_import(root, aws, address)

    root.assert_empty_plan()
    root.destroy()
    assert not traces(aws, before)


@pytest.mark.parametrize("case", CASES)
def test_an_import_of_an_access_plans_nothing(workspace, aws, case):
    make_people_role(aws)
    create_import_and_destroy(workspace(CASES[case], in_provider=DEFAULT_TAGS), aws, ADDRESS)


@pytest.mark.parametrize("case", TRUSTS)
def test_an_import_of_a_trust_plans_nothing(workspace, aws, case):
    create_import_and_destroy(workspace(TRUSTS[case], in_provider=DEFAULT_TAGS), aws, TRUST)


def make_foreign_roles(aws, path: str = "/") -> None:
    """Foreign roles, with foreign policies on them."""
    for account, name in (("cluster", ACCESS), ("workload", WORKLOAD), ("workload", ROLE), ("cluster", POD)):
        iam = Accounts(aws).iam(account)
        iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=DOCUMENT)
        iam.put_role_policy(RoleName=name, PolicyName="theirs", PolicyDocument=THEIRS)
        iam.attach_role_policy(RoleName=name, PolicyArn=BUCKETS)


@dataclass(frozen=True)
class Imported:
    """A configuration over foreign roles, its address, and the id that it is imported by."""

    address: str
    hcl: str
    id: str


EXISTING = {
    "assume role": Imported(ADDRESS, access(f'name = "{ACCESS}", existing = true, trusted_principal_arns = ["{PEOPLE}"], external_id = "x-1"', f'name = "{WORKLOAD}", existing = true'), f"{CLUSTER}/{ACCESS}/{WORKLOAD}"),
    "direct": Imported(ADDRESS, access(None, f'name = "{WORKLOAD}", existing = true', more='mode = "direct"'), f"{CLUSTER}//{WORKLOAD}"),
    "federated": Imported(TRUST, trust(f'name = "{ROLE}", existing = true'), f"{CLUSTER}/{ROLE}"),
    "chained": Imported(TRUST, trust(f'name = "{ROLE}", existing = true', more=f'mode = "chained"\npod_role = {{ name = "{POD}", existing = true }}'), f"{CLUSTER}/{POD}>{ROLE}"),
}  # fmt: skip


@pytest.mark.parametrize("case", EXISTING)
def test_an_import_of_existing_roles_plans_nothing_and_a_destroy_leaves_them(workspace, aws, case):
    make_people_role(aws)
    make_foreign_roles(aws, "/theirs/")
    create_import_and_destroy(workspace(EXISTING[case].hcl), aws, EXISTING[case].address)


ADOPTED = {
    "assume role": Imported(ADDRESS, access(more='adopt = "if_exists"'), f"{CLUSTER}/{ACCESS}/{WORKLOAD}"),
    "direct": Imported(ADDRESS, access(None, more='mode = "direct"\nadopt = "if_exists"'), f"{CLUSTER}//{WORKLOAD}"),
    "federated": Imported(TRUST, trust(more='adopt = "if_exists"'), f"{CLUSTER}/{ROLE}"),
    "chained": Imported(TRUST, trust(more=f'{CHAINED}\nadopt = "if_exists"'), f"{CLUSTER}/{POD}>{ROLE}"),
}


@pytest.mark.parametrize("case", ADOPTED)
def test_imported_adopted_roles_are_corrected_in_place(workspace, aws, case):
    imported = ADOPTED[case]
    make_foreign_roles(aws)
    before = aws.dump()
    root = workspace(imported.hcl)
    root.apply()

    forget_and_import(root, aws, imported.address)

    assert root.plan().actions(imported.address) == ["update"]
    root.apply("tfplan")
    root.assert_empty_plan()
    root.destroy()
    assert not traces(aws, before)


@pytest.mark.parametrize("case", EXISTING)
def test_foreign_policies_survive_an_import_that_takes_the_role_for_its_own(workspace, aws, case):
    """No object of the resource exists yet: only the configuration says that the roles are existing ones."""
    imported = EXISTING[case]
    make_people_role(aws)
    make_foreign_roles(aws)
    before = aws.dump()
    root = workspace(imported.hcl)
    root.import_(imported.address, imported.id).must_work()

    root.apply()
    root.assert_empty_plan()
    root.destroy()

    assert not traces(aws, before)


def test_unmanaged_policies_stay_attached_after_an_import(workspace, aws):
    accounts = Accounts(aws)
    root = workspace(access() + trust())
    root.apply()
    for role in (WORKLOAD, ROLE):
        accounts.iam("workload").attach_role_policy(RoleName=role, PolicyArn=BUCKETS)
    root.assert_empty_plan()

    forget_and_import(root, aws, ADDRESS)
    forget_and_import(root, aws, TRUST)
    root.apply()

    root.assert_empty_plan()
    assert accounts.managed_policies("workload", WORKLOAD) == [BUCKETS]
    assert accounts.managed_policies("workload", ROLE) == [BUCKETS]
    for role in (WORKLOAD, ROLE):
        accounts.iam("workload").detach_role_policy(RoleName=role, PolicyArn=BUCKETS)
    root.destroy()


def test_an_import_detects_a_stale_access_entry_and_an_apply_replaces_it(workspace, aws):
    accounts = Accounts(aws)
    root = workspace(access())
    root.apply()
    iam = accounts.iam("cluster")
    trusted, tags = accounts.trust("cluster", ACCESS), iam.list_role_tags(RoleName=ACCESS)["Tags"]
    describe = accounts.own_policy("cluster", ACCESS, f"xeks-describe-{CLUSTER}")
    policy = accounts.inline_policy("cluster", ACCESS, describe)
    iam.delete_role_policy(RoleName=ACCESS, PolicyName=describe)
    iam.delete_role(RoleName=ACCESS)
    time.sleep(1.1)
    iam.create_role(RoleName=ACCESS, AssumeRolePolicyDocument=json.dumps(trusted), Tags=tags)
    iam.put_role_policy(RoleName=ACCESS, PolicyName=describe, PolicyDocument=json.dumps(policy))
    dead = accounts.entry(ACCESS_ARN)["accessEntryArn"]

    forget_and_import(root, aws, ADDRESS)

    assert root.plan().actions(ADDRESS) == ["update"]
    root.apply()
    assert accounts.entry(ACCESS_ARN)["accessEntryArn"] != dead
    root.assert_empty_plan()


@pytest.mark.parametrize("renamed", [False, True], ids=["replace", "rename"])
def test_objects_created_by_hand_can_be_imported_and_replaced(workspace, aws, renamed):
    accounts = Accounts(aws)
    before = aws.dump()
    accounts.iam("workload").create_role(RoleName=WORKLOAD, AssumeRolePolicyDocument=DOCUMENT)
    trusting = {**TRUSTS_EC2["Statement"][0], "Principal": {"AWS": role_arn("185863138492", WORKLOAD)}}
    accounts.iam("cluster").create_role(
        RoleName=ACCESS, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trusting]})
    )
    accounts.eks.create_access_entry(clusterName=CLUSTER, principalArn=ACCESS_ARN)
    root = workspace(access())
    root.import_(ADDRESS, f"{CLUSTER}/{ACCESS}/{WORKLOAD}").must_work()

    if renamed:
        root.write(access(workload_role='name = "renamed"'))
        root.apply()
    else:
        root.apply(f"-replace={ADDRESS}")

    root.assert_empty_plan()
    root.destroy()
    assert not traces(aws, before)


IMPORT_ID = f"{CLUSTER}/{ACCESS}/{WORKLOAD}"


def test_a_removed_and_imported_resource_plans_nothing(workspace, aws):
    root = workspace(STORY)
    root.apply()
    assert root.state(ADDRESS)["id"] == IMPORT_ID
    before = aws.dump()

    root.forget(ADDRESS)
    root.import_(ADDRESS, IMPORT_ID).must_work()

    assert not traces(aws, before), "an import writes nothing"
    root.assert_empty_plan()
    root.destroy()
    assert Accounts(aws).role("workload", WORKLOAD) is None


def test_an_import_block_plans_no_change(workspace, aws):
    root = workspace(STORY)
    root.apply()
    root.forget(ADDRESS)

    root.write(f'import {{\n  to = {ADDRESS}\n  id = "{IMPORT_ID}"\n}}\n', "import.tf")
    plan = root.plan()

    assert plan.changed(ADDRESS) == []
    root.apply()
    root.assert_empty_plan()


def test_an_import_of_missing_objects_fails(workspace):
    run = workspace(STORY).import_(ADDRESS, IMPORT_ID)
    assert run.code == 1
    assert ACCESS in run.output


def test_an_import_reports_a_missing_object_and_an_apply_creates_it(workspace, aws):
    accounts = Accounts(aws)
    root = workspace(STORY)
    root.apply()
    root.forget(ADDRESS)
    describe = accounts.own_policy("cluster", ACCESS, f"xeks-describe-{CLUSTER}")
    accounts.iam("cluster").delete_role_policy(RoleName=ACCESS, PolicyName=describe)

    root.import_(ADDRESS, IMPORT_ID).must_work()

    assert any(describe in path for path in root.plan().changed(ADDRESS))
    root.apply()
    assert_story_in_place(accounts)
    root.assert_empty_plan()


def test_every_attribute_comes_back_by_import(workspace, aws):
    """The id and AWS hold everything that the configuration says: the plan after an import is empty."""
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
