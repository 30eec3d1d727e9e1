"""Secrets stay where they were given: the whole life of all resources at TRACE, then every file and every line is searched.

Credentials of each kind are given, AWS repeats requests in its errors, and all that the CLI and the provider wrote or
said is looked through for each secret that there was, those of every session included.
"""

from pathlib import Path

from harness import Run, Workspace
from hushed import ROLES_EXTERNAL_ID, Hushed, telltale_proxy
from leaks import leaks, written
from network import peering
from test_access import ACCESS, WORKLOAD, access
from test_irsa import trust
from world import CLUSTER, WORKLOAD_ACCOUNT, role_arn

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

# What each failing apply meets. What is tried again happens once, the rest each time.
FAILING = [
    [("echo", "iam", "CreateRole", {}), ("echo", "ec2", "CreateVpcPeeringConnection", {})],
    [("error", "iam", "CreateRole", MALFORMED), ("error", "ec2", "CreateVpcPeeringConnection", INVALID_TOKEN)],
    [("echo", "eks", "CreateAccessEntry", {}), ("lost_answer", "iam", "CreateInstanceProfile", {}), ("500", "iam", "PutRolePolicy", {})],
    [("deny", "eks", "AssociateAccessPolicy", {}), ("throttle", "ec2", "CreateRoute", {}), ("reset", "iam", "TagRole", {})],
]  # fmt: skip
# How signing in fails: at the profile's role, at the token's, at the hop, at the first call.
SIGNING_IN = [
    ("echo", "AssumeRole", {"account": "cluster"}),
    ("echo", "AssumeRoleWithWebIdentity", {}),
    ("echo", "AssumeRole", {"account": "workload"}),
    ("echo", "GetCallerIdentity", {}),
]


class Life:
    """Every command at TRACE; what it said is kept."""

    def __init__(self, root: Workspace, hushed: Hushed, log: Path):
        self.root, self.hushed, self.said = root, hushed, {}
        root.environment |= {
            "TF_LOG": "TRACE",
            "TF_LOG_PROVIDER": "TRACE",
            "TF_LOG_CORE": "TRACE",
            "TF_LOG_PATH": str(log),
        }
        root.environment |= {"RUST_LOG": "trace", "RUST_BACKTRACE": "full"}

    def run(self, *arguments: str) -> Run:
        self.root.environment |= self.hushed.environment()
        run = self.root.run(*arguments)
        self.said[f"output {len(self.said)} of {arguments[0]}"] = run
        return run

    def applies(self, *faults: tuple, command: str = "apply") -> Run:
        for kind, service, action, more in faults:
            times = 99 if kind in ("echo", "error", "deny") else 1
            self.hushed.aws.faults.add(kind, service=service, action=action, times=times, **more)
        run = self.run(command, "-json", "-auto-approve")
        self.hushed.aws.faults.clear()
        return run


def test_no_secret_is_written_or_said(cli, aws, tmp_path):
    root = cli.workspace(tmp_path / "root")
    with telltale_proxy() as (proxy, shown):
        hushed = Hushed(aws, tmp_path / "given", proxy)
        life = Life(root, hushed, tmp_path / "trace.log")
        root.write(hushed.provider(), "provider.tf").write(
            ROLE + trust() + peering(aws.story()["workload_vpc_id"]) + OUTPUTS
        )
        live_its_life(life)
        refuse_to_sign_in(life)
        assert shown and set(shown) == {hushed.secrets["the proxy's password"]}
        life.applies(
            ("echo", "iam", "DeleteRole", {}), ("echo", "eks", "DeleteAccessEntry", {}), command="destroy"
        ).must_fail()
        life.applies(command="destroy").must_work()

    errors = "\n".join(str(diagnostic) for run in life.said.values() for diagnostic in run.diagnostics)
    assert errors.count("does not match the signature you provided") >= 8, "AWS repeated requests"
    places = written(tmp_path, but=[tmp_path / "given"]) | {
        name: run.output.encode() for name, run in life.said.items()
    }
    assert b"calling AWS" in places["trace.log"] and b'"@level":"debug"' not in places["trace.log"], (
        "the provider speaks"
    )
    assert {"root/terraform.tfstate", "root/terraform.tfstate.backup", "root/tfplan/tfplan"} <= set(places)
    secrets = hushed.all_secrets()
    assert len(secrets) > 30
    spoken = {"trace.log": places["trace.log"], "diagnostics": errors.encode()}
    found = leaks(places, secrets) + leaks(spoken, ROLES_EXTERNAL_ID)
    assert not found, f"{len(found)} leaks:\n" + "\n".join(found)


def live_its_life(life: Life) -> None:
    life.run("plan", "-out=tfplan").must_work()
    life.run("show", "tfplan").must_work()
    assert EXTERNAL_ID in life.run("show", "-json", "tfplan").must_work().output
    for faults in FAILING:
        life.applies(*faults).must_fail()
    life.applies().must_work()

    life.hushed.sign_in(life.hushed.aws.instance_credentials("workload", WORKLOAD))
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
    """Each account's way in fails, and AWS, or a proxy, tells all that it was sent."""
    (life.root.directory / "outputs.tf").unlink(missing_ok=True)
    for kind, action, more in SIGNING_IN:
        life.hushed.aws.faults.add(kind, service="sts", action=action, times=20, **more)
        life.run("plan", "-json").must_fail("does not match the signature")
        life.hushed.aws.faults.clear()
    others = [
        IN_ACCOUNT.format(key=key, role=role_arn(WORKLOAD_ACCOUNT, "nodejs-app")) for key in ("proxied", "inline")
    ]
    for other in others:
        life.root.write(other, "other.tf")
        life.hushed.aws.faults.add("echo", service="sts", action="AssumeRoleWithWebIdentity", times=20)
        life.run("plan", "-json")
        life.hushed.aws.faults.clear()
    (life.root.directory / "other.tf").unlink()
