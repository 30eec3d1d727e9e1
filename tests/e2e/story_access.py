"""Story 1: an instance's role in one account, kubectl, and the API server of the other account."""

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml
from accounts import CLUSTER, CLUSTER_ACCOUNT, TRUSTS_EC2, WORKLOAD_ACCOUNT
from aws_emulator.client import Credentials
from breaks import (
    entry_is_deleted,
    on_instance,
    permission_is_removed,
    policies_of,
    policy_is_disassociated,
    recreate,
    trust_is_replaced,
)
from checks import said, until
from cross_account_access import ACCESS, ACCESS_ARN, ADDRESS, WORKLOAD, access
from harness import Workspace
from world import REGION, Shell, World

PROFILE = f'name = "{WORKLOAD}", instance_profile = true'
STORY = access(workload_role=PROFILE)
OUTPUTS = """
output "kubeconfig" { value = xeks_cross_account_access.ec2.kubeconfig }
output "aws_config" { value = coalesce(xeks_cross_account_access.ec2.aws_config, " ") }
output "exec" { value = xeks_cross_account_access.ec2.exec }
"""
SESSION = f"arn:aws:sts::{CLUSTER_ACCOUNT}:assumed-role/{ACCESS}/"
#: What kubectl says to one whom the cluster doesn't know.
UNKNOWN = "Unauthorized"
WHOAMI = ("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}")


@dataclass(frozen=True)
class Way:
    """A way to sign in: the resource, how the cluster's user name begins, and what else the shell has."""

    hcl: str
    username: str = SESSION
    environment: Callable[[World], dict[str, str]] = lambda world: {}
    #: Added to the AWS config that the resource hands out.
    aws_config: Callable[[World], str] = lambda world: ""
    on_instance: bool = True
    versions: tuple[str, ...] = ("kubectl",)


def foreign(world: World) -> dict[str, str]:
    """Keys of another principal and the name of a profile that doesn't exist, as a laptop or a pipeline has them."""
    return world.aws.accounts["cluster"].root.environment() | {"AWS_PROFILE": "another"}


def keys(world: World) -> dict[str, str]:
    return world.aws.instance_credentials("workload", WORKLOAD).environment()


def base_profile(world: World) -> str:
    return "\n" + world.profile("base", world.aws.instance_credentials("workload", WORKLOAD))


WAYS = {
    "the profile of the instance": Way(STORY, versions=("kubectl", "kubectl-1.29")),
    "role_arn in the command": Way(
        access(workload_role=PROFILE, more='client = { auth = "role_arn" }'), versions=("kubectl", "kubectl-1.29")
    ),
    "mode direct": Way(
        access(None, PROFILE, more='mode = "direct"'),
        f"arn:aws:sts::{WORKLOAD_ACCOUNT}:assumed-role/{WORKLOAD}/",
        versions=("kubectl", "kubectl-1.29"),
    ),
    "an external ID": Way(access(f'name = "{ACCESS}", external_id = "team-x/1"', PROFILE)),
    "trust in the account": Way(access(f'name = "{ACCESS}", trust = "account"', PROFILE)),
    "roles with paths": Way(access(f'name = "{ACCESS}", path = "/eks/"', f'{PROFILE}, path = "/team/"')),
    "a session name": Way(access(workload_role=PROFILE, more='client = { session_name = "me" }'), f"{SESSION}me"),
    "a profile name": Way(access(workload_role=PROFILE, more='client = { profile_name = "p" }')),
    "a source profile": Way(
        access(workload_role=PROFILE, more='client = { source_profile = "base" }'),
        aws_config=base_profile,
        on_instance=False,
    ),
    "a source profile and role_arn": Way(
        access(workload_role=PROFILE, more='client = { source_profile = "base", auth = "role_arn" }'),
        aws_config=base_profile,
        on_instance=False,
    ),
    "credentials in the environment": Way(
        access(workload_role=PROFILE, more='client = { credential_source = "Environment" }'),
        environment=keys,
        on_instance=False,
    ),
    "the profile, with keys of others in the environment": Way(STORY, environment=foreign),
    "the longest role name": Way(
        access(f'name = "{"a" * 64}"', PROFILE), f"arn:aws:sts::{CLUSTER_ACCOUNT}:assumed-role/{'a' * 64}/"
    ),
    "a role name that only IAM takes": Way(
        access('name = "a+b=c,d.e@f_g-h"', PROFILE), f"arn:aws:sts::{CLUSTER_ACCOUNT}:assumed-role/a+b=c,d.e@f_g-h/"
    ),
}


