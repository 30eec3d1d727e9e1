"""What a role is allowed: inline policies, attached managed policies, the permissions boundary.

Owns: those calls of IAM, and which of AWS's managed policies exist. Must not know: how policies are evaluated.
"""

import json
from urllib.parse import quote

from ministack.core import iam_evaluator
from ministack.services import iam

from . import iam_quotas, lags
from .call import AwsError, handles
from .iam_calls import missing, page
from .iam_policy import INLINE_LIMIT, identity_document, size
from .iam_roles import changeable, check_boundary, found, shown

# AWS managed policies that ministack lacks, from the AWS Managed Policy Reference: name with path -> the services
# it covers. Their documents here are short: Get, List and Describe for a policy that only reads, else everything.
_MORE_MANAGED = {
    "AmazonEC2ContainerRegistryReadOnly": ("ecr",),
    "AmazonEC2ContainerRegistryPullOnly": ("ecr",),
    "AmazonEKSWorkerNodeMinimalPolicy": ("ec2",),
    "AmazonEKSVPCResourceController": ("ec2",),
    "service-role/AmazonEBSCSIDriverPolicy": ("ec2",),
    "service-role/AmazonEFSCSIDriverPolicy": ("elasticfilesystem",),
    "service-role/AmazonEC2RoleforSSM": ("ssm",),
    "job-function/ViewOnlyAccess": ("ec2", "s3", "iam"),
    "job-function/NetworkAdministrator": ("ec2",),
    "AmazonVPCFullAccess": ("ec2",),
    "AmazonVPCReadOnlyAccess": ("ec2",),
    "AmazonRDSReadOnlyAccess": ("rds",),
    "AmazonRDSFullAccess": ("rds",),
    "AmazonDynamoDBReadOnlyAccess": ("dynamodb",),
    "AmazonSQSReadOnlyAccess": ("sqs",),
    "AmazonSNSReadOnlyAccess": ("sns",),
    "AmazonSSMReadOnlyAccess": ("ssm",),
    "AmazonSSMFullAccess": ("ssm",),
    "AmazonRoute53ReadOnlyAccess": ("route53",),
    "CloudWatchReadOnlyAccess": ("cloudwatch", "logs"),
    "CloudWatchFullAccess": ("cloudwatch", "logs"),
    "CloudWatchLogsReadOnlyAccess": ("logs",),
    "SecretsManagerReadWrite": ("secretsmanager",),
    "AWSKeyManagementServicePowerUser": ("kms",),
}


@handles("iam", "PutRolePolicy")
def put(call):
    """API reference: adds or replaces. IAM quotas: 10,240 characters for all of a role's inline policies together."""
    role, name = changeable(call), call.params["PolicyName"]
    document = call.params["PolicyDocument"]
    identity_document(document)
    policies = role["InlinePolicies"] | {name: document}
    if sum(size(each) for each in policies.values()) > INLINE_LIMIT:
        raise AwsError(
            "LimitExceeded", f"Maximum policy size of {INLINE_LIMIT} bytes exceeded for role {role['RoleName']}"
        )
    role["InlinePolicies"] = policies
    return {}


@handles("iam", "GetRolePolicy")
def get(call):
    """API reference: "Policies returned by this operation are URL-encoded compliant with RFC 3986."""
    role, name = found(call), call.params["PolicyName"]
    _check_inline(role, name)
    return {
        "RoleName": role["RoleName"],
        "PolicyName": name,
        "PolicyDocument": quote(role["InlinePolicies"][name], safe=""),
    }


@handles("iam", "DeleteRolePolicy")
def delete(call):
    role, name = changeable(call), call.params["PolicyName"]
    _check_inline(role, name)
    role["InlinePolicies"] = {other: text for other, text in role["InlinePolicies"].items() if other != name}
    lags.REMOVALS.begin(role["RoleId"], "inline policy")
    return {}


@handles("iam", "ListRolePolicies")
def list_inline(call):
    names, more = page(list(found(call)["InlinePolicies"]), call.params, key=str)
    return {"PolicyNames": names, **more}


