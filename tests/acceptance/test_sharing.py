"""Roles that several resources, states and tools use: each adds what is its own, and takes only that away again."""

import json
from collections.abc import Callable

import pytest
from accounts import CLUSTER, CLUSTER_ACCOUNT, WORKLOAD_ACCOUNT, Accounts, role_arn, traces
from aws_emulator.client import Credentials
from cluster_peering import peering
from cross_account_access import ACCESS, ACCESS_ARN, WORKLOAD, access
from irsa_trust import ADDRESS, POD, POLICY, ROLE, trust
from network import Network
from profiles import profile

pytestmark = pytest.mark.one_cli

READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
BY_A_TOOL = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]})
EXTERNAL_SECRETS = "external-secrets"


def spokes(keys: list[str], pod_role: str = EXTERNAL_SECRETS, account: str = "") -> str:
    """Targets of one controller, whose pod role exists."""
    return f"""
resource "xeks_irsa_trust" "spoke{account}" {{
  for_each         = toset({json.dumps(keys)})
  cluster_name     = "{CLUSTER}"
  mode             = "chained"
  {f'workload_account = "{account}"' if account else ""}
  service_accounts = [{{ namespace = "external-secrets", name = "external-secrets" }}]
  pod_role         = {{ name = "{pod_role}", existing = true }}
  role             = {{ name = "eso-${{each.key}}" }}
}}
"""


def pods_statement(accounts: Accounts, more_subjects: tuple[str, ...] = ()) -> dict:
    """What an IRSA module of others writes for the controller."""
    issuer = accounts.issuer().removeprefix("https://")
    subject = "system:serviceaccount:external-secrets:external-secrets"
    return {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::{CLUSTER_ACCOUNT}:oidc-provider/{issuer}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {f"{issuer}:aud": "sts.amazonaws.com", f"{issuer}:sub": [subject, *more_subjects]}
        },
    }


TRUSTS_OPS = {
    "Sid": "Ops",
    "Effect": "Allow",
    "Principal": {"Service": "ec2.amazonaws.com"},
    "Action": "sts:AssumeRole",
}


def make_controller(accounts: Accounts, *statements: dict) -> None:
    accounts.make_role("cluster", EXTERNAL_SECRETS, {"Version": "2012-10-17", "Statement": [TRUSTS_OPS, *statements]})


def reaches(aws, target: str, account_id: str = WORKLOAD_ACCOUNT, pod_role: str = EXTERNAL_SECRETS) -> bool:
    """Whether the controller's pod comes to the target through its pod role."""
    sts = aws.client("cluster", "sts")
    token = aws.service_account_token(CLUSTER, "external-secrets", "external-secrets")
    arguments = {"RoleArn": role_arn(CLUSTER_ACCOUNT, pod_role), "RoleSessionName": "pod", "WebIdentityToken": token}
    try:
        got = sts.assume_role_with_web_identity(**arguments)["Credentials"]
        pod = Credentials(got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"])
        aws.client("cluster", "sts", pod).assume_role(RoleArn=role_arn(account_id, target), RoleSessionName="target")
    except sts.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] == "AccessDenied", error
        return False
    return True


def web_identity(accounts: Accounts, role: str = EXTERNAL_SECRETS) -> list[dict]:
    statements = accounts.trust("cluster", role)["Statement"]
    return [s for s in statements if s["Action"] == "sts:AssumeRoleWithWebIdentity"]


def test_a_controller_with_many_targets_has_one_statement_for_all(workspace, aws):
    accounts = Accounts(aws)
    make_controller(accounts)
    before = aws.dump()
    keys = [f"team-{n:02}" for n in range(10)]
    root = workspace(spokes(keys))
    root.apply()
    assert len(web_identity(accounts)) == 1
    assert all(reaches(aws, f"eso-{key}") for key in keys)
    root.assert_empty_plan()

    keys = keys[3:8]
    root.write(spokes(keys))
    root.apply()
    assert len(web_identity(accounts)) == 1 and all(reaches(aws, f"eso-{key}") for key in keys)
    root.assert_empty_plan()

    root.destroy()
    assert not traces(aws, before)