def ways(world: World) -> None:
    """Every way to sign in, with the kubeconfig and the AWS config as the resource hands them out."""
    world.checks.title("Story 1: ways to sign in")
    for name, way in WAYS.items():
        world.fresh()
        root, shell = started(world, way)
        environment = way.environment(world)
        for version in way.versions:
            ended = shell.kubectl("get", "namespaces", version=version, **environment)
            world.checks.works(f"{name}: {version} lists namespaces", ended, "kube-system")
            ended = shell.kubectl(*WHOAMI, version=version, **environment)
            world.checks.works(f"{name}: {version} is {way.username}...", ended, way.username)
        ended = execute(root.output("exec"), shell, **environment)
        world.checks.works(f"{name}: the exec block, as the kubernetes provider runs it", ended, way.username)


def started(world: World, way: Way) -> tuple[Workspace, Shell]:
    root = world.root(way.hcl + OUTPUTS)
    root.apply()
    world.bridge.settle()
    world.metadata.stop()
    if way.on_instance:
        world.become(WORKLOAD)
    shell = world.shell().place(root.output("kubeconfig"), root.output("aws_config") + way.aws_config(world))
    return root, shell


def execute(block: dict, shell: Shell, **environment: str) -> subprocess.CompletedProcess:
    """What client-go does with an exec block (client-go credential plugins): the command gets KUBERNETES_EXEC_INFO and
    answers an ExecCredential; its token is a bearer token."""
    spec = {"cluster": {"server": "https://irrelevant"}, "interactive": False}
    info = {"apiVersion": block["api_version"], "kind": "ExecCredential", "spec": spec}
    given = environment | (block.get("env") or {}) | {"KUBERNETES_EXEC_INFO": json.dumps(info)}
    ended = shell.run(block["command"], *block["args"], **given)
    if ended.returncode != 0:
        return ended
    credential = json.loads(ended.stdout)
    if credential["apiVersion"] != block["api_version"] or credential["kind"] != "ExecCredential":
        return subprocess.CompletedProcess(ended.args, 1, "", f"not what was asked for: {ended.stdout}")
    empty = shell.home / "anonymous.kubeconfig"
    write_cluster(shell, empty)
    arguments = ("--kubeconfig", str(empty), "--token", credential["status"]["token"])
    ended = shell.kubectl(*arguments, *WHOAMI)
    return subprocess.CompletedProcess(
        ["exec", block["command"], *block["args"]], ended.returncode, ended.stdout, ended.stderr
    )


def write_cluster(shell: Shell, to) -> None:
    """The kubeconfig without its users: only where the cluster is."""
    whole = yaml.safe_load((shell.home / ".kube" / "config").read_text())
    (cluster,) = whole["clusters"]
    context = {"name": "c", "context": {"cluster": cluster["name"], "user": ""}}
    to.write_text(json.dumps(whole | {"users": [], "contexts": [context], "current-context": "c"}))


#: Access policy → what kubectl may do with it, and what it may not. The cluster's own RBAC decides.
RIGHTS = {
    "AmazonEKSClusterAdminPolicy": (["delete nodes", "create clusterroles", "get secrets"], []),
    "AmazonEKSAdminPolicy": (
        ["create rolebindings", "get secrets", "create pods/exec"],
        ["create clusterroles", "get nodes"],
    ),
    "AmazonEKSEditPolicy": (["create deployments.apps", "delete secrets"], ["create rolebindings", "update endpoints"]),
    "AmazonEKSViewPolicy": (["list pods", "get pods/log"], ["create pods", "get secrets", "create pods/exec"]),
    "AmazonEKSAdminViewPolicy": (["list secrets", "get nodes"], ["create pods", "delete secrets"]),
    "AmazonEKSSecretReaderPolicy": (["get secrets"], ["get configmaps", "create secrets"]),
}


def can(shell: Shell, what: str, *arguments: str) -> subprocess.CompletedProcess:
    verb, resource = what.split(" ")
    name, _, sub = resource.partition("/")
    return shell.kubectl("auth", "can-i", verb, name, *([f"--subresource={sub}"] if sub else []), *arguments)


def check_rights(world: World, shell: Shell, policy: str, where: str, *arguments: str, nothing: bool = False) -> None:
    allowed, refused = RIGHTS[policy]
    expected = [(what, "no" if nothing else "yes") for what in allowed] + [(what, "no") for what in refused]
    for what, answer in expected:
        ended = can(shell, what, *arguments)
        word = "may" if answer == "yes" else "may not"
        world.checks.check(f"{policy} {where}: {word} {what}", ended.stdout.split()[:1] == [answer], said(ended))


