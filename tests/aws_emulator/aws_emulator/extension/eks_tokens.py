"""The cluster's side of `aws eks get-token`: from a token to a Kubernetes user, or 401.

Owns: checking a `k8s-aws-v1.` token as aws-iam-authenticator does (its pkg/token/token.go), asking STS who signed
it, finding the access entry, filling in the user name. Must not know: what the user may then do.

The entry is found by the role, not by the session, and only if it is still bound to the same unique id.
"""

import base64
import binascii
import datetime
import os
import re
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from ministack.core import sigv4
from ministack.core.iam_evaluator import CredentialResolutionError, find_iam_access_key_account, resolve_credential
from ministack.core.responses import _account_from_sts_session

from . import eks_access, eks_clusters, lags
from .authentication import Unauthenticated, caller_with_key
from .call import Caller

PREFIX = "k8s-aws-v1."
_LARGEST = 4096
_MINUTES = 15
_ALLOWED = {
    "action",
    "version",
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-signedheaders",
}
_STS_HOST = re.compile(r"sts(\.[a-z0-9-]+)?\.amazonaws\.com(\.cn)?|sts-fips\.[a-z0-9-]+\.amazonaws\.com")


class Refused(Exception):
    """401: the message is for the tests; a real cluster says only Unauthorized."""


@dataclass
class User:
    username: str
    groups: list[str]
    arn: str
    policies: list[dict]


def review(token: str, cluster_name: str, account: str, region: str) -> User:
    """Who the API server takes the token's bearer for; raises `Refused`."""
    cluster = eks_clusters.find(cluster_name, account, region)
    caller = _caller(token, cluster_name)
    if eks_clusters.authentication_mode(cluster) == "CONFIG_MAP":
        # aws-auth lives in the cluster, which is not here; its creator is an administrator without being listed.
        if caller.principal_arn == cluster["_creator"]:
            return User("kubernetes-admin", ["system:masters", "system:authenticated"], caller.arn, [])
        raise Refused(f"{caller.principal_arn} is not mapped: the cluster is on CONFIG_MAP")
    entry = next((e for e in eks_access.entries_of(cluster) if e["principalArn"] == caller.principal_arn), None)
    if entry is None:
        raise Refused(f"{caller.principal_arn} is not mapped: no access entry")
    if not eks_access.is_alive(entry) or entry["_principalId"] != caller.unique_id:
        raise Refused(f"{caller.principal_arn} is not mapped: the access entry is for {entry['_principalId']}")
    if lags.NEW_ENTRIES.left(account, region, cluster_name, caller.principal_arn):
        raise Refused(f"{caller.principal_arn} is not mapped: the access entry is not effective yet")
    groups = [*entry["kubernetesGroups"], "system:authenticated"]
    return User(_username(entry["username"], caller), groups, caller.arn, eks_access.policies_of(cluster, entry))


def _caller(token: str, cluster_name: str) -> Caller:
    url = _url(token)
    query = parse_qs(url.query, keep_blank_values=True)
    lower = {name.lower(): values for name, values in query.items()}
    if len(lower) != len(query) or any(len(values) != 1 for values in query.values()):
        raise Refused("a query parameter is given twice")
    if not set(lower) <= _ALLOWED:
        raise Refused(f"query parameters that are not allowed: {sorted(set(lower) - _ALLOWED)}")
    if lower.get("action") != ["GetCallerIdentity"]:
        raise Refused("the signed request is not GetCallerIdentity")
    signature = sigv4.parse_query_signature(query)
    if isinstance(signature, tuple):
        raise Refused(signature[1])
    if not {"host", "x-k8s-aws-id"} <= set(signature.signed_headers.split(";")):
        raise Refused("the headers host and x-k8s-aws-id are not both signed")
    _check_time(signature.amz_date, lower.get("x-amz-expires", [""])[0])
    key = signature.access_key_id
    account = _account_from_sts_session(key) or find_iam_access_key_account(key) or key
    credential = resolve_credential(key, account, lower.get("x-amz-security-token", [""])[0])
    if isinstance(credential, CredentialResolutionError):
        raise Refused(f"STS refused the request: {credential.code}")
    headers = {"host": url.netloc, "x-k8s-aws-id": cluster_name}
    failure = sigv4.header_signature_failure(
        signature, credential.secret_access_key, "GET", url.path or "/", query, headers, b"", presigned=True
    )
    if failure:
        raise Refused(f"STS refused the request: {failure[0]}")
    try:
        return caller_with_key(key, account, credential)
    except Unauthenticated as refused:
        raise Refused(f"STS refused the request: {refused}") from None


def _url(token: str):
    if len(token) > _LARGEST:
        raise Refused(f"the token has {len(token)} bytes, more than {_LARGEST}")
    if not token.startswith(PREFIX):
        raise Refused(f"the token does not begin with {PREFIX}")
    encoded = token.removeprefix(PREFIX)
    try:
        if "=" in encoded:
            raise ValueError
        url = urlsplit(base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True).decode())
    except (ValueError, binascii.Error):
        raise Refused("the token is no unpadded base64url") from None
    ours = url.netloc == f"127.0.0.1:{os.environ.get('GATEWAY_PORT')}"
    if not ours and (url.scheme != "https" or not _STS_HOST.fullmatch(url.hostname or "")):
        raise Refused(f"{url.scheme}://{url.netloc} is no STS endpoint")
    if url.path not in ("", "/"):
        raise Refused(f"unexpected path {url.path}")
    return url


def _check_time(date: str, expires: str) -> None:
    """X-Amz-Expires must be between 0 and 900; whatever it says, the token is good for 15 minutes from X-Amz-Date."""
    if not expires.isdigit() or int(expires) > _MINUTES * 60:
        raise Refused(f"X-Amz-Expires is {expires!r}")
    try:
        signed = datetime.datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
    except ValueError:
        raise Refused(f"X-Amz-Date is {date!r}") from None
    age = datetime.datetime.now(datetime.UTC) - signed
    if abs(age) > datetime.timedelta(minutes=_MINUTES):
        raise Refused(f"the token was signed at {date}: older than {_MINUTES} minutes")


def _username(template: str, caller: Caller) -> str:
    """aws-iam-authenticator, README: SessionName has `@` replaced by `-`, SessionNameRaw has not."""
    session = caller.arn.rsplit("/", 1)[1] if caller.kind == "AssumedRole" else ""
    values = {"SessionName": session.replace("@", "-"), "SessionNameRaw": session, "AccountID": caller.account}
    for name, value in values.items():
        template = template.replace("{{" + name + "}}", value)
    return template
