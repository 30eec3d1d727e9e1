"""The objects that tests of several services need: roles with a trust policy, clusters in a VPC."""

import json

CLUSTER_ACCOUNT, WORKLOAD_ACCOUNT = "183295435445", "185863138492"
VIEW = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
ADMIN = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"


def document(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow"} | one for one in statements]})


def trusting(principal: dict, action="sts:AssumeRole", **condition) -> str:
    statement = {"Principal": principal, "Action": action}
    return document(statement | ({"Condition": condition} if condition else {}))


def make_role(aws, account: str, name: str, trust: str | None = None, allow: dict | None = None, **more) -> str:
    """A role that trusts EC2 by default, and may do what `allow` says; returns its ARN."""
    iam = aws.client(account, "iam")
    trust = trust or trusting({"Service": "ec2.amazonaws.com"})
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, **more)["Role"]["Arn"]
    if allow:
        iam.put_role_policy(RoleName=name, PolicyName="allow", PolicyDocument=document(allow))
    return arn


def remove_role(aws, account: str, name: str) -> None:
    iam = aws.client(account, "iam")
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        iam.delete_role_policy(RoleName=name, PolicyName=policy)
    for profile in iam.list_instance_profiles_for_role(RoleName=name)["InstanceProfiles"]:
        iam.remove_role_from_instance_profile(InstanceProfileName=profile["InstanceProfileName"], RoleName=name)
    iam.delete_role(RoleName=name)


def on_instance(aws, account: str, name: str):
    """Credentials of a role that exists, as an EC2 instance has them."""
    iam = aws.client(account, "iam")
    if not iam.list_instance_profiles_for_role(RoleName=name)["InstanceProfiles"]:
        if name not in {profile["InstanceProfileName"] for profile in iam.list_instance_profiles()["InstanceProfiles"]}:
            iam.create_instance_profile(InstanceProfileName=name)
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    return aws.instance_credentials(account, name)


def make_cluster(aws, name: str = "c", mode: str | None = "API", creds="root", **more) -> dict:
    ec2 = aws.client("cluster", "ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{i}.0/24", AvailabilityZone=f"ap-south-1{zone}")["Subnet"][
            "SubnetId"
        ]
        for i, zone in enumerate("ab")
    ]
    access = {"accessConfig": {"authenticationMode": mode}} if mode else {}
    return aws.client("cluster", "eks", creds).create_cluster(
        name=name,
        roleArn=f"arn:aws:iam::{CLUSTER_ACCOUNT}:role/eks",
        resourcesVpcConfig={"subnetIds": subnets},
        **access,
        **more,
    )["cluster"]
