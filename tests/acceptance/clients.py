"""What the stories' pods run: the example's Node.js app, and the same upload and download with the Go SDK and boto3.

Packages are installed once, from their lock files, into the cache folder, keyed by the checksum of the lock file; later
runs need no network.
`python clients.py` (`make clients`) installs all of them and reports what it can't install; with --missing it only
reports.

Knows npm, Go and the cache folder. Knows nothing of AWS.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
APP = ROOT / "examples" / "stories" / "irsa-s3" / "app"
SOURCES = Path(__file__).parents[1] / "clients"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "xeks"


def missing(tool: str) -> str | None:
    """Why what needs `tool` is not tested; None where it is installed."""
    return None if shutil.which(tool) else f"!!! NOT TESTED IN PODS: {tool} is not installed"


def node_modules() -> Path:
    """The app's dependencies, as its package-lock.json pins them."""

    def install(folder: Path) -> None:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(APP / name, folder)
        run(["npm", "ci", "--omit=dev", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"], folder)

    return once("node", [APP / "package-lock.json"], install) / "node_modules"


def app(directory: Path) -> Path:
    """The example's app in `directory`, with its dependencies beside it; returns its folder."""
    shutil.copytree(APP, directory, ignore=shutil.ignore_patterns("node_modules"))
    (directory / "node_modules").symlink_to(node_modules())
    return directory


def go_program(name: str) -> Path:
    """The program of tests/clients/NAME, built as its go.sum pins it."""
    source = SOURCES / name

    def build(folder: Path) -> None:
        command = ["go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", str(folder / name), "."]
        run(command, source, CGO_ENABLED="0", GOFLAGS="-mod=readonly", GOWORK="off")

    return once(f"go-{name}", sorted(source.iterdir()), build) / name


def rendered(chart: Path, values: str, namespace: str) -> list[dict]:
    """What Helm makes of a chart."""
    command = [str(go_program("helm")), str(chart), "presigned-urls", namespace]
    ended = subprocess.run(command, input=values, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    return [document for document in yaml.safe_load_all(ended.stdout) if document]


def run_sdk(sdk: str, bucket: str, content: bytes, environment: dict[str, str]) -> subprocess.CompletedProcess:
    """Writes who it is to standard error, and to standard output what it uploaded and downloaded."""
    python = [sys.executable, str(SOURCES / "boto3_client.py")]
    command = python if sdk == "boto3" else [str(go_program("go"))]
    arguments = [*command, bucket, "uploads/by-sdk"]
    return subprocess.run(arguments, env=environment, input=content, capture_output=True, timeout=60)


def once(kind: str, keys: list[Path], make: Callable[[Path], None]) -> Path:
    """The folder that `make` filled, now or in an earlier run with the same content in `keys`."""
    digest = hashlib.sha256(b"\0".join(key.read_bytes() for key in keys)).hexdigest()[:16]
    folder = CACHE / "clients" / f"{kind}-{digest}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Tests run in several processes: one builds it, the others wait.
    with (folder.parent / f"{kind}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            (folder / "complete").touch()
    return folder


def run(command: list[str], folder: Path, **environment: str) -> None:
    ended = subprocess.run(command, cwd=folder, env=os.environ | environment, capture_output=True, text=True)
    if ended.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} in {folder} ended with {ended.returncode}:\n{ended.stderr}")


def main() -> int:
    absent = [reason for tool in ("node", "npm", "go") if (reason := missing(tool))]
    if "--missing" not in sys.argv[1:]:
        if not (missing("node") or missing("npm")):
            print(node_modules(), flush=True)
        if not missing("go"):
            print(go_program("go"), go_program("helm"), sep="\n", flush=True)
    if absent:
        print("\n".join(absent), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
