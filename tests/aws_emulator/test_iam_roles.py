"""Roles and their tags. "API reference" is the IAM API reference, page of the call in the test's name or body."""

import json

import pytest
from raw_answers import raw_answers
from refusals import refused

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"},
    }
)
READ_S3 = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}})
MANAGED = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"


@pytest.fixture
def iam(aws):
    return aws.client("workload", "iam")


@pytest.fixture
def role(iam):
    return iam.create_role(RoleName="app", AssumeRolePolicyDocument=TRUST)["Role"]


def test_a_role_comes_back_as_made(aws, iam):
    """API reference, CreateRole and GetRole."""
    made = iam.create_role(
        RoleName="app",
        Path="/team/",
        AssumeRolePolicyDocument=TRUST,
        Description="mine",
        MaxSessionDuration=7200,
        PermissionsBoundary=MANAGED,
        Tags=[{"Key": "owner", "Value": ""}],
    )["Role"]
    role = iam.get_role(RoleName="app")["Role"]
    assert role["Arn"] == f"arn:aws:iam::{aws.accounts['workload'].id}:role/team/app"
    assert role["AssumeRolePolicyDocument"] == json.loads(TRUST)
    assert (role["Description"], role["MaxSessionDuration"], role["Path"]) == ("mine", 7200, "/team/")
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == MANAGED
    assert role["Tags"] == [{"Key": "owner", "Value": ""}]
    assert (role["RoleId"], role["CreateDate"]) == (made["RoleId"], made["CreateDate"])
    assert role["RoleId"].startswith("AROA") and len(role["RoleId"]) == 21


def test_documents_are_url_encoded_on_the_wire(aws, iam, role):
    """API reference, GetRole: "Policies returned by this operation are URL-encoded compliant with RFC 3986"."""
    with raw_answers(iam) as bodies:
        iam.get_role(RoleName="app")
    assert b"%7B%22Version%22%3A%20%222012-10-17%22" in bodies[0]


def test_listing_leaves_out_tags_and_boundary(iam):
    """API reference, ListRoles: PermissionsBoundary, RoleLastUsed and Tags are not returned."""
    iam.create_role(
        RoleName="app", AssumeRolePolicyDocument=TRUST, PermissionsBoundary=MANAGED, Tags=[{"Key": "a", "Value": "b"}]
    )
    listed = next(role for role in iam.list_roles()["Roles"] if role["RoleName"] == "app")
    assert "Tags" not in listed and "PermissionsBoundary" not in listed and "RoleLastUsed" not in listed


def test_a_name_is_taken_whatever_its_case(iam, role):
    """IAM user guide, IAM identifiers: names of roles "are not distinguished by case"; EntityAlreadyExists, 409."""
    with refused("EntityAlreadyExists", "Role with name APP already exists.", 409):
        iam.create_role(RoleName="APP", AssumeRolePolicyDocument=TRUST)


@pytest.mark.parametrize(
    "arguments",
    [
        {"RoleName": "r" * 65},
        {"RoleName": "a/b"},
        {"Path": "team"},
        {"Path": "/" + "p" * 511 + "/"},
        {"MaxSessionDuration": 3599},
        {"MaxSessionDuration": 43201},
        {"Description": "d" * 1001},
        {"Description": "an em dash \u2014"},
        {"Tags": [{"Key": "k" * 129, "Value": ""}]},
        {"Tags": [{"Key": "k", "Value": "v" * 257}]},
        {"Tags": [{"Key": "k", "Value": "semi;colon"}]},
        {"Tags": [{"Key": str(n), "Value": ""} for n in range(51)]},
    ],
    ids=lambda arguments: next(iter(arguments)),
)
def test_what_the_model_forbids_is_a_validation_error(iam, arguments):
    """The constraints of IAM's service model: roleNameType, pathType, roleMaxSessionDurationType, tagKeyType, ..."""
    with refused("ValidationError", "failed to satisfy constraint", 400):
        iam.create_role(**{"RoleName": "app", "AssumeRolePolicyDocument": TRUST} | arguments)


