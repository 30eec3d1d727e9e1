"""EC2 as AWS does it, where ministack differs: the files that hold its rules."""

from . import ec2_peering, ec2_permissions, ec2_routes, ec2_security_groups, ec2_tags, ec2_vpcs  # noqa: F401
