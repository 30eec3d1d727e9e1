"""Roles: their life, their trust policy, their tags.

Owns: the role calls of IAM but for those about permissions (iam_role_policies). Must not know: who may assume a
role (that is STS).
"""

import json
from urllib.parse import quote

from ministack.services import iam

from . import iam_principals, iam_quotas, identities, lags
from .call import AwsError, handles
from .iam_calls import missing, new_id, now, page, taggable, tagged
from .iam_policy import trust_document


@handles("iam", "CreateRole")
def create(call):
    """The path of service-linked roles is reserved: answer as in pull request 9 of tilfin/aws-iam-policy-tool."""
    name, path = call.params["RoleName"], call.params.get("Path", "/")
    if path.startswith("/aws-service-role/"):
        raise AwsError("InvalidInput", "Path prefix '/aws-service-role/' can only be used for AWS Service linked Roles")
    # IAM identifiers: "names of ... roles ... must be unique within the account and are not distinguished by case".
    if any(taken.lower() == name.lower() for taken in iam._roles):
        raise AwsError("EntityAlreadyExists", f"Role with name {name} already exists.")
    trust = _stored_trust(call.account, call.params["AssumeRolePolicyDocument"])
    tags = tagged([], call.params.get("Tags", []), fold=True)
    boundary = call.params.get("PermissionsBoundary")
    check_boundary(boundary)
    role = {
        "RoleName": name,
        "Path": path,
        "Arn": f"arn:aws:iam::{call.account}:role{path}{name}",
        "RoleId": new_id("AROA"),
        "CreateDate": now(),
        "AssumeRolePolicyDocument": trust,
        "Description": call.params.get("Description", ""),
        "MaxSessionDuration": call.params.get("MaxSessionDuration", 3600),
        "PermissionsBoundary": boundary,
        "AttachedPolicies": [],
        "InlinePolicies": {},
        "Tags": tags,
    }
    iam._roles[name] = role
    answer = {"Role": shown(role)}
    lags.NEW_ARNS.begin(role["RoleId"])
    return answer


@handles("iam", "GetRole")
def get(call):
    return {"Role": shown(found(call)) | {"RoleLastUsed": {}}}


@handles("iam", "ListRoles")
def list_all(call):
    """API reference: listings leave out PermissionsBoundary, RoleLastUsed and Tags."""
    prefix = call.params.get("PathPrefix", "/")
    roles, more = page(
        [role for role in iam._roles.values() if role["Path"].startswith(prefix)],
        call.params,
        key=lambda role: role["RoleName"],
    )
    return {"Roles": [brief(role) for role in roles], **more}


@handles("iam", "DeleteRole")
def delete(call):
    """API reference: no instance profile may hold the role and no policy be left (DeleteConflict). What was removed a
    moment ago may still count: terraform-provider-aws repeats DeleteRole upon DeleteConflict (internal/service/iam,
    role.go, for its propagationTimeout of two minutes)."""
    role = changeable(call)

    def holds(what, now):
        return now or lags.REMOVALS.left(role["RoleId"], what)

    if holds("profile", any(role["RoleName"] in profile["Roles"] for profile in iam._instance_profiles.values())):
        raise AwsError("DeleteConflict", "Cannot delete entity, must remove roles from instance profile first.")
    if holds("managed policy", role["AttachedPolicies"]):
        raise AwsError("DeleteConflict", "Cannot delete entity, must detach all policies first.")
    if holds("inline policy", role["InlinePolicies"]):
        raise AwsError("DeleteConflict", "Cannot delete entity, must delete policies first.")
    del iam._roles[role["RoleName"]]
    iam_principals.forget(role["Arn"], role["RoleId"])
    return {}


@handles("iam", "UpdateAssumeRolePolicy")
def update_trust(call):
    role = changeable(call)
    role["AssumeRolePolicyDocument"] = _stored_trust(call.account, call.params["PolicyDocument"])
    return {}


@handles("iam", "UpdateRole")
def update(call):
    """API reference, MaxSessionDuration: "If you do not specify a value for this setting, the default value of one
    hour is applied." A description left out stays."""
    role = changeable(call)
    role["Description"] = call.params.get("Description", role["Description"])
    role["MaxSessionDuration"] = call.params.get("MaxSessionDuration", 3600)
    return {}


@handles("iam", "UpdateRoleDescription")
def update_description(call):
    role = changeable(call)
    role["Description"] = call.params["Description"]
    return {"Role": shown(role)}


def found(call):
    """The role that the call names, or NoSuchEntity."""
    name = call.params["RoleName"]
    if name not in iam._roles:
        raise missing(f"The role with name {name} cannot be found.")
    return iam._roles[name]


def changeable(call):
    """The same, unless AWS alone may change it.

    IAM user guide: service-linked roles (path /aws-service-role/) and the roles of IAM Identity Center (path
    /aws-reserved/) are protected; a change is answered with UnmodifiableEntity.
    """
    role = found(call)
    if role["Path"].startswith(("/aws-service-role/", "/aws-reserved/")):
        raise AwsError(
            "UnmodifiableEntity",
            f"Cannot perform the operation on the protected role '{role['RoleName']}'"
            " - this role is only modifiable by AWS",
        )
    return role


def brief(role):
    """A role as other answers than its own show it.

    For a moment after its creation the ARN can be its unique id: issue 22018 of terraform-provider-aws, which waits
    until it is an ARN (internal/service/iam/wait.go, waitRoleARNIsNotUniqueID).
    """
    shown = {
        member: role[member] for member in ("RoleName", "Path", "Arn", "RoleId", "CreateDate", "MaxSessionDuration")
    }
    if lags.NEW_ARNS.left(role["RoleId"]):
        shown["Arn"] = role["RoleId"]
    # API reference, GetRole: "Policies returned by this operation are URL-encoded compliant with RFC 3986."
    shown["AssumeRolePolicyDocument"] = quote(iam_principals.shown(role["AssumeRolePolicyDocument"]), safe="")
    return shown | ({"Description": role["Description"]} if role.get("Description") else {})


def check_boundary(arn):
    """API reference, PutRolePermissionsBoundary: the boundary is a managed policy, AWS's or one's own."""
    if arn is not None and not iam._policy_exists(arn):
        raise missing(f"Scope ARN: {arn} does not exist or is not attachable.")


def shown(role):
    """A role as its own answer shows it."""
    answer = brief(role)
    if role.get("PermissionsBoundary"):
        answer["PermissionsBoundary"] = {
            "PermissionsBoundaryType": "Policy",
            "PermissionsBoundaryArn": role["PermissionsBoundary"],
        }
    return answer | ({"Tags": role["Tags"]} if role["Tags"] else {})


def _stored_trust(account, written):
    document = trust_document(written, iam_quotas.of(account, iam_quotas.TRUST_POLICY))
    iam_principals.bind(document)
    return iam_principals.text(document, written)


def effective_trust(account, name):
    """The role's trust policy as AWS evaluates and shows it now; None if there is no such role."""
    role = identities.role(account, name)
    return role and json.loads(role["AssumeRolePolicyDocument"])


taggable("Role", found, changeable, fold=True)
