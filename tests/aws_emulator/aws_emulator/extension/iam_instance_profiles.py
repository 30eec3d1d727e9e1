"""Instance profiles.

Owns: the instance profile calls of IAM. Must not know: what an instance does with a profile.
"""

from ministack.services import iam

from . import iam_roles, lags
from .call import AwsError, handles
from .iam_calls import missing, new_id, now, page, taggable, tagged


@handles("iam", "CreateInstanceProfile")
def create(call):
    name, path = call.params["InstanceProfileName"], call.params.get("Path", "/")
    tags = tagged([], call.params.get("Tags", []))
    # IAM identifiers: names are unique within the account, "not distinguished by case".
    if any(taken.lower() == name.lower() for taken in iam._instance_profiles):
        raise AwsError("EntityAlreadyExists", f"Instance Profile {name} already exists.")
    profile = {
        "InstanceProfileName": name,
        "InstanceProfileId": new_id("AIPA"),
        "Path": path,
        "CreateDate": now(),
        "Arn": f"arn:aws:iam::{call.account}:instance-profile{path}{name}",
        "Roles": [],
        "Tags": tags,
    }
    iam._instance_profiles[name] = profile
    answer = {"InstanceProfile": _shown(profile)}
    lags.NEW_ARNS.begin(profile["InstanceProfileId"])
    return answer


@handles("iam", "GetInstanceProfile")
def get(call):
    return {"InstanceProfile": _shown(_found(call))}


@handles("iam", "DeleteInstanceProfile")
def delete(call):
    """API reference: "the instance profile must not have an associated role" (DeleteConflict). One that was removed a
    moment ago may still count, as in DeleteRole."""
    profile = _found(call)
    if profile["Roles"] or lags.REMOVALS.left(profile["InstanceProfileId"], "role"):
        raise AwsError("DeleteConflict", "Cannot delete entity, must remove roles from instance profile first.")
    del iam._instance_profiles[profile["InstanceProfileName"]]
    return {}


@handles("iam", "AddRoleToInstanceProfile")
def add_role(call):
    """API reference: "An instance profile can contain only one role, and this quota cannot be increased."""
    role = iam_roles.found(call)
    profile = _found(call)
    if profile["Roles"]:
        raise AwsError("LimitExceeded", "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1")
    profile["Roles"] = [role["RoleName"]]
    return {}


@handles("iam", "RemoveRoleFromInstanceProfile")
def remove_role(call):
    profile = _found(call)
    name = call.params["RoleName"]
    if name not in profile["Roles"]:
        raise missing(f"The role with name {name} cannot be found.")
    profile["Roles"] = []
    lags.REMOVALS.begin(profile["InstanceProfileId"], "role")
    if name in iam._roles:
        lags.REMOVALS.begin(iam._roles[name]["RoleId"], "profile")
    return {}


@handles("iam", "ListInstanceProfiles")
def list_all(call):
    prefix = call.params.get("PathPrefix", "/")
    return _listed([profile for profile in iam._instance_profiles.values() if profile["Path"].startswith(prefix)], call)


@handles("iam", "ListInstanceProfilesForRole")
def list_for_role(call):
    role = iam_roles.found(call)
    return _listed(
        [profile for profile in iam._instance_profiles.values() if role["RoleName"] in profile["Roles"]], call
    )


def _listed(profiles, call):
    """API reference: listings leave out the tags, ListInstanceProfileTags has them."""
    profiles, more = page(profiles, call.params, key=lambda profile: profile["InstanceProfileName"])
    return {"InstanceProfiles": [_shown(profile) | {"Tags": None} for profile in profiles], **more}


def _shown(profile):
    """For a moment after its creation the ARN can be no ARN, as a role's can be its unique id: terraform-provider-aws
    waits for that to pass (internal/service/iam/instance_profile.go, waitInstanceProfileReady)."""
    roles = [iam._roles.get(name) for name in profile["Roles"]]
    arn = profile["InstanceProfileId"] if lags.NEW_ARNS.left(profile["InstanceProfileId"]) else profile["Arn"]
    return profile | {"Arn": arn, "Roles": [iam_roles.brief(role) for role in roles if role]}


def _found(call):
    name = call.params["InstanceProfileName"]
    if name not in iam._instance_profiles:
        raise missing(f"Instance Profile {name} cannot be found.")
    return iam._instance_profiles[name]


taggable("InstanceProfile", _found)
