"""Who may do what, and the words of a refusal. "Guide" is the IAM user guide."""

import pytest
from refusals import refused

from objects import ADMIN, CLUSTER_ACCOUNT, VIEW, WORKLOAD_ACCOUNT, document, make_cluster, make_role, on_instance

ME = f"User: arn:aws:sts::{WORKLOAD_ACCOUNT}:assumed-role/app/i-0123456789abcdef0 is not authorized to perform: "
LIST = {"Action": "iam:ListRoles", "Resource": "*"}
CLUSTER = f"arn:aws:eks:ap-south-1:{CLUSTER_ACCOUNT}:cluster/c"
STANDARD = {"eks:accessEntryType": "STANDARD"}


@pytest.fixture
def iam(aws):
    return aws.client("workload", "iam")


def boundary(iam, *statements) -> str:
    return iam.create_policy(PolicyName="boundary", PolicyDocument=document(*statements))["Policy"]["Arn"]


def test_nothing_is_allowed_unless_a_policy_says_so(aws, iam):
    """Guide, "Policy evaluation logic": the default is an implicit deny; "Troubleshoot access denied error
    messages": the words."""
    make_role(aws, "workload", "app")
    words = f"{ME}iam:ListRoles on resource: * because no identity-based policy allows the iam:ListRoles action"
    with refused("AccessDenied", words, 403):
        aws.client("workload", "iam", on_instance(aws, "workload", "app")).list_roles()


def test_an_explicit_deny_wins(aws, iam):
    """Guide, "Policy evaluation logic": an explicit deny in any policy overrides every allow."""
    make_role(aws, "workload", "app", allow=LIST)
    mine = aws.client("workload", "iam", on_instance(aws, "workload", "app"))
    mine.list_roles()
    iam.put_role_policy(RoleName="app", PolicyName="deny", PolicyDocument=document(LIST | {"Effect": "Deny"}))
    with refused("AccessDenied", "with an explicit deny in an identity-based policy", 403):
        mine.list_roles()


def test_a_boundary_limits_what_policies_allow(aws, iam):
    """Guide, "Permissions boundaries for IAM entities": both must allow."""
    limit = boundary(iam, {"Action": "s3:*", "Resource": "*"})
    make_role(aws, "workload", "app", allow=LIST, PermissionsBoundary=limit)
    with refused("AccessDenied", "because no permissions boundary allows the iam:ListRoles action", 403):
        aws.client("workload", "iam", on_instance(aws, "workload", "app")).list_roles()


def test_a_session_policy_is_named_where_it_decides(aws):
    """Guide, "Session policies" and "Troubleshoot access denied error messages"."""
    account = aws.accounts["workload"]
    policy = document({"Action": "s3:*", "Resource": "*"})
    arguments = {"ExternalId": account.external_id, "Policy": policy}
    session = aws.assume("workload", account.runner_role_arn, "pipeline", **arguments)
    with refused("AccessDenied", "because no session policy allows the iam:ListRoles action", 403):
        aws.client("workload", "iam", session).list_roles()


def test_eks_and_ec2_refuse_in_their_own_codes(aws, iam):
    """The services' common errors: AccessDeniedException in EKS, UnauthorizedOperation in EC2."""
    make_role(aws, "workload", "app")
    session = on_instance(aws, "workload", "app")
    with refused("AccessDeniedException", f"{ME}eks:ListClusters on resource: *", 403):
        aws.client("workload", "eks", session).list_clusters()
    with refused("UnauthorizedOperation", f"{ME}ec2:DescribeVpcs", 403):
        aws.client("workload", "ec2", session).describe_vpcs()


