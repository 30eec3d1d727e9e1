"""Puts a built provider where terraform and tofu look for it without any configuration: `make install`."""

import argparse
from pathlib import Path

from harness import lay_out

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("--provider", type=Path, required=True)
arguments.add_argument("--into", type=Path, required=True, help="~/.terraform.d/plugins, or the root of a mirror")
given = arguments.parse_args()
for copy in lay_out(given.provider, given.into):
    print(copy)
