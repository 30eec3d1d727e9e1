"""Security groups' rules. "API reference" is the EC2 API reference."""

import time

import pytest
from refusals import refused

CLUSTER = "183295435445"


@pytest.fixture
def group(ec2, vpc):
    return ec2.create_security_group(GroupName="own", Description="own", VpcId=vpc)["GroupId"]


def https(*blocks, **entry):
    ranges = [{"CidrIp": block, **entry} for block in blocks]
    return {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": ranges}


def rules(ec2, group, egress=False):
    found = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
    return [rule for rule in found if rule["IsEgress"] is egress]


def test_each_source_becomes_a_rule_with_an_id_and_tags(ec2, group):
    """API reference, AuthorizeSecurityGroupIngress: answers with the rules; TagSpecification of security-group-rule."""
    specification = {"ResourceType": "security-group-rule", "Tags": [{"Key": "a", "Value": "1"}]}
    made = ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[https("10.1.0.0/16", "10.3.0.0/16", Description="from the peer")],
        TagSpecifications=[specification],
    )["SecurityGroupRules"]
    assert [rule["CidrIpv4"] for rule in made] == ["10.1.0.0/16", "10.3.0.0/16"]
    assert len({rule["SecurityGroupRuleId"] for rule in made}) == 2
    assert made[0]["Tags"] == [{"Key": "a", "Value": "1"}] and made[0]["Description"] == "from the peer"
    assert (made[0]["FromPort"], made[0]["ToPort"], made[0]["IpProtocol"]) == (443, 443, "tcp")
    assert rules(ec2, group) == made
    tagged = ec2.describe_security_group_rules(Filters=[{"Name": "tag:a", "Values": ["1"]}])["SecurityGroupRules"]
    assert tagged == made
    by_id = ec2.describe_security_group_rules(SecurityGroupRuleIds=[made[1]["SecurityGroupRuleId"]])
    assert by_id["SecurityGroupRules"] == made[1:]


def test_sources_of_the_same_ports_show_as_one_permission(ec2, group):
    """API reference, DescribeSecurityGroups: IpPermission has many ranges."""
    for block in ("10.1.0.0/16", "10.3.0.0/16"):
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[https(block)])
    shown = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
    assert len(shown["IpPermissions"]) == 1
    assert shown["IpPermissions"][0]["IpRanges"] == [{"CidrIp": "10.1.0.0/16"}, {"CidrIp": "10.3.0.0/16"}]
    assert shown["IpPermissionsEgress"][0]["IpProtocol"] == "-1"


def test_a_rule_that_exists_is_a_duplicate_and_nothing_is_added(ec2, group):
    """EC2 error codes: InvalidPermission.Duplicate; the description makes no difference, nor does the spelling of the
    block: "EC2 canonicalizes IPv4 and IPv6 CIDRs" (API reference, IpRange)."""
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[https("10.1.2.3/16")])
    assert rules(ec2, group)[0]["CidrIpv4"] == "10.1.0.0/16"
    message = 'the specified rule "peer: 10.1.0.0/16, TCP, from port: 443, to port: 443, ALLOW" already exists'
    with refused("InvalidPermission.Duplicate", message, 400):
        ec2.authorize_security_group_ingress(
            GroupId=group, IpPermissions=[https("10.5.0.0/16"), https("10.1.0.0/16", Description="other")]
        )
    assert len(rules(ec2, group)) == 1


def test_a_rule_is_revoked_by_id_or_by_value(ec2, group):
    """API reference, RevokeSecurityGroupIngress."""
    made = ec2.authorize_security_group_ingress(
        GroupId=group, IpPermissions=[https("10.1.0.0/16", "10.3.0.0/16", Description="x")]
    )["SecurityGroupRules"]
    gone = ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[made[0]["SecurityGroupRuleId"]])
    assert [rule["CidrIpv4"] for rule in gone["RevokedSecurityGroupRules"]] == ["10.1.0.0/16"]
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[https("10.3.0.0/16")])
    assert rules(ec2, group) == []


def test_revoking_a_missing_rule_is_an_error(ec2, group):
    """EC2 error codes: InvalidPermission.NotFound, InvalidSecurityGroupRuleId.NotFound; nothing is removed."""
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[https("10.1.0.0/16")])
    with refused("InvalidPermission.NotFound", "does not exist in this security group", 400):
        ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[https("10.1.0.0/16", "10.4.0.0/16")])
    with refused("InvalidSecurityGroupRuleId.NotFound", "sgr-0123456789abcdef0", 400):
        ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=["sgr-0123456789abcdef0"])
    with refused("InvalidSecurityGroupRuleId.NotFound", "sgr-0123456789abcdef0", 400):
        ec2.describe_security_group_rules(SecurityGroupRuleIds=["sgr-0123456789abcdef0"])
    assert len(rules(ec2, group)) == 1


