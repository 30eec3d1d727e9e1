"""Roles that are deleted and recreated under their ARN: access fails, the plan says why, and an apply repairs it.

EKS and IAM remember a role by its unique id (IAM user guide, "IAM identifiers"): the access entry of the first role does
not match the second, and a trust policy that named the first shows the id in place of the ARN.
"""

import json
import time
from dataclasses import dataclass

import pytest
from accounts import CLUSTER, CLUSTER_ACCOUNT, TRUSTS_EC2, WORKLOAD_ACCOUNT, Accounts, role_arn, traces
from aws_emulator.client import Credentials
from botocore.exceptions import ClientError
from cross_account_access import ACCESS, ACCESS_ARN, ADDRESS, WORKLOAD, WORKLOAD_ARN, access
from irsa_trust import ADDRESS as TRUST
from irsa_trust import CHAINED, POD, ROLE, assume, trust
from tokens import token

MAY_ASSUME = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": ACCESS_ARN}]}  # fmt: skip
VIEW = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
EDIT = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSEditPolicy"


def enters(aws, direct: bool = False) -> bool:
    """Whether the API server authenticates an instance with the workload role."""
    credentials = aws.instance_credentials("workload", WORKLOAD)
    if not direct:
        try:
            credentials = aws.assume("workload", ACCESS_ARN, credentials)
        except ClientError as error:
            assert "AccessDenied" in str(error)
            return False
    return aws.review_token(CLUSTER, token(credentials, CLUSTER))["status"] == 200


def recreate_without_policies(accounts: Accounts, account: str, name: str) -> None:
    trust, tags = accounts.trust(account, name), accounts.iam(account).list_role_tags(RoleName=name)["Tags"]
    accounts.delete_role(account, name)
    accounts.iam(account).create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust), Tags=tags)


def recreate_role(accounts: Accounts, account: str, name: str) -> None:
    """Deletes the role and creates it as it was: trust, path, tags, policies, and its place in instance profiles."""
    iam, role = accounts.iam(account), accounts.role(account, name)
    labels = accounts.iam(account).list_role_tags(RoleName=name)["Tags"]
    inline = {
        policy: accounts.inline_policy(account, name, policy) for policy in accounts.inline_policies(account, name)
    }
    profiles = iam.list_instance_profiles_for_role(RoleName=name)["InstanceProfiles"]
    accounts.delete_role(account, name)
    trusted = json.dumps(role["AssumeRolePolicyDocument"])
    iam.create_role(RoleName=name, Path=role["Path"], AssumeRolePolicyDocument=trusted, Tags=labels)
    for policy, document in inline.items():
        iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))
    for profile in profiles:
        iam.add_role_to_instance_profile(InstanceProfileName=profile["InstanceProfileName"], RoleName=name)


def make_foreign_roles(accounts: Accounts, owned: tuple[str, ...] = ("cluster", "workload")) -> None:
    """The roles as the stack of another team creates them: the workload role on instances, and allowed to assume the
    access role."""
    iam = accounts.iam("workload")
    if "cluster" in owned:
        accounts.make_role("cluster", ACCESS, TRUSTS_EC2)
    if "workload" not in owned:
        return
    accounts.make_role("workload", WORKLOAD, TRUSTS_EC2)
    iam.put_role_policy(RoleName=WORKLOAD, PolicyName="theirs", PolicyDocument=json.dumps(MAY_ASSUME))
    iam.create_instance_profile(InstanceProfileName="theirs")
    iam.add_role_to_instance_profile(InstanceProfileName="theirs", RoleName=WORKLOAD)


def recreate_foreign_role(accounts: Accounts, account: str, name: str) -> None:
    """The same stack once more, for one of them: it knows nothing of what was added to its role."""
    accounts.delete_role(account, name)
    accounts.make_role(account, name, TRUSTS_EC2)
    if account == "workload":
        iam = accounts.iam("workload")
        iam.put_role_policy(RoleName=name, PolicyName="theirs", PolicyDocument=json.dumps(MAY_ASSUME))
        iam.add_role_to_instance_profile(InstanceProfileName="theirs", RoleName=name)


PROFILE = f'name = "{WORKLOAD}", instance_profile = true'
EXISTING = f'name = "{WORKLOAD}", existing = true'


