"""A role that is deleted and made again under its ARN: access fails before, the plan says why, access works after.

EKS and IAM remember a role by its hidden id (IAM user guide, "IAM identifiers"): the entry made for the first one admits
nobody, and a trust policy that named it shows the id in its place.
"""

import json
import time

import pytest
from aws_emulator.client import Credentials
from botocore.exceptions import ClientError
from cross_account_access import ACCESS, ACCESS_ARN, ADDRESS, WORKLOAD, WORKLOAD_ARN, access
from irsa_trust import ADDRESS as TRUST
from irsa_trust import CHAINED, POD, ROLE, assume, trust
from tokens import token
from world import CLUSTER, CLUSTER_ACCOUNT, TRUSTS_EC2, WORKLOAD_ACCOUNT, World, role_arn, traces

MAY_ASSUME = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": ACCESS_ARN}]}  # fmt: skip
VIEW = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
EDIT = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSEditPolicy"


def enters(aws, direct: bool = False) -> bool:
    """Whether the API server admits an instance with the workload role."""
    credentials = aws.instance_credentials("workload", WORKLOAD)
    if not direct:
        try:
            credentials = aws.assume("workload", ACCESS_ARN, credentials)
        except ClientError as error:
            assert "AccessDenied" in str(error)
            return False
    return aws.review_token(CLUSTER, token(credentials, CLUSTER))["status"] == 200


def remake(world: World, account: str, name: str) -> None:
    """Deletes the role and makes it again as it was: trust, path, tags, policies, and its place in instance profiles."""
    iam, role = world.iam(account), world.role(account, name)
    labels = world.iam(account).list_role_tags(RoleName=name)["Tags"]
    inline = {policy: world.inline_policy(account, name, policy) for policy in world.inline_policies(account, name)}
    profiles = iam.list_instance_profiles_for_role(RoleName=name)["InstanceProfiles"]
    world.delete_role(account, name)
    trusted = json.dumps(role["AssumeRolePolicyDocument"])
    iam.create_role(RoleName=name, Path=role["Path"], AssumeRolePolicyDocument=trusted, Tags=labels)
    for policy, document in inline.items():
        iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))
    for profile in profiles:
        iam.add_role_to_instance_profile(InstanceProfileName=profile["InstanceProfileName"], RoleName=name)


def make_theirs(world: World) -> None:
    """Both roles, as somebody else's stack makes them: the workload role on instances, and allowed to assume the other."""
    iam = world.iam("workload")
    world.make_role("cluster", ACCESS, TRUSTS_EC2)
    world.make_role("workload", WORKLOAD, TRUSTS_EC2)
    iam.put_role_policy(RoleName=WORKLOAD, PolicyName="theirs", PolicyDocument=json.dumps(MAY_ASSUME))
    iam.create_instance_profile(InstanceProfileName="theirs")
    iam.add_role_to_instance_profile(InstanceProfileName="theirs", RoleName=WORKLOAD)


def remake_theirs(world: World, account: str, name: str) -> None:
    """The same stack again, for one of them: it knows nothing of what was added to its role."""
    world.delete_role(account, name)
    world.make_role(account, name, TRUSTS_EC2)
    if account == "workload":
        iam = world.iam("workload")
        iam.put_role_policy(RoleName=name, PolicyName="theirs", PolicyDocument=json.dumps(MAY_ASSUME))
        iam.add_role_to_instance_profile(InstanceProfileName="theirs", RoleName=name)


PROFILE = f'name = "{WORKLOAD}", instance_profile = true'
EXISTING = f'name = "{WORKLOAD}", existing = true'
# Configuration, whether the roles are somebody else's, whether it is imported once it was made.
MADE = {
    "managed": (access(workload_role=PROFILE), False, False),
    "managed, direct": (access(None, PROFILE, more='mode = "direct"'), False, False),
    "imported": (access(workload_role=PROFILE), False, True),
    "existing": (access(f'name = "{ACCESS}", existing = true', EXISTING), True, False),
    "existing, direct": (access(None, EXISTING, more='mode = "direct"'), True, False),
    "existing and imported": (access(f'name = "{ACCESS}", existing = true', EXISTING), True, True),
    "not to be edited": (access(workload_role=f"{EXISTING}, manage_policy = false"), True, False),
    "adopted": (access(more='adopt = "if_exists"'), True, False),
    "adopted, direct": (access(None, more='mode = "direct"\nadopt = "if_exists"'), True, False),
}
CASES = [
    (how, account)
    for how, (hcl, theirs, _) in MADE.items()
    for account in ("cluster", "workload")
    if account == "workload" or ("access_role" in hcl and ("existing" not in how or theirs))
]


