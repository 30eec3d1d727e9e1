"""What a service says of a signature that does not fit: it repeats the request, session token included.

Owns: those words. Must not know: when they are said (`faults`).
"""

from .call import AwsError, Call

_CODES = {"eks": "InvalidSignatureException"}
# IAM user guide, "Troubleshoot AWS API request signature errors". What is repeated are the canonical headers, of which
# X-Amz-Security-Token is one. AWS leaves out the body; who looks for secrets is served better with it.
_WORDS = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details. The Canonical String for this request should "
    "have been "
)


def refusal(call: Call) -> AwsError:
    return AwsError(_CODES.get(call.service, "SignatureDoesNotMatch"), f"{_WORDS}'{call.request}'", 403)


def canonical(method: str, path: str, headers: dict, query: dict, body: bytes) -> str:
    """The request, one line for each header."""
    asked = "&".join(f"{name}={value}" for name, values in query.items() for value in _listed(values))
    head = "\n".join(f"{name}:{value}" for name, value in headers.items())
    return f"{method}\n{path}\n{asked}\n{head}\n\n{body.decode(errors='replace')}"


def _listed(values: str | list[str]) -> list[str]:
    return [values] if isinstance(values, str) else values
