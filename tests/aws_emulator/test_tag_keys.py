"""When two tag keys are the same. IAM user guide, "Tags for AWS Identity and Access Management resources": keys of
users and roles ignore case and keep the one that was written last, those of all other IAM resources tell case apart; so
do those of EKS (user guide, "Tag your resources") and EC2 (user guide, "Tag your Amazon EC2 resources")."""

import pytest
from refusals import refused

from objects import document, make_cluster, make_role, trusting

EC2 = trusting({"Service": "ec2.amazonaws.com"})
READ_S3 = document({"Action": "s3:GetObject", "Resource": "*"})


def pairs(**tags: str) -> list[dict]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


@pytest.fixture
def iam(aws):
    return aws.client("workload", "iam")


class Role:
    def __init__(self, iam):
        self.create = lambda tags: iam.create_role(RoleName="a", AssumeRolePolicyDocument=EC2, Tags=tags)
        self.tag = lambda tags: iam.tag_role(RoleName="a", Tags=tags)
        self.untag = lambda keys: iam.untag_role(RoleName="a", TagKeys=keys)
        self.tags = lambda: iam.list_role_tags(RoleName="a")["Tags"]


class User:
    def __init__(self, iam):
        self.create = lambda tags: iam.create_user(UserName="a", Tags=tags)
        self.tag = lambda tags: iam.tag_user(UserName="a", Tags=tags)
        self.untag = lambda keys: iam.untag_user(UserName="a", TagKeys=keys)
        self.tags = lambda: iam.list_user_tags(UserName="a")["Tags"]


class InstanceProfile:
    def __init__(self, iam):
        self.create = lambda tags: iam.create_instance_profile(InstanceProfileName="a", Tags=tags)
        self.tag = lambda tags: iam.tag_instance_profile(InstanceProfileName="a", Tags=tags)
        self.untag = lambda keys: iam.untag_instance_profile(InstanceProfileName="a", TagKeys=keys)
        self.tags = lambda: iam.list_instance_profile_tags(InstanceProfileName="a")["Tags"]


class Provider:
    def __init__(self, iam):
        named = {"OpenIDConnectProviderArn": "arn:aws:iam::185863138492:oidc-provider/oidc.example.com/a"}
        self.create = lambda tags: iam.create_open_id_connect_provider(Url="https://oidc.example.com/a", Tags=tags)
        self.tag = lambda tags: iam.tag_open_id_connect_provider(**named, Tags=tags)
        self.untag = lambda keys: iam.untag_open_id_connect_provider(**named, TagKeys=keys)
        self.tags = lambda: iam.list_open_id_connect_provider_tags(**named)["Tags"]


class Policy:
    def __init__(self, iam):
        arn = "arn:aws:iam::185863138492:policy/a"
        self.create = lambda tags: iam.create_policy(PolicyName="a", PolicyDocument=READ_S3, Tags=tags)
        self.tag = lambda tags: iam.tag_policy(PolicyArn=arn, Tags=tags)
        self.untag = lambda keys: iam.untag_policy(PolicyArn=arn, TagKeys=keys)
        self.tags = lambda: iam.list_policy_tags(PolicyArn=arn)["Tags"]


@pytest.mark.parametrize("kind", [Role, User])
def test_keys_of_roles_and_users_ignore_case_and_keep_the_one_written_last(iam, kind):
    thing = kind(iam)
    with refused("InvalidInput", "Duplicate tag keys found", 400):
        thing.create(pairs(Owner="1", OWNER="2"))
    thing.create(pairs(Owner="1", other=""))
    thing.tag(pairs(OWNER="2"))
    assert thing.tags() == pairs(OWNER="2", other="")
    with refused("InvalidInput", "Duplicate tag keys found", 400):
        thing.tag(pairs(owner="3", Owner="4"))
    thing.untag(["owner", "absent"])
    assert thing.tags() == pairs(other="")


@pytest.mark.parametrize("kind", [Role, User])
def test_roles_and_users_take_no_key_of_awss_own(iam, kind):
    thing = kind(iam)
    wrong = [{"Key": "aws:mine", "Value": ""}]
    with refused("InvalidInput", "aws: prefixed tag key names", 400):
        thing.create(wrong)
    thing.create([])
    with refused("InvalidInput", "aws: prefixed tag key names", 400):
        thing.tag(wrong)


@pytest.mark.parametrize("kind", [InstanceProfile, Provider, Policy])
def test_keys_of_other_iam_resources_tell_case_apart(iam, kind):
    thing = kind(iam)
    thing.create(pairs(Owner="1", OWNER="2"))
    thing.tag(pairs(owner="3"))
    assert sorted(tag["Key"] for tag in thing.tags()) == ["OWNER", "Owner", "owner"]
    thing.untag(["Owner"])
    assert sorted(tag["Key"] for tag in thing.tags()) == ["OWNER", "owner"]


def test_keys_in_eks_tell_case_apart(aws):
    tags = {"Owner": "1", "OWNER": "2"}
    cluster, eks = make_cluster(aws, tags=tags), aws.client("cluster", "eks")
    role = make_role(aws, "workload", "app")
    entry = eks.create_access_entry(clusterName="c", principalArn=role, tags=tags)["accessEntry"]
    for arn in (cluster["arn"], entry["accessEntryArn"]):
        eks.tag_resource(resourceArn=arn, tags={"owner": "3"})
        assert eks.list_tags_for_resource(resourceArn=arn)["tags"] == tags | {"owner": "3"}
        eks.untag_resource(resourceArn=arn, tagKeys=["owner"])
        assert eks.list_tags_for_resource(resourceArn=arn)["tags"] == tags


def test_keys_in_ec2_tell_case_apart(ec2, vpc):
    ec2.create_tags(Resources=[vpc], Tags=pairs(Owner="1", OWNER="2"))
    ec2.create_tags(Resources=[vpc], Tags=pairs(owner="3"))
    ec2.delete_tags(Resources=[vpc], Tags=[{"Key": "Owner"}])
    tags = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["Tags"]
    assert sorted((tag["Key"], tag["Value"]) for tag in tags) == [("OWNER", "2"), ("owner", "3")]
