"""Tokens for a cluster, as `aws eks get-token` makes them, from nothing but credentials."""

import base64

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as Signer


def token(credentials, cluster="c", host="sts.ap-south-1.amazonaws.com", expires=60, query="", headers=None) -> str:
    """AWS CLI, customizations/eks/get_token.py: a presigned GetCallerIdentity, the cluster's name a signed header."""
    url = f"https://{host}/?Action=GetCallerIdentity&Version=2011-06-15{query}"
    request = AWSRequest("GET", url, headers={"x-k8s-aws-id": cluster} if headers is None else headers)
    signer = Signer(credentials.access_key_id, credentials.secret_access_key, credentials.session_token)
    SigV4QueryAuth(signer, "sts", "ap-south-1", expires=expires).add_auth(request)
    return "k8s-aws-v1." + base64.urlsafe_b64encode(request.url.encode()).decode().rstrip("=")