@dataclass(frozen=True)
class Recreation:
    """A configuration, and the account whose role is deleted and created again."""

    hcl: str
    account: str
    #: The workload role is the principal of the access entry.
    direct: bool = False
    #: The roles that are foreign: they exist before, and their owner recreates them without what the resource added.
    foreign: tuple[str, ...] = ()
    #: The resource is imported after its create.
    imported: bool = False

    @property
    def role(self) -> str:
        return ACCESS if self.account == "cluster" else WORKLOAD

    @property
    def principal(self) -> str:
        """Whom the cluster sees."""
        return WORKLOAD_ARN if self.direct else ACCESS_ARN


def recreations() -> dict[str, Recreation]:
    """Every mode, by its name and the account of the role that is recreated."""
    both, existing_roles = ("cluster", "workload"), access(f'name = "{ACCESS}", existing = true', EXISTING)
    managed = access(workload_role=PROFILE)
    managed_direct = access(None, PROFILE, more='mode = "direct"')
    existing_direct = access(None, EXISTING, more='mode = "direct"')
    adopted_direct = access(None, more='mode = "direct"\nadopt = "if_exists"')
    adopted = access(more='adopt = "if_exists"')
    read_only = access(workload_role=f"{EXISTING}, manage_policy = false")
    found = {
        "managed, direct-workload": Recreation(managed_direct, "workload", direct=True),
        "existing, direct-workload": Recreation(existing_direct, "workload", direct=True, foreign=both),
        "adopted, direct-workload": Recreation(adopted_direct, "workload", direct=True, foreign=both),
    }
    for account in both:
        found |= {
            f"managed-{account}": Recreation(managed, account),
            f"imported-{account}": Recreation(managed, account, imported=True),
            f"existing-{account}": Recreation(existing_roles, account, foreign=both),
            f"existing and imported-{account}": Recreation(existing_roles, account, foreign=both, imported=True),
            f"not to be edited-{account}": Recreation(read_only, account, foreign=("workload",)),
            f"adopted-{account}": Recreation(adopted, account, foreign=both),
        }
    return found


RECREATIONS = recreations()


@pytest.mark.one_cli
@pytest.mark.parametrize("case", RECREATIONS)
def test_a_recreated_role_is_reported_by_the_plan_and_gets_access_again_by_an_apply(workspace, aws, case):
    recreation, accounts = RECREATIONS[case], Accounts(aws)
    direct, principal, account = recreation.direct, recreation.principal, recreation.account
    make_foreign_roles(accounts, recreation.foreign)
    root = workspace(recreation.hcl)
    root.apply()
    if recreation.imported:
        id = root.state(ADDRESS)["id"]
        root.forget(ADDRESS)
        root.import_(ADDRESS, id).must_work()
    root.assert_empty_plan()
    assert enters(aws, direct)
    associated = accounts.associations(principal)

    recreate = recreate_foreign_role if account in recreation.foreign else recreate_role
    recreate(accounts, account, recreation.role)
    assert not enters(aws, direct)

    plan = root.plan()
    assert plan.actions(ADDRESS) == ["update"]
    changed, warned = plan.changed(ADDRESS), "\n".join(map(str, plan.warnings))
    entry = f'objects["cluster/eks_access_entry/{CLUSTER}/{principal.rsplit("/", 1)[1]}"]'
    if direct or account == "cluster":
        assert f"{entry}.id" in changed and f"{entry}.arn" in changed, changed
        assert all(word in warned for word in (recreation.role, "deleted and recreated", "401", "AROA")), warned
    else:
        assert f'objects["cluster/iam_role/{ACCESS}"].document' in changed, changed
        assert all(word in warned for word in (f"trust policy of {ACCESS}", "deleted principal", "AROA")), warned

    root.apply("tfplan")

    assert enters(aws, direct)
    assert accounts.associations(principal) == associated
    root.assert_empty_plan()
    root.destroy()
    assert accounts.entry(principal) is None


