"""STS as AWS does it: who may assume which role, and what the session is good for.

Owns: GetCallerIdentity, AssumeRole, AssumeRoleWithWebIdentity, and the credentials that EC2 gives to an instance. Must
not know: how a trust policy is read (`trust`), who signed the call (`authentication`).
"""

import dataclasses
import datetime
import hashlib
import re
import secrets
import time

from ministack.services import sts as stock

from . import arns, identities, issuers, permissions, service_authorization, trust
from .call import AwsError, Call, Caller, handles
from .permissions import Need, needs

_ROLE_ARN = re.compile(r"arn:(aws|aws-cn|aws-us-gov):iam::(\d{12}):role(?:/.*)?/([\w+=,.@-]+)")
_CHAINED_LIMIT = 3600
#: Every secret that this process has handed out. Outlasts resets.
_issued: list[str] = []


def issued() -> list[str]:
    """Secret keys and session tokens of all sessions so far: what a test looks for where it must not be."""
    return list(_issued)


@needs("sts", "AssumeRole", "AssumeRoleWithWebIdentity")
def _by_trust(call: Call) -> list[Need]:
    """Decided together with the role's trust policy, below."""
    return []


@handles("sts", "GetCallerIdentity")
async def get_caller_identity(call: Call) -> dict:
    """AWS General Reference, "Amazon Resource Names (ARNs)": an ARN has the partition of its account's region."""
    answer = await call.stock()
    return answer | {"Arn": ":".join(["arn", arns.partition(call.region), *answer["Arn"].split(":")[2:]])}


@handles("sts", "AssumeRole")
def assume_role(call: Call) -> dict:
    """STS API reference, AssumeRole."""
    params, caller, arn = call.params, call.caller, call.params["RoleArn"]
    if caller.kind == "Root":
        raise AwsError("AccessDenied", "Roles may not be assumed by root accounts.", 403)
    tags = {tag["Key"]: tag.get("Value", "") for tag in params.get("Tags") or []}
    inherited = (caller.session or {}).get("_transitive_tags", {})
    if {name.lower() for name in inherited} & {name.lower() for name in tags}:
        raise AwsError(
            "InvalidParameterValue", "One of the specified transitive tag keys can't be set: it is inherited."
        )
    role = _role(arn)
    if role is None:
        raise _denied(caller, "sts:AssumeRole", arn)
    asker = trust.Asker("AWS", caller.arn, caller, call.region, _context(call, role, tags))
    _require(call, role, "sts:AssumeRole", asker)
    # IAM user guide, "Chaining roles with session tags", "Monitor and control actions taken with assumed roles": both
    # persist in a chain; each role of it needs the permission, whether the call or the session before set them.
    source_identity = params.get("SourceIdentity") or (caller.session or {}).get("_source_identity")
    if tags or inherited:
        _require(call, role, "sts:TagSession", asker)
    if source_identity:
        _require(call, role, "sts:SetSourceIdentity", asker)
    transitive = inherited | {name: tags[name] for name in params.get("TransitiveTagKeys") or [] if name in tags}
    return _begin_session(
        role,
        params["RoleSessionName"],
        _duration(params, role, chained=caller.kind == "AssumedRole"),
        {
            "SourceAccessKeyId": None,
            "SourcePrincipalArn": caller.arn,
            "SessionTags": [{"Key": name, "Value": value} for name, value in (inherited | tags).items()],
            "SessionPolicies": _session_policies(params),
            "_transitive_tags": transitive,
            "_source_identity": source_identity,
        },
    )


