"""What IAM's calls need. "Reference" is the Service Authorization Reference, its page on IAM."""

import json

import pytest
from permitted import allow, limited_to
from refusals import refused

ACCOUNT = "185863138492"
TEAM = {"Key": "team", "Value": "a"}
EC2 = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"},
    }
)


@pytest.fixture
def root(aws):
    return aws.client("workload", "iam")


@pytest.fixture
def limited(aws):
    return limited_to(aws, "iam")


def test_a_role_is_named_by_its_arn_with_path(limited, root):
    """Reference: role actions take arn:PARTITION:iam::ACCOUNT:role/NAME-WITH-PATH."""
    iam = limited(allow("iam:*Role", f"arn:aws:iam::{ACCOUNT}:role/team/*"))
    iam.create_role(RoleName="app", Path="/team/", AssumeRolePolicyDocument=EC2)
    iam.get_role(RoleName="app")
    with refused("AccessDenied", f"iam:CreateRole on resource: arn:aws:iam::{ACCOUNT}:role/app", 403):
        iam.create_role(RoleName="app", AssumeRolePolicyDocument=EC2)


def test_tags_on_create_take_the_tagging_permission_too(limited):
    """IAM user guide, Tags for IAM resources: creating a tagged role takes iam:TagRole; so for profile and provider."""
    iam = limited(allow(["iam:CreateRole", "iam:CreateInstanceProfile", "iam:CreateOpenIDConnectProvider"]))
    tags = [{"Key": "a", "Value": "b"}]
    with refused("AccessDenied", "iam:TagRole"):
        iam.create_role(RoleName="app", AssumeRolePolicyDocument=EC2, Tags=tags)
    with refused("AccessDenied", "iam:TagInstanceProfile"):
        iam.create_instance_profile(InstanceProfileName="app", Tags=tags)
    with refused("AccessDenied", "iam:TagOpenIDConnectProvider"):
        iam.create_open_id_connect_provider(Url="https://oidc.example.com", Tags=tags)
    iam.create_role(RoleName="app", AssumeRolePolicyDocument=EC2)


def test_adding_a_role_to_a_profile_passes_the_role(limited, root):
    """API reference, AddRoleToInstanceProfile: the caller needs iam:PassRole; iam:PassedToService is EC2."""
    root.create_role(RoleName="app", AssumeRolePolicyDocument=EC2)
    root.create_instance_profile(InstanceProfileName="app")
    add = allow("iam:AddRoleToInstanceProfile", f"arn:aws:iam::{ACCOUNT}:instance-profile/app")
    role = f"arn:aws:iam::{ACCOUNT}:role/app"
    with refused("AccessDenied", f"iam:PassRole on resource: {role}"):
        limited(add).add_role_to_instance_profile(InstanceProfileName="app", RoleName="app")
    elsewhere = allow("iam:PassRole", role, StringEquals={"iam:PassedToService": "lambda.amazonaws.com"})
    with refused("AccessDenied", "iam:PassRole"):
        limited(add, elsewhere).add_role_to_instance_profile(InstanceProfileName="app", RoleName="app")
    passed = allow("iam:PassRole", role, StringEquals={"iam:PassedToService": "ec2.amazonaws.com"})
    limited(add, passed).add_role_to_instance_profile(InstanceProfileName="app", RoleName="app")


def test_a_provider_is_named_by_its_arn(limited):
    """Reference: provider actions take arn:PARTITION:iam::ACCOUNT:oidc-provider/NAME."""
    iam = limited(allow("iam:*", f"arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.example.com"))
    arn = iam.create_open_id_connect_provider(Url="https://oidc.example.com")["OpenIDConnectProviderArn"]
    iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="mine")
    with refused("AccessDenied", "oidc-provider/other.example.com"):
        iam.create_open_id_connect_provider(Url="https://other.example.com")
    with refused("AccessDenied", "iam:ListOpenIDConnectProviders"):
        iam.list_open_id_connect_providers()


def test_conditions_see_policy_boundary_and_tags(limited, root):
    """Reference: iam:PolicyARN, iam:PermissionsBoundary, aws:RequestTag, aws:ResourceTag of the role actions."""
    root.create_role(RoleName="app", AssumeRolePolicyDocument=EC2, Tags=[{"Key": "team", "Value": "a"}])
    s3, audit = (f"arn:aws:iam::aws:policy/{name}" for name in ("AmazonS3ReadOnlyAccess", "SecurityAudit"))
    iam = limited(
        allow("iam:AttachRolePolicy", ArnEquals={"iam:PolicyARN": s3}),
        allow("iam:PutRolePermissionsBoundary", StringEquals={"iam:PermissionsBoundary": s3}),
        allow("iam:UpdateRole", StringEquals={"aws:ResourceTag/team": "a"}),
        allow("iam:DeleteRole", StringEquals={"aws:ResourceTag/team": "b"}),
        allow("iam:TagRole", StringEquals={"aws:RequestTag/team": "a"}),
    )
    iam.attach_role_policy(RoleName="app", PolicyArn=s3)
    iam.put_role_permissions_boundary(RoleName="app", PermissionsBoundary=s3)
    iam.update_role(RoleName="app")
    iam.tag_role(RoleName="app", Tags=[{"Key": "team", "Value": "a"}])
    with refused("AccessDenied", "iam:AttachRolePolicy"):
        iam.attach_role_policy(RoleName="app", PolicyArn=audit)
    with refused("AccessDenied", "iam:PutRolePermissionsBoundary"):
        iam.put_role_permissions_boundary(RoleName="app", PermissionsBoundary=audit)
    with refused("AccessDenied", "iam:DeleteRole"):
        iam.delete_role(RoleName="app")
    with refused("AccessDenied", "iam:TagRole"):
        iam.tag_role(RoleName="app", Tags=[{"Key": "team", "Value": "b"}])


