"""Story 2: a service account's token, as the API server signs it, becomes a role in the other account."""

import base64
import json
import os
import subprocess

import clients
import yaml
from accounts import WORKLOAD_ACCOUNT, role_arn
from app import App, refusal, send
from harness import Workspace
from irsa_trust import CHAINED, ROLE, trust
from pod import Pod, find, spec_of
from stories import BUCKET, set_up
from world import REGION, Shell, World

NAMESPACE, ACCOUNT = "nodejs", "nodejs-sa"
MODES = ("federated", "chained")
CONTENT = os.urandom(50_000)
VERSIONS = ("kubectl", "kubectl-1.29")


def run(world: World) -> None:
    """The example as it is, in both modes: its manifests, its app, other SDKs; and nothing after a destroy."""
    world.control_plane.must("create", "namespace", NAMESPACE)
    for mode in MODES:
        world.checks.title(f"Story 2, mode {mode}: the example")
        world.fresh()
        root = applied(world, mode)
        documents = list(yaml.safe_load_all(root.output("service_account_manifests")))
        chart = clients.rendered(root.directory / "chart", root.output("chart_values"), NAMESPACE)
        strict(world, mode, documents, chart)
        world.control_plane.apply([document for document in [*documents, *chart] if document["kind"] != "PodTemplate"])
        token_of_the_api_server(world, mode)
        pod = Pod(documents, spec_of(documents), world.directory("pod"), REGION, minted(world))
        by_chart = Pod(
            chart, find(chart, "Deployment")["spec"]["template"]["spec"], world.directory("pod"), REGION, minted(world)
        )
        sdks(world, mode, pod)
        app(world, mode, by_chart, root)
        remove_bucket(world)


def remove_bucket(world: World) -> None:
    s3 = world.aws.client("workload", "s3")
    for listed in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        s3.delete_object(Bucket=BUCKET, Key=listed["Key"])
    s3.delete_bucket(Bucket=BUCKET)


def applied(world: World, mode: str) -> Workspace:
    base = world.directory("story-2")
    root = world.cli.workspace(set_up(world.aws, "irsa-s3", base), **world.profiles())
    root.init().apply(f"-var=mode={mode}")
    root.assert_empty_plan(f"-var=mode={mode}")
    return root


def minted(world: World):
    return lambda audience: world.control_plane.token(NAMESPACE, ACCOUNT, audience)


def strict(world: World, mode: str, documents: list[dict], chart: list[dict]) -> None:
    """Every object is taken by the API server, with every field that it has."""
    shell = administrator(world)
    server = ("apply", "--dry-run=server", "--validate=strict", "--namespace", NAMESPACE, "-f", "-")
    for version in VERSIONS:
        for kind, listed in (("manifests", documents), ("chart", chart)):
            ended = shell.kubectl(*server, version=version, input=yaml.safe_dump_all(listed))
            world.checks.works(
                f"{mode}: {version} apply --dry-run=server --validate=strict of the {kind}", ended, "(server dry run)"
            )
    broken = json.loads(json.dumps(find(documents, "ServiceAccount")))
    broken["metadata"]["anotations"] = {}
    ended = shell.kubectl(*server, input=yaml.safe_dump(broken))
    world.checks.refused(f"{mode}: a misspelt field is refused", ended, 'unknown field "metadata.anotations"')


def administrator(world: World) -> Shell:
    return world.shell().place(world.control_plane.kubeconfig.read_text())


def token_of_the_api_server(world: World, mode: str) -> None:
    claims = json.loads(decoded(minted(world)("sts.amazonaws.com").split(".")[1]))
    subject = f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"
    holds = (claims["iss"], claims["aud"], claims["sub"]) == (world.accounts.issuer(), ["sts.amazonaws.com"], subject)
    shown = {name: claims[name] for name in ("iss", "aud", "sub")}
    world.checks.check(
        f"{mode}: the API server's token names issuer, audience and service account", holds, json.dumps(shown)
    )


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def environment_of(world: World, pod: Pod) -> dict[str, str]:
    """What the manifests and EKS's webhook give to the container, and whom it has to trust on this machine."""
    trusted = str(world.bundle)
    return pod.environment(AWS_CA_BUNDLE=trusted, NODE_EXTRA_CA_CERTS=trusted, SSL_CERT_FILE=trusted)


