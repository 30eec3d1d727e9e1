"""`xeks_cluster_peering` as HCL."""

from accounts import CLUSTER

ADDRESS = "xeks_cluster_peering.team"


def peering(workload_vpc: str, *lines: str, name: str = "team", cluster: str = CLUSTER) -> str:
    """A resource; `lines` are added to the required attributes."""
    body = "\n  ".join([f'cluster_name = "{cluster}"', f'workload_vpc_id = "{workload_vpc}"', *lines])
    return f'resource "xeks_cluster_peering" "{name}" {{\n  {body}\n}}\n'
