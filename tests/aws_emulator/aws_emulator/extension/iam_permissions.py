"""What a caller of IAM must be allowed: on which object, with which values of condition keys.

Owns: the ARN of what a call of IAM names, and its keys' values. Must not know: which resource types and keys an action
takes (`service_authorization`), how needs are evaluated (`permissions`) or calls answered.
"""

from ministack.services import iam

from .call import AwsError
from .permissions import Need, needs, request_tags, resource_tags
from .service_authorization import Undocumented, action


@needs("iam")
def of_call(call):
    """On the object that the call names, of the type that the reference gives for the action; with what it depends on.

    IAM user guide, "Tags for IAM resources": an object that is made with tags takes the permission to tag it too.
    """
    name = f"iam:{call.action}"
    rows = action(name)
    if not rows.types:
        return [Need(name)]
    arn, keys = _named(call, rows)
    keys |= _requested(call)
    wanted = [Need(name, arn, keys)]
    if call.action.startswith("Create") and call.params.get("Tags"):
        wanted.append(Need(name.replace("Create", "Tag", 1), arn, keys))
    if "iam:PassRole" in rows.dependent:
        role, of_role = _role(call)
        # API reference, AddRoleToInstanceProfile, the only such action: EC2 is what the role is passed to.
        wanted.append(Need("iam:PassRole", role, of_role | {"iam:PassedToService": "ec2.amazonaws.com"}))
    return wanted


def _named(call, rows):
    """The ARN of what the call names, and the keys that describe it."""
    if len(rows.types) > 1:
        # A principal of any type, by its ARN: SimulatePrincipalPolicy and the like.
        return call.params.get("PolicySourceArn") or call.params["Arn"], {}
    (kind,) = rows.types
    if kind not in _OBJECTS:
        raise Undocumented(f"this emulator has no {kind}")
    return _OBJECTS[kind](call)


def _role(call):
    return _by_name(call, iam._roles, "role", "RoleName")


def _profile(call):
    return _by_name(call, iam._instance_profiles, "instance-profile", "InstanceProfileName")


def _user(call):
    """API reference, GetUser and others: without a name, the user who signs; a role that signs is no user."""
    if "UserName" not in call.params and call.caller.kind != "User":
        raise AwsError("ValidationError", "Must specify userName when calling with non-User credentials")
    if "UserName" not in call.params:
        return call.caller.principal_arn, {}
    return _by_name(call, iam._users, "user", "UserName")


def _group(call):
    return _by_name(call, iam._groups, "group", "GroupName")


def _policy(call):
    arn = call.params.get("PolicyArn")
    return (arn, _existing(iam._lookup_policy(arn))) if arn else (_new(call, "policy", "PolicyName"), {})


def _provider(call):
    url = call.params.get("Url", "").removeprefix("https://")
    arn = call.params.get("OpenIDConnectProviderArn") or f"arn:aws:iam::{call.account}:oidc-provider/{url}"
    return arn, _existing(iam._oidc_providers.get(arn))


_OBJECTS = {
    "role": _role,
    "instance-profile": _profile,
    "user": _user,
    "group": _group,
    "policy": _policy,
    "oidc-provider": _provider,
}


def _by_name(call, store, kind, member):
    """The ARN with the path that the object has, and its keys; a call that makes it names the path itself."""
    record = None if call.action.startswith("Create") else store.get(call.params.get(member))
    return (record["Arn"], _existing(record)) if record else (_new(call, kind, member), {})


def _new(call, kind, member):
    """The ARN that the object to be made will have."""
    return f"arn:aws:iam::{call.account}:{kind}{call.params.get('Path', '/')}{call.params[member]}"


def _existing(record):
    """aws:ResourceTag/… and its older name iam:ResourceTag/…, iam:PermissionsBoundary, of an object that exists."""
    keys = resource_tags(record.get("Tags")) if record else {}
    boundary = record.get("PermissionsBoundary") if record else None
    return keys | _also(keys) | ({"iam:PermissionsBoundary": boundary} if boundary else {})


def _also(keys):
    return {name.replace("aws:", "iam:", 1): value for name, value in keys.items()}


def _requested(call):
    named = {
        "aws:TagKeys": call.params.get("TagKeys"),
        "iam:PolicyARN": call.params.get("PolicyArn"),
        "iam:PermissionsBoundary": call.params.get("PermissionsBoundary"),
    }
    return request_tags(call.params.get("Tags")) | {name: value for name, value in named.items() if value}