def sdks(world: World, mode: str, pod: Pod) -> None:
    for sdk in ("boto3", "go"):
        ended = clients.run_sdk(sdk, BUCKET, CONTENT, environment_of(world, pod))
        who = ended.stderr.decode()
        session = f"arn:aws:sts::{WORKLOAD_ACCOUNT}:assumed-role/nodejs-app/"
        holds = ended.returncode == 0 and who.startswith(session) and ended.stdout == CONTENT
        world.checks.check(f"{mode}: {sdk} uploads and downloads with the manifests alone", holds, who)


def app(world: World, mode: str, pod: Pod, root: Workspace) -> None:
    checks, environment = world.checks, environment_of(world, pod)
    folder = clients.app(world.directory("app") / "app")
    with App(folder, environment) as started:
        upload, download = started.url("upload", "photo.jpg"), started.url("download", "photo.jpg")
        host = f"https://{BUCKET}.s3.{REGION}.amazonaws.com/"
        checks.check(
            f"{mode}: the app's URLs are of the bucket's own host", upload.startswith(host), upload.split("?")[0]
        )
        checks.check(f"{mode}: a PUT to the upload URL", send("PUT", upload, CONTENT) == (200, b""))
        checks.check(f"{mode}: a GET of the download URL", send("GET", download) == (200, CONTENT))
        answer = refusal(send("PUT", upload.replace("photo", "other"), b""))
        checks.check(
            f"{mode}: the URL of another object is refused", answer == (403, "SignatureDoesNotMatch"), str(answer)
        )
        root.destroy(f"-var=mode={mode}")
        answer = refusal(send("GET", download))
        checks.check(
            f"{mode}: after destroy, URLs from before are refused", answer == (403, "AccessDenied"), str(answer)
        )
    with App(folder, environment) as started:
        status, body = started.get("/readyz")
        holds = status == 503 and body["code"] in ("AccessDenied", "InvalidIdentityTokenException")
        checks.check(f"{mode}: after destroy, a new pod gets no session", holds, f"{status} {body}")


#: Configuration → tokens (namespace, service account, audience) that STS takes, and those that it refuses.
TOKENS = {
    "one service account": (
        trust(),
        [("nodejs", "nodejs-sa", "sts.amazonaws.com")],
        [
            ("nodejs", "default", "sts.amazonaws.com"),
            ("other", "nodejs-sa", "sts.amazonaws.com"),
            ("nodejs", "nodejs-sa", "vault"),
        ],
    ),
    "several service accounts": (
        trust(
            service_accounts='{ namespace = "nodejs", name = "nodejs-sa" }, { namespace = "other", name = "default" }'
        ),
        [("nodejs", "nodejs-sa", "sts.amazonaws.com"), ("other", "default", "sts.amazonaws.com")],
        [("nodejs", "default", "sts.amazonaws.com")],
    ),
    "a wildcard for the name": (
        trust(service_accounts='{ namespace = "nodejs", name = "node*" }'),
        [("nodejs", "nodejs-sa", "sts.amazonaws.com")],
        [("nodejs", "default", "sts.amazonaws.com"), ("other", "nodejs-sa", "sts.amazonaws.com")],
    ),
    "a wildcard for the namespace": (
        trust(service_accounts='{ namespace = "o*", name = "nodejs-sa" }'),
        [("other", "nodejs-sa", "sts.amazonaws.com")],
        [("nodejs", "nodejs-sa", "sts.amazonaws.com")],
    ),
    "another audience": (
        trust(more='audiences = ["vault"]'),
        [("nodejs", "nodejs-sa", "vault")],
        [("nodejs", "nodejs-sa", "sts.amazonaws.com")],
    ),
}


