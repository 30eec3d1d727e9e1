"""The runners: the permissions of policies/*.json suffice for what xeks does, and none of them is there for nothing.

Here stand the calls that xeks's resources make in an account, in an order that works. Each permission is taken
away in turn: a call must fail, and name it.
"""

import json
import time

import pytest
from aws_emulator import accounts
from botocore.exceptions import ClientError

from objects import CLUSTER_ACCOUNT, VIEW, WORKLOAD_ACCOUNT, make_cluster, make_role, trusting

IDS = {"cluster": CLUSTER_ACCOUNT, "workload": WORKLOAD_ACCOUNT}
TAGS = [{"Key": "xeks:resource", "Value": "xeks_cross_account_access/c"}]
EC2 = trusting({"Service": "ec2.amazonaws.com"})
EMPTY = json.dumps(
    {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}}
)
BOUNDARY = "arn:aws:iam::aws:policy/SecurityAudit"
SCOPE = {"type": "cluster"}


def role_calls(iam, attach: bool):
    role = {"RoleName": "made"}
    iam.create_role(**role, AssumeRolePolicyDocument=EC2, Tags=TAGS)
    iam.get_role(**role)
    iam.update_role(**role, Description="d", MaxSessionDuration=3600)
    iam.update_assume_role_policy(**role, PolicyDocument=EC2)
    iam.tag_role(**role, Tags=TAGS)
    iam.untag_role(**role, TagKeys=["xeks:resource"])
    iam.put_role_permissions_boundary(**role, PermissionsBoundary=BOUNDARY)
    iam.delete_role_permissions_boundary(**role)
    iam.put_role_policy(**role, PolicyName="p", PolicyDocument=EMPTY)
    iam.get_role_policy(**role, PolicyName="p")
    iam.list_role_policies(**role)
    iam.list_attached_role_policies(**role)
    if attach:
        iam.attach_role_policy(**role, PolicyArn=BOUNDARY)
    # A foreign policy that is attached is detached where policies are exclusive, and so that the role can be
    # deleted.
    iam.detach_role_policy(RoleName="attached", PolicyArn=BOUNDARY)
    iam.list_instance_profiles_for_role(**role)
    iam.get_account_summary()


def reading_calls(aws, account):
    """What explains a chain of access reads the policies of its roles, and those of users and their groups."""
    root, iam = aws.client(account, "iam"), aws.client(account, "iam", "runner")
    user, group = {"UserName": "person"}, {"GroupName": "people"}
    root.create_user(**user)
    root.put_user_policy(**user, PolicyName="p", PolicyDocument=EMPTY)
    root.create_group(**group)
    root.put_group_policy(**group, PolicyName="p", PolicyDocument=EMPTY)
    iam.get_user(**user)
    iam.list_user_policies(**user)
    iam.get_user_policy(**user, PolicyName="p")
    iam.list_attached_user_policies(**user)
    iam.list_groups_for_user(**user)
    iam.list_group_policies(**group)
    iam.get_group_policy(**group, PolicyName="p")
    iam.list_attached_group_policies(**group)
    version = iam.get_policy(PolicyArn=BOUNDARY)["Policy"]["DefaultVersionId"]
    iam.get_policy_version(PolicyArn=BOUNDARY, VersionId=version)


def provider_calls(iam):
    url = "https://oidc.eks.ap-south-1.amazonaws.com/id/ABC"
    arn = iam.create_open_id_connect_provider(Url=url, ClientIDList=["a"], Tags=TAGS)["OpenIDConnectProviderArn"]
    provider = {"OpenIDConnectProviderArn": arn}
    iam.get_open_id_connect_provider(**provider)
    iam.add_client_id_to_open_id_connect_provider(**provider, ClientID="b")
    iam.remove_client_id_from_open_id_connect_provider(**provider, ClientID="b")
    # Only of a provider that xeks created.
    iam.tag_open_id_connect_provider(**provider, Tags=[{"Key": "xeks:managed", "Value": "shared"}])
    iam.update_open_id_connect_provider_thumbprint(**provider, ThumbprintList=["a" * 40])
    iam.tag_open_id_connect_provider(**provider, Tags=TAGS)
    iam.untag_open_id_connect_provider(**provider, TagKeys=[TAGS[0]["Key"]])
    iam.list_roles()
    iam.delete_open_id_connect_provider(**provider)


