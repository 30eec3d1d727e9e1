"""The search for secrets finds what it must: a search that finds nothing would prove nothing."""

import base64
import zipfile
from urllib.parse import quote

import pytest
from secret_search import leaks, written

TOKEN = "IQoJb3/JpZ2luX2Vj+EMz//////////wEaCmFw=="
SPELLINGS = {
    "as it is": TOKEN,
    "cut": TOKEN[:20],
    "in a URL": quote(TOKEN, safe=""),
    "in JSON with its slashes escaped": TOKEN.replace("/", "\\/"),
    "in base64": base64.b64encode(TOKEN.encode()).decode(),
    "in base64, one byte in": base64.b64encode(f"x{TOKEN} and more".encode()).decode(),
    "in base64, two bytes in": base64.b64encode(f"xx{TOKEN} and more".encode()).decode(),
    "in an EKS token": base64.urlsafe_b64encode(f"https://sts/?T={quote(TOKEN, safe='')}&".encode()).decode(),
    "a JWT": "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJpc3MiOiJodHRwczovL29pZGMifQ.c2lnbmF0dXJl",
    "a presigned URL": "https://sts/?X-Amz-Signature=" + "0123456789abcdef" * 4,
}


@pytest.mark.parametrize("how", SPELLINGS)
def test_a_secret_is_found_in_every_encoding(how):
    assert leaks({"log": f"before {SPELLINGS[how]} after".encode()}, {"the token": TOKEN})
    assert not leaks({"log": b"before and after"}, {"the token": TOKEN})


def test_a_secret_is_found_in_files_and_inside_of_plan_files(tmp_path):
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "credentials").write_text(TOKEN)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "state.backup").write_text(TOKEN)
    with zipfile.ZipFile(tmp_path / "tfplan", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tfstate", TOKEN)

    found = leaks(written(tmp_path, but=[tmp_path / "given"]), {"the token": TOKEN})

    assert ["sub/state.backup" in line or "tfplan/tfstate" in line for line in found] == [True, True]
