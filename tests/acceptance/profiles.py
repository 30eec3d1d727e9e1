"""The two accounts as a user has them: profiles in the AWS CLI's shared files, each with its endpoint.

Knows the emulated AWS and the shared files' format. Knows nothing of the CLI or the provider.
"""

from pathlib import Path

from aws_emulator.client import Aws, Credentials

# Profile → account: the names that the examples use.
ACCOUNTS = {"platform": "cluster", "workload": "workload"}


def teams(aws: Aws) -> dict[str, Credentials]:
    """Profiles of the examples with several workload accounts."""
    return {"payments": aws.accounts["workload"].runner, "search": aws.accounts["search"].runner}


def write_profiles(aws: Aws, directory: Path, has_endpoint: bool = True, **more: Credentials) -> dict[str, str]:
    """Writes profiles for both runners, and those of `more`; returns what to export."""
    directory.mkdir(parents=True, exist_ok=True)
    signed_in = {name: aws.accounts[account].runner for name, account in ACCOUNTS.items()} | more
    config = directory / "config"
    config.write_text("".join(profile(aws, name, credentials, has_endpoint) for name, credentials in signed_in.items()))
    credentials_file = directory / "credentials"
    credentials_file.touch()
    return {"AWS_CONFIG_FILE": str(config), "AWS_SHARED_CREDENTIALS_FILE": str(credentials_file)}


def administrators(aws: Aws) -> dict[str, Credentials]:
    """Profiles for people who look around: runners may do only what xeks needs."""
    return {f"{profile}-admin": aws.accounts[account].root for profile, account in ACCOUNTS.items()}


def profile(aws: Aws, name: str, credentials: Credentials, has_endpoint: bool = True) -> str:
    token = f"aws_session_token = {credentials.session_token}\n" if credentials.session_token else ""
    endpoint = f"endpoint_url = {aws.endpoint}\n" if has_endpoint else ""
    return (
        f"[profile {name}]\n"
        f"region = {aws.region}\n"
        f"{endpoint}"
        f"aws_access_key_id = {credentials.access_key_id}\n"
        f"aws_secret_access_key = {credentials.secret_access_key}\n"
        f"{token}\n"
    )
