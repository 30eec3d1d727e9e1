"""An access entry that a resource created or imported has what the plan says after one apply, whatever it was given before
that no read has seen: by hand between plan and apply, or with `-refresh=false`. What another connection noted on it
stays."""

import pytest
from accounts import CLUSTER, WORKLOAD_ACCOUNT, Accounts, traces
from cross_account_access import ACCESS, ACCESS_ARN, ADDRESS, ADMIN, WORKLOAD, access

VIEW = 'policies = { AmazonEKSViewPolicy = { scope = "cluster" } }'
IMPORT_ID = f"{CLUSTER}/{ACCESS}/{WORKLOAD}"


def viewing(description: str = "a") -> str:
    """A connection that may view; the description is what an apply changes."""
    return access(f'name = "{ACCESS}", description = "{description}"', kubernetes=VIEW)


def associate_admin(accounts: Accounts) -> None:
    accounts.eks.associate_access_policy(
        clusterName=CLUSTER, principalArn=ACCESS_ARN, policyArn=ADMIN, accessScope={"type": "cluster"}
    )


def rewrite_names(accounts: Accounts) -> None:
    entry = {"clusterName": CLUSTER, "principalArn": ACCESS_ARN}
    accounts.eks.update_access_entry(**entry, username="intruder", kubernetesGroups=["masters"])


@pytest.fixture(params=["created", "imported"])
def applied(request, workspace, aws):
    """A root module whose entry is this resource's own."""
    root = workspace(viewing())
    root.apply()
    if request.param == "imported":
        root.forget(ADDRESS)
        root.import_(ADDRESS, IMPORT_ID).must_work()
        root.apply()
    root.assert_empty_plan()
    return root


def assert_views_only(accounts: Accounts) -> None:
    assert list(accounts.associations(ACCESS_ARN)) == ["AmazonEKSViewPolicy"]


def test_a_policy_that_the_plan_did_not_see_is_removed_without_a_refresh(applied, aws):
    accounts = Accounts(aws)
    associate_admin(accounts)
    applied.write(viewing("b"))

    applied.apply("-refresh=false")

    assert_views_only(accounts)
    applied.assert_empty_plan()


def test_a_policy_associated_between_plan_and_apply_is_removed(applied, aws):
    accounts = Accounts(aws)
    applied.write(viewing("b"))
    applied.plan()
    associate_admin(accounts)

    applied.apply("tfplan")

    assert_views_only(accounts)
    applied.assert_empty_plan()


def test_user_name_and_groups_rewritten_between_plan_and_apply_are_restored(applied, aws):
    accounts = Accounts(aws)
    applied.write(viewing("b"))
    applied.plan()
    rewrite_names(accounts)

    applied.apply("tfplan")

    entry = accounts.entry(ACCESS_ARN)
    assert (entry["kubernetesGroups"], "intruder" in entry["username"]) == ([], False)
    applied.assert_empty_plan()


def test_a_policy_that_another_connection_uses_stays(workspace, aws):
    accounts = Accounts(aws)
    before = aws.dump()
    trust = f'trusted_principal_arns = ["arn:aws:iam::{WORKLOAD_ACCOUNT}:root"]'
    owner = workspace(access(f'name = "{ACCESS}", {trust}', kubernetes=VIEW))
    owner.apply()
    edits = 'policies = { AmazonEKSEditPolicy = { scope = "cluster" } }'
    guest = workspace(
        access(f'name = "{ACCESS}", existing = true', 'name = "guest"', edits, 'adopt = "if_exists"', name="guest")
    )
    guest.apply()
    associate_admin(accounts)

    owner.write(access(f'name = "{ACCESS}", description = "b", {trust}', kubernetes=VIEW))
    owner.apply("-refresh=false")

    assert sorted(accounts.associations(ACCESS_ARN)) == ["AmazonEKSEditPolicy", "AmazonEKSViewPolicy"]
    guest.destroy()
    owner.destroy()
    assert not traces(aws, before)


def test_an_adopted_entry_keeps_the_policies_of_others(workspace, aws):
    accounts = Accounts(aws)
    accounts.make_foreign_role("cluster", ACCESS)
    accounts.eks.create_access_entry(clusterName=CLUSTER, principalArn=ACCESS_ARN)
    existing = f'name = "{ACCESS}", existing = true'
    root = workspace(access(existing, kubernetes=VIEW, more='adopt = "if_exists"'))
    root.apply()
    associate_admin(accounts)

    root.write(access(f'{existing}, external_id = "other"', kubernetes=VIEW, more='adopt = "if_exists"'))
    root.apply("-refresh=false")

    assert sorted(accounts.associations(ACCESS_ARN)) == ["AmazonEKSClusterAdminPolicy", "AmazonEKSViewPolicy"]
