"""Packs binaries as a registry wants them, in build/dist: zips, manifest, checksums, signature; and a mirror of them.

The same binaries give the same bytes: names are sorted, times are fixed. The checksums are of everything that is in
build/dist, so that archives of other machines can be put there first.

    dist.py pack --binary linux_amd64=PATH … --notices PATH --sbom PATH
    dist.py checksums         signs them too, where GPG_PRIVATE_KEY is set (GPG_PASSPHRASE, if the key has one)
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import tempfile
import tomllib
import zipfile
from pathlib import Path

from harness import ADDRESS, HOSTS

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "build" / "dist"
MIRROR = ROOT / "build" / "mirror"
PAPERS = ("CHANGELOG.md", "LICENSE", "README.md")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = arguments.add_subparsers(dest="command", required=True)
    packing = commands.add_parser("pack", help="zips of these binaries, and the papers that go with them")
    packing.add_argument("--binary", action="append", required=True, metavar="OS_ARCH=PATH")
    packing.add_argument("--notices", type=Path, required=True, help="the licences of all crates in the binaries")
    packing.add_argument("--sbom", type=Path, required=True, help="what is in the binaries, as CycloneDX")
    commands.add_parser("checksums", help="SHA256SUMS of all archives, its signature, and the mirror")
    given = arguments.parse_args()
    DIST.mkdir(parents=True, exist_ok=True)
    if given.command == "pack":
        for binary in given.binary:
            platform, path = binary.split("=", 1)
            pack(DIST, platform, Path(path), given.notices)
        # It names the folder that it was made in.
        sbom = given.sbom.read_text().replace(f"file://{ROOT}", "file:///xeks")
        (DIST / f"{stem()}_sbom.cdx.json").write_text(sbom)
    else:
        checksums(DIST)
        sign(DIST)
        mirror(DIST, MIRROR)
    for path in sorted(DIST.iterdir()):
        print(f"{path.stat().st_size:>10} {path.relative_to(ROOT)}")


def version() -> str:
    return tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]["version"]


def stem() -> str:
    return f"terraform-provider-xeks_{version()}"


def pack(into: Path, platform: str, binary: Path, notices: Path) -> Path:
    """The archive of one platform; returns its path."""
    suffix = ".exe" if platform.startswith("windows_") else ""
    members = {
        f"terraform-provider-xeks_v{version()}{suffix}": (binary, 0o755),
        "THIRD_PARTY_LICENSES.html": (notices, 0o644),
    }
    members |= {paper: (ROOT / paper, 0o644) for paper in PAPERS}
    archive = into / f"{stem()}_{platform}.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for name, (path, mode) in sorted(members.items()):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix: the mode below is a Unix mode, whatever packs it
            entry.external_attr = mode << 16
            packed.writestr(entry, path.read_bytes())
    return archive


def checksums(folder: Path) -> Path:
    """Terraform Registry, "Publishing providers": SHA256SUMS covers the archives and the manifest."""
    shutil.copy(ROOT / "terraform-registry-manifest.json", folder / f"{stem()}_manifest.json")
    listed = [path for path in sorted(folder.iterdir()) if path.suffix in (".zip", ".json")]
    sums = folder / f"{stem()}_SHA256SUMS"
    sums.write_text("".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in listed))
    return sums


def sign(folder: Path) -> Path | None:
    """A detached binary signature, as registries demand it, verified at once; None without a key."""
    key, sums = os.environ.get("GPG_PRIVATE_KEY"), folder / f"{stem()}_SHA256SUMS"
    signature = sums.with_name(f"{sums.name}.sig")
    signature.unlink(missing_ok=True)
    if not key:
        print("Not signed: GPG_PRIVATE_KEY is not set.")
        return None
    with tempfile.TemporaryDirectory(prefix="xeks-gpg-") as home:
        gpg(home, "--import", input=key)
        passphrase = os.environ.get("GPG_PASSPHRASE", "")
        by = ["--pinentry-mode", "loopback", "--passphrase-fd", "0"]
        gpg(home, *by, "--output", str(signature), "--detach-sign", str(sums), input=passphrase)
        gpg(home, "--verify", str(signature), str(sums))
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)
    return signature


def gpg(home: str, *arguments: str, input: str = "") -> str:
    command = ["gpg", "--homedir", home, "--batch", "--yes", "--quiet", *arguments]
    ended = subprocess.run(command, input=input, capture_output=True, text=True)
    if ended.returncode != 0:
        raise SystemExit(f"gpg {arguments[0]}: {ended.stderr.strip()}")
    return ended.stdout


def mirror(folder: Path, into: Path) -> None:
    """The archives as `provider_installation { filesystem_mirror }` finds them, under both registries' names."""
    shutil.rmtree(into, ignore_errors=True)
    for host in HOSTS:
        place = into / host / ADDRESS
        place.mkdir(parents=True)
        for archive in folder.glob("*.zip"):
            shutil.copy(archive, place)


if __name__ == "__main__":
    main()
