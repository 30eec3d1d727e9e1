"""Objects of a bucket, by a role's session and by URLs that it signed. "Guide" is the S3 user guide."""

import time
import urllib.error
import urllib.request

import pytest

from objects import document, make_role, on_instance, remove_role

BUCKET = "uploads"
READ_WRITE = {"Action": ["s3:GetObject", "s3:PutObject"], "Resource": f"arn:aws:s3:::{BUCKET}/mine/*"}
PLACE = {"CreateBucketConfiguration": {"LocationConstraint": "ap-south-1"}}


@pytest.fixture
def owner(aws):
    """The bucket's owner, with one object in each of two folders."""
    s3 = aws.client("workload", "s3")
    s3.create_bucket(Bucket=BUCKET, **PLACE)
    for key in ("mine/a", "theirs/a"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"there")
    return s3


def of_role(aws, account: str = "workload"):
    """S3 by an instance with a role that may read and write below mine/."""
    make_role(aws, account, "app", allow=READ_WRITE)
    return aws.client(account, "s3", on_instance(aws, account, "app"))


def presigned(s3, method: str, key: str, seconds: int = 60) -> str:
    return s3.generate_presigned_url(method, Params={"Bucket": BUCKET, "Key": key}, ExpiresIn=seconds)


def fetch(url: str, body: bytes | None = None, method: str = "GET") -> tuple[int, str]:
    """Status, and the body or what is between <Code> and </Code>."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, method=method), timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        text = error.read().decode()
        return error.code, text.split("<Code>")[1].split("</Code>")[0]


def test_a_session_does_what_its_roles_policy_allows(aws, owner):
    """Guide, "Policy actions for Amazon S3": object actions are checked on the object's ARN."""
    s3 = of_role(aws)
    assert s3.get_object(Bucket=BUCKET, Key="mine/a")["Body"].read() == b"there"
    s3.put_object(Bucket=BUCKET, Key="mine/b", Body=b"new")
    for call, action in (
        (s3.get_object, "GetObject"),
        (s3.put_object, "PutObject"),
        (s3.delete_object, "DeleteObject"),
    ):
        with pytest.raises(s3.exceptions.ClientError, match=rf"AccessDenied.* not authorized to perform: s3:{action}"):
            call(Bucket=BUCKET, Key="theirs/a")
    with pytest.raises(s3.exceptions.ClientError, match=r"AccessDenied.* s3:ListBucket"):
        s3.list_objects_v2(Bucket=BUCKET)


def test_a_presigned_url_may_what_its_signer_may_when_it_is_used(aws, owner):
    """Guide, "Download and upload objects with presigned URLs": "The capabilities of a presigned URL are limited by the
    permissions of the user who created it"; anyone may sign."""
    s3 = of_role(aws)
    assert fetch(presigned(s3, "put_object", "mine/b"), b"new", "PUT") == (200, "")
    url = presigned(s3, "get_object", "mine/b")
    assert fetch(url) == (200, "new")
    assert fetch(presigned(s3, "get_object", "theirs/a")) == (403, "AccessDenied")
    assert fetch(presigned(s3, "put_object", "theirs/a"), b"new", "PUT") == (403, "AccessDenied")

    aws.client("workload", "iam").put_role_policy(
        RoleName="app",
        PolicyName="deny",
        PolicyDocument=document({"Effect": "Deny", "Action": "s3:*", "Resource": "*"}),
    )
    assert fetch(url) == (403, "AccessDenied")


def test_a_presigned_url_is_for_one_object_one_method_and_a_time(aws, owner):
    """S3 API reference, "Authenticating requests: using query parameters": all of it is signed."""
    s3 = of_role(aws)
    url = presigned(s3, "get_object", "mine/a")
    assert fetch(url.replace("mine/a", "mine/b")) == (403, "SignatureDoesNotMatch")
    assert fetch(url, b"", "PUT") == (403, "SignatureDoesNotMatch")
    assert fetch(url.replace("X-Amz-Expires=60", "X-Amz-Expires=61")) == (403, "SignatureDoesNotMatch")
    short = presigned(s3, "get_object", "mine/a", 1)
    time.sleep(2.1)
    assert fetch(short) == (403, "AccessDenied")


def test_a_session_of_a_deleted_role_opens_nothing(aws, owner):
    """IAM user guide, "Delete roles or instance profiles": applications that use the role are refused at once. One of
    the same name that is made later changes nothing: a session belongs to the role's unique id ("IAM identifiers")."""
    s3 = of_role(aws)
    url = presigned(s3, "get_object", "mine/a")
    assert fetch(url) == (200, "there")
    remove_role(aws, "workload", "app")

    assert fetch(url)[0] == 403
    with pytest.raises(s3.exceptions.ClientError, match="AccessDenied"):
        s3.get_object(Bucket=BUCKET, Key="mine/a")

    again = of_role(aws)
    assert again.get_object(Bucket=BUCKET, Key="mine/a")["Body"].read() == b"there"
    assert fetch(url)[0] == 403


def test_a_role_of_another_account_may_nothing_by_its_own_policy_alone(aws, owner):
    """Guide, "Bucket owner granting cross-account bucket permissions": both accounts must allow."""
    s3 = of_role(aws, "cluster")
    with pytest.raises(s3.exceptions.ClientError, match="AccessDenied"):
        s3.get_object(Bucket=BUCKET, Key="mine/a")
    assert fetch(presigned(s3, "get_object", "mine/a")) == (403, "AccessDenied")
