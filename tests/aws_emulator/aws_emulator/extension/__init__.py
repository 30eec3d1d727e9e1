"""The in-process extension that makes ministack answer as AWS does where xeks is concerned.

One file per service, or per subject of a large one, holds its rules; each cites the AWS rule it follows.
"""

from ministack.services import ec2 as stock_ec2

from . import dispatch


def install() -> None:
    """Load every service's handlers and needs, and put the extension behind ministack's front door."""
    from . import ec2, eks_access, eks_clusters, eks_permissions, iam, s3, sts  # noqa: F401 they register themselves

    # ministack gives every account the same default VPC, vpc-00000001, on first sight; on AWS ids are unique.
    stock_ec2._init_defaults = lambda: None
    dispatch.install()
    s3.install()
