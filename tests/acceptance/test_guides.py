"""The configurations in the guides and in the README, as they stand there: applied, an empty plan, destroyed without a trace."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from accounts import TRUSTS_EC2, Accounts, traces
from profiles import profile

ROOT = Path(__file__).parents[2]
GUIDES = ROOT / "docs" / "guides"
IN_PROVIDER = """
  workload_accounts = {
    payments = { profile = "workload", region = "ap-south-1" }
    search   = { profile = "search-root", region = "ap-south-1" }
  }
"""


def shared_roles(accounts: Accounts) -> None:
    for cluster in ("staging", "production"):
        accounts.make_cluster(cluster, "API")
    accounts.make_role("cluster", "eks-admin", TRUSTS_EC2)
    accounts.make_role("workload", "jenkins", TRUSTS_EC2)


def controllers(accounts: Accounts) -> None:
    accounts.make_cluster("staging", "API")
    accounts.make_role("cluster", "external-secrets", TRUSTS_EC2)


SET_UPS: dict[str, Callable[[Accounts], None]] = {"sharing": shared_roles, "controllers": controllers}


def configurations(guide: str) -> list[str]:
    return re.findall(r"```terraform\n(.*?)```", (GUIDES / f"{guide}.md").read_text(), re.S)


def assert_whole_life(root, aws, before: dict) -> None:
    root.apply()
    root.assert_empty_plan()
    root.destroy()
    assert not traces(aws, before)


@pytest.mark.parametrize("guide", SET_UPS)
def test_the_configurations_of_a_guide_work_as_they_stand(workspace, aws, guide):
    found = configurations(guide)
    assert len(found) >= 2
    SET_UPS[guide](Accounts(aws))
    before = aws.dump()
    root = workspace("\n".join(found), IN_PROVIDER)
    with open(root.environment["AWS_CONFIG_FILE"], "a") as config:
        config.write(profile(aws, "search-root", aws.accounts["search"].root))
    assert_whole_life(root, aws, before)


def test_the_first_configuration_of_the_readme_works_as_it_stands(workspace, aws):
    hcl = re.search(r"```hcl\n(.*?)```", (ROOT / "README.md").read_text(), re.S)[1]
    before = aws.dump()
    root = workspace(hcl)
    (root.directory / "provider.tf").unlink()
    assert_whole_life(root, aws, before)
