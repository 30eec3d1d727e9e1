"""A sound trust of a role in a service account, created by hand as xeks_irsa_trust creates it; for tests to break.

Knows the emulated AWS. Knows nothing of the provider.
"""

import json
from typing import Any

from accounts import CLUSTER_ACCOUNT, WORKLOAD_ACCOUNT, Accounts, role_arn

SERVICE_ACCOUNT = "system:serviceaccount:nodejs:nodejs-sa"
AUDIENCE = "sts.amazonaws.com"
BUCKET = "arn:aws:s3:::uploads/*"
OBJECT = "arn:aws:s3:::uploads/photo.jpg"


def document(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str | list[str], resource: str = BUCKET, effect: str = "Allow") -> dict:
    return {"Effect": effect, "Action": action, "Resource": resource}


class ManualIrsa:
    """Cluster → OIDC provider → role with a policy for a bucket. Names end in `key`."""

    def __init__(self, accounts: Accounts, key: str, *, path: str = "/", chained: bool = False, **arguments: Any):
        self.accounts, self.key, self.chained = accounts, key, chained
        self.cluster, self.name, self.pod_name = f"irsa-{key}", f"app-{key}", f"pod-{key}"
        accounts.make_cluster(self.cluster, "API")
        #: The account of the role that the tokens are for: that of the pod role, where there is one.
        self.side = "cluster" if chained else "workload"
        self.account = CLUSTER_ACCOUNT if chained else WORKLOAD_ACCOUNT
        self.arn = role_arn(WORKLOAD_ACCOUNT, self.name, path)
        self.pod_arn = role_arn(CLUSTER_ACCOUNT, self.pod_name)
        self.arguments = arguments
        self.make_provider()
        if chained:
            self.make_pod_role()
            trust = {"Effect": "Allow", "Principal": {"AWS": self.pod_arn}, "Action": "sts:AssumeRole"}
            self.iam.create_role(RoleName=self.name, AssumeRolePolicyDocument=document(trust))
        else:
            self.iam.create_role(RoleName=self.name, Path=path, AssumeRolePolicyDocument=document(self.statement()))
        self.may(allow(["s3:GetObject", "s3:PutObject"]))

    @property
    def iam(self):
        return self.accounts.iam("workload")

    @property
    def issuer(self) -> str:
        """Without `https://`."""
        return self.accounts.issuer(self.cluster).removeprefix("https://")

    @property
    def provider(self) -> str:
        return self.provider_of(self.account, self.issuer)

    def provider_of(self, account: str, issuer: str) -> str:
        return f"arn:aws:iam::{account}:oidc-provider/{issuer}"

    def statement(self, **changes: Any) -> dict:
        """The statement that xeks_irsa_trust writes, with these changes."""
        issuer = self.issuer
        sound = {
            "Effect": "Allow",
            "Principal": {"Federated": self.provider},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {f"{issuer}:aud": AUDIENCE, f"{issuer}:sub": SERVICE_ACCOUNT}},
        }
        return sound | changes

    def asking_for(self, claims: dict[str, str], operator: str = "StringEquals") -> dict:
        """The statement with these claims in place of its own; `{}` in a key is the issuer."""
        return self.statement(
            Condition={operator: {key.replace("{}", self.issuer): value for key, value in claims.items()}}
        )

    def make_provider(self, side: str | None = None, client_ids: tuple[str, ...] = (AUDIENCE,)) -> None:
        self.accounts.iam(side or self.side).create_open_id_connect_provider(
            Url=f"https://{self.issuer}", ClientIDList=list(client_ids)
        )

    def remove_provider(self) -> None:
        self.accounts.iam(self.side).delete_open_id_connect_provider(OpenIDConnectProviderArn=self.provider)

    def make_pod_role(self) -> None:
        iam = self.accounts.iam("cluster")
        iam.create_role(RoleName=self.pod_name, AssumeRolePolicyDocument=document(self.statement()))
        self.pod_may(allow("sts:AssumeRole", self.arn))

    def pod_may(self, *statements: dict) -> None:
        self.accounts.iam("cluster").put_role_policy(
            RoleName=self.pod_name, PolicyName="assume", PolicyDocument=document(*statements)
        )

    def trusts(self, *statements: dict) -> None:
        """Whom the role that the tokens are for trusts."""
        name = self.pod_name if self.chained else self.name
        self.accounts.iam(self.side).update_assume_role_policy(RoleName=name, PolicyDocument=document(*statements))

    def may(self, *statements: dict) -> None:
        self.iam.put_role_policy(RoleName=self.name, PolicyName="bucket", PolicyDocument=document(*statements))

    def bounded(self, *statements: dict) -> None:
        made = self.iam.create_policy(PolicyName=f"boundary-{self.key}", PolicyDocument=document(*statements))
        self.iam.put_role_permissions_boundary(RoleName=self.name, PermissionsBoundary=made["Policy"]["Arn"])

    def recreate_cluster(self) -> None:
        """Someone else deletes the cluster and creates it again under its name: with another issuer."""
        self.remove_cluster()
        self.accounts.make_cluster(self.cluster, "API")

    def remove_cluster(self) -> None:
        self.accounts.eks.delete_cluster(name=self.cluster)

    def recreate_pod_role(self) -> None:
        self.accounts.delete_role("cluster", self.pod_name)
        self.make_pod_role()

    def asks(self) -> dict[str, Any]:
        """The data source's arguments; those that a test set come last, and None leaves one out."""
        sound = {
            "cluster_name": self.cluster,
            "namespace": "nodejs",
            "service_account": "nodejs-sa",
            "role_arn": self.arn,
            "actions": ["s3:GetObject", "s3:PutObject"],
            "resources": [OBJECT],
        }
        pod = {"pod_role_arn": self.pod_arn} if self.chained else {}
        given = sound | pod | self.arguments
        return {name: value for name, value in given.items() if value is not None}
