"""What was written and is not to be seen yet. IAM user guide, "Changes that I make are not always immediately visible";
EC2 developer guide, "Eventual consistency in the Amazon EC2 API"; for access entries `extension/consistency.py`."""

import json
import time

import pytest
from refusals import refused

from objects import VIEW, WORKLOAD_ACCOUNT, document, make_cluster, make_role, trusting

FOR_EVER = 3600
ISSUER = "https://oidc.example.com/id/1"
PROVIDER = f"arn:aws:iam::{WORKLOAD_ACCOUNT}:oidc-provider/oidc.example.com/id/1"


@pytest.fixture
def iam(aws):
    return aws.client("workload", "iam")


@pytest.fixture
def role(aws):
    return make_role(aws, "workload", "app")


def test_new_objects_are_not_read_yet(aws, iam):
    aws.delay(FOR_EVER)
    make_role(aws, "workload", "app", allow={"Action": "s3:GetObject", "Resource": "*"})
    iam.create_instance_profile(InstanceProfileName="app")
    iam.create_open_id_connect_provider(Url=ISSUER)
    iam.create_policy(PolicyName="p", PolicyDocument=document({"Action": "s3:GetObject", "Resource": "*"}))
    reads = {
        "role": lambda: iam.get_role(RoleName="app"),
        "inline policy": lambda: iam.get_role_policy(RoleName="app", PolicyName="allow"),
        "profile": lambda: iam.get_instance_profile(InstanceProfileName="app"),
        "provider": lambda: iam.get_open_id_connect_provider(OpenIDConnectProviderArn=PROVIDER),
        "policy": lambda: iam.get_policy(PolicyArn=f"arn:aws:iam::{WORKLOAD_ACCOUNT}:policy/p"),
    }
    for name, read in reads.items():
        with refused("NoSuchEntity", status=404):
            pytest.fail(f"{name}: {read()}")
    assert "app" not in {each["RoleName"] for each in iam.list_roles()["Roles"]}
    assert iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == []
    with refused("EntityAlreadyExists"):
        make_role(aws, "workload", "app")
    aws.delay(0)
    for read in reads.values():
        read()


