"""What single calls take notice of late. Sources: the calls' handlers in `extension`, and `extension/lags.py`."""

import time

import pytest
from refusals import refused

from objects import CLUSTER_ACCOUNT, document, make_cluster, make_role, trusting

MANAGED = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
SHORT = 0.4


@pytest.fixture
def iam(aws):
    return aws.client("workload", "iam")


@pytest.fixture
def eks(aws):
    return aws.client("cluster", "eks")


def attach(iam):
    iam.attach_role_policy(RoleName="app", PolicyArn=MANAGED)


def detach(iam):
    iam.detach_role_policy(RoleName="app", PolicyArn=MANAGED)


def put_inline(iam):
    read = document({"Action": "s3:GetObject", "Resource": "*"})
    iam.put_role_policy(RoleName="app", PolicyName="own", PolicyDocument=read)


def delete_inline(iam):
    iam.delete_role_policy(RoleName="app", PolicyName="own")


def add_to_profile(iam):
    iam.create_instance_profile(InstanceProfileName="app")
    iam.add_role_to_instance_profile(InstanceProfileName="app", RoleName="app")


def remove_from_profile(iam):
    iam.remove_role_from_instance_profile(InstanceProfileName="app", RoleName="app")


@pytest.mark.parametrize(
    "add, remove, words",
    [
        (attach, detach, "must detach all policies first"),
        (put_inline, delete_inline, "must delete policies first"),
        (add_to_profile, remove_from_profile, "must remove roles from instance profile first"),
    ],
)
def test_a_role_is_not_deleted_right_after_something_was_removed_from_it(aws, iam, add, remove, words):
    """terraform-provider-aws, internal/service/iam/role.go: DeleteRole is repeated upon DeleteConflict."""
    make_role(aws, "workload", "app")
    add(iam)
    aws.delay_deletes(SHORT)
    remove(iam)
    with refused("DeleteConflict", words, 409):
        iam.delete_role(RoleName="app")
    time.sleep(SHORT)
    iam.delete_role(RoleName="app")


def test_an_instance_profile_is_not_deleted_right_after_its_role_was_removed(aws, iam):
    make_role(aws, "workload", "app")
    add_to_profile(iam)
    aws.delay_deletes(SHORT)
    remove_from_profile(iam)
    with refused("DeleteConflict", "must remove roles from instance profile first", 409):
        iam.delete_instance_profile(InstanceProfileName="app")
    time.sleep(SHORT)
    iam.delete_instance_profile(InstanceProfileName="app")


def test_a_role_from_which_nothing_was_removed_is_deleted_at_once(aws, iam):
    make_role(aws, "workload", "app")
    aws.delay_deletes(3600)
    iam.delete_role(RoleName="app")


def test_a_new_role_and_a_new_instance_profile_show_ids_in_place_of_arns(aws, iam):
    """Issue 22018 of terraform-provider-aws; its waitRoleARNIsNotUniqueID and waitInstanceProfileReady."""
    aws.delay_arns(SHORT)
    role = iam.create_role(RoleName="app", AssumeRolePolicyDocument=trusting({"Service": "ec2.amazonaws.com"}))["Role"]
    profile = iam.create_instance_profile(InstanceProfileName="app")["InstanceProfile"]
    assert role["Arn"].endswith(":role/app") and profile["Arn"].endswith(":instance-profile/app")
    iam.add_role_to_instance_profile(InstanceProfileName="app", RoleName="app")
    assert arns_of(iam) == {role["RoleId"]}
    assert iam.get_instance_profile(InstanceProfileName="app")["InstanceProfile"]["Arn"].startswith("AIPA")
    time.sleep(SHORT)
    assert arns_of(iam) == {role["Arn"]}
    assert iam.get_instance_profile(InstanceProfileName="app")["InstanceProfile"]["Arn"] == profile["Arn"]


