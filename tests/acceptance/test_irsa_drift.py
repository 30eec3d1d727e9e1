"""A sample of what drifts of `xeks_irsa_trust` is detected and corrected. tests/objects/drift has every attribute of every object."""

import pytest
from accounts import Accounts
from cross_account_access import BUCKETS
from drift import Row
from irsa_trust import ADDRESS, CHAINED, POD, POLICY, ROLE, trust
from role_drift import DENY, boundary, prepare

FEDERATED = trust(
    f'name = "{ROLE}", description = "d", max_session_duration = 7200, permissions_boundary = "{boundary("workload")}", '
    f'tags = {{ side = "w" }}, managed_policy_arns = ["{BUCKETS}"], inline_policies = {{ bucket = {POLICY} }}',
    more=f'tags = {{ team = "x" }}\noidc_provider = {{ thumbprints = ["{"a" * 40}"], tags = {{ side = "p" }} }}',
)
IN_CHAIN = trust(
    f'name = "{ROLE}", inline_policies = {{ bucket = {POLICY} }}',
    more=CHAINED.replace(
        f'name = "{POD}"',
        f'name = "{POD}", description = "d", max_session_duration = 7200, permissions_boundary = "{boundary("cluster")}", tags = {{ side = "c" }}',
    )
    + '\ntags = { team = "x" }',
)


def provider(accounts: Accounts) -> dict | None:
    found = accounts.oidc_providers()
    return {"clients": sorted(accounts.oidc_provider(found[0])["ClientIDList"])} if found else None


def provider_settings(accounts: Accounts) -> dict:
    (arn,) = accounts.oidc_providers()
    found = accounts.oidc_provider(arn)
    return {"prints": found["ThumbprintList"], "tags": sorted((tag["Key"], tag["Value"]) for tag in found["Tags"])}


def change_thumbprints(accounts: Accounts) -> None:
    iam, (arn,) = accounts.iam("workload"), accounts.oidc_providers()
    iam.update_open_id_connect_provider_thumbprint(OpenIDConnectProviderArn=arn, ThumbprintList=["b" * 40])


def tag_provider(key: str, value: str | None):
    """Sets a tag, or removes it."""

    def change(accounts: Accounts) -> None:
        iam, (arn,) = accounts.iam("workload"), accounts.oidc_providers()
        if value is None:
            iam.untag_open_id_connect_provider(OpenIDConnectProviderArn=arn, TagKeys=[key])
        else:
            iam.tag_open_id_connect_provider(OpenIDConnectProviderArn=arn, Tags=[{"Key": key, "Value": value}])

    return change


def drop_client(accounts: Accounts) -> None:
    iam, (arn,) = accounts.iam("workload"), accounts.oidc_providers()
    iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="sts.amazonaws.com")


def drop_provider(accounts: Accounts) -> None:
    (arn,) = accounts.oidc_providers()
    accounts.iam("workload").delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)


def change_policy(accounts: Accounts) -> None:
    accounts.iam("workload").put_role_policy(RoleName=ROLE, PolicyName="bucket", PolicyDocument=DENY)


def document(accounts: Accounts) -> dict | None:
    return accounts.inline_policy("workload", ROLE, "bucket")


PROVIDER = 'objects["workload/iam_oidc_provider'
ROWS = {
    "federated": [
        Row("OIDC provider: client id removed", provider, drop_client, PROVIDER),
        Row("OIDC provider: thumbprints", provider_settings, change_thumbprints, "oidc_provider.thumbprints"),
        Row("OIDC provider: own tag changed", provider_settings, tag_provider("side", "z"), "oidc_provider.tags"),
        Row("OIDC provider: own tag removed", provider_settings, tag_provider("side", None), "oidc_provider.tags"),
        Row("OIDC provider: inherited tag changed", provider_settings, tag_provider("team", "z"), PROVIDER),
        Row("OIDC provider: deleted", provider, drop_provider, PROVIDER),
    ],
    "chained": [Row("role: inline policy changed", document, change_policy, "role.inline_policies")],
}
HCL = {"federated": FEDERATED, "chained": IN_CHAIN}


@pytest.fixture(scope="module")
def applied(request, running_aws, drifting):
    accounts = Accounts(running_aws)

    def set_up() -> str:
        prepare(accounts)
        return HCL[request.param]

    return drifting(f"xeks_irsa_trust-{request.param}", ADDRESS, accounts, set_up)


CASES = [pytest.param(mode, row, id=f"{mode}: {row.name}") for mode, rows in ROWS.items() for row in rows]


@pytest.mark.parametrize(("applied", "row"), CASES, indirect=["applied"], scope="module")
def test_drift_is_named_by_the_plan_and_corrected_by_an_apply(applied, row):
    applied.check(row)
