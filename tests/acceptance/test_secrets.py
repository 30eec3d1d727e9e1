"""Secrets stay where they were given: all resources from create to destroy at TRACE, then every file and every line is searched.

Credentials of each kind are given, AWS repeats requests in its errors, and everything that the CLI and the provider wrote
is searched for each secret, those of every session included.
"""

from dataclasses import dataclass, field
from pathlib import Path

from accounts import CLUSTER, WORKLOAD_ACCOUNT, role_arn
from aws_emulator.client import Aws
from cluster_peering import peering
from cross_account_access import ACCESS, WORKLOAD, access
from harness import Run, Workspace
from irsa_trust import trust
from secret_search import leaks, written
from sign_ins import ROLES_EXTERNAL_ID, SignIns, echoing_proxy

EXTERNAL_ID = ROLES_EXTERNAL_ID["the role's external id"]
ROLE = access(
    access_role=f'name = "{ACCESS}", external_id = "{EXTERNAL_ID}"',
    workload_role=f'name = "{WORKLOAD}", instance_profile = true',
)
OUTPUTS = "".join(
    f'output "{name}" {{\n  value = {value}\n}}\n'
    for name, value in {
        "access": "xeks_cross_account_access.ec2",
        "peering": "xeks_cluster_peering.team",
        "irsa": "xeks_irsa_trust.app",
    }.items()
)
LIVE = f"""
data "xeks_access_path" "it" {{
  cluster_name  = "{CLUSTER}"
  principal_arn = xeks_cross_account_access.ec2.workload_role_arn
  via_role_arns = [xeks_cross_account_access.ec2.access_role_arn]
  external_id   = "%s"
  namespaces    = ["prod"]
  live          = true
  live_as       = "keys"
}}

data "xeks_irsa_path" "it" {{
  cluster_name    = "{CLUSTER}"
  role_arn        = xeks_irsa_trust.app.role_arn
  namespace       = "nodejs"
  service_account = "nodejs-sa"
}}

output "text" {{
  value = [data.xeks_access_path.it.text, data.xeks_irsa_path.it.text]
}}

check "it_gets_in" {{
  assert {{
    condition     = data.xeks_access_path.it.allowed
    error_message = data.xeks_access_path.it.text
  }}
}}
"""
IN_ACCOUNT = 'data "xeks_irsa_path" "other" {{\n  issuer_url = "https://oidc.example.com"\n  role_arn = "{role}"\n  namespace = "a"\n  service_account = "b"\n  workload_account = "{key}"\n}}\n'
MALFORMED = {
    "code": "MalformedPolicyDocument",
    "message": f'Syntax errors in policy: {{"Condition":{{"StringEquals":{{"sts:ExternalId":"{EXTERNAL_ID}"}}}}}}',
}
INVALID_TOKEN = {
    "code": "InvalidClientTokenId",
    "message": "The security token included in the request is invalid",
    "status": 403,
}


@dataclass(frozen=True)
class Fault:
    """A fault that an action meets, in one account or in both."""

    kind: str
    service: str
    action: str
    account: str | None = None
    #: The code, message and status of the error, for faults of the kind `error`.
    error: dict = field(default_factory=dict)

    def add(self, aws: Aws, times: int) -> None:
        where = {"service": self.service, "action": self.action, "account": self.account}
        aws.faults.add(self.kind, times=times, **{key: value for key, value in where.items() if value}, **self.error)


# The faults of each failing apply. A call that is retried fails once, the others each time.
FAILING = [
    [Fault("echo", "iam", "CreateRole"), Fault("echo", "ec2", "CreateVpcPeeringConnection")],
    [Fault("error", "iam", "CreateRole", error=MALFORMED), Fault("error", "ec2", "CreateVpcPeeringConnection", error=INVALID_TOKEN)],
    [Fault("echo", "eks", "CreateAccessEntry"), Fault("lost_answer", "iam", "CreateInstanceProfile"), Fault("500", "iam", "PutRolePolicy")],
    [Fault("deny", "eks", "AssociateAccessPolicy"), Fault("throttle", "ec2", "CreateRoute"), Fault("reset", "iam", "TagRole")],
]  # fmt: skip
# How signing in fails: at the role of the profile, at the role of the token, at the second role, at the first call.
SIGNING_IN = [
    Fault("echo", "sts", "AssumeRole", account="cluster"),
    Fault("echo", "sts", "AssumeRoleWithWebIdentity"),
    Fault("echo", "sts", "AssumeRole", account="workload"),
    Fault("echo", "sts", "GetCallerIdentity"),
]


