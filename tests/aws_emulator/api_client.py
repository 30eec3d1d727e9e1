"""A cluster's API server as a Kubernetes client uses it: over TLS, with the certificate authority that EKS returns."""

import base64
import json
import ssl
import urllib.error
import urllib.request

WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
MAY = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


def call(cluster: dict, path: str, token: str | None = None, body: dict | bytes | None = None, authority=None):
    """Status and document of a request to the cluster that DescribeCluster gave."""
    pem = base64.b64decode(authority or cluster["certificateAuthority"]["data"]).decode()
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=ssl.create_default_context(cadata=pem))
    )
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    request = urllib.request.Request(cluster["endpoint"] + path, data, headers)
    try:
        with opener.open(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def may(cluster: dict, token: str, verb: str, resource: str, namespace: str = "", group: str = "") -> bool:
    attributes = {"verb": verb, "resource": resource, "namespace": namespace, "group": group}
    status, answer = call(cluster, MAY, token, {"spec": {"resourceAttributes": attributes}})
    assert status == 201, answer
    return answer["status"]["allowed"]
