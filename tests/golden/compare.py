"""Compares two trees of golden files, but for names changed on purpose: what is left is a change of behaviour.

    git archive OLD tests/golden | tar -x -C /tmp/old
    python tests/golden/compare.py /tmp/old/tests/golden tests/golden --rename pieces=objects

Each OLD=NEW replaces whole words in the old tree: in file names, keys and texts.
"""

import argparse
import json
import re
import sys
from pathlib import Path


def renamed(value, names: list[tuple[re.Pattern, str]]):
    if isinstance(value, str):
        for pattern, new in names:
            value = pattern.sub(lambda _, new=new: new, value)
        return value
    if isinstance(value, dict):
        return {renamed(key, names): renamed(member, names) for key, member in value.items()}
    return [renamed(member, names) for member in value] if isinstance(value, list) else value


def differences(old, new, path: tuple[str, ...] = ()) -> list[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        found = [differences(old.get(key), new.get(key), (*path, key)) for key in sorted({*old, *new})]
        return [line for lines in found for line in lines]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        found = [differences(*both, (*path, str(n))) for n, both in enumerate(zip(old, new, strict=True))]
        return [line for lines in found for line in lines]
    if old == new:
        return []
    return [f"{' > '.join(path)}\n  - {json.dumps(old, ensure_ascii=False)}\n  + {json.dumps(new, ensure_ascii=False)}"]


def tree(folder: Path) -> dict[str, object]:
    if not folder.is_dir():
        sys.exit(f"{folder} is no folder")
    return {str(file.relative_to(folder)): json.loads(file.read_text("utf-8")) for file in folder.rglob("*.json")}


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("old", type=Path)
    options.add_argument("new", type=Path)
    options.add_argument("--rename", action="append", default=[], metavar="OLD=NEW", help="may be repeated")
    given = options.parse_args()
    pairs = [rename.partition("=") for rename in given.rename]
    names = [(re.compile(rf"(?<!\w){re.escape(old)}(?!\w)"), new) for old, _, new in pairs]
    found = differences(renamed(tree(given.old), names), tree(given.new))
    print("\n".join([*found, f"{len(found)} differences"]) if found else "no difference")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