def tokens(world: World) -> None:
    """Which tokens STS takes: each signed by the API server, or changed after that."""
    checks = world.checks
    checks.title("Story 2: tokens that are taken, and tokens that are refused")
    make_service_accounts(world)
    for name, (hcl, taken, refused) in TOKENS.items():
        world.fresh()
        root = world.root(hcl)
        root.apply()
        for namespace, account, audience in taken:
            ended = exchange(world, world.control_plane.token(namespace, account, audience))
            checks.works(f"{name}: {namespace}/{account} for {audience} is taken", ended, f"assumed-role/{ROLE}/")
        for namespace, account, audience in refused:
            ended = exchange(world, world.control_plane.token(namespace, account, audience))
            checks.refused(
                f"{name}: {namespace}/{account} for {audience} is refused", ended, "AssumeRoleWithWebIdentity"
            )
    world.fresh()
    world.root(trust()).apply()
    forged(world)


def make_service_accounts(world: World) -> None:
    metadata = [("nodejs", "nodejs-sa"), ("nodejs", "default"), ("other", "nodejs-sa"), ("other", "default")]
    spaces = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in ("nodejs", "other")]
    world.control_plane.apply(spaces)
    world.control_plane.apply(
        [
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": namespace, "name": name}}
            for namespace, name in metadata
        ]
    )


def forged(world: World) -> None:
    checks, token = world.checks, world.control_plane.token("nodejs", "nodejs-sa", "sts.amazonaws.com")
    checks.works("the token as the API server signed it", exchange(world, token), f"assumed-role/{ROLE}/")
    head, body, signature = token.split(".")
    other = json.loads(decoded(body)) | {"sub": "system:serviceaccount:nodejs:admin"}
    changed = base64.urlsafe_b64encode(json.dumps(other).encode()).decode().rstrip("=")
    checks.refused("a token that was changed", exchange(world, f"{head}.{changed}.{signature}"), "InvalidIdentityToken")
    own = world.control_plane.token("nodejs", "nodejs-sa", "https://kubernetes.default.svc")
    checks.refused("a token for the API server itself", exchange(world, own), "InvalidIdentityToken")
    checks.refused("no token", exchange(world, "x.y.z"), "InvalidIdentityToken")


def exchange(world: World, token: str, role: str = role_arn(WORKLOAD_ACCOUNT, ROLE)) -> subprocess.CompletedProcess:
    shell = world.shell()
    path = shell.home / "token"
    path.write_text(token)
    arguments = ["--role-arn", role, "--role-session-name", "pod", "--web-identity-token", f"file://{path}"]
    command = ["aws", "--region", REGION, "sts", "assume-role-with-web-identity", *arguments]
    return shell.run(*command, "--query", "AssumedRoleUser.Arn")


def chained(world: World) -> None:
    """Mode chained with everything that pods pass: the AWS config of the resource, read by the AWS CLI."""
    world.checks.title("Story 2, mode chained: external ID, session tags and source identity")
    make_service_accounts(world)
    cases = {
        "alone": CHAINED,
        "with an external ID": f'{CHAINED}\nexternal_id = "team-x"',
        "with session tags and source identity": f"{CHAINED}\nsession_tags = true\nsource_identity = true",
    }
    for name, more in cases.items():
        world.fresh()
        root = world.root(trust(more=more))
        root.apply()
        config = root.state("xeks_irsa_trust.app")["aws_config"]
        for account, works in (("nodejs-sa", True), ("default", False)):
            ended = by_config(world, config, account)
            if works:
                world.checks.works(f"chained {name}: nodejs/{account} reaches the role", ended, f"assumed-role/{ROLE}/")
            else:
                world.checks.refused(f"chained {name}: nodejs/{account} does not", ended, "AccessDenied")


def by_config(world: World, config: str, account: str) -> subprocess.CompletedProcess:
    shell = world.shell()
    token = shell.home / "token"
    token.write_text(world.control_plane.token("nodejs", account, "sts.amazonaws.com"))
    path = next(
        line.split("=", 1)[1].strip() for line in config.splitlines() if line.startswith("web_identity_token_file")
    )
    shell.place(aws_config=config.replace(path, str(token)))
    return shell.run("aws", "--region", REGION, "sts", "get-caller-identity")
