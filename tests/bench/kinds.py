"""What is measured: each resource, as HCL for any number of them, and the longest chain of calls of its apply."""

from collections.abc import Callable
from dataclasses import dataclass

from aws_emulator.client import Aws
from cluster_peering import peering
from cross_account_access import access
from irsa_trust import POLICY, trust
from network import HOME, vpc

#: Active peering connections of one VPC that AWS allows unless asked for more (VPC user guide, "Amazon VPC quotas").
PEERINGS = 50


@dataclass(frozen=True)
class Kind:
    name: str
    hcl: Callable[[Aws, int], str]
    #: Calls of an apply that wait for each other: those of its two plans, which all resources make at the same time.
    planned: int
    #: And those that each one makes, with the last look.
    applied: int
    #: The most of them that one cluster can have.
    most: int | None = None

    def counts(self, wanted: list[int]) -> list[int]:
        """Those of the wanted numbers that there can be, and the most where more are wanted."""
        return sorted({min(count, self.most or count) for count in wanted})


def _access(_: Aws, count: int) -> str:
    names = 'name = "a${count.index}"', 'name = "w${count.index}", instance_profile = true'
    policy = 'policies = { AmazonEKSClusterAdminPolicy = { scope = "cluster" } }'
    return access(*names, policy, f"count = {count}")


def _trust(_: Aws, count: int) -> str:
    role = f'name = "r${{count.index}}", inline_policies = {{ bucket = {POLICY} }}'
    return trust(role, '{ namespace = "n${count.index}", name = "x" }', more=f"count = {count}")


def _peering(aws: Aws, count: int) -> str:
    vpcs = (vpc(aws, "workload", f"10.{100 + at}.0.0/16", HOME) for at in range(count))
    return "".join(peering(vpc_id, name=f"p{at}") for at, vpc_id in enumerate(vpcs))


KINDS = {
    kind.name: kind
    for kind in (
        # Twice identity and reads; both roles, access entry, access policy, last look.
        Kind("xeks_cross_account_access", _access, planned=4, applied=5),
        # Twice identity and reads; role, inline policy, last look. The first one makes the OIDC provider for all.
        Kind("xeks_irsa_trust", _trust, planned=5, applied=3),
        # Twice identity and two steps of reads; request, acceptance, tags, routes, last look. EC2's own time for the
        # transitions of the connection is not in it.
        Kind("xeks_cluster_peering", _peering, planned=6, applied=5, most=PEERINGS),
    )
}