def role_removal(iam):
    for policy in iam.list_attached_role_policies(RoleName="made")["AttachedPolicies"]:
        iam.detach_role_policy(RoleName="made", PolicyArn=policy["PolicyArn"])
    iam.delete_role_policy(RoleName="made", PolicyName="p")
    iam.delete_role(RoleName="made")


def in_cluster_account(aws):
    eks, iam = aws.client("cluster", "eks", "runner"), aws.client("cluster", "iam", "runner")
    eks.describe_cluster(name="c")
    update = eks.update_cluster_config(name="c", accessConfig={"authenticationMode": "API_AND_CONFIG_MAP"})["update"]
    eks.describe_update(name="c", updateId=update["id"])
    eks.list_access_policies()
    role_calls(iam, attach=False)
    reading_calls(aws, "cluster")
    entry = {"clusterName": "c", "principalArn": f"arn:aws:iam::{CLUSTER_ACCOUNT}:role/made"}
    arn = eks.create_access_entry(**entry, type="STANDARD", tags={"a": "b"})["accessEntry"]["accessEntryArn"]
    eks.describe_access_entry(**entry)
    eks.update_access_entry(**entry, kubernetesGroups=["g"])
    eks.tag_resource(resourceArn=arn, tags={"c": "d"})
    eks.untag_resource(resourceArn=arn, tagKeys=["c"])
    eks.associate_access_policy(**entry, policyArn=VIEW, accessScope=SCOPE)
    eks.list_associated_access_policies(**entry)
    eks.disassociate_access_policy(**entry, policyArn=VIEW)
    eks.list_access_entries(clusterName="c")
    eks.delete_access_entry(**entry)
    provider_calls(iam)
    role_removal(iam)


def in_workload_account(aws):
    iam = aws.client("workload", "iam", "runner")
    role_calls(iam, attach=True)
    reading_calls(aws, "workload")
    profile = {"InstanceProfileName": "made"}
    iam.create_instance_profile(**profile, Tags=TAGS)
    iam.get_instance_profile(**profile)
    iam.tag_instance_profile(**profile, Tags=TAGS)
    iam.untag_instance_profile(**profile, TagKeys=["xeks:resource"])
    iam.add_role_to_instance_profile(**profile, RoleName="made")
    iam.remove_role_from_instance_profile(**profile, RoleName="made")
    iam.delete_instance_profile(**profile)
    provider_calls(iam)
    role_removal(iam)


def network(aws) -> dict[str, str]:
    """The VPC of each account: the cluster's, and one for the workload."""
    cluster = aws.client("cluster", "eks").describe_cluster(name="c")["cluster"]["resourcesVpcConfig"]
    made = aws.client("workload", "ec2").create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    return {"cluster": cluster["vpcId"], "workload": made, "group": cluster["clusterSecurityGroupId"]}


def request(ec2, vpcs, requester="workload", accepter="cluster"):
    """An account's request, waiting for the other account."""
    tags = [{"ResourceType": "vpc-peering-connection", "Tags": TAGS}]
    pair = {"VpcId": vpcs[requester], "PeerVpcId": vpcs[accepter], "PeerOwnerId": IDS[accepter]}
    asked = ec2.create_vpc_peering_connection(**pair, TagSpecifications=tags)
    peering = {"VpcPeeringConnectionId": asked["VpcPeeringConnection"]["VpcPeeringConnectionId"]}
    wait(ec2, peering, "pending-acceptance")
    return peering


