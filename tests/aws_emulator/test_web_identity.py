"""AssumeRoleWithWebIdentity with a cluster's service-account tokens.

"Guide" is the IAM user guide, "reference" the STS API reference; the refusals' codes are its, the words those that
users report.
"""

import time

import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.session import Session
from refusals import refused

from objects import WORKLOAD_ACCOUNT, make_cluster, make_role, trusting

APP = f"arn:aws:iam::{WORKLOAD_ACCOUNT}:role/app"
DENIED = "Not authorized to perform sts:AssumeRoleWithWebIdentity"


@pytest.fixture
def issuer(aws):
    """The issuer, without https://, of a cluster of the other account; its provider is in the workload account."""
    host = make_cluster(aws)["identity"]["oidc"]["issuer"].removeprefix("https://")
    iam = aws.client("workload", "iam")
    iam.create_open_id_connect_provider(Url=f"https://{host}", ClientIDList=["sts.amazonaws.com"])
    return host


@pytest.fixture
def assume(aws):
    """Calls AssumeRoleWithWebIdentity, which is not signed."""
    sts = Session().create_client(
        "sts", region_name=aws.region, endpoint_url=aws.endpoint, config=Config(signature_version=UNSIGNED)
    )

    def call(token: str, role: str = APP, **more):
        return sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="pod", WebIdentityToken=token, **more)

    return call


def trust(issuer: str, subject="system:serviceaccount:nodejs:nodejs-sa", operator="StringEquals", **more) -> str:
    provider = {"Federated": f"arn:aws:iam::{WORKLOAD_ACCOUNT}:oidc-provider/{issuer}"}
    condition = {"StringEquals": {f"{issuer}:aud": "sts.amazonaws.com"}}
    condition.setdefault(operator, {})[f"{issuer}:sub"] = subject
    return trusting(provider, "sts:AssumeRoleWithWebIdentity", **(condition | more))


def test_a_pods_token_gets_the_role_of_its_service_account(aws, issuer, assume):
    """Guide, "Create a role for OpenID Connect federation"; the token's audience is a list, as Kubernetes writes it."""
    make_role(aws, "workload", "app", trust(issuer))
    answer = assume(aws.service_account_token("c", "nodejs", "nodejs-sa"))
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{WORKLOAD_ACCOUNT}:assumed-role/app/pod"
    assert answer["SubjectFromWebIdentityToken"] == "system:serviceaccount:nodejs:nodejs-sa"
    assert answer["Audience"] == "sts.amazonaws.com"
    assert answer["Provider"] == f"arn:aws:iam::{WORKLOAD_ACCOUNT}:oidc-provider/{issuer}"


def test_another_service_account_does_not(aws, issuer, assume):
    """Guide, OIDC condition keys: the subject must be the one that the trust policy names."""
    make_role(aws, "workload", "app", trust(issuer))
    for namespace, name in (("nodejs", "other"), ("other", "nodejs-sa")):
        with refused("AccessDenied", DENIED, 403):
            assume(aws.service_account_token("c", namespace, name))


def test_a_wildcard_works_with_string_like_only(aws, issuer, assume):
    """Guide, "String condition operators": StringEquals compares exactly, StringLike knows * and ?."""
    subject = "system:serviceaccount:nodejs:*"
    make_role(aws, "workload", "app", trust(issuer, subject))
    token = aws.service_account_token("c", "nodejs", "nodejs-sa")
    with refused("AccessDenied", DENIED):
        assume(token)
    document = trust(issuer, subject, "StringLike")
    aws.client("workload", "iam").update_assume_role_policy(RoleName="app", PolicyDocument=document)
    assume(token)
    with refused("AccessDenied", DENIED):
        assume(aws.service_account_token("c", "node", "nodejs-sa"))


