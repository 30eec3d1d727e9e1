"""Requests that are not as the services' models say, and what the services answer.

The models are botocore's; "error codes" is the EC2 API reference, "Error codes for the Amazon EC2 API".
"""

import pytest
from raw_calls import form, rest
from refusals import refused

from objects import make_cluster, make_role, trusting

EC2 = trusting({"Service": "ec2.amazonaws.com"})


@pytest.mark.parametrize(
    "service, action, fields, name",
    [
        ("iam", "GetRole", {"RoleName": "xeks-runner", "Rolename": "a"}, "Rolename"),
        ("iam", "ListRoles", {"Tags__member__1__Key": "a"}, "Tags"),
        ("iam", "TagRole", {"RoleName": "xeks-runner", "Tags__1__Key": "a"}, "Tags.1"),
        ("iam", "TagRole", {"RoleName": "xeks-runner", "Tags__member__1__Name": "a"}, "Tags.member.1.Name"),
        ("iam", "GetRole", {"RoleName__1": "xeks-runner"}, "RoleName.1"),
        ("sts", "GetCallerIdentity", {"RoleArn": "a"}, "RoleArn"),
    ],
)
def test_a_query_parameter_that_the_operation_does_not_have_is_refused(aws, service, action, fields, name):
    """API references, each operation's request parameters; common errors, ValidationError."""
    status, code, message = form(aws, service, action, **fields)
    assert (status, code) == (400, "ValidationError"), message
    assert f"'{name}' is no parameter of {action}" in message.replace("&apos;", "'")


@pytest.mark.parametrize(
    "action, fields, name",
    [
        ("DescribeVpcs", {"ImageType": "machine"}, "ImageType"),
        ("DescribeVpcs", {"Filter__1__Name": "vpc-id", "Filter__1__Values__1": "vpc-1"}, "Filter.1.Values"),
        ("CreateVpc", {"CidrBlock": "10.0.0.0/16", "cidrBlock": "10.0.0.0/16"}, "cidrBlock"),
    ],
)
def test_ec2_does_not_recognize_a_parameter_that_the_operation_does_not_have(aws, action, fields, name):
    """Error codes, UnknownParameter; the words are those that users report, as in appoxy/aws, issue 32."""
    answer = 400, "UnknownParameter", f"The parameter {name} is not recognized"
    assert form(aws, "ec2", action, **fields) == answer


@pytest.mark.parametrize(
    "method, path, body, name",
    [
        ("POST", "/clusters/c/access-entries", {"principalArn": "arn:x", "groups": ["a"]}, "groups"),
        ("GET", "/clusters?max=1", None, "max"),
        ("POST", "/clusters/c/update-config", {"accessConfig": {"mode": "API"}}, "accessConfig.mode"),
        ("POST", "/clusters/c/update-config", b"[]", "the body, which is no JSON object"),
    ],
)
def test_eks_refuses_a_member_that_the_operation_does_not_have(aws, method, path, body, name):
    """API reference, each operation's request syntax; InvalidParameterException is modelled for these."""
    status, code, message = rest(aws, method, path, body)
    assert (status, code) == (400, "InvalidParameterException"), message
    assert f"'{name}' is no parameter of" in message


def test_an_operation_that_the_service_does_not_have_is_refused(aws):
    """API references, common errors: InvalidAction; in EKS UnknownOperationException, 404."""
    for service in ("iam", "sts", "ec2"):
        assert form(aws, service, "MakeTea")[:2] == (400, "InvalidAction")
    assert rest(aws, "GET", "/teapots")[:2] == (404, "UnknownOperationException")


def test_the_parameters_of_a_signed_url_are_no_parameters_of_the_call(aws):
    """IAM user guide, "Elements of an AWS API request signature": X-Amz-Algorithm and others in the query string."""
    url = aws.client("workload", "sts").generate_presigned_url("get_caller_identity")
    assert "X-Amz-Signature" in url
    query = url.partition("?")[2]
    fields = dict(each.partition("=")[::2] for each in query.split("&") if each.startswith("X-Amz-"))
    assert form(aws, "sts", "GetCallerIdentity", **fields)[0] == 200


