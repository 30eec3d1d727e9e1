"""The resources in every mode: what is made, what it is changed to, and what must be there before.

Knows HCL and the emulated AWS. Knows nothing of faults.
"""

from collections.abc import Callable
from dataclasses import dataclass

from accounts import CLUSTER, TRUSTS_EC2, Accounts
from aws_emulator.client import Aws
from cluster_peering import peering
from configurations import Update
from cross_account_access import ACCESS, BUCKETS, WORKLOAD, access
from irsa_trust import POD, POLICY, ROLE, trust
from network import Network

QUEUES = "arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess"


@dataclass(frozen=True)
class Mode:
    resource: str
    name: str
    address: str
    #: The update touches every kind of object.
    write: Callable[[Aws], Update]
    #: Whether an import makes of it what an apply makes: not of a foreign entry, which belongs to the resource once it is imported.
    imports: bool = True
    #: Whether another resource has a part in the objects: which of the two wrote what they share is chance after a fault.
    shares: bool = False

    def __str__(self) -> str:
        return f"{self.resource}/{self.name}"


def assume_role(_: Aws) -> Update:
    return Update(
        access(
            f'name = "{ACCESS}"',
            f'name = "{WORKLOAD}", instance_profile = true, managed_policy_arns = ["{BUCKETS}"]',
            'policies = { AmazonEKSClusterAdminPolicy = { scope = "cluster" } }',
            'tags = { team = "a" }',
        ),
        access(
            f'name = "{ACCESS}", external_id = "x-1", description = "d", max_session_duration = 7200',
            f'name = "{WORKLOAD}", managed_policy_arns = ["{QUEUES}"], trusted_services = ["ec2.amazonaws.com", "lambda.amazonaws.com"]',
            'username = "team", groups = ["g"], policies = { AmazonEKSEditPolicy = { scope = "namespace", namespaces = ["a"] } }',
            'tags = { team = "b", more = "c" }',
        ),
    )


def direct(_: Aws) -> Update:
    return Update(
        access(
            None,
            f'name = "{WORKLOAD}"',
            'policies = { AmazonEKSViewPolicy = { scope = "cluster" } }',
            'mode = "direct"',
        ),
        access(
            None,
            f'name = "{WORKLOAD}", instance_profile = true, description = "d", managed_policy_arns = ["{QUEUES}"]',
            'groups = ["g"], policies = { AmazonEKSViewPolicy = { scope = "namespace", namespaces = ["a"] } }',
            'mode = "direct"\ntags = { team = "b" }',
        ),
    )


def existing_roles(aws: Aws) -> Update:
    """Foreign roles, from which only what the resource added may be removed."""
    accounts = Accounts(aws)
    accounts.make_role("cluster", ACCESS, TRUSTS_EC2)
    accounts.make_role("workload", WORKLOAD, TRUSTS_EC2)
    roles = f'name = "{ACCESS}", existing = true', f'name = "{WORKLOAD}", existing = true'
    return Update(
        access(*roles, 'policies = { AmazonEKSClusterAdminPolicy = { scope = "cluster" } }'),
        access(
            f'name = "{ACCESS}", existing = true, external_id = "x-1"',
            roles[1],
            'groups = ["g"], policies = { AmazonEKSViewPolicy = { scope = "namespace", namespaces = ["a"] } }',
        ),
    )


def adopted_entry(aws: Aws) -> Update:
    """A foreign access entry: what others associated stays, and the policies that the resource associated go."""
    accounts = Accounts(aws)
    accounts.make_role("cluster", ACCESS, TRUSTS_EC2)
    entry = {"clusterName": CLUSTER, "principalArn": accounts.role("cluster", ACCESS)["Arn"]}
    accounts.eks.create_access_entry(**entry)
    theirs = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
    accounts.eks.associate_access_policy(**entry, policyArn=theirs, accessScope={"type": "cluster"})
    roles = f'name = "{ACCESS}", existing = true', f'name = "{WORKLOAD}"'
    adopt = 'adopt = "if_exists"'
    return Update(
        access(*roles, 'policies = { AmazonEKSClusterAdminPolicy = { scope = "cluster" } }', adopt),
        access(
            *roles,
            'policies = { AmazonEKSViewPolicy = { scope = "cluster" }, AmazonEKSEditPolicy = { scope = "namespace", namespaces = ["a"] } }',
            adopt + '\ntags = { team = "b" }',
        ),
    )


def federated(_: Aws) -> Update:
    return Update(
        trust(f'name = "{ROLE}", inline_policies = {{ bucket = {POLICY} }}, managed_policy_arns = ["{BUCKETS}"]'),
        trust(
            f'name = "{ROLE}", inline_policies = {{ other = {POLICY} }}, managed_policy_arns = ["{QUEUES}"], description = "d"',
            '{ namespace = "a", name = "x" }, { namespace = "b", name = "y" }',
            more='audiences = ["sts.amazonaws.com", "vault"]\ntags = { team = "b" }',
        ),
    )


def chained(_: Aws) -> Update:
    pod = f'mode = "chained"\npod_role = {{ name = "{POD}"'
    return Update(
        trust(f'name = "{ROLE}", inline_policies = {{ bucket = {POLICY} }}', more=pod + " }"),
        trust(
            f'name = "{ROLE}", managed_policy_arns = ["{QUEUES}"], max_session_duration = 7200',
            '{ namespace = "a", name = "x" }',
            more=pod + ', description = "d" }\ntags = { team = "b" }',
        ),
    )


def shared_pod_role(aws: Aws) -> Update:
    """Two trusts on one existing pod role and one statement, which the first one writes and leaves to the other."""
    Accounts(aws).make_role("cluster", POD, TRUSTS_EC2)
    pod = f'mode = "chained"\npod_role = {{ name = "{POD}", existing = true }}'
    other = trust('name = "other-target"', more=f"{pod}\ndepends_on = [xeks_irsa_trust.app]", name="other")
    return Update(
        other + trust(f'name = "{ROLE}"', more=pod),
        other + trust(f'name = "{ROLE}"', '{ namespace = "a", name = "x" }', more=pod),
    )


def network(aws: Aws) -> Update:
    vpc = Network(aws).workload_vpc
    return Update(
        peering(vpc, "dns_resolution = true", 'tags = { team = "a" }'),
        peering(vpc, 'workload_cidrs = ["10.30.1.0/24", "10.30.2.0/24"]', 'tags = { team = "b", more = "c" }'),
    )


def connection(aws: Aws) -> Update:
    """Over a foreign connection."""
    network = Network(aws)
    lines = [f'peering_connection_id = "{network.connect()}"']
    return Update(
        peering(network.workload_vpc, *lines),
        peering(network.workload_vpc, *lines, 'https_source_cidrs = ["10.30.1.0/24"]', "dns_resolution = true"),
    )


MODES = [
    Mode("access", "assume_role", "xeks_cross_account_access.ec2", assume_role),
    Mode("access", "direct", "xeks_cross_account_access.ec2", direct),
    Mode("access", "existing", "xeks_cross_account_access.ec2", existing_roles),
    Mode("irsa", "federated", "xeks_irsa_trust.app", federated),
    Mode("irsa", "chained", "xeks_irsa_trust.app", chained),
    Mode("irsa", "shared", "xeks_irsa_trust.app", shared_pod_role, imports=False, shares=True),
    Mode("peering", "new", "xeks_cluster_peering.team", network),
    Mode("peering", "existing", "xeks_cluster_peering.team", connection),
    Mode("access", "adopted", "xeks_cross_account_access.ec2", adopted_entry, imports=False),
]
