"""OpenID Connect providers.

Owns: the provider calls of IAM. Must not know: tokens (that is STS) nor the roles that name a provider.
"""

import re
from urllib.parse import urlsplit

from ministack.services import iam

from .call import AwsError, handles
from .iam_calls import missing, now, taggable, tagged


@handles("iam", "CreateOpenIDConnectProvider")
def create(call):
    """API reference: url begins with https:// and matches the token's iss; one provider per url and account;
    thumbprints may be left out (IAM then trusts its library of CAs)."""
    url = call.params["Url"]
    name = _name_of(url)
    arn = f"arn:aws:iam::{call.account}:oidc-provider/{name}"
    clients = _clients(call.params.get("ClientIDList", []))
    prints = _thumbprints(call.params.get("ThumbprintList", []))
    tags = tagged([], call.params.get("Tags", []))
    if arn in iam._oidc_providers:
        raise AwsError("EntityAlreadyExists", f"Provider with url {url} already exists.")
    iam._oidc_providers[arn] = {
        "Arn": arn,
        "Url": name,
        "ClientIDList": clients,
        "ThumbprintList": prints,
        "CreateDate": now(),
        "Tags": tags,
    }
    return {"OpenIDConnectProviderArn": arn, "Tags": tags}


@handles("iam", "GetOpenIDConnectProvider")
def get(call):
    """API reference, example response: Url comes back without its https://."""
    provider = _found(call)
    return {member: provider[member] for member in ("Url", "ClientIDList", "ThumbprintList", "CreateDate", "Tags")}


@handles("iam", "ListOpenIDConnectProviders")
def list_all(call):
    """API reference: takes no parameters and answers all ARNs at once."""
    return {"OpenIDConnectProviderList": [{"Arn": arn} for arn in sorted(iam._oidc_providers)]}


@handles("iam", "DeleteOpenIDConnectProvider")
def delete(call):
    """API reference: "This operation is idempotent; it does not fail or return an error if you call the operation
    for a provider that does not exist." Roles that name the provider stay as they are."""
    iam._oidc_providers.pop(call.params["OpenIDConnectProviderArn"], None)
    return {}


@handles("iam", "AddClientIDToOpenIDConnectProvider")
def add_client(call):
    """API reference: "idempotent; it does not fail or return an error if you add an existing client ID"."""
    provider = _found(call)
    provider["ClientIDList"] = _clients(provider["ClientIDList"] + [call.params["ClientID"]])
    return {}


@handles("iam", "RemoveClientIDFromOpenIDConnectProvider")
def remove_client(call):
    """API reference: "idempotent; it does not fail or return an error if you try to remove a client ID that does
    not exist"."""
    provider = _found(call)
    provider["ClientIDList"] = [client for client in provider["ClientIDList"] if client != call.params["ClientID"]]
    return {}


@handles("iam", "UpdateOpenIDConnectProviderThumbprint")
def update_thumbprints(call):
    """API reference: "The list that you pass with this operation completely replaces the existing list"."""
    provider = _found(call)
    provider["ThumbprintList"] = _thumbprints(call.params["ThumbprintList"])
    return {}


def _found(call):
    arn = call.params["OpenIDConnectProviderArn"]
    if arn not in iam._oidc_providers:
        raise missing(f"OpenIDConnect Provider not found for arn {arn}")
    return iam._oidc_providers[arn]


def _name_of(url):
    """API reference, CreateOpenIDConnectProvider: "The URL must begin with https:// ... Per the OIDC standard, path
    components are allowed but query parameters are not. ... The URL should not contain a port number"."""
    parts = urlsplit(url)
    if not parts.scheme or not parts.netloc:
        raise AwsError("ValidationError", "Invalid Open ID Connect Provider URL")
    if parts.scheme != "https":
        raise AwsError("InvalidInput", "Invalid Open ID Connect Provider URL. The URL must begin with https://.")
    if parts.query or parts.fragment or ":" in parts.netloc:
        raise AwsError("InvalidInput", "Invalid Open ID Connect Provider URL.")
    return url.removeprefix("https://")


def _clients(clients):
    """IAM quotas: 100 client IDs per provider."""
    unique = list(dict.fromkeys(clients))
    if len(unique) > 100:
        raise AwsError("LimitExceeded", "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100")
    return unique


def _thumbprints(prints):
    """API reference: "the thumbprint is the hex-encoded SHA-1 hash", always 40 characters, up to five of them."""
    if len(prints) > 5:
        raise AwsError("InvalidInput", "Thumbprint list must contain fewer than 5 entries.")
    if not all(re.fullmatch(r"[0-9a-fA-F]{40}", thumbprint) for thumbprint in prints):
        raise AwsError("InvalidInput", "Invalid thumbprint: it must be 40 hexadecimal digits.")
    return [thumbprint.lower() for thumbprint in prints]


taggable("OpenIDConnectProvider", _found)
