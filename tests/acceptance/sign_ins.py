"""Every way to sign in to the two accounts, each with a secret of its own that can be searched for.

Knows the emulated AWS, the shared files and the provider's block. Knows nothing of the CLI, nor of what is done with
it.
"""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

from accounts import CLUSTER, Accounts
from aws_emulator.client import Aws, Credentials
from profiles import profile

OF_PROFILE, OF_HOP = "the profile's external id", "the hop's external id"
EXTERNAL_IDS = {
    OF_PROFILE: "profile-hush-1/of+the=external-id",
    OF_HOP: "hop-hush-2/of+the=external-id",
}
#: In state and plan by its nature: IAM keeps it in a trust policy, which everyone who may read the role may read.
ROLES_EXTERNAL_ID = {"the role's external id": "role-hush-3/of+the=external-id"}
PROXY_PASSWORD = "hush-p4ss/word+of=proxy"

PROVIDER = """
terraform {
  required_providers { xeks = { source = "xeks/xeks" } }
}

variable "secret" {
  type      = map(string)
  sensitive = true
  ephemeral = true
}

provider "xeks" {
  cluster_account  = { profile = "platform", region = "ap-south-1" }
  workload_account = {
    region                       = "ap-south-1"
    assume_role_with_web_identity = { role_arn = "%(ci)s", web_identity_token_file = "%(token)s" }
    assume_role                  = [{ role_arn = "%(runner)s", external_id = var.secret.external_id }]
  }
  workload_accounts = {
    keys = {
      region     = "ap-south-1"
      access_key = var.secret.access_key
      secret_key = var.secret.secret_key
      token      = var.secret.token
    }
    inline = {
      region                        = "ap-south-1"
      assume_role_with_web_identity = { role_arn = "%(ci)s", web_identity_token = var.secret.web_identity_token }
      assume_role                   = [{ role_arn = "%(runner)s", external_id = var.secret.external_id }]
    }
    proxied = {
      region      = "ap-south-1"
      access_key  = var.secret.access_key
      secret_key  = var.secret.secret_key
      token       = var.secret.token
      http_proxy  = var.secret.proxy
      no_proxy    = "none.example.com"
      max_retries = 0
      endpoints  = { sts = "http://sts.example.com", iam = "http://iam.example.com", ec2 = "http://ec2.example.com" }
    }
  }
}
"""


class SignIns:
    """`given` is the folder of what the provider is given to read; all else that is written must hold no secret."""

    def __init__(self, aws: Aws, given: Path, proxy: str):
        self.aws, self.given = aws, given
        given.mkdir(parents=True)
        self.ci = Accounts(aws).make_pipeline_role()
        self._asks_for("workload", self.ci, OF_HOP)
        self._asks_for("cluster", f"arn:aws:iam::{aws.accounts['cluster'].id}:root", OF_PROFILE)
        self.token = aws.service_account_token(CLUSTER, "ci", "deploy")
        (given / "token").write_text(self.token)
        self._write_profiles()
        self.proxy = proxy
        self.secrets: dict[str, str] = {
            "the pipeline's secret key": aws.accounts["cluster"].pipeline.secret_access_key,
            "the web identity token": self.token,
            "the signature of the web identity token": self.token.split(".")[2],
            "the proxy's password": PROXY_PASSWORD,
            **EXTERNAL_IDS,
        }
        self.sign_in(aws.accounts["search"].runner)

    def provider(self) -> str:
        runner = self.aws.accounts["workload"].runner_role_arn
        return PROVIDER % {"ci": self.ci, "token": self.given / "token", "runner": runner}

    def environment(self) -> dict[str, str]:
        secret = {
            "external_id": EXTERNAL_IDS[OF_HOP],
            "access_key": self.keys.access_key_id,
            "secret_key": self.keys.secret_access_key,
            "token": self.keys.session_token,
            "web_identity_token": self.token,
            "proxy": f"http://terraform:{quote(PROXY_PASSWORD, safe='')}@{self.proxy}",
        }
        return {
            "TF_VAR_secret": json.dumps(secret),
            "AWS_ENDPOINT_URL": self.aws.endpoint,
            "AWS_CONFIG_FILE": str(self.given / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.given / "credentials"),
        }

    def sign_in(self, keys: Credentials) -> None:
        """The keys of `workload_accounts.keys`, from now on."""
        self.keys = keys
        number = sum("secret key" in name for name in self.secrets)
        self.secrets |= {f"secret key {number}": keys.secret_access_key, f"session token {number}": keys.session_token}

    def all_secrets(self) -> dict[str, str]:
        issued = self.aws.issued_secrets()
        return self.secrets | {f"secret {number} that STS gave": secret for number, secret in enumerate(issued)}

    def _asks_for(self, account: str, principal: str, external_id: str) -> None:
        """Lets the runner be assumed with this external id only."""
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": principal},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": EXTERNAL_IDS[external_id]}},
        }
        trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.aws.client(account, "iam").update_assume_role_policy(RoleName="xeks-runner", PolicyDocument=trust)

    def _write_profiles(self) -> None:
        cluster = self.aws.accounts["cluster"]
        (self.given / "config").write_text(
            profile(self.aws, "pipeline", cluster.pipeline)
            + f"[profile platform]\nregion = {self.aws.region}\nrole_arn = {cluster.runner_role_arn}\n"
            + f"source_profile = pipeline\nexternal_id = {EXTERNAL_IDS[OF_PROFILE]}\n"
        )
        (self.given / "credentials").touch()


@contextmanager
def echoing_proxy() -> Iterator[tuple[str, list[str]]]:
    """A proxy that answers every call as AWS answers a wrong signature, and repeats all that it was sent.

    Yields its HOST:PORT, and the passwords that it received."""
    shown: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            scheme, _, login = self.headers.get("Proxy-Authorization", "").partition(" ")
            if scheme == "Basic":
                shown.append(base64.b64decode(login).decode().split(":", 1)[1])
            sent = f"{self.headers}{body} {shown[-1:]}".replace("&", "&amp;").replace("<", "&lt;")
            answer = (
                '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
                f"<Code>SignatureDoesNotMatch</Code><Message>The Canonical String should have been '{sent}'</Message>"
                "</Error><RequestId>r-1</RequestId></ErrorResponse>"
            ).encode()
            self.send_response(403)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}", shown
    finally:
        server.shutdown()
        server.server_close()