def test_a_users_groups_are_listed_by_the_user_and_read_by_the_group(limited, root):
    """Reference: ListGroupsForUser takes the user, ListGroupPolicies and ListAttachedGroupPolicies the group."""
    root.create_group(GroupName="ops")
    root.add_user_to_group(GroupName="ops", UserName="limited")
    iam = limited(
        allow("iam:ListGroupsForUser", f"arn:aws:iam::{ACCOUNT}:user/limited"),
        allow(["iam:ListGroupPolicies", "iam:ListAttachedGroupPolicies"], f"arn:aws:iam::{ACCOUNT}:group/ops"),
    )
    assert [group["GroupName"] for group in iam.list_groups_for_user(UserName="limited")["Groups"]] == ["ops"]
    assert iam.list_group_policies(GroupName="ops")["PolicyNames"] == []
    assert iam.list_attached_group_policies(GroupName="ops")["AttachedPolicies"] == []
    root.create_group(GroupName="other")
    with refused("AccessDenied", f"iam:ListGroupPolicies on resource: arn:aws:iam::{ACCOUNT}:group/other", 403):
        iam.list_group_policies(GroupName="other")


def test_a_condition_on_a_key_that_the_call_does_not_carry_denies(limited, root):
    """Reference: GetRole carries iam:PermissionsBoundary, ListInstanceProfilesForRole does not; RemoveRoleFrom
    InstanceProfile takes the instance profile alone, so that no key describes the role."""
    audit = "arn:aws:iam::aws:policy/SecurityAudit"
    root.create_role(RoleName="app", AssumeRolePolicyDocument=EC2, PermissionsBoundary=audit, Tags=[TEAM])
    root.create_instance_profile(InstanceProfileName="app")
    root.add_role_to_instance_profile(InstanceProfileName="app", RoleName="app")
    bounded = {"StringEquals": {"iam:PermissionsBoundary": audit}}
    iam = limited(
        allow(["iam:GetRole", "iam:ListInstanceProfilesForRole"], **bounded),
        allow("iam:RemoveRoleFromInstanceProfile", StringEquals={"iam:ResourceTag/team": "a"}),
    )
    iam.get_role(RoleName="app")
    with refused("AccessDenied", "iam:ListInstanceProfilesForRole", 403):
        iam.list_instance_profiles_for_role(RoleName="app")
    with refused("AccessDenied", f"on resource: arn:aws:iam::{ACCOUNT}:instance-profile/app", 403):
        iam.remove_role_from_instance_profile(InstanceProfileName="app", RoleName="app")


def test_a_user_and_a_policy_that_are_made_with_tags_take_the_tagging_permission(limited):
    """IAM user guide, "Tags for IAM resources": iam:TagUser and iam:TagPolicy, on what is to be made."""
    iam = limited(allow(["iam:CreateUser", "iam:CreatePolicy"]))
    with refused("AccessDenied", f"iam:TagUser on resource: arn:aws:iam::{ACCOUNT}:user/team/new", 403):
        iam.create_user(UserName="new", Path="/team/", Tags=[TEAM])
    with refused("AccessDenied", f"iam:TagPolicy on resource: arn:aws:iam::{ACCOUNT}:policy/new", 403):
        iam.create_policy(PolicyName="new", PolicyDocument=EC2, Tags=[TEAM])


def test_a_call_without_a_resource_type_is_allowed_by_the_wildcard_alone(limited):
    """Reference: ListUsers and ListRoles take no resource type."""
    with refused("AccessDenied", "iam:ListUsers on resource: *", 403):
        limited(allow("iam:ListUsers", f"arn:aws:iam::{ACCOUNT}:user/*")).list_users()
    limited(allow("iam:ListUsers")).list_users()


def test_a_call_without_a_users_name_is_about_the_user_who_signs(aws, limited):
    """API reference, GetUser: "If you do not specify a user name, IAM determines the user name implicitly"; a role has
    none, as users report."""
    me = f"arn:aws:iam::{ACCOUNT}:user/limited"
    with refused("AccessDenied", f"iam:GetUser on resource: {me}", 403):
        limited(allow("iam:GetUser", f"arn:aws:iam::{ACCOUNT}:user/other")).get_user()
    assert limited(allow("iam:GetUser", me)).get_user()["User"]["Arn"] == me
    with refused("ValidationError", "Must specify userName when calling with non-User credentials", 400):
        aws.client("workload", "iam", "runner").get_user()
    assert aws.client("workload", "iam").get_user()["User"]["UserId"] == ACCOUNT
