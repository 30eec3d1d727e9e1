"""One role of the workload account that reaches three clusters in two accounts, from two states."""

import itertools

import pytest
from accounts import CLUSTER, TRUSTS_EC2, Accounts, role_arn, traces
from profiles import profile
from tokens import token

pytestmark = pytest.mark.one_cli

JENKINS = "jenkins"
#: Cluster → the account that owns it, and the access role there: the first two share one.
CLUSTERS = {CLUSTER: ("cluster", "eks-admin"), "green": ("cluster", "eks-admin"), "blue": ("search", "eks-blue")}
PROVIDER = """
terraform {
  required_providers { xeks = { source = "xeks/xeks" } }
}

provider "xeks" {
  cluster_account  = { profile = "%s", region = "ap-south-1" }
  workload_account = { profile = "workload-root", region = "ap-south-1" }
}
"""


def connection(cluster: str, policy: str = "AmazonEKSViewPolicy", existing: bool = True) -> str:
    _, access_role = CLUSTERS[cluster]
    return f"""
resource "xeks_cross_account_access" "{cluster}" {{
  cluster_name  = "{cluster}"
  access_role   = {{ name = "{access_role}", existing = {str(existing).lower()} }}
  workload_role = {{ name = "{JENKINS}", existing = true }}
  kubernetes    = {{ policies = {{ {policy} = {{ scope = "cluster" }} }} }}
}}
"""


class Jenkins:
    """The role, the clusters and the two states: one for each cluster account."""

    def __init__(self, workspace, aws):
        self.aws, self.accounts, self.connected = aws, Accounts(aws), {}
        self.accounts.make_role("workload", JENKINS, TRUSTS_EC2)
        iam, profile_name = self.accounts.iam("workload"), {"InstanceProfileName": JENKINS}
        iam.create_instance_profile(**profile_name)
        iam.add_role_to_instance_profile(**profile_name, RoleName=JENKINS)
        self.accounts.make_role("cluster", "eks-admin", TRUSTS_EC2)
        self.accounts.make_cluster("green", "API")
        subnet = self._subnets()
        aws.client("search", "eks").create_cluster(
            name="blue",
            roleArn=role_arn(aws.accounts["search"].id, "any"),
            resourcesVpcConfig={"subnetIds": subnet},
            accessConfig={"authenticationMode": "API"},
        )
        self.before = aws.dump()
        self.states = {account: self._state(workspace, account) for account in ("cluster", "search")}

    def _subnets(self) -> list[str]:
        ec2 = self.aws.client("search", "ec2")
        vpc = ec2.create_vpc(CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
        zones = [("a", "10.77.0.0/24"), ("b", "10.77.1.0/24")]
        return [
            ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=f"ap-south-1{zone}")["Subnet"]["SubnetId"]
            for zone, cidr in zones
        ]

    def _state(self, workspace, account: str):
        root = workspace("", provider=PROVIDER % f"{account}-root")
        with open(root.environment["AWS_CONFIG_FILE"], "a") as config:
            for name in (account, "workload"):
                config.write(profile(self.aws, f"{name}-root", self.aws.accounts[name].root))
        return root

    def connect(self, cluster: str, policy: str | None) -> None:
        """Creates, changes or, without a policy, destroys the connection; the others are tried before and after."""
        account, _ = CLUSTERS[cluster]
        self.connected[cluster] = policy
        here = [(name, given) for name, given in self.connected.items() if given and CLUSTERS[name][0] == account]
        self.states[account].write("".join(connection(name, given, name != "blue") for name, given in here))
        self.states[account].apply()
        self.states[account].assert_empty_plan()
        self.assert_all_work()

    def assert_all_work(self) -> None:
        session = self.aws.instance_credentials("workload", JENKINS)
        for cluster, policy in self.connected.items():
            account, access_role = CLUSTERS[cluster]
            owner = self.aws.accounts[account].id
            if not policy:
                continue
            admitted = self.aws.assume("workload", role_arn(owner, access_role), session)
            seen = self.aws.review_token(cluster, token(admitted, cluster), account)
            assert seen["status"] == 200 and policy in str(seen["policies"]), (cluster, seen)


ORDERS = list(itertools.permutations(CLUSTERS))


@pytest.mark.parametrize("gone", ORDERS, ids=["-".join(order) for order in ORDERS])
def test_the_connections_of_one_role_come_change_and_go_in_every_order(workspace, aws, gone):
    jenkins = Jenkins(workspace, aws)
    for cluster in reversed(gone):
        jenkins.connect(cluster, "AmazonEKSViewPolicy")
    for cluster in gone:
        jenkins.connect(cluster, "AmazonEKSEditPolicy")
    for cluster in gone:
        jenkins.connect(cluster, None)
    assert not traces(aws, jenkins.before)
