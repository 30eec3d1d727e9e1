"""EC2 as AWS does it, where ministack differs: the files that hold its rules."""

from . import (  # noqa: F401
    ec2_nat_gateways,
    ec2_network_acls,
    ec2_peering,
    ec2_permissions,
    ec2_routes,
    ec2_security_groups,
    ec2_tags,
    ec2_vpcs,
)
