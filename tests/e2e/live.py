"""`xeks_access_path` with `live = true`: what it says is what kubectl meets, however the provider is configured."""

import json
import socket
import threading

from accounts import CLUSTER, TRUSTS_EC2
from breaks import on_instance
from cross_account_access import ACCESS, ACCESS_ARN, ADDRESS, WORKLOAD, WORKLOAD_ARN, access
from harness import Cli
from machine import pump
from story_access import STORY, WHOAMI, Way, started
from world import REGION, World

WIDGETS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "shortNames": ["wd"]},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object"}},
            }
        ],
    },
}
#: As kubectl takes it → as RBAC knows it.
NAMES = {
    "deployments": "deployments.apps",
    "deploy": "deployments.apps",
    "Deployment": "deployments.apps",
    "deployments.v1.apps": "deployments.apps",
    "deploy/scale": "deployments/scale.apps",
    "po": "pods",
    "pods/exec": "pods/exec",
    "widgets": "widgets.example.com",
    "widget": "widgets.example.com",
    "wd": "widgets.example.com",
    "Widget": "widgets.example.com",
    "widgets.example.com": "widgets.example.com",
}


def run(world: World) -> None:
    checks = world.checks
    checks.title("live = true, against the API server")
    world.fresh()
    _, shell = started(world, Way(STORY))
    world.control_plane.apply([WIDGETS])
    names(world)
    hop = asked(world, resource="pdos")["hops"][-1]
    holds = hop["status"] == "broken" and "no resource named pdos" in hop["reason"] and "api-resources" in hop["fix"]
    checks.check("a resource that the cluster doesn't have is named", holds, f"{hop['reason']} {hop['fix']}")
    without_describe(world, shell)
    endpoints(world)
    another_caller(world)
    proxies(world, shell)
    same_apply(world)
    world.control_plane.must("delete", "crd", WIDGETS["metadata"]["name"])


def asked(
    world: World,
    cli: Cli | None = None,
    provider: str = "",
    live_as: str | None = "app",
    environment: dict[str, str] | None = None,
    **more,
) -> dict:
    """What the data source answers; `provider` is added to each account's block."""
    keys = world.aws.instance_credentials("workload", WORKLOAD)
    root = (cli or world.cli).workspace(world.directory("asked"), **world.profiles(app=keys), **(environment or {}))
    account = lambda profile: f'{{ profile = "{profile}", region = "{REGION}"\n{provider} }}'  # noqa: E731
    arguments = {
        "cluster_name": CLUSTER,
        "principal_arn": WORKLOAD_ARN,
        "via_role_arns": [ACCESS_ARN],
        "live": True,
    } | more
    arguments |= {"live_as": live_as} if live_as else {}
    root.write(
        f"""
terraform {{
  required_providers {{ xeks = {{ source = "xeks/xeks" }} }}
}}

provider "xeks" {{
  cluster_account   = {account("platform")}
  workload_account  = {account("workload")}
  workload_accounts = {{ app = {account("app")} }}
}}
"""
    )
    root.write(json.dumps({"data": {"xeks_access_path": {"it": arguments}}}), "asked.tf.json")
    run = root.try_apply()
    if run.code != 0:
        return {
            "allowed": False,
            "text": run.text,
            "hops": [{"name": "api_server", "status": "error", "reason": run.text, "fix": ""}],
        }
    return root.data_sources()["it"]


def names(world: World) -> None:
    for written, known in NAMES.items():
        hop = asked(world, resource=written)["hops"][-1]
        holds = hop["status"] == "ok" and f"It can get {known} in the whole cluster." in hop["reason"]
        world.checks.check(f"resource = {written!r} is {known}", holds, hop["reason"])


