"""Objects that exist before the resource and are adopted: what is on them stays, and a destroy restores them."""

from dataclasses import dataclass

import pytest
from accounts import CLUSTER, TRUSTS_EC2, Accounts, traces
from cross_account_access import ACCESS, ACCESS_ARN, WORKLOAD, access
from every_object import DENY, THEIRS, trust_of_all
from irsa_trust import ROLE

VIEW = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"


EVERYTHING = access(workload_role=f'name = "{WORKLOAD}", instance_profile = true', more='adopt = "if_exists"\ntags = { team = "x", whose = "ours" }')  # fmt: skip


@dataclass(frozen=True)
class Existing:
    """The foreign objects that exist before the create."""

    access_role: bool = False
    workload_role: bool = False
    instance_profile: bool = False
    access_entry: bool = False

    def make(self, accounts: Accounts) -> None:
        if self.access_role:
            accounts.make_foreign_role("cluster", ACCESS)
        if self.workload_role:
            accounts.make_foreign_role("workload", WORKLOAD)
        if self.instance_profile:
            iam = accounts.iam("workload")
            iam.create_instance_profile(InstanceProfileName=WORKLOAD, Tags=THEIRS)
            if self.workload_role:
                iam.add_role_to_instance_profile(InstanceProfileName=WORKLOAD, RoleName=WORKLOAD)
        if self.access_entry:
            accounts.eks.create_access_entry(clusterName=CLUSTER, principalArn=ACCESS_ARN, tags={"whose": "theirs"})
            accounts.eks.associate_access_policy(
                clusterName=CLUSTER, principalArn=ACCESS_ARN, policyArn=VIEW, accessScope={"type": "cluster"}
            )


EXISTING = {
    "access": Existing(access_role=True),
    "workload": Existing(workload_role=True),
    "profile": Existing(instance_profile=True),
    "workload and profile": Existing(workload_role=True, instance_profile=True),
    "access and entry": Existing(access_role=True, access_entry=True),
    "access and workload and profile and entry": Existing(True, True, True, True),
}


@pytest.mark.parametrize("case", EXISTING)
def test_existing_objects_are_adopted_and_left_as_they_were(workspace, aws, case):
    existing, accounts = EXISTING[case], Accounts(aws)
    existing.make(accounts)
    before = aws.dump()
    root = workspace(EVERYTHING)

    root.apply()
    root.assert_empty_plan()
    assert accounts.role_tags("cluster", ACCESS)["whose"] == ("theirs" if existing.access_role else "ours")
    assert accounts.role_tags("workload", WORKLOAD)["whose"] == ("theirs" if existing.workload_role else "ours")

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