def test_a_missing_parameter_is_named(aws):
    """Models, `required`; the words of IAM as in its other constraints, of EC2 by its error codes: MissingParameter."""
    with refused(
        "ValidationError", "Value null at 'roleName' failed to satisfy constraint: Member must not be null", 400
    ):
        aws.client("workload", "iam").get_role()
    with refused("MissingParameter", "The request must contain the parameter vpcId", 400):
        aws.client("workload", "ec2").create_subnet(CidrBlock="10.0.0.0/24")
    words = "1 validation error detected: Value null at 'principalArn' failed to satisfy constraint"
    with refused("InvalidParameterException", words, 400):
        aws.client("cluster", "eks").create_access_entry(clusterName="c")


def test_several_errors_are_counted(aws):
    """Observed in IAM: "2 validation errors detected: …; …"."""
    with refused("ValidationError", "2 validation errors detected: Value", 400):
        aws.client("workload", "iam").create_role(RoleName="a b", AssumeRolePolicyDocument=EC2, MaxSessionDuration=1)


def test_a_number_that_is_none_is_refused(aws):
    """Models, integer: a form holds text."""
    assert form(aws, "iam", "ListRoles", MaxItems="many")[:2] == (400, "ValidationError")
    assert form(aws, "ec2", "DescribeVpcs", MaxResults="many")[:2] == (400, "InvalidParameterValue")
    assert form(aws, "ec2", "DescribeVpcs", DryRun="maybe")[:2] == (400, "InvalidParameterValue")
    assert rest(aws, "GET", "/clusters?maxResults=many")[:2] == (400, "InvalidParameterException")


def test_ec2_names_the_value_that_is_out_of_range(aws):
    """Error codes, InvalidParameterValue; words as reported in aws/aws-sdk-ruby, pull request 2575."""
    words = "Value ( 1 ) for parameter maxResults is invalid. Expecting a value greater than 5."
    with refused("InvalidParameterValue", words, 400):
        aws.client("workload", "ec2").describe_vpcs(MaxResults=1)


def test_ec2_refuses_a_value_that_is_none_of_the_enumeration(aws, vpc):
    """Error codes, InvalidParameterValue: "A value specified in a parameter is not valid"."""
    tags = [{"ResourceType": "vpc-peering", "Tags": []}]
    with refused("InvalidParameterValue", "Value ( vpc-peering ) for parameter TagSpecifications.1.resourceType", 400):
        aws.client("workload", "ec2").create_subnet(VpcId=vpc, CidrBlock="10.2.0.0/24", TagSpecifications=tags)


def test_eks_refuses_by_the_error_that_the_operation_models(aws):
    """Models, errors of ListClusters, ListAccessPolicies and TagResource; where there is none, Smithy's own."""
    make_cluster(aws)
    eks = aws.client("cluster", "eks")
    arn = eks.describe_cluster(name="c")["cluster"]["arn"]
    low = "Value '0' at 'maxResults' failed to satisfy constraint: Member must have value greater than or equal to 1"
    with refused("InvalidParameterException", low, 400):
        eks.list_clusters(maxResults=0)
    with refused("ValidationException", low, 400):
        eks.list_access_policies(maxResults=0)
    with refused("BadRequestException", "at 'tags' failed to satisfy constraint: Member must have length", 400):
        eks.tag_resource(resourceArn=arn, tags={})


def test_eks_checks_patterns_and_enumerations(aws):
    """API reference, CreateCluster: the name's pattern; authenticationMode; AccessScope."""
    make_cluster(aws)
    eks, app = aws.client("cluster", "eks"), make_role(aws, "cluster", "app")
    eks.create_access_entry(clusterName="c", principalArn=app)
    with refused("InvalidParameterException", "at 'name' failed to satisfy constraint: Member must satisfy regular"):
        make_cluster(aws, name="no spaces")
    with refused("InvalidParameterException", "Member must satisfy enum value set: [API, API_AND_CONFIG_MAP"):
        eks.update_cluster_config(name="c", accessConfig={"authenticationMode": "ALL"})
    view = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
    with refused("InvalidParameterException", "at 'accessScope.type' failed to satisfy constraint"):
        eks.associate_access_policy(clusterName="c", principalArn=app, policyArn=view, accessScope={"type": "all"})