def rights(world: World) -> None:
    """Each access policy, scope, group and user name, changed in place from one apply to the next."""
    world.checks.title("Story 1: access policies, scopes, groups and user names")
    for namespace in ("team-a", "team-b", "other"):
        world.control_plane.must("create", "namespace", namespace)
    world.fresh()
    root, shell = started(world, Way(STORY))

    def change(kubernetes: str) -> None:
        root.write(access(workload_role=PROFILE, kubernetes=kubernetes) + OUTPUTS)
        root.apply()
        world.bridge.settle()

    for policy in RIGHTS:
        change(f'policies = {{ {policy} = {{ scope = "cluster" }} }}')
        check_rights(world, shell, policy, "in the whole cluster", "--all-namespaces")
    change('policies = { AmazonEKSEditPolicy = { scope = "namespace", namespaces = ["team-a"] } }')
    check_rights(world, shell, "AmazonEKSEditPolicy", "in team-a", "--namespace", "team-a")
    check_rights(world, shell, "AmazonEKSEditPolicy", "outside its namespace", "--namespace", "team-b", nothing=True)
    check_rights(world, shell, "AmazonEKSEditPolicy", "in all namespaces", "--all-namespaces", nothing=True)
    change('policies = { AmazonEKSViewPolicy = { scope = "namespace", namespaces = ["team-*"] } }')
    for namespace in ("team-a", "team-b"):
        check_rights(world, shell, "AmazonEKSViewPolicy", f"in {namespace}, by a wildcard", "--namespace", namespace)
    check_rights(world, shell, "AmazonEKSViewPolicy", "outside the wildcard", "--namespace", "other", nothing=True)
    groups_and_names(world, shell, change)


def groups_and_names(world: World, shell: Shell, change: Callable[[str], None]) -> None:
    checks = world.checks
    change('groups = ["viewers", "team:x"]')
    ended = shell.kubectl("auth", "whoami", "-o", "jsonpath={.status.userInfo.groups}")
    checks.works("groups of the entry are the user's", ended, "viewers", "team:x", "system:authenticated")
    checks.refused(
        "a group without a binding may nothing", shell.kubectl("get", "pods"), "Forbidden", "cannot list resource"
    )
    world.control_plane.must(
        "create", "rolebinding", "viewers", "--clusterrole=view", "--group=viewers", "-n", "team-a"
    )
    checks.works("a role binding of the group counts", shell.kubectl("get", "pods", "-n", "team-a"))
    change('username = "team-x", groups = ["viewers"]')
    checks.works("a user name of the entry's own", shell.kubectl(*WHOAMI), "team-x")
    change('username = "team:{{SessionName}}", groups = ["viewers"]')
    checks.works("a user name with the session's", shell.kubectl(*WHOAMI), "team:botocore-session-")
    world.control_plane.must("delete", "rolebinding", "viewers", "-n", "team-a")


@dataclass
class Life:
    """One connection through what happens to it; each step says what kubectl answers."""

    world: World
    root: Workspace
    shell: Shell

    def works(self, what: str) -> None:
        self.world.bridge.settle()
        self.shell.forget_sessions()
        until(lambda: bool(self.shell.user()))
        self.world.checks.works(what, self.shell.kubectl("get", "namespaces"), "default")

    def refused(self, what: str, *words: str) -> None:
        self.world.bridge.settle()
        self.shell.forget_sessions()
        until(lambda: not self.shell.user())
        self.world.checks.refused(what, self.shell.kubectl("auth", "whoami"), *words)

    def heal(self, what: str, *changed: str) -> None:
        """The plan shows what is wrong, and the apply puts it right."""
        plan = self.root.plan()
        found = plan.changed(ADDRESS)
        holds = bool(found) and all(any(name in path for path in found) for name in changed)
        self.world.checks.check(f"the plan shows {what}", holds, "\n".join(found[:6]))
        self.root.apply()
        self.root.assert_empty_plan()
        self.world.become(WORKLOAD)


