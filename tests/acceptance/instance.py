"""An EC2 instance, as the AWS CLI sees one: a home folder and a metadata service with the role's credentials."""

import json
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import yaml
from aws_emulator.client import Credentials
from harness import clean_environment

ROLE = "/latest/meta-data/iam/security-credentials/"


class Instance:
    """A context manager; `environment()` is what a shell on the instance has."""

    def __init__(self, credentials: Credentials, home: Path, aws_endpoint: str):
        self.home = home
        self._aws_endpoint = aws_endpoint
        (home / ".aws").mkdir(parents=True)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), metadata_of(credentials))

    def __enter__(self) -> "Instance":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self._server.shutdown()
        self._server.server_close()

    def environment(self) -> dict[str, str]:
        environment = clean_environment(
            self.home,
            Path("/dev/null"),
            AWS_ENDPOINT_URL=self._aws_endpoint,
            AWS_EC2_METADATA_SERVICE_ENDPOINT=f"http://127.0.0.1:{self._server.server_port}",
        )
        del environment["AWS_EC2_METADATA_DISABLED"]
        return environment


def run_aws(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess:
    """Runs `command`, such as the exec part of a kubeconfig, with the AWS CLI that was installed beside this Python."""
    environment = environment | {"PATH": f"{Path(sys.executable).parent}:{environment['PATH']}"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def metadata_of(credentials: Credentials) -> type[BaseHTTPRequestHandler]:
    """Version 2 of the instance metadata service: a token first, then the role's name, then its credentials."""
    document = {
        "Code": "Success",
        "Type": "AWS-HMAC",
        "AccessKeyId": credentials.access_key_id,
        "SecretAccessKey": credentials.secret_access_key,
        "Token": credentials.session_token,
        "LastUpdated": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "Expiration": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 6 * 3600)),
    }
    answers = {ROLE: "role", f"{ROLE}role": json.dumps(document)}

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self):
            self.answer("session" if self.path == "/latest/api/token" else None)

        def do_GET(self):
            self.answer(answers.get(self.path) if self.headers.get("x-aws-ec2-metadata-token") == "session" else None)

        def answer(self, body: str | None):
            self.send_response(404 if body is None else 200)
            self.end_headers()
            self.wfile.write((body or "").encode())

        def log_message(self, *_):
            pass

    return Handler


def exec_of(kubeconfig: str) -> list[str]:
    user = yaml.safe_load(kubeconfig)["users"][0]["user"]["exec"]
    assert not user.get("env"), "the command alone must do"
    return [user["command"], *user["args"]]
