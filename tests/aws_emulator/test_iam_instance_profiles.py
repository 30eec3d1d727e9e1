"""Instance profiles. "API reference" is the IAM API reference, page of the call in the test's name or body."""

import json

import pytest
from refusals import refused

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"},
    }
)


@pytest.fixture
def iam(aws):
    return aws.client("workload", "iam")


@pytest.fixture
def profile(iam):
    return iam.create_instance_profile(InstanceProfileName="app", Tags=[{"Key": "a", "Value": "1"}])["InstanceProfile"]


@pytest.fixture
def role(iam):
    return iam.create_role(RoleName="app", AssumeRolePolicyDocument=TRUST)["Role"]


def test_a_profile_comes_back_with_its_role_and_tags(aws, iam, profile, role):
    """API reference, CreateInstanceProfile and GetInstanceProfile."""
    iam.add_role_to_instance_profile(InstanceProfileName="app", RoleName="app")
    found = iam.get_instance_profile(InstanceProfileName="app")["InstanceProfile"]
    assert found["Arn"] == f"arn:aws:iam::{aws.accounts['workload'].id}:instance-profile/app"
    assert found["InstanceProfileId"] == profile["InstanceProfileId"]
    assert [held["RoleId"] for held in found["Roles"]] == [role["RoleId"]]
    assert found["Roles"][0]["AssumeRolePolicyDocument"] == json.loads(TRUST)
    assert found["Tags"] == [{"Key": "a", "Value": "1"}]


def test_a_profile_holds_one_role_only(iam, profile, role):
    """API reference, AddRoleToInstanceProfile: "can contain only one role"; LimitExceeded, 409, also for the same."""
    iam.add_role_to_instance_profile(InstanceProfileName="app", RoleName="app")
    iam.create_role(RoleName="other", AssumeRolePolicyDocument=TRUST)
    for name in ("app", "other"):
        with refused("LimitExceeded", "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1", 409):
            iam.add_role_to_instance_profile(InstanceProfileName="app", RoleName=name)


def test_a_role_may_be_in_several_profiles(iam, profile, role):
    """API reference, ListInstanceProfilesForRole lists "the instance profiles that have the specified role"."""
    iam.create_instance_profile(InstanceProfileName="other")
    for name in ("app", "other"):
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName="app")
    listed = iam.list_instance_profiles_for_role(RoleName="app")["InstanceProfiles"]
    assert [found["InstanceProfileName"] for found in listed] == ["app", "other"]
    pages = iam.get_paginator("list_instance_profiles_for_role")
    pages = pages.paginate(RoleName="app", PaginationConfig={"PageSize": 1})
    assert [len(page["InstanceProfiles"]) for page in pages] == [1, 1]


def test_a_profile_with_a_role_is_not_deleted(iam, profile, role):
    """API reference, DeleteInstanceProfile: DeleteConflict, 409, until the role is removed."""
    iam.add_role_to_instance_profile(InstanceProfileName="app", RoleName="app")
    with refused("DeleteConflict", "must remove roles from instance profile first", 409):
        iam.delete_instance_profile(InstanceProfileName="app")
    iam.remove_role_from_instance_profile(InstanceProfileName="app", RoleName="app")
    iam.delete_instance_profile(InstanceProfileName="app")
    with refused("NoSuchEntity", "Instance Profile app cannot be found.", 404):
        iam.get_instance_profile(InstanceProfileName="app")


def test_a_name_is_taken_whatever_its_case(iam, profile):
    """IAM user guide, IAM identifiers: names of instance profiles "are not distinguished by case"."""
    with refused("EntityAlreadyExists", "Instance Profile APP already exists.", 409):
        iam.create_instance_profile(InstanceProfileName="APP")
    with refused("ValidationError", "less than or equal to 128"):
        iam.create_instance_profile(InstanceProfileName="p" * 129)


def test_a_missing_profile_is_no_such_entity(iam, profile, role):
    """API reference, AddRoleToInstanceProfile and RemoveRoleFromInstanceProfile: NoSuchEntity, 404."""
    with refused("NoSuchEntity", "The role with name absent cannot be found.", 404):
        iam.add_role_to_instance_profile(InstanceProfileName="app", RoleName="absent")
    with refused("NoSuchEntity", "Instance Profile absent cannot be found.", 404):
        iam.add_role_to_instance_profile(InstanceProfileName="absent", RoleName="app")
    with refused("NoSuchEntity", status=404):
        iam.remove_role_from_instance_profile(InstanceProfileName="app", RoleName="app")


def test_tags_are_added_replaced_and_removed(iam, profile):
    """API reference, TagInstanceProfile, UntagInstanceProfile, ListInstanceProfileTags."""
    iam.tag_instance_profile(InstanceProfileName="app", Tags=[{"Key": "a", "Value": "2"}, {"Key": "b", "Value": ""}])
    iam.untag_instance_profile(InstanceProfileName="app", TagKeys=["a", "absent"])
    assert iam.list_instance_profile_tags(InstanceProfileName="app")["Tags"] == [{"Key": "b", "Value": ""}]
    assert "Tags" not in iam.list_instance_profiles()["InstanceProfiles"][0]
