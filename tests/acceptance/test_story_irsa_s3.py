"""Story 2 whole: the app in the pod uploads to and downloads from the bucket of the other account, and no longer after destroy.

The pod has what its manifests give it; the app and the SDKs get nothing but the endpoint of the emulated AWS, as with any other
endpoint: AWS_ENDPOINT_URL_S3 and AWS_ENDPOINT_URL_STS.
"""

import json
import os
import re
import subprocess
import urllib.parse
from pathlib import Path

import clients
import pytest
import yaml
from accounts import CLUSTER, CLUSTER_ACCOUNT, WORKLOAD_ACCOUNT
from app import App, refusal, send
from irsa_trust import trust
from pod import Pod, find, spec_of
from profiles import write_profiles
from stories import BUCKET, set_up

NAMESPACE, ACCOUNT = "nodejs", "nodejs-sa"
MODES = ["federated", "chained"]
SESSION = f"arn:aws:sts::{WORKLOAD_ACCOUNT}:assumed-role/nodejs-app/"
CONTENT = os.urandom(100_000)
# Another trust in the same cluster's tokens, which keeps the OIDC provider.
OTHER = {
    "federated": trust('name = "other"'),
    "chained": trust('name = "other"', more='mode = "chained"\npod_role = { name = "other-pod" }'),
}

needs_node = pytest.mark.skipif(clients.missing("node") is not None, reason=f"{clients.missing('node')}")
needs_npm = pytest.mark.skipif(clients.missing("npm") is not None, reason=f"{clients.missing('npm')}")
needs_go = pytest.mark.skipif(clients.missing("go") is not None, reason=f"{clients.missing('go')}")
needs_kubectl = pytest.mark.skipif(clients.missing("kubectl") is not None, reason=f"{clients.missing('kubectl')}")


class Story:
    """The example applied in one mode, and pods made from its outputs."""

    def __init__(self, cli, aws, base: Path):
        self.aws, self.base = aws, base
        self.root = cli.workspace(set_up(aws, "irsa-s3", base), **write_profiles(aws, base / "aws"))

    def apply(self, mode: str) -> None:
        """Applied, with an empty plan after it, and a check that says that the chain is whole."""
        run = self.root.apply(f"-var=mode={mode}")
        assert not [warning for warning in run.warnings if "heck" in warning.summary], run.text
        self.root.assert_empty_plan(f"-var=mode={mode}")
        shown = json.loads(self.root.run("show", "-json").must_work().output)
        assert [check["status"] for check in shown["checks"]] == ["pass"], shown["checks"]

    def pod(self, name: str, documents: list[dict], spec: dict, audience: str | None = None) -> Pod:
        def token(wanted: str) -> str:
            return self.aws.service_account_token(CLUSTER, NAMESPACE, ACCOUNT, audience or wanted)

        return Pod(documents, spec, self.base / name, self.aws.region, token)

    def pod_by_chart(self, name: str = "by-chart") -> Pod:
        documents = self.chart()
        return self.pod(name, documents, find(documents, "Deployment")["spec"]["template"]["spec"])

    def pod_by_manifests(self, name: str = "by-manifests") -> Pod:
        documents = self.manifests()
        return self.pod(name, documents, spec_of(documents))

    def chart(self) -> list[dict]:
        return clients.rendered(self.root.directory / "chart", self.root.output("chart_values"), NAMESPACE)

    def manifests(self) -> list[dict]:
        return list(yaml.safe_load_all(self.root.output("service_account_manifests")))

    def environment(self, pod: Pod, **more: str) -> dict[str, str]:
        endpoint = self.aws.endpoint
        return pod.environment(AWS_ENDPOINT_URL_S3=endpoint, AWS_ENDPOINT_URL_STS=endpoint, **more)


@pytest.fixture
def story(cli, aws, tmp_path) -> Story:
    return Story(cli, aws, tmp_path)


