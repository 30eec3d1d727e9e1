"""etcd, kube-apiserver and aws-iam-authenticator, as EKS runs them, and kubectl as the cluster's administrator.

The authenticator maps by the unique id of a role, as EKS does, so that a role of the same name that was created again
is another one. It asks the emulated STS by AWS's own host names.

Knows Kubernetes. Knows nothing of access entries or the provider.
"""

import base64
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from machine import API_SERVER_ADDRESS, Authority

ISSUER_AUDIENCE = "https://kubernetes.default.svc"
START_SECONDS = 60
#: Cluster roles that are made of others: by the controller manager, which doesn't run here (Kubernetes, "Aggregated
#: ClusterRoles").
AGGREGATED = ("view", "edit", "admin")


class ControlPlane:
    """A context manager. `endpoint` and `authority` are what DescribeCluster has to answer."""

    def __init__(self, programs: dict[str, Path], folder: Path, cluster: str, host: str, issuer: str, region: str):
        self._programs, self._folder = programs, folder
        self._cluster, self._host, self._issuer, self._region = cluster, host, issuer, region
        self._processes: list[subprocess.Popen] = []
        self.mappings = folder / "mappings.json"
        self.kubeconfig = folder / "admin.kubeconfig"
        self.endpoint = f"https://{host}"
        self.authority = ""

    def __enter__(self) -> "ControlPlane":
        authority = Authority("kubernetes")
        self.authority = base64.b64encode(authority.pem).decode()
        (self._folder / "kubernetes-ca.pem").write_bytes(authority.pem)
        self.map_users([])
        self._start_etcd()
        self._start_authenticator()
        self._start_api_server(authority)
        self._write_kubeconfig(authority)
        self._wait("the API server", lambda: self.kubectl("get", "--raw", "/readyz").returncode == 0)
        self._aggregate_roles()
        return self

    def __exit__(self, *_) -> None:
        for process in self._processes:
            # Nothing of theirs is kept, and an API server that ends in order takes its time.
            process.kill()
            process.wait()

    def map_users(self, mappings: list[dict]) -> None:
        """Replaces what the authenticator maps; it watches the file, which is written in place therefore."""
        users = [mapping for mapping in mappings if "userarn" in mapping]
        roles = [mapping for mapping in mappings if "rolearn" in mapping]
        self.mappings.write_text(json.dumps({"mapRoles": roles, "mapUsers": users, "mapAccounts": []}))

    def kubectl(self, *arguments: str, input: str | None = None) -> subprocess.CompletedProcess:
        """As the administrator, by a client certificate."""
        command = [self._programs["kubectl"], "--kubeconfig", self.kubeconfig, *arguments]
        environment = {"HOME": str(self._folder), "PATH": "/usr/bin:/bin"}
        return subprocess.run(command, env=environment, input=input, capture_output=True, text=True, timeout=60)

    def must(self, *arguments: str, input: str | None = None) -> str:
        ended = self.kubectl(*arguments, input=input)
        assert ended.returncode == 0, f"kubectl {' '.join(arguments)}: {ended.stderr}"
        return ended.stdout

    def apply(self, documents: list[dict[str, Any]]) -> None:
        listed = {"apiVersion": "v1", "kind": "List", "items": documents}
        self.must("apply", "--server-side", "--force-conflicts", "-f", "-", input=json.dumps(listed))

    def keys(self) -> dict:
        """The public keys of its service account tokens: what EKS publishes at the issuer's URL."""
        return json.loads(self.must("get", "--raw", "/openid/v1/jwks"))

    def token(self, namespace: str, name: str, audience: str, seconds: int = 3600) -> str:
        """A token as the kubelet asks for it (TokenRequest)."""
        arguments = ["--namespace", namespace, "--audience", audience, "--duration", f"{seconds}s"]
        return self.must("create", "token", name, *arguments).strip()

    def _start(self, name: str, *arguments: str, **environment: str) -> None:
        log = (self._folder / f"{name}.log").open("w")
        command = [self._programs[name], *arguments]
        self._processes.append(
            subprocess.Popen(
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                env={"PATH": "/usr/bin:/bin"} | environment,
            )
        )

    def _wait(self, what: str, is_there: Callable[[], bool]) -> None:
        until = time.monotonic() + START_SECONDS
        while not is_there():
            for process in self._processes:
                name = Path(process.args[0]).name
                if process.poll() is not None:
                    raise RuntimeError(f"{name} ended:\n{(self._folder / f'{name}.log').read_text()[-3000:]}")
            if time.monotonic() > until:
                raise RuntimeError(
                    f"{what} was not ready after {START_SECONDS} seconds; see the logs in {self._folder}"
                )
            time.sleep(0.1)

    def _start_etcd(self) -> None:
        clients, peers = "http://127.0.0.1:2379", "http://127.0.0.1:2380"
        self._start(
            "etcd",
            f"--data-dir={self._folder / 'etcd'}",
            f"--listen-client-urls={clients}",
            f"--advertise-client-urls={clients}",
            f"--listen-peer-urls={peers}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        )

    def _start_authenticator(self) -> None:
        webhook, configuration = self._folder / "webhook.kubeconfig", self._folder / "authenticator.yaml"
        server = {
            "backendMode": ["DynamicFile"],
            "dynamicfilepath": str(self.mappings),
            "dynamicfileUserIDStrict": True,
        }
        configuration.write_text(json.dumps({"clusterID": self._cluster, "server": server}))
        self._start(
            "aws-iam-authenticator",
            "server",
            f"--config={configuration}",
            f"--state-dir={self._folder}",
            f"--generate-kubeconfig={webhook}",
            AWS_REGION=self._region,
            SSL_CERT_FILE=str(self._folder / "aws-ca.pem"),
            HOME=str(self._folder),
        )
        self._wait("the authenticator", webhook.exists)

    def _start_api_server(self, authority: Authority) -> None:
        certificate, key = authority.issue(self._folder, "kube-apiserver", [self._host, "kubernetes.default.svc"])
        _, signing = authority.issue(self._folder, "service-accounts")
        self._start(
            "kube-apiserver",
            "--etcd-servers=http://127.0.0.1:2379",
            f"--bind-address={API_SERVER_ADDRESS}",
            f"--advertise-address={API_SERVER_ADDRESS}",
            "--secure-port=443",
            f"--tls-cert-file={certificate}",
            f"--tls-private-key-file={key}",
            f"--client-ca-file={self._folder / 'kubernetes-ca.pem'}",
            f"--service-account-issuer={self._issuer}",
            f"--service-account-key-file={signing}",
            f"--service-account-signing-key-file={signing}",
            f"--api-audiences={ISSUER_AUDIENCE}",
            "--service-cluster-ip-range=172.20.0.0/16",
            "--authorization-mode=Node,RBAC",
            f"--authentication-token-webhook-config-file={self._folder / 'webhook.kubeconfig'}",
            "--authentication-token-webhook-cache-ttl=1s",
        )

    def _write_kubeconfig(self, authority: Authority) -> None:
        certificate, key = authority.issue(self._folder, "admin", organization="system:masters")
        cluster = {"server": self.endpoint, "certificate-authority-data": self.authority}
        user = {"client-certificate": str(certificate), "client-key": str(key)}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "admin", "user": user}],
            "contexts": [{"name": "admin", "context": {"cluster": "c", "user": "admin"}}],
            "current-context": "admin",
        }
        self.kubeconfig.write_text(json.dumps(document))

    def _aggregate_roles(self) -> None:
        label = "rbac.authorization.k8s.io/aggregate-to-"
        for name in AGGREGATED:
            parts = json.loads(self.must("get", "clusterroles", "-l", f"{label}{name}=true", "-o", "json"))["items"]
            rules = [rule for part in parts for rule in part.get("rules") or []]
            patch = json.dumps({"rules": rules})
            self.must("patch", "clusterrole", name, "--type=merge", "-p", patch)