@pytest.mark.parametrize("how, account", CASES)
def test_a_role_that_was_made_again_is_told_and_healed(workspace, aws, how, account):
    hcl, theirs, imported = MADE[how]
    direct = "direct" in how
    world = World(aws)
    if theirs:
        make_theirs(world)
    if how == "not to be edited":
        world.delete_role("cluster", ACCESS)
    root = workspace(hcl)
    root.apply()
    if imported:
        id = root.state(ADDRESS)["id"]
        root.forget(ADDRESS)
        root.import_(ADDRESS, id).must_work()
    root.assert_empty_plan()
    assert enters(aws, direct)
    principal = WORKLOAD_ARN if direct else ACCESS_ARN
    associated = world.associations(principal)

    name = ACCESS if account == "cluster" else WORKLOAD
    others = theirs and not (how == "not to be edited" and account == "cluster")
    (remake_theirs if others else remake)(world, account, name)
    assert not enters(aws, direct)

    plan = root.plan()
    assert plan.actions(ADDRESS) == ["update"]
    changed, told = plan.changed(ADDRESS), "\n".join(map(str, plan.warnings))
    entry = f'objects["cluster/eks_access_entry/{CLUSTER}/{principal.rsplit("/", 1)[1]}"]'
    if direct or account == "cluster":
        assert f"{entry}.id" in changed and f"{entry}.arn" in changed, changed
        assert all(word in told for word in (name, "deleted and made again", "401", "AROA")), told
    else:
        assert f'objects["cluster/iam_role/{ACCESS}"].document' in changed, changed
        assert all(word in told for word in (f"trust policy of {ACCESS}", "gone", "AROA")), told

    root.apply("tfplan")

    assert enters(aws, direct)
    assert world.associations(principal) == associated
    root.assert_empty_plan()
    root.destroy()
    assert world.entry(principal) is None


def test_a_managed_role_that_a_stranger_made_again_is_told_and_left_to_the_user(workspace, aws):
    """Without our tag it may be anybody's: the error says what to set, and setting it heals."""
    world = World(aws)
    root = workspace(access(workload_role=PROFILE))
    root.apply()
    world.delete_role("cluster", ACCESS)
    world.make_role("cluster", ACCESS, TRUSTS_EC2)

    told = "\n".join(map(str, root.plan().warnings))
    assert "gone, or another one stands in its place" in told and "admits nobody" in told, told
    root.try_apply().must_fail(ACCESS, "adopt", "import")

    root.write(access(workload_role=PROFILE, more='adopt = "if_exists"'))
    root.apply()
    assert enters(aws)
    root.assert_empty_plan()
    root.destroy()
    assert world.role("cluster", ACCESS), "it is theirs"


