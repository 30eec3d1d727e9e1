"""Principals of trust policies. "Principal" is the IAM user guide, AWS JSON policy elements: Principal."""

import json
import time

import pytest
from refusals import refused


def trust(principal):
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}],
        }
    )


EC2 = trust({"Service": "ec2.amazonaws.com"})


@pytest.fixture
def cluster(aws):
    return aws.client("cluster", "iam")


@pytest.fixture
def workload(aws):
    return aws.client("workload", "iam")


def principal_of(iam, name="access"):
    return iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]


@pytest.mark.parametrize(
    "principal",
    [
        {"AWS": "arn:aws:iam::185863138492:role/absent"},
        {"AWS": "arn:aws:iam::185863138492:user/absent"},
        {"AWS": "arn:aws:iam::185863138492:group/people"},
        {"AWS": "arn:aws:iam::185863138492:role/*"},
        {"AWS": "arn:aws:sts::185863138492:assumed-role/absent/session"},
        {"AWS": "arn:aws:iam::999999999999:root"},
        {"AWS": "999999999999"},
        {"AWS": "AROAABCDEFGHIJKLMNOPQ"},
        {"AWS": "nonsense"},
        {"AWS": "arn:aws-cn:iam::185863138492:root"},
        {"AWS": ["arn:aws:iam::185863138492:root", "arn:aws:iam::185863138492:role/absent"]},
        {"Service": "ec3.amazonaws.com"},
        {"Federated": "arn:aws:iam::185863138492:oidc-provider/"},
        {"Nobody": "x"},
    ],
    ids=str,
)
def test_a_principal_that_does_not_exist_is_malformed(cluster, principal):
    """Principal: IAM checks that the principals exist; API reference, CreateRole: MalformedPolicyDocument, 400."""
    with refused("MalformedPolicyDocument", "Invalid principal in policy: ", 400):
        cluster.create_role(RoleName="access", AssumeRolePolicyDocument=trust(principal))


def test_the_error_names_the_principal(cluster):
    """The message that users meet: Invalid principal in policy: "AWS":"arn:..."."""
    arn = "arn:aws:iam::185863138492:role/absent"
    with refused("MalformedPolicyDocument", f'Invalid principal in policy: "AWS":"{arn}"'):
        cluster.create_role(RoleName="access", AssumeRolePolicyDocument=trust({"AWS": arn}))


def test_a_roles_path_belongs_to_its_arn(cluster, workload):
    """IAM user guide, IAM identifiers: the path is part of the ARN."""
    workload.create_role(RoleName="app", Path="/team/", AssumeRolePolicyDocument=EC2)
    right, wrong = (f"arn:aws:iam::185863138492:role/{name}" for name in ("team/app", "app"))
    with refused("MalformedPolicyDocument", wrong):
        cluster.create_role(RoleName="access", AssumeRolePolicyDocument=trust({"AWS": wrong}))
    cluster.create_role(RoleName="access", AssumeRolePolicyDocument=trust({"AWS": right}))


@pytest.mark.parametrize(
    "principal",
    [
        {"AWS": "*"},
        {"AWS": "arn:aws:iam::185863138492:root"},
        {"AWS": "arn:aws:iam::185863138492:user/xeks-pipeline"},
        {"AWS": "arn:aws:sts::185863138492:assumed-role/xeks-runner/someone"},
        {"Federated": "arn:aws:iam::185863138492:oidc-provider/oidc.example.com/not/made/yet"},
        {"Service": ["ec2.amazonaws.com", "pods.eks.amazonaws.com", "lambda.amazonaws.com"]},
    ],
    ids=str,
)
def test_valid_principals_are_accepted(cluster, principal):
    """Principal: accounts, users, roles' sessions, federated identities, services. An OIDC provider need not exist."""
    cluster.create_role(RoleName="access", AssumeRolePolicyDocument=trust(principal))
    assert principal_of(cluster) == principal


def test_an_account_id_comes_back_as_the_accounts_arn(cluster):
    """Principal, AWS account principals: the short form and the ARN of the root user mean the same."""
    cluster.create_role(RoleName="access", AssumeRolePolicyDocument=trust({"AWS": "185863138492"}))
    assert principal_of(cluster) == {"AWS": "arn:aws:iam::185863138492:root"}


