"""Objects that exist before the resource and are adopted: what is on them stays, and a destroy restores them.

tests/objects/adoption.rs has some of them in place of all.
"""

from accounts import CLUSTER, TRUSTS_EC2, Accounts, traces
from cross_account_access import ACCESS, ACCESS_ARN, WORKLOAD, access
from every_object import DENY, THEIRS, trust_of_all
from irsa_trust import ROLE

VIEW = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"


EVERYTHING = access(workload_role=f'name = "{WORKLOAD}", instance_profile = true', more='adopt = "if_exists"\ntags = { team = "x", whose = "ours" }')  # fmt: skip


def make_existing(accounts: Accounts) -> None:
    """Both roles, the instance profile and the access entry, of another owner."""
    accounts.make_foreign_role("cluster", ACCESS)
    accounts.make_foreign_role("workload", WORKLOAD)
    iam = accounts.iam("workload")
    iam.create_instance_profile(InstanceProfileName=WORKLOAD, Tags=THEIRS)
    iam.add_role_to_instance_profile(InstanceProfileName=WORKLOAD, RoleName=WORKLOAD)
    accounts.eks.create_access_entry(clusterName=CLUSTER, principalArn=ACCESS_ARN, tags={"whose": "theirs"})
    accounts.eks.associate_access_policy(
        clusterName=CLUSTER, principalArn=ACCESS_ARN, policyArn=VIEW, accessScope={"type": "cluster"}
    )


def test_existing_objects_are_adopted_and_left_as_they_were(workspace, aws):
    accounts = Accounts(aws)
    make_existing(accounts)
    before = aws.dump()
    root = workspace(EVERYTHING)

    root.apply()
    root.assert_empty_plan()
    assert accounts.role_tags("cluster", ACCESS)["whose"] == "theirs"
    assert accounts.role_tags("workload", WORKLOAD)["whose"] == "theirs"

    root.write(EVERYTHING.replace('team = "x"', 'team = "y", more = "z"'))
    root.apply()
    root.assert_empty_plan()
    root.write(EVERYTHING.replace('tags = { team = "x", whose = "ours" }', ""))
    root.apply()
    root.assert_empty_plan()

    root.destroy()
    assert not traces(aws, before)


def test_a_foreign_policy_scope_on_an_adopted_entry_is_refused_with_advice(workspace, aws):
    accounts = Accounts(aws)
    accounts.make_foreign_role("cluster", ACCESS)
    accounts.eks.create_access_entry(clusterName=CLUSTER, principalArn=ACCESS_ARN)
    accounts.eks.associate_access_policy(
        clusterName=CLUSTER, principalArn=ACCESS_ARN, policyArn=VIEW, accessScope={"type": "cluster"}
    )
    narrow = access(
        kubernetes='policies = { AmazonEKSViewPolicy = { scope = "namespace", namespaces = ["a"] } }',
        more='adopt = "if_exists"',
    )
    root = workspace(narrow)

    run = root.try_apply().must_fail("AmazonEKSViewPolicy", "never overwrites")
    assert "set adopt" not in run.text
    assert accounts.associations(ACCESS_ARN)["AmazonEKSViewPolicy"]["type"] == "cluster"

    same = access(kubernetes='policies = { AmazonEKSViewPolicy = { scope = "cluster" } }', more='adopt = "if_exists"')
    root.write(same)
    root.apply()
    root.assert_empty_plan()
    root.write(narrow)
    root.try_apply().must_fail("AmazonEKSViewPolicy", "never overwrites")
    root.destroy()
    assert accounts.associations(ACCESS_ARN)["AmazonEKSViewPolicy"]["type"] == "cluster"


def test_an_adopted_access_entry_survives_a_destroy(workspace, aws):
    accounts = Accounts(aws)
    accounts.make_role("cluster", ACCESS, TRUSTS_EC2)
    accounts.eks.create_access_entry(clusterName=CLUSTER, principalArn=ACCESS_ARN)
    accounts.eks.associate_access_policy(
        clusterName=CLUSTER, principalArn=ACCESS_ARN, policyArn=VIEW, accessScope={"type": "cluster"}
    )
    root = workspace(access(access_role=f'name = "{ACCESS}"', more='adopt = "if_exists"'))

    root.apply()
    assert set(accounts.associations(ACCESS_ARN)) == {"AmazonEKSClusterAdminPolicy", "AmazonEKSViewPolicy"}
    root.assert_empty_plan()

    root.destroy()
    assert set(accounts.associations(ACCESS_ARN)) == {"AmazonEKSViewPolicy"}
    assert accounts.role("cluster", ACCESS)


def test_a_foreign_policy_on_an_adopted_role_is_never_rewritten(workspace, aws):
    accounts = Accounts(aws)
    accounts.make_foreign_role("workload", ROLE)
    accounts.iam("workload").put_role_policy(RoleName=ROLE, PolicyName="bucket", PolicyDocument=DENY)
    before = aws.dump()
    hcl = trust_of_all('adopt = "if_exists"')
    root = workspace(hcl)

    root.try_apply().must_fail(f"{ROLE}/bucket", "Adoption never overwrites what is there")

    root.destroy()
    assert not traces(aws, before)
