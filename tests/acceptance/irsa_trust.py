"""`xeks_irsa_trust` as HCL, the names that most tests give to its objects, and what a pod gets from STS."""

from accounts import CLUSTER, WORKLOAD_ACCOUNT, role_arn

ADDRESS = "xeks_irsa_trust.app"
ROLE, POD = "nodejs-app", "nodejs-pod"
BUCKETS = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
POLICY = (
    'jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", '
    'Action = "s3:GetObject", Resource = "arn:aws:s3:::b/*" }] })'
)


def trust(
    role: str = f'name = "{ROLE}"',
    service_accounts: str = '{ namespace = "nodejs", name = "nodejs-sa" }',
    clusters: str = f'cluster_name = "{CLUSTER}"',
    more: str = "",
    name: str = "app",
) -> str:
    """A resource; `role` and `service_accounts` are the text between the brackets."""
    lines = [clusters, f"service_accounts = [{service_accounts}]", f"role = {{ {role} }}", *more.splitlines()]
    body = "\n  ".join(lines)
    return f'resource "xeks_irsa_trust" "{name}" {{\n  {body}\n}}\n'


CHAINED = f'mode = "chained"\npod_role = {{ name = "{POD}" }}'


def assume(aws, namespace: str, name: str, cluster: str = CLUSTER) -> str:
    """ARN of the session that a pod gets, or the error's code."""
    sts = aws.client("workload", "sts")
    token = aws.service_account_token(cluster, namespace, name)
    try:
        answer = sts.assume_role_with_web_identity(
            RoleArn=role_arn(WORKLOAD_ACCOUNT, ROLE), RoleSessionName="pod", WebIdentityToken=token
        )
    except sts.exceptions.ClientError as error:
        return error.response["Error"]["Code"]
    return answer["AssumedRoleUser"]["Arn"]