def test_ipv6_sources(ec2, group):
    """API reference, Ipv6Range."""
    permission = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "Ipv6Ranges": [{"CidrIpv6": "2001:DB8::/32"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
    assert rules(ec2, group)[0]["CidrIpv6"] == "2001:db8::/32"
    with refused("InvalidPermission.Duplicate"):
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])


@pytest.mark.parametrize(
    "permission",
    [
        https("10.1.0.0"),
        https("nonsense"),
        https("10.1.0.0/16") | {"ToPort": 80},
        {**https("10.1.0.0/16"), "IpProtocol": "x"},
    ],
    ids=["no-prefix", "no-block", "ports", "protocol"],
)
def test_a_malformed_rule_is_refused(ec2, group, permission):
    """EC2 error codes: InvalidParameterValue."""
    with refused("InvalidParameterValue", status=400):
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])


def test_sixty_rules_are_the_most(ec2, group):
    """VPC quotas: 60 inbound rules per security group."""
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[https(*(f"10.{n}.0.0/16" for n in range(60)))])
    with refused("RulesPerSecurityGroupLimitExceeded", status=400):
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[https("10.99.0.0/16")])


def test_descriptions_and_rules_change_in_place(ec2, group):
    """API reference, UpdateSecurityGroupRuleDescriptionsIngress and ModifySecurityGroupRules: the id stays."""
    made = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[https("10.1.0.0/16")])
    identified = made["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    ec2.update_security_group_rule_descriptions_ingress(
        GroupId=group, IpPermissions=[https("10.1.0.0/16", Description="new")]
    )
    assert [(rule["SecurityGroupRuleId"], rule["Description"]) for rule in rules(ec2, group)] == [(identified, "new")]
    changed = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIpv4": "10.6.0.0/16"}
    ec2.modify_security_group_rules(
        GroupId=group, SecurityGroupRules=[{"SecurityGroupRuleId": identified, "SecurityGroupRule": changed}]
    )
    assert [(rule["SecurityGroupRuleId"], rule["CidrIpv4"]) for rule in rules(ec2, group)] == [
        (identified, "10.6.0.0/16")
    ]


def test_a_group_of_a_peer_vpc_may_be_a_source_while_the_peering_is_active(aws, ec2, vpc, group):
    """VPC peering guide, Update your security groups to reference peer security groups."""
    cluster = aws.client("cluster", "ec2")
    theirs = cluster.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    source = cluster.create_security_group(GroupName="theirs", Description="theirs", VpcId=theirs)["GroupId"]
    pair = {"GroupId": source, "UserId": CLUSTER}
    permission = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "UserIdGroupPairs": [pair]}
    with refused("InvalidGroup.NotFound", source):
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
    made = ec2.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=theirs, PeerOwnerId=CLUSTER)
    time.sleep(0.2)
    cluster.accept_vpc_peering_connection(VpcPeeringConnectionId=made["VpcPeeringConnection"]["VpcPeeringConnectionId"])
    time.sleep(0.2)
    rule = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])["SecurityGroupRules"][0]
    assert (rule["ReferencedGroupInfo"]["GroupId"], rule["ReferencedGroupInfo"]["UserId"]) == (source, CLUSTER)


def test_a_missing_group_is_named(ec2):
    """EC2 error codes: InvalidGroup.NotFound."""
    absent = "sg-0123456789abcdef0"
    with refused("InvalidGroup.NotFound", f"The security group '{absent}' does not exist", 400):
        ec2.authorize_security_group_ingress(GroupId=absent, IpPermissions=[https("10.1.0.0/16")])
    with refused("InvalidGroup.NotFound", absent, 400):
        ec2.describe_security_groups(GroupIds=[absent])


def test_tags_of_rules_are_changed_like_any_others(ec2, group):
    """API reference, CreateTags and DeleteTags; EC2 error codes: InvalidID for what is not there."""
    made = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[https("10.1.0.0/16")])
    identified = made["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    ec2.create_tags(Resources=[identified], Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    ec2.delete_tags(Resources=[identified], Tags=[{"Key": "a"}, {"Key": "b", "Value": "other"}])
    assert rules(ec2, group)[0]["Tags"] == [{"Key": "b", "Value": "2"}]
    with refused("InvalidID", "sgr-0123456789abcdef0"):
        ec2.create_tags(Resources=["sgr-0123456789abcdef0"], Tags=[{"Key": "a", "Value": "1"}])


def test_describing_changes_nothing(aws, ec2, vpc):
    before = aws.dump()
    ec2.describe_security_groups()
    ec2.describe_security_group_rules()
    assert aws.dump() == before
