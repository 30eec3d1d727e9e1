"""Packs the built provider as a registry wants it: zip, manifest and checksums, in build/dist.

The same binary gives the same bytes: names are sorted, times are fixed.
"""

import argparse
import hashlib
import json
import shutil
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
from harness import host_platform, version_of  # noqa: E402

MANIFEST = {"version": 1, "metadata": {"protocol_versions": ["6.0"]}}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--provider", type=Path, required=True)
    provider = arguments.parse_args().provider
    version = version_of(provider)
    into = ROOT / "build" / "dist"
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)

    name = f"terraform-provider-xeks_{version}"
    members = {f"terraform-provider-xeks_v{version}": (provider, 0o755)}
    members |= {paper: (ROOT / paper, 0o644) for paper in ("CHANGELOG.md", "LICENSE", "README.md")}
    pack(into / f"{name}_{host_platform()}.zip", members)
    (into / f"{name}_manifest.json").write_text(json.dumps(MANIFEST, indent=2) + "\n")
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(into.iterdir())]
    (into / f"{name}_SHA256SUMS").write_text("".join(sums))
    for path in sorted(into.iterdir()):
        print(f"{path.stat().st_size:>10} {path.relative_to(ROOT)}")


def pack(archive: Path, members: dict[str, tuple[Path, int]]) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for name, (path, mode) in sorted(members.items()):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix: the mode below is a Unix mode, whatever packs it
            entry.external_attr = mode << 16
            packed.writestr(entry, path.read_bytes())


if __name__ == "__main__":
    main()