@needs_node
@needs_npm
@needs_go
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("others", [False, True], ids=["alone", "beside others"])
def test_the_app_uploads_and_downloads_until_the_trust_is_destroyed(story, workspace, tmp_path, mode, others):
    story.apply(mode)
    if others:
        workspace(OTHER[mode]).apply()
    environment = story.environment(story.pod_by_chart())
    folder = clients.app(tmp_path / "app")

    with App(folder, environment) as app:
        assert app.get("/readyz") == (200, {"status": "ok"})
        upload, download = app.url("upload", "2026/photo.jpg"), app.url("download", "2026/photo.jpg")
        assert send("PUT", upload, CONTENT) == (200, b"")
        assert send("GET", download) == (200, CONTENT)
        stored = story.aws.client("workload", "s3").get_object(Bucket=BUCKET, Key="uploads/2026/photo.jpg")
        assert stored["Body"].read() == CONTENT

        story.root.destroy(f"-var=mode={mode}")

        # The session's role is gone: neither URLs from before nor new ones open anything.
        for method, url, body in (("PUT", upload, CONTENT), ("GET", download, None)):
            assert refusal(send(method, url, body)) == (403, "AccessDenied")
        assert refusal(send("GET", app.url("download", "2026/photo.jpg"))) == (403, "AccessDenied")
        assert app.stop() == 0

    # A new pod gets no session. With the last trust of the cluster its OIDC provider went too: then its tokens mean nothing.
    code = "AccessDenied" if others else "InvalidIdentityTokenException"
    with App(folder, environment) as app:
        assert app.get("/healthz") == (200, {"status": "ok"})
        for path, query in (("/readyz", {}), ("/upload-url", {"key": "a"}), ("/download-url", {"key": "a"})):
            status, body = app.get(path, **query)
            assert (status, body["code"]) == (503, code), body


@needs_node
@needs_npm
@needs_go
def test_presigned_urls_allow_what_the_policy_of_the_role_allows_until_its_session_ends(story, tmp_path):
    story.apply("federated")
    environment = story.environment(story.pod_by_chart())
    folder = clients.app(tmp_path / "app")

    with App(folder, environment) as app:
        url = app.url("upload", "a.txt", seconds=900)
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
        assert query["X-Amz-Expires"] == "900"
        assert app.get("/upload-url", key="a.txt", seconds=901)[0] == 400
        assert app.get("/upload-url", key="../a.txt")[0] == 400
        # A URL is for one object and one method.
        assert refusal(send("GET", url)) == (403, "SignatureDoesNotMatch")
        assert refusal(send("PUT", url.replace("a.txt", "b.txt"), b"")) == (403, "SignatureDoesNotMatch")

    with App(folder, environment | {"KEY_PREFIX": "secrets/"}) as app:
        assert refusal(send("PUT", app.url("upload", "a.txt"), b"")) == (403, "AccessDenied")
    with App(folder, environment | {"BUCKET": "bucket-of-others"}) as app:
        story.aws.client("cluster", "s3").create_bucket(
            Bucket="bucket-of-others", CreateBucketConfiguration={"LocationConstraint": story.aws.region}
        )
        assert refusal(send("PUT", app.url("upload", "a.txt"), b"")) == (403, "AccessDenied")


@pytest.mark.one_cli
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("sdk", ["boto3", pytest.param("go", marks=needs_go)])
def test_other_sdks_reach_the_role_with_the_manifests_alone(story, sdk, mode):
    story.apply(mode)

    ended = clients.run_sdk(sdk, BUCKET, CONTENT, story.environment(story.pod_by_manifests()))

    assert ended.returncode == 0, ended.stderr.decode()
    assert ended.stderr.decode().startswith(SESSION)
    assert ended.stdout == CONTENT


