"""Each resource with every kind of object that it can own, and the same objects recreated by someone else.

Knows the emulated AWS and HCL. Knows nothing of the CLI.
"""

import json

from accounts import CLUSTER, TRUSTS_EC2, Accounts
from aws_emulator.client import Aws
from cluster_peering import peering
from cross_account_access import ACCESS, ACCESS_ARN, BUCKETS, WORKLOAD, access
from irsa_trust import POD, POLICY, ROLE, trust
from network import Network

DENY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]})
ADMIN = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
THEIRS = [{"Key": "whose", "Value": "theirs"}]
CREATE_FIRST = "lifecycle {\n  create_before_destroy = true\n}"


def access_of_all(more: str = "") -> str:
    """Two roles, their inline policies, an attachment, an instance profile, an access entry with a policy."""
    workload = f'name = "{WORKLOAD}", instance_profile = true, managed_policy_arns = ["{BUCKETS}"]'
    return access(workload_role=workload, more=more)


def federated_of_all(more: str = "") -> str:
    """A role with inline and attached policies, and the workload account's OIDC provider."""
    role = f'name = "{ROLE}", inline_policies = {{ bucket = {POLICY} }}, managed_policy_arns = ["{BUCKETS}"]'
    return trust(role, more=more)


def chained_of_all(more: str = "") -> str:
    """A role, a pod role with an inline policy, and the cluster account's OIDC provider."""
    pod = f'mode = "chained"\npod_role = {{ name = "{POD}" }}\n{more}'
    return trust('name = "chained-t"', more=pod, name="pod")


def trust_of_all(more: str = "") -> str:
    return federated_of_all(more) + chained_of_all(more)


def peering_of_all(aws: Aws, more: str = "") -> str:
    """A connection with options and tags in both accounts, routes both ways, a rule."""
    return peering(Network(aws).workload_vpc, "dns_resolution = true", 'tags = { team = "x" }', *more.splitlines())


def all_of_all(aws: Aws, more: str = "") -> str:
    return access_of_all(more) + trust_of_all(more) + peering_of_all(aws, more)


def recreate_role(
    accounts: Accounts, account: str, name: str, policies: dict[str, str], attached: tuple[str, ...] = ()
) -> None:
    """Someone else deletes a role and creates it again, with policies and attachments of the same names."""
    accounts.delete_role(account, name)
    iam = accounts.iam(account)
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUSTS_EC2), Tags=THEIRS)
    for policy, document in policies.items():
        iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=document)
    for arn in attached:
        iam.attach_role_policy(RoleName=name, PolicyArn=arn)


def recreate_access(accounts: Accounts) -> None:
    """All of `access_of_all` but the access role."""
    recreate_role(
        accounts,
        "workload",
        WORKLOAD,
        {accounts.own_policy("workload", WORKLOAD, f"xeks-assume-{ACCESS}"): DENY},
        (BUCKETS,),
    )
    iam = accounts.iam("workload")
    iam.delete_instance_profile(InstanceProfileName=WORKLOAD)
    iam.create_instance_profile(InstanceProfileName=WORKLOAD, Tags=THEIRS)
    iam.add_role_to_instance_profile(InstanceProfileName=WORKLOAD, RoleName=WORKLOAD)
    entry = {"clusterName": CLUSTER, "principalArn": ACCESS_ARN}
    accounts.eks.delete_access_entry(**entry)
    accounts.eks.create_access_entry(**entry, tags={"whose": "theirs"})
    accounts.eks.associate_access_policy(**entry, policyArn=ADMIN, accessScope={"type": "cluster"})


def recreate_trust(accounts: Accounts) -> None:
    """All of `trust_of_all` but the role that the chained trust ends at."""
    recreate_role(accounts, "workload", ROLE, {"bucket": DENY}, (BUCKETS,))
    recreate_role(accounts, "cluster", POD, {accounts.own_policy("cluster", POD, "xeks-assume-chained-t"): DENY})
    for account in ("cluster", "workload"):
        iam = accounts.iam(account)
        for provider in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]:
            iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=provider["Arn"])
        iam.create_open_id_connect_provider(Url=accounts.issuer(), ClientIDList=["sts.amazonaws.com"], Tags=THEIRS)


def recreate_peering(network: Network) -> None:
    """All of `peering_of_all`: the connection, its routes and options, and the rule."""
    ours = next(each["VpcPeeringConnectionId"] for each in network.connections())
    network.delete(ours)
    theirs = network.connect()
    network.ec2("workload").create_tags(Resources=[theirs], Tags=THEIRS)
    for account in ("cluster", "workload"):
        ec2 = network.ec2(account)
        for name in network.routes(account):
            table, block = name.split("/", 1)
            ec2.replace_route(RouteTableId=table, DestinationCidrBlock=block, VpcPeeringConnectionId=theirs)
    ec2 = network.ec2("cluster")
    ids = [rule["SecurityGroupRuleId"] for rule in network.rules().values()]
    ec2.revoke_security_group_ingress(GroupId=network.group, SecurityGroupRuleIds=ids)
    https = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.30.0.0/16"}]}
    ec2.authorize_security_group_ingress(GroupId=network.group, IpPermissions=[https])


def identities(accounts: Accounts, network: Network) -> set[str]:
    """The ids that AWS gave the objects: a recreated role has another one."""
    roles = [(account, name) for account in ("cluster", "workload") for name in (ACCESS, WORKLOAD, ROLE, POD)]
    found = {role["RoleId"] for each in roles if (role := accounts.role(*each))}
    return found | {each["VpcPeeringConnectionId"] for each in network.connections()}
