"""A cluster that is deleted, or deleted and created again under its name."""

import json

import pytest
from cross_account_access import ACCESS, ACCESS_ARN, ADDRESS, STORY, WORKLOAD, access
from irsa_trust import ADDRESS as TRUST
from irsa_trust import CHAINED, ROLE, trust
from world import CLUSTER, World


def recreate_cluster(world: World) -> None:
    like = world.eks.describe_cluster(name=CLUSTER)["cluster"]
    world.eks.delete_cluster(name=CLUSTER)
    world.eks.create_cluster(
        name=CLUSTER,
        roleArn=like["roleArn"],
        resourcesVpcConfig={"subnetIds": like["resourcesVpcConfig"]["subnetIds"]},
        accessConfig={"authenticationMode": "API"},
    )


@pytest.mark.parametrize("mode", ["federated", "chained"])
def test_a_cluster_recreated_under_its_name_is_trusted_in_place(workspace, aws, mode):
    world = World(aws)
    root = workspace(access() + trust(more=CHAINED if mode == "chained" else ""))
    root.apply()
    old, role = world.issuer(), world.role("workload", ROLE)["RoleId"]

    recreate_cluster(world)
    assert world.issuer() != old
    plan = root.plan()
    assert plan.actions(TRUST) == ["update"] and plan.actions(ADDRESS) == ["update"]
    assert "issuers" not in plan.changed(TRUST), "what a read saw is no change of the plan"
    root.apply()

    assert list(root.state(TRUST)["oidc_provider_arns"]) == [world.issuer()]
    assert world.role("workload", ROLE)["RoleId"] == role
    assert old.removeprefix("https://") not in json.dumps(aws.dump()["183295435445"]["iam"])
    assert world.associations(ACCESS_ARN)
    root.assert_empty_plan()
    root.destroy()


@pytest.mark.parametrize("hcl", [STORY, trust()], ids=["access", "trust"])
def test_a_destroy_gets_past_a_cluster_that_is_gone(workspace, aws, hcl):
    world = World(aws)
    root = workspace(hcl)
    root.apply()
    world.eks.delete_cluster(name=CLUSTER)

    root.destroy()

    assert root.resources() == {}
    assert world.role("cluster", ACCESS) is None
    assert world.role("workload", WORKLOAD) is None


def test_an_apply_without_its_cluster_says_so(workspace, aws):
    world = World(aws)
    root = workspace(STORY)
    root.apply()
    world.eks.delete_cluster(name=CLUSTER)

    root.try_apply().must_fail(CLUSTER)

    assert ADDRESS in root.resources()
    assert world.role("cluster", ACCESS)