@pytest.mark.one_cli
@needs_go
def test_an_annotation_of_the_pod_role_would_keep_the_go_sdk_from_the_role(story):
    """Why chained service accounts have no annotation: what the webhook injects takes precedence over the config file there."""
    story.apply("chained")
    documents = story.manifests()
    annotation = {"eks.amazonaws.com/role-arn": f"arn:aws:iam::{CLUSTER_ACCOUNT}:role/nodejs-pod"}
    find(documents, "ServiceAccount")["metadata"]["annotations"] = annotation

    ended = clients.run_sdk(
        "go", BUCKET, CONTENT, story.environment(story.pod("annotated", documents, spec_of(documents)))
    )

    assert ended.returncode != 0
    assert ended.stderr.decode().startswith(f"arn:aws:sts::{CLUSTER_ACCOUNT}:assumed-role/nodejs-pod/")
    assert "AccessDenied" in ended.stderr.decode()


@needs_go
def test_chart_and_manifests_configure_a_pod_alike(story):
    for mode in MODES:
        story.apply(mode)
        by_chart, by_manifests = story.pod_by_chart(f"{mode}-chart"), story.pod_by_manifests(f"{mode}-manifests")
        named = [
            {name: value for name, value in story.environment(pod).items() if name.startswith("AWS_")}
            for pod in (by_chart, by_manifests)
        ]
        assert shapes(by_chart, named[0]) == shapes(by_manifests, named[1])


@needs_go
@needs_kubectl
def test_kubernetes_knows_every_field_of_chart_and_manifests(story):
    """kubectl drops unknown fields of what it takes in: nothing is missing when it has rewritten an object."""
    for mode in MODES:
        story.apply(mode)
        documents = [*story.chart(), *story.manifests()]
        for document in documents:
            kubectl(["label", "--local", "-f", "-", "-o", "yaml", "seen=1"], document)
        for document in filter(has_pods, map(as_pod, documents)):
            # The last of the variables: what the document has comes before it.
            written = kubectl(["set", "env", "--local", "-f", "-", "-o", "yaml", "SEEN=1"], document)
            assert missing_in(written, document) == []


@needs_node
@needs_npm
def test_the_apps_own_tests_pass(tmp_path):
    folder = clients.app(tmp_path / "app")
    ended = subprocess.run(["node", "--test"], cwd=folder, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stdout


def test_the_apps_lock_file_names_no_host():
    """Any registry or mirror serves it; what it must say is each package's checksum."""
    lock = (clients.APP / "package-lock.json").read_text()
    assert not re.search(r"https?://", lock)
    assert lock.count('"integrity"') >= lock.count('"node_modules/')


def as_pod(document: dict) -> dict:
    if document["kind"] != "PodTemplate":
        return document
    return document["template"] | {"apiVersion": "v1", "kind": "Pod", "metadata": document["metadata"]}


def has_pods(document: dict) -> bool:
    return document["kind"] in ("Deployment", "Pod")


def shapes(pod: Pod, variables: dict[str, str]) -> dict:
    """Variables, and files below the pod's mounts but for the tokens, with the pod's own folder left out."""
    files = {
        str(path.relative_to(pod.directory)): "" if path.name == "token" else path.read_text()
        for path in pod.directory.rglob("*")
        if path.is_file()
    }
    return {name: text.replace(str(pod.directory), "") for name, text in (variables | files).items()}


def kubectl(arguments: list[str], document: dict) -> dict:
    command = ["kubectl", *arguments]
    ended = subprocess.run(command, input=yaml.safe_dump(document), capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    return yaml.safe_load(ended.stdout)


def missing_in(written, wanted, path: str = "") -> list[str]:
    """Paths of what `wanted` has, and `written` has not or otherwise; lists may go on where `wanted` ends."""
    if isinstance(wanted, dict) and isinstance(written, dict):
        return [found for key in wanted for found in missing_in(written.get(key), wanted[key], f"{path}.{key}")]
    if isinstance(wanted, list) and isinstance(written, list) and len(wanted) <= len(written):
        pairs = enumerate(zip(written, wanted, strict=False))
        return [found for i, (have, want) in pairs for found in missing_in(have, want, f"{path}[{i}]")]
    return [] if written == wanted else [path]
