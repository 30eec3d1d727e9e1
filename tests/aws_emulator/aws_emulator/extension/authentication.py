"""Who signed a call. ministack checks the signature; what it gets wrong about the caller is put right here.

Owns: turning a signed request into a `Caller`. Must not know: what the caller may do (`permissions`).
"""

from ministack.core import iam_evaluator as stock
from ministack.core.responses import get_account_id
from ministack.core.router import extract_access_key_id
from ministack.services import sts as stock_sts

from . import identities
from .call import Caller

# The codes by which each protocol reports a failed signature check differ; ministack knows them.
_INVALID_KEY = "UnrecognizedClientException"


class Unauthenticated(Exception):
    """Carries ministack's own error, which it also knows how to put on the wire."""

    def __init__(self, failure: stock.AuthError):
        super().__init__(failure.code)
        self.failure = failure


def caller_of(service: str, action: str, headers: dict, query: dict) -> Caller:
    """The caller of a request that ministack has pinned; raises `Unauthenticated`."""
    account = get_account_id()
    key = extract_access_key_id(headers, query) or ""
    # Operations modelled without authentication, such as AssumeRoleWithWebIdentity, have no caller.
    if stock._served_unsigned(service, f"{service}:{action}"):
        return Caller(account=account)
    if stock._anonymous.get():
        raise Unauthenticated(stock.AuthError("MissingAuthenticationToken", "Request is missing Authentication Token"))
    checked = stock.authenticate(key, account)
    if isinstance(checked, stock.AuthError):
        raise Unauthenticated(checked)
    return caller_with_key(key, account, checked)


def caller_with_key(key: str, account: str, credential=None) -> Caller:
    """The principal behind an access key whose signature has been checked; raises `Unauthenticated`."""
    credential = credential or stock.resolve_credential(key, account)
    if isinstance(credential, stock.CredentialResolutionError):
        raise Unauthenticated(stock.AuthError(credential.code, credential.message))
    principal = stock.resolve_principal(key, account, credential)
    if isinstance(principal, stock.AuthError):
        raise Unauthenticated(principal)
    caller = Caller(
        account=principal.account,
        arn=principal.arn,
        principal_arn=principal.arn,
        user_id=credential.principal_id,
        kind=principal.type,
        policies=principal.policies,
        limits=principal.limits,
        keys=principal.keys,
        session=stock_sts._sessions.get(key),
    )
    return _of_role(caller) if caller.kind == "AssumedRole" else caller


def _of_role(caller: Caller) -> Caller:
    """aws:PrincipalArn of a role session is the role's ARN, path included, not the session's.

    IAM user guide, AWS global condition context keys, aws:PrincipalArn: "For IAM roles, the request context
    returns the ARN of the role, not the ARN of the user that assumed the role."
    """
    name = caller.arn.split(":assumed-role/")[1].split("/")[0]
    role = identities.role(caller.account, name)
    # A session belongs to the role's unique id: it dies with the role, also when one of the same name is made.
    if role is None or role["RoleId"] != caller.unique_id:
        raise Unauthenticated(stock.AuthError(_INVALID_KEY, "The security token included in the request is invalid."))
    caller.principal_arn = role["Arn"]
    return caller
