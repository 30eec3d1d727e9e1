"""Ownership tags that others wrote: they make nothing the resource's own. A role, entry, profile or connection that is in no
state is taken over only if it is exactly what a killed create leaves."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from accounts import CLUSTER, TRUSTS_EC2, Accounts, tags, traces
from cluster_peering import peering
from cross_account_access import ACCESS, ACCESS_ARN, STORY, WORKLOAD, access
from irsa_trust import POD, POLICY, ROLE, trust
from network import Network

ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
OPEN = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}
CHAINED = trust(
    f'name = "{ROLE}", inline_policies = {{ bucket = {POLICY} }}',
    more=f'mode = "chained"\npod_role = {{ name = "{POD}" }}',
)
FEDERATED = trust(f'name = "{ROLE}", inline_policies = {{ bucket = {POLICY} }}')
pytestmark = pytest.mark.one_cli

Change = Callable[[Accounts], None]


@dataclass(frozen=True)
class Attack:
    """What others did to an object that carries the resource's tag, what the error says of it, and how it is undone."""

    does: Change
    undoes: Change
    words: tuple[str, ...]


def on_role(account: str, name: str) -> list[Attack]:
    role = {"RoleName": name}
    theirs = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'

    def retrust(document: str | dict) -> Change:
        text = document if isinstance(document, str) else json.dumps(document)
        return lambda a: a.iam(account).update_assume_role_policy(PolicyDocument=text, **role)

    before: dict[str, dict] = {}

    def open_trust(accounts: Accounts) -> None:
        before["trust"] = accounts.trust(account, name)
        retrust(OPEN)(accounts)

    return [
        Attack(
            lambda a: a.iam(account).attach_role_policy(PolicyArn=ADMINISTRATOR, **role),
            lambda a: a.iam(account).detach_role_policy(PolicyArn=ADMINISTRATOR, **role),
            (name, f"managed policy {ADMINISTRATOR}"),
        ),
        Attack(
            lambda a: a.iam(account).put_role_policy(PolicyName="theirs", PolicyDocument=theirs, **role),
            lambda a: a.iam(account).delete_role_policy(PolicyName="theirs", **role),
            (name, "inline policy theirs"),
        ),
        Attack(
            lambda a: a.iam(account).put_role_permissions_boundary(PermissionsBoundary=ADMINISTRATOR, **role),
            lambda a: a.iam(account).delete_role_permissions_boundary(**role),
            (name, f"permissions boundary {ADMINISTRATOR} (configured: none)"),
        ),
        Attack(
            lambda a: a.iam(account).tag_role(Tags=[{"Key": "cost", "Value": "x"}], **role),
            lambda a: a.iam(account).untag_role(TagKeys=["cost"], **role),
            (name, 'tag "cost"'),
        ),
        Attack(
            open_trust,
            lambda a: retrust(before["trust"])(a),
            (name, "a trust policy other than the configured one"),
        ),
    ]


def on_entry() -> list[Attack]:
    entry = {"clusterName": CLUSTER, "principalArn": ACCESS_ARN}
    view = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
    return [
        Attack(
            lambda a: a.eks.update_access_entry(kubernetesGroups=["admins"], **entry),
            lambda a: a.eks.update_access_entry(kubernetesGroups=[], **entry),
            ("groups [admins]",),
        ),
        Attack(
            lambda a: a.eks.associate_access_policy(policyArn=view, accessScope={"type": "cluster"}, **entry),
            lambda a: a.eks.disassociate_access_policy(policyArn=view, **entry),
            ("access policy AmazonEKSViewPolicy, scope cluster",),
        ),
    ]


def on_profile() -> list[Attack]:
    profile = {"InstanceProfileName": WORKLOAD}

    def swap(accounts: Accounts) -> None:
        iam = accounts.iam("workload")
        accounts.make_role("workload", "theirs", TRUSTS_EC2)
        iam.remove_role_from_instance_profile(RoleName=WORKLOAD, **profile)
        iam.add_role_to_instance_profile(RoleName="theirs", **profile)

    def swap_back(accounts: Accounts) -> None:
        iam = accounts.iam("workload")
        iam.remove_role_from_instance_profile(RoleName="theirs", **profile)
        iam.add_role_to_instance_profile(RoleName=WORKLOAD, **profile)
        iam.delete_role(RoleName="theirs")

    return [
        Attack(swap, swap_back, ("role theirs",)),
        Attack(
            lambda a: a.iam("workload").tag_instance_profile(Tags=[{"Key": "cost", "Value": "x"}], **profile),
            lambda a: a.iam("workload").untag_instance_profile(TagKeys=["cost"], **profile),
            ('tag "cost"',),
        ),
    ]


def refused_until_exact(root, aws, attacks: list[Attack], count: int) -> None:
    """The objects are as a killed create leaves them: no state names them. Each attack makes one of them foreign; without it, all
    are announced and taken over."""
    accounts = Accounts(aws)
    (root.directory / "terraform.tfstate").unlink()
    for attack in attacks:
        attack.does(accounts)
        before = aws.dump()
        root.try_plan().must_fail("a tag alone does not prove", "terraform import", *attack.words)
        assert aws.dump() == before
        attack.undoes(accounts)
    plan = root.plan()
    announced = [warning for warning in plan.warnings if "will be taken over" in str(warning)]
    assert len(announced) == count, plan.warnings
    assert all("in no state" in str(warning) and "arn:aws" in str(warning) for warning in announced)
    root.apply()
    root.assert_empty_plan()
    root.destroy()


