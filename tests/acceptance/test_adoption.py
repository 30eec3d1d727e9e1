"""Objects that exist before the resource and are adopted: what is on them stays, and a destroy restores them."""

import json

import pytest
from cross_account_access import ACCESS, ACCESS_ARN, WORKLOAD, access
from every_object import DENY, trust_of_all
from irsa_trust import ROLE
from world import CLUSTER, TRUSTS_EC2, World, traces

DOCUMENT = json.dumps(TRUSTS_EC2)
VIEW = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"


EVERYTHING = access(workload_role=f'name = "{WORKLOAD}", instance_profile = true', more='adopt = "if_exists"\ntags = { team = "x", whose = "ours" }')  # fmt: skip


@pytest.mark.parametrize(
    "there",
    [
        ["access"],
        ["workload"],
        ["profile"],
        ["workload", "profile"],
        ["access", "entry"],
        ["access", "workload", "profile", "entry"],
    ],
    ids=" and ".join,
)
def test_what_is_there_is_adopted_and_left_as_it_was(workspace, aws, there):
    world = World(aws)
    if "access" in there:
        world.make_foreign_role("cluster", ACCESS)
    if "workload" in there:
        world.make_foreign_role("workload", WORKLOAD)
    if "profile" in there:
        iam = world.iam("workload")
        iam.create_instance_profile(InstanceProfileName=WORKLOAD, Tags=[{"Key": "whose", "Value": "theirs"}])
        if "workload" in there:
            iam.add_role_to_instance_profile(InstanceProfileName=WORKLOAD, RoleName=WORKLOAD)
    if "entry" in there:
        world.eks.create_access_entry(clusterName=CLUSTER, principalArn=ACCESS_ARN, tags={"whose": "theirs"})
        world.eks.associate_access_policy(
            clusterName=CLUSTER, principalArn=ACCESS_ARN, policyArn=VIEW, accessScope={"type": "cluster"}
        )
    before = aws.dump()
    root = workspace(EVERYTHING)

    root.apply()
    root.assert_empty_plan()
    for account, name, key in (("cluster", ACCESS, "access"), ("workload", WORKLOAD, "workload")):
        assert world.role_tags(account, name)["whose"] == ("theirs" if key in there else "ours")

    root.write(EVERYTHING.replace('team = "x"', 'team = "y", more = "z"'))
    root.apply()
    root.assert_empty_plan()
    root.write(EVERYTHING.replace('tags = { team = "x", whose = "ours" }', ""))
    root.apply()
    root.assert_empty_plan()

    root.destroy()
    assert not traces(aws, before)


def test_what_others_wrote_on_an_adopted_entry_is_refused_with_what_to_do(workspace, aws):
    world = World(aws)
    world.make_foreign_role("cluster", ACCESS)
    world.eks.create_access_entry(clusterName=CLUSTER, principalArn=ACCESS_ARN)
    world.eks.associate_access_policy(
        clusterName=CLUSTER, principalArn=ACCESS_ARN, policyArn=VIEW, accessScope={"type": "cluster"}
    )
    narrow = access(
        kubernetes='policies = { AmazonEKSViewPolicy = { scope = "namespace", namespaces = ["a"] } }',
        more='adopt = "if_exists"',
    )
    root = workspace(narrow)

    run = root.try_apply().must_fail("AmazonEKSViewPolicy", "never rewrites")
    assert "set adopt" not in run.text
    assert world.associations(ACCESS_ARN)["AmazonEKSViewPolicy"]["type"] == "cluster"

    same = access(kubernetes='policies = { AmazonEKSViewPolicy = { scope = "cluster" } }', more='adopt = "if_exists"')
    root.write(same)
    root.apply()
    root.assert_empty_plan()
    root.write(narrow)
    root.try_apply().must_fail("AmazonEKSViewPolicy", "never rewrites")
    root.destroy()
    assert world.associations(ACCESS_ARN)["AmazonEKSViewPolicy"]["type"] == "cluster"


def test_an_access_entry_of_others_can_be_adopted_and_survives(workspace, aws):
    world = World(aws)
    trust = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}'
    world.iam("cluster").create_role(RoleName=ACCESS, AssumeRolePolicyDocument=trust)
    world.eks.create_access_entry(clusterName=CLUSTER, principalArn=ACCESS_ARN)
    view = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
    world.eks.associate_access_policy(
        clusterName=CLUSTER, principalArn=ACCESS_ARN, policyArn=view, accessScope={"type": "cluster"}
    )
    root = workspace(access(access_role=f'name = "{ACCESS}"', more='adopt = "if_exists"'))

    root.apply()
    assert set(world.associations(ACCESS_ARN)) == {"AmazonEKSClusterAdminPolicy", "AmazonEKSViewPolicy"}
    root.assert_empty_plan()

    root.destroy()
    assert set(world.associations(ACCESS_ARN)) == {"AmazonEKSViewPolicy"}
    assert world.role("cluster", ACCESS)


def test_a_policy_of_others_on_an_adopted_role_is_never_rewritten(workspace, aws):
    world = World(aws)
    world.make_foreign_role("workload", ROLE)
    world.iam("workload").put_role_policy(RoleName=ROLE, PolicyName="bucket", PolicyDocument=DENY)
    before = aws.dump()
    hcl = trust_of_all('adopt = "if_exists"')
    root = workspace(hcl)

    root.try_apply().must_fail(f"{ROLE}/bucket", "never rewrites what others wrote")

    root.destroy()
    assert not traces(aws, before)
