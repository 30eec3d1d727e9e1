"""The provider installs as a user would install it: from a mirror, under either registry's name, and by `make install`."""

import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import dist
import pytest
from harness import ADDRESS, cli_config, host_platform, lay_out, version_of

HOSTS = {"terraform": "registry.terraform.io", "tofu": "registry.opentofu.org"}


def test_init_installs_the_provider_from_a_mirror(cli, request):
    version = version_of(request.config.getoption("--provider"))

    assert f"Installed {ADDRESS} v{version}" in cli.init_output
    assert f'provider "{HOSTS[cli.name]}/{ADDRESS}"' in cli.lock.read_text()


def test_init_finds_what_make_install_installed_without_any_configuration(cli, request, tmp_path):
    lay_out(Path(request.config.getoption("--provider")), tmp_path / ".terraform.d" / "plugins")
    (tmp_path / "main.tf").write_text(
        f'terraform {{\n  required_providers {{ xeks = {{ source = "{ADDRESS}" }} }}\n}}\n'
    )
    environment = cli.environment(HOME=str(tmp_path), TF_DATA_DIR=str(tmp_path / "data"))
    del environment["TF_CLI_CONFIG_FILE"]

    run = cli.run(tmp_path, ["init", "-no-color"], environment)

    assert run.code == 0, run.output
    assert f"Installed {ADDRESS}" in run.output


PLATFORMS = ("darwin_arm64", "linux_amd64", "linux_arm64", "windows_amd64")


def binary_of(platform: str, provider: Path, directory: Path) -> Path:
    if platform == host_platform():
        return provider
    other = directory / platform
    other.write_text(platform)
    return other


@pytest.fixture
def released(request, tmp_path) -> Path:
    """A release's folder: the binary of this platform, and what stands for those of others."""
    provider, folder = Path(request.config.getoption("--provider")).resolve(), tmp_path / "dist"
    folder.mkdir()
    for platform in PLATFORMS:
        dist.pack(folder, platform, binary_of(platform, provider, tmp_path), dist.ROOT / "LICENSE")
    dist.checksums(folder)
    return folder


def test_release_archives_install_from_a_mirror_and_lock_all_platforms(cli, released, tmp_path):
    mirror, root = tmp_path / "mirror", tmp_path / "root"
    dist.mirror(released, mirror)
    root.mkdir()
    (root / "main.tf").write_text(
        f'terraform {{\n  required_providers {{ xeks = {{ source = "{ADDRESS}", version = "{dist.version()}" }} }}\n}}\n'
    )
    config = tmp_path / "cli.tfrc"
    config.write_text(cli_config(mirror))
    environment = cli.environment(TF_CLI_CONFIG_FILE=str(config), TF_DATA_DIR=str(tmp_path / "data"))

    platforms = [f"-platform={platform}" for platform in PLATFORMS]
    cli.run(root, ["providers", "lock", f"-fs-mirror={mirror}", *platforms], environment).must_work()
    locked = (root / ".terraform.lock.hcl").read_text()
    run = cli.run(root, ["init", "-no-color"], environment).must_work()

    assert f"Installed {ADDRESS} v{dist.version()}" in run.output
    assert locked.count('"h1:') == len(PLATFORMS)
    assert (root / ".terraform.lock.hcl").read_text() == locked


@pytest.mark.one_cli
def test_a_release_is_signed_by_the_key_of_the_environment(released, tmp_path, monkeypatch):
    if not shutil.which("gpg"):
        pytest.skip("gpg is not installed")
    with tempfile.TemporaryDirectory(prefix="xeks-gpg-") as home:
        dist.gpg(home, "--passphrase", "", "--quick-generate-key", "release@example.com", "rsa2048", "sign", "1d")
        monkeypatch.setenv("GPG_PRIVATE_KEY", dist.gpg(home, "--armor", "--export-secret-keys"))

        signature = dist.sign(released)

        sums = signature.with_suffix("")
        dist.gpg(home, "--verify", str(signature), str(sums))
        sums.write_text(sums.read_text() + "x")
        with pytest.raises(SystemExit, match="BAD signature"):
            dist.gpg(home, "--verify", str(signature), str(sums))
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)
    listed = dict(reversed(line.split("  ")) for line in sums.read_text().splitlines()[:-1])
    assert set(listed) == {path.name for path in released.iterdir() if path.suffix in (".zip", ".json")}
    assert all(hashlib.sha256((released / name).read_bytes()).hexdigest() == digest for name, digest in listed.items())


@pytest.mark.one_cli
def test_archives_of_the_same_binary_are_the_same(released, request, tmp_path):
    provider, again = Path(request.config.getoption("--provider")).resolve(), tmp_path / "again"
    again.mkdir()
    for platform in PLATFORMS:
        packed = dist.pack(again, platform, binary_of(platform, provider, tmp_path), dist.ROOT / "LICENSE")
        assert packed.read_bytes() == (released / packed.name).read_bytes()


@pytest.mark.one_cli
def test_the_changelog_and_the_manifest_are_of_this_release():
    changelog = (dist.ROOT / "CHANGELOG.md").read_text()
    (newest, *_) = re.findall(r"^## (\S+)", changelog, re.M)
    assert newest == dist.version()
    assert json.loads((dist.ROOT / "terraform-registry-manifest.json").read_text()) == {
        "version": 1,
        "metadata": {"protocol_versions": ["6.0"]},
    }
