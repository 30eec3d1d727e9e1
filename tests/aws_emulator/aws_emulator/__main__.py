"""`python -m aws_emulator serve`: runs the emulator in the foreground."""

import argparse
from pathlib import Path

from . import server


def main() -> None:
    parser = argparse.ArgumentParser(prog="aws_emulator", description=__doc__)
    command = parser.add_subparsers(dest="command", required=True).add_parser("serve", help="serve until stopped")
    command.add_argument("--ready-file", type=Path, help="where to write endpoint and credentials (default: stdout)")
    command.add_argument("--port", type=int, default=0, help="default: a free one")
    command.add_argument("--story", action="store_true", help="begin with the cluster and the VPCs of the first story")
    command.add_argument("--outlive-parent", action="store_true", help="do not end with the process that started it")
    arguments = parser.parse_args()
    server.serve(arguments.ready_file, arguments.port, arguments.story, arguments.outlive_parent)


main()
