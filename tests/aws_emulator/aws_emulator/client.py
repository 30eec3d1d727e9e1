"""The tests' and the demo's side of the AWS: starts the server, talks to it, stops it.

    with Aws() as aws:
        aws.client("cluster", "iam").list_roles()
        aws.faults.add(service="iam", action="CreateRole", kind="lost_answer")

Owns: the server process's life as its user sees it, boto3 clients, the calls of the admin door.
Must not know: anything of the server's inside; it imports nothing from the extension.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_START_SECONDS = 30


@dataclass(frozen=True)
class Credentials:
    access_key_id: str
    secret_access_key: str
    session_token: str | None = None

    def environment(self) -> dict[str, str]:
        found = {"AWS_ACCESS_KEY_ID": self.access_key_id, "AWS_SECRET_ACCESS_KEY": self.secret_access_key}
        return found | ({"AWS_SESSION_TOKEN": self.session_token} if self.session_token else {})


@dataclass(frozen=True)
class Account:
    id: str
    region: str
    root: Credentials
    #: A session of the role xeks-runner, which has the least permissions that xeks needs.
    runner: Credentials
    #: A user's long-lived keys, good for nothing but assuming the runner role with `external_id`.
    pipeline: Credentials
    runner_role_arn: str
    external_id: str


class Faults:
    """See `extension/faults.py` for the kinds and their fields."""

    def __init__(self, aws: "Aws"):
        self._aws = aws

    def add(self, kind: str, **fields: Any) -> int:
        """Arm a fault for calls of this service, action, account (name or id) and principal (part of the caller's
        ARN); what is left out matches everything. It hits once unless `times` says otherwise, after letting `after`
        calls pass; `chance` below 1 makes it hit as a die (`seed`) falls."""
        account = fields.get("account")
        if account in self._aws.accounts:
            fields["account"] = self._aws.accounts[account].id
        return self._aws.admin("faults/add", kind=kind, **fields)["number"]

    def clear(self) -> None:
        self._aws.admin("faults/clear")

    def hit(self, seconds: float) -> bool:
        """Whether an armed fault has hit a call, waited for at most so long."""
        return self._aws.admin("faults/hit", seconds=seconds)["hit"]

    def release(self, drop: bool = False) -> None:
        """Let go the calls that are held back, or drop those that had no effect yet."""
        self._aws.admin("faults/release", drop=drop)

    def list(self) -> list[dict]:
        """The armed faults, each with how many calls it has seen and hit."""
        return self._aws.admin("faults/list")["faults"]


class WrongAnswers(Exception):
    """The emulator gave answers that AWS's models don't allow."""


#: Those that run, started by this process.
_running: list["Aws"] = []
#: What those that have ended had validated.
_validated = Counter(requests=0, answers=0, wrong=0)


def check_all() -> None:
    """Raise WrongAnswers if any that this process started gave an answer that AWS would not give."""
    for aws in list(_running):
        aws.check()


def validated() -> dict[str, int]:
    """How many requests and answers all that this process started have validated, and how many answers were wrong."""
    return dict(sum((Counter(aws.validated()) for aws in _running), _validated.copy()))


class Aws:
    """A running two-account AWS; a context manager. Every answer that it gives is checked against AWS's own models; the
    next `reset`, `restore` or `check`, or its end, raises if one was wrong."""

    def __init__(self, story: bool = False):
        self._story = story
        self._process: subprocess.Popen | None = None
        self.faults = Faults(self)
        self.accounts: dict[str, Account] = {}
        self.endpoint = ""
        self.region = ""
        self._session: Any = None
        self._clients: dict = {}

    def __enter__(self) -> "Aws":
        with tempfile.TemporaryDirectory(prefix="xeks-aws-") as folder:
            ready = Path(folder) / "ready.json"
            command = [sys.executable, "-m", "aws_emulator", "serve", "--ready-file", str(ready)]
            environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
            self._process = subprocess.Popen(command + ["--story"] * self._story, env=environment)
            self._read(self._wait_for(ready))
        _running.append(self)
        return self

    def __exit__(self, kind=None, *_) -> None:
        try:
            if self in _running:
                _running.remove(self)
                self._finish(raising=kind is None)
        finally:
            self._stop()

    def _finish(self, raising: bool) -> None:
        """Add up what was validated; another error that is under way is the one to see."""
        if not self._answers():
            return
        try:
            _validated.update(self.validated())
            if raising:
                self.check()
        except OSError:
            # Ctrl-C ends the server too. One that does not answer for another reason is an error.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(2)
                return
            if raising:
                raise

    def _stop(self) -> None:
        if self._process:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    @classmethod
    def attach(cls, ready_file: str | Path) -> "Aws":
        """One that was started by hand, by its ready file; not stopped by this object."""
        aws = cls()
        aws._read(json.loads(Path(ready_file).read_text()))
        return aws

    def client(self, account: str, service: str, creds: str | Credentials = "root", region: str | None = None):
        """A boto3 client that retries nothing, so that a test sees every answer."""
        chosen = creds if isinstance(creds, Credentials) else getattr(self.accounts[account], creds)
        wanted = (service, region or self.region, chosen)
        if wanted not in self._clients:
            self._clients[wanted] = self._new_client(*wanted)
        return self._clients[wanted]

    def _new_client(self, service: str, region: str, chosen: Credentials):
        import boto3
        from botocore.config import Config

        # One session for all clients: it keeps the service models that it has read.
        self._session = self._session or boto3.session.Session()
        return self._session.client(
            service,
            region_name=region,
            endpoint_url=self.endpoint,
            aws_access_key_id=chosen.access_key_id,
            aws_secret_access_key=chosen.secret_access_key,
            aws_session_token=chosen.session_token,
            config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
        )

    def assume(self, account: str, role_arn: str, creds: str | Credentials, **arguments: Any) -> Credentials:
        """Credentials of a role, assumed by someone of `account`; a root user can't assume roles."""
        arguments.setdefault("RoleSessionName", "test")
        answer = self.client(account, "sts", creds).assume_role(RoleArn=role_arn, **arguments)
        return _credentials_of(answer)

    def calls(self, since: int = 0) -> list[dict]:
        """Every call since the start or a reset: number, account, principal, service, action,
        region, the permissions that it needed, status (null: no answer) and error."""
        return self.admin("calls/list", since=since)["calls"]

    def validated(self) -> dict[str, int]:
        """How many requests and how many answers were checked against AWS's models since the start, and how many of
        the answers were wrong."""
        return self.admin("validated")

    def violations(self) -> list[dict]:
        """service, action, status and what is wrong of each wrong answer since the last check or reset."""
        return self.admin("violations/list")["violations"]

    def check(self) -> None:
        """Raise WrongAnswers if there was one, and forget them."""
        if not self._answers():
            return
        if wrong := self.admin("violations/take")["violations"]:
            raise WrongAnswers("\n".join(json.dumps(one) for one in wrong))

    def _answers(self) -> bool:
        return self._process is None or self._process.poll() is None

    def clear_calls(self) -> None:
        self.admin("calls/clear")

    def quiet(self) -> None:
        """Until no call is under way, also none whose caller is gone."""
        self.admin("calls/quiet")

    def snapshot(self) -> int:
        """Remember what the accounts hold; `restore` goes back to it, in milliseconds."""
        return self.admin("snapshot")["number"]

    def restore(self, number: int) -> None:
        """Back to a snapshot; faults and the log of calls are cleared, credentials stay the same. Raises as `reset`."""
        self.admin("restore", number=number)

    def dump(self) -> dict:
        """The whole state of all accounts: equal before and after means that nothing changed."""
        return self.admin("dump")

    def reset(self) -> None:
        """Back to the state right after the start; credentials stay the same. Raises if an answer was wrong."""
        self.admin("reset")

    def story(self) -> dict:
        """Make the first story's own objects; returns their ids."""
        return self.admin("story")

    def delay_iam(self, seconds: float, iam_reads: bool = False) -> None:
        """Make IAM's writes visible to other services only after so many seconds; 0 switches it off."""
        self.admin("consistency", seconds=seconds, iam_reads=iam_reads)

    def delay(self, seconds: float) -> None:
        """Make everything visible late: IAM's writes to IAM's own reads as well, and to the others; new access entries;
        new peering connections to their accepter. 0 switches it off."""
        self.admin("consistency", seconds=seconds, iam_reads=True, new_objects=seconds)

    def delay_lists(self, seconds: float) -> None:
        """Make only IAM's lists late: they show what is gone, which a Get does not find, and not what is new."""
        self.admin("settings", lists=seconds)

    def delay_deletes(self, seconds: float) -> None:
        """Make DeleteRole and DeleteInstanceProfile answer DeleteConflict so long after the last thing was removed."""
        self.admin("settings", deletes=seconds)

    def delay_arns(self, seconds: float) -> None:
        """Make reads show the unique id (AROA…, AIPA…) of a new role or instance profile in place of its ARN, and of a
        new role also where a trust policy names it."""
        self.admin("settings", arns=seconds)

    def delay_entry_deletes(self, seconds: float) -> None:
        """Make CreateAccessEntry answer ResourceInUseException so long after the principal's entry was deleted."""
        self.admin("settings", entry_deletes=seconds)

    def delay_entries(self, seconds: float) -> None:
        """Make the API servers refuse a principal so long after its access entry was created."""
        self.admin("settings", entries=seconds)

    def delay_updates(self, seconds: float) -> None:
        """Make DescribeUpdate answer ResourceNotFoundException so long after an update of a cluster began."""
        self.admin("settings", updates=seconds)

    def reset_settings(self) -> None:
        """Every delay, duration and quota as after the start."""
        self.admin("settings/reset")

    def set_write_seconds(self, seconds: float) -> None:
        """How long a write to a role occupies it, so that another one is refused with ConcurrentModification; 0 by
        default. The same for calls on instance profiles and OIDC providers that model that error."""
        self.admin("settings", iam_writes=seconds)

    def set_quotas(self, account: str, **quotas: int) -> None:
        """Raise AssumeRolePolicySizeQuota (up to 8192) or AttachedPoliciesPerRoleQuota (up to 25) of an account."""
        self.admin("quotas", account=self.accounts[account].id, quotas=quotas)

    def start_upgrade(self, cluster: str, seconds: float, account: str = "cluster") -> str:
        """Upgrade the cluster to the next version, which takes so long and refuses other updates; returns the update's
        id."""
        return self.admin("upgrade", name=cluster, account=self.accounts[account].id, seconds=seconds)["update"]

    def set_eks_update_seconds(self, seconds: float) -> None:
        """How long an update of a cluster's configuration is InProgress; half a second by default."""
        self.admin("settings", eks_updates=seconds)

    def finish_eks_updates(self) -> None:
        """Complete every update that is in progress, now."""
        self.admin("finish-updates")

    def set_cluster_status(self, cluster: str, status: str, account: str = "cluster") -> None:
        """Make DescribeCluster say so: CREATING, UPDATING, FAILED …"""
        self.admin("cluster-status", cluster=cluster, status=status, account=self.accounts[account].id)

    def alter_cluster(self, cluster: str, account: str = "cluster", **answer: str) -> None:
        """Make DescribeCluster answer this `issuer`, `endpoint` or `authority`, as a machine in between could."""
        self.admin("cluster-answer", cluster=cluster, answer=answer, account=self.accounts[account].id)

    def set_api_server(self, cluster: str, state: str, account: str = "cluster") -> None:
        """`up`; `stopped`: its endpoint refuses connections; `impostor`: another authority's certificate."""
        self.admin("api-server", cluster=cluster, state=state, account=self.accounts[account].id)

    def permission_set(self, account: str, name: str, suffix: str, policy: dict, **more: str) -> str:
        """The role that IAM Identity Center makes of a permission set; only AWS may change it. Returns its
        ARN. `more`: the `region` of Identity Center."""
        body = {"account": self.accounts[account].id, "permission_set": name, "suffix": suffix, "policy": policy}
        return self.admin("permission-set", **body, **more)["arn"]

    def unassign_permission_set(self, account: str, name: str) -> None:
        """Remove the last assignment of a permission set to the account: its role is deleted."""
        self.admin("permission-set/unassign", account=self.accounts[account].id, permission_set=name)

    def service_account_token(
        self, cluster: str, namespace: str, name: str, audience: str | list[str] = "sts.amazonaws.com", **more: Any
    ) -> str:
        """A token as a pod of this service account has it, signed by the cluster's issuer; `more` replaces claims."""
        place = {"account": self.accounts[more.pop("account", "cluster")].id}
        body = {"cluster": cluster, "namespace": namespace, "name": name, "audience": audience}
        return self.admin("service-account-token", **body, **place, **more)["token"]

    def publish_keys(self, cluster: str, keys: list[dict], account: str = "cluster") -> None:
        """The cluster's issuer shows these keys, of an API server that signs its own tokens, in place of its own."""
        self.admin("issuer-keys", cluster=cluster, account=self.accounts[account].id, keys=keys)

    def review_token(self, cluster: str, token: str, account: str = "cluster", region: str | None = None) -> dict:
        """What the cluster makes of a token of `aws eks get-token`: status 200, username, groups, arn, policies; or
        401."""
        place = {"account": self.accounts[account].id, "region": region or self.region}
        return self.admin("review-token", cluster=cluster, token=token, **place)

    def instance_credentials(self, account: str, role: str, instance: str = "i-0123456789abcdef0") -> Credentials:
        """What the metadata service gives to an instance that runs with this role."""
        body = {"account": self.accounts[account].id, "role_name": role, "instance": instance}
        return _credentials_of(self.admin("instance-session", **body))

    def person_credentials(self, account: str, role: str, person: str = "ann@example.com") -> Credentials:
        """What the access portal of IAM Identity Center gives to a person with the permission set of this role."""
        body = {"account": self.accounts[account].id, "role_name": role, "person": person}
        return _credentials_of(self.admin("person-session", **body))

    def issued_secrets(self) -> list[str]:
        """Secret keys and session tokens of every session that was given since the start."""
        return self.admin("issued")["secrets"]

    def admin(self, route: str, **body: Any) -> dict:
        request = urllib.request.Request(
            f"{self.endpoint}/_xeks/{route}", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        try:
            # No proxy of the user's environment may stand between this and the loopback address.
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{route}: {error.read().decode()}") from None

    def environment(self, account: str, creds: str = "runner") -> dict[str, str]:
        """What to export so that an AWS tool or SDK acts in this account."""
        return getattr(self.accounts[account], creds).environment() | {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1",
        }

    def _wait_for(self, ready: Path) -> dict:
        deadline = time.monotonic() + _START_SECONDS
        while not ready.exists():
            if self._process.poll() is not None:
                raise RuntimeError(f"the AWS ended with status {self._process.returncode} before it was ready")
            if time.monotonic() > deadline:
                self.__exit__()
                raise RuntimeError(f"the AWS was not ready after {_START_SECONDS} seconds")
            time.sleep(0.02)
        return json.loads(ready.read_text())

    def _read(self, ready: dict) -> None:
        self.endpoint, self.region = ready["endpoint"], ready["region"]
        for name, account in ready["accounts"].items():
            credentials = {kind: Credentials(**fields) for kind, fields in account.pop("credentials").items()}
            self.accounts[name] = Account(**account, **credentials)


def _credentials_of(answer: dict) -> Credentials:
    found = answer["Credentials"]
    return Credentials(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