def test_a_deleted_role_shows_as_its_unique_id_and_still_does_when_it_is_recreated(cluster, workload):
    """Principal, IAM role principals: "If you delete the role ... The Principal element shows the principal ID because
    AWS can no longer map it back to a valid ARN"; a role recreated under the name has another ID."""
    old = workload.create_role(RoleName="app", AssumeRolePolicyDocument=EC2)["Role"]
    cluster.create_role(
        RoleName="access", AssumeRolePolicyDocument=trust({"AWS": [old["Arn"], "arn:aws:iam::185863138492:root"]})
    )
    workload.delete_role(RoleName="app")
    decayed = {"AWS": [old["RoleId"], "arn:aws:iam::185863138492:root"]}
    assert principal_of(cluster) == decayed
    new = workload.create_role(RoleName="app", AssumeRolePolicyDocument=EC2)["Role"]
    assert new["Arn"] == old["Arn"] and new["RoleId"] != old["RoleId"]
    assert principal_of(cluster) == decayed


def test_a_trust_policy_that_still_names_a_deleted_role_can_not_be_saved(cluster, workload):
    """Principal: a unique ID with no principal behind it is no valid principal; naming the ARN again binds to the new
    one."""
    old = workload.create_role(RoleName="app", AssumeRolePolicyDocument=EC2)["Role"]
    cluster.create_role(RoleName="access", AssumeRolePolicyDocument=trust({"AWS": old["Arn"]}))
    workload.delete_role(RoleName="app")
    with refused("MalformedPolicyDocument", old["RoleId"]):
        cluster.update_assume_role_policy(RoleName="access", PolicyDocument=trust({"AWS": old["RoleId"]}))
    new = workload.create_role(RoleName="app", AssumeRolePolicyDocument=EC2)["Role"]
    cluster.update_assume_role_policy(RoleName="access", PolicyDocument=trust({"AWS": new["Arn"]}))
    assert principal_of(cluster) == {"AWS": new["Arn"]}
    cluster.update_assume_role_policy(RoleName="access", PolicyDocument=trust({"AWS": new["RoleId"]}))
    assert principal_of(cluster) == {"AWS": new["Arn"]}


def test_a_document_with_a_dead_id_is_refused_as_a_whole(cluster, workload):
    """Principal: the same, though the change is another statement and the id is in one that was there before."""
    old = workload.create_role(RoleName="app", AssumeRolePolicyDocument=EC2)["Role"]
    cluster.create_role(
        RoleName="access", AssumeRolePolicyDocument=trust({"AWS": [old["Arn"], "arn:aws:iam::185863138492:root"]})
    )
    workload.delete_role(RoleName="app")
    shown = cluster.get_role(RoleName="access")["Role"]["AssumeRolePolicyDocument"]
    wanted = {**shown, "Statement": shown["Statement"] + json.loads(EC2)["Statement"]}
    with refused("MalformedPolicyDocument", f'Invalid principal in policy: "AWS":"{old["RoleId"]}"', 400):
        cluster.update_assume_role_policy(RoleName="access", PolicyDocument=json.dumps(wanted))
    assert cluster.get_role(RoleName="access")["Role"]["AssumeRolePolicyDocument"] == shown
    wanted["Statement"][0]["Principal"]["AWS"].remove(old["RoleId"])
    cluster.update_assume_role_policy(RoleName="access", PolicyDocument=json.dumps(wanted))


def test_a_deleted_user_shows_as_its_unique_id(cluster, workload):
    """Principal, IAM user principals: the same as for roles."""
    user = workload.create_user(UserName="someone")["User"]
    cluster.create_role(RoleName="access", AssumeRolePolicyDocument=trust({"AWS": user["Arn"]}))
    workload.delete_user(UserName="someone")
    assert principal_of(cluster) == {"AWS": user["UserId"]}


def test_a_new_role_is_no_principal_while_writes_to_iam_are_delayed(aws, cluster, workload):
    """IAM user guide, Troubleshoot IAM: "Changes that I make are not always immediately visible"."""
    aws.delay_iam(0.3)
    arn = workload.create_role(RoleName="app", AssumeRolePolicyDocument=EC2)["Role"]["Arn"]
    with refused("MalformedPolicyDocument", arn):
        cluster.create_role(RoleName="access", AssumeRolePolicyDocument=trust({"AWS": arn}))
    time.sleep(0.35)
    cluster.create_role(RoleName="access", AssumeRolePolicyDocument=trust({"AWS": arn}))