def wait(ec2, peering, status):
    listing = {"VpcPeeringConnectionIds": [peering["VpcPeeringConnectionId"]]}
    while ec2.describe_vpc_peering_connections(**listing)["VpcPeeringConnections"][0]["Status"]["Code"] != status:
        time.sleep(0.03)


def route_calls(ec2, vpc, peering, block, side):
    ec2.describe_vpcs(VpcIds=[vpc])
    options = {"AllowDnsResolutionFromRemoteVpc": True}
    ec2.modify_vpc_peering_connection_options(**peering, **{f"{side}PeeringConnectionOptions": options})
    (table,) = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
    route = {"RouteTableId": table["RouteTableId"], "DestinationCidrBlock": block}
    ec2.create_route(**route, **peering)
    ec2.replace_route(**route, **peering)
    ec2.delete_route(**route)
    ec2.create_tags(Resources=list(peering.values()), Tags=TAGS)
    ec2.delete_tags(Resources=list(peering.values()), Tags=[{"Key": "xeks:resource"}])


def network_readings(aws, account):
    """What explains a chain of access reads of the network."""
    own = {"PrefixListName": "own", "MaxEntries": 2, "AddressFamily": "IPv4", "Entries": [{"Cidr": "10.9.0.0/16"}]}
    listed = aws.client(account, "ec2").create_managed_prefix_list(**own)["PrefixList"]["PrefixListId"]
    ec2 = aws.client(account, "ec2", "runner")
    ec2.describe_subnets()
    ec2.describe_network_acls()
    ec2.describe_security_groups()
    ec2.describe_security_group_rules()
    ec2.describe_nat_gateways()
    ec2.get_managed_prefix_list_entries(PrefixListId=listed)


def in_cluster_network(aws):
    vpcs = network(aws)
    ec2 = aws.client("cluster", "ec2", "runner")
    peering = request(aws.client("workload", "ec2"), vpcs)
    ec2.accept_vpc_peering_connection(**peering)
    wait(ec2, peering, "active")
    route_calls(ec2, vpcs["cluster"], peering, "10.9.0.0/16", "Accepter")
    https = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.9.0.0/16"}]}
    tags = [{"ResourceType": "security-group-rule", "Tags": TAGS}]
    group = {"GroupId": vpcs["group"]}
    made = ec2.authorize_security_group_ingress(**group, IpPermissions=[https], TagSpecifications=tags)
    rule = [made["SecurityGroupRules"][0]["SecurityGroupRuleId"]]
    ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [vpcs["group"]]}])
    ec2.create_tags(Resources=rule, Tags=TAGS)
    ec2.delete_tags(Resources=rule, Tags=[{"Key": "xeks:resource"}])
    ec2.revoke_security_group_ingress(**group, SecurityGroupRuleIds=rule)
    network_readings(aws, "cluster")


def in_workload_network(aws):
    vpcs = network(aws)
    ec2 = aws.client("workload", "ec2", "runner")
    # One that the cluster's account asked for, which the configuration names.
    theirs = request(aws.client("cluster", "ec2"), vpcs, "cluster", "workload")
    ec2.accept_vpc_peering_connection(**theirs)
    wait(ec2, theirs, "active")
    aws.client("cluster", "ec2").delete_vpc_peering_connection(**theirs)
    wait(ec2, theirs, "deleted")
    peering = request(ec2, vpcs)
    aws.client("cluster", "ec2").accept_vpc_peering_connection(**peering)
    wait(ec2, peering, "active")
    route_calls(ec2, vpcs["workload"], peering, "10.0.0.0/16", "Requester")
    ec2.delete_vpc_peering_connection(**peering)
    network_readings(aws, "workload")


CALLS = {
    "cluster": {"ec2": in_cluster_network, "": in_cluster_account},
    "workload": {"ec2": in_workload_network, "": in_workload_account},
}


def calls_for(account: str, action: str):
    """Those among the account's calls that need the permission."""
    return CALLS[account].get(action.split(":")[0], CALLS[account][""])