def test_targets_that_leave_one_by_one_never_take_the_statement_of_the_others(workspace, aws):
    accounts = Accounts(aws)
    make_controller(accounts)
    before = aws.dump()
    keys = ["a", "b", "c"]
    roots = {key: workspace(spokes([key])) for key in keys}
    for root in roots.values():
        root.apply()
    while keys:
        roots[keys.pop(0)].destroy()
        assert len(web_identity(accounts)) == (1 if keys else 0)
        assert all(reaches(aws, f"eso-{key}") for key in keys)
        for key in keys:
            roots[key].assert_empty_plan()
    assert not traces(aws, before)


def test_a_target_with_other_service_accounts_leaves_the_statement_to_the_rest(workspace, aws):
    accounts = Accounts(aws)
    make_controller(accounts)
    first, second = workspace(spokes(["a"])), workspace(spokes(["b"]))
    first.apply()
    second.apply()
    first.write(spokes(["a"]).replace('name = "external-secrets" }]', 'name = "another" }]'))
    first.apply()
    assert len(web_identity(accounts)) == 2 and reaches(aws, "eso-b")
    first.assert_empty_plan()
    second.assert_empty_plan()
    second.destroy()
    assert len(web_identity(accounts)) == 1
    first.assert_empty_plan()
    first.destroy()
    assert accounts.trust("cluster", EXTERNAL_SECRETS)["Statement"] == [TRUSTS_OPS]


@pytest.mark.parametrize("more", [(), ("system:serviceaccount:a:b",)], ids=["alone", "with-others"])
def test_a_trust_policy_that_lets_the_pods_in_already_is_left_alone(workspace, aws, more):
    accounts = Accounts(aws)
    make_controller(accounts, pods_statement(accounts, more))
    before = accounts.trust("cluster", EXTERNAL_SECRETS)
    root = workspace(spokes(["a", "b"]))
    root.apply()
    assert accounts.trust("cluster", EXTERNAL_SECRETS) == before
    assert reaches(aws, "eso-a")
    root.assert_empty_plan()
    root.destroy()
    assert accounts.trust("cluster", EXTERNAL_SECRETS) == before


def test_a_statement_that_others_remove_is_added_by_the_next_apply(workspace, aws):
    accounts = Accounts(aws)
    make_controller(accounts, pods_statement(accounts))
    root = workspace(spokes(["a"]))
    root.apply()
    policy = json.dumps({"Version": "2012-10-17", "Statement": [TRUSTS_OPS]})
    accounts.iam("cluster").update_assume_role_policy(RoleName=EXTERNAL_SECRETS, PolicyDocument=policy)
    assert root.plan().actions('xeks_irsa_trust.spoke["a"]') == ["update"]
    root.apply()
    assert len(web_identity(accounts)) == 1 and reaches(aws, "eso-a")
    root.assert_empty_plan()


TWO_ON_ONE = f"""
resource "xeks_irsa_trust" "argocd" {{
  cluster_name     = "{CLUSTER}"
  service_accounts = [{{ namespace = "argocd", name = "argocd-application-controller" }}]
  role             = {{ name = "argocd" }}
}}

resource "xeks_cross_account_access" "argocd" {{
  cluster_name  = "{CLUSTER}"
  access_role   = {{ name = "argocd-deployer" }}
  workload_role = {{ name = xeks_irsa_trust.argocd.role.name, existing = true }}
  kubernetes    = {{ policies = {{ AmazonEKSViewPolicy = {{ scope = "cluster" }} }} }}
}}
"""