def test_unicode_letters_are_valid_in_a_tag(iam):
    """The model's tagValueType: any letter, number or separator of Unicode, and _.:/=+-@"""
    tags = [{"Key": "Besitzer", "Value": "Jürgen 東京 _.:/=+-@"}]
    assert iam.create_role(RoleName="app", AssumeRolePolicyDocument=TRUST, Tags=tags)["Role"]["Tags"] == tags


def test_an_unknown_boundary_is_no_such_entity(iam):
    """API reference, CreateRole: the boundary is the ARN of a managed policy."""
    with refused("NoSuchEntity", "does not exist or is not attachable", 404):
        iam.create_role(
            RoleName="app", AssumeRolePolicyDocument=TRUST, PermissionsBoundary="arn:aws:iam::aws:policy/NoSuchPolicy"
        )


def test_a_boundary_is_set_and_removed(iam, role):
    """API reference, PutRolePermissionsBoundary and DeleteRolePermissionsBoundary."""
    iam.put_role_permissions_boundary(RoleName="app", PermissionsBoundary=MANAGED)
    boundary = iam.get_role(RoleName="app")["Role"]["PermissionsBoundary"]
    assert boundary["PermissionsBoundaryArn"] == MANAGED
    iam.delete_role_permissions_boundary(RoleName="app")
    assert "PermissionsBoundary" not in iam.get_role(RoleName="app")["Role"]
    with refused("NoSuchEntity", status=404):
        iam.delete_role_permissions_boundary(RoleName="app")


def test_update_role_sets_the_duration_back_to_an_hour_when_it_is_left_out(iam, role):
    """API reference, UpdateRole, MaxSessionDuration: "If you do not specify a value ... the default value of one hour
    is applied"."""
    iam.update_role(RoleName="app", Description="new", MaxSessionDuration=7200)
    updated = iam.get_role(RoleName="app")["Role"]
    assert (updated["Description"], updated["MaxSessionDuration"]) == ("new", 7200)
    iam.update_role(RoleName="app")
    updated = iam.get_role(RoleName="app")["Role"]
    assert (updated["Description"], updated["MaxSessionDuration"]) == ("new", 3600)


def test_a_description_can_be_emptied(iam, role):
    """API reference, UpdateRole: Description has no minimum length; an empty one does not come back."""
    iam.update_role(RoleName="app", Description="new")
    iam.update_role(RoleName="app", Description="")
    assert "Description" not in iam.get_role(RoleName="app")["Role"]
    assert iam.update_role_description(RoleName="app", Description="x")["Role"]["Description"] == "x"


def test_keys_of_a_roles_tags_are_the_same_in_any_case(iam, role):
    """IAM user guide, Tags for IAM resources: keys of users and roles are not case sensitive, case is preserved."""
    iam.tag_role(RoleName="app", Tags=[{"Key": "Owner", "Value": "1"}])
    iam.tag_role(RoleName="app", Tags=[{"Key": "OWNER", "Value": "2"}])
    assert iam.list_role_tags(RoleName="app")["Tags"] == [{"Key": "OWNER", "Value": "2"}]
    with refused("InvalidInput", "Duplicate tag keys found", 400):
        iam.tag_role(RoleName="app", Tags=[{"Key": "a", "Value": ""}, {"Key": "A", "Value": ""}])
    iam.untag_role(RoleName="app", TagKeys=["owner", "absent"])
    assert iam.list_role_tags(RoleName="app")["Tags"] == []


def test_aws_keeps_its_tag_prefix_and_fifty_tags_are_the_most(iam, role):
    """IAM user guide, Tags for IAM resources: no `aws:` prefix, 50 tags per resource."""
    with refused("InvalidInput", status=400):
        iam.tag_role(RoleName="app", Tags=[{"Key": "aws:mine", "Value": ""}])
    iam.tag_role(RoleName="app", Tags=[{"Key": f"k{n}", "Value": ""} for n in range(50)])
    with refused("LimitExceeded", status=409):
        iam.tag_role(RoleName="app", Tags=[{"Key": "one-more", "Value": ""}])


