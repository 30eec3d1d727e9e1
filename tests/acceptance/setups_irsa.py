"""Set-ups of `xeks_irsa_path`: one broken thing each, over every hop, and sound ones."""

from collections.abc import Callable
from typing import Any

from irsa import AUDIENCE, SERVICE_ACCOUNT, Irsa, allow
from setups import Asked, Setup
from world import CLUSTER_ACCOUNT, WORKLOAD_ACCOUNT, World, role_arn

OTHER_ISSUER = "oidc.eks.ap-south-1.amazonaws.com/id/99998888777766665555444433332222"


def making(**options: Any) -> Callable[[World, str], Irsa]:
    return lambda world, key: Irsa(world, key, **options)


def asking(made: Irsa) -> Asked:
    return Asked("xeks_irsa_path", made.asks())


def broken(name: str, breaks, hop: str, reason: str, fix: str = "", status: str = "broken", **options: Any) -> Setup:
    return Setup(name, making(**options), asking, breaks, hop, status, reason, fix)


def sound(name: str, then=lambda made: None, **options: Any) -> Setup:
    """`then` changes it to another sound one."""
    return Setup(name, making(**options), asking, then)


ISSUER = [
    broken("The cluster is gone", Irsa.remove_cluster, "issuer", "No cluster irsa-", "cluster_name"),
]

PROVIDER = [
    broken(
        "No OIDC provider in the role's account",
        Irsa.remove_provider,
        "oidc_provider",
        f"Account {WORKLOAD_ACCOUNT} has no OIDC provider for https://oidc.eks.",
        "xeks_irsa_trust",
    ),
    broken(
        "The OIDC provider is in the cluster's account instead of the role's",
        lambda made: (made.remove_provider(), made.make_provider("cluster")),
        "oidc_provider",
        f"Account {CLUSTER_ACCOUNT} has one, which STS does not use for this role.",
    ),
    broken(
        "The audience is missing from the provider's client ids",
        lambda made: (made.remove_provider(), made.make_provider(client_ids=("vault",))),
        "oidc_provider",
        "The audience sts.amazonaws.com is not among its client IDs, which are vault",
        "add-client-id",
    ),
    broken(
        "The pods' tokens have another audience than the provider takes",
        lambda made: None,
        "oidc_provider",
        "The audience vault is not among its client IDs, which are sts.amazonaws.com",
        audience="vault",
    ),
    broken(
        "The cluster was made anew, and provider and trust are the old one's",
        Irsa.remake_cluster,
        "oidc_provider",
        "of this cluster before it was recreated",
    ),
]

