"""A cluster that is deleted, or deleted and created again under its name."""

import json

import pytest
from accounts import CLUSTER, Accounts
from cross_account_access import ACCESS, ACCESS_ARN, ADDRESS, STORY, WORKLOAD, access
from irsa_trust import ADDRESS as TRUST
from irsa_trust import CHAINED, ROLE, trust


def recreate_cluster(accounts: Accounts) -> None:
    like = accounts.eks.describe_cluster(name=CLUSTER)["cluster"]
    accounts.eks.delete_cluster(name=CLUSTER)
    accounts.eks.create_cluster(
        name=CLUSTER,
        roleArn=like["roleArn"],
        resourcesVpcConfig={"subnetIds": like["resourcesVpcConfig"]["subnetIds"]},
        accessConfig={"authenticationMode": "API"},
    )


@pytest.mark.parametrize("mode", ["federated", "chained"])
def test_a_cluster_recreated_under_its_name_is_trusted_in_place(workspace, aws, mode):
    accounts = Accounts(aws)
    root = workspace(access() + trust(more=CHAINED if mode == "chained" else ""))
    root.apply()
    old, role = accounts.issuer(), accounts.role("workload", ROLE)["RoleId"]

    recreate_cluster(accounts)
    assert accounts.issuer() != old
    plan = root.plan()
    assert plan.actions(TRUST) == ["update"] and plan.actions(ADDRESS) == ["update"]
    assert "issuers" not in plan.changed(TRUST), "what a read saw is no change of the plan"
    (warning,) = [text for text in map(str, plan.warnings) if "another OIDC issuer" in text]
    assert CLUSTER in warning and old in warning and accounts.issuer() in warning
    root.apply()

    assert list(root.state(TRUST)["oidc_provider_arns"]) == [accounts.issuer()]
    assert accounts.role("workload", ROLE)["RoleId"] == role
    assert old.removeprefix("https://") not in json.dumps(aws.dump()["183295435445"]["iam"])
    assert accounts.associations(ACCESS_ARN)
    root.assert_empty_plan()
    root.destroy()


@pytest.mark.parametrize("hcl", [STORY, trust()], ids=["access", "trust"])
def test_a_destroy_succeeds_without_the_cluster(workspace, aws, hcl):
    accounts = Accounts(aws)
    root = workspace(hcl)
    root.apply()
    accounts.eks.delete_cluster(name=CLUSTER)

    root.destroy()

    assert root.resources() == {}
    assert accounts.role("cluster", ACCESS) is None
    assert accounts.role("workload", WORKLOAD) is None


def test_an_apply_without_the_cluster_fails_and_keeps_the_state(workspace, aws):
    accounts = Accounts(aws)
    root = workspace(STORY)
    root.apply()
    accounts.eks.delete_cluster(name=CLUSTER)

    root.try_apply().must_fail(CLUSTER)

    assert ADDRESS in root.resources()
    assert accounts.role("cluster", ACCESS)
