"""What AWS shows late, and refuses for a moment: an apply waits for it, and needs no second run. `extension/lags.py` has the sources."""

import time

import pytest
from accounts import CLUSTER, Accounts, traces
from cross_account_access import ACCESS, ACCESS_ARN, ADDRESS, STORY, access
from irsa_trust import trust

pytestmark = pytest.mark.one_cli

#: A role with several policies and a profile, and a trust with its provider.
EVERYTHING = STORY + trust()


def live(workspace, aws, hcl: str = EVERYTHING) -> None:
    """Create, an empty plan, destroy, each in one run."""
    before = aws.dump()
    root = workspace(hcl)
    root.apply()
    root.assert_empty_plan()
    root.destroy()
    assert not traces(aws, before)


def test_new_roles_and_profiles_that_show_an_id_for_their_arn_are_waited_for(workspace, aws):
    aws.delay_arns(4)
    root = workspace(EVERYTHING)
    root.apply()
    arns = [entry["arn"] for entry in root.state(ADDRESS)["objects"].values() if entry["arn"]]
    assert arns and all(arn.startswith("arn:") for arn in arns)
    root.assert_empty_plan()


def test_what_was_removed_from_a_role_may_block_its_deletion_for_a_while(workspace, aws):
    aws.delay_deletes(5)
    live(workspace, aws)


def test_lists_that_show_what_this_run_deleted_are_not_believed(workspace, aws):
    aws.delay_deletes(3)
    aws.delay_lists(10)
    live(workspace, aws)


def test_an_access_entry_is_created_again_right_after_its_deletion(workspace, aws):
    accounts = Accounts(aws)
    root = workspace(access())
    root.apply()
    # The role is created again under its ARN, and the entry that is bound to the earlier one is replaced.
    trusted, policies = accounts.trust("cluster", ACCESS), accounts.inline_policies("cluster", ACCESS)
    iam = accounts.iam("cluster")
    for policy in policies:
        iam.delete_role_policy(RoleName=ACCESS, PolicyName=policy)
    iam.delete_role(RoleName=ACCESS)
    time.sleep(1.1)
    accounts.make_role("cluster", ACCESS, trusted)
    tags = root.state(ADDRESS)["objects"][f"cluster/iam_role/{ACCESS}"]
    iam.tag_role(
        RoleName=ACCESS,
        Tags=[{"Key": "xeks:instance", "Value": tags["instance"]}, {"Key": "xeks:resource", "Value": resource(root)}],
    )
    dead = accounts.entry(ACCESS_ARN)["accessEntryArn"]
    aws.delay_entry_deletes(5)

    root.apply()

    assert accounts.entry(ACCESS_ARN)["accessEntryArn"] != dead
    root.assert_empty_plan()


def resource(root) -> str:
    """The tag xeks:resource of the connection."""
    return (
        f"xeks_cross_account_access:183295435445/ap-south-1/{CLUSTER}:{ACCESS}:185863138492/EC2-EKS-CrossAccount-Role"
    )


def config_map(aws) -> None:
    Accounts(aws).make_cluster("old", "CONFIG_MAP")


UPGRADE = access(more='on_config_map = "upgrade"').replace(f'"{CLUSTER}"', '"old"')


def test_an_update_that_eks_does_not_know_yet_is_waited_for(workspace, aws):
    config_map(aws)
    aws.set_eks_update_seconds(1)
    aws.delay_updates(3)
    root = workspace(UPGRADE)
    root.apply()
    assert (
        Accounts(aws).eks.describe_cluster(name="old")["cluster"]["accessConfig"]["authenticationMode"]
        == "API_AND_CONFIG_MAP"
    )


def test_another_update_of_the_cluster_is_waited_for(workspace, aws):
    config_map(aws)
    aws.start_upgrade("old", 6)
    root = workspace(UPGRADE)
    root.apply()
    root.assert_empty_plan()


def test_an_update_that_outlasts_the_timeout_is_named(workspace, aws):
    config_map(aws)
    upgrade = aws.start_upgrade("old", 300)
    root = workspace(UPGRADE.replace("on_config_map", 'timeouts = { create = "8s" }\n  on_config_map'))
    failed = root.try_apply()
    assert failed.code and upgrade in failed.text and "timed out after waiting" in failed.text
    assert "another update of the cluster" in failed.text


@pytest.mark.parametrize("times, works", [(2, True), (None, False)])
def test_an_issuer_that_aws_can_not_reach_for_a_moment_is_asked_again(workspace, aws, times, works):
    aws.faults.add(
        "error",
        service="iam",
        action="CreateOpenIDConnectProvider",
        code="OpenIdIdpCommunicationError",
        message="Couldn't connect to the issuer",
        status=400,
        times=times,
    )
    root = workspace(trust())
    done = root.try_apply()
    assert bool(done.code) != works, done.text
    if not works:
        assert "OpenIdIdpCommunicationError" in done.text and "issuer" in done.text


def test_writes_to_one_role_do_not_overlap(workspace, aws):
    """Each takes its time, and IAM would refuse another one to the same role meanwhile."""
    aws.set_write_seconds(0.3)
    live(workspace, aws)
    assert not [call for call in aws.calls() if call["error"] == "ConcurrentModification"]


@pytest.mark.parametrize("service_calls", ["create", "destroy"])
def test_a_write_that_others_hold_up_is_repeated(workspace, aws, service_calls):
    """Another process writes the same roles: each third write is refused."""
    before = aws.dump()
    root = workspace(EVERYTHING)

    def hold_up() -> None:
        for at, action in enumerate(WRITES):
            aws.faults.add("error", service="iam", action=action, code="ConcurrentModification", times=2, after=at % 2)

    if service_calls == "create":
        hold_up()
    root.apply()
    if service_calls == "destroy":
        hold_up()
    root.destroy()
    aws.faults.clear()
    assert not traces(aws, before)


WRITES = (
    "CreateRole", "PutRolePolicy", "DeleteRolePolicy", "AttachRolePolicy", "DetachRolePolicy", "TagRole", "DeleteRole",
    "UpdateAssumeRolePolicy", "CreateInstanceProfile", "CreateOpenIDConnectProvider",
)  # fmt: skip
