"""From a token of `aws eks get-token` to a Kubernetes user. "Authenticator" is aws-iam-authenticator,
pkg/token/token.go."""

import base64
import datetime
import json
import os
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from unittest import mock

import pytest
from tokens import token

from objects import ADMIN, CLUSTER_ACCOUNT, make_cluster, make_role, on_instance, remove_role, trusting


@pytest.fixture
def session(aws):
    """Credentials of the access role, which the cluster knows as an administrator."""
    make_cluster(aws)
    make_role(aws, "cluster", "access", Path="/team/")
    arn = f"arn:aws:iam::{CLUSTER_ACCOUNT}:role/team/access"
    eks = aws.client("cluster", "eks")
    eks.create_access_entry(clusterName="c", principalArn=arn, kubernetesGroups=["ops"])
    eks.associate_access_policy(clusterName="c", principalArn=arn, policyArn=ADMIN, accessScope={"type": "cluster"})
    return on_instance(aws, "cluster", "access")


def test_a_session_of_an_entrys_role_is_its_user(aws, session):
    """Guide, "Set a custom username": {{SessionName}} is the session's; policies and groups are the entry's."""
    user = aws.review_token("c", token(session))
    assert user["status"] == 200, user
    assert user["username"] == f"arn:aws:sts::{CLUSTER_ACCOUNT}:assumed-role/access/i-0123456789abcdef0"
    assert user["groups"] == ["ops", "system:authenticated"]
    assert [policy["policyArn"] for policy in user["policies"]] == [ADMIN]