def test_condition_keys_begin_with_the_issuer_without_its_scheme(aws, issuer, assume):
    """Guide, OIDC condition keys: PROVIDER:aud and PROVIDER:sub; a key with https:// or the ARN in it never matches."""
    for wrong in (f"https://{issuer}", f"arn:aws:iam::{WORKLOAD_ACCOUNT}:oidc-provider/{issuer}"):
        provider = {"Federated": f"arn:aws:iam::{WORKLOAD_ACCOUNT}:oidc-provider/{issuer}"}
        condition = {"StringEquals": {f"{wrong}:sub": "system:serviceaccount:nodejs:nodejs-sa"}}
        document = trusting(provider, "sts:AssumeRoleWithWebIdentity", **condition)
        make_role(aws, "workload", "app", document)
        with refused("AccessDenied", DENIED):
            assume(aws.service_account_token("c", "nodejs", "nodejs-sa"))
        aws.client("workload", "iam").delete_role(RoleName="app")


def test_the_provider_must_be_in_the_roles_own_account(aws, issuer, assume):
    """Guide, "OIDC federation": the identity provider is an object of the account; observed: InvalidIdentityToken."""
    make_role(aws, "workload", "app", trust(issuer))
    arn = f"arn:aws:iam::{WORKLOAD_ACCOUNT}:oidc-provider/{issuer}"
    aws.client("workload", "iam").delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    aws.client("cluster", "iam").create_open_id_connect_provider(
        Url=f"https://{issuer}", ClientIDList=["sts.amazonaws.com"]
    )
    with refused("InvalidIdentityToken", f"No OpenIDConnect provider found in your account for https://{issuer}", 400):
        assume(aws.service_account_token("c", "nodejs", "nodejs-sa"))


def test_the_audience_must_be_a_client_id_of_the_provider(aws, issuer, assume):
    """Reference, InvalidIdentityToken; "Incorrect token audience"."""
    make_role(aws, "workload", "app", trust(issuer))
    with refused("InvalidIdentityToken", "Incorrect token audience", 400):
        assume(aws.service_account_token("c", "nodejs", "nodejs-sa", audience="vault"))


def test_one_of_several_audiences_is_enough(aws, issuer, assume):
    """Kubernetes projects a list of audiences; each counts."""
    make_role(aws, "workload", "app", trust(issuer))
    assume(aws.service_account_token("c", "nodejs", "nodejs-sa", audience=["vault", "sts.amazonaws.com"]))


def test_a_signature_of_another_cluster_is_invalid(aws, issuer, assume):
    """Guide, "OIDC federation": STS checks the signature against the issuer's key set, which is each cluster's own."""
    make_role(aws, "workload", "app", trust(issuer))
    make_cluster(aws, "d")
    forged = aws.service_account_token("d", "nodejs", "nodejs-sa", iss=f"https://{issuer}")
    with refused("InvalidIdentityToken", status=400):
        assume(forged)
    token = aws.service_account_token("c", "nodejs", "nodejs-sa")
    with refused("InvalidIdentityToken", status=400):
        assume(token[:-8] + "AAAAAAAA")
    with refused("InvalidIdentityToken", status=400):
        assume("no.token")


def test_an_expired_token_is_refused(aws, issuer, assume):
    """Reference, ExpiredTokenException."""
    make_role(aws, "workload", "app", trust(issuer))
    with refused("ExpiredTokenException", "Token expired", 400):
        assume(aws.service_account_token("c", "nodejs", "nodejs-sa", exp=int(time.time()) - 1))


def test_a_deleted_clusters_tokens_can_not_be_verified(aws, issuer, assume):
    """Reference, InvalidIdentityToken: the issuer's keys can't be retrieved any more."""
    make_role(aws, "workload", "app", trust(issuer))
    token = aws.service_account_token("c", "nodejs", "nodejs-sa")
    aws.client("cluster", "eks").delete_cluster(name="c")
    words = "Couldn't retrieve verification key from your identity provider,  please reference"
    with refused("InvalidIdentityToken", words, 400):
        assume(token)


def test_a_missing_role_is_denied_as_an_untrusting_one_is(aws, issuer, assume):
    """Observed: existence is not disclosed."""
    with refused("AccessDenied", DENIED, 403):
        assume(aws.service_account_token("c", "nodejs", "nodejs-sa"))
