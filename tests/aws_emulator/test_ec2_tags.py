"""Tags of EC2's resources."""

from refusals import refused


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


def team(kind):
    return {"ResourceType": kind, "Tags": [{"Key": "team", "Value": "x"}]}
