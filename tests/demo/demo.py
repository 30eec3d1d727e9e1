"""`make demo`: both stories with a real CLI in two local AWS accounts: apply, prove access, break, repair, destroy.

Everything runs on this machine: the accounts are the ones that the acceptance tests use (tests/aws_emulator).
"""

import argparse
import json
import os
import subprocess
import tempfile
from pathlib import Path

import breakage
import clients
import yaml
from accounts import without_gone
from app import App, send
from aws_emulator.client import Aws
from breakage import ACCESS_ROLE_ARN, CLUSTER
from chain import Chain
from harness import Cli, Workspace, clean_environment
from instance import Instance, run_aws
from pod import Pod, spec_of
from profiles import administrators, write_profiles
from screen import command_line, expect, say, show, step, title
from stories import BUCKET, set_up, workload


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--provider", type=Path, required=True)
    arguments.add_argument("--cli", required=True)
    given = arguments.parse_args()

    with Aws(story=True) as aws, tempfile.TemporaryDirectory(prefix="xeks-demo-") as scratch:
        demo = Demo(aws, Cli(given.cli, given.provider.resolve(), Path(scratch)), Path(scratch))
        untouched = without_gone(aws.dump())
        demo.story_1()
        demo.story_2()
        expect(without_gone(aws.dump()) == untouched, "both accounts are as before: no object remains")
    say("\nBoth stories work. Run `make playground` to try xeks in the two accounts.")


