"""The stories' examples as a root module, without the providers that can't be installed offline.

What an example needs of hashicorp/aws is in files of its own, whose only interface is local values. Here the AWS
SDK creates those objects, and a stand-in has the same local values: outputs of a resource, so that they are unknown
until the apply, as with hashicorp/aws.

Knows the examples' files and the emulated AWS. Knows nothing of the CLI or the provider.
"""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from aws_emulator.client import Aws

ROOT = Path(__file__).parents[2]
STORIES = ROOT / "examples" / "stories"
BUCKET = "nodejs-app-uploads"

#: Replaces the files that name other providers.
VERSIONS = 'terraform {\n  required_providers {\n    xeks = { source = "xeks/xeks" }\n  }\n}\n'
KNOWN_AFTER_APPLY = """
resource "terraform_data" "made" {{
  input = {made}
}}

locals {{
{locals}
}}
"""


def set_up(aws: Aws, story: str, base: Path) -> Path:
    """Copies story and modules to their places in the checkout, but below `base`, and creates in `aws` what
    hashicorp/aws would; returns the story's folder."""
    directory = base / "examples" / "stories" / story
    directory.mkdir(parents=True)
    for source in sorted((STORIES / story).iterdir()):
        if source.is_dir():
            shutil.copytree(source, directory / source.name, ignore=shutil.ignore_patterns("node_modules"))
        elif not (source.suffix == ".tf" and names_other_providers(source.read_text())):
            shutil.copy(source, directory)
    if not (base / "modules").exists():
        shutil.copytree(ROOT / "modules", base / "modules")
    if story in STAND_INS:
        (directory / "versions.tf").write_text(VERSIONS)
        (directory / "stand_in.tf").write_text(STAND_INS[story](aws))
    if story in VARIABLES:
        (directory / "terraform.tfvars.json").write_text(json.dumps(VARIABLES[story](aws)))
    return directory


def names_other_providers(hcl: str) -> bool:
    """Whether a file names hashicorp/aws or hashicorp/helm, or one of their resources or data sources."""
    return bool(re.search(r'"hashicorp/|^(provider|resource|data) "(aws|helm)[_"]', hcl, re.M))


def locals_of(hcl: str) -> set[str]:
    """Names in the `locals` blocks of a formatted file."""
    blocks = re.findall(r"^locals \{\n(.*?)^\}", hcl, re.M | re.S)
    return {name for block in blocks for name in re.findall(r"^  (\w+) +=", block, re.M)}


def cross_account_access(aws: Aws) -> str:
    """Cluster, VPCs and subnets are the story's own, in every AWS under test."""
    source = workload(aws)
    vpc = {"Filters": [{"Name": "vpc-id", "Values": [source["vpc_id"]]}]}
    tables = [
        table["RouteTableId"] for table in aws.client("workload", "ec2").describe_route_tables(**vpc)["RouteTables"]
    ]
    made = {"cluster_name": aws.story()["cluster_name"], "route_table_ids": tables, "source": source}
    return stand_in(
        made,
        {
            "cluster_name": "made.cluster_name",
            "workload_vpc_id": "made.source.vpc_id",
            "workload_route_table_ids": "made.route_table_ids",
            "source": "made.source",
        },
    )


def workload(aws: Aws) -> dict:
    """The network of the story's instance."""
    ec2, vpc = aws.client("workload", "ec2"), aws.story()["workload_vpc_id"]
    within = {"Filters": [{"Name": "vpc-id", "Values": [vpc]}]}
    groups = ec2.describe_security_groups(**within)["SecurityGroups"]
    return {
        "vpc_id": vpc,
        "subnet_id": ec2.describe_subnets(**within)["Subnets"][0]["SubnetId"],
        "security_group_ids": [group["GroupId"] for group in groups],
    }


def irsa_s3(aws: Aws) -> str:
    """The bucket, as the account's administrator makes it."""
    aws.client("workload", "s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": aws.region}
    )
    return stand_in({"name": BUCKET, "arn": f"arn:aws:s3:::{BUCKET}", "region": aws.region}, {"bucket": "made"})


def many_accounts(aws: Aws) -> dict:
    """Each team's VPC: the first has the story's, the second gets one here."""
    vpc = aws.client("search", "ec2").create_vpc(CidrBlock="10.31.0.0/16")["Vpc"]["VpcId"]
    return {"vpc_ids": {"payments": aws.story()["workload_vpc_id"], "search": vpc}}


def stand_in(made: dict, values: dict[str, str]) -> str:
    """A file with a resource that holds `made`, and local `values` in which the word `made` is its output."""
    lines = "\n".join(
        f"  {name} = {re.sub(r'^made', 'terraform_data.made.output', value)}" for name, value in values.items()
    )
    # JSON is an expression of HCL too.
    return KNOWN_AFTER_APPLY.format(made=json.dumps(made), locals=lines)


def quoted(text: str) -> str:
    return f'"{text}"'


STAND_INS: dict[str, Callable[[Aws], str]] = {
    "cross-account-access": cross_account_access,
    "irsa-s3": irsa_s3,
}
VARIABLES: dict[str, Callable[[Aws], dict]] = {"many-accounts": many_accounts}
