"""`xeks_cluster_peering` as HCL, and its options."""

from accounts import CLUSTER

ADDRESS = "xeks_cluster_peering.team"


def peering(workload_vpc: str, *lines: str, name: str = "team", cluster: str = CLUSTER) -> str:
    """A resource; `lines` are added to the required attributes."""
    body = "\n  ".join([f'cluster_name = "{cluster}"', f'workload_vpc_id = "{workload_vpc}"', *lines])
    return f'resource "xeks_cluster_peering" "{name}" {{\n  {body}\n}}\n'


#: Each option, as the lines that it adds.
CASES = {
    "as it comes": [],
    "host names": ["dns_resolution = true"],
    "no HTTPS": ["allow_https = false"],
    "HTTPS from elsewhere": ['https_source_cidrs = ["10.30.1.0/24", "192.168.0.0/24"]'],
    "blocks named": ['cluster_cidrs = ["10.20.1.0/24"]', 'workload_cidrs = ["10.30.0.0/24", "10.30.1.0/24"]'],
    "tags and time-outs": ['tags = { team = "x" }', 'timeouts = { create = "5m", delete = "90s" }'],
    "regions named": ['cluster_region = "ap-south-1"', 'workload_region = "ap-south-1"'],
    "adopting": ['adopt = "if_exists"'],
}
