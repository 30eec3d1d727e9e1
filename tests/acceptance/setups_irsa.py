"""Set-ups of `xeks_irsa_path`: one broken thing each, over every hop, and sound ones."""

from collections.abc import Callable
from typing import Any

from accounts import CLUSTER_ACCOUNT, WORKLOAD_ACCOUNT, Accounts, role_arn
from manual_irsa import AUDIENCE, SERVICE_ACCOUNT, ManualIrsa, allow
from setups import Asked, Setup

OTHER_ISSUER = "oidc.eks.ap-south-1.amazonaws.com/id/99998888777766665555444433332222"


def making(**options: Any) -> Callable[[Accounts, str], ManualIrsa]:
    return lambda accounts, key: ManualIrsa(accounts, key, **options)


def asking(made: ManualIrsa) -> Asked:
    return Asked("xeks_irsa_path", made.asks())


def broken(name: str, *, breaks, hop: str, reason: str, fix: str = "", status: str = "broken", **options: Any) -> Setup:
    return Setup(name, making(**options), asking, breaks, hop, status, reason, fix)


def sound(name: str, then=lambda made: None, **options: Any) -> Setup:
    """`then` changes it to another sound one."""
    return Setup(name, making(**options), asking, then)


ISSUER = [
    broken(
        "The cluster is gone",
        breaks=ManualIrsa.remove_cluster,
        hop="issuer",
        reason="No cluster irsa-",
        fix="cluster_name",
    ),
]

PROVIDER = [
    broken(
        "No OIDC provider in the role's account",
        breaks=ManualIrsa.remove_provider,
        hop="oidc_provider",
        reason=f"Account {WORKLOAD_ACCOUNT} has no OIDC provider for https://oidc.eks.",
        fix="xeks_irsa_trust",
    ),
    broken(
        "The OIDC provider is in the cluster's account instead of the role's",
        breaks=lambda made: (made.remove_provider(), made.make_provider("cluster")),
        hop="oidc_provider",
        reason=f"Account {CLUSTER_ACCOUNT} has one, which STS does not use for this role.",
    ),
    broken(
        "The audience is missing from the provider's client ids",
        breaks=lambda made: (made.remove_provider(), made.make_provider(client_ids=("vault",))),
        hop="oidc_provider",
        reason="The audience sts.amazonaws.com is not among its client IDs, which are vault",
        fix="add-client-id",
    ),
    broken(
        "The pods' tokens have another audience than the provider takes",
        breaks=lambda made: None,
        hop="oidc_provider",
        reason="The audience vault is not among its client IDs, which are sts.amazonaws.com",
        audience="vault",
    ),
    broken(
        "The cluster was recreated; the OIDC provider and the trust policy are for the old one",
        breaks=ManualIrsa.recreate_cluster,
        hop="oidc_provider",
        reason="of this cluster before it was recreated",
    ),
]

