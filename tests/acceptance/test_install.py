"""The provider installs from a mirror, under either registry's name, as a user would install it."""

from harness import ADDRESS, version_of


def test_init_installs_the_provider_from_a_mirror(cli, request):
    version = version_of(request.config.getoption("--provider"))
    host = {"terraform": "registry.terraform.io", "tofu": "registry.opentofu.org"}[cli.name]

    assert f"Installed {ADDRESS} v{version}" in cli.init_output
    assert f'provider "{host}/{ADDRESS}"' in cli.lock.read_text()