def arns_of(iam) -> set[str]:
    """The role's ARN in every read that shows it."""
    listed = [role for role in iam.list_roles()["Roles"] if role["RoleName"] == "app"]
    profiles = [iam.get_instance_profile(InstanceProfileName="app")["InstanceProfile"]]
    profiles += iam.list_instance_profiles_for_role(RoleName="app")["InstanceProfiles"]
    held = [profile["Roles"][0] for profile in profiles]
    return {role["Arn"] for role in [iam.get_role(RoleName="app")["Role"], *listed, *held]}


def test_a_trust_policy_shows_the_id_of_a_new_role_for_a_moment_and_still_admits_it(aws, iam):
    """Pull request 1527 of go-to-k/cdkd: AWS shows a principal in two forms, ID and ARN, while it is new."""
    old = make_role(aws, "workload", "old")
    aws.delay_arns(SHORT)
    new = make_role(aws, "workload", "app", allow={"Action": "sts:AssumeRole", "Resource": "*"})
    cluster = aws.client("cluster", "iam")
    make_role(aws, "cluster", "access", trusting({"AWS": [old, new]}))
    assert principals_of(cluster) == [old, iam.get_role(RoleName="app")["Role"]["RoleId"]]
    add_to_profile(iam)
    access = f"arn:aws:iam::{CLUSTER_ACCOUNT}:role/access"
    aws.assume("workload", access, aws.instance_credentials("workload", "app"))
    time.sleep(SHORT)
    assert principals_of(cluster) == [old, new]


def principals_of(iam) -> list[str]:
    return iam.get_role(RoleName="access")["Role"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["AWS"]


def test_an_access_entry_is_not_made_again_right_after_its_deletion(aws, eks):
    make_cluster(aws)
    entry = {"clusterName": "c", "principalArn": make_role(aws, "workload", "app")}
    other = {"clusterName": "c", "principalArn": make_role(aws, "workload", "other")}
    eks.create_access_entry(**entry)
    aws.delay_entry_deletes(SHORT)
    eks.delete_access_entry(**entry)
    with refused("ResourceNotFoundException"):
        eks.describe_access_entry(**entry)
    with refused("ResourceInUseException", "already in use on this cluster", 409):
        eks.create_access_entry(**entry)
    eks.create_access_entry(**other)
    time.sleep(SHORT)
    eks.create_access_entry(**entry)


def test_an_update_of_a_cluster_is_unknown_for_a_moment(aws, eks):
    make_cluster(aws, mode="API_AND_CONFIG_MAP")
    aws.delay_updates(SHORT)
    update = eks.update_cluster_config(name="c", accessConfig={"authenticationMode": "API"})["update"]["id"]
    with refused("ResourceNotFoundException", f"No update found for ID: {update}", 404):
        eks.describe_update(name="c", updateId=update)
    time.sleep(SHORT)
    assert eks.describe_update(name="c", updateId=update)["update"]["id"] == update


def test_settings_go_back_to_those_of_the_start(aws, iam, eks):
    make_cluster(aws, mode="API_AND_CONFIG_MAP")
    for setting in (aws.delay, aws.delay_lists, aws.delay_deletes, aws.delay_arns, aws.delay_updates):
        setting(3600)
    aws.set_write_seconds(20)
    aws.reset_settings()
    arn = make_role(aws, "workload", "app")
    attach(iam)
    assert iam.get_role(RoleName="app")["Role"]["Arn"] == arn
    assert len(iam.list_attached_role_policies(RoleName="app")["AttachedPolicies"]) == 1
    detach(iam)
    iam.delete_role(RoleName="app")
    update = eks.update_cluster_config(name="c", accessConfig={"authenticationMode": "API"})["update"]["id"]
    eks.describe_update(name="c", updateId=update)


def test_a_restore_forgets_what_happened_and_a_reset_the_setting_too(aws, iam):
    make_role(aws, "workload", "app")
    number = aws.snapshot()
    aws.delay_deletes(3600)
    attach(iam)
    detach(iam)
    aws.restore(number)
    iam.delete_role(RoleName="app")
    make_role(aws, "workload", "app")
    attach(iam)
    detach(iam)
    with refused("DeleteConflict"):
        iam.delete_role(RoleName="app")
    aws.reset()
    make_role(aws, "workload", "app")
    attach(iam)
    detach(iam)
    iam.delete_role(RoleName="app")
