"""The example's Node.js app as a running process, and what its users do with the URLs that it hands out.

Knows the app's endpoints. Knows nothing of the CLI, the provider or the emulated AWS.
"""

import json
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path


class App:
    """A context manager; `environment` is what the container has."""

    def __init__(self, folder: Path, environment: dict[str, str]):
        self._folder = folder
        self._environment = environment | {"PORT": "0", "NODE_NO_WARNINGS": "1"}

    def __enter__(self) -> "App":
        command = ["node", "src/main.js"]
        self._process = subprocess.Popen(
            command, cwd=self._folder, env=self._environment, stdout=subprocess.PIPE, text=True
        )
        line = self._process.stdout.readline()
        assert line, f"the app ended with {self._process.wait(10)}"
        self._port = json.loads(line)["port"]
        return self

    def __exit__(self, *_) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    def stop(self) -> int:
        """Ends it as Kubernetes does; returns its exit code."""
        self._process.terminate()
        return self._process.wait(10)

    def get(self, path: str, **query: str | int) -> tuple[int, dict]:
        status, body = send("GET", f"http://127.0.0.1:{self._port}{path}?{urllib.parse.urlencode(query)}")
        return status, json.loads(body)

    def url(self, what: str, key: str, **query: str | int) -> str:
        status, body = self.get(f"/{what}-url", key=key, **query)
        assert status == 200, body
        return body["url"]


def send(method: str, url: str, body: bytes | None = None) -> tuple[int, bytes]:
    """Status and body of an answer; no proxy is used for the loopback address."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, body, method=method), timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def refusal(answer: tuple[int, bytes]) -> tuple[int, str]:
    """Status and S3's error code."""
    status, body = answer
    code = re.search(rb"<Code>(\w+)</Code>", body)
    return status, code[1].decode() if code else body.decode()
