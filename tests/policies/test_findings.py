"""What `findings` says of policies that are wrong, and that it says nothing of those that are not."""

import pytest
from findings import findings

PEERINGS = "arn:aws:ec2:*:111122223333:vpc-peering-connection/*"
VPCS = "arn:aws:ec2:*:111122223333:vpc/*"
GROUPS = "arn:aws:ec2:*:111122223333:security-group/*"
RULES = "arn:aws:ec2:*:111122223333:security-group-rule/*"
ROLES = "arn:aws:iam::111122223333:role/*"
CLUSTERS = "arn:aws:eks:*:111122223333:cluster/*"
ISSUER = "oidc.eks.ap-south-1.amazonaws.com/id/EXAMPLE"


def allow(actions, resources, **condition) -> dict:
    statement = {"Sid": "S", "Effect": "Allow", "Action": actions, "Resource": resources}
    return statement | ({"Condition": condition} if condition else {})


def policy(*statements: dict) -> dict:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def trust(action: str, principal: dict, **condition) -> dict:
    statement = {"Sid": "S", "Effect": "Allow", "Action": action, "Principal": principal}
    return policy(statement | {"Condition": condition})


def by_token(**keys: str) -> dict:
    provider = f"arn:aws:iam::111122223333:oidc-provider/{ISSUER}"
    return trust("sts:AssumeRoleWithWebIdentity", {"Federated": provider}, StringEquals=keys)


BOTH_VPCS = {"ec2:AccepterVpc": VPCS, "ec2:RequesterVpc": VPCS}
AUTHORIZE = "ec2:AuthorizeSecurityGroupIngress"
CARRIES_NOT = "S: ec2:DeleteTags on vpc-peering-connection does not carry"

WRONG = {
    "an action that there is not": (
        policy(allow(["iam:GetRole", "iam:CreateRoles"], ROLES)),
        ["S: iam:CreateRoles is no action of the reference"],
    ),
    "a pattern that no action matches": (
        policy(allow("iam:Make*", ROLES)),
        ["S: iam:Make* is no action of the reference"],
    ),
    "a resource of another type": (
        policy(allow("iam:GetRole", "arn:aws:iam::111122223333:user/*")),
        [
            "S: iam:GetRole is authorized on role, and no resource is one",
            "S: arn:aws:iam::111122223333:user/* is of no type that an action of the statement is authorized on",
        ],
    ),
    "one action of two without a resource": (
        policy(allow(["eks:DescribeCluster", "eks:DescribeAccessEntry"], CLUSTERS)),
        ["S: eks:DescribeAccessEntry is authorized on access-entry, and no resource is one"],
    ),
    "one resource of two without an action": (
        policy(allow("eks:DescribeCluster", [CLUSTERS, ROLES])),
        [f"S: {ROLES} is of no type that an action of the statement is authorized on"],
    ),
    "a resource of an action that takes none": (
        policy(allow("eks:ListAccessPolicies", CLUSTERS)),
        [
            "S: eks:ListAccessPolicies is authorized on *, and no resource is one",
            f"S: {CLUSTERS} is of no type that an action of the statement is authorized on",
        ],
    ),
    "an ARN without its region": (
        policy(allow("eks:DescribeCluster", "arn:aws:eks::111122223333:cluster/*")),
        [
            "S: eks:DescribeCluster is authorized on cluster, and no resource is one",
            "S: arn:aws:eks::111122223333:cluster/* is of no type that an action of the statement is authorized on",
        ],
    ),
    "objects, for an action on buckets": (
        policy(allow("s3:ListBucket", "arn:aws:s3:::uploads/*")),
        [
            "S: s3:ListBucket is authorized on accesspoint, bucket, and no resource is one",
            "S: arn:aws:s3:::uploads/* is of no type that an action of the statement is authorized on",
        ],
    ),
    "a key that the resource type has, and the call does not carry": (
        policy(allow(["ec2:CreateTags", "ec2:DeleteTags"], PEERINGS, ArnLike=BOTH_VPCS)),
        [f"{CARRIES_NOT} ec2:AccepterVpc", f"{CARRIES_NOT} ec2:RequesterVpc"],
    ),
    "a key that one of two required types does not carry": (
        policy(allow("ec2:AcceptVpcPeeringConnection", "*", ArnLike={"ec2:AccepterVpc": VPCS})),
        ["S: ec2:AcceptVpcPeeringConnection on vpc does not carry ec2:AccepterVpc"],
    ),
    "a key that no action carries, even where it is optional": (
        policy(allow("iam:GetRole", ROLES, ArnLikeIfExists={"iam:PolicyARN": "*"})),
        ["S: iam:GetRole on role does not carry iam:PolicyARN"],
    ),
    "one of two required types": (
        policy(allow("ec2:AcceptVpcPeeringConnection", PEERINGS)),
        [
            "ec2:AcceptVpcPeeringConnection is allowed on vpc-peering-connection only, and is authorized on vpc too",
        ],
    ),
    "a rule with tags, allowed on its group only": (
        policy(
            allow("ec2:AuthorizeSecurityGroupIngress", GROUPS, ArnLike={"ec2:Vpc": VPCS}),
            allow("ec2:CreateTags", RULES),
        ),
        [
            f"{AUTHORIZE} is allowed on security-group only, and with tags is authorized on security-group-rule too"
        ],
    ),
    "a claim of an issuer that the statement does not trust": (
        by_token(**{f"{ISSUER}2:aud": "sts.amazonaws.com"}),
        [f"S: sts:AssumeRoleWithWebIdentity on role does not carry {ISSUER}2:aud"],
    ),
    "a claim that tokens do not give": (
        by_token(**{f"{ISSUER}:namespace": "apps"}),
        [f"S: sts:AssumeRoleWithWebIdentity on role does not carry {ISSUER}:namespace"],
    ),
    "an external id with a token": (
        by_token(**{"sts:ExternalId": "x"}),
        ["S: sts:AssumeRoleWithWebIdentity on role does not carry sts:ExternalId"],
    ),
}  # fmt: skip

