"""Both accounts as they are: short look-ups and set-up, as root, with boto3.

Knows the emulated AWS. Knows nothing of the CLI's commands or the provider. A missing object is None, never an
exception.
"""

import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from aws_emulator.client import Aws
from botocore.exceptions import ClientError
from harness import differing

CLUSTER_ACCOUNT = "183295435445"
WORKLOAD_ACCOUNT = "185863138492"
CLUSTER = "prac-eks-abhi"
LIVE_PEERINGS = ("initiating-request", "pending-acceptance", "provisioning", "active")
#: A trust policy that lets EC2 instances assume the role: what foreign roles have in most tests.
TRUSTS_EC2 = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
ABSENT = {"NoSuchEntity", "ResourceNotFoundException"}


class Accounts:
    """Both accounts, named `cluster` and `workload`."""

    def __init__(self, aws: Aws):
        self.aws = aws
        self.client: Callable[[str, str], Any] = cache(aws.client)

    def iam(self, account: str):
        return self.client(account, "iam")

    @property
    def eks(self):
        return self.client("cluster", "eks")

    def role(self, account: str, name: str) -> dict | None:
        return self._found(lambda: self.iam(account).get_role(RoleName=name)["Role"])

    def trust(self, account: str, name: str) -> dict | None:
        role = self.role(account, name)
        return role and role["AssumeRolePolicyDocument"]

    def role_tags(self, account: str, name: str) -> dict[str, str]:
        return tags(self.iam(account).list_role_tags(RoleName=name)["Tags"])

    def inline_policy(self, account: str, role: str, policy: str) -> dict | None:
        get = self.iam(account).get_role_policy
        return self._found(lambda: get(RoleName=role, PolicyName=policy)["PolicyDocument"])

    def own_policy(self, account: str, role: str, name: str) -> str:
        """The full name of an inline policy such as `xeks-assume-ROLE`: it ends in a hash of the connection."""
        (found,) = [
            policy for policy in self.inline_policies(account, role) if re.fullmatch(name + "-[0-9a-f]{12}", policy)
        ]
        return found

    def inline_policies(self, account: str, role: str) -> list[str]:
        return sorted(self.iam(account).list_role_policies(RoleName=role)["PolicyNames"])

    def managed_policies(self, account: str, role: str) -> list[str]:
        attached = self.iam(account).list_attached_role_policies(RoleName=role)["AttachedPolicies"]
        return sorted(policy["PolicyArn"] for policy in attached)

    def make_role(self, account: str, name: str, trust: dict) -> None:
        """A foreign role, without tags."""
        self.iam(account).create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))

    def make_foreign_role(self, account: str, name: str) -> str:
        """A role of another owner, with a tag that says so. Returns its ARN."""
        create, theirs = self.iam(account).create_role, [{"Key": "whose", "Value": "theirs"}]
        return create(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUSTS_EC2), Tags=theirs)["Role"]["Arn"]

    def make_pipeline_role(self) -> str:
        """The role `ci` of the workload account: a token of the cluster's ci/deploy can assume it, and it may only
        assume the runner role. Returns its ARN."""
        iam, issuer = self.iam("workload"), self.issuer()
        host, runner = issuer.removeprefix("https://"), self.aws.accounts["workload"].runner_role_arn
        provider = self.make_oidc_provider("sts.amazonaws.com")
        claims = {f"{host}:aud": "sts.amazonaws.com", f"{host}:sub": "system:serviceaccount:ci:deploy"}
        trust = {
            "Effect": "Allow",
            "Principal": {"Federated": provider},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": claims},
        }
        self.make_role("workload", "ci", {"Version": "2012-10-17", "Statement": [trust]})
        hop = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": runner}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [hop]})
        iam.put_role_policy(RoleName="ci", PolicyName="hop", PolicyDocument=policy)
        return iam.get_role(RoleName="ci")["Role"]["Arn"]

    def delete_role(self, account: str, name: str) -> None:
        """Deletes a role as a person would: its policies and its place in instance profiles first."""
        iam, role = self.iam(account), {"RoleName": name}
        for profile in iam.list_instance_profiles_for_role(**role)["InstanceProfiles"]:
            iam.remove_role_from_instance_profile(InstanceProfileName=profile["InstanceProfileName"], **role)
        for policy in self.inline_policies(account, name):
            iam.delete_role_policy(PolicyName=policy, **role)
        for arn in self.managed_policies(account, name):
            iam.detach_role_policy(PolicyArn=arn, **role)
        iam.delete_role(**role)

    def instance_profile(self, name: str) -> dict | None:
        get = self.iam("workload").get_instance_profile
        return self._found(lambda: get(InstanceProfileName=name)["InstanceProfile"])

    def profile_roles(self, name: str) -> list[str] | None:
        profile = self.instance_profile(name)
        return profile and [role["RoleName"] for role in profile["Roles"]]

    def entry(self, principal: str, cluster: str = CLUSTER) -> dict | None:
        describe = self.eks.describe_access_entry
        return self._found(lambda: describe(clusterName=cluster, principalArn=principal)["accessEntry"])

    def entries(self, cluster: str = CLUSTER) -> list[str]:
        return sorted(self.eks.list_access_entries(clusterName=cluster)["accessEntries"])

    def associations(self, principal: str, cluster: str = CLUSTER) -> dict[str, dict] | None:
        """Name of the access policy → its scope."""
        listing = self.eks.list_associated_access_policies
        found = self._found(
            lambda: listing(clusterName=cluster, principalArn=principal)["associatedAccessPolicies"],
        )
        return found and {policy["policyArn"].split("/")[-1]: scope(policy["accessScope"]) for policy in found}

    def make_oidc_provider(self, *client_ids: str, cluster: str = CLUSTER) -> str:
        """A foreign OIDC provider in the workload account, without tags. Returns its ARN."""
        create = self.iam("workload").create_open_id_connect_provider
        return create(Url=self.issuer(cluster), ClientIDList=list(client_ids))["OpenIDConnectProviderArn"]

    def oidc_provider(self, arn: str) -> dict | None:
        get = self.iam("workload").get_open_id_connect_provider
        return self._found(lambda: get(OpenIDConnectProviderArn=arn))

    def oidc_providers(self) -> list[str]:
        listed = self.iam("workload").list_open_id_connect_providers()["OpenIDConnectProviderList"]
        return sorted(provider["Arn"] for provider in listed)

    def issuer(self, cluster: str = CLUSTER) -> str:
        return self.eks.describe_cluster(name=cluster)["cluster"]["identity"]["oidc"]["issuer"]

    def make_cluster(self, name: str, mode: str) -> None:
        """A cluster beside the story's, in its subnets."""
        like = self.eks.describe_cluster(name=CLUSTER)["cluster"]
        self.eks.create_cluster(
            name=name,
            roleArn=like["roleArn"],
            resourcesVpcConfig={"subnetIds": like["resourcesVpcConfig"]["subnetIds"]},
            accessConfig={"authenticationMode": mode},
        )

    @staticmethod
    def _found(call: Callable[[], Any]) -> Any:
        try:
            return call()
        except ClientError as error:
            if error.response["Error"]["Code"] in ABSENT:
                return None
            raise