TRUST = [
    broken(
        "The role is gone",
        breaks=lambda made: made.accounts.delete_role("workload", made.name),
        hop="trust",
        reason="No role app-",
    ),
    broken(
        "The role's ARN lacks its path",
        breaks=lambda made: made.arguments.update(role_arn=role_arn(WORKLOAD_ACCOUNT, made.name)),
        hop="trust",
        reason="does not exist: the role app-",
        path="/irsa/",
    ),
    broken(
        "A wildcard compared by StringEquals",
        breaks=lambda made: made.trusts(made.asking_for({"{}:aud": AUDIENCE, "{}:sub": "system:serviceaccount:nodejs:*"})),
        hop="trust",
        reason="treats a wildcard as a literal character, so the condition never matches",
        fix="StringLike",
    ),
    broken(
        "https:// left in the provider's ARN",
        breaks=lambda made: made.trusts(
            made.statement(Principal={"Federated": made.provider.replace("/oidc.", "/https://oidc.")})
        ),
        hop="trust",
        reason="is not the ARN of an OIDC provider, because it contains https://",
    ),
    broken(
        "https:// left in the condition keys",
        breaks=lambda made: made.trusts(made.asking_for({"https://{}:aud": AUDIENCE, "https://{}:sub": SERVICE_ACCOUNT})),
        hop="trust",
        reason="condition keys do not contain https://",
    ),
    broken(
        "The provider's ARN as condition key",
        breaks=lambda made: made.trusts(made.asking_for({f"{made.provider}:sub": SERVICE_ACCOUNT})),
        hop="trust",
        reason="the provider's ARN is not a condition key",
    ),
    broken(
        "The trust names the provider of the cluster's account",
        breaks=lambda made: made.trusts(
            made.statement(Principal={"Federated": made.provider_of(CLUSTER_ACCOUNT, made.issuer)})
        ),
        hop="trust",
        reason=f"contains the OIDC provider of account {CLUSTER_ACCOUNT}",
    ),
    broken(
        "The trust names another issuer's provider",
        breaks=lambda made: made.trusts(
            made.statement(Principal={"Federated": made.provider_of(WORKLOAD_ACCOUNT, OTHER_ISSUER)})
        ),
        hop="trust",
        reason=f"contains the OIDC provider for {OTHER_ISSUER}",
    ),
    broken(
        "The conditions are of another issuer",
        breaks=lambda made: made.trusts(
            made.asking_for({f"{OTHER_ISSUER}:aud": AUDIENCE, f"{OTHER_ISSUER}:sub": SERVICE_ACCOUNT})
        ),
        hop="trust",
        reason="the key is for another cluster's issuer, or for this cluster's before it was recreated",
    ),
    broken(
        "Another namespace",
        breaks=lambda made: made.trusts(made.asking_for({"{}:sub": "system:serviceaccount:default:nodejs-sa"})),
        hop="trust",
        reason=f"requires the subject system:serviceaccount:default:nodejs-sa, but the pods have {SERVICE_ACCOUNT}",
        fix="service_accounts of xeks_irsa_trust",
    ),
    broken(
        "Another service account, by pattern",
        breaks=lambda made: made.trusts(made.asking_for({"{}:sub": "system:serviceaccount:nodejs:web-*"}, "StringLike")),
        hop="trust",
        reason="requires the subject system:serviceaccount:nodejs:web-*",
    ),
    broken(
        "A subject without its prefix",
        breaks=lambda made: made.trusts(made.asking_for({"{}:sub": "nodejs:nodejs-sa"})),
        hop="trust",
        reason=f"the subject of a service account has the form {SERVICE_ACCOUNT}",
    ),
    broken(
        "A subject in the wrong case",
        breaks=lambda made: made.trusts(made.asking_for({"{}:sub": "system:serviceaccount:NodeJS:nodejs-sa"})),
        hop="trust",
        reason="in case",
    ),
    broken(
        "Another audience in the trust",
        breaks=lambda made: made.trusts(made.asking_for({"{}:aud": "vault", "{}:sub": SERVICE_ACCOUNT})),
        hop="trust",
        reason="requires the audience vault, but the tokens have sts.amazonaws.com",
    ),
    broken(
        "sts:AssumeRole instead of sts:AssumeRoleWithWebIdentity",
        breaks=lambda made: made.trusts(made.statement(Action="sts:AssumeRole")),
        hop="trust",
        reason="is for sts:AssumeRole, but pods call sts:AssumeRoleWithWebIdentity",
    ),
    broken(
        "A trust for instances only",
        breaks=lambda made: made.trusts(
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ),
        hop="trust",
        reason="No statement of the trust policy applies to tokens of an OIDC provider",
        fix="sts:AssumeRoleWithWebIdentity",
    ),
    broken(
        "A trust in the account, not in the provider",
        breaks=lambda made: made.trusts(made.statement(Principal={"AWS": WORKLOAD_ACCOUNT}, Condition={})),
        hop="trust",
        reason="but no OIDC provider",
    ),
    broken(
        "A Deny for the namespace",
        breaks=lambda made: made.trusts(
            made.statement(),
            made.asking_for({"{}:sub": "system:serviceaccount:nodejs:*"}, "StringLike")
            | {"Effect": "Deny", "Sid": "No"},
        ),
        hop="trust",
        reason='Statement "No" of the trust policy of the role app-',
    ),
    broken(
        "A condition on the caller's organisation, which a token has not",
        breaks=lambda made: made.trusts(
            made.asking_for({"aws:PrincipalOrgID": "o-abc123", "{}:sub": SERVICE_ACCOUNT})
        ),
        hop="trust",
        reason="a request with a web identity has no such key",
    ),
    broken(
        "A condition on the address that calls come from",
        breaks=lambda made: made.trusts(
            made.statement(Condition={"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}})
        ),
        hop="trust",
        reason="aws:SourceIp of the request is not known",
        status="unknown",
    ),
]  # fmt: skip

CHAINED = [
    broken(
        "Chained: the pod role trusts another service account",
        breaks=lambda made: made.trusts(made.asking_for({"{}:sub": "system:serviceaccount:nodejs:other"})),
        hop="trust",
        reason="requires the subject system:serviceaccount:nodejs:other",
        chained=True,
    ),
    broken(
        "Chained: the pod role may not assume the role",
        breaks=lambda made: made.pod_may(allow("sts:AssumeRole", role_arn(WORKLOAD_ACCOUNT, "other"))),
        hop="assume_role",
        reason="is not allowed to call sts:AssumeRole",
        chained=True,
    ),
    broken(
        "Chained: the pod role was recreated",
        breaks=ManualIrsa.recreate_pod_role,
        hop="assume_role",
        reason="the unique ID of a deleted principal",
        chained=True,
    ),
]

PERMISSIONS = [
    broken(
        "No policy at all",
        breaks=lambda made: (
            made.iam.delete_role_policy(RoleName=made.name, PolicyName="bucket"),
            made.arguments.update(actions=None, resources=None),
        ),
        hop="permissions",
        reason="No policy is attached",
    ),
    broken(
        "The policy lacks an action",
        breaks=lambda made: made.may(allow("s3:GetObject")),
        hop="permissions",
        reason="The role is not allowed to call s3:PutObject on arn:aws:s3:::uploads/photo.jpg",
    ),
    broken(
        "The policy is for another bucket",
        breaks=lambda made: made.may(allow(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::downloads/*")),
        hop="permissions",
        reason="is for the resource arn:aws:s3:::downloads/*",
    ),
    broken(
        "A Deny among the policies",
        breaks=lambda made: made.may(allow("s3:*"), allow("s3:Put*", "*", "Deny")),
        hop="permissions",
        reason="statement 2 of policy bucket of the role app-",
    ),
    broken(
        "A permissions boundary that leaves it out",
        breaks=lambda made: made.bounded(allow("ec2:*", "*")),
        hop="permissions",
        reason="the permissions boundary boundary-",
        fix="permissions_boundary",
    ),
    broken(
        "A permission on a condition that can't be known",
        breaks=lambda made: made.may(allow("s3:*") | {"Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}}),
        hop="permissions",
        reason="is unknown: aws:SourceIp of the request is not known",
        status="unknown",
    ),
]

SOUND = [
    sound("As xeks_irsa_trust makes it"),
    sound(
        "Service accounts by pattern",
        lambda made: made.trusts(made.asking_for({"{}:sub": "system:serviceaccount:node*:*-s?"}, "StringLike")),
    ),
    sound(
        "Another audience, on provider, trust and pods",
        lambda made: (
            made.iam.add_client_id_to_open_id_connect_provider(
                OpenIDConnectProviderArn=made.provider, ClientID="vault"
            ),
            made.trusts(made.asking_for({"{}:aud": ["vault", AUDIENCE], "{}:sub": SERVICE_ACCOUNT})),
        ),
        audience="vault",
    ),
    sound(
        "Blue and green clusters in one trust",
        lambda made: made.trusts(
            made.statement(Principal={"Federated": made.provider_of(WORKLOAD_ACCOUNT, OTHER_ISSUER)}), made.statement()
        ),
    ),
    sound("A role with a path", path="/irsa/"),
    sound("A boundary that allows it", lambda made: made.bounded(allow("s3:*", "*"))),
    sound(
        "A Deny for others",
        lambda made: made.trusts(
            made.statement(),
            made.asking_for({"{}:sub": "system:serviceaccount:kube-system:*"}, "StringLike") | {"Effect": "Deny"},
        ),
    ),
    sound("Chained through a pod role", chained=True),
    sound("Nothing asked of the permissions", actions=None, resources=None),
]

BROKEN = [*ISSUER, *PROVIDER, *TRUST, *CHAINED, *PERMISSIONS]
