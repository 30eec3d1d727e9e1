"""Two writes to one object of IAM at the same time: the second is refused.

IAM's service model, ConcurrentModificationException (409): "The request was rejected because multiple requests to
change this object were submitted simultaneously." Which calls it answers:
- roles: the model names it for CreateRole, DeleteRole, TagRole and UntagRole. Users met it from AttachRolePolicy (issue
  34371 of terraform-provider-aws; AWS took it back then). Of the other writes of a role neither says anything. Here all
  of them are refused: which ones AWS spares changes, so a client must be ready for it at each.
- instance profiles and OpenID Connect providers: the calls that the model names, and no others. It does not name
  AddRoleToInstanceProfile, RemoveRoleFromInstanceProfile, nor the deletions.

Owns: which object a call writes, and that a second write to it is refused. A write takes effect at once and answers
at the end of its time (`lags.WRITES`). So a write that is refused for another reason occupies nothing, and one whose
caller is gone has no effect later on.
"""

import asyncio
import contextlib

from . import lags
from .call import AwsError, Call

#: The writes of a role.
ON_A_ROLE = (
    "CreateRole",
    "DeleteRole",
    "TagRole",
    "UntagRole",
    "AttachRolePolicy",
    "DetachRolePolicy",
    "PutRolePolicy",
    "DeleteRolePolicy",
    "UpdateAssumeRolePolicy",
    "UpdateRole",
    "UpdateRoleDescription",
    "PutRolePermissionsBoundary",
    "DeleteRolePermissionsBoundary",
)
_PROFILE = ("CreateInstanceProfile", "TagInstanceProfile", "UntagInstanceProfile")
_PROVIDER = (
    "AddClientIDToOpenIDConnectProvider",
    "RemoveClientIDFromOpenIDConnectProvider",
    "UpdateOpenIDConnectProviderThumbprint",
    "TagOpenIDConnectProvider",
    "UntagOpenIDConnectProvider",
)
#: action -> the parameter that names the object.
_NAMED_BY = (
    dict.fromkeys(ON_A_ROLE, "RoleName")
    | dict.fromkeys(_PROFILE, "InstanceProfileName")
    | dict.fromkeys(_PROVIDER, "OpenIDConnectProviderArn")
    | {"CreateOpenIDConnectProvider": "Url"}
)


@contextlib.contextmanager
def around(call: Call):
    """Refuse the call while another one writes its object; keep the object from others once it took effect."""
    written = _object(call)
    if written and lags.WRITES.left(*written):
        raise AwsError(
            "ConcurrentModification",
            "The request was rejected because multiple requests to change this object were submitted simultaneously. "
            "Wait a few minutes and submit your request again.",
        )
    yield
    if written:
        lags.WRITES.begin(*written)


async def until_answered(call: Call) -> None:
    """Wait out the time that the write takes."""
    if written := _object(call):
        await asyncio.sleep(lags.WRITES.left(*written))


def _object(call: Call) -> tuple | None:
    if call.service != "iam" or call.action not in _NAMED_BY:
        return None
    parameter = _NAMED_BY[call.action]
    kind = "OpenIDConnectProviderArn" if parameter == "Url" else parameter
    # A provider's ARN ends in its URL without the scheme; names are not distinguished by case.
    name = call.params[parameter].rpartition(":oidc-provider/")[2].removeprefix("https://")
    return call.account, kind, name.lower()