class Life:
    """Runs every command at TRACE, and keeps its output."""

    def __init__(self, root: Workspace, sign_ins: SignIns, log: Path):
        self.root, self.sign_ins, self.outputs = root, sign_ins, {}
        root.environment |= {
            "TF_LOG": "TRACE",
            "TF_LOG_PROVIDER": "TRACE",
            "TF_LOG_CORE": "TRACE",
            "TF_LOG_PATH": str(log),
        }
        root.environment |= {"RUST_LOG": "trace", "RUST_BACKTRACE": "full"}

    def run(self, *arguments: str) -> Run:
        self.root.environment |= self.sign_ins.environment()
        run = self.root.run(*arguments)
        self.outputs[f"output {len(self.outputs)} of {arguments[0]}"] = run
        return run

    def applies(self, *faults: Fault, command: str = "apply") -> Run:
        for fault in faults:
            fault.add(self.sign_ins.aws, times=99 if fault.kind in ("echo", "error", "deny") else 1)
        run = self.run(command, "-json", "-auto-approve")
        self.sign_ins.aws.faults.clear()
        return run


def test_no_secret_is_written_to_any_file_or_output(cli, aws, tmp_path):
    root = cli.workspace(tmp_path / "root")
    with echoing_proxy() as (proxy, shown):
        sign_ins = SignIns(aws, tmp_path / "given", proxy)
        life = Life(root, sign_ins, tmp_path / "trace.log")
        root.write(sign_ins.provider(), "provider.tf").write(
            ROLE + trust() + peering(aws.story()["workload_vpc_id"]) + OUTPUTS
        )
        run_through(life)
        refuse_to_sign_in(life)
        assert shown and set(shown) == {sign_ins.secrets["the proxy's password"]}
        life.applies(
            Fault("echo", "iam", "DeleteRole"), Fault("echo", "eks", "DeleteAccessEntry"), command="destroy"
        ).must_fail()
        life.applies(command="destroy").must_work()

    errors = "\n".join(str(diagnostic) for run in life.outputs.values() for diagnostic in run.diagnostics)
    assert errors.count("does not match the signature you provided") >= 8, "AWS repeated requests"
    places = written(tmp_path, but=[tmp_path / "given"]) | {
        name: run.output.encode() for name, run in life.outputs.items()
    }
    assert b"calling AWS" in places["trace.log"] and b'"@level":"debug"' not in places["trace.log"], (
        "the provider speaks"
    )
    assert {"root/terraform.tfstate", "root/terraform.tfstate.backup", "root/tfplan/tfplan"} <= set(places)
    secrets = sign_ins.all_secrets()
    assert len(secrets) > 30
    spoken = {"trace.log": places["trace.log"], "diagnostics": errors.encode()}
    found = leaks(places, secrets) + leaks(spoken, ROLES_EXTERNAL_ID)
    assert not found, f"{len(found)} leaks:\n" + "\n".join(found)


def run_through(life: Life) -> None:
    life.run("plan", "-out=tfplan").must_work()
    life.run("show", "tfplan").must_work()
    assert EXTERNAL_ID in life.run("show", "-json", "tfplan").must_work().output
    for faults in FAILING:
        life.applies(*faults).must_fail()
    life.applies().must_work()

    life.sign_ins.sign_in(life.sign_ins.aws.instance_credentials("workload", WORKLOAD))
    life.root.write(LIVE % EXTERNAL_ID, "live.tf")
    output = life.applies().must_work()
    assert "STS returned a session" in output.output and "Check block" not in output.text
    life.run("apply", "-refresh-only", "-auto-approve").must_work()
    life.root.write(LIVE % "another-one", "live.tf")
    assert "Check block" in life.run("plan", "-json").text
    (life.root.directory / "live.tf").unlink()

    life.applies().must_work()
    life.run("state", "rm", "xeks_cross_account_access.ec2").must_work()
    life.run("import", "-no-color", "xeks_cross_account_access.ec2", f"{CLUSTER}/{ACCESS}/{WORKLOAD}").must_work()
    life.run("show", "-json").must_work()


def refuse_to_sign_in(life: Life) -> None:
    """Signing in fails in each account, and AWS, or a proxy, repeats all that it was sent."""
    (life.root.directory / "outputs.tf").unlink(missing_ok=True)
    for fault in SIGNING_IN:
        fault.add(life.sign_ins.aws, times=20)
        life.run("plan", "-json").must_fail("does not match the signature")
        life.sign_ins.aws.faults.clear()
    others = [
        IN_ACCOUNT.format(key=key, role=role_arn(WORKLOAD_ACCOUNT, "nodejs-app")) for key in ("proxied", "inline")
    ]
    for other in others:
        life.root.write(other, "other.tf")
        life.sign_ins.aws.faults.add("echo", service="sts", action="AssumeRoleWithWebIdentity", times=20)
        life.run("plan", "-json")
        life.sign_ins.aws.faults.clear()
    (life.root.directory / "other.tf").unlink()