def test_a_managed_role_that_someone_else_recreated_is_reported_and_left_to_the_user(workspace, aws):
    """Without the ownership tag it is a foreign object: the error says which argument adopts it."""
    accounts = Accounts(aws)
    root = workspace(access(workload_role=PROFILE))
    root.apply()
    accounts.delete_role("cluster", ACCESS)
    accounts.make_role("cluster", ACCESS, TRUSTS_EC2)

    warned = "\n".join(map(str, root.plan().warnings))
    assert "no longer exists or was replaced" in warned and "no longer grants access" in warned, warned
    root.try_apply().must_fail(ACCESS, "adopt", "import")

    root.write(access(workload_role=PROFILE, more='adopt = "if_exists"'))
    root.apply()
    assert enters(aws)
    root.assert_empty_plan()
    root.destroy()
    assert accounts.role("cluster", ACCESS), "the role is foreign"


FOREIGN_ENTRY = {
    "username": "ops:{{SessionName}}",
    "kubernetesGroups": ["ops"],
    "tags": {"whose": "theirs", "team": "y"},
}
ADOPTING = access(
    f'name = "{ACCESS}", existing = true',
    EXISTING,
    'username = "ops:{{SessionName}}", groups = ["ops"], policies = '
    '{ AmazonEKSClusterAdminPolicy = { scope = "cluster" }, AmazonEKSEditPolicy = { scope = "namespace", namespaces = ["b"] } }',
    'adopt = "if_exists"\ntags = { team = "x", owner = "us" }',
)


def make_foreign_entry(accounts: Accounts) -> None:
    """With a policy that the configuration does not name, and one that it does."""
    entry = {"clusterName": CLUSTER, "principalArn": ACCESS_ARN}
    accounts.eks.create_access_entry(**entry, **FOREIGN_ENTRY)
    for policy, namespace in ((VIEW, "a"), (EDIT, "b")):
        accounts.eks.associate_access_policy(
            **entry, policyArn=policy, accessScope={"type": "namespace", "namespaces": [namespace]}
        )


def held(accounts: Accounts) -> dict | None:
    """The entry without its times and its ARN, which a new entry does not share."""
    entry = accounts.entry(ACCESS_ARN)
    of_the_call = ("createdAt", "modifiedAt", "accessEntryArn")
    return entry and {key: value for key, value in entry.items() if key not in of_the_call}


@pytest.fixture
def adopted(workspace, aws):
    """Foreign roles and a foreign entry, adopted; then the access role is recreated."""
    accounts = Accounts(aws)
    make_foreign_roles(accounts)
    make_foreign_entry(accounts)
    theirs = held(accounts), accounts.associations(ACCESS_ARN)
    root = workspace(ADOPTING)
    root.apply()
    root.assert_empty_plan()
    before = held(accounts), accounts.associations(ACCESS_ARN)
    recreate_foreign_role(accounts, "cluster", ACCESS)
    return root, accounts, theirs, before


def test_an_adopted_entry_is_recreated_with_all_that_its_owner_gave_it(adopted, aws):
    root, accounts, theirs, before = adopted
    assert not enters(aws)

    plan = root.plan()
    entry = f'objects["cluster/eks_access_entry/{CLUSTER}/{ACCESS}"]'
    assert f"{entry}.document" in plan.changed(ADDRESS), "the plan shows what comes back"
    root.apply("tfplan")

    assert enters(aws)
    assert (held(accounts), accounts.associations(ACCESS_ARN)) == before
    root.assert_empty_plan()
    root.destroy()
    assert (held(accounts), accounts.associations(ACCESS_ARN)) == theirs


@dataclass(frozen=True)
class Interruption:
    """The fault that a call of the repair meets: the first call of its action, or a later one."""

    kind: str
    action: str
    after: int = 0

    def __str__(self) -> str:
        return f"{self.kind}-{self.action}-{self.after}"


INTERRUPTIONS = [
    Interruption(kind, action, after)
    for kind in ("deny", "lost_answer")
    for action, after in (
        ("DeleteAccessEntry", 0),
        ("CreateAccessEntry", 0),
        ("AssociateAccessPolicy", 0),
        ("AssociateAccessPolicy", 1),
        ("AssociateAccessPolicy", 2),
    )
]