@handles("sts", "AssumeRoleWithWebIdentity")
def assume_role_with_web_identity(call: Call) -> dict:
    """STS API reference, AssumeRoleWithWebIdentity: the token is checked against the identity provider of the role's
    own account, then the role's trust policy against the token's claims."""
    arn, token = call.params["RoleArn"], call.params["WebIdentityToken"]
    match = _ROLE_ARN.fullmatch(arn)
    if not match:
        raise AwsError("ValidationError", "Request ARN is invalid", 400)
    claims = _checked_claims(token, match[1], match[2])
    host = claims["iss"].removeprefix("https://")
    provider = f"arn:{match[1]}:iam::{match[2]}:oidc-provider/{host}"
    audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    # IAM user guide, "Available keys for AWS OIDC federation": the reference lists those of well-known providers only.
    keys = {
        f"{host}:aud": audiences,
        f"{host}:sub": claims.get("sub"),
        "aws:FederatedProvider": provider,
        "sts:RoleSessionName": call.params["RoleSessionName"],
    }
    role = _role(arn)
    asker = trust.Asker("Federated", provider, Caller(), call.region, keys)
    if role is None or not trust.admits(_trust_of(role), "sts:AssumeRoleWithWebIdentity", role["Arn"], asker):
        raise AwsError("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", 403)
    extra = {"SessionPolicies": _session_policies(call.params)}
    session = _begin_session(role, call.params["RoleSessionName"], _duration(call.params, role, chained=False), extra)
    return session | {
        "SubjectFromWebIdentityToken": claims.get("sub", ""),
        "Audience": audiences[0],
        "Provider": provider,
    }


def instance_session(account: str, role_name: str, instance: str) -> dict:
    """The credentials that the metadata service hands to an instance that runs with this role.

    IAM user guide, "Use an IAM role to grant permissions to applications running on Amazon EC2 instances": the role
    trusts ec2.amazonaws.com, and an instance profile holds it; the session is named after the instance.
    """
    from ministack.services import iam as stock_iam

    role = identities.role(account, role_name)
    if role is None:
        raise ValueError(f"no role {role_name} in {account}")
    asker = trust.Asker("Service", "ec2.amazonaws.com", Caller(), "", {})
    if not trust.admits(_trust_of(role), "sts:AssumeRole", role["Arn"], asker):
        raise ValueError(f"{role_name} does not trust ec2.amazonaws.com")
    profiles = [profile for key, profile in stock_iam._instance_profiles.to_dict().items() if key[0] == account]
    if not any(role_name in profile["Roles"] for profile in profiles):
        raise ValueError(f"no instance profile holds {role_name}")
    credentials = _begin_session(role, instance, 6 * 3600, {})["Credentials"]
    return credentials | {"Expiration": credentials["Expiration"].isoformat()}


def person_session(account: str, role_name: str, person: str) -> dict:
    """The credentials that the access portal gives to a person with this permission set.

    IAM Identity Center user guide, "Referencing permission sets in resource policies": a session of the role of the
    permission set, which trusts Identity Center's SAML provider alone; it is named after the user.
    """
    role = identities.role(account, role_name)
    if role is None or not role["Path"].startswith("/aws-reserved/sso.amazonaws.com/"):
        raise ValueError(f"no permission set has the role {role_name} in {account}")
    credentials = _begin_session(role, person, 6 * 3600, {})["Credentials"]
    return credentials | {"Expiration": credentials["Expiration"].isoformat()}


def _role(arn: str) -> dict | None:
    match = _ROLE_ARN.fullmatch(arn)
    role = identities.role(match[2], match[3]) if match else None
    return role if role and role["Arn"] == arn else None


def _trust_of(role: dict) -> dict:
    from . import iam

    return iam.effective_trust(role["Arn"].split(":")[4], role["RoleName"]) or {}


def _context(call: Call, role: dict, tags: dict) -> dict:
    params, of_role = call.params, permissions.resource_tags(role["Tags"])
    found = {
        "sts:ExternalId": params.get("ExternalId"),
        "sts:RoleSessionName": params["RoleSessionName"],
        "sts:SourceIdentity": params.get("SourceIdentity"),
        "aws:SourceIdentity": (call.caller.session or {}).get("_source_identity"),
        "sts:TransitiveTagKeys": params.get("TransitiveTagKeys"),
    }
    also = {name.replace("aws:", "iam:", 1): value for name, value in of_role.items()}
    return found | of_role | also | permissions.request_tags(tags)


def _require(call: Call, role: dict, action: str, asker: trust.Asker) -> None:
    """Both sides must allow; in one account a trust policy that names the caller itself is enough.

    IAM user guide, "Pass session tags in AWS STS": sts:TagSession is another action than sts:AssumeRole; it does not
    carry sts:ExternalId, so the guide's example has a statement for each.
    """
    call.permissions.append(action)
    asker = dataclasses.replace(asker, keys=service_authorization.carried(action, role["Arn"], asker.keys))
    admitted = trust.admits(_trust_of(role), action, role["Arn"], asker)
    decision = permissions.decide(call.caller, Need(action, role["Arn"], asker.keys), call.region)
    same_account = role["Arn"].split(":")[4] == call.caller.account
    by_trust_alone = same_account and admitted == trust.NAMED and decision == "ImplicitDeny"
    if not admitted or not (decision == "Allow" or by_trust_alone):
        raise _denied(call.caller, action, role["Arn"])