def permissions(account: str) -> list[str]:
    statements = accounts.runner_policy(account)["Statement"]
    actions = [
        action
        for one in statements
        for action in ([one["Action"]] if isinstance(one["Action"], str) else one["Action"])
    ]
    return list(dict.fromkeys(actions))


@pytest.fixture
def prepared(aws):
    aws.set_eks_update_seconds(0)
    make_cluster(aws, mode="CONFIG_MAP")
    for account in IDS:
        make_role(aws, account, "attached")
        aws.client(account, "iam").attach_role_policy(RoleName="attached", PolicyArn=BOUNDARY)
    return aws


@pytest.mark.parametrize("account", CALLS)
def test_the_runners_permissions_suffice(prepared, account):
    """The project's own demand: the policies in policies/ are all that xeks needs."""
    for make in CALLS[account].values():
        make(prepared)
    calls = [call for call in prepared.calls() if call["principal"].endswith("xeks-runner/acceptance")]
    assert {call["error"] for call in calls} == {None}
    assert {one for call in calls for one in call["permissions"]} == set(permissions(account))


@pytest.mark.parametrize("account, action", [(account, action) for account in CALLS for action in permissions(account)])
def test_without_one_of_them_a_call_fails_and_names_it(prepared, account, action):
    """IAM user guide, "Troubleshoot access denied error messages": User: … is not authorized to perform: … on
    resource: … because no identity-based policy allows the … action."""
    policy = accounts.runner_policy(account)
    for statement in policy["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        statement["Action"] = [one for one in actions if one != action] or ["none:None"]
    iam = prepared.client(account, "iam")
    iam.put_role_policy(RoleName=accounts.RUNNER_ROLE, PolicyName="xeks", PolicyDocument=json.dumps(policy))
    with pytest.raises(ClientError) as refused:
        calls_for(account, action)(prepared)
    error = refused.value.response["Error"]
    runner = f"arn:aws:sts::{IDS[account]}:assumed-role/xeks-runner/acceptance"
    codes = {"eks": "AccessDeniedException", "ec2": "UnauthorizedOperation"}
    assert error["Code"] == codes.get(action.split(":")[0], "AccessDenied")
    assert f"User: {runner} is not authorized to perform: {action} on resource: " in error["Message"]
    assert (
        error["Message"]
        .split(" Encoded authorization")[0]
        .rstrip(".")
        .endswith(f"because no identity-based policy allows the {action} action")
    )


@pytest.mark.parametrize("account", IDS)
def test_a_runner_may_do_nothing_in_the_other_account(prepared, account):
    """The project's own demand: each side is least-privileged by itself. Conditions may name the other account, and so
    may the name of what is in this one: an access entry's ARN holds the account of its principal."""
    resources = [one["Resource"] for one in accounts.runner_policy(account)["Statement"]]
    arns = [arn for each in resources for arn in ([each] if isinstance(each, str) else each) if arn != "*"]
    assert {arn.split(":")[4] for arn in arns} <= {IDS[account], "aws", "*"}
    assert {arn for arn in arns if arn.split(":")[4] == "*"} <= {"arn:aws:ec2:*:*:prefix-list/*"}


def test_the_pipelines_keys_may_only_assume_the_runner(aws):
    """The project's own demand: long-lived keys are good for one thing, with the external id."""
    for name in IDS:
        with pytest.raises(ClientError, match="iam:ListRoles"):
            aws.client(name, "iam", "pipeline").list_roles()
        account = aws.accounts[name]
        with pytest.raises(ClientError, match="AccessDenied"):
            aws.assume(name, account.runner_role_arn, "pipeline")
        session = aws.assume(name, account.runner_role_arn, "pipeline", ExternalId=account.external_id)
        assert ":assumed-role/xeks-runner/" in aws.client(name, "sts", session).get_caller_identity()["Arn"]
