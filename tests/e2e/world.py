"""Everything that a check needs: both accounts, the control plane, root modules, and shells of those who use kubectl.

Nothing here says where the emulated AWS is: clients find AWS by its own host names, and trust its authority by
`AWS_CA_BUNDLE`, as behind a proxy that inspects TLS.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from accounts import CLUSTER, Accounts
from aws_emulator.client import Aws, Credentials
from bridge import Bridge
from checks import Checks
from control_plane import ControlPlane
from harness import Cli, Workspace, clean_environment
from machine import Authority, Metadata, TlsFront
from profiles import profile, write_profiles
from stories import BUCKET
from workspaces import PROVIDER

REGION = "ap-south-1"
NAMES = [
    *(f"{service}.{REGION}.amazonaws.com" for service in ("sts", "eks", "ec2", "s3", f"{BUCKET}.s3", "oidc.eks")),
    # Where boto3 sends URLs that it signs for a bucket.
    f"{BUCKET}.s3.amazonaws.com",
    "sts.amazonaws.com",
    # Of dual stack.
    *(f"{service}.{REGION}.api.aws" for service in ("sts", "eks", "ec2")),
    "iam.amazonaws.com",
]


class World:
    """A context manager."""

    def __init__(self, programs: dict[str, Path], provider: Path, cli: str, folder: Path, host: str, checks: Checks):
        self.programs, self._host = programs, host
        self.folder, self.checks = folder, checks
        self.provider, self._cli = provider, cli
        self._open = contextlib.ExitStack()
        self._count = 0

    def __enter__(self) -> "World":
        self.aws = self._open.enter_context(Aws(story=True))
        self.accounts = Accounts(self.aws)
        authority = Authority("AWS on this machine")
        self.bundle = self.folder / "aws-ca.pem"
        self.bundle.write_bytes(authority.pem)
        # For what this process itself fetches.
        os.environ["SSL_CERT_FILE"] = str(self.bundle)
        TlsFront(*authority.issue(self.folder, "aws", NAMES), int(self.aws.endpoint.rsplit(":", 1)[1]))
        self.metadata = Metadata()
        issuer = self.accounts.issuer()
        self.control_plane = self._open.enter_context(
            ControlPlane(self.programs, self.folder, CLUSTER, self._host, issuer, REGION)
        )
        answer = {"endpoint": self.control_plane.endpoint, "authority": self.control_plane.authority}
        self.aws.alter_cluster(CLUSTER, **answer)
        self.aws.publish_keys(CLUSTER, self.control_plane.keys()["keys"])
        self.bridge = self._open.enter_context(Bridge(self.aws, self.control_plane, CLUSTER))
        self.cli = Cli(self._cli, self.provider, self.folder)
        self._begin = self.aws.snapshot()
        return self

    def __exit__(self, *exception) -> None:
        self.metadata.stop()
        self._open.__exit__(*exception)

    def fresh(self) -> None:
        """Both accounts as after the start."""
        self.aws.restore(self._begin)
        self.bridge.settle()

    def directory(self, name: str) -> Path:
        self._count += 1
        made = self.folder / f"{self._count}-{name}"
        made.mkdir()
        return made

    def profiles(self, **more: Credentials) -> dict[str, str]:
        """Shared files with the runners of both accounts, and others; what to export."""
        files = write_profiles(self.aws, self.directory("aws"), has_endpoint=False, **more)
        return files | {"AWS_CA_BUNDLE": str(self.bundle)}

    def profile(self, name: str, credentials: Credentials) -> str:
        return profile(self.aws, name, credentials, has_endpoint=False)

    def become(self, role: str) -> Credentials:
        """The instance runs with this role from now on."""
        credentials = self.aws.instance_credentials("workload", role)
        self.metadata.become(credentials)
        return credentials

    def root(self, hcl: str, in_provider: str = "", **more: Credentials) -> Workspace:
        root = self.cli.workspace(self.directory("root"), **self.profiles(**more))
        root.write(PROVIDER % in_provider, "provider.tf")
        return root.write(hcl)

    def shell(self, name: str = "home") -> "Shell":
        return Shell(self, self.directory(name))


class Shell:
    """A home folder with kubeconfig and AWS config, as a user of the cluster has it."""

    def __init__(self, world: World, home: Path):
        self.home = home
        self._world = world
        for folder in (".kube", ".aws"):
            (home / folder).mkdir()

    def place(self, kubeconfig: str = "", aws_config: str = "") -> "Shell":
        (self.home / ".kube" / "config").write_text(kubeconfig)
        (self.home / ".aws" / "config").write_text(aws_config)
        return self

    def forget_sessions(self) -> None:
        """The AWS CLI keeps the sessions of its profiles until they expire, also when their role is gone."""
        shutil.rmtree(self.home / ".aws" / "cli", ignore_errors=True)

    def environment(self, **more: str) -> dict[str, str]:
        environment = clean_environment(self.home, Path("/dev/null"), AWS_CA_BUNDLE=str(self._world.bundle))
        # On an instance, credentials come from the metadata service.
        del environment["AWS_EC2_METADATA_DISABLED"]
        environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
        return environment | more

    def kubectl(
        self, *arguments: str, version: str = "kubectl", input: str | None = None, **environment: str
    ) -> subprocess.CompletedProcess:
        return self.run(self._world.programs[version], *arguments, input=input, **environment)

    def run(self, *command: str | Path, input: str | None = None, **environment: str) -> subprocess.CompletedProcess:
        given = {"env": self.environment(**environment), "input": input, "cwd": self.home}
        return subprocess.run(list(map(str, command)), **given, capture_output=True, text=True, timeout=90)

    def user(self, **environment: str) -> dict:
        """Who the API server takes the user of the shell for; empty where it does not know him."""
        ended = self.kubectl("auth", "whoami", "-o", "json", **environment)
        return json.loads(ended.stdout)["status"]["userInfo"] if ended.returncode == 0 else {}
