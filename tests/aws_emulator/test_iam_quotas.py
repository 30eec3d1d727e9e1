"""An account's quotas. IAM user guide, "IAM and AWS STS quotas"; API reference, GetAccountSummary."""

import pytest
from permitted import allow, limited_to
from refusals import refused

from objects import make_role, trusting


@pytest.fixture
def iam(aws):
    return aws.client("workload", "iam")


def trust_of(size: int) -> str:
    """A trust policy with so many characters that count."""
    empty = len("".join(external("").split()))
    return external("x" * (size - empty))


def external(identifier: str) -> str:
    return trusting({"Service": "ec2.amazonaws.com"}, StringEquals={"sts:ExternalId": identifier})


def managed(iam, count: int) -> list[str]:
    return [policy["Arn"] for policy in iam.list_policies(Scope="AWS")["Policies"][:count]]


def test_a_trust_policy_may_be_as_long_as_the_account_allows(aws, iam):
    make_role(aws, "workload", "app")
    with refused("LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048", 409):
        iam.update_assume_role_policy(RoleName="app", PolicyDocument=trust_of(2049))
    aws.set_quotas("workload", AssumeRolePolicySizeQuota=4096)
    iam.update_assume_role_policy(RoleName="app", PolicyDocument=trust_of(4096))
    for write in (
        lambda: iam.update_assume_role_policy(RoleName="app", PolicyDocument=trust_of(4097)),
        lambda: iam.create_role(RoleName="other", AssumeRolePolicyDocument=trust_of(4097)),
    ):
        with refused("LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 4096", 409):
            write()


def test_a_role_has_as_many_managed_policies_as_the_account_allows(aws, iam):
    """Users quote "Cannot exceed quota for PoliciesPerRole: 15" of an account where it was raised to that."""
    make_role(aws, "workload", "app")
    aws.set_quotas("workload", AttachedPoliciesPerRoleQuota=15)
    *most, one_more = managed(iam, 16)
    for arn in most:
        iam.attach_role_policy(RoleName="app", PolicyArn=arn)
    with refused("LimitExceeded", "Cannot exceed quota for PoliciesPerRole: 15", 409):
        iam.attach_role_policy(RoleName="app", PolicyArn=one_more)


def test_quotas_are_those_of_one_account_and_the_default_after_a_reset(aws, iam):
    aws.set_quotas("workload", AssumeRolePolicySizeQuota=8192, AttachedPoliciesPerRoleQuota=25)
    with refused("LimitExceeded", "ACLSizePerRole: 2048"):
        make_role(aws, "cluster", "app", trust_of(2049))
    make_role(aws, "workload", "app", trust_of(8192))
    aws.reset()
    with refused("LimitExceeded", "ACLSizePerRole: 2048"):
        make_role(aws, "workload", "app", trust_of(2049))


@pytest.mark.parametrize(
    "quotas", [{"AssumeRolePolicySizeQuota": 8193}, {"AttachedPoliciesPerRoleQuota": 26}, {"RolesQuota": 2000}]
)
def test_what_aws_raises_no_further_can_not_be_set(aws, quotas):
    with pytest.raises(RuntimeError, match="quotas"):
        aws.set_quotas("workload", **quotas)


def test_the_summary_counts_and_names_the_quotas(aws, iam):
    """The keys are those of the service model's summaryKeyType."""
    before = iam.get_account_summary()["SummaryMap"]
    assert sorted(before) == sorted(iam.meta.service_model.shape_for("summaryKeyType").enum)
    assert (before["AssumeRolePolicySizeQuota"], before["AttachedPoliciesPerRoleQuota"]) == (2048, 10)
    assert (before["Roles"], before["RolesQuota"], before["GlobalEndpointTokenVersion"]) == (1, 1000, 1)
    make_role(aws, "workload", "app")
    make_role(aws, "cluster", "not-counted")
    iam.create_open_id_connect_provider(Url="https://oidc.example.com/id/1")
    iam.create_instance_profile(InstanceProfileName="app")
    aws.set_quotas("workload", AssumeRolePolicySizeQuota=8192)
    changed = {"Roles": 2, "Providers": 1, "InstanceProfiles": 1, "AssumeRolePolicySizeQuota": 8192}
    assert iam.get_account_summary()["SummaryMap"] == before | changed


def test_the_summary_takes_a_permission_on_every_resource(aws):
    """Service Authorization Reference: GetAccountSummary has no resource types."""
    limited = limited_to(aws, "iam")
    limited(allow("iam:GetAccountSummary")).get_account_summary()
    with refused("AccessDenied", "iam:GetAccountSummary on resource: *", 403):
        limited(allow("iam:GetAccountSummary", "arn:aws:iam::185863138492:role/*")).get_account_summary()
