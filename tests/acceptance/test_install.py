"""The provider installs as a user would install it: from a mirror, under either registry's name, and by `make install`."""

from pathlib import Path

from harness import ADDRESS, lay_out, version_of

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