def without_describe(world: World, shell) -> None:
    for name in world.accounts.inline_policies("cluster", ACCESS):
        world.accounts.iam("cluster").delete_role_policy(RoleName=ACCESS, PolicyName=name)
    shell.forget_sessions()
    world.checks.works("without eks:DescribeCluster, kubectl works", shell.kubectl(*WHOAMI), ACCESS)
    state = asked(world)
    world.checks.check("without eks:DescribeCluster, access is allowed", state["allowed"], state["text"])


def endpoints(world: World) -> None:
    """The authenticator takes a token that is signed for STS's public hosts, and no other."""
    cases = {
        "endpoints.sts": f'endpoints = {{ sts = "{world.aws.endpoint}" }}',
        "dual stack": "use_dualstack_endpoint = true",
    }
    for name, lines in cases.items():
        hop = asked(world, provider=lines)["hops"][-1]
        world.checks.check(f"with {name}, the API server takes the token", hop["status"] == "ok", hop["reason"])


def another_caller(world: World) -> None:
    state = asked(world, live_as=None)
    found = {hop["name"]: hop["status"] for hop in state["hops"]}
    holds = not state["allowed"] and "broken" not in found.values() and found["api_server"] == "unknown"
    world.checks.check("another caller than the principal proves nothing", holds, json.dumps(found))


def proxies(world: World, shell) -> None:
    """HTTPS_PROXY without a scheme, as kubectl and the AWS CLI take it."""
    proxy = Proxy()
    environment = {"HTTPS_PROXY": f"127.0.0.1:{proxy.port}", "NO_PROXY": "169.254.169.254"}
    shell.forget_sessions()
    world.checks.works("HTTPS_PROXY without a scheme: kubectl", shell.kubectl(*WHOAMI, **environment), ACCESS)
    by_kubectl = set(proxy.hosts)
    proxy.hosts.clear()
    state = asked(world, environment=environment)
    both = {world.control_plane.endpoint.removeprefix("https://"), f"sts.{REGION}.amazonaws.com"}
    world.checks.check("HTTPS_PROXY without a scheme: xeks_access_path", state["allowed"], state["text"])
    holds = both <= by_kubectl and both <= set(proxy.hosts)
    world.checks.check(
        "both went through the proxy", holds, f"kubectl: {sorted(by_kubectl)}\nxeks: {sorted(set(proxy.hosts))}"
    )


class Proxy:
    """An HTTP proxy that knows CONNECT alone, and notes where it was asked to connect."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port, self.hosts = self._listener.getsockname()[1], []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            if not (part := client.recv(4096)):
                return
            head += part
        host, port = head.split(b" ")[1].decode().rsplit(":", 1)
        self.hosts.append(host)
        server = socket.create_connection((host, int(port)))
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        threading.Thread(target=pump, args=(server, client), daemon=True).start()
        pump(client, server)


def same_apply(world: World) -> None:
    """The data source in the apply that makes the entry: the API server knows it a moment later."""
    world.fresh()
    world.accounts.make_role("workload", WORKLOAD, TRUSTS_EC2)
    on_instance(world)
    keys = world.aws.instance_credentials("workload", WORKLOAD)
    hcl = access(None, f'name = "{WORKLOAD}", existing = true', more='mode = "direct"') + AFTER
    provider = f'  workload_accounts = {{ app = {{ profile = "app", region = "{REGION}" }} }}\n'
    root = world.root(hcl, provider, app=keys)
    root.apply()
    world.checks.check("live waits for the entry that its own apply made", root.output("allowed"), root.output("text"))
    entry = root.state(ADDRESS)["access_entry_arn"]
    world.checks.check("that entry is seconds old", bool(entry), entry or "")


AFTER = f"""
data "xeks_access_path" "it" {{
  cluster_name  = xeks_cross_account_access.ec2.cluster_name
  principal_arn = "{WORKLOAD_ARN}"
  namespaces    = ["default"]
  live          = true
  live_as       = "app"
  depends_on    = [xeks_cross_account_access.ec2]
}}

output "allowed" {{ value = data.xeks_access_path.it.allowed }}
output "text" {{ value = data.xeks_access_path.it.text }}
"""
