"""The grammar of IAM's policy documents: which ones IAM refuses, and with what message.

Owns the shape of a document and its size. Must not know which principals exist (that is iam_principals) nor store
anything. The grammar is the IAM user guide's "Grammar of the IAM JSON policy language"; the messages are IAM's own.
"""

import json
import re

from .call import AwsError

INLINE_LIMIT = 10240  # IAM quotas: all inline policies of one role together

_VERSIONS = ("2008-10-17", "2012-10-17")
_STATEMENT = {
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
}
_COMPARISONS = {
    kind + suffix
    for kind, suffixes in {
        "String": ("Equals", "NotEquals", "EqualsIgnoreCase", "NotEqualsIgnoreCase", "Like", "NotLike"),
        "Numeric": ("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"),
        "Date": ("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"),
        "Arn": ("Equals", "NotEquals", "Like", "NotLike"),
    }.items()
    for suffix in suffixes
} | {"Bool", "BinaryEquals", "IpAddress", "NotIpAddress", "Null"}
_OPERATOR = re.compile(r"(?:ForAnyValue:|ForAllValues:)?(\w+?)(?:IfExists)?")


def malformed(message):
    return AwsError("MalformedPolicyDocument", message)


def trust_document(text, limit):
    """The parsed trust policy, or the error IAM answers: a role's trust needs a principal and takes no resource.

    `limit`: IAM quotas, role trust policy length, in characters.
    """
    document = _parse(text, malformed("This policy contains invalid Json"))
    if document.get("Version", _VERSIONS[0]) not in _VERSIONS:
        raise malformed("The policy must contain a valid version string")
    statements = _statements(document, malformed("Could not parse the policy: Statement is empty!"))
    for statement in statements:
        _check_trust_statement(statement)
    _check_sids(statements, malformed("The Statement Ids in the policy are not unique"))
    if size(text) > limit:
        raise AwsError("LimitExceeded", f"Cannot exceed quota for ACLSizePerRole: {limit}")
    return document


def identity_document(text, version_required=False):
    """The parsed permissions policy, or the error IAM answers: it needs a resource and takes no principal.

    A managed policy has to name version 2012-10-17; an inline one may leave it out (the language's default).
    """
    syntax = malformed("Syntax errors in policy.")
    document = _parse(text, syntax)
    if document.get("Version", _VERSIONS[0]) not in _VERSIONS or set(document) - {"Version", "Id", "Statement"}:
        raise syntax
    statements = _statements(document, syntax)
    for statement in statements:
        if "Principal" in statement or "NotPrincipal" in statement:
            raise malformed("Policy document should not specify a principal.")
        _check_shape(statement, syntax)
        if statement.get("Effect") not in ("Allow", "Deny"):
            raise syntax
        if _both(statement, "Action") or _both(statement, "Resource"):
            raise syntax
    if version_required and document.get("Version") != _VERSIONS[1]:
        raise malformed("Policy document must be version 2012-10-17 or greater.")
    _check_sids(statements, malformed("Statement IDs (SID) in a single policy must be unique."))
    for statement in statements:
        if not _values(statement, "Action"):
            raise malformed("Policy statement must contain actions.")
        if not _values(statement, "Resource"):
            raise malformed("Policy statement must contain resources.")
        _check_identity_values(statement)
    return document


def size(text):
    """The length that IAM's quotas count: all characters but white space (IAM quotas page)."""
    return sum(not character.isspace() for character in text)


def listed(value):
    """A value of the policy language as a list: one string and a list of one mean the same."""
    return value if isinstance(value, list) else [value]


def _check_trust_statement(statement):
    syntax = malformed("Syntax error in policy.")
    if "Effect" not in statement:
        raise malformed("Missing required field Effect")
    if statement["Effect"] not in ("Allow", "Deny"):
        raise malformed(f"Invalid effect: {statement['Effect']}")
    if "NotPrincipal" in statement:
        raise malformed(
            "Allow with NotPrincipal is not allowed."
            if statement["Effect"] == "Allow"
            else "AssumeRole policy must not contain NotPrincipal field."
        )
    if "Principal" not in statement:
        raise malformed("Missing required field Principal")
    principal = statement["Principal"]
    if principal in ({}, [], ""):
        raise malformed("Missing required field Principal cannot be empty!")
    if isinstance(principal, str):
        raise malformed(f'AssumeRolepolicy contained an invalid principal: "STAR":"{principal}".')
    if not isinstance(principal, dict) or not all(_is_strings(names) for names in principal.values()):
        raise syntax
    _check_shape(statement, syntax)
    if _both(statement, "Action"):
        raise syntax
    if "Resource" in statement:
        raise malformed("Has prohibited field Resource")
    if "NotResource" in statement:
        raise malformed("AssumeRole policy must not contain resources.")
    actions = _values(statement, "Action")
    if not actions:
        raise malformed("Missing required field Action")
    if not all(action.lower().startswith("sts:") for action in actions):
        raise malformed("AssumeRole policy may only specify STS AssumeRole actions.")


def _check_identity_values(statement):
    for action in _values(statement, "Action"):
        if action == "*":
            continue
        vendor, colon, name = action.partition(":")
        if not colon:
            raise malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
        if ":" in name:
            raise malformed("Actions/Condition can contain only one colon.")
        if re.search(r"[^a-zA-Z0-9\-.]", vendor):
            raise malformed(f"Vendor {vendor} is not valid")
    for resource in _values(statement, "Resource"):
        if resource == "*":
            continue
        parts = resource.split(":")
        if len(parts) < 2:
            raise malformed(f'Resource {resource} must be in ARN format or "*".')
        if parts[0] != "arn" or len(parts) < 6:
            raise malformed("The policy failed legacy parsing")
        if parts[1] not in ("aws", "*"):
            raise malformed(f'Partition "{parts[1]}" is not valid for resource "{resource}".')


def _parse(text, error):
    try:
        document = json.loads(text)
    except ValueError:
        raise error from None
    if not isinstance(document, dict):
        raise error
    return document


def _statements(document, error):
    statements = listed(document.get("Statement", []))
    if not statements or not all(isinstance(statement, dict) for statement in statements):
        raise error
    return statements


def _check_shape(statement, error):
    """The parts both kinds of policies share: known elements, strings where strings belong, known operators."""
    if set(statement) - _STATEMENT or not isinstance(statement.get("Sid", ""), str):
        raise error
    for element in ("Action", "NotAction", "Resource", "NotResource"):
        if element in statement and not _is_strings(statement[element]):
            raise error
    condition = statement.get("Condition", {})
    if not isinstance(condition, dict):
        raise error
    for operator, keys in condition.items():
        match = _OPERATOR.fullmatch(operator)
        if not match or match.group(1) not in _COMPARISONS or not isinstance(keys, dict):
            raise error
        if not all(isinstance(value, (str, bool, int, float)) for values in keys.values() for value in listed(values)):
            raise error


def _check_sids(statements, error):
    sids = [statement["Sid"] for statement in statements if statement.get("Sid")]
    if len(sids) != len(set(sids)):
        raise error


def _is_strings(value):
    return all(isinstance(item, str) for item in listed(value))


def _both(statement, element):
    return element in statement and f"Not{element}" in statement


def _values(statement, element):
    return listed(statement.get(element, statement.get(f"Not{element}", [])))