def test_a_tagged_role_entry_or_profile_with_more_than_a_create_makes_is_foreign(workspace, aws):
    before = aws.dump()
    root = workspace(STORY)
    root.apply()
    attacks = [*on_role("workload", WORKLOAD), *on_role("cluster", ACCESS), *on_entry(), *on_profile()]
    refused_until_exact(root, aws, attacks, count=4)
    assert not traces(aws, before)


@pytest.mark.parametrize(
    "hcl, roles", [(FEDERATED, [("workload", ROLE)]), (CHAINED, [("workload", ROLE), ("cluster", POD)])]
)
def test_a_tagged_role_of_a_trust_with_more_than_a_create_makes_is_foreign(workspace, aws, hcl, roles):
    before = aws.dump()
    root = workspace(hcl)
    root.apply()
    refused_until_exact(root, aws, [attack for role in roles for attack in on_role(*role)], count=len(roles))
    assert not traces(aws, before)


def test_a_tagged_connection_with_more_than_a_create_makes_is_foreign(workspace, aws):
    network = Network(aws)
    before = network.left()
    root = workspace(peering(network.workload_vpc))
    root.apply()
    id = root.state("xeks_cluster_peering.team")["peering_connection_id"]
    cost = [{"Key": "cost", "Value": "x"}]
    attack = Attack(
        lambda a: a.client("workload", "ec2").create_tags(Resources=[id], Tags=cost),
        lambda a: a.client("workload", "ec2").delete_tags(Resources=[id], Tags=cost),
        ('tag "cost"',),
    )
    # The connection and the rule of the security group.
    refused_until_exact(root, aws, [attack], count=2)
    assert network.left() == before


def forged_tags(workspace, hcl: str, accounts: Accounts, account: str, name: str) -> list[dict]:
    """The tags that a role of this configuration carries: anyone can work them out."""
    root = workspace(hcl)
    root.apply()
    found = accounts.role_tags(account, name)
    root.destroy()
    return [{"Key": key, "Value": value} for key, value in found.items()]


def make_privileged(accounts: Accounts, account: str, name: str, forged: list[dict]) -> None:
    accounts.make_role(account, name, TRUSTS_EC2)
    accounts.iam(account).attach_role_policy(RoleName=name, PolicyArn=ADMINISTRATOR)
    accounts.iam(account).tag_role(RoleName=name, Tags=forged)


def test_a_privileged_role_with_forged_tags_is_not_given_to_the_pods(workspace, aws):
    accounts = Accounts(aws)
    make_privileged(accounts, "workload", ROLE, forged_tags(workspace, FEDERATED, accounts, "workload", ROLE))
    before = aws.dump()

    workspace(FEDERATED).try_plan().must_fail(f"managed policy {ADMINISTRATOR}")
    # Without the checks of the plan, the apply refuses it all the same.
    unchecked = workspace(FEDERATED, in_provider="  skip_preflight = true\n")
    unchecked.try_apply().must_fail(f"managed policy {ADMINISTRATOR}")

    assert accounts.trust("workload", ROLE) == TRUSTS_EC2
    unchecked.destroy()
    assert not traces(aws, before)


@pytest.mark.parametrize("more", ['name = "%s", existing = true', 'name = "%s"'], ids=["existing", "adopted"])
def test_a_role_with_forged_tags_that_is_used_as_it_is_survives_the_destroy(workspace, aws, more):
    accounts = Accounts(aws)
    hcl = access(workload_role=more % WORKLOAD, more='adopt = "if_exists"')
    tagged = access(workload_role=f'name = "{WORKLOAD}"')
    make_privileged(accounts, "workload", WORKLOAD, forged_tags(workspace, tagged, accounts, "workload", WORKLOAD))
    before = aws.dump()

    root = workspace(hcl)
    root.apply()
    assert (
        root.state("xeks_cross_account_access.ec2")["objects"][f"workload/iam_role/{WORKLOAD}"]["origin"] == "adopted"
    )
    assert accounts.trust("workload", WORKLOAD)["Statement"][0] == TRUSTS_EC2["Statement"][0]
    root.destroy()

    assert not traces(aws, before)


def test_a_role_that_took_the_place_of_ours_with_our_tags_is_not_deleted(workspace, aws):
    accounts = Accounts(aws)
    root = workspace(STORY)
    root.apply()
    copied = [{"Key": key, "Value": value} for key, value in accounts.role_tags("cluster", ACCESS).items()]
    accounts.delete_role("cluster", ACCESS)
    make_privileged(accounts, "cluster", ACCESS, copied)

    run = root.destroy("-refresh=false")

    assert "was kept" in run.text and "its ID is" in run.text
    assert accounts.managed_policies("cluster", ACCESS) == [ADMINISTRATOR]


def test_a_role_that_others_tagged_as_theirs_is_not_deleted(workspace, aws):
    accounts = Accounts(aws)
    root = workspace(STORY)
    root.apply()
    theirs = [{"Key": "xeks:resource", "Value": "xeks_irsa_trust:theirs"}]
    accounts.iam("cluster").tag_role(RoleName=ACCESS, Tags=theirs)

    run = root.destroy("-refresh=false")

    assert "was kept" in run.text and "xeks_irsa_trust:theirs" in run.text
    assert (
        tags(accounts.iam("cluster").list_role_tags(RoleName=ACCESS)["Tags"])["xeks:resource"]
        == "xeks_irsa_trust:theirs"
    )
