"""The modules: their examples work unchanged, their README lists what the CLI sees, and they refuse invalid variables."""

import re
import shutil
from pathlib import Path

import pytest
from accounts import CLUSTER, WORKLOAD_ACCOUNT, role_arn, traces
from aws_emulator.client import Credentials
from botocore.exceptions import ClientError
from configurations import Refusal
from profiles import write_profiles
from stories import BUCKET, quoted
from workspaces import PROVIDER

from examples import MODULE_EXAMPLES, MODULES

HEAD = PROVIDER % ""


@pytest.fixture
def root(cli, aws, tmp_path):
    """`root(folder)`: a root module in a folder below a copy of the modules."""
    shutil.copytree(MODULES, tmp_path / "modules")

    def make(folder: str, hcl: str | None = None):
        made = cli.workspace(tmp_path / folder, **write_profiles(aws, tmp_path / "aws"))
        if hcl:
            made.write(hcl)
        return made.init()

    return make


@pytest.mark.parametrize("example", MODULE_EXAMPLES)
def test_a_modules_example_applies_plans_empty_and_destroys_without_a_trace(root, aws, example):
    before = aws.dump()
    made = root(f"modules/{example}")
    if 'variable "vpc_id"' in (made.directory / "main.tf").read_text():
        made.write(f'vpc_id = "{aws.story()["workload_vpc_id"]}"\n', "terraform.tfvars")

    made.apply()
    made.assert_empty_plan()
    made.destroy()

    assert not traces(aws, before)


@pytest.mark.parametrize("example", MODULE_EXAMPLES)
def test_the_readme_lists_the_variables_and_outputs_of_the_module(root, aws, example):
    made = root(f"modules/{example}")
    made.write(f'vpc_id = "{aws.story()["workload_vpc_id"]}"\n', "terraform.tfvars")
    (call,) = made.plan().document["configuration"]["root_module"]["module_calls"].values()
    seen = call["module"]
    inputs, outputs = tables_of(MODULES / example.split("/")[0] / "README.md")

    required = {name for name, cells in inputs.items() if cells[-1] == "required"}
    assert required == {name for name, variable in seen["variables"].items() if "default" not in variable}
    assert {name: cells[0] for name, cells in inputs.items()} == descriptions(seen["variables"])
    assert {name: cells[0] for name, cells in outputs.items()} == descriptions(seen["outputs"])


def trust(**more: str) -> str:
    given = {
        "cluster_names": quoted_list(CLUSTER),
        "service_accounts": '[{ namespace = "nodejs", name = "nodejs-sa" }]',
        "role_name": '"app"',
    } | more
    return call("irsa-trust", given)


def access(**more: str) -> str:
    given = {
        "cluster_name": quoted(CLUSTER),
        "access_role_name": '"access"',
        "workload_role_name": '"workload"',
        "policies": "{ AmazonEKSViewPolicy = {} }",
    } | more
    return call("cross-account-access", given)


def call(module: str, given: dict[str, str]) -> str:
    lines = "\n".join(f"  {name} = {value}" for name, value in given.items())
    return f'{HEAD}\nmodule "it" {{\n  source = "../modules/{module}"\n{lines}\n}}\n'


def quoted_list(*names: str) -> str:
    return f"[{', '.join(map(quoted, names))}]"


REFUSED = {
    "no cluster": Refusal(trust(cluster_names="[]"), ["at least one cluster"]),
    "no service account": Refusal(trust(service_accounts="[]"), ["at least one service account"]),
    "a wildcard": Refusal(trust(service_accounts='[{ namespace = "nodejs", name = "*" }]'), ["no wildcards"]),
    "an access that is none": Refusal(trust(buckets='{ b = { arn = "arn:aws:s3:::b", access = "all" } }'), ["read, write or read-write"]),
    "an object's ARN": Refusal(trust(buckets='{ b = { arn = "arn:aws:s3:::b/*" } }'), ["arn:aws:s3:::uploads"]),
    "a prefix without its slash": Refusal(trust(buckets='{ b = { arn = "arn:aws:s3:::b", prefix = "uploads" } }'), ["slash"]),
    "a policy for no namespace": Refusal(access(policies="{ AmazonEKSViewPolicy = { namespaces = [] } }"), ["at least one"]),
    "no name": Refusal(access(access_role_name="null"), ["access_role_name"]),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_module_refuses_invalid_variables_and_says_what_is_valid(root, case):
    refusal = REFUSED[case]
    run = root("root", refusal.hcl).try_plan().must_fail()
    flat = " ".join(run.text.split())
    assert all(word in flat for word in refusal.words), run.text


# In an order in which each finds its object.
ACTIONS = ["list_objects_v2", "get_object", "put_object", "delete_object"]
# Access → what pods may then do with what is below the prefix.
RIGHTS = {
    "read": {"get_object", "list_objects_v2"},
    "write": {"put_object"},
    "read-write": {"get_object", "put_object", "delete_object", "list_objects_v2"},
}


@pytest.mark.parametrize("access", RIGHTS)
def test_pods_have_the_access_to_a_bucket_that_is_granted_and_only_below_its_prefix(root, aws, access):
    owner = aws.client("workload", "s3")
    owner.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": aws.region})
    for key in ("mine/a", "theirs/a"):
        owner.put_object(Bucket=BUCKET, Key=key, Body=b"there")
    root(
        "root", trust(buckets=f'{{ b = {{ arn = "arn:aws:s3:::{BUCKET}", prefix = "mine/", access = "{access}" }} }}')
    ).apply()
    pod = aws.client("workload", "s3", session_of_pod(aws))

    assert {action for action in ACTIONS if may(pod, action, "mine/")} == RIGHTS[access]
    assert not [action for action in ACTIONS if may(pod, action, "theirs/")]


def session_of_pod(aws) -> Credentials:
    answer = aws.client("workload", "sts").assume_role_with_web_identity(
        RoleArn=role_arn(WORKLOAD_ACCOUNT, "app"),
        RoleSessionName="pod",
        WebIdentityToken=aws.service_account_token(CLUSTER, "nodejs", "nodejs-sa"),
    )["Credentials"]
    return Credentials(answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"])


def may(s3, action: str, prefix: str) -> bool:
    place = {"Prefix": prefix} if action == "list_objects_v2" else {"Key": f"{prefix}a"}
    try:
        getattr(s3, action)(Bucket=BUCKET, **place, **({"Body": b"there"} if action == "put_object" else {}))
    except ClientError as error:
        assert error.response["Error"]["Code"] == "AccessDenied", error
        return False
    return True


def tables_of(readme: Path) -> list[dict[str, list[str]]]:
    """Name → the other cells, of each table in the README's generated part."""
    _, inputs, outputs = re.split(r"^## (?:Inputs|Outputs)$", readme.read_text(), flags=re.M)
    tables = []
    for text in (inputs, outputs):
        rows = [re.split(r"(?<!\\) \| ", line.strip("| ")) for line in text.splitlines() if line.startswith("| `")]
        tables.append({name.strip("`"): [cell.strip("`") for cell in cells] for name, *cells in rows})
    return tables


def descriptions(declared: dict[str, dict]) -> dict[str, str]:
    return {name: one["description"] for name, one in declared.items()}
