"""Overlapping writes to one object of IAM. Sources: `extension/iam_writes.py`."""

import threading
import time

import pytest
from refusals import refused

from objects import WORKLOAD_ACCOUNT, document, make_role, trusting

LONG = 0.4
MANAGED = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
URL = "https://oidc.example.com/id/1"
PROVIDER = f"arn:aws:iam::{WORKLOAD_ACCOUNT}:oidc-provider/oidc.example.com/id/1"
TAGS = [{"Key": "seen", "Value": ""}]
TRUST = trusting({"Service": "ec2.amazonaws.com"})
READ_S3 = document({"Action": "s3:GetObject", "Resource": "*"})

ON_A_ROLE = {
    "CreateRole": {"AssumeRolePolicyDocument": TRUST},
    "UpdateAssumeRolePolicy": {"PolicyDocument": TRUST},
    "UpdateRole": {"Description": "d"},
    "UpdateRoleDescription": {"Description": "d"},
    "PutRolePolicy": {"PolicyName": "own", "PolicyDocument": READ_S3},
    "DeleteRolePolicy": {"PolicyName": "own"},
    "AttachRolePolicy": {"PolicyArn": MANAGED},
    "DetachRolePolicy": {"PolicyArn": MANAGED},
    "PutRolePermissionsBoundary": {"PermissionsBoundary": MANAGED},
    "DeleteRolePermissionsBoundary": {},
    "TagRole": {"Tags": TAGS},
    "UntagRole": {"TagKeys": ["seen"]},
    "DeleteRole": {},
}
ON_A_PROFILE = {
    "CreateInstanceProfile": {},
    "TagInstanceProfile": {"Tags": TAGS},
    "UntagInstanceProfile": {"TagKeys": ["seen"]},
}
ON_A_PROVIDER = {
    "CreateOpenIDConnectProvider": {"Url": URL},
    "AddClientIDToOpenIDConnectProvider": {"ClientID": "x"},
    "RemoveClientIDFromOpenIDConnectProvider": {"ClientID": "x"},
    "UpdateOpenIDConnectProviderThumbprint": {"ThumbprintList": ["a" * 40]},
    "TagOpenIDConnectProvider": {"Tags": TAGS},
    "UntagOpenIDConnectProvider": {"TagKeys": ["seen"]},
}


@pytest.fixture
def iam(aws):
    return aws.client("workload", "iam")


@pytest.fixture
def role(aws):
    return make_role(aws, "workload", "app")


class UnderWay:
    """A TagRole, TagInstanceProfile … whose effect is there, but not its answer. The block ends with the answer."""

    def __init__(self, write, tags_of):
        self._write, self._tags_of = threading.Thread(target=write), tags_of

    def __enter__(self):
        self._write.start()
        deadline = time.monotonic() + 5
        while self._tags_of() != TAGS:
            assert time.monotonic() < deadline, "the write has no effect"
        return self

    def __exit__(self, *_):
        self._write.join()

    @property
    def answered(self):
        return not self._write.is_alive()


def tagging(iam, name="app"):
    return UnderWay(
        lambda: iam.tag_role(RoleName=name, Tags=TAGS), lambda: iam.get_role(RoleName=name)["Role"].get("Tags")
    )


def called(iam, action, **arguments):
    method = next(name for name, wanted in iam.meta.method_to_api_mapping.items() if wanted == action)
    return getattr(iam, method)(**arguments)


@pytest.mark.parametrize("action", ON_A_ROLE)
def test_a_second_write_to_a_role_is_refused_while_the_first_is_under_way(aws, iam, role, action):
    aws.set_write_seconds(LONG)
    with tagging(iam), refused("ConcurrentModification", "were submitted simultaneously", 409):
        called(iam, action, RoleName="app", **ON_A_ROLE[action])


@pytest.mark.parametrize("action", ON_A_PROFILE)
def test_a_second_write_to_an_instance_profile_is_refused_where_the_model_names_that(aws, iam, action):
    iam.create_instance_profile(InstanceProfileName="app")
    aws.set_write_seconds(LONG)
    under_way = UnderWay(
        lambda: iam.tag_instance_profile(InstanceProfileName="app", Tags=TAGS),
        lambda: iam.get_instance_profile(InstanceProfileName="app")["InstanceProfile"]["Tags"],
    )
    with under_way, refused("ConcurrentModification", status=409):
        called(iam, action, InstanceProfileName="app", **ON_A_PROFILE[action])


