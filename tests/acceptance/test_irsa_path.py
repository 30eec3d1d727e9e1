"""`xeks_irsa_path`: STS agrees with every set-up, reads that are denied, and its use in a check block.

That each broken set-up is identified by its hop is shown in test_setups.
"""

from dataclasses import dataclass
from pathlib import Path

import pytest
from accounts import CLUSTER_ACCOUNT, WORKLOAD_ACCOUNT, Accounts
from aws_emulator.client import Credentials
from botocore.exceptions import ClientError
from configurations import Refusal
from manual_irsa import ManualIrsa, allow
from setups import Asked, read
from setups_irsa import BROKEN, SOUND

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_sts_admits_exactly_the_set_ups_whose_hops_are_ok(aws):
    accounts = Accounts(aws)
    differs = []
    for number, setup in enumerate([*BROKEN, *SOUND]):
        if setup.hop in ("issuer", "permissions") or setup.status == "unknown":
            continue
        made = setup.make(accounts, f"{number:02}")
        setup.breaks(made)
        if signs_in(made) != (setup.hop is None):
            differs.append(setup.name)
    assert not differs


@dataclass(frozen=True)
class Denied:
    """A read that is denied in an account, and the hop that stays unknown without it."""

    account: str
    hop: str


READS = {
    "eks:DescribeCluster": Denied("cluster", "issuer"),
    "iam:GetOpenIDConnectProvider": Denied("workload", "oidc_provider"),
    "iam:GetRole": Denied("workload", "trust"),
    "iam:ListRolePolicies": Denied("workload", "permissions"),
    "iam:GetRolePolicy": Denied("workload", "permissions"),
    "iam:ListAttachedRolePolicies": Denied("workload", "permissions"),
    "iam:GetPolicyVersion": Denied("workload", "permissions"),
}


@pytest.mark.parametrize("call", READS)
def test_a_denied_read_makes_its_hop_unknown_and_names_the_permission(cli, aws, tmp_path, call):
    account, hop = READS[call].account, READS[call].hop
    irsa = ManualIrsa(Accounts(aws), "a")
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
    irsa = ManualIrsa(Accounts(aws), "a")
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
def test_a_resource_policy_is_not_guessed(cli, aws, tmp_path, owner, status, words):
    irsa = ManualIrsa(Accounts(aws), "a")
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


def test_a_broken_hop_fails_a_check_with_a_warning_only(workspace, aws):
    irsa = ManualIrsa(Accounts(aws), "a")
    root = workspace(HCL.format(cluster=irsa.cluster, role=irsa.arn))
    assert not warnings(root.apply())
    sound = root.output("text")
    assert sound.endswith("Allowed.\n")
    root.assert_empty_plan()

    irsa.trusts(irsa.asking_for({"{}:aud": "vault"}))
    warned = warnings(root.apply())
    assert any("✖ trust" in detail and "requires the audience vault" in detail for detail in warned), warned

    irsa.trusts(irsa.statement())
    assert not warnings(root.apply())
    assert root.output("text") == sound, "the same objects give the same text"


def test_the_example_works_as_it_stands(workspace, aws):
    example = EXAMPLES / "data-sources" / "xeks_irsa_path" / "data-source.tf"
    assert any("No role nodejs-app exists" in detail for detail in warnings(workspace(example.read_text()).apply()))


INVALID = {
    "no source of tokens": Refusal("", ["cluster_name", "issuer_url"]),
    "two sources of tokens": Refusal('cluster_name = "a"\n  issuer_url = "https://b.example"', ["cluster_name", "issuer_url"]),
    "an issuer and a region": Refusal('issuer_url = "https://b.example"\n  region = "ap-south-1"', ["region"]),
    "resources without actions": Refusal('cluster_name = "a"\n  resources = ["*"]', ["resources", "actions"]),
    "an action with a wildcard": Refusal('cluster_name = "a"\n  actions = ["s3:*"]', ["actions", "s3:GetObject"]),
    "a resource with a wildcard": Refusal('cluster_name = "a"\n  actions = ["s3:GetObject"]\n  resources = ["arn:aws:s3:::b/*"]', ["resources", "wildcards"]),
    "a resource that is not an ARN": Refusal('cluster_name = "a"\n  actions = ["s3:GetObject"]\n  resources = ["b"]', ["resources", "ARN"]),
}  # fmt: skip


@pytest.mark.parametrize("case", INVALID)
def test_validate_refuses_invalid_arguments_without_calling_aws(workspace, aws, case):
    refusal = INVALID[case]
    aws.clear_calls()
    hcl = f"""
data "xeks_irsa_path" "app" {{
  namespace       = "nodejs"
  service_account = "nodejs-sa"
  role_arn        = "arn:aws:iam::185863138492:role/app"
  {refusal.hcl}
}}
"""
    workspace(hcl).validate().must_fail(*refusal.words)
    assert aws.calls() == []


def signs_in(irsa: ManualIrsa) -> bool:
    """Whether a pod gets the role, as its SDK would."""
    asked = irsa.asks()
    aws = irsa.accounts.aws
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
