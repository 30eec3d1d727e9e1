"""Sound access to a cluster, created by hand as xeks_cross_account_access creates it; for tests to break.

Knows the emulated AWS. Knows nothing of the provider.
"""

import json
from typing import Any

from accounts import CLUSTER, CLUSTER_ACCOUNT, WORKLOAD_ACCOUNT, Accounts, role_arn
from aws_emulator.client import Credentials

EC2 = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
ADMIN = "AmazonEKSClusterAdminPolicy"
VIEW = "AmazonEKSViewPolicy"
EDIT = "AmazonEKSEditPolicy"


def document(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str | list[str], resource: str | list[str] = "*", **more) -> dict:
    return {"Effect": "Allow", "Action": action, "Resource": resource} | more


def deny(action: str, resource: str = "*") -> dict:
    return {"Effect": "Deny", "Action": action, "Resource": resource}


def trusting(principal: str | list[str], **condition: dict) -> dict:
    statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}
    return statement | ({"Condition": condition} if condition else {})


class ManualAccess:
    """Workload role → access role → access entry with a policy. Names end in `key`."""

    def __init__(
        self,
        accounts: Accounts,
        key: str,
        *,
        direct: bool = False,
        path: str = "/",
        policies: dict[str, list[str]] | None = None,
        groups: tuple[str, ...] = (),
        cluster: str = CLUSTER,
        trust: dict | None = None,
    ):
        self.accounts, self.key, self.cluster, self.direct = accounts, key, cluster, direct
        self.workload, self.access = f"workload-{key}", f"access-{key}"
        self.workload_arn = role_arn(WORKLOAD_ACCOUNT, self.workload, path)
        self.access_arn = role_arn(CLUSTER_ACCOUNT, self.access)
        self.groups, self.policies = list(groups), {ADMIN: []} if policies is None else policies
        self.arguments: dict[str, Any] = {}
        #: The role that a trial signs in as.
        self.tried_as = self.workload
        self.make_workload(path)
        if not direct:
            self.trust = trust or trusting(self.workload_arn)
            self.make_access()
        self.make_entry()

    @property
    def workload_iam(self):
        return self.accounts.iam("workload")

    @property
    def cluster_iam(self):
        return self.accounts.iam("cluster")

    @property
    def principal(self) -> str:
        """Whom the cluster sees."""
        return self.workload_arn if self.direct else self.access_arn

    @property
    def cluster_arn(self) -> str:
        return f"arn:aws:eks:ap-south-1:{CLUSTER_ACCOUNT}:cluster/{self.cluster}"

    def make_workload(self, path: str = "/") -> None:
        self.workload_iam.create_role(RoleName=self.workload, Path=path, AssumeRolePolicyDocument=document(EC2))
        self.may(allow("sts:AssumeRole", self.access_arn))

    def make_access(self, path: str = "/") -> None:
        self.cluster_iam.create_role(RoleName=self.access, Path=path, AssumeRolePolicyDocument=document(self.trust))
        self.describes(allow("eks:DescribeCluster", self.cluster_arn))

    def make_entry(self, **more: Any) -> None:
        entry = {"clusterName": self.cluster, "principalArn": self.principal}
        self.accounts.eks.create_access_entry(
            **entry, **({"kubernetesGroups": self.groups} if self.groups else {}), **more
        )
        for name, namespaces in self.policies.items():
            scope = {"type": "namespace", "namespaces": namespaces} if namespaces else {"type": "cluster"}
            arn = f"arn:aws:eks::aws:cluster-access-policy/{name}"
            self.accounts.eks.associate_access_policy(**entry, policyArn=arn, accessScope=scope)

    def remove_entry(self) -> None:
        self.accounts.eks.delete_access_entry(clusterName=self.cluster, principalArn=self.principal)

    def may(self, *statements: dict) -> None:
        """What the workload role may do."""
        self.workload_iam.put_role_policy(
            RoleName=self.workload, PolicyName="assume", PolicyDocument=document(*statements)
        )

    def describes(self, *statements: dict) -> None:
        """What the access role may do."""
        self.cluster_iam.put_role_policy(
            RoleName=self.access, PolicyName="describe", PolicyDocument=document(*statements)
        )

    def trusts(self, *statements: dict) -> None:
        """Whom the access role trusts."""
        self.cluster_iam.update_assume_role_policy(RoleName=self.access, PolicyDocument=document(*statements))

    def bounded(self, account: str, *statements: dict) -> None:
        """Puts a permissions boundary on the workload role or the access role."""
        name = f"boundary-{self.key}"
        made = self.accounts.iam(account).create_policy(PolicyName=name, PolicyDocument=document(*statements))
        role = self.workload if account == "workload" else self.access
        self.accounts.iam(account).put_role_permissions_boundary(
            RoleName=role, PermissionsBoundary=made["Policy"]["Arn"]
        )

    def recreate_workload(self, path: str = "/") -> None:
        """Someone else deletes the workload role and creates it again."""
        self.accounts.delete_role("workload", self.workload)
        self.make_workload(path)

    def recreate_access(self) -> None:
        self.accounts.delete_role("cluster", self.access)
        self.make_access()

    def credentials(self, role: str | None = None) -> Credentials:
        """What an instance with the workload role, or another one of that account, has."""
        role = role or self.workload
        if not self.workload_iam.list_instance_profiles_for_role(RoleName=role)["InstanceProfiles"]:
            self.workload_iam.create_instance_profile(InstanceProfileName=role)
            self.workload_iam.add_role_to_instance_profile(InstanceProfileName=role, RoleName=role)
        return self.accounts.aws.instance_credentials("workload", role)

    def asks(self) -> dict[str, Any]:
        """The data source's arguments; those that a test set come last."""
        via = {} if self.direct else {"via_role_arns": [self.access_arn]}
        return {"cluster_name": self.cluster, "principal_arn": self.workload_arn} | via | self.arguments