@pytest.mark.parametrize("action", ON_A_PROVIDER)
def test_a_second_write_to_a_provider_is_refused_where_the_model_names_that(aws, iam, action):
    iam.create_open_id_connect_provider(Url=URL)
    aws.set_write_seconds(LONG)
    under_way = UnderWay(
        lambda: iam.tag_open_id_connect_provider(OpenIDConnectProviderArn=PROVIDER, Tags=TAGS),
        lambda: iam.get_open_id_connect_provider(OpenIDConnectProviderArn=PROVIDER)["Tags"],
    )
    named = {} if "Url" in ON_A_PROVIDER[action] else {"OpenIDConnectProviderArn": PROVIDER}
    with under_way, refused("ConcurrentModification", status=409):
        called(iam, action, **named, **ON_A_PROVIDER[action])


def test_every_call_is_covered_for_which_the_model_names_the_error(iam):
    """botocore's service model, ConcurrentModificationException."""
    model = iam.meta.service_model
    about = ("Role", "InstanceProfile", "OpenIDConnectProvider")
    named = {
        action
        for action in model.operation_names
        if action.endswith(about) or "OpenIDConnectProvider" in action
        if "ConcurrentModificationException" in [error.name for error in model.operation_model(action).error_shapes]
    }
    assert {"DeleteRole", "TagInstanceProfile", "CreateOpenIDConnectProvider"} < named
    assert named - {"AcquireRole"} <= {*ON_A_ROLE, *ON_A_PROFILE, *ON_A_PROVIDER}


def test_a_write_takes_effect_at_once_and_answers_at_its_end(aws, iam, role):
    aws.set_write_seconds(LONG)
    begun = time.monotonic()
    with tagging(iam) as write:
        assert not write.answered
        assert iam.get_role(RoleName="app")["Role"]["Tags"] == TAGS
    assert time.monotonic() - begun >= LONG
    iam.untag_role(RoleName="app", TagKeys=["seen"])


def test_a_refused_write_changes_nothing(aws, iam, role):
    aws.set_write_seconds(LONG)
    with tagging(iam), refused("ConcurrentModification"):
        iam.tag_role(RoleName="app", Tags=[{"Key": "other", "Value": ""}])
    assert iam.get_role(RoleName="app")["Role"]["Tags"] == TAGS


def test_a_write_keeps_neither_other_objects_nor_reads_nor_calls_without_the_error_waiting(aws, iam, role):
    """The model names no ConcurrentModification for AddRoleToInstanceProfile, RemoveRoleFromInstanceProfile and
    DeleteInstanceProfile."""
    make_role(aws, "workload", "other")
    make_role(aws, "cluster", "app")
    iam.create_instance_profile(InstanceProfileName="app")
    aws.set_write_seconds(LONG)
    with tagging(iam) as write:
        iam.list_role_tags(RoleName="app")
        iam.add_role_to_instance_profile(InstanceProfileName="app", RoleName="app")
        iam.remove_role_from_instance_profile(InstanceProfileName="app", RoleName="app")
        iam.delete_instance_profile(InstanceProfileName="app")
        assert not write.answered
    with tagging(iam, "other"), tagging(aws.client("cluster", "iam")):
        pass


def test_a_write_that_is_refused_for_another_reason_occupies_nothing(aws, iam):
    aws.set_write_seconds(LONG)
    begun = time.monotonic()
    for _ in range(2):
        with refused("NoSuchEntity"):
            iam.tag_role(RoleName="absent", Tags=TAGS)
    assert time.monotonic() - begun < LONG


def test_of_writes_sent_at_the_same_time_all_but_one_are_refused(aws, iam, role):
    aws.set_write_seconds(LONG)
    codes = []

    def tag():
        try:
            iam.tag_role(RoleName="app", Tags=TAGS)
            codes.append("accepted")
        except iam.exceptions.ConcurrentModificationException as error:
            codes.append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=tag) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == ["ConcurrentModification"] * 4 + ["accepted"]


def test_a_restored_state_is_occupied_by_no_write_of_the_state_before(aws, iam, role):
    number = aws.snapshot()
    aws.set_write_seconds(LONG)
    with tagging(iam):
        aws.restore(number)
        iam.tag_role(RoleName="app", Tags=[{"Key": "other", "Value": ""}])
    assert [tag["Key"] for tag in iam.get_role(RoleName="app")["Role"]["Tags"]] == ["other"]
