"""A pod's container, as an AWS SDK sees one: the variables and files that its manifests give it.

Does what kubelet does (environment, ConfigMap and projected token volumes) and what EKS's webhook does (the role in the
annotation).
Knows Kubernetes manifests. Knows nothing of the CLI, the provider or the emulated AWS.
"""

from collections.abc import Callable
from pathlib import Path

from harness import clean_environment

#: Where the webhook mounts its token (amazon-eks-pod-identity-webhook, README, "EKS Walkthrough").
WEBHOOK_FOLDER = "/var/run/secrets/eks.amazonaws.com/serviceaccount"
ROLE, AUDIENCE = "eks.amazonaws.com/role-arn", "eks.amazonaws.com/audience"


class Pod:
    """`documents` hold the pod's service account and ConfigMaps; `token` signs a token for an audience."""

    def __init__(self, documents: list[dict], spec: dict, directory: Path, region: str, token: Callable[[str], str]):
        self.directory = directory
        self._mounts: dict[str, str] = {}
        (container,) = spec["containers"]
        self._variables = {entry["name"]: entry["value"] for entry in container.get("env", [])}
        self._mount_volumes(documents, spec, container, token)
        account = find(documents, "ServiceAccount", spec["serviceAccountName"])
        self._webhook(account["metadata"].get("annotations") or {}, region, token)

    def environment(self, **more: str) -> dict[str, str]:
        """What the container's process has; paths of mounts are replaced by where they are on this machine."""
        given = {name: self._on_this_machine(value) for name, value in self._variables.items()}
        return clean_environment(self.directory, Path("/dev/null"), **given, **more)

    def _mount_volumes(self, documents: list[dict], spec: dict, container: dict, token: Callable[[str], str]) -> None:
        volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
        folders = {mount["name"]: self._mount(mount["mountPath"]) for mount in container.get("volumeMounts", [])}
        for name, folder in folders.items():
            volume = volumes[name]
            for source in volume.get("projected", {}).get("sources", []):
                wanted = source["serviceAccountToken"]
                (folder / wanted["path"]).write_text(token(wanted["audience"]))
            if "configMap" in volume:
                for file, text in find(documents, "ConfigMap", volume["configMap"]["name"])["data"].items():
                    (folder / file).write_text(self._on_this_machine(text))

    def _webhook(self, annotations: dict, region: str, token: Callable[[str], str]) -> None:
        """amazon-eks-pod-identity-webhook, README: what it adds to pods of annotated service accounts, to no others."""
        if ROLE not in annotations:
            return
        folder = self._mount(WEBHOOK_FOLDER)
        (folder / "token").write_text(token(annotations.get(AUDIENCE, "sts.amazonaws.com")))
        self._variables |= {
            "AWS_ROLE_ARN": annotations[ROLE],
            "AWS_WEB_IDENTITY_TOKEN_FILE": f"{WEBHOOK_FOLDER}/token",
            "AWS_STS_REGIONAL_ENDPOINTS": "regional",
            "AWS_DEFAULT_REGION": region,
            "AWS_REGION": region,
        }

    def _mount(self, path: str) -> Path:
        folder = self.directory / "mounts" / path.lstrip("/")
        folder.mkdir(parents=True, exist_ok=True)
        self._mounts[path] = str(folder)
        return folder

    def _on_this_machine(self, text: str) -> str:
        for path, folder in self._mounts.items():
            # Not in a path that is replaced already: a folder's name ends in the path that it replaces.
            text = text.replace(folder, path).replace(path, folder)
        return text


def find(documents: list[dict], kind: str, name: str | None = None) -> dict:
    """The one document of this kind and name."""
    found = [d for d in documents if d["kind"] == kind and name in (None, d["metadata"]["name"])]
    assert len(found) == 1, f"{len(found)} documents {kind} {name or ''} among {[d['kind'] for d in documents]}"
    return found[0]


def spec_of(documents: list[dict]) -> dict:
    """The pod template of the manifests; without one, a pod that names its service account and nothing else."""
    templates = [document for document in documents if document["kind"] == "PodTemplate"]
    if templates:
        return templates[0]["template"]["spec"]
    return {
        "serviceAccountName": find(documents, "ServiceAccount")["metadata"]["name"],
        "containers": [{"name": "app"}],
    }