def test_two_resources_share_the_role_that_one_of_them_creates(workspace, aws):
    accounts = Accounts(aws)
    before = aws.dump()
    root = workspace(TWO_ON_ONE)
    plan = root.plan()
    assert not [w for w in plan.warnings if "does not exist" in w.summary], plan.warnings
    root.apply("tfplan")
    assert accounts.own_policy("workload", "argocd", "xeks-assume-argocd-deployer")
    root.assert_empty_plan()
    root.apply()
    assert accounts.own_policy("workload", "argocd", "xeks-assume-argocd-deployer")
    root.destroy()
    assert not traces(aws, before)


def test_a_role_that_another_resource_uses_is_kept_until_that_one_is_gone(workspace, aws):
    before = aws.dump()
    owner_hcl, guest_hcl = TWO_ON_ONE.split("\n\n")[0], TWO_ON_ONE.split("\n\n")[1]
    owner = workspace(owner_hcl)
    guest = workspace(guest_hcl.replace("xeks_irsa_trust.argocd.role.name", '"argocd"'))
    owner.apply()
    guest.apply()
    owner.assert_empty_plan()
    owner.write(owner_hcl + "\n" + owner_hcl.replace("argocd", "second"))
    owner.apply()
    owner.write("")
    owner.try_apply().must_fail(
        "role argocd is in use by others", "xeks-assume-argocd-deployer", "Destroy the xeks resources"
    )
    guest.assert_empty_plan()
    guest.destroy()
    owner.apply()
    assert not traces(aws, before)


Put = Callable[[Accounts, str, str], None]


def put_policy(accounts: Accounts, account: str, role: str) -> None:
    accounts.iam(account).put_role_policy(RoleName=role, PolicyName="sec-tool", PolicyDocument=BY_A_TOOL)


def attach(accounts: Accounts, account: str, role: str) -> None:
    accounts.iam(account).attach_role_policy(RoleName=role, PolicyArn=READ_ONLY)


def tag(accounts: Accounts, account: str, role: str) -> None:
    accounts.iam(account).tag_role(RoleName=role, Tags=[{"Key": "CostCenter", "Value": "42"}])


#: Address → HCL and the roles that it creates.
CREATED = {
    "access": (access(), [("cluster", ACCESS), ("workload", WORKLOAD)]),
    "direct": (access(None, more='mode = "direct"'), [("workload", WORKLOAD)]),
    "federated": (trust(f'name = "{ROLE}"'), [("workload", ROLE)]),
    "federated with policies": (trust(f'name = "{ROLE}", inline_policies = {{ a = {POLICY} }}'), [("workload", ROLE)]),
    "chained": (
        trust(more=f'mode = "chained"\npod_role = {{ name = "{POD}" }}'),
        [("cluster", POD), ("workload", ROLE)],
    ),
}
ROLES = [
    pytest.param(hcl, account, role, id=f"{case}-{role}")
    for case, (hcl, roles) in CREATED.items()
    for account, role in roles
]


@pytest.mark.parametrize("put", [put_policy, attach, tag])
@pytest.mark.parametrize(("hcl", "account", "role"), ROLES)
def test_what_others_put_on_a_role_is_theirs(workspace, aws, hcl, account, role, put):
    accounts = Accounts(aws)
    root = workspace(hcl)
    root.apply()
    put(accounts, account, role)

    def theirs() -> list:
        inline = "sec-tool" in accounts.inline_policies(account, role)
        attached = READ_ONLY in accounts.managed_policies(account, role)
        return [inline, attached, accounts.role_tags(account, role).get("CostCenter")]

    before = theirs()
    root.assert_empty_plan()
    root.write(hcl.rstrip()[:-1] + '  tags = { changed = "yes" }\n}\n')
    root.apply()
    assert theirs() == before
    if put is tag:
        root.destroy()
        return
    root.try_destroy().must_fail(
        f"role {role} is in use by others", "sec-tool" if put is put_policy else READ_ONLY, "force_detach"
    )
    assert theirs() == before