def life(world: World) -> None:
    """What is broken by hand, what kubectl says of it, and that an apply puts it right."""
    world.checks.title("Story 1: broken by hand, repaired by an apply")
    world.fresh()
    root, shell = started(world, Way(STORY))
    it, accounts = Life(world, root, shell), world.accounts
    it.works("kubectl lists namespaces")

    entry_is_deleted(world)
    it.refused("the access entry is deleted", UNKNOWN)
    it.heal("the missing access entry", "access_entry")
    it.works("the access entry is back")

    policy_is_disassociated(world)
    world.bridge.settle()
    until(lambda: shell.kubectl("get", "namespaces").returncode != 0)
    world.checks.refused("the access policy is disassociated", shell.kubectl("get", "namespaces"), "Forbidden")
    it.heal("the missing access policy", "AmazonEKSClusterAdminPolicy")
    it.works("the access policy is back")

    shell.kubectl(*WHOAMI)
    accounts.delete_role("cluster", ACCESS)
    until(lambda: shell.kubectl(*WHOAMI).returncode != 0)
    world.checks.refused("the access role is deleted", shell.kubectl(*WHOAMI), UNKNOWN)
    it.heal("the missing access role", "access_role")
    world.bridge.settle()
    world.checks.refused(
        "the AWS CLI still has a session of the deleted role in ~/.aws/cli/cache", shell.kubectl(*WHOAMI), UNKNOWN
    )
    it.works("the access role and an entry for its new ID are there")

    accounts.delete_role("workload", WORKLOAD)
    it.heal("the missing workload role", "workload")
    it.works("the access role trusts the new workload role")

    trust_is_replaced(world)
    it.refused("the trust policy is replaced", "AccessDenied")
    it.heal("the changed trust policy")
    it.works("the trust policy is back")

    permission_is_removed(world)
    it.refused("the workload role's policy is deleted", "AccessDenied")
    it.heal("the missing policy", "workload")
    it.works("the workload role's policy is back")

    root.destroy()
    it.refused("destroyed, with the sessions of the deleted workload role", "InvalidClientTokenId")
    world.checks.check("after destroy, no access entry is left", ACCESS_ARN not in accounts.entries())
    root.apply()
    world.become(WORKLOAD)
    it.works("applied again")
    root.destroy()


EXISTING = access(f'name = "{ACCESS}", existing = true', f'name = "{WORKLOAD}", existing = true')


def recreated(world: World) -> None:
    """Roles of their owners, deleted and created again under the same name: other roles, for AWS and the cluster."""
    world.checks.title("Story 1: existing roles, created again by their owners")
    world.fresh()
    roles = {"cluster": ACCESS, "workload": WORKLOAD}
    for account, name in roles.items():
        world.accounts.make_role(account, name, TRUSTS_EC2)
    on_instance(world)
    root, shell = started(world, Way(EXISTING))
    it = Life(world, root, shell)
    it.works("existing roles, connected")
    trust = world.accounts.trust("cluster", ACCESS)
    policies = policies_of(world, "workload", WORKLOAD)

    recreate(world, "cluster", ACCESS, trust)
    it.refused("the access role is created again, with the same trust policy", UNKNOWN)
    it.heal("that the entry is for another role")
    it.works("the entry is for the role that there is now")

    recreate(world, "workload", WORKLOAD, TRUSTS_EC2, policies)
    on_instance(world)
    world.become(WORKLOAD)
    it.refused("the workload role is created again, with the same policies", "AccessDenied")
    it.heal("that the access role trusts another role")
    it.works("the access role trusts the role that there is now")

    before = shell.kubectl("auth", "whoami", "-o", "jsonpath={.status.userInfo.uid}").stdout
    root.destroy()
    it.refused("destroyed", "AccessDenied")
    for account, name in roles.items():
        world.checks.check(
            f"the destroy leaves the existing role {name}", world.accounts.role(account, name) is not None, before
        )


