"""The clusters' OIDC issuers: each has its own key, signs service-account tokens and shows its key set.

Owns: the keys, signing, the discovery documents, verifying a signature. Must not know: who may do what with a token.

EKS user guide, "IAM roles for service accounts": the token's issuer is the cluster's, its subject
system:serviceaccount:NS:NAME, its audience a list, as Kubernetes projects it.
"""

import base64
import functools
import json
import time
import uuid

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from ministack.services import eks as stock

from . import eks_clusters


def service_account_token(
    cluster: str,
    namespace: str,
    name: str,
    audience: str | list[str] = "sts.amazonaws.com",
    account: str = "",
    region: str = "",
    lifetime: int = 3600,
    **claims,
) -> str:
    """A token as the kubelet would project it into a pod of this service account; `claims` replace what it says."""
    issuer = eks_clusters.find(cluster, account, region)["identity"]["oidc"]["issuer"]
    now = int(time.time())
    body = {
        "aud": audience if isinstance(audience, list) else [audience],
        "exp": now + lifetime,
        "iat": now,
        "nbf": now,
        "iss": issuer,
        "jti": str(uuid.uuid4()),
        "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": name, "uid": str(uuid.uuid4())}},
        "sub": f"system:serviceaccount:{namespace}:{name}",
    }
    return _signed(issuer, body | claims)


def is_issuer(url: str) -> bool:
    """Whether a cluster that exists has this issuer: only then can its keys be fetched."""
    return any(cluster["identity"]["oidc"]["issuer"] == url for _, cluster in stock._clusters.all_items())


def verified(token: str) -> bool:
    """Whether the issuer that the token names has signed it."""
    head, body, signature = token.split(".")
    issuer, header = claims_of(token)["iss"], json.loads(_decoded(head))
    key = _public_key(issuer, header.get("kid"))
    if key is None or header.get("alg") != "RS256":
        return False
    try:
        key.verify(_decoded(signature), f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def publish(cluster: str, account: str, region: str, keys: list[dict]) -> None:
    """For the tests: the issuer shows the keys of an API server that signs its own tokens, in place of the one here."""
    _published[eks_clusters.find(cluster, account, region)["identity"]["oidc"]["issuer"]] = keys


def claims_of(token: str) -> dict:
    """What the token says, unverified; raises ValueError if it is no JWT."""
    if token.count(".") != 2:
        raise ValueError("no JWT")
    claims = json.loads(_decoded(token.split(".")[1]))
    if not isinstance(claims, dict):
        raise ValueError("no JWT")
    return claims


def document(path: str) -> dict | None:
    """What the issuer serves at /id/ID/.well-known/openid-configuration and /id/ID/keys, by path, or None."""
    for _, cluster in stock._clusters.all_items():
        issuer = cluster["identity"]["oidc"]["issuer"]
        base = "/id/" + issuer.rsplit("/", 1)[1]
        if path == base + "/keys":
            return {"keys": _published.get(issuer) or [_public(issuer)]}
        if path == base + "/.well-known/openid-configuration":
            return {
                "issuer": issuer,
                "jwks_uri": f"{issuer}/keys",
                "authorization_endpoint": "urn:kubernetes:programmatic_authorization",
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
                "claims_supported": ["sub", "iss"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
    return None


#: Issuer -> the key set of a real API server.
_published: dict[str, list[dict]] = {}


def _public_key(issuer: str, key_id: str | None) -> rsa.RSAPublicKey | None:
    """The key that a token of this header was signed with, as far as the issuer shows it."""
    if issuer not in _published:
        return _key(issuer).public_key()
    key = next((key for key in _published[issuer] if key["kid"] == key_id), None)
    if key is None:
        return None
    n, e = (int.from_bytes(_decoded(key[name])) for name in ("n", "e"))
    return rsa.RSAPublicNumbers(e, n).public_key()


@functools.cache
def _key(issuer: str) -> rsa.RSAPrivateKey:
    """Made when first needed: an RSA key costs 50 ms."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _public(issuer: str) -> dict:
    numbers = _key(issuer).public_key().public_numbers()
    parts = {
        name: _encoded(n.to_bytes((n.bit_length() + 7) // 8, "big")) for name, n in (("n", numbers.n), ("e", numbers.e))
    }
    return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": _key_id(issuer)} | parts


def _key_id(issuer: str) -> str:
    return uuid.uuid5(uuid.NAMESPACE_URL, issuer).hex


def _signed(issuer: str, claims: dict) -> str:
    head = _encoded(json.dumps({"alg": "RS256", "kid": _key_id(issuer)}).encode())
    body = _encoded(json.dumps(claims).encode())
    signature = _key(issuer).sign(f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{head}.{body}.{_encoded(signature)}"


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