@pytest.mark.parametrize("put", [put_policy, attach])
@pytest.mark.parametrize(("account", "role", "attribute"), [("cluster", POD, "pod_role"), ("workload", ROLE, "role")])
def test_an_exclusive_role_loses_what_others_put_there_and_a_forced_destroy_too(
    workspace, aws, account, role, attribute, put
):
    accounts = Accounts(aws)
    before = aws.dump()
    plain = trust(more=f'mode = "chained"\npod_role = {{ name = "{POD}" }}')
    exclusive = plain.replace(f'name = "{role}"', f'name = "{role}", exclusive = true')
    root = workspace(exclusive)
    root.apply()
    put(accounts, account, role)
    assert root.plan().actions(ADDRESS) == ["update"]
    root.apply()
    assert "sec-tool" not in accounts.inline_policies(account, role) and READ_ONLY not in accounts.managed_policies(
        account, role
    )
    root.assert_empty_plan()

    root.write(plain.replace(f'name = "{role}"', f'name = "{role}", force_detach_policies = true'))
    root.apply()
    put(accounts, account, role)
    root.assert_empty_plan()
    root.destroy()
    assert not traces(aws, before)


def test_a_statement_that_others_add_to_a_created_role_shows_and_is_removed(workspace, aws):
    accounts = Accounts(aws)
    root = workspace(access())
    root.apply()
    document = accounts.trust("cluster", ACCESS)
    more = {**document, "Statement": [*document["Statement"], TRUSTS_OPS]}
    accounts.iam("cluster").update_assume_role_policy(RoleName=ACCESS, PolicyDocument=json.dumps(more))
    assert root.plan().actions("xeks_cross_account_access.ec2") == ["update"]
    root.apply()
    assert accounts.trust("cluster", ACCESS)["Statement"] == document["Statement"]


def test_statements_of_other_xeks_resources_are_listed_and_kept(workspace, aws):
    accounts = Accounts(aws)
    owner = workspace(access() + 'output "also" { value = xeks_cross_account_access.ec2.also_trusted }')
    owner.apply()
    guest = workspace(
        f"""
resource "xeks_cross_account_access" "second" {{
  cluster_name  = "{CLUSTER}"
  access_role   = {{ name = "{ACCESS}", existing = true }}
  workload_role = {{ name = "second" }}
  kubernetes    = {{ policies = {{ AmazonEKSViewPolicy = {{ scope = "cluster" }} }} }}
  adopt         = "if_exists"
}}
"""
    )
    guest.apply()
    plan = owner.plan()
    assert plan.actions("xeks_cross_account_access.ec2") == ["no-op"]
    owner.apply()
    (also,) = owner.output("also")
    assert also["role"] == ACCESS and also["principals"] == [role_arn(WORKLOAD_ACCOUNT, "second")]
    assert len(accounts.trust("cluster", ACCESS)["Statement"]) == 2
    owner.write(access(f'name = "{ACCESS}", external_id = "x1"'))
    owner.apply()
    assert len(accounts.trust("cluster", ACCESS)["Statement"]) == 2
    guest.assert_empty_plan()
    guest.destroy()
    assert len(accounts.trust("cluster", ACCESS)["Statement"]) == 1
    assert accounts.entry(ACCESS_ARN)


def test_targets_that_need_more_room_than_the_shared_role_has_are_refused_in_the_plan(workspace, aws):
    accounts = Accounts(aws)
    make_controller(accounts)
    before = aws.dump()
    keys = [f"team-{n}" for n in range(10)]
    apart = spokes(keys).replace('name = "external-secrets" }]', "name = each.key }]")
    workspace(apart).try_plan().must_fail("trust policy of role external-secrets", "characters", "2048")
    workspace(spokes(keys)).try_plan().must_work()
    many = [f"a-target-with-a-long-name-{n}" for n in range(60)]
    workspace(spokes(many)).try_plan().must_fail("external-secrets would have too many inline policies", "10240")
    assert not traces(aws, before)


