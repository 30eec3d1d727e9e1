"""Users: their tags, and what becomes of the trust in them. The rest of their calls is ministack's own.

Owns: those calls of IAM. Must not know: roles.
"""

from ministack.services import iam

from . import iam_principals
from .call import handles
from .iam_calls import missing, taggable, tagged


@handles("iam", "CreateUser")
async def create(call):
    """API reference: with an invalid tag "the entire request fails and the resource is not created"."""
    tagged([], call.params.get("Tags", []), fold=True)
    return await call.stock()


@handles("iam", "GetUser")
async def get_user(call):
    """API reference: without a name, it is the user who signs; ministack answers with the root user."""
    if call.caller.kind == "User" and "UserName" not in call.params:
        return await call.stock(UserName=call.caller.arn.rsplit("/", 1)[-1])
    return await call.stock()


@handles("iam", "DeleteUser")
async def delete(call):
    """ministack's own, and then what becomes of the trust in that user."""
    user = iam._users.get(call.params["UserName"])
    answer = await call.stock()
    iam_principals.forget(user["Arn"], user["UserId"])
    return answer


def _found(call):
    name = call.params["UserName"]
    if name not in iam._users:
        raise missing(f"The user with name {name} cannot be found.")
    return iam._users[name]


taggable("User", _found, fold=True)