def traces(aws: Aws, before: dict) -> set[str]:
    """Paths into the dump of all accounts that differ from `before`: a readable list for an assertion that there are
    none."""
    return differing(parsed(before), parsed(without_gone(aws.dump())))


def without_gone(dump: dict) -> dict:
    """The dump without peering connections that are gone: AWS shows those for some hours."""
    for account in dump.values():
        stores = account.get("ec2", {})
        peerings = stores.get("vpc_peering", {})
        gone = {key.split("/")[-1] for key, each in peerings.items() if each["Status"]["Code"] not in LIVE_PEERINGS}
        for name in ("vpc_peering", "tags"):
            kept = {key: value for key, value in stores.pop(name, {}).items() if key.split("/")[-1] not in gone}
            if kept:
                stores[name] = kept
    return dump


def parsed(value):
    """The value with JSON documents parsed: their formatting is no difference."""
    if isinstance(value, dict):
        return {key: parsed(member) for key, member in value.items()}
    if isinstance(value, list):
        return [parsed(member) for member in value]
    return json.loads(value) if isinstance(value, str) and value.startswith("{") else value


def role_arn(account: str, name: str, path: str = "/") -> str:
    return f"arn:aws:iam::{account}:role{path}{name}"


def tags(listed: list[dict]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in listed}


def scope(access_scope: dict) -> dict:
    return {"type": access_scope["type"], "namespaces": sorted(access_scope.get("namespaces", []))}
