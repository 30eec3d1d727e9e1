"""`xeks_irsa_trust` as HCL: its modes, options and updates, the names of its objects, and what a pod gets from STS."""

from accounts import CLUSTER, CLUSTER_ACCOUNT, WORKLOAD_ACCOUNT, role_arn
from configurations import Update

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

#: Each mode and option.
CASES = {
    "as in the story": trust(f'name = "{ROLE}", inline_policies = {{ bucket = {POLICY} }}'),
    "several service accounts": trust(service_accounts='{ namespace = "a", name = "x" }, { namespace = "b", name = "y" }'),
    "a wildcard": trust(service_accounts='{ namespace = "team-*", name = "?pp" }'),
    "another audience": trust(more='audiences = ["sts.amazonaws.com", "vault"]'),
    "managed policies": trust(f'name = "{ROLE}", managed_policy_arns = ["{BUCKETS}"]'),
    "path and duration": trust(f'name = "{ROLE}", path = "/irsa/", description = "d", max_session_duration = 7200'),
    "a retained provider": trust(more='oidc_provider = { manage = "retain" }'),
    "thumbprints": trust(more='oidc_provider = { thumbprints = ["9e99a48a9960b14926bb7f3b02e22da2b0ab7280"] }'),
    "chained": trust(more=CHAINED),
    "tags": trust(f'name = "{ROLE}", tags = {{ side = "w" }}', more='tags = { team = "x" }'),
    "chained with all that pods pass": trust(more=f'{CHAINED}\nexternal_id = "team-x"\nsession_tags = true\nsource_identity = true'),
    "names of profile and objects": trust(more='client = { profile_name = "p", object_name = "o" }'),
    "tags of the provider": trust(more='oidc_provider = { tags = { team = "y" } }\ntags = { team = "x" }'),
}  # fmt: skip

#: What changes in place.
UPDATES = {
    "a service account": Update(trust(), trust(service_accounts='{ namespace = "nodejs", name = "nodejs-sa" }, { namespace = "b", name = "y" }')),
    "a wildcard": Update(trust(), trust(service_accounts='{ namespace = "nodejs", name = "*" }')),
    "audience": Update(trust(), trust(more='audiences = ["vault"]')),
    "an inline policy": Update(trust(), trust(f'name = "{ROLE}", inline_policies = {{ bucket = {POLICY} }}')),
    "managed policies": Update(trust(), trust(f'name = "{ROLE}", managed_policy_arns = ["{BUCKETS}"]')),
    "session duration": Update(trust(), trust(f'name = "{ROLE}", max_session_duration = 7200')),
    "tags": Update(trust(more='tags = { a = "1" }'), trust(more='tags = { b = "2" }')),
    "tags of the provider": Update(trust(more='oidc_provider = { tags = { a = "1" } }'), trust(more='oidc_provider = { tags = { b = "2" } }')),
    "external id": Update(trust(more=CHAINED), trust(more=f'{CHAINED}\nexternal_id = "team-x"')),
    "session tags": Update(trust(more=f'{CHAINED}\nexternal_id = "team-x"'), trust(more=f'{CHAINED}\nexternal_id = "team-x"\nsession_tags = true')),
    "names": Update(trust(more=CHAINED), trust(more=f'{CHAINED}\nclient = {{ profile_name = "p" }}')),
}  # fmt: skip


def pod_credentials(aws, role: str = POD):
    """What a pod of nodejs/nodejs-sa gets with its token: a session of the pod role."""
    answer = aws.client("cluster", "sts").assume_role_with_web_identity(
        RoleArn=role_arn(CLUSTER_ACCOUNT, role),
        RoleSessionName="pod",
        WebIdentityToken=aws.service_account_token(CLUSTER, "nodejs", "nodejs-sa"),
    )
    keys = answer["Credentials"]
    return type(aws.accounts["cluster"].root)(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])


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