THEIR_ENTRY = {
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


def make_their_entry(world: World) -> None:
    """With a policy of theirs alone and one that the configuration wants too."""
    entry = {"clusterName": CLUSTER, "principalArn": ACCESS_ARN}
    world.eks.create_access_entry(**entry, **THEIR_ENTRY)
    for policy, namespace in ((VIEW, "a"), (EDIT, "b")):
        world.eks.associate_access_policy(
            **entry, policyArn=policy, accessScope={"type": "namespace", "namespaces": [namespace]}
        )


def held(world: World) -> dict | None:
    """What the entry says, without when it was made and what EKS calls it."""
    entry = world.entry(ACCESS_ARN)
    of_the_call = ("createdAt", "modifiedAt", "accessEntryArn")
    return entry and {key: value for key, value in entry.items() if key not in of_the_call}


@pytest.fixture
def adopted(workspace, aws):
    """Somebody's roles and entry, adopted, and the access role made again."""
    world = World(aws)
    make_theirs(world)
    make_their_entry(world)
    theirs = held(world), world.associations(ACCESS_ARN)
    root = workspace(ADOPTING)
    root.apply()
    root.assert_empty_plan()
    before = held(world), world.associations(ACCESS_ARN)
    remake_theirs(world, "cluster", ACCESS)
    return root, world, theirs, before


def test_an_entry_of_others_comes_back_with_all_that_they_gave_it(adopted, aws):
    root, world, theirs, before = adopted
    assert not enters(aws)

    plan = root.plan()
    entry = f'objects["cluster/eks_access_entry/{CLUSTER}/{ACCESS}"]'
    assert f"{entry}.document" in plan.changed(ADDRESS), "the plan shows what comes back"
    root.apply("tfplan")

    assert enters(aws)
    assert (held(world), world.associations(ACCESS_ARN)) == before
    root.assert_empty_plan()
    root.destroy()
    assert (held(world), world.associations(ACCESS_ARN)) == theirs


FAULTS = [
    (kind, action, after)
    for kind in ("deny", "lost_answer")
    for action, after in (
        ("DeleteAccessEntry", 0),
        ("CreateAccessEntry", 0),
        ("AssociateAccessPolicy", 0),
        ("AssociateAccessPolicy", 1),
        ("AssociateAccessPolicy", 2),
    )
]


@pytest.mark.parametrize("kind, action, after", FAULTS)
def test_a_healing_that_is_interrupted_loses_nothing(adopted, aws, kind, action, after):
    root, world, _, before = adopted
    aws.faults.add(kind, service="eks", action=action, after=after)

    first = root.try_apply()
    hit = aws.faults.list()[0]["hit"]
    aws.faults.clear()

    assert hit == 1
    if kind == "deny":
        first.must_fail(action)
    root.apply()
    assert enters(aws)
    assert (held(world), world.associations(ACCESS_ARN)) == before
    root.assert_empty_plan()


@pytest.mark.parametrize("action, after", [("CreateAccessEntry", 0), ("AssociateAccessPolicy", 1)])
def test_a_destroy_after_an_interrupted_healing_gives_others_back_what_is_theirs(adopted, aws, action, after):
    root, world, (entry, policies), _ = adopted
    aws.faults.add("deny", service="eks", action=action, after=after)
    root.try_apply().must_fail(action)
    aws.faults.clear()

    warnings = root.destroy().warnings

    assert held(world) == entry
    # What both wanted can't be told apart any more: it is named in a warning.
    left = {name: scope for name, scope in policies.items() if name != "AmazonEKSEditPolicy"}
    assert world.associations(ACCESS_ARN) == left
    assert any("AmazonEKSEditPolicy" in str(warning) for warning in warnings)


@pytest.mark.parametrize("fault", [None, "CreateAccessEntry"])
def test_an_entry_that_is_dead_already_when_it_is_adopted_is_healed(workspace, aws, fault):
    world = World(aws)
    make_theirs(world)
    make_their_entry(world)
    time.sleep(1.1)  # an entry is told to be the older one by its second
    remake_theirs(world, "cluster", ACCESS)
    root = workspace(ADOPTING)
    if fault:
        aws.faults.add("deny", service="eks", action=fault)
        root.try_apply().must_fail(fault)
        aws.faults.clear()

    root.apply()

    assert enters(aws)
    assert world.associations(ACCESS_ARN).keys() >= {"AmazonEKSViewPolicy", "AmazonEKSClusterAdminPolicy"}
    assert world.entry(ACCESS_ARN)["tags"]["whose"] == "theirs"
    root.assert_empty_plan()


def test_an_entry_that_its_owner_made_again_already_is_left_as_it_is(adopted, aws):
    root, world, _, before = adopted
    time.sleep(1.1)
    world.eks.delete_access_entry(clusterName=CLUSTER, principalArn=ACCESS_ARN)
    make_their_entry(world)
    made = world.entry(ACCESS_ARN)["accessEntryArn"]

    root.apply()

    assert world.entry(ACCESS_ARN)["accessEntryArn"] == made
    assert enters(aws)
    assert (held(world), world.associations(ACCESS_ARN)) == before
    root.assert_empty_plan()


@pytest.mark.parametrize("kind", ["deny", "lost_answer"])
@pytest.mark.parametrize("action", ["DeleteAccessEntry", "CreateAccessEntry", "AssociateAccessPolicy"])
def test_a_healing_of_our_own_entry_that_is_interrupted_is_finished_by_the_next_apply(workspace, aws, kind, action):
    world = World(aws)
    before = aws.dump()
    root = workspace(access(workload_role=PROFILE))
    root.apply()
    associated = world.associations(ACCESS_ARN)
    remake(world, "cluster", ACCESS)
    aws.faults.add(kind, service="eks", action=action)

    first = root.try_apply()
    aws.faults.clear()
    if kind == "deny":
        first.must_fail(action)
    root.apply()

    assert enters(aws)
    assert world.associations(ACCESS_ARN) == associated
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
def test_a_pod_role_that_was_made_again_is_trusted_again(workspace, aws, existing):
    world = World(aws)
    hcl = trust(more=CHAINED)
    if existing:
        world.make_role("workload", ROLE, TRUSTS_EC2)
        hcl = trust(f'name = "{ROLE}", existing = true', more=CHAINED)
    root = workspace(hcl)
    root.apply()
    assert chained_session(aws)
    remake(world, "cluster", POD)
    assert not chained_session(aws)

    plan = root.plan()
    assert f'objects["workload/iam_role/{ROLE}"].document' in plan.changed(TRUST)
    told = "\n".join(map(str, plan.warnings))
    assert f"trust policy of {ROLE}" in told and "AROA" in told, told
    root.apply("tfplan")

    assert chained_session(aws)
    root.assert_empty_plan()


def drop_provider(world: World) -> None:
    (arn,) = world.oidc_providers()
    world.iam("workload").delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)