def test_a_role_in_use_is_not_deleted(iam, role):
    """API reference, DeleteRole: first take it out of instance profiles and delete or detach its policies."""
    iam.create_instance_profile(InstanceProfileName="app")
    iam.add_role_to_instance_profile(InstanceProfileName="app", RoleName="app")
    iam.attach_role_policy(RoleName="app", PolicyArn=MANAGED)
    iam.put_role_policy(RoleName="app", PolicyName="own", PolicyDocument=READ_S3)
    with refused("DeleteConflict", "must remove roles from instance profile first", 409):
        iam.delete_role(RoleName="app")
    iam.remove_role_from_instance_profile(InstanceProfileName="app", RoleName="app")
    with refused("DeleteConflict", "must detach all policies first", 409):
        iam.delete_role(RoleName="app")
    iam.detach_role_policy(RoleName="app", PolicyArn=MANAGED)
    with refused("DeleteConflict", "must delete policies first", 409):
        iam.delete_role(RoleName="app")
    iam.delete_role_policy(RoleName="app", PolicyName="own")
    iam.delete_role(RoleName="app")
    with refused("NoSuchEntity", "The role with name app cannot be found.", 404):
        iam.get_role(RoleName="app")


def test_roles_that_aws_manages_are_not_changed(iam):
    """IAM user guide, service-linked roles: only the service may change one; UnmodifiableEntity, 400."""
    iam.create_role(RoleName="sso", Path="/aws-reserved/sso.amazonaws.com/", AssumeRolePolicyDocument=TRUST)
    with refused("UnmodifiableEntity", "only modifiable by AWS", 400):
        iam.put_role_policy(RoleName="sso", PolicyName="own", PolicyDocument=READ_S3)


def test_only_a_service_gets_a_role_under_the_path_of_service_linked_roles(iam):
    """IAM answers so: pull request 9 of tilfin/aws-iam-policy-tool. User guide: only the service may change it."""
    with refused("InvalidInput", "/aws-service-role/", 400):
        iam.create_role(RoleName="x", Path="/aws-service-role/x.amazonaws.com/", AssumeRolePolicyDocument=TRUST)
    made = iam.create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com")["Role"]
    with refused("UnmodifiableEntity", "only modifiable by AWS", 400):
        iam.update_assume_role_policy(RoleName=made["RoleName"], PolicyDocument=TRUST)


def test_the_role_of_a_permission_set_is_another_one_after_it_was_assigned_again(aws, iam):
    """IAM Identity Center user guide, "Referencing permission sets in resource policies"."""
    region = aws.permission_set("workload", "Ops", "0123456789abcdef", {"Version": "2012-10-17", "Statement": []})
    assert region.endswith("/sso.amazonaws.com/ap-south-1/AWSReservedSSO_Ops_0123456789abcdef")
    aws.unassign_permission_set("workload", "Ops")
    again = aws.permission_set("workload", "Ops", "fedcba9876543210", {}, region="us-east-1")
    assert again.endswith("/sso.amazonaws.com/AWSReservedSSO_Ops_fedcba9876543210")
    listed = iam.list_roles(PathPrefix="/aws-reserved/sso.amazonaws.com/")["Roles"]
    assert [role["Arn"] for role in listed] == [again]


def test_lists_come_in_pages(iam):
    """API reference, ListRoles: MaxItems, IsTruncated, Marker."""
    for number in range(5):
        iam.create_role(RoleName=f"app-{number}", Path="/pages/", AssumeRolePolicyDocument=TRUST)
    first = iam.list_roles(PathPrefix="/pages/", MaxItems=2)
    assert first["IsTruncated"] and len(first["Roles"]) == 2
    pages = iam.get_paginator("list_roles").paginate(PathPrefix="/pages/", PaginationConfig={"PageSize": 2})
    assert [role["RoleName"] for page in pages for role in page["Roles"]] == [f"app-{number}" for number in range(5)]
    with refused("ValidationError", "greater than or equal to 1"):
        iam.list_roles(MaxItems=0)