class Demo:
    def __init__(self, aws: Aws, cli: Cli, scratch: Path):
        self.aws = aws
        self.cli = cli
        self.scratch = scratch
        self.profiles = write_profiles(aws, scratch / "aws", **administrators(aws))

    def story_1(self) -> None:
        title("Story 1: an EC2 instance in account 185863138492 uses a cluster in account 183295435445")
        root = self.apply("cross-account-access")
        kubeconfig, aws_config = root.output("kubeconfig"), root.output("aws_config")

        step("Objects in the cluster account")
        self.aws_cli("platform-admin", f"eks list-access-entries --cluster-name {CLUSTER}")
        entry = f"--cluster-name {CLUSTER} --principal-arn {ACCESS_ROLE_ARN}"
        self.aws_cli("platform-admin", f"eks describe-access-entry {entry}")
        self.aws_cli(
            "platform-admin", f"eks list-associated-access-policies {entry}", "associatedAccessPolicies[].policyArn"
        )
        self.aws_cli(
            "platform", "iam get-role --role-name EKS-CrossAccount-Access-Role", "Role.AssumeRolePolicyDocument"
        )
        step("Objects in the workload account")
        self.aws_cli("workload-admin", "iam list-role-policies --role-name EC2-EKS-CrossAccount-Role")
        self.aws_cli(
            "workload",
            "iam list-instance-profiles-for-role --role-name EC2-EKS-CrossAccount-Role",
            "InstanceProfiles[].Arn",
        )

        step("Proof: on the instance, with only the generated aws_config and kubeconfig")
        credentials = self.aws.instance_credentials("workload", "EC2-EKS-CrossAccount-Role")
        with Instance(credentials, self.scratch / "instance", self.aws.endpoint) as instance:
            (instance.home / ".aws" / "config").write_text(aws_config)
            user = yaml.safe_load(kubeconfig)["users"][0]["user"]["exec"]
            token = json.loads(self.shell([user["command"], *user["args"]], instance.environment()))["status"]["token"]
            show(f"{token[:60]}…")
            (instance.home / ".kube").mkdir()
            (instance.home / ".kube" / "config").write_text(kubeconfig)
            if not clients.missing("kubectl"):
                show(self.shell(["kubectl", "auth", "whoami"], instance.environment()))
        seen = self.aws.review_token(CLUSTER, token)
        expect(seen["status"] == 200, f"the cluster authenticates {seen.get('username', seen)}")
        policies = [policy["policyArn"].split("/")[-1] for policy in seen["policies"]]
        expect(policies == ["AmazonEKSClusterAdminPolicy"], f"with {', '.join(policies)}")

        step("The chain, hop by hop: from the documents on both sides, then live with the instance's credentials")
        where = {"workload": workload(self.aws), "live": False}
        profiles = write_profiles(self.aws, self.scratch / "aws-of-chain", instance=credentials)
        chain = Chain(self.aws, self.cli, root, "access", "xeks_access_path", self.scratch, profiles)
        chain.show(**where)
        chain.break_and_repair(breakage.route, "route", **where)
        chain.break_and_repair(breakage.external_id, "assume_role", **where)
        # The aws-auth ConfigMap, which the documents of AWS do not show, may still map the role.
        chain.break_and_repair(breakage.access_entry, "access_entry", "unknown", **where)
        step("Repaired, and tested live")
        chain.show(**where | {"live": True})

        self.destroy(root)

    def story_2(self) -> None:
        title("Story 2: pods of nodejs/nodejs-sa in the cluster use the role nodejs-app in account 185863138492")
        root = self.apply("irsa-s3")
        show(root.output("service_account_manifests"))

        step("Objects in the workload account")
        self.aws_cli("workload-admin", "iam list-open-id-connect-providers", "OpenIDConnectProviderList[].Arn")
        self.aws_cli("workload-admin", "iam get-role --role-name nodejs-app", "Role.AssumeRolePolicyDocument")

        step("Proof: a pod's token, signed by the cluster's issuer, for the role")
        run = self.as_pod("nodejs", "nodejs-sa")
        who = json.loads(run.stdout)["AssumedRoleUser"]["Arn"] if run.returncode == 0 else run.stderr
        expect(":assumed-role/nodejs-app/" in who, f"nodejs/nodejs-sa gets a session of {who.strip()}")
        run = self.as_pod("nodejs", "default")
        expect("AccessDenied" in run.stderr, f"nodejs/default is denied: {run.stderr.strip()}")

        step("The chain, hop by hop")
        chain = Chain(self.aws, self.cli, root, "pod", "xeks_irsa_path", self.scratch, self.profiles)
        chain.show()
        chain.break_and_repair(breakage.audience, "oidc_provider")

        if reason := clients.missing("node") or clients.missing("npm"):
            step(f"{reason}: the app of examples/stories/irsa-s3 is skipped")
            self.destroy(root)
        else:
            self.app_in_pod(root)

    def app_in_pod(self, root: Workspace) -> None:
        step("The app in the pod signs URLs, and clients upload and download with them")
        documents = list(yaml.safe_load_all(root.output("service_account_manifests")))
        token = self.aws.service_account_token(CLUSTER, "nodejs", "nodejs-sa")
        pod = Pod(documents, spec_of(documents), self.scratch / "pod", self.aws.region, lambda audience: token)
        endpoints = {f"AWS_ENDPOINT_URL_{service}": self.aws.endpoint for service in ("S3", "STS")}
        content = os.urandom(100_000)
        with App(clients.app(self.scratch / "app"), pod.environment(BUCKET=BUCKET, **endpoints)) as app:
            upload, download = app.url("upload", "photo.jpg"), app.url("download", "photo.jpg")
            show(f"{upload[:120]}…")
            expect(send("PUT", upload, content)[0] == 200, "100,000 bytes are uploaded through the presigned PUT URL")
            expect(send("GET", download) == (200, content), "the same bytes come back through the presigned GET URL")
            self.destroy(root)
            status, body = send("GET", download)
            expect(status == 403 and b"AccessDenied" in body, "the URLs are invalid without the role: 403 AccessDenied")

    def apply(self, story: str) -> Workspace:
        step(f"{self.cli.name} apply, in examples/stories/{story}")
        root = self.cli.workspace(set_up(self.aws, story, self.scratch), **self.profiles)
        self.run_cli(root, "apply")
        plan = root.run("plan", "-no-color", "-detailed-exitcode")
        expect(plan.code == 0, "a second plan is empty")
        return root

    def destroy(self, root: Workspace) -> None:
        step(f"{self.cli.name} destroy")
        self.run_cli(root, "destroy")

    def run_cli(self, root: Workspace, command: str) -> None:
        command_line(f"{self.cli.name} {command}")
        run = root.run(command, "-no-color", "-auto-approve").must_work()
        show("\n".join(line for line in run.output.splitlines() if line.startswith(("xeks_", "Apply", "Destroy"))))

    def aws_cli(self, profile: str, command: str, query: str = "") -> None:
        arguments = ["aws", "--profile", profile, *command.split(), *(["--query", query] if query else [])]
        show(self.shell(arguments, clean_environment(self.scratch, Path("/dev/null"), **self.profiles)))

    def as_pod(self, namespace: str, name: str) -> subprocess.CompletedProcess:
        """What an SDK in a pod does with the token that the annotation makes Kubernetes mount."""
        token = self.aws.service_account_token(CLUSTER, namespace, name)
        role = "--role-arn arn:aws:iam::185863138492:role/nodejs-app --role-session-name pod --web-identity-token"
        environment = clean_environment(self.scratch, Path("/dev/null"), AWS_ENDPOINT_URL=self.aws.endpoint)
        command = f"aws --region ap-south-1 sts assume-role-with-web-identity {role}".split()
        command_line(f"{' '.join(command)} …  # of {namespace}/{name}")
        return run_aws([*command, token], environment)

    def shell(self, command: list[str], environment: dict[str, str]) -> str:
        command_line(" ".join(command))
        run = run_aws(command, environment)
        expect(run.returncode == 0, run.stderr.strip() if run.returncode else "")
        return run.stdout


if __name__ == "__main__":
    main()
