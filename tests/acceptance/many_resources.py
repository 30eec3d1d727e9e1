"""Many resources of all kinds in one configuration, and the VPCs that they need.

Knows the emulated AWS and HCL. Knows nothing of the CLI.
"""

from accounts import CLUSTER
from aws_emulator.client import Aws
from network import HOME, vpc


def access(at: int, direct: bool = False) -> str:
    """Access for a workload role of its own, in mode `direct` without an access role."""
    profile = "instance_profile = true" if at % 2 else ""
    through = 'mode = "direct"' if direct else f'access_role   = {{ name = "access-{at}" }}'
    return f"""
resource "xeks_cross_account_access" "a{at}" {{
  cluster_name  = "{CLUSTER}"
  {through}
  workload_role = {{
    name = "workload-{at}"
    {profile}
  }}
  kubernetes    = {{ policies = {{ AmazonEKSViewPolicy = {{ scope = "namespace", namespaces = ["n{at}"] }} }} }}
}}
"""


def trust(at: int, chained: bool = False) -> str:
    """A role for pods; chained through a pod role of the cluster account."""
    through = f'mode = "chained"\n  pod_role = {{ name = "pod-{at}" }}' if chained else ""
    return f"""
resource "xeks_irsa_trust" "t{at}" {{
  cluster_name     = "{CLUSTER}"
  service_accounts = [{{ namespace = "n{at}", name = "sa" }}]
  role             = {{ name = "app-{at}", managed_policy_arns = ["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"] }}
  {through}
}}
"""


def peering(at: int, workload_vpc: str) -> str:
    return f"""
resource "xeks_cluster_peering" "p{at}" {{
  cluster_name    = "{CLUSTER}"
  workload_vpc_id = "{workload_vpc}"
}}
"""


def mixed(aws: Aws, count: int) -> str:
    """This many resources: two in five of xeks_cross_account_access, two in five of xeks_irsa_trust, each in both
    modes, and the rest of xeks_cluster_peering."""
    parts = []
    for at in range(count):
        kind = at % 10
        if kind in (0, 1, 5, 6):
            parts.append(access(at, direct=kind in (1, 6)))
        elif kind in (2, 3, 7, 8):
            parts.append(trust(at, chained=kind in (3, 8)))
        else:
            parts.append(peering(at, vpc(aws, "workload", f"10.{100 + at}.0.0/16", HOME)))
    return "".join(parts)
