"""The policies of the test runners: what `xeks_runner_policy` renders for every resource and option, by any name, with
the issuers of one region.

    python tests/acceptance/runner_policies.py --provider BINARY --cli terraform

writes tests/aws_emulator/aws_emulator/policies; `test_runner_policy.py` fails where they differ.
"""

import argparse
import json
import tempfile
from pathlib import Path

from accounts import Accounts
from aws_emulator.accounts import ALL_ROLES
from harness import Cli

FILES = Path(__file__).parents[1] / "aws_emulator" / "aws_emulator" / "policies"
RUNNER = "xeks-runner"
ACCOUNTS = {"cluster": "183295435445", "workload": "185863138492"}

WITH_IDS = "\n  ".join(f'{account}_account_id = "{number}"' for account, number in ACCOUNTS.items())

REGION = 'cluster_region = "ap-south-1"'

EVERYTHING = f"""
data "xeks_runner_policy" "all" {{
  {WITH_IDS}
  cross_account_access = concat(
    [for mode in ["assume_role", "direct"] : {{
      cluster_name  = "*"
      mode          = mode
      on_config_map = "upgrade"
      access_role   = mode == "direct" ? null : {{ name = "*", permissions_boundary = "*" }}
      workload_role = {{ name = "*", permissions_boundary = "*", instance_profile = true, managed_policy_arns = ["*"] }}
    }}],
    [{{ cluster_name = "*", access_role = {{ name = "*" }}, workload_role = {{ name = "*" }} }}],
  )
  irsa_trust = [
    {{ {REGION}, cluster_name = "*", role = {{ name = "*", managed_policy_arns = ["*"] }} }},
    {{ {REGION}, cluster_name = "*", role = {{ name = "*" }}, mode = "chained", pod_role = {{ name = "*" }} }},
  ]
  cluster_peering = [
    {{ cluster_name = "*", workload_vpc_id = "*", dns_resolution = true }},
    {{ cluster_name = "*", workload_vpc_id = "*", peering_connection_id = "*" }},
  ]
  data_sources    = ["xeks_access_path", "xeks_cluster", "xeks_irsa_path"]
}}

output "policies" {{
  value = {{
    cluster  = data.xeks_runner_policy.all.cluster_policy
    workload = data.xeks_runner_policy.all.workload_policy
  }}
}}
"""


def rendered(root) -> dict[str, dict]:
    """Account → policy, from a workspace whose output is `policies`."""
    root.apply()
    return {account: json.loads(policy) for account, policy in root.output("policies").items() if policy}


def in_order(policy: dict) -> dict:
    """As people read it: by Sid, and each statement from its name to its condition."""
    members = ("Sid", "Effect", "Action", "Resource", "Condition")
    statements = sorted(policy["Statement"], key=lambda statement: statement["Sid"])
    ordered = [{member: one[member] for member in members if member in one} for one in statements]
    return {"Version": policy["Version"], "Statement": ordered}


def policies(lists: str, name: str = "pipeline") -> str:
    """The data source with these lists of resources, and its policies as an output."""
    both = ", ".join(f"{account} = data.xeks_runner_policy.{name}.{account}_policy" for account in ACCOUNTS)
    output = f'output "policies" {{\n  value = {{ {both} }}\n}}\n'
    return f'data "xeks_runner_policy" "{name}" {{\n  {WITH_IDS}\n{lists}\n}}\n\n{output}'


def give(accounts: Accounts, wanted: dict[str, dict]) -> None:
    """The runner roles get these permissions and no other."""
    for account in ACCOUNTS:
        iam = accounts.iam(account)
        if account in wanted:
            document = json.dumps(wanted[account])
            iam.put_role_policy(RoleName=RUNNER, PolicyName="xeks", PolicyDocument=document)
        else:
            iam.delete_role_policy(RoleName=RUNNER, PolicyName="xeks")


def allow_all_roles(aws) -> None:
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ALL_ROLES, "Resource": "*"}]}
    for account in aws.accounts:
        iam = aws.client(account, "iam")
        iam.put_role_policy(RoleName=RUNNER, PolicyName="all-roles", PolicyDocument=json.dumps(document))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--provider", type=Path, required=True)
    arguments.add_argument("--cli", required=True)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = Cli(given.cli, given.provider.resolve(), Path(scratch)).workspace(Path(scratch) / "root")
        root.write((Path(scratch) / "init" / "main.tf").read_text(), "terraform.tf")
        for account, policy in rendered(root.write(EVERYTHING)).items():
            (FILES / f"{account}.json").write_text(json.dumps(in_order(policy), indent=2) + "\n")


if __name__ == "__main__":
    main()
