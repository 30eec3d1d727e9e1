"""Root modules with both accounts signed in as their runners: the provider's block, and the profiles that it names."""

from collections.abc import Callable
from pathlib import Path

from aws_emulator.client import Aws
from harness import Cli, Workspace
from profiles import write_profiles

HEAD = """
terraform {
  required_providers { xeks = { source = "xeks/xeks" } }
}
"""
PROVIDER = (
    HEAD
    + """
provider "xeks" {
  cluster_account  = { profile = "platform", region = "ap-south-1" }
  workload_account = { profile = "workload", region = "ap-south-1" }
%s}
"""
)


def workspaces(cli: Cli, aws: Aws, directory: Path) -> Callable[..., Workspace]:
    def make(hcl: str, in_provider: str = "", provider: str | None = None) -> Workspace:
        count = sum(1 for _ in directory.iterdir())
        root = cli.workspace(directory / f"root{count}", **write_profiles(aws, directory / f"root{count}" / "aws"))
        root.write(provider or PROVIDER % in_provider, "provider.tf")
        return root.write(hcl)

    return make