def test_changes_of_existing_objects_are_not_read_yet(aws, iam, role):
    before = iam.get_role(RoleName="app")["Role"]
    aws.delay(FOR_EVER)
    iam.tag_role(RoleName="app", Tags=[{"Key": "a", "Value": "1"}])
    iam.update_assume_role_policy(RoleName="app", PolicyDocument=trusting({"AWS": "*"}))
    iam.put_role_policy(
        RoleName="app", PolicyName="p", PolicyDocument=document({"Action": "s3:GetObject", "Resource": "*"})
    )
    iam.attach_role_policy(RoleName="app", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    assert iam.get_role(RoleName="app")["Role"] == before
    assert iam.list_role_policies(RoleName="app")["PolicyNames"] == []
    assert iam.list_attached_role_policies(RoleName="app")["AttachedPolicies"] == []
    aws.delay(0)
    assert iam.get_role(RoleName="app")["Role"]["Tags"] == [{"Key": "a", "Value": "1"}]
    assert len(iam.list_attached_role_policies(RoleName="app")["AttachedPolicies"]) == 1


def test_deleted_objects_are_still_read(aws, iam, role):
    aws.delay(FOR_EVER)
    iam.delete_role(RoleName="app")
    assert iam.get_role(RoleName="app")["Role"]["Arn"] == role
    with refused("NoSuchEntity"):
        iam.tag_role(RoleName="app", Tags=[])
    aws.delay(0)
    with refused("NoSuchEntity"):
        iam.get_role(RoleName="app")


def test_a_write_shows_after_its_time_and_not_before(aws, iam, role):
    aws.delay(0.5)
    iam.tag_role(RoleName="app", Tags=[{"Key": "a", "Value": "1"}])
    assert "Tags" not in iam.get_role(RoleName="app")["Role"]
    time.sleep(0.55)
    assert iam.get_role(RoleName="app")["Role"]["Tags"] == [{"Key": "a", "Value": "1"}]


def test_lists_still_show_what_a_get_does_not_find(aws, iam, role):
    """Pull request 4209 of terraform-provider-aws: a list is outdated right after a policy was detached."""
    iam.put_role_policy(
        RoleName="app", PolicyName="p", PolicyDocument=document({"Action": "s3:GetObject", "Resource": "*"})
    )
    iam.attach_role_policy(RoleName="app", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    iam.create_instance_profile(InstanceProfileName="app")
    iam.add_role_to_instance_profile(InstanceProfileName="app", RoleName="app")
    iam.create_open_id_connect_provider(Url=ISSUER)
    before = lists_of(iam)
    aws.delay_lists(FOR_EVER)
    iam.delete_role_policy(RoleName="app", PolicyName="p")
    iam.detach_role_policy(RoleName="app", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    iam.remove_role_from_instance_profile(InstanceProfileName="app", RoleName="app")
    iam.delete_instance_profile(InstanceProfileName="app")
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=PROVIDER)
    with refused("NoSuchEntity"):
        iam.get_role_policy(RoleName="app", PolicyName="p")
    iam.delete_role(RoleName="app")
    for gone in (
        lambda: iam.get_role(RoleName="app"),
        lambda: iam.get_instance_profile(InstanceProfileName="app"),
        lambda: iam.get_open_id_connect_provider(OpenIDConnectProviderArn=PROVIDER),
        lambda: iam.tag_role(RoleName="app", Tags=[]),
    ):
        with refused("NoSuchEntity", status=404):
            gone()
    assert lists_of(iam) == before and all(before.values())
    aws.delay_lists(0)
    assert "app" not in {each["RoleName"] for each in iam.list_roles()["Roles"]}
    with refused("NoSuchEntity"):
        iam.list_role_policies(RoleName="app")


def test_lists_do_not_show_yet_what_a_get_finds(aws, iam, role):
    aws.delay_lists(0.5)
    iam.attach_role_policy(RoleName="app", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    iam.create_open_id_connect_provider(Url=ISSUER)
    make_role(aws, "workload", "new")
    iam.get_open_id_connect_provider(OpenIDConnectProviderArn=PROVIDER)
    iam.get_role(RoleName="new")
    assert iam.list_attached_role_policies(RoleName="app")["AttachedPolicies"] == []
    assert iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == []
    assert "new" not in {each["RoleName"] for each in iam.list_roles()["Roles"]}
    with refused("NoSuchEntity"):
        iam.list_role_policies(RoleName="new")
    time.sleep(0.55)
    assert len(iam.list_attached_role_policies(RoleName="app")["AttachedPolicies"]) == 1
    assert len(iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]) == 1
    assert iam.list_role_policies(RoleName="new")["PolicyNames"] == []


def test_lists_can_be_later_than_other_delayed_reads(aws, iam, role):
    aws.delay(0.3)
    aws.delay_lists(0.8)
    iam.tag_role(RoleName="app", Tags=[{"Key": "a", "Value": "1"}])
    assert "Tags" not in iam.get_role(RoleName="app")["Role"]
    time.sleep(0.35)
    assert iam.get_role(RoleName="app")["Role"]["Tags"] == [{"Key": "a", "Value": "1"}]
    assert iam.list_role_tags(RoleName="app")["Tags"] == []
    time.sleep(0.5)
    assert iam.list_role_tags(RoleName="app")["Tags"] == [{"Key": "a", "Value": "1"}]


def test_a_restored_state_has_no_past(aws, iam, role):
    number = aws.snapshot()
    aws.delay_lists(FOR_EVER)
    iam.tag_role(RoleName="app", Tags=[{"Key": "a", "Value": "1"}])
    iam.delete_role(RoleName="app")
    aws.restore(number)
    assert "app" in {each["RoleName"] for each in iam.list_roles()["Roles"]}
    iam.tag_role(RoleName="app", Tags=[{"Key": "b", "Value": "1"}])
    assert iam.list_role_tags(RoleName="app")["Tags"] == []


def test_sts_evaluates_the_trust_policy_that_is_visible_to_it(aws, iam):
    caller = make_role(aws, "cluster", "caller", allow={"Action": "sts:AssumeRole", "Resource": "*"})
    iam.create_role(RoleName="app", AssumeRolePolicyDocument=trusting({"AWS": caller}))
    arn = f"arn:aws:iam::{WORKLOAD_ACCOUNT}:role/app"
    aws.client("cluster", "iam").create_instance_profile(InstanceProfileName="caller")
    aws.client("cluster", "iam").add_role_to_instance_profile(InstanceProfileName="caller", RoleName="caller")
    instance = aws.instance_credentials("cluster", "caller")
    aws.delay(FOR_EVER)
    no_one_else = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
        }
    )
    iam.update_assume_role_policy(RoleName="app", PolicyDocument=no_one_else)
    aws.assume("cluster", arn, instance)
    aws.delay(0)
    with refused("AccessDenied"):
        aws.assume("cluster", arn, instance)


