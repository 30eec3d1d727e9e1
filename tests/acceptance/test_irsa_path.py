"""`xeks_irsa_path`: the test AWS of the same mind on every set-up, what can't be read, and its use in a check block.

That each broken set-up is named by its hop is in test_setups.
"""

from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from irsa import Irsa, allow
from setups import Asked, read
from setups_irsa import BROKEN, SOUND
from world import CLUSTER_ACCOUNT, WORKLOAD_ACCOUNT, World
from xeks_aws.client import Credentials

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_test_aws_lets_in_those_whose_hops_say_so_and_no_others(aws):
    world = World(aws)
    differs = []
    for number, setup in enumerate([*BROKEN, *SOUND]):
        if setup.hop in ("issuer", "permissions") or setup.status == "unknown":
            continue
        made = setup.make(world, f"{number:02}")
        setup.breaks(made)
        if signs_in(made) != (setup.hop is None):
            differs.append(setup.name)
    assert not differs


# Call → hop that it leaves undecided.
READS = {
    "eks:DescribeCluster": ("cluster", "issuer"),
    "iam:GetOpenIDConnectProvider": ("workload", "oidc_provider"),
    "iam:GetRole": ("workload", "trust"),
    "iam:ListRolePolicies": ("workload", "permissions"),
    "iam:GetRolePolicy": ("workload", "permissions"),
    "iam:ListAttachedRolePolicies": ("workload", "permissions"),
    "iam:GetPolicyVersion": ("workload", "permissions"),
}


@pytest.mark.parametrize("call", READS)
def test_a_permission_to_read_that_is_missing_is_unknown_and_named(cli, aws, tmp_path, call):
    account, hop = READS[call]
    irsa = Irsa(World(aws), "a")
    irsa.bounded(allow("s3:*", "*"))
    service, action = call.split(":")
    aws.faults.add("deny", service=service, action=action, account=account)

    state = read(cli, aws, tmp_path / "root", {"path": Asked("xeks_irsa_path", irsa.asks())})["path"]

    first = next(h for h in state["hops"] if h["status"] != "ok")
    assert (state["allowed"], state["broken"], first["name"], first["status"]) == (False, hop, hop, "unknown")
    assert call in first["reason"]
    assert call in first["fix"]
    assert not [h for h in state["hops"] if h["status"] == "broken"]


def test_an_issuer_is_enough_where_the_cluster_can_not_be_read(cli, aws, tmp_path):
    irsa = Irsa(World(aws), "a")
    irsa.arguments.update(cluster_name=None, issuer_url=f"https://{irsa.issuer}")
    aws.faults.add("deny", service="eks", action="DescribeCluster", account="cluster")

    state = read(cli, aws, tmp_path / "root", {"path": Asked("xeks_irsa_path", irsa.asks())})["path"]

    assert state["allowed"], state["text"]
    assert state["hops"][0]["status"] == "external"
    assert state["region"] is None


@pytest.mark.parametrize(
    ("owner", "status", "words"),
    [
        (WORKLOAD_ACCOUNT, "ok", ""),
        (CLUSTER_ACCOUNT, "external", "its own policy must also allow the call"),
        ("", "ok", "contains no account: the resource's own policy is not checked"),
    ],
)
def test_what_the_policy_of_a_resource_says_is_not_guessed(cli, aws, tmp_path, owner, status, words):
    irsa = Irsa(World(aws), "a")
    irsa.may(allow("sqs:SendMessage", "*"))
    irsa.arguments.update(actions=["sqs:SendMessage"], resources=[f"arn:aws:sqs:ap-south-1:{owner}:q"])

    state = read(cli, aws, tmp_path / "root", {"path": Asked("xeks_irsa_path", irsa.asks())})["path"]

    assert state["allowed"], state["text"]
    assert (state["hops"][-1]["name"], state["hops"][-1]["status"]) == ("permissions", status)
    assert words in state["hops"][-1]["reason"]


HCL = """
data "xeks_irsa_path" "app" {{
  cluster_name    = "{cluster}"
  namespace       = "nodejs"
  service_account = "nodejs-sa"
  role_arn        = "{role}"
}}

check "pods" {{
  assert {{
    condition     = data.xeks_irsa_path.app.allowed
    error_message = data.xeks_irsa_path.app.text
  }}
}}

output "text" {{
  value = data.xeks_irsa_path.app.text
}}
"""


def test_in_a_check_block_a_broken_hop_warns_and_fails_nothing(workspace, aws):
    irsa = Irsa(World(aws), "a")
    root = workspace(HCL.format(cluster=irsa.cluster, role=irsa.arn))
    assert not warnings(root.apply())
    sound = root.output("text")
    assert sound.endswith("Allowed.\n")
    root.assert_empty_plan()

    irsa.trusts(irsa.asking_for({"{}:aud": "vault"}))
    told = warnings(root.apply())
    assert any("✖ trust" in detail and "requires the audience vault" in detail for detail in told), told

    irsa.trusts(irsa.statement())
    assert not warnings(root.apply())
    assert root.output("text") == sound, "the same world gives the same words"


def test_the_example_works_as_it_stands(workspace, aws):
    example = EXAMPLES / "data-sources" / "xeks_irsa_path" / "data-source.tf"
    assert any("No role nodejs-app exists" in detail for detail in warnings(workspace(example.read_text()).apply()))


INVALID = {
    "no source of tokens": ("", ["cluster_name", "issuer_url"]),
    "two sources of tokens": ('cluster_name = "a"\n  issuer_url = "https://b.example"', ["cluster_name", "issuer_url"]),
    "an issuer and a region": ('issuer_url = "https://b.example"\n  region = "ap-south-1"', ["region"]),
    "resources without actions": ('cluster_name = "a"\n  resources = ["*"]', ["resources", "actions"]),
    "an action with a wildcard": ('cluster_name = "a"\n  actions = ["s3:*"]', ["actions", "s3:GetObject"]),
    "a resource with a wildcard": ('cluster_name = "a"\n  actions = ["s3:GetObject"]\n  resources = ["arn:aws:s3:::b/*"]', ["resources", "wildcards"]),
    "a resource that is no ARN": ('cluster_name = "a"\n  actions = ["s3:GetObject"]\n  resources = ["b"]', ["resources", "ARN"]),
}  # fmt: skip


@pytest.mark.parametrize("case", INVALID)
def test_validate_refuses_without_aws(workspace, aws, case):
    more, words = INVALID[case]
    aws.clear_calls()
    hcl = f"""
data "xeks_irsa_path" "app" {{
  namespace       = "nodejs"
  service_account = "nodejs-sa"
  role_arn        = "arn:aws:iam::185863138492:role/app"
  {more}
}}
"""
    workspace(hcl).validate().must_fail(*words)
    assert aws.calls() == []


def signs_in(irsa: Irsa) -> bool:
    """Whether a pod gets the role, as its SDK would."""
    asked = irsa.asks()
    aws = irsa.world.aws
    try:
        token = aws.service_account_token(
            irsa.cluster, "nodejs", "nodejs-sa", asked.get("audience", "sts.amazonaws.com")
        )
        first = asked.get("pod_role_arn", asked["role_arn"])
        sts = aws.client(irsa.side, "sts")
        keys = sts.assume_role_with_web_identity(RoleArn=first, RoleSessionName="pod", WebIdentityToken=token)[
            "Credentials"
        ]
        if irsa.chained:
            pod = Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
            aws.assume("cluster", irsa.arn, pod)
    except ClientError:
        return False
    return True


def warnings(run) -> list[str]:
    return [f"{d.summary}\n{d.detail}" for d in run.diagnostics if d.severity == "warning"]