@pytest.mark.parametrize("at", INTERRUPTIONS, ids=str)
def test_an_interrupted_repair_loses_nothing(adopted, aws, at):
    root, accounts, _, before = adopted
    aws.faults.add(at.kind, service="eks", action=at.action, after=at.after)

    first = root.try_apply()
    hit = aws.faults.list()[0]["hit"]
    aws.faults.clear()

    assert hit == 1
    if at.kind == "deny":
        first.must_fail(at.action)
    root.apply()
    assert enters(aws)
    assert (held(accounts), accounts.associations(ACCESS_ARN)) == before
    root.assert_empty_plan()


@pytest.mark.parametrize("action, after", [("CreateAccessEntry", 0), ("AssociateAccessPolicy", 1)])
def test_a_destroy_after_an_interrupted_repair_restores_the_adopted_entry(adopted, aws, action, after):
    root, accounts, (entry, policies), _ = adopted
    aws.faults.add("deny", service="eks", action=action, after=after)
    root.try_apply().must_fail(action)
    aws.faults.clear()

    warnings = root.destroy().warnings

    assert held(accounts) == entry
    # A policy that both the owner and the configuration named can't be attributed any more: a warning names it.
    left = {name: scope for name, scope in policies.items() if name != "AmazonEKSEditPolicy"}
    assert accounts.associations(ACCESS_ARN) == left
    assert any("AmazonEKSEditPolicy" in str(warning) for warning in warnings)


@pytest.mark.parametrize("fault", [None, "CreateAccessEntry"])
def test_an_entry_that_is_stale_when_it_is_adopted_is_replaced(workspace, aws, fault):
    accounts = Accounts(aws)
    make_foreign_roles(accounts)
    make_foreign_entry(accounts)
    time.sleep(1.1)  # times of creation have a resolution of one second
    recreate_foreign_role(accounts, "cluster", ACCESS)
    root = workspace(ADOPTING)
    if fault:
        aws.faults.add("deny", service="eks", action=fault)
        root.try_apply().must_fail(fault)
        aws.faults.clear()

    root.apply()

    assert enters(aws)
    assert accounts.associations(ACCESS_ARN).keys() >= {"AmazonEKSViewPolicy", "AmazonEKSClusterAdminPolicy"}
    assert accounts.entry(ACCESS_ARN)["tags"]["whose"] == "theirs"
    root.assert_empty_plan()


def test_an_entry_that_its_owner_has_recreated_is_left_as_it_is(adopted, aws):
    root, accounts, _, before = adopted
    time.sleep(1.1)
    accounts.eks.delete_access_entry(clusterName=CLUSTER, principalArn=ACCESS_ARN)
    make_foreign_entry(accounts)
    made = accounts.entry(ACCESS_ARN)["accessEntryArn"]

    root.apply()

    assert accounts.entry(ACCESS_ARN)["accessEntryArn"] == made
    assert enters(aws)
    assert (held(accounts), accounts.associations(ACCESS_ARN)) == before
    root.assert_empty_plan()


@pytest.mark.parametrize("kind", ["deny", "lost_answer"])
@pytest.mark.parametrize("action", ["DeleteAccessEntry", "CreateAccessEntry", "AssociateAccessPolicy"])
def test_the_next_apply_finishes_an_interrupted_repair_of_a_created_entry(workspace, aws, kind, action):
    accounts = Accounts(aws)
    before = aws.dump()
    root = workspace(access(workload_role=PROFILE))
    root.apply()
    associated = accounts.associations(ACCESS_ARN)
    recreate_role(accounts, "cluster", ACCESS)
    aws.faults.add(kind, service="eks", action=action)

    first = root.try_apply()
    aws.faults.clear()
    if kind == "deny":
        first.must_fail(action)
    root.apply()

    assert enters(aws)
    assert accounts.associations(ACCESS_ARN) == associated
    root.assert_empty_plan()
    root.destroy()
    assert not traces(aws, before)


def chained_session(aws) -> bool:
    """Whether a pod gets to the role of the workload account through the pod role."""
    sts, pod = aws.client("cluster", "sts"), role_arn(CLUSTER_ACCOUNT, POD)
    web = {"RoleArn": pod, "RoleSessionName": "pod"}
    web_token = aws.service_account_token(CLUSTER, "nodejs", "nodejs-sa")
    keys = sts.assume_role_with_web_identity(**web, WebIdentityToken=web_token)["Credentials"]
    session = Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    try:
        aws.assume("cluster", role_arn(WORKLOAD_ACCOUNT, ROLE), session)
    except ClientError as error:
        assert "AccessDenied" in str(error)
        return False
    return True


