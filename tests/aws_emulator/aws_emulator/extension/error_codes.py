"""Which error codes an AWS call may be answered with.

Owns: the codes that the services document for every call, and EC2's, which its model lacks. Must not know: when they
are answered. The codes of single operations are in botocore's models.
"""

from . import iam_writes
from .wire import model

# IAM and STS API references, "Common Error Types", by the names that the query protocol has on the wire: the page's
# AccessDeniedException is AccessDenied there, ExpiredTokenException ExpiredToken, ThrottlingException Throttling,
# UnrecognizedClientException InvalidClientTokenId, UnknownOperationException InvalidAction. IAM user guide,
# "Troubleshoot AWS API request signature errors": SignatureDoesNotMatch.
_QUERY = frozenset(
    (
        "AccessDenied",
        "ExpiredToken",
        "IncompleteSignature",
        "InternalFailure",
        "InvalidAction",
        "InvalidClientTokenId",
        "MissingAuthenticationToken",
        "OptInRequired",
        "RequestExpired",
        "ServiceUnavailable",
        "SignatureDoesNotMatch",
        "Throttling",
        "ValidationError",
    )
)
# EKS API reference, "Common Error Types"; ValidationError of that page is Smithy's ValidationException in JSON.
# InvalidSignatureException: as in _QUERY; MissingAuthenticationTokenException: botocore's list of codes of bad
# credentials has both spellings.
_EKS = frozenset(
    (
        "AccessDeniedException",
        "ExpiredTokenException",
        "IncompleteSignatureException",
        "InternalFailure",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "OptInRequired",
        "RequestExpired",
        "ServiceUnavailable",
        "ThrottlingException",
        "UnknownOperationException",
        "UnrecognizedClientException",
        "ValidationException",
    )
)
# EC2 API reference, "Error codes for the Amazon EC2 API": common client errors, client errors for specific actions,
# server errors. Those that this emulator answers with, for whatever call; InvalidSecurityGroupRuleId.NotFound,
# InvalidVpcCidrBlockAssociationID.NotFound and NatGatewayNotFound are those that provider-aws waits for
# (internal/service/ec2/errors.go).
_EC2 = frozenset(
    (
        "AuthFailure",
        "DependencyViolation",
        "DryRunOperation",
        "InternalError",
        "InvalidAction",
        "InvalidAssociationID.NotFound",
        "InvalidGroup.NotFound",
        "InvalidID",
        "InvalidNetworkAclEntry.NotFound",
        "InvalidNetworkAclID.NotFound",
        "InvalidParameterCombination",
        "InvalidParameterValue",
        "InvalidPermission.Duplicate",
        "InvalidPermission.NotFound",
        "InvalidRoute.NotFound",
        "InvalidRouteTableID.NotFound",
        "InvalidSecurityGroupRuleId.NotFound",
        "InvalidStateTransition",
        "InvalidSubnetID.NotFound",
        "InvalidVpc.Range",
        "InvalidVpcCidrBlockAssociationID.NotFound",
        "InvalidVpcID.NotFound",
        "InvalidVpcPeeringConnectionID.NotFound",
        "MissingParameter",
        "NatGatewayNotFound",
        "NetworkAclEntryAlreadyExists",
        "OperationNotPermitted",
        "RequestExpired",
        "RequestLimitExceeded",
        "Resource.AlreadyAssociated",
        "RouteAlreadyExists",
        "RulesPerSecurityGroupLimitExceeded",
        "SignatureDoesNotMatch",
        "TagLimitExceeded",
        "Unavailable",
        "UnauthorizedOperation",
        "UnknownParameter",
        "VpcPeeringConnectionAlreadyExists",
    )
)
#: Codes of single operations that users report and the models lack.
_REPORTED = {
    # "Scope ARN: … does not exist or is not attachable.": modelled for PutRolePermissionsBoundary only.
    ("iam", "CreateRole"): ("NoSuchEntity",),
    # "The principalArn parameter format is not valid": modelled for CreateAccessEntry and others, reported for
    # DescribeAccessEntry too (pull request 791 of aws-samples/appmod-blueprints); so for all that name an entry.
    ("eks", "DescribeAccessEntry"): ("InvalidParameterException",),
    ("eks", "DeleteAccessEntry"): ("InvalidParameterException",),
    ("eks", "DisassociateAccessPolicy"): ("InvalidParameterException",),
    ("eks", "ListAssociatedAccessPolicies"): ("InvalidParameterException",),
}
# Modelled for some writes of a role, met by users at others (`iam_writes`).
for _action in iam_writes.ON_A_ROLE:
    _REPORTED["iam", _action] = (*_REPORTED.get(("iam", _action), ()), "ConcurrentModification")
_COMMON = {"iam": _QUERY, "sts": _QUERY, "eks": _EKS, "ec2": _EC2}


def is_known(service: str, action: str, code: str) -> bool:
    """Whether the operation's model or the service's documentation has the code."""
    if code in _COMMON[service] or code in _REPORTED.get((service, action), ()):
        return True
    operations = model(service).operation_names
    shapes = model(service).operation_model(action).error_shapes if action in operations else []
    return code in {shape.error_code for shape in shapes}