HUB_PROVIDER = """
  allow_same_account = true
  workload_accounts = {
    search   = { profile = "search-root", region = "ap-south-1" }
    platform = { profile = "cluster-root", region = "ap-south-1" }
  }
"""


def test_a_hub_with_25_targets_in_three_accounts(workspace, aws):
    accounts = Accounts(aws)
    make_controller(accounts)
    before = aws.dump()
    targets = {"": 9, "search": 8, "platform": 8}
    names = {account: [f"{account or 'team'}-{n:02}" for n in range(count)] for account, count in targets.items()}
    ids = {"": WORKLOAD_ACCOUNT, "search": aws.accounts["search"].id, "platform": CLUSTER_ACCOUNT}

    def hcl() -> str:
        return "".join(spokes(keys, account=account) for account, keys in names.items())

    root = workspace(hcl(), HUB_PROVIDER)
    with open(root.environment["AWS_CONFIG_FILE"], "a") as config:
        for name in ("search", "cluster"):
            config.write(profile(aws, f"{name}-root", aws.accounts[name].root))
    root.timeout = 600
    root.apply()
    trust_policy = accounts.trust("cluster", EXTERNAL_SECRETS)
    assert len(json.dumps(trust_policy, separators=(",", ":"))) < 2048
    assert len(web_identity(accounts)) == 1
    for account, keys in names.items():
        assert all(reaches(aws, f"eso-{key}", ids[account]) for key in keys)
    root.assert_empty_plan()

    names = {"": names[""][2:], "search": names["search"][:-2], "platform": names["platform"][1:]}
    root.write(hcl())
    root.apply()
    for account, keys in names.items():
        assert all(reaches(aws, f"eso-{key}", ids[account]) for key in keys)
    root.assert_empty_plan()

    root.destroy()
    assert not traces(aws, before)


def tag_profile(accounts: Accounts, key: str) -> None:
    accounts.iam("workload").tag_instance_profile(InstanceProfileName=WORKLOAD, Tags=[{"Key": key, "Value": "42"}])


def tag_entry(accounts: Accounts, key: str) -> None:
    accounts.eks.tag_resource(resourceArn=accounts.entry(ACCESS_ARN)["accessEntryArn"], tags={key: "42"})


def test_tags_of_others_on_profile_and_entry_are_theirs(workspace, aws):
    accounts = Accounts(aws)
    hcl = access(workload_role=f'name = "{WORKLOAD}", instance_profile = true')
    root = workspace(hcl)
    root.apply()
    for tag_one in (tag_profile, tag_entry):
        tag_one(accounts, "CostCenter")
    root.assert_empty_plan()
    root.write(hcl.rstrip()[:-1] + '  tags = { changed = "yes" }\n}\n')
    root.apply()
    listed = {tag["Key"] for tag in accounts.instance_profile(WORKLOAD)["Tags"]}
    assert {"CostCenter", "changed"} <= listed & accounts.entry(ACCESS_ARN)["tags"].keys()
    root.destroy()
    assert not accounts.entry(ACCESS_ARN)


@pytest.mark.parametrize("account", ["cluster", "workload"])
def test_tags_of_others_on_a_peering_connection_are_theirs(workspace, aws, account):
    hcl = peering(Network(aws).workload_vpc, 'tags = { team = "x" }')
    root = workspace(hcl)
    root.apply()
    connection = root.state("xeks_cluster_peering.team")["peering_connection_id"]
    ec2 = aws.client(account, "ec2")
    ec2.create_tags(Resources=[connection], Tags=[{"Key": "CostCenter", "Value": "42"}])
    root.assert_empty_plan()
    root.write(hcl.replace('team = "x"', 'team = "y"'))
    root.apply()
    (found,) = ec2.describe_vpc_peering_connections(VpcPeeringConnectionIds=[connection])["VpcPeeringConnections"]
    tags = {tag["Key"]: tag["Value"] for tag in found["Tags"]}
    assert (tags["CostCenter"], tags["team"]) == ("42", "y")
    root.destroy()