@pytest.mark.parametrize("existing", [False, True])
def test_a_recreated_pod_role_is_trusted_again(workspace, aws, existing):
    accounts = Accounts(aws)
    hcl = trust(more=CHAINED)
    if existing:
        accounts.make_role("workload", ROLE, TRUSTS_EC2)
        hcl = trust(f'name = "{ROLE}", existing = true', more=CHAINED)
    root = workspace(hcl)
    root.apply()
    assert chained_session(aws)
    recreate_role(accounts, "cluster", POD)
    assert not chained_session(aws)

    plan = root.plan()
    assert f'objects["workload/iam_role/{ROLE}"].document' in plan.changed(TRUST)
    warned = "\n".join(map(str, plan.warnings))
    assert f"trust policy of {ROLE}" in warned and "AROA" in warned, warned
    root.apply("tfplan")

    assert chained_session(aws)
    root.assert_empty_plan()


def drop_provider(accounts: Accounts) -> None:
    (arn,) = accounts.oidc_providers()
    accounts.iam("workload").delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)


def recreate_provider(accounts: Accounts) -> None:
    """By hand, for another audience."""
    drop_provider(accounts)
    accounts.make_oidc_provider("vault")


@pytest.mark.parametrize("change", [drop_provider, recreate_provider])
def test_pods_assume_the_role_again_after_their_oidc_provider_was_deleted_or_recreated(workspace, aws, change):
    accounts = Accounts(aws)
    root = workspace(trust())
    root.apply()
    session = f"arn:aws:sts::{WORKLOAD_ACCOUNT}:assumed-role/{ROLE}/"
    assert assume(aws, "nodejs", "nodejs-sa").startswith(session)
    change(accounts)
    assert not assume(aws, "nodejs", "nodejs-sa").startswith("arn:")

    plan = root.plan()
    assert any(path.startswith('objects["workload/iam_oidc_provider') for path in plan.changed(TRUST))
    root.apply("tfplan")

    assert assume(aws, "nodejs", "nodejs-sa").startswith(session)
    root.assert_empty_plan()


def test_pods_assume_an_existing_role_again_after_it_was_recreated(workspace, aws):
    accounts = Accounts(aws)
    accounts.make_role("workload", ROLE, TRUSTS_EC2)
    root = workspace(trust(f'name = "{ROLE}", existing = true'))
    root.apply()
    accounts.delete_role("workload", ROLE)
    accounts.make_role("workload", ROLE, TRUSTS_EC2)
    assert assume(aws, "nodejs", "nodejs-sa") == "AccessDenied"

    assert f'objects["workload/iam_role/{ROLE}"].document' in root.plan().changed(TRUST)
    root.apply("tfplan")

    assert assume(aws, "nodejs", "nodejs-sa").startswith("arn:")
    root.assert_empty_plan()


def test_a_recreated_workload_role_is_trusted_again_after_an_apply(workspace, aws):
    """A trust policy holds the unique id behind the ARN: a role recreated under the same name is refused until then."""
    accounts = Accounts(aws)
    root = workspace(access())
    root.apply()
    recreate_without_policies(accounts, "workload", WORKLOAD)
    assert "AROA" in json.dumps(accounts.trust("cluster", ACCESS))

    root.apply()

    assert "AROA" not in json.dumps(accounts.trust("cluster", ACCESS))
    root.assert_empty_plan()


def test_a_recreated_access_role_gets_a_new_access_entry(workspace, aws):
    """An access entry is bound to the unique id of its principal: it no longer matches once the role was recreated."""
    accounts = Accounts(aws)
    root = workspace(access())
    root.apply()
    recreate_without_policies(accounts, "cluster", ACCESS)
    dead = accounts.entry(ACCESS_ARN)["accessEntryArn"]

    root.apply()

    assert accounts.entry(ACCESS_ARN)["accessEntryArn"] != dead
    root.assert_empty_plan()