TRUST = [
    broken(
        "The role is gone",
        lambda made: made.world.delete_role("workload", made.name),
        "trust",
        "No role app-",
    ),
    broken(
        "The role's ARN lacks its path",
        lambda made: made.arguments.update(role_arn=role_arn(WORKLOAD_ACCOUNT, made.name)),
        "trust",
        "does not exist: the role app-",
        path="/irsa/",
    ),
    broken(
        "A wildcard compared by StringEquals",
        lambda made: made.trusts(made.asking_for({"{}:aud": AUDIENCE, "{}:sub": "system:serviceaccount:nodejs:*"})),
        "trust",
        "treats a wildcard as a literal character, so the condition never matches",
        "StringLike",
    ),
    broken(
        "https:// left in the provider's ARN",
        lambda made: made.trusts(
            made.statement(Principal={"Federated": made.provider.replace("/oidc.", "/https://oidc.")})
        ),
        "trust",
        "is not the ARN of an OIDC provider, because it contains https://",
    ),
    broken(
        "https:// left in the condition keys",
        lambda made: made.trusts(made.asking_for({"https://{}:aud": AUDIENCE, "https://{}:sub": SERVICE_ACCOUNT})),
        "trust",
        "condition keys do not contain https://",
    ),
    broken(
        "The provider's ARN as condition key",
        lambda made: made.trusts(made.asking_for({f"{made.provider}:sub": SERVICE_ACCOUNT})),
        "trust",
        "the provider's ARN is not a condition key",
    ),
    broken(
        "The trust names the provider of the cluster's account",
        lambda made: made.trusts(
            made.statement(Principal={"Federated": made.provider_of(CLUSTER_ACCOUNT, made.issuer)})
        ),
        "trust",
        f"contains the OIDC provider of account {CLUSTER_ACCOUNT}",
    ),
    broken(
        "The trust names another issuer's provider",
        lambda made: made.trusts(
            made.statement(Principal={"Federated": made.provider_of(WORKLOAD_ACCOUNT, OTHER_ISSUER)})
        ),
        "trust",
        f"contains the OIDC provider for {OTHER_ISSUER}",
    ),
    broken(
        "The conditions are of another issuer",
        lambda made: made.trusts(
            made.asking_for({f"{OTHER_ISSUER}:aud": AUDIENCE, f"{OTHER_ISSUER}:sub": SERVICE_ACCOUNT})
        ),
        "trust",
        "the key is for another cluster's issuer, or for this cluster's before it was recreated",
    ),
    broken(
        "Another namespace",
        lambda made: made.trusts(made.asking_for({"{}:sub": "system:serviceaccount:default:nodejs-sa"})),
        "trust",
        f"requires the subject system:serviceaccount:default:nodejs-sa, but the pods have {SERVICE_ACCOUNT}",
        "service_accounts of xeks_irsa_trust",
    ),
    broken(
        "Another service account, by pattern",
        lambda made: made.trusts(made.asking_for({"{}:sub": "system:serviceaccount:nodejs:web-*"}, "StringLike")),
        "trust",
        "requires the subject system:serviceaccount:nodejs:web-*",
    ),
    broken(
        "A subject without its prefix",
        lambda made: made.trusts(made.asking_for({"{}:sub": "nodejs:nodejs-sa"})),
        "trust",
        f"the subject of a service account has the form {SERVICE_ACCOUNT}",
    ),
    broken(
        "A subject in the wrong case",
        lambda made: made.trusts(made.asking_for({"{}:sub": "system:serviceaccount:NodeJS:nodejs-sa"})),
        "trust",
        "in case",
    ),
    broken(
        "Another audience in the trust",
        lambda made: made.trusts(made.asking_for({"{}:aud": "vault", "{}:sub": SERVICE_ACCOUNT})),
        "trust",
        "requires the audience vault, but the tokens have sts.amazonaws.com",
    ),
    broken(
        "sts:AssumeRole instead of sts:AssumeRoleWithWebIdentity",
        lambda made: made.trusts(made.statement(Action="sts:AssumeRole")),
        "trust",
        "is for sts:AssumeRole, but pods call sts:AssumeRoleWithWebIdentity",
    ),
    broken(
        "A trust for instances only",
        lambda made: made.trusts(
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ),
        "trust",
        "No statement of the trust policy applies to tokens of an OIDC provider",
        "sts:AssumeRoleWithWebIdentity",
    ),
    broken(
        "A trust in the account, not in the provider",
        lambda made: made.trusts(made.statement(Principal={"AWS": WORKLOAD_ACCOUNT}, Condition={})),
        "trust",
        "but no OIDC provider",
    ),
    broken(
        "A Deny for the namespace",
        lambda made: made.trusts(
            made.statement(),
            made.asking_for({"{}:sub": "system:serviceaccount:nodejs:*"}, "StringLike")
            | {"Effect": "Deny", "Sid": "No"},
        ),
        "trust",
        'Statement "No" of the trust policy of the role app-',
    ),
    broken(
        "A condition on the caller's organisation, which a token has not",
        lambda made: made.trusts(
            made.asking_for({"aws:PrincipalOrgID": "o-abc123", "{}:sub": SERVICE_ACCOUNT})
        ),
        "trust",
        "a request with a web identity has no such key",
    ),
    broken(
        "A condition on the address that calls come from",
        lambda made: made.trusts(
            made.statement(Condition={"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}})
        ),
        "trust",
        "aws:SourceIp of the request is not known",
        status="unknown",
    ),
]  # fmt: skip

CHAINED = [
    broken(
        "Chained: the pod role trusts another service account",
        lambda made: made.trusts(made.asking_for({"{}:sub": "system:serviceaccount:nodejs:other"})),
        "trust",
        "requires the subject system:serviceaccount:nodejs:other",
        chained=True,
    ),
    broken(
        "Chained: the pod role may not assume the role",
        lambda made: made.pod_may(allow("sts:AssumeRole", role_arn(WORKLOAD_ACCOUNT, "other"))),
        "assume_role",
        "is not allowed to call sts:AssumeRole",
        chained=True,
    ),
    broken(
        "Chained: the pod role was made anew",
        Irsa.remake_pod_role,
        "assume_role",
        "the unique ID of a deleted principal",
        chained=True,
    ),
]

PERMISSIONS = [
    broken(
        "No policy at all",
        lambda made: (
            made.iam.delete_role_policy(RoleName=made.name, PolicyName="bucket"),
            made.arguments.update(actions=None, resources=None),
        ),
        "permissions",
        "No policy is attached",
    ),
    broken(
        "The policy lacks an action",
        lambda made: made.may(allow("s3:GetObject")),
        "permissions",
        "The role is not allowed to call s3:PutObject on arn:aws:s3:::uploads/photo.jpg",
    ),
    broken(
        "The policy is for another bucket",
        lambda made: made.may(allow(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::downloads/*")),
        "permissions",
        "is for the resource arn:aws:s3:::downloads/*",
    ),
    broken(
        "A Deny among the policies",
        lambda made: made.may(allow("s3:*"), allow("s3:Put*", "*", "Deny")),
        "permissions",
        "statement 2 of policy bucket of the role app-",
    ),
    broken(
        "A permissions boundary that leaves it out",
        lambda made: made.bounded(allow("ec2:*", "*")),
        "permissions",
        "the permissions boundary boundary-",
        "permissions_boundary",
    ),
    broken(
        "A permission on a condition that can't be known",
        lambda made: made.may(allow("s3:*") | {"Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}}),
        "permissions",
        "is unknown: aws:SourceIp of the request is not known",
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
