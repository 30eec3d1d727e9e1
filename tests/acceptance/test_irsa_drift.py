"""Every attribute of every object of `xeks_irsa_trust`, changed behind Terraform's back, is seen and healed.

The OIDC provider is shared: its tags and thumbprints are set at creation and are nobody's drift after that.
"""

import pytest
from drift import Row
from irsa_trust import ADDRESS, CHAINED, POD, ROLE, trust
from role_drift import DENY, boundary, object_path, prepare, role_rows
from world import World

BUCKETS = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
POLICY = 'jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "s3:GetObject", Resource = "arn:aws:s3:::b/*" }] })'

FEDERATED = trust(
    f'name = "{ROLE}", description = "d", max_session_duration = 7200, permissions_boundary = "{boundary("workload")}", '
    f'tags = {{ side = "w" }}, managed_policy_arns = ["{BUCKETS}"], inline_policies = {{ bucket = {POLICY} }}',
    more='tags = { team = "x" }',
)
IN_CHAIN = trust(
    f'name = "{ROLE}", inline_policies = {{ bucket = {POLICY} }}',
    more=CHAINED.replace(
        f'name = "{POD}"',
        f'name = "{POD}", description = "d", max_session_duration = 7200, permissions_boundary = "{boundary("cluster")}", tags = {{ side = "c" }}',
    )
    + '\ntags = { team = "x" }',
)


def provider(world: World) -> dict | None:
    found = world.oidc_providers()
    return {"clients": sorted(world.oidc_provider(found[0])["ClientIDList"])} if found else None


def drop_client(world: World) -> None:
    iam, (arn,) = world.iam("workload"), world.oidc_providers()
    iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="sts.amazonaws.com")


def drop_provider(world: World) -> None:
    (arn,) = world.oidc_providers()
    world.iam("workload").delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)


def workload(operation: str, **arguments):
    return lambda world: getattr(world.iam("workload"), operation)(RoleName=ROLE, **arguments)


def document(world: World) -> dict | None:
    return world.inline_policy("workload", ROLE, "bucket")


ROWS = {
    "federated": [
        *role_rows("workload", "role", ROLE, "bucket"),
        Row("role: managed policy detached", lambda world: world.managed_policies("workload", ROLE), workload("detach_role_policy", PolicyArn=BUCKETS), "role.managed_policy_arns"),
        Row("OIDC provider: client id removed", provider, drop_client, 'objects["workload/iam_oidc_provider'),
        Row("OIDC provider: deleted", provider, drop_provider, 'objects["workload/iam_oidc_provider'),
    ],
    "chained": [
        *role_rows("cluster", "pod_role", POD, f"xeks-assume-{ROLE}"),
        Row("role: trust policy", lambda world: world.trust("workload", ROLE), workload("update_assume_role_policy", PolicyDocument='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}'), object_path("workload", "iam_role", ROLE)),
        Row("role: inline policy changed", document, workload("put_role_policy", PolicyName="bucket", PolicyDocument=DENY), "role.inline_policies"),
    ],
}  # fmt: skip
HCL = {"federated": FEDERATED, "chained": IN_CHAIN}


@pytest.fixture(scope="module")
def applied(request, running_aws, drifting):
    world = World(running_aws)

    def set_up() -> str:
        prepare(world)
        return HCL[request.param]

    return drifting(f"xeks_irsa_trust-{request.param}", ADDRESS, world, set_up)


CASES = [pytest.param(mode, row, id=f"{mode}: {row.name}") for mode, rows in ROWS.items() for row in rows]


@pytest.mark.parametrize(("applied", "row"), CASES, indirect=["applied"], scope="module")
def test_drift_is_named_by_the_plan_and_healed_by_an_apply(applied, row):
    applied.check(row)
