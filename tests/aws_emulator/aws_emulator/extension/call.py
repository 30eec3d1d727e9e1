"""One AWS call as the extension sees it, and the list of calls that the extension answers itself.

Owns: `Call` (who asks for what, in botocore's shapes), `AwsError` (an answer that is an error) and the
`handles` decorator. Must not know: how a call is put on the wire (`wire`), who may make it (`permissions`).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

Response = tuple[int, dict, bytes]

#: (service, action) -> handler. Filled by `handles` when `extension/__init__.py` imports the service files.
HANDLERS: dict[tuple[str, str], Callable] = {}


class AwsError(Exception):
    """An error answer: `code` as on the wire (`NoSuchEntity`), the status from the service's model unless given."""

    def __init__(self, code: str, message: str, status: int | None = None, **fields: Any):
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status, self.fields = code, message, status, fields


@dataclass
class Caller:
    """Who signed the call. `arn` is what GetCallerIdentity says, `principal_arn` what aws:PrincipalArn says."""

    account: str = ""
    arn: str = ""
    principal_arn: str = ""
    user_id: str = ""
    kind: str = "Anonymous"
    #: Parsed identity policies; None is the root user, whom no policy limits.
    policies: list | None = field(default_factory=list)
    limits: list = field(default_factory=list)
    keys: dict = field(default_factory=dict)
    #: The session's own record where the caller is a temporary session.
    session: dict | None = None

    @property
    def unique_id(self) -> str:
        """AROA… of a role session, AIDA… of a user, the account id of the root user."""
        return self.user_id.split(":")[0]


@dataclass
class Call:
    """`params` are what boto3 would have been called with; handlers answer with what boto3 would return."""

    service: str
    action: str
    account: str
    region: str
    params: dict
    caller: Caller
    request_id: str
    #: Parameters that the operation does not have, as they were sent.
    unknown: list[str] = field(default_factory=list, kw_only=True)
    #: What came over the wire, as SigV4 has it: method, path, query, headers and body.
    request: str = field(default="", kw_only=True)
    #: The permissions that were checked for it, in order.
    permissions: list[str] = field(default_factory=list, kw_only=True)
    _stock: Callable[[dict | None], Awaitable[Response]]
    _decode: Callable[[Response], dict]

    async def stock(self, **form: str | None) -> dict:
        """ministack's own answer, decoded; raises `AwsError` where that is an error.

        `form` replaces (or with None removes) raw form fields of a Query or EC2 call before ministack sees them.
        """
        return self._decode(await self._stock(form or None))

    async def forward(self) -> Response:
        """ministack's own answer, byte for byte."""
        return await self._stock(None)


def handles(service: str, *actions: str):
    """Answer these calls with the decorated function instead of ministack's own.

    The function takes the `Call` and returns the result as a dict in botocore's output shape, or raises
    `AwsError`. It may be async. A `Response` triple is passed on unchanged.
    """

    def register(function):
        for action in actions:
            assert (service, action) not in HANDLERS, f"{service}:{action} has two handlers"
            HANDLERS[service, action] = function
        return function

    return register
