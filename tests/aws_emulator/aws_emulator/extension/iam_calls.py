"""What IAM's calls have in common: pages, tags, unique ids, the words for "no such thing".

Owns: these helpers. Must not know: any single kind of object.
"""

import base64
import secrets
import string
import time

from .call import AwsError, handles


def missing(message):
    return AwsError("NoSuchEntity", message)


def page(items, params, key, size=100):
    """One page of `items` after the marker, and the IsTruncated and Marker members that go with it.

    IAM API reference, every List operation: MaxItems defaults to 100; when there is more, IsTruncated is true
    and Marker holds the value for the next call.
    """
    items = sorted(items, key=key)
    if "Marker" in params:
        try:
            after = base64.urlsafe_b64decode(params["Marker"]).decode()
        except ValueError:
            raise AwsError("ValidationError", "Invalid Marker.") from None
        items = [item for item in items if key(item) > after]
    limit = params.get("MaxItems", size)
    if len(items) <= limit:
        return items, {"IsTruncated": False}
    marker = base64.urlsafe_b64encode(key(items[limit - 1]).encode()).decode()
    return items[:limit], {"IsTruncated": True, "Marker": marker}


def new_id(prefix):
    """A unique id as IAM's: the type's prefix and 17 letters or digits (IAM user guide, IAM identifiers)."""
    return prefix + "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(17))


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def taggable(kind, found, changeable=None, fold=False):
    """Offers the three calls about the tags of that kind. `found` and `changeable` give the object that a call names,
    the second only if it may be changed."""
    changeable = changeable or found

    @handles("iam", f"Tag{kind}")
    def tag(call):
        thing = changeable(call)
        thing["Tags"] = tagged(thing["Tags"], call.params["Tags"], fold)
        return {}

    @handles("iam", f"Untag{kind}")
    def untag(call):
        thing = changeable(call)
        thing["Tags"] = untagged(thing["Tags"], call.params["TagKeys"], fold)
        return {}

    @handles("iam", f"List{kind}Tags")
    def list_tags(call):
        tags, more = page(found(call)["Tags"], call.params, key=lambda tag: tag["Key"])
        return {"Tags": tags, **more}


def tagged(tags, added, fold=False):
    """`tags` with `added`, or IAM's refusal. `fold`: keys that differ only in case are the same key.

    IAM user guide, "Tags for IAM resources": at most 50 tags; no key or value may begin with `aws:`; keys of
    users and roles are not case sensitive (but keep the case they were last given), all others are.
    """
    same = str.lower if fold else str
    if len({same(tag["Key"]) for tag in added}) < len(added):
        raise AwsError("InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    if any(text.lower().startswith("aws:") for tag in added for text in (tag["Key"], tag["Value"])):
        raise AwsError("InvalidInput", "aws: prefixed tag key names are not allowed for external use.")
    result = {same(tag["Key"]): tag for tag in tags} | {same(tag["Key"]): tag for tag in added}
    if len(result) > 50:
        raise AwsError("LimitExceeded", "The number of tags has reached the maximum limit.")
    return [{"Key": tag["Key"], "Value": tag["Value"]} for tag in result.values()]


def untagged(tags, keys, fold=False):
    """`tags` without those keys; keys that are not there are no error (API reference, UntagRole)."""
    same = str.lower if fold else str
    gone = {same(key) for key in keys}
    return [tag for tag in tags if same(tag["Key"]) not in gone]
