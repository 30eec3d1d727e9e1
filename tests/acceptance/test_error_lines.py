"""Where the CLI points for an error in a nested attribute: to the line of its outermost attribute, or of the member of
a map there; the text names the whole path.

Terraform and OpenTofu find a line for the first step of a path, and for a key or an index after it.
"""

import json

import pytest
from irsa_trust import trust

RESOURCES = """
resource "xeks_cross_account_access" "ec2" {
  cluster_name = "c"
  access_role = {                                 # access_role.name
    name = "bad name"
  }
  workload_role = {                               # workload_role.managed_policy_arns, workload_role.tags["aws:x"]
    name                = "w"
    managed_policy_arns = ["x"]
    tags                = { "aws:x" = "y" }
  }
  kubernetes = {                                  # kubernetes.policies["AmazonEKSViewPolicy"].namespaces
    policies = {
      AmazonEKSViewPolicy = { scope = "namespace" }
    }
  }
  client = {                                      # client.profile_name
    profile_name = "a b"
  }
  tags = {
    ok      = "y"
    "aws:z" = "y"                                 # tags["aws:z"]
  }
}

resource "xeks_irsa_trust" "t" {
  cluster_name = "c"
  role = {                                        # role.name
    name = "x/"
  }
  service_accounts = [                            # service_accounts.namespace
    { namespace = "a", name = "b" },
    { namespace = "A_", name = "b" },
  ]
  oidc_provider = {                               # oidc_provider.thumbprints
    thumbprints = ["x"]
  }
}
"""
PROVIDER = """
terraform {
  required_providers { xeks = { source = "xeks/xeks" } }
}

provider "xeks" {
  cluster_account = {                             # cluster_account.region
    region = "ap south"
  }
  workload_accounts = {
    "a/b" = {                                     # workload_accounts["a/b"]
      region = "ap-south-1"
    }
    c = {                                         # workload_accounts["c"].region
      region = "x y"
    }
  }
}
"""


def expected(hcl: str) -> dict[str, int]:
    """Path → line, as the comments say."""
    lines = [(line.partition("# ")[2], number) for number, line in enumerate(hcl.splitlines(), 1)]
    return {path: number for paths, number in lines if paths for path in paths.split(", ")}


def found(run) -> dict[str, int]:
    diagnostics = [each for each in json.loads(run.output)["diagnostics"] if each["severity"] == "error"]
    return {each["summary"].removeprefix("Invalid value for "): each["range"]["start"]["line"] for each in diagnostics}


@pytest.mark.parametrize(("hcl", "provider"), [(RESOURCES, None), (trust(), PROVIDER)], ids=["resources", "provider"])
def test_an_error_points_at_the_line_of_its_attribute(workspace, hcl, provider):
    root = workspace(hcl, provider=provider)
    assert found(root.validate()) == expected(provider or hcl)
