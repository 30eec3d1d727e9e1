"""Who a trust policy names: which principals IAM accepts, and what becomes of them when they are deleted.

Owns the tie between a trust document and the principals in it. Must not know the rest of a document's grammar.

IAM user guide, "AWS JSON policy elements: Principal": saving a policy turns a user's or role's ARN into its unique
principal ID. While the principal exists, IAM shows the ARN; once it is deleted, the ID shows (AROA..., AIDA...),
and a new role under the same ARN is not the one that was trusted. Here documents keep the ARN, and deleting a
principal writes its ID into every document that names it: what IAM shows and what it allows come out the same.
"""

import json
import re

from botocore.session import Session
from ministack.services import iam

from . import consistency, identities, lags
from .iam_policy import listed, malformed

_ACCOUNT = re.compile(r"\d{12}")
_UNIQUE_ID = re.compile(r"A(?:ROA|IDA)[A-Z0-9]{16,}")
_ARN = re.compile(r"arn:aws:(iam|sts)::(\d{12}):(.+)")
_WEB_IDENTITY_HOSTS = {"cognito-identity.amazonaws.com", "www.amazon.com", "graph.facebook.com", "accounts.google.com"}
# Service principals whose first label is not the name of an API of the SDK.
_SERVICE_LABELS = {
    "ecs-tasks",
    "pods",
    "eks-fargate-pods",
    "eks-fargate",
    "eks-nodegroup",
    "vpc-flow-logs",
    "edgelambda",
    "spotfleet",
    "monitoring",
    "elasticloadbalancing",
    "vmie",
    "delivery.logs",
    "states",
    "apigateway",
    "email",
    "es",
}
_services = {label.replace("_", "-") for label in Session().get_available_services()} | _SERVICE_LABELS


def bind(document):
    """Check the principals of a document about to be stored, and write account ids and unique ids as ARNs."""
    for statement in listed(document["Statement"]):
        principal = statement["Principal"]
        for kind, names in principal.items():
            resolved = [_resolve(kind, name) for name in listed(names)]
            principal[kind] = resolved if isinstance(names, list) else resolved[0]


def text(document, original):
    """The document's text: the user's own when nothing in it changed, as IAM keeps it."""
    return original if json.loads(original) == document else json.dumps(document, separators=(",", ":"))


def forget(arn, unique_id):
    """After a principal's deletion: write its unique ID into every trust policy that names its ARN."""
    for role in list(iam._roles.to_dict().values()):
        if arn in role["AssumeRolePolicyDocument"]:
            written = role["AssumeRolePolicyDocument"]
            role["AssumeRolePolicyDocument"] = _renamed(written, lambda name: unique_id if name == arn else name)


def shown(written):
    """A stored document as IAM shows it now. A role that was created a moment ago can still show as its unique ID.

    AWS writes the ID where it can't resolve a principal for a moment, the ARN again once it can: pull request 1527 of
    go-to-k/cdkd saw both forms of one new role in a bucket's policy. Trust policies are stored in the same way.
    """
    return _renamed(written, _new_as_id) if lags.NEW_ARNS.seconds > 0 else written


def _new_as_id(name):
    known = identities.unique_id(name)
    return known if known and lags.NEW_ARNS.left(known) else name


def _renamed(written, rename):
    """The document's text with its AWS principals renamed."""
    document = json.loads(written)
    for statement in listed(document["Statement"]):
        names = statement["Principal"].get("AWS")
        if names is not None:
            changed = [rename(name) for name in listed(names)]
            statement["Principal"]["AWS"] = changed if isinstance(names, list) else changed[0]
    return text(document, written)


def _resolve(kind, name):
    invalid = malformed(f'Invalid principal in policy: "{kind.upper() if kind != "AWS" else kind}":"{name}"')
    if kind == "AWS":
        resolved = name if name == "*" else _resolve_aws(name)
        if resolved is None:
            raise invalid
        return resolved
    if kind == "Federated":
        if name in _WEB_IDENTITY_HOSTS or re.fullmatch(r"arn:aws:iam::\d{12}:(oidc|saml)-provider/\S+", name):
            # Whether the provider exists is not checked: deleting one leaves the policies that name it as they
            # are (API reference, DeleteOpenIDConnectProvider), and roles may be made before it.
            return name
        raise invalid
    if kind == "Service":
        label = re.fullmatch(r"([a-z0-9.-]+?)(\.[a-z]{2}(-[a-z]+)+-\d)?\.amazonaws\.com(\.cn)?", name)
        if label and (label.group(1) in _services or label.group(1).split(".")[0] in _services):
            return name
        raise invalid
    raise invalid


def _resolve_aws(name):
    if _ACCOUNT.fullmatch(name):
        return f"arn:aws:iam::{name}:root" if _account_exists(name) else None
    if _UNIQUE_ID.fullmatch(name):
        return _arn_of(name)
    arn = _ARN.fullmatch(name)
    if not arn:
        return None
    service, account, resource = arn.groups()
    kind, _, rest = resource.partition("/")
    if not _account_exists(account):
        return None
    if service == "iam":
        return name if resource == "root" or identities.find(name) else None
    if kind == "assumed-role":
        return name if "/" in rest and identities.role(account, rest.split("/", 1)[0]) else None
    return name if kind == "federated-user" else None


def _account_exists(account):
    """IAM refuses an account that does not exist. One exists here once it has a role or a user."""
    return any(key[0] == account for store in ("_roles", "_users") for key in consistency.visible(store))


def _arn_of(unique_id):
    for store, member in (("_roles", "RoleId"), ("_users", "UserId")):
        for record in consistency.visible(store).values():
            if record[member] == unique_id:
                return record["Arn"]
    return None
