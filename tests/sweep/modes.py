"""The resources in every mode: what is made, what it is changed to, and what must be there before.

Knows HCL and the AWS under test. Knows nothing of faults.
"""

from collections.abc import Callable
from dataclasses import dataclass

from aws_emulator.client import Aws
from cluster_peering import peering
from cross_account_access import ACCESS, BUCKETS, WORKLOAD, access
from irsa_trust import POD, POLICY, ROLE, trust
from network import Network
from world import TRUSTS_EC2, World

QUEUES = "arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess"


@dataclass(frozen=True)
class Mode:
    resource: str
    name: str
    address: str
    #: The first configuration, and the one that an update changes to: it touches every kind of object.
    write: Callable[[Aws], tuple[str, str]]

    def __str__(self) -> str:
        return f"{self.resource}/{self.name}"


def assume_role(_: Aws) -> tuple[str, str]:
    return (
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


def direct(_: Aws) -> tuple[str, str]:
    return (
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


def existing_roles(aws: Aws) -> tuple[str, str]:
    """Somebody else's roles, of which only our additions may go."""
    world = World(aws)
    world.make_role("cluster", ACCESS, TRUSTS_EC2)
    world.make_role("workload", WORKLOAD, TRUSTS_EC2)
    roles = f'name = "{ACCESS}", existing = true', f'name = "{WORKLOAD}", existing = true'
    return (
        access(*roles, 'policies = { AmazonEKSClusterAdminPolicy = { scope = "cluster" } }'),
        access(
            f'name = "{ACCESS}", existing = true, external_id = "x-1"',
            roles[1],
            'groups = ["g"], policies = { AmazonEKSViewPolicy = { scope = "namespace", namespaces = ["a"] } }',
        ),
    )


def federated(_: Aws) -> tuple[str, str]:
    return (
        trust(f'name = "{ROLE}", inline_policies = {{ bucket = {POLICY} }}, managed_policy_arns = ["{BUCKETS}"]'),
        trust(
            f'name = "{ROLE}", inline_policies = {{ other = {POLICY} }}, managed_policy_arns = ["{QUEUES}"], description = "d"',
            '{ namespace = "a", name = "x" }, { namespace = "b", name = "y" }',
            more='audiences = ["sts.amazonaws.com", "vault"]\ntags = { team = "b" }',
        ),
    )


def chained(_: Aws) -> tuple[str, str]:
    pod = f'mode = "chained"\npod_role = {{ name = "{POD}"'
    return (
        trust(f'name = "{ROLE}", inline_policies = {{ bucket = {POLICY} }}', more=pod + " }"),
        trust(
            f'name = "{ROLE}", managed_policy_arns = ["{QUEUES}"], max_session_duration = 7200',
            '{ namespace = "a", name = "x" }',
            more=pod + ', description = "d" }\ntags = { team = "b" }',
        ),
    )


def network(aws: Aws) -> tuple[str, str]:
    vpc = Network(aws).workload_vpc
    return (
        peering(vpc, "dns_resolution = true", 'tags = { team = "a" }'),
        peering(vpc, 'workload_cidrs = ["10.30.1.0/24", "10.30.2.0/24"]', 'tags = { team = "b", more = "c" }'),
    )


def connection(aws: Aws) -> tuple[str, str]:
    """Over a connection that is somebody else's."""
    network = Network(aws)
    lines = [f'peering_connection_id = "{network.connect()}"']
    return (
        peering(network.workload_vpc, *lines),
        peering(network.workload_vpc, *lines, 'https_source_cidrs = ["10.30.1.0/24"]', "dns_resolution = true"),
    )


MODES = [
    Mode("access", "assume_role", "xeks_cross_account_access.ec2", assume_role),
    Mode("access", "direct", "xeks_cross_account_access.ec2", direct),
    Mode("access", "existing", "xeks_cross_account_access.ec2", existing_roles),
    Mode("irsa", "federated", "xeks_irsa_trust.app", federated),
    Mode("irsa", "chained", "xeks_irsa_trust.app", chained),
    Mode("peering", "new", "xeks_cluster_peering.team", network),
    Mode("peering", "existing", "xeks_cluster_peering.team", connection),
]