RIGHT = {
    "required types in two statements, each with the keys that it carries": policy(
        allow("ec2:AcceptVpcPeeringConnection", VPCS),
        allow("ec2:AcceptVpcPeeringConnection", PEERINGS, ArnLike=BOTH_VPCS),
    ),
    "a rule without tags, allowed on its group only": policy(allow("ec2:AuthorizeSecurityGroupIngress", GROUPS)),
    "a rule with tags, allowed on both": policy(
        allow("ec2:AuthorizeSecurityGroupIngress", GROUPS, ArnLike={"ec2:Vpc": VPCS}),
        allow(["ec2:AuthorizeSecurityGroupIngress", "ec2:CreateTags"], RULES),
    ),
    "a key of the resource type itself, which IAM and EKS give to every call": policy(
        allow("iam:GetRole", ROLES, StringEquals={"aws:ResourceTag/team": "x"}),
        allow("eks:DescribeCluster", CLUSTERS, StringEquals={"aws:ResourceTag/team": "x"}),
    ),
    "global keys": policy(
        allow("iam:GetRole", ROLES, ArnLike={"aws:PrincipalArn": "*"}, Null={"aws:PrincipalTag/team": "true"}),
    ),
    "case, which does not count": policy(
        allow("IAM:passrole", ROLES, StringEquals={"iam:passedtoservice": "ec2.amazonaws.com"}),
    ),
    "a pattern of which one action fits": policy(
        allow("s3:*", ["arn:aws:s3:::uploads", "arn:aws:s3:::uploads/*"], StringLike={"s3:prefix": "a/*"}),
    ),
    "a key that one action of two carries, where it is optional": policy(
        allow(["iam:AttachRolePolicy", "iam:GetRole"], ROLES, ArnEqualsIfExists={"iam:PolicyARN": "x"}),
    ),
    "everything": policy(allow("*", "*")),
    "everything but one thing": policy({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}),
    "a token's claims": by_token(
        **{f"{ISSUER}:aud": "sts.amazonaws.com", f"{ISSUER}:sub": "system:serviceaccount:a:b"}
    ),
    "a role that another one assumes": trust(
        "sts:AssumeRole",
        {"AWS": "arn:aws:iam::111122223333:root"},
        StringEquals={"sts:ExternalId": "x"},
        ArnEquals={"aws:PrincipalArn": ROLES},
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said(case):
    document, faults = WRONG[case]
    assert findings(document) == faults


@pytest.mark.parametrize("case", RIGHT)
def test_nothing_is_said_of_what_is_right(case):
    assert findings(RIGHT[case]) == []
