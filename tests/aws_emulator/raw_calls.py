"""Requests that boto3 would not make: any form field, JSON member or query parameter.

The emulator takes the caller's word for a signature, as `tests/objects/emulator.rs` does too.
"""

import json
import re
import urllib.error
import urllib.parse
import urllib.request

_VERSIONS = {"iam": "2010-05-08", "sts": "2011-06-15", "ec2": "2016-11-15"}


def form(aws, service: str, action: str, **fields: str) -> tuple[int, str, str]:
    """Status, error code and message of an IAM, STS or EC2 call of the workload account's root user with these form
    fields; a field's `__` stands for a dot."""
    named = {name.replace("__", "."): value for name, value in fields.items()}
    body = urllib.parse.urlencode({"Action": action, "Version": _VERSIONS[service], **named}).encode()
    status, text = _send(aws, service, "POST", "/", body, "application/x-www-form-urlencoded")
    found = [re.search(f"<{name}>(.*?)</{name}>", text, re.DOTALL) for name in ("Code", "Message")]
    return status, *(each[1] if each else "" for each in found)


def rest(aws, method: str, path: str, body: dict | bytes | None = None) -> tuple[int, str, str]:
    """Status, error code and message of an EKS call of the cluster account's root user."""
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    status, text = _send(aws, "eks", method, path, data, "application/json", "cluster")
    answer = json.loads(text or "{}")
    return status, answer.get("__type", ""), answer.get("message", "")


def _send(aws, service, method, path, body, kind, account="workload") -> tuple[int, str]:
    key = aws.accounts[account].root.access_key_id
    scope = f"Credential={key}/20260101/{aws.region}/{service}/aws4_request, SignedHeaders=host, Signature=0"
    headers = {"Authorization": f"AWS4-HMAC-SHA256 {scope}", "Content-Type": kind}
    request = urllib.request.Request(aws.endpoint + path, body, headers, method=method)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
