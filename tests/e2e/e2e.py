"""`make e2e`: both stories to their end, against the programs that EKS's control plane is made of.

Builds them where they are not built yet, enters namespaces of its own, and starts etcd, kube-apiserver,
aws-iam-authenticator and the emulated AWS there. Prints each check with the words of kubectl, the AWS CLI or the
provider.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

HERE = Path(__file__).parent
INSIDE = "XEKS_E2E_PROGRAMS"
#: In EKS, each cluster's own.
HOST = "0123456789ABCDEF0123456789ABCDEF.gr7.ap-south-1.eks.amazonaws.com"


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--provider", type=Path, required=True)
    arguments.add_argument("--cli", required=True)
    arguments.add_argument("--only", default="", help="parts to run, by name, separated by commas")
    arguments.add_argument("--keep", action="store_true", help="keeps the folder with all logs")
    given = arguments.parse_args()
    return inside(given) if INSIDE in os.environ else outside()


def outside() -> int:
    import programs

    if reason := programs.absent():
        print(f"!!! NOT TESTED AGAINST A REAL CONTROL PLANE: {reason}", flush=True)
        return 0
    built = {name: str(path) for name, path in programs.build().items()}
    command = [*programs.namespaces(), sys.executable, *sys.argv]
    return subprocess.run(command, env=os.environ | {INSIDE: json.dumps(built)}).returncode


def inside(given: argparse.Namespace) -> int:
    import machine
    from checks import Checks
    from parts import PARTS
    from world import NAMES, World

    built = {name: Path(path) for name, path in json.loads(os.environ.pop(INSIDE)).items()}
    wanted = [part for part in given.only.split(",") if part] or list(PARTS)
    checks = Checks()
    folder = Path(tempfile.mkdtemp(prefix="xeks-e2e-"))
    try:
        machine.begin(NAMES, HOST, folder)
        with World(built, given.provider.resolve(), given.cli, folder, HOST, checks) as world:
            for name in wanted:
                try:
                    PARTS[name](world)
                except Exception:
                    checks.check(f"{name} ran to its end", False, traceback.format_exc())
    finally:
        if given.keep:
            print(f"Everything is in {folder}", flush=True)
        else:
            subprocess.run(["rm", "-rf", folder], check=False)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