def test_the_cli_makes_such_a_token(aws, session, tmp_path):
    """AWS CLI reference, `aws eks get-token`: an ExecCredential with the token in status.token."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment = kept | session.environment() | {"AWS_ENDPOINT_URL": aws.endpoint, "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "awscli", "--region", aws.region, "eks", "get-token", "--cluster-name", "c"]
    answer = json.loads(subprocess.run(command, env=environment, check=True, capture_output=True).stdout)
    assert answer["kind"] == "ExecCredential"
    assert aws.review_token("c", answer["status"]["token"])["status"] == 200


def test_a_new_entry_is_not_effective_for_a_moment(aws):
    """EKS user guide, "Create access entries": a new one "might take several seconds to be effective"."""
    make_cluster(aws)
    make_role(aws, "cluster", "late")
    aws.delay_entries(0.5)
    principal = f"arn:aws:iam::{CLUSTER_ACCOUNT}:role/late"
    aws.client("cluster", "eks").create_access_entry(clusterName="c", principalArn=principal)
    late = token(on_instance(aws, "cluster", "late"))
    assert "not effective yet" in aws.review_token("c", late)["reason"]
    time.sleep(0.5)
    assert aws.review_token("c", late)["status"] == 200


@pytest.mark.parametrize(
    "arguments, reason",
    [
        ({"cluster": "d"}, "SignatureDoesNotMatch"),
        ({"headers": {}}, "not both signed"),
        ({"host": "sts.evil.com"}, "no STS endpoint"),
        ({"expires": 901}, "X-Amz-Expires"),
        ({"query": "&Extra=1"}, "not allowed"),
    ],
)
def test_a_malformed_token_is_refused(aws, session, arguments, reason):
    """Authenticator: the cluster's name is a signed header, the host is STS's, expiry at most 900, no other
    parameter."""
    answer = aws.review_token("c", token(session, **arguments))
    assert answer["status"] == 401
    assert reason in answer["reason"]


def test_a_token_is_valid_for_fifteen_minutes(aws, session):
    """Authenticator: 15 minutes from X-Amz-Date, whatever X-Amz-Expires says."""
    for minutes, status in ((14, 200), (16, 401)):
        then = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=minutes)
        with mock.patch("botocore.auth.get_current_datetime", return_value=then.replace(tzinfo=None)):
            assert aws.review_token("c", token(session))["status"] == status


@pytest.mark.parametrize(
    "wrong", ["", "k8s-aws-v2.AAAA", "k8s-aws-v1.AAA=", "k8s-aws-v1.!", "k8s-aws-v1." + "A" * 4096]
)
def test_other_text_than_a_token_is_refused(aws, session, wrong):
    """Authenticator: the prefix, unpadded base64url, 4096 bytes at most."""
    assert aws.review_token("c", wrong)["status"] == 401


def test_a_principal_without_an_entry_is_refused(aws, session):
    """Guide, "Grant IAM users access": who has no entry is not authenticated at all."""
    make_role(aws, "workload", "foreign")
    answer = aws.review_token("c", token(on_instance(aws, "workload", "foreign")))
    assert (answer["status"], "no access entry" in answer["reason"]) == (401, True)


def test_the_entry_of_a_recreated_role_matches_no_caller(aws, session):
    """Guide, "Create access entries": the entry "won't work", though DescribeAccessEntry shows it as before."""
    arn = f"arn:aws:iam::{CLUSTER_ACCOUNT}:role/team/access"
    eks = aws.client("cluster", "eks")
    before = eks.describe_access_entry(clusterName="c", principalArn=arn)["accessEntry"]
    remove_role(aws, "cluster", "access")
    make_role(aws, "cluster", "access", Path="/team/")
    assert eks.describe_access_entry(clusterName="c", principalArn=arn)["accessEntry"] == before
    again = token(on_instance(aws, "cluster", "access"))
    assert aws.review_token("c", again)["status"] == 401
    eks.delete_access_entry(clusterName="c", principalArn=arn)
    eks.create_access_entry(clusterName="c", principalArn=arn)
    assert aws.review_token("c", again)["status"] == 200


def test_a_session_name_has_its_at_sign_replaced(aws, session):
    """Authenticator, README: SessionName has @ replaced by -, SessionNameRaw has not."""
    eks = aws.client("cluster", "eks")
    trust = trusting({"AWS": f"arn:aws:iam::{CLUSTER_ACCOUNT}:user/xeks-pipeline"})
    role = make_role(aws, "cluster", "dev", trust)
    aws.client("cluster", "iam").put_user_policy(
        UserName="xeks-pipeline", PolicyName="p", PolicyDocument=json.dumps(_assume(role))
    )
    me = aws.assume("cluster", role, "pipeline", RoleSessionName="me@example.com")
    eks.create_access_entry(clusterName="c", principalArn=role, username="dev:{{SessionName}}")
    assert aws.review_token("c", token(me))["username"] == "dev:me-example.com"
    eks.update_access_entry(clusterName="c", principalArn=role, username="dev:{{SessionNameRaw}}")
    assert aws.review_token("c", token(me))["username"] == "dev:me@example.com"


def _assume(role: str) -> dict:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role}
    return {"Version": "2012-10-17", "Statement": statement}


def test_a_caller_that_accepts_json_gets_it(aws, session):
    """Authenticator, pkg/token/token.go, `Verify`: it asks STS for JSON and reads `getCallerIdentityWrapper`."""
    url = token(session).removeprefix("k8s-aws-v1.")
    url = base64.urlsafe_b64decode(url + "=" * (-len(url) % 4)).decode()
    signed = urllib.parse.urlsplit(url)
    headers = {"Accept": "application/json", "Host": signed.netloc, "X-K8s-Aws-Id": "c"}
    with urllib.request.urlopen(urllib.request.Request(f"{aws.endpoint}/?{signed.query}", headers=headers)) as answer:
        result = json.load(answer)["GetCallerIdentityResponse"]["GetCallerIdentityResult"]
    assert result["Account"] == CLUSTER_ACCOUNT
    assert result["Arn"] == f"arn:aws:sts::{CLUSTER_ACCOUNT}:assumed-role/access/i-0123456789abcdef0"
    assert result["UserId"].startswith("AROA") and result["UserId"].endswith(":i-0123456789abcdef0")