def test_eks_and_trust_policies_do_not_see_a_new_role_yet(aws):
    make_cluster(aws)
    aws.delay(0.5)
    arn = make_role(aws, "workload", "app")
    eks = aws.client("cluster", "eks")
    with refused("InvalidParameterException", "invalid principal"):
        eks.create_access_entry(clusterName="c", principalArn=arn)
    with refused("MalformedPolicyDocument", "Invalid principal in policy"):
        make_role(aws, "cluster", "access", trusting({"AWS": arn}))
    time.sleep(0.55)
    eks.create_access_entry(clusterName="c", principalArn=arn)
    make_role(aws, "cluster", "access", trusting({"AWS": arn}))


def test_a_new_access_entry_is_not_found_and_accepts_no_policy_yet(aws, role):
    make_cluster(aws)
    eks, entry = aws.client("cluster", "eks"), {"clusterName": "c", "principalArn": role}
    aws.delay(0.5)
    eks.create_access_entry(**entry)
    assert role not in eks.list_access_entries(clusterName="c")["accessEntries"]
    missing = "The specified principalArn could not be found."
    for call in (eks.describe_access_entry, eks.list_associated_access_policies):
        with refused("ResourceNotFoundException", missing, 404):
            call(**entry)
    with refused("ResourceNotFoundException", missing, 404):
        eks.associate_access_policy(**entry, policyArn=VIEW, accessScope={"type": "cluster"})
    with refused("ResourceInUseException"):
        eks.create_access_entry(**entry)
    time.sleep(0.55)
    eks.associate_access_policy(**entry, policyArn=VIEW, accessScope={"type": "cluster"})
    assert role in eks.list_access_entries(clusterName="c")["accessEntries"]


def test_a_new_peering_connection_is_invisible_to_its_accepter_at_first(aws):
    sides = {account: aws.client(account, "ec2") for account in ("cluster", "workload")}
    vpcs = {
        account: ec2.create_vpc(CidrBlock=f"10.{at}.0.0/16")["Vpc"]["VpcId"]
        for at, (account, ec2) in enumerate(sides.items(), 40)
    }
    aws.delay(0.8)
    asked = sides["workload"].create_vpc_peering_connection(
        VpcId=vpcs["workload"], PeerVpcId=vpcs["cluster"], PeerOwnerId=aws.accounts["cluster"].id
    )
    made = asked["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    time.sleep(0.3)  # over initiating-request, during which AWS shows it to the requester alone anyway
    seen = sides["workload"].describe_vpc_peering_connections(VpcPeeringConnectionIds=[made])
    assert seen["VpcPeeringConnections"][0]["Status"]["Code"] == "pending-acceptance"
    for call in (
        lambda: sides["cluster"].describe_vpc_peering_connections(VpcPeeringConnectionIds=[made]),
        lambda: sides["cluster"].accept_vpc_peering_connection(VpcPeeringConnectionId=made),
    ):
        with refused("InvalidVpcPeeringConnectionID.NotFound"):
            call()
    time.sleep(0.55)
    sides["cluster"].accept_vpc_peering_connection(VpcPeeringConnectionId=made)


def test_a_fault_by_chance_hits_its_share_and_the_same_calls_for_the_same_seed(aws, iam):
    def hits(seed: int) -> list[bool]:
        aws.faults.clear()
        aws.faults.add("throttle", service="iam", times=None, chance=0.2, seed=seed)
        return [refuses(iam.list_roles) for _ in range(100)]

    first = hits(1)
    assert 10 <= sum(first) <= 32
    assert hits(1) == first != hits(2)


def lists_of(iam) -> dict:
    return {
        "roles": [role for role in iam.list_roles()["Roles"] if role["RoleName"] == "app"],
        "profiles": iam.list_instance_profiles()["InstanceProfiles"],
        "profiles of the role": iam.list_instance_profiles_for_role(RoleName="app")["InstanceProfiles"],
        "inline": iam.list_role_policies(RoleName="app")["PolicyNames"],
        "attached": iam.list_attached_role_policies(RoleName="app")["AttachedPolicies"],
        "providers": iam.list_open_id_connect_providers()["OpenIDConnectProviderList"],
    }


def refuses(call) -> bool:
    try:
        call()
    except call.__self__.exceptions.ClientError:
        return True
    return False
