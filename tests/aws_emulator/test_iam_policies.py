"""Policy documents, and a role's policies. "API reference" is the IAM API reference; "grammar" is the IAM user guide,
Grammar of the IAM JSON policy language."""

import json
from urllib.parse import unquote

import pytest
from raw_answers import raw_answers
from refusals import refused

EC2 = {"Service": "ec2.amazonaws.com"}
MANAGED = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"


def policy(statement, **top):
    return json.dumps({"Version": "2012-10-17", "Statement": statement} | top)


def trust(**changes):
    """A trust statement with elements changed, or left out by None."""
    statement = {"Effect": "Allow", "Principal": EC2, "Action": "sts:AssumeRole"} | changes
    return policy({key: value for key, value in statement.items() if value is not None})


def allow(**changes):
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"} | changes
    return policy({key: value for key, value in statement.items() if value is not None})


@pytest.fixture
def iam(aws):
    client = aws.client("workload", "iam")
    client.create_role(RoleName="app", AssumeRolePolicyDocument=trust())
    return client


@pytest.mark.parametrize(
    "document, message",
    [
        ("{", "This policy contains invalid Json"),
        ("[]", "This policy contains invalid Json"),
        (policy([]), "Statement is empty!"),
        (policy([], Version="2020-01-01"), "valid version string"),
        (trust(Effect=None), "Missing required field Effect"),
        (trust(Effect="Permit"), "Invalid effect: Permit"),
        (trust(Principal=None), "Missing required field Principal"),
        (trust(Principal={}), "Missing required field Principal cannot be empty!"),
        (trust(Principal="*"), "invalid principal"),
        (trust(Principal=None, NotPrincipal={"AWS": "*"}), "Allow with NotPrincipal is not allowed."),
        (trust(Action=None), "Missing required field Action"),
        (trust(Action="s3:GetObject"), "AssumeRole policy may only specify STS AssumeRole actions."),
        (trust(Action="*"), "AssumeRole policy may only specify STS AssumeRole actions."),
        (trust(Resource="*"), "Has prohibited field Resource"),
        (trust(Condition={"StringSame": {"a": "b"}}), "Syntax error"),
        (trust(Extra="1"), "Syntax error"),
        (policy([{"Sid": "A", "Effect": "Allow", "Principal": EC2, "Action": "sts:AssumeRole"}] * 2), "not unique"),
    ],
)
def test_a_broken_trust_policy_is_malformed(iam, document, message):
    """Grammar; API reference, CreateRole and UpdateAssumeRolePolicy: MalformedPolicyDocument, 400. A trust policy must
    name a principal and must not name a resource (IAM user guide, Roles terms: role trust policy)."""
    with refused("MalformedPolicyDocument", message, 400):
        iam.update_assume_role_policy(RoleName="app", PolicyDocument=document)
    with refused("MalformedPolicyDocument", message, 400):
        iam.create_role(RoleName="new", AssumeRolePolicyDocument=document)


@pytest.mark.parametrize(
    "document, message",
    [
        ("{", "Syntax errors in policy."),
        (policy([]), "Syntax errors in policy."),
        (allow(Effect=None), "Syntax errors in policy."),
        (allow(Effect="allow"), "Syntax errors in policy."),
        (allow(NotAction="s3:PutObject"), "Syntax errors in policy."),
        (allow(Condition={"StringSame": {"a": "b"}}), "Syntax errors in policy."),
        (allow(Principal={"AWS": "*"}), "Policy document should not specify a principal."),
        (allow(Action=None), "Policy statement must contain actions."),
        (allow(Action=[]), "Policy statement must contain actions."),
        (allow(Resource=None), "Policy statement must contain resources."),
        (allow(Resource=[]), "Policy statement must contain resources."),
        (allow(Action="GetObject"), "must be prefaced by a vendor"),
        (allow(Resource="bucket"), "must be in ARN format"),
        (allow(Resource="arn:aws-typo:s3:::bucket"), 'Partition "aws-typo" is not valid'),
        (policy([{"Sid": "A", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}] * 2), "must be unique"),
    ],
)
def test_a_broken_permissions_policy_is_malformed(iam, document, message):
    """Grammar; API reference, PutRolePolicy: MalformedPolicyDocument, 400. The same for a managed policy."""
    with refused("MalformedPolicyDocument", message, 400):
        iam.put_role_policy(RoleName="app", PolicyName="own", PolicyDocument=document)
    with refused("MalformedPolicyDocument", message, 400):
        iam.create_policy(PolicyName="own", PolicyDocument=document)


def test_an_inline_policy_may_leave_out_the_version(iam):
    """IAM user guide, IAM JSON policy elements, Version: left out, it is 2008-10-17."""
    document = json.loads(allow())
    del document["Version"]
    iam.put_role_policy(RoleName="app", PolicyName="own", PolicyDocument=json.dumps(document))


def test_a_document_comes_back_as_it_was_written(iam):
    """API reference, GetRolePolicy: the policy document, URL-encoded; white space and order are the writer's own."""
    written = json.dumps(json.loads(allow(Sid="Read")), indent=3)
    iam.put_role_policy(RoleName="app", PolicyName="own", PolicyDocument=written)
    with raw_answers(iam) as bodies:
        answer = iam.get_role_policy(RoleName="app", PolicyName="own")
    assert answer["PolicyDocument"] == json.loads(written)
    encoded = bodies[0].decode().split("<PolicyDocument>")[1].split("</PolicyDocument>")[0]
    assert unquote(encoded) == written and " " not in encoded


