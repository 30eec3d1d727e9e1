"""Looks for secrets where they must not be: in files and texts, as they are, and in common encodings.

Knows encodings and files. Knows nothing of AWS, the CLI or the provider.
"""

import base64
import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

#: As much of a secret as identifies it, so that a truncated one is found as well.
KNOWN_BY = 20

#: What only a credential looks like, of any origin: a cluster's token, a presigned URL, a signed request, a JWT.
SHAPES = {
    "an EKS token": re.compile(rb"k8s-aws-v1\.[\w-]{20}"),
    "the signature of a presigned URL": re.compile(rb"X-Amz-Signature(=|%3D|%253D)[0-9a-f]{16}", re.I),
    "the signature of a request": re.compile(rb"SignedHeaders=[\w;-]+,? ?Signature=[0-9a-f]{16}", re.I),
    "a bearer's token": re.compile(rb"Bearer [\w.-]{20}"),
    "a JSON web token": re.compile(rb"eyJ[\w-]{16,}\.eyJ[\w-]{16,}\.[\w-]{8,}"),
}


def forms(secret: str) -> dict[bytes, str]:
    """Needle → its encoding: as it is, URL-encoded, in JSON, and in base64 wherever in a text it begins."""
    plain = {"as it is": secret, "in a URL": quote(secret, safe=""), "in JSON": json.dumps(secret)[1:-1]}
    plain["in JSON with its slashes escaped"] = plain["in JSON"].replace("/", "\\/")
    found = {text.encode()[:KNOWN_BY]: how for how, text in reversed(plain.items())}
    for how in ("as it is", "in a URL"):
        for before in range(3):
            whole = base64.b64encode(b"\0" * before + plain[how].encode()).rstrip(b"=")
            # The first characters hold bits of the text before, the last ones of the text after.
            inner = whole[4 if before else 0 : -2][:KNOWN_BY]
            found |= {inner: f"{how}, in base64", inner.translate(bytes.maketrans(b"+/", b"-_")): f"{how}, in base64"}
    return found


def leaks(places: dict[str, bytes], secrets: dict[str, str]) -> list[str]:
    """`the session token, in a URL, in terraform.tfstate`: each secret found in each place. `secrets`: name → value."""
    assert all(len(value) >= 12 for value in secrets.values()), "a short secret would be found everywhere"
    needles = [(name, needle, how) for name, value in secrets.items() for needle, how in forms(value).items()]
    found = {
        f"{name}, {how}, in {place}: {around(text, text.find(needle))}"
        for place, text in places.items()
        for name, needle, how in needles
        if needle in text
    }
    for place, text in places.items():
        for what, shape in SHAPES.items():
            found |= {f"{what} in {place}: {around(text, match.start())}" for match in shape.finditer(text)}
    return sorted(found)


def around(text: bytes, at: int) -> str:
    return text[max(0, at - 160) : at + 40].decode(errors="replace").replace("\n", " ")


def written(directory: Path, but: Iterable[Path] = ()) -> dict[str, bytes]:
    """Every file below `directory`, those inside of plan files too; not what is in `but`."""
    given = {path.resolve() for path in but}
    found = {}
    for path in sorted(directory.rglob("*")):
        if path.is_file() and not given & {path.resolve(), *path.resolve().parents}:
            name = str(path.relative_to(directory))
            found |= {name: path.read_bytes()} | dict(inside(name, path))
    return found


def inside(name: str, path: Path) -> Iterator[tuple[str, bytes]]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                yield f"{name}/{member}", archive.read(member)
