"""What a caller of IAM must be allowed: which actions, on which resources, under which condition keys.

Owns: the needs of IAM's calls. Must not know: how they are evaluated (permissions) or answered.

Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Identity and Access
Management".
"""

from ministack.services import iam

from .permissions import Need, needs, request_tags, resource_tags

_ROLE = (
    "GetRole",
    "DeleteRole",
    "UpdateAssumeRolePolicy",
    "UpdateRole",
    "UpdateRoleDescription",
    "GetRolePolicy",
    "PutRolePolicy",
    "DeleteRolePolicy",
    "ListRolePolicies",
    "ListAttachedRolePolicies",
    "TagRole",
    "UntagRole",
    "ListRoleTags",
    "DeleteRolePermissionsBoundary",
    "ListInstanceProfilesForRole",
)
_PROFILE = (
    "GetInstanceProfile",
    "DeleteInstanceProfile",
    "TagInstanceProfile",
    "UntagInstanceProfile",
    "ListInstanceProfileTags",
    "RemoveRoleFromInstanceProfile",
)
_PROVIDER = (
    "GetOpenIDConnectProvider",
    "DeleteOpenIDConnectProvider",
    "AddClientIDToOpenIDConnectProvider",
    "RemoveClientIDFromOpenIDConnectProvider",
    "UpdateOpenIDConnectProviderThumbprint",
    "TagOpenIDConnectProvider",
    "UntagOpenIDConnectProvider",
    "ListOpenIDConnectProviderTags",
)
_POLICY = (
    "GetPolicy",
    "GetPolicyVersion",
    "ListPolicyVersions",
    "DeletePolicy",
    "CreatePolicyVersion",
    "DeletePolicyVersion",
    "ListEntitiesForPolicy",
    "TagPolicy",
    "UntagPolicy",
    "ListPolicyTags",
)
_USER = (
    "GetUser",
    "DeleteUser",
    "CreateUser",
    "PutUserPolicy",
    "GetUserPolicy",
    "DeleteUserPolicy",
    "ListUserPolicies",
    "AttachUserPolicy",
    "DetachUserPolicy",
    "ListAttachedUserPolicies",
    "CreateAccessKey",
    "DeleteAccessKey",
    "ListAccessKeys",
    "TagUser",
    "UntagUser",
    "ListUserTags",
    "ListGroupsForUser",
)
_GROUP = (
    "GetGroup",
    "ListGroupPolicies",
    "GetGroupPolicy",
    "PutGroupPolicy",
    "DeleteGroupPolicy",
    "ListAttachedGroupPolicies",
    "AttachGroupPolicy",
    "DetachGroupPolicy",
)


@needs("iam", "CreateRole")
def create_role(call):
    """A role made with tags takes iam:TagRole too (IAM user guide, Tag IAM roles)."""
    keys = _requested(call)
    if "PermissionsBoundary" in call.params:
        keys |= {"iam:PermissionsBoundary": call.params["PermissionsBoundary"]}
    return _made(call, _new(call, "role", "RoleName"), keys, "iam:TagRole")


@needs("iam", *_ROLE)
def on_role(call):
    arn, keys = _role(call)
    return [Need(f"iam:{call.action}", arn, keys | _requested(call))]


@needs("iam", "PutRolePermissionsBoundary")
def put_boundary(call):
    arn, keys = _role(call)
    return [
        Need(
            "iam:PutRolePermissionsBoundary",
            arn,
            keys | {"iam:PermissionsBoundary": call.params.get("PermissionsBoundary")},
        )
    ]


@needs("iam", "AttachRolePolicy", "DetachRolePolicy")
def attach(call):
    arn, keys = _role(call)
    return [Need(f"iam:{call.action}", arn, keys | {"iam:PolicyARN": call.params.get("PolicyArn")})]


@needs("iam", "CreateInstanceProfile")
def create_profile(call):
    return _made(
        call, _new(call, "instance-profile", "InstanceProfileName"), _requested(call), "iam:TagInstanceProfile"
    )