def remake_provider(world: World) -> None:
    """As a person would, for another audience."""
    drop_provider(world)
    world.make_oidc_provider("vault")


@pytest.mark.parametrize("change", [drop_provider, remake_provider])
def test_an_oidc_provider_that_was_deleted_or_made_again_lets_pods_in_again(workspace, aws, change):
    world = World(aws)
    root = workspace(trust())
    root.apply()
    session = f"arn:aws:sts::{WORKLOAD_ACCOUNT}:assumed-role/{ROLE}/"
    assert assume(aws, "nodejs", "nodejs-sa").startswith(session)
    change(world)
    assert not assume(aws, "nodejs", "nodejs-sa").startswith("arn:")

    plan = root.plan()
    assert any(path.startswith('objects["workload/iam_oidc_provider') for path in plan.changed(TRUST))
    root.apply("tfplan")

    assert assume(aws, "nodejs", "nodejs-sa").startswith(session)
    root.assert_empty_plan()


def test_a_role_of_others_that_was_made_again_lets_pods_in_again(workspace, aws):
    world = World(aws)
    world.make_role("workload", ROLE, TRUSTS_EC2)
    root = workspace(trust(f'name = "{ROLE}", existing = true'))
    root.apply()
    world.delete_role("workload", ROLE)
    world.make_role("workload", ROLE, TRUSTS_EC2)
    assert assume(aws, "nodejs", "nodejs-sa") == "AccessDenied"

    assert f'objects["workload/iam_role/{ROLE}"].document' in root.plan().changed(TRUST)
    root.apply("tfplan")

    assert assume(aws, "nodejs", "nodejs-sa").startswith("arn:")
    root.assert_empty_plan()


def test_a_recreated_workload_role_is_trusted_again_after_an_apply(workspace, aws):
    """A trust policy holds the unique id behind the ARN: a role made anew under the same name is refused until then."""
    world = World(aws)
    root = workspace(access())
    root.apply()
    iam = world.iam("workload")
    trust = world.trust("workload", WORKLOAD)
    old_tags = iam.list_role_tags(RoleName=WORKLOAD)["Tags"]
    iam.delete_role_policy(RoleName=WORKLOAD, PolicyName=f"xeks-assume-{ACCESS}")
    iam.delete_role(RoleName=WORKLOAD)
    iam.create_role(RoleName=WORKLOAD, AssumeRolePolicyDocument=json.dumps(trust), Tags=old_tags)
    assert "AROA" in json.dumps(world.trust("cluster", ACCESS))

    root.apply()

    assert "AROA" not in json.dumps(world.trust("cluster", ACCESS))
    root.assert_empty_plan()


def test_a_recreated_access_role_gets_a_living_access_entry(workspace, aws):
    """An access entry is bound to the unique id of its principal: it is dead once the role was made anew."""
    world = World(aws)
    root = workspace(access())
    root.apply()
    iam = world.iam("cluster")
    trust = world.trust("cluster", ACCESS)
    old_tags = iam.list_role_tags(RoleName=ACCESS)["Tags"]
    iam.delete_role_policy(RoleName=ACCESS, PolicyName="xeks-eks-describe")
    iam.delete_role(RoleName=ACCESS)
    iam.create_role(RoleName=ACCESS, AssumeRolePolicyDocument=json.dumps(trust), Tags=old_tags)
    dead = world.entry(ACCESS_ARN)["accessEntryArn"]

    root.apply()

    assert world.entry(ACCESS_ARN)["accessEntryArn"] != dead
    root.assert_empty_plan()