@handles("iam", "AttachRolePolicy")
def attach(call):
    """API reference: attaching what is attached is no error. IAM quotas: managed policies per role."""
    role, arn = changeable(call), call.params["PolicyArn"]
    if not iam._policy_exists(arn):
        raise missing(f"Policy {arn} does not exist or is not attachable.")
    most = iam_quotas.of(call.account, iam_quotas.MANAGED_POLICIES)
    if arn not in role["AttachedPolicies"] and len(role["AttachedPolicies"]) >= most:
        raise AwsError("LimitExceeded", f"Cannot exceed quota for PoliciesPerRole: {most}")
    iam.attach_managed_policy(role, arn)
    return {}


@handles("iam", "DetachRolePolicy")
def detach(call):
    role, arn = changeable(call), call.params["PolicyArn"]
    if arn not in role["AttachedPolicies"]:
        raise missing(f"Policy {arn} was not found.")
    iam.detach_managed_policy(role, arn)
    lags.REMOVALS.begin(role["RoleId"], "managed policy")
    return {}


@handles("iam", "ListAttachedRolePolicies")
def list_attached(call):
    prefix = call.params.get("PathPrefix", "/")
    arns, more = page(
        [arn for arn in found(call)["AttachedPolicies"] if iam._lookup_policy(arn)["Path"].startswith(prefix)],
        call.params,
        key=str,
    )
    return {"AttachedPolicies": [{"PolicyName": arn.rsplit("/", 1)[-1], "PolicyArn": arn} for arn in arns], **more}


@handles("iam", "GetAccountAuthorizationDetails")
def account_details(call):
    """API reference: Filter narrows the answer to the types of entities that it names. RoleDetail has tags, boundary
    and policies of a role, and neither its description nor its session duration. Documents are URL-encoded."""
    if call.params.get("Filter") != ["Role"]:
        raise NotImplementedError("GetAccountAuthorizationDetails of anything but roles")
    roles, more = page(list(iam._roles.values()), call.params, key=lambda role: role["RoleName"])
    return {
        "UserDetailList": [],
        "GroupDetailList": [],
        "Policies": [],
        "RoleDetailList": [_detail(r) for r in roles],
        **more,
    }


def _detail(role):
    details = {
        member: value for member, value in shown(role).items() if member not in ("Description", "MaxSessionDuration")
    }
    inline = [{"PolicyName": n, "PolicyDocument": quote(text, safe="")} for n, text in role["InlinePolicies"].items()]
    attached = [{"PolicyName": arn.rsplit("/", 1)[-1], "PolicyArn": arn} for arn in role["AttachedPolicies"]]
    return details | {"InstanceProfileList": [], "RolePolicyList": inline, "AttachedManagedPolicies": attached}


@handles("iam", "PutRolePermissionsBoundary")
def put_boundary(call):
    role = changeable(call)
    check_boundary(call.params["PermissionsBoundary"])
    role["PermissionsBoundary"] = call.params["PermissionsBoundary"]
    return {}


@handles("iam", "DeleteRolePermissionsBoundary")
def delete_boundary(call):
    role = changeable(call)
    if not role.get("PermissionsBoundary"):
        raise missing(f"Principal {role['RoleId']} does not have scope")
    role["PermissionsBoundary"] = None
    return {}


def _check_inline(role, name):
    if name not in role["InlinePolicies"]:
        raise missing(f"The role policy with name {name} cannot be found.")


def _validate_stock(document):
    """For ministack's own writers of policies (managed, of users and groups): the message of a refusal, or None."""
    try:
        identity_document(document if isinstance(document, str) else json.dumps(document))
    except AwsError as error:
        return error.message
    return None


def _seed_managed(seed_stock):
    def seed():
        seed_stock()
        for name, services in _MORE_MANAGED.items():
            reads = "ReadOnly" in name or "ViewOnly" in name or "PullOnly" in name
            verbs = ("Get*", "List*", "Describe*") if reads else ("*",)
            actions = [f"{service}:{verb}" for service in services for verb in verbs]
            statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
            document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            record = iam._make_aws_managed_record(name, document, f"Provides access to {', '.join(services)}.")
            iam._aws_managed_policies[record["Arn"]] = record

    return seed


iam_evaluator.validate_policy_document = _validate_stock
iam._seed_aws_managed_policies = _seed_managed(iam._seed_aws_managed_policies)
iam._seed_aws_managed_policies()
