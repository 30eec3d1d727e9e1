"""ARNs and AWS's own host names, by partition."""


def partition(region: str) -> str:
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def eks(region: str, account: str, resource: str) -> str:
    return f"arn:{partition(region)}:eks:{region}:{account}:{resource}"


def issuer(region: str, identifier: str) -> str:
    """EKS user guide, "Create an IAM OIDC provider for your cluster": https://oidc.eks.REGION.amazonaws.com/id/ID."""
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://oidc.eks.{region}.{suffix}/id/{identifier}"