def merged(world: World) -> None:
    """Files of two connections in one kubeconfig and one AWS config, and names that the AWS CLI can't find."""
    checks = world.checks
    checks.title("Story 1: several connections in one home folder")
    world.fresh()
    both = access('name = "Blue"', PROFILE, name="blue") + access(
        'name = "Green"',
        f'name = "{WORKLOAD}-2", instance_profile = true',
        'policies = { AmazonEKSViewPolicy = { scope = "cluster" } }',
        name="green",
        more='client = { source_profile = "green" }',
    )
    root = world.root(both)
    root.apply()
    world.bridge.settle()
    world.become(WORKLOAD)
    states = [root.state(f"xeks_cross_account_access.{name}") for name in ("blue", "green")]
    shell = world.shell().place()
    files = []
    for state in states:
        files.append(shell.home / f"{state['access_role']['name']}.kubeconfig")
        files[-1].write_text(state["kubeconfig"])
    second = world.aws.instance_credentials("workload", f"{WORKLOAD}-2")
    config = "\n".join([*(state["aws_config"] for state in states), world.profile("green", second)])
    (shell.home / ".aws" / "config").write_text(config)
    environment = {"KUBECONFIG": ":".join(map(str, files))}
    for version in ("kubectl", "kubectl-1.29"):
        for name in ("Blue", "Green"):
            ended = shell.kubectl("--context", f"{name}@{CLUSTER}", *WHOAMI, version=version, **environment)
            checks.works(f"{version} --context {name}@{CLUSTER} is that role", ended, f"assumed-role/{name}/")
    ended = shell.kubectl("config", "get-contexts", "-o", "name", **environment)
    checks.works("kubectl lists both contexts", ended, f"Blue@{CLUSTER}", f"Green@{CLUSTER}")
    flat = shell.kubectl("config", "view", "--flatten", **environment)
    (shell.home / ".kube" / "config").write_text(flat.stdout)
    checks.works(
        "kubectl config view --flatten keeps both", shell.kubectl("--context", f"Green@{CLUSTER}", *WHOAMI), "/Green/"
    )
    for name in ("a b", "a]b", "a'b"):
        ended = world.root(access(workload_role=PROFILE, more=f'client = {{ profile_name = "{name}" }}')).validate()
        checks.check(
            f"a profile named {name!r} is refused", ended.code != 0 and "profile_name" in ended.text, ended.text
        )


GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "kubernetes-provider.md"


def pipeline(world: World) -> None:
    """The guide for the kubernetes and helm providers, as it stands; the AWS CLI and kubectl do the providers' part."""
    checks = world.checks
    checks.title("Story 1: hand-over to the kubernetes and helm providers")
    world.fresh()
    world.control_plane.must("create", "namespace", "apps")
    keys = profile_of_pipeline(world)
    (hcl,) = re.findall(r"```terraform\n(.*?)```", GUIDE.read_text(), re.S)
    accounts = f'  workload_accounts = {{ pipeline = {{ profile = "pipeline", region = "{REGION}" }} }}\n'
    root = world.root(hcl + HANDED_OVER, accounts, pipeline=keys)
    root.apply()
    checks.check("the data source waited for the access entry", root.output("allowed"), root.output("text"))
    root.assert_empty_plan()
    shell = world.shell().place(aws_config=Path(root.environment["AWS_CONFIG_FILE"]).read_text())
    block, cluster = root.output("exec"), root.output("cluster")
    deploy = provider_of(shell, block, cluster)
    ended = deploy("create", "configmap", "settings", "--from-literal=region=x", "--namespace", "apps")
    checks.works("kubernetes_config_map_v1, as the provider asks for it", ended, "configmap/settings created")
    checks.works(
        "kubernetes_config_map_v1, read again", deploy("get", "configmap", "settings", "-n", "apps"), "settings"
    )
    ended = deploy("create", "configmap", "settings", "--namespace", "default")
    checks.refused("outside the namespace of the policy", ended, "forbidden")
    world.control_plane.must("delete", "namespace", "apps", "--wait=false")


HANDED_OVER = """
output "exec" { value = xeks_cross_account_access.deploy.exec }
output "cluster" { value = xeks_cross_account_access.deploy.cluster }
output "allowed" { value = data.xeks_access_path.deploy.allowed }
output "text" { value = data.xeks_access_path.deploy.text }
"""


def profile_of_pipeline(world: World) -> Credentials:
    world.accounts.make_role("workload", "deploy", TRUSTS_EC2)
    on_instance(world, "deploy")
    return world.aws.instance_credentials("workload", "deploy")


def provider_of(shell: Shell, block: dict, cluster: dict) -> Callable[..., subprocess.CompletedProcess]:
    """kubectl with what the guide gives the provider: host, authority and exec, which client-go runs for both."""
    exec_of = {"apiVersion": block["api_version"], "command": block["command"], "args": block["args"]}
    exec_of |= {"env": [{"name": name, "value": value} for name, value in (block["env"] or {}).items()]}
    exec_of |= {"interactiveMode": "IfAvailable"}
    where = {"server": cluster["endpoint"], "certificate-authority-data": cluster["certificate_authority"]}
    configuration = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": where}],
        "users": [{"name": "u", "user": {"exec": exec_of}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    (shell.home / ".kube" / "config").write_text(json.dumps(configuration))
    return shell.kubectl
