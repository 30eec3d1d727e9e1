"""Tags of EC2's resources."""

from refusals import refused

from objects import make_cluster


def test_tags_are_deleted_with_what_has_them(ec2):
    """EC2 user guide, Tag your resources: "If you delete a resource, any tags for the resource are also deleted"."""
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/24", TagSpecifications=[team("vpc")])["Vpc"]["VpcId"]
    made = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.0.0/24", TagSpecifications=[team("subnet")])
    with refused("DependencyViolation", "dependencies"):
        ec2.delete_vpc(VpcId=vpc)
    assert {tag["ResourceId"] for tag in ec2.describe_tags()["Tags"]} == {vpc, made["Subnet"]["SubnetId"]}

    ec2.delete_subnet(SubnetId=made["Subnet"]["SubnetId"])
    ec2.delete_vpc(VpcId=vpc)

    assert ec2.describe_tags()["Tags"] == []


def test_what_aws_tags_can_be_neither_set_nor_removed(aws):
    """EC2 user guide, Tag your resources: "You can't edit or delete tag names or values with this prefix".

    EKS user guide, "View Amazon EKS security group requirements for clusters": a cluster's group has such a tag.
    """
    group = make_cluster(aws)["resourcesVpcConfig"]["clusterSecurityGroupId"]
    ec2, own = aws.client("cluster", "ec2"), {"Key": "aws:eks:cluster-name", "Value": "other"}
    with refused("InvalidParameterValue", "reserved"):
        ec2.create_tags(Resources=[group], Tags=[own])
    with refused("InvalidParameterValue", "reserved"):
        ec2.delete_tags(Resources=[group], Tags=[{"Key": own["Key"]}])

    ec2.create_tags(Resources=[group], Tags=[{"Key": "team", "Value": "x"}])
    ec2.delete_tags(Resources=[group])

    (left,) = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["Tags"]
    assert left == {"Key": "aws:eks:cluster-name", "Value": "c"}


def team(kind):
    return {"ResourceType": kind, "Tags": [{"Key": "team", "Value": "x"}]}
