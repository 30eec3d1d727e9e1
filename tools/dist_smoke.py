"""Starts the packed Linux binaries where there is no C library: in a folder that holds nothing else (`make dist`).

One for another processor is started by qemu-user where that is installed, and otherwise only read: it names no loader
and no library.
"""

import os
import platform
import re
import shutil
import stat
import struct
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from aws_emulator.certificates import named, pem, signed
from cryptography.hazmat.primitives.asymmetric import ec
from dist import DIST, stem, version

MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
#: go-plugin, and the cookie of Terraform's plugins (terraform-plugin-go, tf6server).
COOKIE = {"TF_PLUGIN_MAGIC_COOKIE": "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2"}
#: Where chroot is; inside, nothing is there.
PATH = {"PATH": os.environ["PATH"]}
PT_DYNAMIC, PT_INTERP, DT_NEEDED = 2, 3, 1


def main() -> int:
    failed = 0
    for archive in sorted(DIST.glob(f"{stem()}_linux_*.zip")):
        said = check(archive, archive.stem.rsplit("_", 1)[1])
        failed += not said.startswith("ok")
        print(f"{archive.name}: {said}")
    return 1 if failed else 0


def check(archive: Path, arch: str) -> str:
    with tempfile.TemporaryDirectory(prefix="xeks-dist-") as folder, zipfile.ZipFile(archive) as packed:
        root = Path(folder)
        name = f"terraform-provider-xeks_v{version()}"
        binary = Path(packed.extract(name, root))
        binary.chmod(binary.stat().st_mode | stat.S_IXUSR)
        if wanted := loads(binary.read_bytes()):
            return f"needs {', '.join(wanted)}"
        (root / "tmp").mkdir()
        run = [f"/{name}"]
        if MACHINES[arch] != platform.machine():
            qemu = shutil.which(f"qemu-{MACHINES[arch]}-static")
            if not qemu:
                return "ok, static; not started: qemu-user-static is not installed"
            shutil.copy(qemu, root / "qemu")
            run = ["/qemu", *run]
        return started(root, run)


def started(root: Path, run: list[str]) -> str:
    enter = (
        ["chroot", str(root)] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "chroot", str(root)]
    )
    told = subprocess.run([*enter, *run, "--version"], capture_output=True, text=True, env=PATH)
    if told.returncode != 0 or told.stdout.split()[-1:] != [version()]:
        return f"--version: {told.stdout}{told.stderr}"
    environment = (
        PATH | COOKIE | {"PLUGIN_PROTOCOL_VERSIONS": "6", "PLUGIN_CLIENT_CERT": certificate(), "TMPDIR": "/tmp"}
    )
    process = subprocess.Popen(
        [*enter, *run], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    line = process.stdout.readline()
    process.kill()
    process.communicate()
    if not re.match(r"1\|6\|unix\|", line):
        return f"no handshake: {line}"
    return f"ok, static; says {told.stdout.strip()} and serves plugin protocol 6 in an empty root"


def certificate() -> str:
    """The host's: a provider that handles credentials serves no other."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = named("localhost")
    return pem(signed(name, key, name, key)).decode()


def loads(elf: bytes) -> list[str]:
    """The loader and the libraries that a 64-bit ELF file asks for."""
    (offset,), (size, count) = struct.unpack_from("<Q", elf, 32), struct.unpack_from("<HH", elf, 54)
    found = []
    for number in range(count):
        kind, _, at, _, _, length = struct.unpack_from("<IIQQQQ", elf, offset + number * size)
        if kind == PT_INTERP:
            found.append(elf[at : at + length].rstrip(b"\0").decode())
        if kind == PT_DYNAMIC:
            tags = (struct.unpack_from("<QQ", elf, at + place)[0] for place in range(0, length, 16))
            found += [f"{sum(tag == DT_NEEDED for tag in tags)} libraries"]
    return [one for one in found if one != "0 libraries"]


if __name__ == "__main__":
    sys.exit(main())
