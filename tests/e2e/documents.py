"""What `xeks_access_path` reads out of documents, compared with what the API server decides by RBAC."""

import http.client
import itertools
import json
import re
import ssl
from dataclasses import dataclass

from accounts import CLUSTER, CLUSTER_ACCOUNT, TRUSTS_EC2, role_arn
from bridge import POLICIES
from world import World

VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
PLACES = ("team-a", "team-b")
SCOPES = {"cluster": [], "namespace": ["team-a"]}


@dataclass(frozen=True)
class Resource:
    group: str
    name: str

    def __str__(self) -> str:
        """As a user writes it, and as the data source shows it."""
        plain, _, sub = self.name.partition("/")
        return f"{plain}.{self.group}" + (f"/{sub}" if sub else "") if self.group else self.name

    @property
    def shown(self) -> str:
        return f"{self.name}.{self.group}" if self.group else self.name


def resources(world: World) -> dict[Resource, dict]:
    """Every resource and subresource that the API server lists, with what its discovery says of it."""
    raw = lambda path: json.loads(world.control_plane.must("get", "--raw", path))  # noqa: E731
    paths = {"": "/api/v1"}
    for group in raw("/apis")["groups"]:
        paths[group["name"]] = f"/apis/{group['preferredVersion']['groupVersion']}"
    return {
        Resource(group, listed["name"]): listed for group, path in paths.items() for listed in raw(path)["resources"]
    }


def names(world: World) -> None:
    """Each name that kubectl takes for a resource means to the data source what it means to kubectl."""
    checks = world.checks
    checks.title("Documents: names of resources, as kubectl takes them")
    world.fresh()
    asked = {}
    for resource, listed in resources(world).items():
        if "/" in resource.name:
            continue
        written = {resource.name, listed["singularName"], listed["kind"], *listed.get("shortNames", []), f"{resource}"}
        for text in sorted(written - {""}):
            # Of two groups with one name, kubectl takes the one that comes first: here, the core's.
            asked.setdefault(text, resource)
    role, _ = entries(world, {"all": ("AmazonEKSClusterAdminPolicy", "cluster")})["all"]
    questions = {f"n{number}": {"resource": text, "verbs": ["get"]} for number, text in enumerate(asked)}
    states = read(world, {key: {"principal_arn": role} | question for key, question in questions.items()})
    wrong = []
    for key, question in questions.items():
        if f"allows the principal to get {asked[question['resource']].shown} in" not in hop(states[key])["reason"]:
            wrong.append(f"{question['resource']}: {hop(states[key])['reason']}")
    checks.check(
        f"{len(asked)} names of {len(set(asked.values()))} resources", not wrong and len(asked) > 150, "\n".join(wrong)
    )


