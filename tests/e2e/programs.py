"""What EKS's control plane is made of, built once from Go modules at pinned versions into the cache folder.

Knows Go and the cache folder. Knows nothing of AWS.
"""

import os
import subprocess
from pathlib import Path

from clients import missing, once

HERE = Path(__file__).parent
#: What the machine does in its namespaces.
NEEDED = " && ".join(
    (
        "ip link add v0 type veth peer name v1",
        "mount --bind /etc/hosts /etc/hosts",
        "ip rule add to 10.0.0.0/8 blackhole",
    )
)

#: Program → the module beside this file that pins its version, and its package.
PACKAGES = {
    "etcd": ("control-plane", "go.etcd.io/etcd/server/v3"),
    "kube-apiserver": ("control-plane", "k8s.io/kubernetes/cmd/kube-apiserver"),
    "kubectl": ("control-plane", "k8s.io/kubernetes/cmd/kubectl"),
    "aws-iam-authenticator": ("authenticator", "sigs.k8s.io/aws-iam-authenticator/cmd/aws-iam-authenticator"),
    # The oldest that EKS's extended support has use for.
    "kubectl-1.29": ("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
}


def absent() -> str | None:
    """Why the control plane can't run here; None where it can."""
    if not installed("go"):
        return "Go is not installed"
    if not all(map(installed, ("ip", "unshare", "nsenter"))):
        return "iproute2 and util-linux (ip, unshare, nsenter) are not installed"
    tried = subprocess.run([*namespaces(), "sh", "-c", NEEDED], capture_output=True, text=True)
    return f"network namespaces are not permitted: {tried.stderr.strip()}" if tried.returncode else None


def installed(tool: str) -> bool:
    return missing(tool) is None


def namespaces() -> list[str]:
    """Runs a command in namespaces of its own: of users where it is not root, networks, mounts and processes."""
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *user, "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]


def build() -> dict[str, Path]:
    """Program → its executable."""
    return {name: _built(name, *where) for name, where in PACKAGES.items()}


def _built(name: str, module: str, package: str) -> Path:
    source = HERE / module

    def make(folder: Path) -> None:
        print(f"Building {name}, once ...", flush=True)
        command = [
            "go",
            "build",
            "-trimpath",
            "-buildvcs=false",
            "-ldflags",
            link_flags(source),
            "-o",
            folder / name,
            package,
        ]
        environment = os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOWORK": "off"}
        subprocess.run(command, cwd=source, env=environment, check=True)

    return once(f"e2e-{name}", [source / "go.mod", source / "go.sum"], make) / name


def link_flags(source: Path) -> str:
    """Without symbols, and with the version that kubectl and the API server say they are: their own builds set it."""
    lines = [line.split() for line in (source / "go.mod").read_text().splitlines()]
    version = next((words[-1] for words in lines if words[-2:-1] == ["k8s.io/kubernetes"]), None)
    if version is None:
        return "-s -w"
    major, minor = version.removeprefix("v").split(".")[:2]
    sets = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
    return "-s -w " + " ".join(f"-X k8s.io/component-base/version.{key}={value}" for key, value in sets.items())
