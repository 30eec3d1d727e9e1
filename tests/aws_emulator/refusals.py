"""What a refused call looks like to boto3, as one context manager for all tests here."""

from contextlib import contextmanager

import pytest
from botocore.exceptions import ClientError


@contextmanager
def refused(code, message="", status=None):
    """The block ends in an error answer of this code, with `message` somewhere in its message."""
    with pytest.raises(ClientError) as raised:
        yield raised
    error = raised.value.response["Error"]
    assert (error["Code"], message in error["Message"]) == (code, True), error
    if status:
        assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert raised.value.response["ResponseMetadata"]["RequestId"]