@needs("iam", *_PROFILE)
def on_profile(call):
    arn, keys = _profile(call)
    return [Need(f"iam:{call.action}", arn, keys | _requested(call))]


@needs("iam", "AddRoleToInstanceProfile")
def add_role(call):
    """API reference: "The caller of this operation must be granted the PassRole permission on the IAM role"."""
    profile, keys = _profile(call)
    role, role_keys = _role(call)
    return [
        Need("iam:AddRoleToInstanceProfile", profile, keys),
        Need("iam:PassRole", role, role_keys | {"iam:PassedToService": "ec2.amazonaws.com"}),
    ]


@needs("iam", "CreateOpenIDConnectProvider")
def create_provider(call):
    name = call.params.get("Url", "").removeprefix("https://")
    arn = f"arn:aws:iam::{call.account}:oidc-provider/{name}"
    return _made(call, arn, _requested(call), "iam:TagOpenIDConnectProvider")


@needs("iam", *_PROVIDER)
def on_provider(call):
    arn = call.params.get("OpenIDConnectProviderArn", "*")
    return [Need(f"iam:{call.action}", arn, _existing(iam._oidc_providers.get(arn)) | _requested(call))]


@needs("iam", "CreatePolicy")
def create_policy(call):
    return _made(call, _new(call, "policy", "PolicyName"), _requested(call), "iam:TagPolicy")


@needs("iam", *_POLICY)
def on_policy(call):
    arn = call.params.get("PolicyArn", "*")
    return [Need(f"iam:{call.action}", arn, _existing(iam._lookup_policy(arn)) | _requested(call))]


@needs("iam", *_USER)
def on_user(call):
    name = call.params.get("UserName")
    arn = _new(call, "user", "UserName") if name else call.caller.principal_arn
    user = iam._users.get(name)
    return [Need(f"iam:{call.action}", user["Arn"] if user else arn, _existing(user) | _requested(call))]


@needs("iam", *_GROUP)
def on_group(call):
    group = iam._groups.get(call.params.get("GroupName"))
    return [Need(f"iam:{call.action}", group["Arn"] if group else _new(call, "group", "GroupName"))]


@needs("iam", "SimulatePrincipalPolicy")
def simulate(call):
    return [Need("iam:SimulatePrincipalPolicy", call.params.get("PolicySourceArn", "*"))]


def _made(call, arn, keys, tagging):
    made = [Need(f"iam:{call.action}", arn, keys)]
    return [*made, Need(tagging, arn, keys)] if call.params.get("Tags") else made


def _new(call, kind, member):
    """The ARN that the object to be made will have."""
    return f"arn:aws:iam::{call.account}:{kind}{call.params.get('Path', '/')}{call.params.get(member)}"


def _role(call):
    """The ARN, path included, of the role that the call names, and its keys."""
    name = call.params.get("RoleName")
    role = iam._roles.get(name)
    if not role:
        return _new(call, "role", "RoleName"), {}
    keys = _existing(role)
    return role["Arn"], keys | (
        {"iam:PermissionsBoundary": role["PermissionsBoundary"]} if role.get("PermissionsBoundary") else {}
    )


def _profile(call):
    name = call.params.get("InstanceProfileName")
    profile = iam._instance_profiles.get(name)
    if profile:
        return profile["Arn"], _existing(profile)
    return _new(call, "instance-profile", "InstanceProfileName"), {}


def _existing(record):
    """aws:ResourceTag/… and its older name iam:ResourceTag/… of an object that exists."""
    keys = resource_tags(record["Tags"]) if record else {}
    return keys | {name.replace("aws:", "iam:", 1): value for name, value in keys.items()}


def _requested(call):
    keys = request_tags(call.params.get("Tags"))
    return keys | ({"aws:TagKeys": call.params["TagKeys"]} if call.params.get("TagKeys") else {})