def _denied(caller: Caller, action: str, arn: str) -> AwsError:
    return AwsError(
        "AccessDenied", f"User: {caller.arn} is not authorized to perform: {action} on resource: {arn}", 403
    )


def _duration(params: dict, role: dict, chained: bool) -> int:
    """IAM user guide, "Update the maximum session duration for a role" and, on chaining, "Roles terms and concepts"."""
    asked = params.get("DurationSeconds", 3600)
    if chained and asked > _CHAINED_LIMIT:
        message = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
        raise AwsError("ValidationError", message, 400)
    if asked > role.get("MaxSessionDuration", 3600):
        message = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        raise AwsError("ValidationError", message, 400)
    return asked


def _session_policies(params: dict) -> dict | None:
    arns = [policy["arn"] for policy in params.get("PolicyArns") or []]
    policy = params.get("Policy")
    return {"Policy": policy or "", "PolicyArns": arns} if policy or arns else None


def _checked_claims(token: str, partition: str, account: str) -> dict:
    """The codes and words are those that STS answers with, as its API reference and its users' reports give them."""
    try:
        claims = issuers.claims_of(token)
        issuer, audiences = claims["iss"], claims["aud"]
    except (ValueError, KeyError):
        raise AwsError("InvalidIdentityToken", "The ID Token provided is not a valid JWT.") from None
    host = issuer.removeprefix("https://")
    provider = identities.oidc_provider(f"arn:{partition}:iam::{account}:oidc-provider/{host}")
    if provider is None or not issuer.startswith("https://"):
        raise AwsError("InvalidIdentityToken", f"No OpenIDConnect provider found in your account for {issuer}")
    if not issuers.is_issuer(issuer):
        # With two spaces, as in issues 827 of aws-sdk-rust and 1725 of aws-sdk-php.
        raise AwsError(
            "InvalidIdentityToken",
            "Couldn't retrieve verification key from your identity provider,  "
            "please reference AssumeRoleWithWebIdentity documentation for requirements",
        )
    if not issuers.verified(token):
        raise AwsError("InvalidIdentityToken", "The ID Token's signature is invalid")
    now = int(time.time())
    if claims.get("exp", 0) <= now:
        message = f"Token expired: current date/time {now} must be before the expiration date/time {claims.get('exp')}"
        raise AwsError("ExpiredTokenException", message)
    if not set(audiences if isinstance(audiences, list) else [audiences]) & set(provider["ClientIDList"]):
        raise AwsError("InvalidIdentityToken", "Incorrect token audience")
    return claims


def _begin_session(role: dict, name: str, seconds: int, extra: dict) -> dict:
    account = role["Arn"].split(":")[4]
    expires = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
    arn = f"arn:{role['Arn'].split(':')[1]}:sts::{account}:assumed-role/{role['RoleName']}/{name}"
    credentials = {
        "AccessKeyId": "ASIA" + secrets.token_hex(8).upper(),
        "SecretAccessKey": secrets.token_urlsafe(30),
        "SessionToken": hashlib.sha256(secrets.token_bytes(32)).hexdigest() * 4,
        "Expiration": expires,
    }
    session = {
        "Arn": arn,
        "UserId": f"{role['RoleId']}:{name}",
        "SecretAccessKey": credentials["SecretAccessKey"],
        "SessionToken": credentials["SessionToken"],
        "Expiration": expires.timestamp(),
        "AccountId": account,
        "PrincipalType": "AssumedRole",
    }
    stock.register_session(credentials["AccessKeyId"], session | extra)
    _issued.extend((credentials["SecretAccessKey"], credentials["SessionToken"]))
    answer = {
        "Credentials": credentials,
        "AssumedRoleUser": {"AssumedRoleId": session["UserId"], "Arn": arn},
        "PackedPolicySize": 0,
    }
    return answer | ({"SourceIdentity": extra["_source_identity"]} if extra.get("_source_identity") else {})
