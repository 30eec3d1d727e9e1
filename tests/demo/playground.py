"""`make playground`: two local AWS accounts with a cluster and VPCs, until Ctrl-C, and a configuration to try."""

import argparse
import shutil
import signal
import sys
from pathlib import Path

from aws_emulator.client import Aws
from harness import cli_config, lay_out
from profiles import administrators, write_profiles
from stories import set_up

ROOT = Path(__file__).parents[2]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--provider", type=Path, required=True)
    arguments.add_argument("--cli", required=True)
    arguments.add_argument("--folder", type=Path, default=ROOT / "build" / "playground")
    given = arguments.parse_args()
    # Also where a script started it in the background, whose commands ignore SIGINT.
    for end in (signal.SIGINT, signal.SIGTERM):
        signal.signal(end, signal.default_int_handler)

    folder = given.folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    lay_out(given.provider, folder / "mirror")
    (folder / "cli.tfrc").write_text(cli_config(folder / "mirror"))
    try:
        with Aws(story=True) as aws:
            root = set_up(aws, "cross-account-access", folder)
            exports = write_profiles(aws, folder / "aws", **administrators(aws)) | {
                "TF_CLI_CONFIG_FILE": str(folder / "cli.tfrc")
            }
            print(greeting(aws, exports, given.cli, root), flush=True)
            signal.pause()
    except KeyboardInterrupt:
        print("\nThe two accounts are deleted. The next playground starts with new ones.")


def greeting(aws: Aws, exports: dict[str, str], cli: str, root: Path) -> str:
    exported = "\n  ".join(f"export {name}={value}" for name, value in exports.items())
    aws_cli = Path(sys.executable).parent / "aws"
    return f"""
Two AWS accounts run at {aws.endpoint} until you press Ctrl-C:

  platform   183295435445   owns the EKS cluster prac-eks-abhi (ap-south-1)
  workload   185863138492   owns the instances, roles and buckets

The profiles platform and workload have the least permissions that xeks needs. The profiles platform-admin and
workload-admin have all permissions.

In another terminal:

  {exported}
  cd {root}
  {cli} init
  {cli} apply
  {aws_cli} --profile platform-admin eks list-access-entries --cluster-name prac-eks-abhi

main.tf there is story 1, without the cluster and the VPCs, which already exist; examples/ contains more configurations.
Change an object outside of Terraform, and plan again:

  {aws_cli} --profile platform-admin iam update-role --role-name EKS-CrossAccount-Access-Role --description changed
"""


if __name__ == "__main__":
    main()