def test_a_trust_policy_holds_2048_characters_white_space_not_counted(iam):
    """IAM quotas: role trust policy length 2,048 characters; "IAM doesn't count white space"."""

    def of_size(size):
        empty = len("".join(trust(Condition={"StringEquals": {"sts:ExternalId": ""}}).split()))
        return trust(Condition={"StringEquals": {"sts:ExternalId": "x" * (size - empty)}})

    iam.update_assume_role_policy(RoleName="app", PolicyDocument=json.dumps(json.loads(of_size(2048)), indent=40))
    with refused("LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048", 409):
        iam.update_assume_role_policy(RoleName="app", PolicyDocument=of_size(2049))


def test_all_inline_policies_of_a_role_hold_10240_characters_together(iam):
    """IAM quotas: "the total aggregate policy size of all inline policies ... can't exceed" 10,240 for a role."""
    big = allow(Resource=["arn:aws:s3:::" + "b" * 5000])
    iam.put_role_policy(RoleName="app", PolicyName="one", PolicyDocument=big)
    iam.put_role_policy(RoleName="app", PolicyName="two", PolicyDocument=big)
    with refused("LimitExceeded", "Maximum policy size of 10240 bytes exceeded for role app", 409):
        iam.put_role_policy(RoleName="app", PolicyName="three", PolicyDocument=big)
    iam.put_role_policy(RoleName="app", PolicyName="two", PolicyDocument=allow())


def test_inline_policies_are_put_listed_and_deleted(iam):
    """API reference, PutRolePolicy ("adds or updates"), ListRolePolicies, DeleteRolePolicy."""
    for name in ("b", "a", "a"):
        iam.put_role_policy(RoleName="app", PolicyName=name, PolicyDocument=allow())
    pages = iam.get_paginator("list_role_policies").paginate(RoleName="app", PaginationConfig={"PageSize": 1})
    assert [page["PolicyNames"] for page in pages] == [["a"], ["b"]]
    iam.delete_role_policy(RoleName="app", PolicyName="a")
    for call in (iam.get_role_policy, iam.delete_role_policy):
        with refused("NoSuchEntity", "The role policy with name a cannot be found.", 404):
            call(RoleName="app", PolicyName="a")
    with refused("ValidationError", "less than or equal to 128"):
        iam.put_role_policy(RoleName="app", PolicyName="p" * 129, PolicyDocument=allow())


def test_a_missing_role_is_reported_before_a_broken_document(iam):
    """API reference, PutRolePolicy and UpdateAssumeRolePolicy: NoSuchEntity, 404."""
    with refused("NoSuchEntity", "The role with name absent cannot be found.", 404):
        iam.put_role_policy(RoleName="absent", PolicyName="own", PolicyDocument="{")
    with refused("NoSuchEntity", "The role with name absent cannot be found.", 404):
        iam.update_assume_role_policy(RoleName="absent", PolicyDocument="{")


def test_managed_policies_are_attached_listed_and_detached(iam):
    """API reference, AttachRolePolicy (again is no error), ListAttachedRolePolicies, DetachRolePolicy."""
    others = "arn:aws:iam::aws:policy/SecurityAudit"
    for arn in (MANAGED, MANAGED, others):
        iam.attach_role_policy(RoleName="app", PolicyArn=arn)
    pages = iam.get_paginator("list_attached_role_policies").paginate(RoleName="app", PaginationConfig={"PageSize": 1})
    assert [page["AttachedPolicies"] for page in pages] == [
        [{"PolicyName": "AmazonS3ReadOnlyAccess", "PolicyArn": MANAGED}],
        [{"PolicyName": "SecurityAudit", "PolicyArn": others}],
    ]
    iam.detach_role_policy(RoleName="app", PolicyArn=MANAGED)
    with refused("NoSuchEntity", f"Policy {MANAGED} was not found.", 404):
        iam.detach_role_policy(RoleName="app", PolicyArn=MANAGED)


@pytest.mark.parametrize("arn", ["arn:aws:iam::aws:policy/AmazonS3ReadOnly", "arn:aws:iam::185863138492:policy/absent"])
def test_a_policy_that_does_not_exist_is_not_attached(iam, arn):
    """API reference, AttachRolePolicy: NoSuchEntity, 404."""
    with refused("NoSuchEntity", f"Policy {arn} does not exist or is not attachable.", 404):
        iam.attach_role_policy(RoleName="app", PolicyArn=arn)


@pytest.mark.parametrize(
    "name",
    [
        "ReadOnlyAccess",
        "AmazonSSMManagedInstanceCore",
        "AmazonEC2ContainerRegistryReadOnly",
        "service-role/AmazonEBSCSIDriverPolicy",
        "job-function/ViewOnlyAccess",
        "CloudWatchAgentServerPolicy",
    ],
)
def test_the_managed_policies_people_attach_exist(iam, name):
    """AWS Managed Policy Reference."""
    arn = f"arn:aws:iam::aws:policy/{name}"
    iam.attach_role_policy(RoleName="app", PolicyArn=arn)
    assert iam.get_policy(PolicyArn=arn)["Policy"]["PolicyName"] == name.split("/")[-1]


def test_ten_managed_policies_are_the_most(iam):
    """IAM quotas: managed policies attached to a role, 10 by default."""
    arns = [policy["Arn"] for policy in iam.list_policies(Scope="AWS")["Policies"][:11]]
    for arn in arns[:10]:
        iam.attach_role_policy(RoleName="app", PolicyArn=arn)
    with refused("LimitExceeded", "Cannot exceed quota for PoliciesPerRole: 10", 409):
        iam.attach_role_policy(RoleName="app", PolicyArn=arns[10])
