"""OpenID Connect providers. "API reference" is the IAM API reference, page of the call in the test's name or body."""

import pytest
from refusals import refused

URL = "https://oidc.eks.ap-south-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE"
PRINT = "9e99a48a9960b14926bb7f3b02e22da2b0ab7280"


@pytest.fixture
def iam(aws):
    return aws.client("workload", "iam")


@pytest.fixture
def arn(iam):
    return iam.create_open_id_connect_provider(Url=URL, ClientIDList=["sts.amazonaws.com"])["OpenIDConnectProviderArn"]


def test_a_provider_comes_back_as_made_but_its_url_without_https(aws, iam):
    """API reference, CreateOpenIDConnectProvider (ARN, tags) and GetOpenIDConnectProvider (example: Url)."""
    tags = [{"Key": "owner", "Value": ""}]
    made = iam.create_open_id_connect_provider(Url=URL, ClientIDList=["a", "b"], ThumbprintList=[PRINT], Tags=tags)
    arn = f"arn:aws:iam::{aws.accounts['workload'].id}:oidc-provider/{URL.removeprefix('https://')}"
    assert (made["OpenIDConnectProviderArn"], made["Tags"]) == (arn, tags)
    provider = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert provider["Url"] == URL.removeprefix("https://")
    assert (provider["ClientIDList"], provider["ThumbprintList"]) == (["a", "b"], [PRINT])
    assert provider["Tags"] == tags
    assert iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == [{"Arn": arn}]


def test_thumbprints_may_be_left_out(iam, arn):
    """API reference, CreateOpenIDConnectProvider: "This parameter is optional." """
    assert iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)["ThumbprintList"] == []


def test_one_provider_per_url_and_account(aws, iam, arn):
    """API reference, CreateOpenIDConnectProvider: EntityAlreadyExists, 409; the other account is free to have one."""
    with refused("EntityAlreadyExists", f"Provider with url {URL} already exists.", 409):
        iam.create_open_id_connect_provider(Url=URL)
    aws.client("cluster", "iam").create_open_id_connect_provider(Url=URL)


@pytest.mark.parametrize(
    "url, code, message",
    [
        ("oidc.example.com", "ValidationError", "Invalid Open ID Connect Provider URL"),
        ("http://oidc.example.com", "InvalidInput", "must begin with https://"),
        ("https://oidc.example.com?a=b", "InvalidInput", "Invalid Open ID Connect Provider URL"),
        ("https://oidc.example.com:8443", "InvalidInput", "Invalid Open ID Connect Provider URL"),
        ("https://" + "a" * 248, "ValidationError", "less than or equal to 255"),
    ],
)
def test_a_url_is_https_without_query_or_port_and_at_most_255_long(iam, url, code, message):
    """API reference, CreateOpenIDConnectProvider, Url; the length is the model's."""
    with refused(code, message, 400):
        iam.create_open_id_connect_provider(Url=url)


def test_at_most_five_thumbprints_of_forty_hexadecimal_digits(iam):
    """API reference, CreateOpenIDConnectProvider, ThumbprintList; the length of each is the model's."""
    with refused("InvalidInput", "fewer than 5 entries", 400):
        iam.create_open_id_connect_provider(Url=URL, ThumbprintList=[str(n) * 40 for n in range(6)])
    with refused("ValidationError", "40"):
        iam.create_open_id_connect_provider(Url=URL, ThumbprintList=["a" * 39])
    with refused("InvalidInput", "hexadecimal"):
        iam.create_open_id_connect_provider(Url=URL, ThumbprintList=["z" * 40])


def test_adding_and_removing_a_client_id_is_idempotent(iam, arn):
    """API reference, AddClientIDToOpenIDConnectProvider and RemoveClientIDFromOpenIDConnectProvider: "idempotent"."""
    for _ in range(2):
        iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="mine")
    clients = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)["ClientIDList"]
    assert clients == ["sts.amazonaws.com", "mine"]
    for _ in range(2):
        iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="mine")
    clients = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)["ClientIDList"]
    assert clients == ["sts.amazonaws.com"]


def test_updated_thumbprints_replace_the_whole_list(iam, arn):
    """API reference, UpdateOpenIDConnectProviderThumbprint: "completely replaces the existing list"."""
    for prints in (["a" * 40, "b" * 40], [PRINT]):
        iam.update_open_id_connect_provider_thumbprint(OpenIDConnectProviderArn=arn, ThumbprintList=prints)
        assert iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)["ThumbprintList"] == prints


def test_tags_are_added_replaced_and_removed_by_exact_key(iam, arn):
    """IAM user guide, Tags for IAM resources: but for users and roles, tag keys are case sensitive."""
    iam.tag_open_id_connect_provider(OpenIDConnectProviderArn=arn, Tags=[{"Key": "a", "Value": "1"}])
    iam.tag_open_id_connect_provider(
        OpenIDConnectProviderArn=arn, Tags=[{"Key": "a", "Value": "2"}, {"Key": "A", "Value": "3"}]
    )
    iam.untag_open_id_connect_provider(OpenIDConnectProviderArn=arn, TagKeys=["a", "absent"])
    assert iam.list_open_id_connect_provider_tags(OpenIDConnectProviderArn=arn)["Tags"] == [{"Key": "A", "Value": "3"}]


def test_deleting_is_idempotent(iam, arn):
    """API reference, DeleteOpenIDConnectProvider: "does not fail or return an error if you call the operation for a
    provider that does not exist"."""
    for _ in range(2):
        iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == []


@pytest.mark.parametrize(
    "call, arguments",
    [
        ("get_open_id_connect_provider", {}),
        ("add_client_id_to_open_id_connect_provider", {"ClientID": "a"}),
        ("remove_client_id_from_open_id_connect_provider", {"ClientID": "a"}),
        ("update_open_id_connect_provider_thumbprint", {"ThumbprintList": []}),
        ("tag_open_id_connect_provider", {"Tags": []}),
        ("untag_open_id_connect_provider", {"TagKeys": []}),
        ("list_open_id_connect_provider_tags", {}),
    ],
)
def test_every_other_call_on_an_absent_provider_is_no_such_entity(iam, call, arguments):
    """API reference, each of these calls: NoSuchEntity, 404."""
    absent = "arn:aws:iam::185863138492:oidc-provider/oidc.example.com"
    with refused("NoSuchEntity", f"OpenIDConnect Provider not found for arn {absent}", 404):
        getattr(iam, call)(OpenIDConnectProviderArn=absent, **arguments)
