"""`xeks_runner_policy`: what it renders suffices for the life of a resource, and every action of it is used there.

The policies that all other tests run with are its own, for every resource and option: `runner_policies.py` writes them.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from accounts import CLUSTER, Accounts
from botocore.exceptions import ClientError
from cluster_peering import peering
from configurations import Refusal
from cross_account_access import ACCESS, ACCESS_ARN, ADDRESS, BUCKETS, WORKLOAD, WORKLOAD_ARN, access
from irsa_trust import ADDRESS as TRUST
from irsa_trust import CHAINED, POD, POLICY, ROLE, trust
from network import Network
from permission_sets import assign, assign_again
from role_drift import boundary, prepare
from runner_policies import ACCOUNTS, EVERYTHING, FILES, REGION, RUNNER, WITH_IDS, give, in_order, policies, rendered

pytestmark = [pytest.mark.one_cli, pytest.mark.single_reads]


def test_the_runners_of_all_tests_have_what_it_renders(workspace):
    wanted = rendered(workspace(EVERYTHING))
    for account in ACCOUNTS:
        given = json.loads((FILES / f"{account}.json").read_text())
        assert in_order(wanted[account]) == given, (
            f"write {account}.json again with tests/acceptance/runner_policies.py"
        )


def test_it_calls_no_aws_where_the_accounts_are_given(workspace, aws):
    root = workspace(
        policies(
            f'cross_account_access = [{{ cluster_name = "{CLUSTER}", access_role = {{ name = "a" }}, workload_role = {{ name = "w" }} }}]'
        )
    )
    aws.clear_calls()

    rendered(root)

    assert aws.calls() == []


def test_it_reads_the_accounts_from_the_provider(workspace):
    hcl = policies(f'irsa_trust = [{{ {REGION}, cluster_name = "c", role = {{ name = "app-*" }} }}]').replace(
        WITH_IDS, ""
    )
    found = rendered(workspace(hcl))
    assert resources(found["workload"], "iam:CreateRole") == [f"arn:aws:iam::{ACCOUNTS['workload']}:role/app-*"]
    assert resources(found["cluster"], "eks:DescribeCluster") == [
        f"arn:aws:eks:ap-south-1:{ACCOUNTS['cluster']}:cluster/c"
    ]


def test_a_policy_that_is_too_long_is_a_warning(workspace):
    many = ", ".join(
        f'{{ cluster_name = "c{i}", access_role = {{ name = "access-{i}" }}, workload_role = {{ name = "w-{i}" }} }}'
        for i in range(60)
    )
    run = workspace(policies(f"cross_account_access = [{many}]")).apply()
    assert any("6144" in str(warning) for warning in run.warnings)


REFUSED = {
    "no access role": Refusal('cross_account_access = [{ cluster_name = "c", workload_role = { name = "w" } }]', ["access_role"]),
    "an access role in mode direct": Refusal('cross_account_access = [{ cluster_name = "c", mode = "direct", access_role = { name = "a" }, workload_role = { name = "w" } }]', ["access_role"]),
    "no source of tokens": Refusal('irsa_trust = [{ role = { name = "r" } }]', ["cluster_name"]),
    "no pod role": Refusal(f'irsa_trust = [{{ {REGION}, cluster_name = "c", mode = "chained", role = {{ name = "r" }} }}]', ["pod_role"]),
    "not a name": Refusal('irsa_trust = [{ issuer_urls = ["https://issuer.example.com"], role = { name = "a/b" } }]', ["pattern"]),
    "no region of the issuers": Refusal('irsa_trust = [{ cluster_name = "c", role = { name = "r" } }]', ["cluster_region", "evil.example"]),
    "issuers of any host": Refusal('irsa_trust = [{ issuer_urls = ["https://*"], role = { name = "r" } }]', ["issuer_urls", "after the host"]),
    "any role to pass": Refusal(
        'cross_account_access = [{ cluster_name = "c", mode = "direct", workload_role = { name = "*", instance_profile = true, permissions_boundary = "arn:aws:iam::185863138492:policy/b" } }]',
        ["name", "pass"],
    ),
    "no workload role": Refusal('cross_account_access = [{ cluster_name = "c", mode = "direct", workload_role = { existing = true } }]', ["workload_role.name"]),
    "a permission set in mode assume_role": Refusal('cross_account_access = [{ cluster_name = "c", access_role = { name = "a" }, workload_role = { permission_set = "p" } }]', ["permission_set", "direct"]),
    "not a data source": Refusal('data_sources = ["aws_eks_cluster"]', ["xeks_access_path"]),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_incomplete_or_contradictory_arguments_are_refused(workspace, case):
    refusal = REFUSED[case]
    workspace(policies(refusal.hcl)).validate().must_fail(*refusal.words)


def resources(policy: dict, action: str) -> list[str]:
    found = [one["Resource"] for one in policy["Statement"] if action in as_list(one["Action"])]
    return sorted(text for each in found for text in as_list(each))


def as_list(value) -> list:
    return value if isinstance(value, list) else [value]


def actions(policy: dict) -> set[str]:
    return {action for statement in policy["Statement"] for action in as_list(statement["Action"])}


def used(aws, account: str) -> set[str]:
    calls = [
        call for call in aws.calls() if call["account"] == ACCOUNTS[account] and f"/{RUNNER}/" in call["principal"]
    ]
    refused = [
        call for call in calls if call["error"] in ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")
    ]
    assert refused == []
    return {permission for call in calls for permission in call["permissions"]}


def in_full(accounts: Accounts, account: str, role: str, policy: str) -> str:
    """The name of a policy: those of xeks end in a hash."""
    return accounts.own_policy(account, role, policy) if policy.startswith("xeks-") else policy


def change_role(account: str, role: str, own_policy: str | None = None, bounded: bool = False):
    """Everything that can be changed about a created role, at once."""

    def change(accounts: Accounts) -> None:
        iam, named = accounts.iam(account), {"RoleName": role}
        iam.update_role(**named, Description="changed", MaxSessionDuration=7200)
        iam.update_assume_role_policy(**named, PolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
        ))  # fmt: skip
        iam.tag_role(**named, Tags=[{"Key": "team", "Value": "z"}])
        if own_policy:
            iam.delete_role_policy(**named, PolicyName=in_full(accounts, account, role, own_policy))
        if bounded:
            iam.delete_role_permissions_boundary(**named)
        else:
            iam.put_role_permissions_boundary(**named, PermissionsBoundary=boundary(account))

    return change


def change_entry(principal: str = ACCESS_ARN):
    def change(accounts: Accounts) -> None:
        entry = {"clusterName": CLUSTER, "principalArn": principal}
        accounts.eks.update_access_entry(**entry, username="someone")
        arn = accounts.entry(principal)["accessEntryArn"]
        accounts.eks.tag_resource(resourceArn=arn, tags={"team": "z"})
        edit = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSEditPolicy"
        accounts.eks.associate_access_policy(**entry, policyArn=edit, accessScope={"type": "cluster"})

    return change


def change_profile(accounts: Accounts) -> None:
    iam, named = accounts.iam("workload"), {"InstanceProfileName": WORKLOAD}
    iam.tag_instance_profile(**named, Tags=[{"Key": "team", "Value": "z"}])
    iam.remove_role_from_instance_profile(**named, RoleName=WORKLOAD)
    accounts.iam("workload").detach_role_policy(RoleName=WORKLOAD, PolicyArn=BUCKETS)


def make_foreign_provider(accounts: Accounts) -> None:
    accounts.make_oidc_provider("other")


ROLES = f'access_role = {{ name = "{ACCESS}" }}, workload_role = {{ name = "{WORKLOAD}", instance_profile = true, managed_policy_arns = ["{BUCKETS}"] }}'
MANAGED = f'name = "{WORKLOAD}", instance_profile = true, managed_policy_arns = ["{BUCKETS}"]'
KUBERNETES = 'policies = { AmazonEKSClusterAdminPolicy = { scope = "cluster" } }'
TEAM = 'tags = { team = "x" }'
BOUND = f'permissions_boundary = "{boundary("workload")}"'
BOUND_POD = f'permissions_boundary = "{boundary("cluster")}"'
NAMED = 'username = "team", groups = ["viewers", "team:x"], policies = { AmazonEKSViewPolicy = { scope = "namespace", namespaces = ["team-*"] } }'


@dataclass(frozen=True)
class Life:
    """The lists of the data source, the resource that its policies must suffice for, and what is changed in AWS."""

    lists: str
    hcl: str
    address: str
    drift: list[Callable[[Accounts], None]]


LIVES = {
    "the story": Life(
        f'cross_account_access = [{{ cluster_name = "{CLUSTER}", {ROLES}, kubernetes = {{ {KUBERNETES} }} }}]',
        access(workload_role=MANAGED, kubernetes=KUBERNETES, more=TEAM),
        ADDRESS,
        [change_role("cluster", ACCESS, f"xeks-describe-{CLUSTER}"), change_role("workload", WORKLOAD), change_profile, change_entry()],
    ),
    "direct": Life(
        f'cross_account_access = [{{ cluster_name = "{CLUSTER}", mode = "direct", workload_role = {{ name = "{WORKLOAD}" }} }}]',
        access(None, more='mode = "direct"\n' + TEAM),
        ADDRESS,
        [change_role("workload", WORKLOAD), change_entry(WORKLOAD_ARN)],
    ),
    "names by pattern, with a boundary": Life(
        f'cross_account_access = [{{ cluster_name = "prac-*", access_role = {{ name = "EKS-*" }}, workload_role = {{ name = "EC2-*", {BOUND} }} }}]',
        access(workload_role=f'name = "{WORKLOAD}", {BOUND}', more=TEAM),
        ADDRESS,
        [change_role("cluster", ACCESS), change_role("workload", WORKLOAD, bounded=True), change_entry()],
    ),
    "groups, a user name and one policy": Life(
        f'cross_account_access = [{{ cluster_name = "{CLUSTER}", access_role = {{ name = "{ACCESS}" }}, workload_role = {{ name = "{WORKLOAD}" }}, kubernetes = {{ {NAMED} }} }}]',
        access(kubernetes=NAMED, more=TEAM),
        ADDRESS,
        [change_role("cluster", ACCESS), change_role("workload", WORKLOAD), change_entry()],
    ),
    "federated": Life(
        f'irsa_trust = [{{ {REGION}, cluster_name = "{CLUSTER}", role = {{ name = "{ROLE}", managed_policy_arns = ["{BUCKETS}"] }} }}]',
        trust(f'name = "{ROLE}", inline_policies = {{ bucket = {POLICY} }}, managed_policy_arns = ["{BUCKETS}"]', more=TEAM),
        TRUST,
        [change_role("workload", ROLE, "bucket")],
    ),
    "chained, with boundaries": Life(
        f'irsa_trust = [{{ {REGION}, cluster_name = "{CLUSTER}", mode = "chained", role = {{ name = "{ROLE}", {BOUND} }}, pod_role = {{ name = "{POD}", {BOUND_POD} }} }}]',
        trust(
            f'name = "{ROLE}", {BOUND}, inline_policies = {{ bucket = {POLICY} }}',
            more=f'mode = "chained"\npod_role = {{ name = "{POD}", {BOUND_POD} }}\n{TEAM}',
        ),
        TRUST,
        [change_role("workload", ROLE, bounded=True), change_role("cluster", POD, bounded=True)],
    ),
    "chained": Life(
        f'irsa_trust = [{{ {REGION}, cluster_name = "{CLUSTER}", mode = "chained", role = {{ name = "{ROLE}" }}, pod_role = {{ name = "{POD}" }} }}]',
        trust(f'name = "{ROLE}", inline_policies = {{ bucket = {POLICY} }}', more=f"{CHAINED}\n{TEAM}"),
        TRUST,
        [change_role("workload", ROLE), change_role("cluster", POD)],
    ),
}  # fmt: skip

# Needed by some values of an option only, and not in every life: an audience that is removed from a foreign provider, the name of what
# keeps a role from being deleted, quotas of an account where AWS's defaults would be exceeded. `test_runner.py` makes each of these calls.
MAY_BE_UNUSED = {
    "iam:AddClientIDToOpenIDConnectProvider",
    "iam:RemoveClientIDFromOpenIDConnectProvider",
    "iam:UntagOpenIDConnectProvider",
    "iam:UpdateOpenIDConnectProviderThumbprint",
    "iam:GetAccountSummary",
    # Of what others put there, where a role is exclusive or its deletion is forced.
    "iam:DetachRolePolicy",
    "iam:DeleteRolePolicy",
    "iam:GetRolePolicy",
    "iam:ListInstanceProfilesForRole",
    "eks:ListAccessEntries",
    # Of access policies that not every cluster has.
    "eks:ListAccessPolicies",
}


@pytest.mark.parametrize("case", LIVES)
def test_the_rendered_policies_suffice_for_a_whole_life_and_are_used(workspace, aws, case):
    life = LIVES[case]
    accounts = Accounts(aws)
    prepare(accounts)
    wanted = rendered(workspace(policies(life.lists)))
    give(accounts, wanted)
    root = workspace(life.hcl)
    aws.clear_calls()

    root.apply()
    root.assert_empty_plan()
    for change in life.drift:
        change(accounts)
    root.apply()
    root.assert_empty_plan()
    for tags in ('tags = { team = "y", more = "z" }', 'tags = { team = "y" }'):
        root.write(life.hcl.replace(TEAM, tags))
        root.apply()
    id = root.state(life.address)["id"]
    root.forget(life.address)
    root.import_(life.address, id).must_work()
    root.assert_empty_plan()
    root.destroy()

    for account, policy in wanted.items():
        seen, allowed = used(aws, account), actions(policy)
        assert seen <= allowed
        assert allowed - seen <= MAY_BE_UNUSED, f"{account}: never used: {sorted(allowed - seen)}"


def test_a_permission_set_needs_no_right_to_write_in_the_workload_account(workspace, aws):
    accounts = Accounts(aws)
    assign(aws, "PowerUser")
    lists = f'cross_account_access = [{{ cluster_name = "{CLUSTER}", mode = "direct", workload_role = {{ permission_set = "Power*" }} }}]'
    wanted = rendered(workspace(policies(lists)))
    give(accounts, wanted)
    root = workspace(access(None, 'permission_set = "PowerUser"', more=f'mode = "direct"\n{TEAM}'))
    aws.clear_calls()

    root.apply()
    root.assert_empty_plan()
    assign_again(aws, "PowerUser")
    root.apply()
    root.assert_empty_plan()
    id = root.state(ADDRESS)["id"]
    root.forget(ADDRESS)
    root.import_(ADDRESS, id).must_work()
    root.assert_empty_plan()
    root.destroy()

    assert "iam:ListRoles" in used(aws, "workload")
    for account, policy in wanted.items():
        assert used(aws, account) <= actions(policy)
    assert {action for action in actions(wanted["workload"]) if not action.startswith(("iam:Get", "iam:List"))} == set()


def test_principals_of_both_resources_are_looked_up_with_the_rendered_policies(workspace, aws):
    accounts = Accounts(aws)
    accounts.iam("cluster").create_user(UserName="ann")
    accounts.make_foreign_role("cluster", "people")
    principals = json.dumps([f"arn:aws:iam::{ACCOUNTS['cluster']}:{name}" for name in ("user/ann", "role/people")])
    roles = f'role = {{ name = "{ROLE}", trusted_principal_arns = {principals} }}'
    lists = f'irsa_trust = [{{ {REGION}, cluster_name = "{CLUSTER}", {roles} }}]'
    give(accounts, rendered(workspace(policies(lists))))
    root = workspace(trust(f'name = "{ROLE}", trusted_principal_arns = {principals}'))
    aws.clear_calls()
    assert root.plan().warnings == []
    assert {"iam:GetUser", "iam:GetRole"} <= used(aws, "cluster")


@pytest.mark.parametrize("manage", ["existing", "shared"])
def test_a_foreign_oidc_provider_is_used_with_the_rendered_policies(workspace, aws, manage):
    accounts = Accounts(aws)
    make_foreign_provider(accounts)
    lists = f'irsa_trust = [{{ {REGION}, cluster_name = "{CLUSTER}", role = {{ name = "{ROLE}" }}, oidc_provider = {{ manage = "{manage}" }} }}]'
    wanted = rendered(workspace(policies(lists)))
    give(accounts, wanted)
    root = workspace(trust(more=f'oidc_provider = {{ manage = "{manage}" }}'))
    aws.clear_calls()

    root.apply()
    root.destroy()

    there_and_back = ("Tag", "AddClientIDTo", "RemoveClientIDFrom", "Untag")
    calls = {f"iam:{call}OpenIDConnectProvider" for call in there_and_back}
    assert calls <= used(aws, "workload") <= actions(wanted["workload"])
    assert ("iam:CreateOpenIDConnectProvider" in actions(wanted["workload"])) == (manage == "shared")


@pytest.mark.parametrize("manage", ["shared", "retain"])
@pytest.mark.parametrize("mode", ["federated", "chained"])
def test_settings_of_an_oidc_provider_change_with_the_rendered_policies(workspace, aws, manage, mode):
    """Thumbprints only on providers that xeks created, by their tag."""
    accounts = Accounts(aws)
    chained = f'mode = "chained", pod_role = {{ name = "{POD}" }}, ' if mode == "chained" else ""
    lists = f'irsa_trust = [{{ {REGION}, {chained}cluster_name = "{CLUSTER}", role = {{ name = "{ROLE}" }}, oidc_provider = {{ manage = "{manage}" }} }}]'
    give(accounts, rendered(workspace(policies(lists))))
    account = "cluster" if mode == "chained" else "workload"

    def hcl(settings: str) -> str:
        more = f'oidc_provider = {{ manage = "{manage}", {settings} }}'
        return trust(more=f"{CHAINED}\n{more}" if mode == "chained" else more)

    root = workspace(hcl(f'thumbprints = ["{"a" * 40}"], tags = {{ a = "1" }}'))
    root.apply()
    root.write(hcl(f'thumbprints = ["{"b" * 40}"], tags = {{ b = "1" }}'))
    root.apply()
    root.assert_empty_plan()
    root.destroy()
    used(aws, account)

    foreign = "https://oidc.eks.ap-south-1.amazonaws.com/id/FEDCBA9876543210FEDCBA9876543210"
    arn = accounts.iam(account).create_open_id_connect_provider(Url=foreign)["OpenIDConnectProviderArn"]
    update = aws.client(account, "iam", "runner").update_open_id_connect_provider_thumbprint
    with pytest.raises(ClientError, match="AccessDenied"):
        update(OpenIDConnectProviderArn=arn, ThumbprintList=["b" * 40])


TRUSTS_EC2 = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
)  # fmt: skip


def make_existing_roles(accounts: Accounts, bounded: bool) -> None:
    prepare(accounts)
    for account, name in (("cluster", ACCESS), ("workload", WORKLOAD)):
        bound = {"PermissionsBoundary": boundary(account)} if bounded else {}
        accounts.iam(account).create_role(RoleName=name, Path="/theirs/", AssumeRolePolicyDocument=TRUSTS_EC2, **bound)


def for_existing_roles(bounded: bool) -> str:
    bounds = (f", {BOUND_POD}", f", {BOUND}") if bounded else ("", "")
    roles = f'access_role = {{ name = "{ACCESS}", existing = true{bounds[0]} }}, workload_role = {{ name = "{WORKLOAD}", existing = true{bounds[1]} }}'
    return policies(f'cross_account_access = [{{ cluster_name = "{CLUSTER}", {roles} }}]')


EXISTING = access(f'name = "{ACCESS}", existing = true', f'name = "{WORKLOAD}", existing = true')


@pytest.mark.parametrize("bounded", [False, True])
def test_existing_roles_need_no_more_than_the_rendered_policies(workspace, aws, bounded):
    accounts = Accounts(aws)
    make_existing_roles(accounts, bounded)
    wanted = rendered(workspace(for_existing_roles(bounded)))
    assert not actions(wanted["workload"]) & {
        "iam:CreateRole",
        "iam:DeleteRole",
        "iam:UpdateAssumeRolePolicy",
        "iam:TagRole",
    }
    give(accounts, wanted)
    root = workspace(EXISTING)
    aws.clear_calls()

    root.apply()
    root.assert_empty_plan()
    id = root.state(ADDRESS)["id"]
    root.forget(ADDRESS)
    root.import_(ADDRESS, id).must_work()
    root.destroy()

    used(aws, "cluster"), used(aws, "workload")


def test_an_existing_role_without_the_boundary_that_is_named_is_out_of_reach(workspace, aws):
    accounts = Accounts(aws)
    make_existing_roles(accounts, bounded=False)
    give(accounts, rendered(workspace(for_existing_roles(bounded=True))))

    workspace(EXISTING).try_apply().must_fail("AccessDenied", "iam:PutRolePolicy")

    for account, name in (("cluster", ACCESS), ("workload", WORKLOAD)):
        role = accounts.iam(account).get_role(RoleName=name)["Role"]
        assert role["AssumeRolePolicyDocument"] == json.loads(TRUSTS_EC2)
        assert accounts.iam(account).list_role_policies(RoleName=name)["PolicyNames"] == []


def test_only_the_clusters_own_security_group_is_in_reach(workspace, aws):
    """EKS user guide, "View Amazon EKS security group requirements for clusters": the tag aws:eks:cluster-name."""
    accounts, network = Accounts(aws), Network(aws)
    member = f'cluster_name = "{CLUSTER}", workload_vpc_id = "{network.workload_vpc}"'
    give(accounts, rendered(workspace(policies(f"cluster_peering = [{{ {member} }}]"))))
    database = network.ec2("cluster").create_security_group(
        GroupName="database", Description="d", VpcId=network.cluster_vpc
    )
    runner = aws.client("cluster", "ec2", "runner")
    https = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.9.0.0/16"}]}

    runner.authorize_security_group_ingress(GroupId=network.group, IpPermissions=[https])
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        runner.authorize_security_group_ingress(GroupId=database["GroupId"], IpPermissions=[https])


def test_any_name_without_a_boundary_is_a_warning(workspace):
    roles = 'access_role = { name = "team-*" }, workload_role = { name = "*" }'
    run = workspace(policies(f'cross_account_access = [{{ cluster_name = "c", {roles} }}]')).apply()
    (warning,) = run.warnings
    assert "administration of the account" in str(warning) and "permissions_boundary" in str(warning)


@pytest.mark.parametrize(
    ("option", "unused"),
    [("dns_resolution = true", set()), ("allow_https = false", {"ec2:DescribeSecurityGroupRules"})],
)
def test_a_peering_needs_no_more_than_the_rendered_policies(workspace, aws, option, unused):
    accounts, network = Accounts(aws), Network(aws)
    lists = (
        f'cluster_peering = [{{ cluster_name = "{CLUSTER}", workload_vpc_id = "{network.workload_vpc}", {option} }}]'
    )
    wanted = rendered(workspace(policies(lists)))
    give(accounts, wanted)
    hcl = peering(network.workload_vpc, option, TEAM)
    root = workspace(hcl)
    aws.clear_calls()

    root.apply()
    root.assert_empty_plan()
    root.write(hcl.replace(TEAM, 'tags = { more = "z" }'))
    root.apply()
    root.assert_empty_plan()
    root.destroy()

    for account, policy in wanted.items():
        seen = used(aws, account)
        assert seen <= actions(policy)
        assert not seen & unused
        assert actions(policy) - seen <= {"ec2:ReplaceRoute"} | unused, sorted(actions(policy) - seen)


def test_a_permission_that_is_left_out_is_missed(workspace, aws):
    """The converse, for one permission of each kind: the apply names the one that is left out."""
    story = LIVES["the story"]
    accounts = Accounts(aws)
    wanted = rendered(workspace(policies(story.lists)))
    for account, action in (
        ("cluster", "eks:TagResource"),
        ("workload", "iam:PassRole"),
        ("cluster", "eks:AssociateAccessPolicy"),
    ):
        less = json.loads(json.dumps(wanted))
        for statement in less[account]["Statement"]:
            statement["Action"] = [one for one in as_list(statement["Action"]) if one != action] or ["none:None"]
        give(accounts, less)
        root = workspace(story.hcl)
        root.try_apply().must_fail(action)
        give(accounts, wanted)
        root.destroy()


def test_a_role_without_its_boundary_is_refused(workspace, aws):
    bounded = LIVES["names by pattern, with a boundary"]
    accounts = Accounts(aws)
    prepare(accounts)
    give(accounts, rendered(workspace(policies(bounded.lists))))
    workspace(bounded.hcl.replace(BOUND, 'description = "d"')).try_apply().must_fail("iam:CreateRole")
