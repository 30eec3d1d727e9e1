"""What parliament, Duo Labs' linter of IAM policies, finds in an identity policy: a second opinion beside `findings`.

It has data of its own, and looks at what the reference does not say: types of values, Sids, forms of ARNs.
"""

import json
import re

from authorization import actions_like, carried
from parliament import analyze_policy_string
from parliament.finding import Finding


def linter_findings(document: dict) -> list[str]:
    """One line for each finding. None for a trust policy: parliament calls a statement without a Resource malformed."""
    statements = document["Statement"]
    if any("Principal" in statement for statement in (statements if isinstance(statements, list) else [statements])):
        return []
    found = analyze_policy_string(readable(document)).findings
    return [f"{each.issue} {each.detail or each.title}" for each in found if not is_accepted(each)]


def is_accepted(finding: Finding) -> bool:
    """False findings, each with its reason."""
    match finding.issue:
        # Of an action that is authorized on two resource types, parliament asks for both in one statement. They have
        # conditions of their own, and `findings` looks for the other one in the whole policy.
        case "RESOURCE_MISMATCH":
            return all(each["action"] in SEVERAL_RESOURCES for each in finding.detail)
        # Pods' policies, as tests hand them to the resource; and a VPC has no name that a policy could say.
        case "RESOURCE_STAR":
            return all(action.startswith("s3:") or action in OF_A_VPC for action in finding.detail)
        # parliament's copy of the reference is older, and it does not read the keys of resource types.
        case "UNKNOWN_CONDITION_FOR_ACTION":
            return all_carried(finding.detail or "")
        # The account of AWS's own policies is `aws`.
        case "INVALID_ARN":
            return re.match(r"arn:aws[\w-]*:iam::aws:policy/", finding.location["string"]) is not None
    return False


def all_carried(detail: str) -> bool:
    """Whether the reference says of the action that it carries the key, on one of its resource types at least."""
    key, name = re.fullmatch(r"Unknown condition (\S+) for action (\S+)", detail).groups()
    (action,) = actions_like(name)
    return carried(key, action.keys.union(*(kind.keys for kind in action.types)))


OF_A_VPC = {"ec2:CreateSubnet", "ec2:CreateVpc", "ec2:DeleteSubnet", "ec2:DeleteVpc"}
SEVERAL_RESOURCES = {
    "ec2:AcceptVpcPeeringConnection",
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:CreateVpcPeeringConnection",
}


def readable(document: dict) -> str:
    """The document with plain ids in place of the placeholders of the docs and of the golden files."""
    text = json.dumps(document, ensure_ascii=False)
    text = re.sub("(CLUSTER|WORKLOAD)_ACCOUNT", "111122223333", text)
    return re.sub("«([^»]*)»", lambda id: re.sub(r"\W", "", id[1]), text)