def test_an_access_entry_can_be_limited_to_a_principal_and_a_policy(aws, iam):
    """Service Authorization Reference, Amazon EKS: condition keys eks:principalArn, eks:policyArn, eks:accessScope;
    entries are resources access-entry/CLUSTER/TYPE/ACCOUNT/NAME/UUID of their own."""
    make_cluster(aws)
    app, other = make_role(aws, "cluster", "app"), make_role(aws, "cluster", "other")
    entries = f"arn:aws:eks:ap-south-1:{CLUSTER_ACCOUNT}:access-entry/c/role/{CLUSTER_ACCOUNT}/app/*"
    statements = [
        {
            "Action": "eks:CreateAccessEntry",
            "Resource": f"arn:aws:eks:ap-south-1:{CLUSTER_ACCOUNT}:cluster/c",
            "Condition": {"ArnEquals": {"eks:principalArn": app}},
        },
        {
            "Action": "eks:AssociateAccessPolicy",
            "Resource": entries,
            "Condition": {"StringEquals": {"eks:policyArn": VIEW, "eks:accessScope": "namespace"}},
        },
    ]
    eks = _maker(aws, *statements)
    with refused("AccessDeniedException", "eks:CreateAccessEntry on resource"):
        eks.create_access_entry(clusterName="c", principalArn=other)
    with refused("AccessDeniedException", f"eks:TagResource on resource: {entries}"):
        eks.create_access_entry(clusterName="c", principalArn=app, tags={"a": "b"})
    eks.create_access_entry(clusterName="c", principalArn=app)
    scope = {"type": "namespace", "namespaces": ["nodejs"]}
    eks.associate_access_policy(clusterName="c", principalArn=app, policyArn=VIEW, accessScope=scope)
    for arn, where in ((ADMIN, scope), (VIEW, {"type": "cluster"})):
        with refused("AccessDeniedException", "eks:AssociateAccessPolicy on resource"):
            eks.associate_access_policy(clusterName="c", principalArn=app, policyArn=arn, accessScope=where)


def test_eks_keys_hold_for_the_actions_and_resource_types_that_carry_them(aws):
    """Service Authorization Reference, Amazon EKS: eks:clusterName and eks:principalArn are keys of access entries, not
    of clusters; eks:accessEntryType filters by what is "present in the access entry requests"."""
    make_cluster(aws)
    app = make_role(aws, "cluster", "app")
    keys = {"StringEquals": {"eks:clusterName": "c"}}
    eks = _maker(
        aws,
        {"Action": ["eks:DescribeCluster", "eks:DescribeAccessEntry"], "Resource": "*", "Condition": keys},
        {"Action": "eks:CreateAccessEntry", "Resource": "*", "Condition": {"StringEquals": STANDARD}},
    )
    with refused("AccessDeniedException", f"eks:DescribeCluster on resource: {CLUSTER}", 403):
        eks.describe_cluster(name="c")
    with refused("AccessDeniedException", f"eks:CreateAccessEntry on resource: {CLUSTER}", 403):
        eks.create_access_entry(clusterName="c", principalArn=app)
    eks.create_access_entry(clusterName="c", principalArn=app, type="STANDARD")
    eks.describe_access_entry(clusterName="c", principalArn=app)


def test_a_cluster_is_made_under_the_wildcard_and_tags_are_listed_for_it_only(aws):
    """Service Authorization Reference, Amazon EKS: CreateCluster takes no resource type, and ListTagsForResource no
    access entries."""
    make_cluster(aws)
    app = make_role(aws, "cluster", "app")
    entry = aws.client("cluster", "eks").create_access_entry(clusterName="c", principalArn=app)["accessEntry"]
    entries = f"arn:aws:eks:ap-south-1:{CLUSTER_ACCOUNT}:access-entry/*"
    actions = ["eks:CreateCluster", "eks:ListTagsForResource"]
    eks = _maker(aws, {"Action": actions, "Resource": [CLUSTER, entries]})
    eks.list_tags_for_resource(resourceArn=CLUSTER)
    with refused("AccessDeniedException", "eks:ListTagsForResource on resource: *", 403):
        eks.list_tags_for_resource(resourceArn=entry["accessEntryArn"])
    with refused("AccessDeniedException", "eks:CreateCluster on resource: *", 403):
        eks.create_cluster(name="c", roleArn=app, resourcesVpcConfig={})


def _maker(aws, *statements: dict):
    """EKS for a role of the cluster account that may do what the statements say."""
    make_role(aws, "cluster", "maker")
    iam = aws.client("cluster", "iam")
    iam.put_role_policy(RoleName="maker", PolicyName="p", PolicyDocument=document(*statements))
    return aws.client("cluster", "eks", on_instance(aws, "cluster", "maker"))