def entries(world: World, wanted: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """A role of the cluster's account for each, with an entry of one policy in one scope; its ARN and unique id."""
    made = {}
    for key, (policy, scope) in wanted.items():
        name = f"rbac-{key}".replace("_", "-")
        world.accounts.make_role("cluster", name, TRUSTS_EC2)
        arn = role_arn(CLUSTER_ACCOUNT, name)
        world.accounts.eks.create_access_entry(clusterName=CLUSTER, principalArn=arn)
        world.accounts.eks.associate_access_policy(
            clusterName=CLUSTER,
            principalArn=arn,
            policyArn=f"arn:aws:eks::aws:cluster-access-policy/{policy}",
            accessScope={"type": scope, "namespaces": SCOPES[scope]},
        )
        made[key] = arn, world.accounts.role("cluster", name)["RoleId"]
    world.bridge.settle()
    return made


def read(world: World, asked: dict[str, dict]) -> dict[str, dict]:
    """Key → what the data source answers; one apply for all."""
    root = world.root("")
    data = {key: {"cluster_name": CLUSTER} | arguments for key, arguments in asked.items()}
    root.write(json.dumps({"data": {"xeks_access_path": data}}), "asked.tf.json")
    root.timeout = 540
    root.apply("-parallelism=20")
    return root.data_sources()


def hop(state: dict, name: str = "access_policy") -> dict:
    return next(hop for hop in state["hops"] if hop["name"] == name)


def compare(world: World) -> None:
    """Every policy and scope, every resource and subresource, every verb: no contradiction."""
    checks = world.checks
    checks.title("Documents: access policies, compared with SelfSubjectAccessReview")
    world.fresh()
    for namespace in PLACES:
        world.control_plane.kubectl("create", "namespace", namespace)
    wanted = {f"{policy}_{scope}": (policy, scope) for policy, scope in itertools.product(POLICIES, SCOPES)}
    made, listed = entries(world, wanted), list(resources(world))
    asked, meaning = {}, {}
    for (key, (arn, unique)), (number, resource) in itertools.product(made.items(), enumerate(listed)):
        for where, spaces in (("everywhere", []), ("in", list(PLACES))):
            name = f"{key}_{number}_{where}"
            asked[name] = {"principal_arn": arn, "resource": str(resource), "verbs": VERBS} | (
                {"namespaces": spaces} if spaces else {}
            )
            meaning[name] = (key, unique, resource, spaces or [None])
    states = read(world, asked)
    reviews, totals, wrong = Reviews(world), {"allowed": 0, "refused": 0, "external": 0}, []
    for name, (key, unique, resource, spaces) in meaning.items():
        found = hop(states[name])
        for verb, space in itertools.product(VERBS, spaces):
            said = verdict(
                found, f"{verb} {resource.shown} in " + (f"namespace {space}" if space else "the whole cluster")
            )
            totals[said] += 1
            is_allowed = reviews.ask(unique, verb, resource, space)
            if said != "external" and (said == "allowed") != is_allowed:
                wrong.append(f"{key}: {verb} {resource} in {space}: xeks says {said}, RBAC says {is_allowed}")
    shown = f"{len(wrong)} contradictions; {totals}; {len(listed)} resources and subresources\n" + "\n".join(wrong[:20])
    checks.check(f"{sum(totals.values())} questions, no contradiction", not wrong, shown)
    checks.check("none of them is left to the cluster", totals["external"] == 0, shown.splitlines()[0])
    checks.check(
        "both answers occur, thousands of times",
        min(totals["allowed"], totals["refused"]) > 1000,
        shown.splitlines()[0],
    )


def verdict(hop: dict, action: str) -> str:
    if hop["status"] == "ok":
        return "allowed"
    if hop["status"] == "external":
        return "external"
    refused = re.search(r"No access policy allows the principal to (.*)\.$", hop["reason"])
    return "refused" if action in refused[1].split(", nor to ") else "allowed"


class Reviews:
    """SelfSubjectAccessReviews of the principals, who are impersonated by the administrator."""

    def __init__(self, world: World):
        folder, host = world.folder, world.control_plane.endpoint.removeprefix("https://")
        context = ssl.create_default_context(cafile=str(folder / "kubernetes-ca.pem"))
        context.load_cert_chain(folder / "admin.pem", folder / "admin-key.pem")
        self._connection = http.client.HTTPSConnection(host, context=context, timeout=30)

    def ask(self, unique: str, verb: str, resource: Resource, namespace: str | None) -> bool:
        name, _, sub = resource.name.partition("/")
        attributes = {
            "verb": verb,
            "group": resource.group,
            "resource": name,
            "subresource": sub,
            "namespace": namespace or "",
        }
        kind = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
        body = json.dumps(kind | {"spec": {"resourceAttributes": attributes}})
        self._connection.putrequest("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")
        self._connection.putheader("Content-Type", "application/json")
        self._connection.putheader("Content-Length", str(len(body)))
        self._connection.putheader("Impersonate-User", "someone")
        for group in (f"EKS:{unique}", "system:authenticated"):
            self._connection.putheader("Impersonate-Group", group)
        self._connection.endheaders(body.encode())
        answer = json.loads(self._connection.getresponse().read())
        return answer["status"]["allowed"]
