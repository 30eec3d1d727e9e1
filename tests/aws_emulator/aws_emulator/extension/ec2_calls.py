"""What EC2's calls have in common: the dry run, filters, pages, ids, tags, CIDR blocks.

Owns: the `operation` decorator and these helpers. Must not know: any single kind of resource.
"""

import fnmatch
import functools
import inspect
import ipaddress
import secrets

from ministack.services import ec2 as stock

from .call import AwsError, handles


def operation(*actions):
    """Answer these EC2 calls with the decorated function; a dry run ends where it would begin.

    EC2 API reference, common parameter DryRun: "If you have the required permissions, the error response is
    DryRunOperation." Permissions have been checked by then.
    """

    def register(function):
        @functools.wraps(function)
        async def answered(call):
            if call.params.get("DryRun"):
                raise AwsError("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)
            result = function(call)
            return await result if inspect.isawaitable(result) else result

        return handles("ec2", *actions)(answered)

    return register


def new_id(prefix):
    return f"{prefix}-{secrets.token_hex(9)[:17]}"


def tags_of(resource_id):
    return [dict(tag) for tag in stock._tags.get(resource_id) or []]


def put_tags(resource_id, tags):
    """Give a resource exactly these tags; without any, no trace of it is kept."""
    stock._tags.pop(resource_id, None)
    if tags:
        stock._tags[resource_id] = [dict(tag) for tag in tags]


def check_tags(tags):
    """EC2 user guide, Tag your resources: 50 tags, keys to 127 and values to 255 characters, no `aws:` prefix."""
    check_reserved(tags)
    for tag in tags:
        if not 1 <= len(tag["Key"]) <= 127 or len(tag.get("Value", "")) > 255:
            raise invalid(f"Tag ( {tag['Key']} ) exceeds the maximum length: 127 for keys, 255 for values.")
    if len({tag["Key"] for tag in tags}) > 50:
        raise AwsError("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")


def check_reserved(tags):
    """EC2 user guide, Tag your resources: "You can't edit or delete tag names or values with this prefix"."""
    for tag in tags:
        if is_reserved(tag):
            raise invalid(
                f"Value ( {tag['Key']} ) for parameter key is invalid. Tag keys starting with 'aws:' are reserved "
                "for internal use"
            )


def is_reserved(tag):
    """What AWS itself sets; these don't count against the limit of 50."""
    return tag["Key"].lower().startswith("aws:")


def tags_for(call, resource_type):
    """The tags that a creating call asks for, checked: its TagSpecifications of this resource type."""
    found = []
    for specification in call.params.get("TagSpecifications", []):
        if specification.get("ResourceType") != resource_type:
            raise invalid(f"'{specification.get('ResourceType')}' is not a valid taggable resource type for this call.")
        found += [{"Key": tag["Key"], "Value": tag.get("Value", "")} for tag in specification.get("Tags", [])]
    check_tags(found)
    return found


def chosen(call, records, id_member, ids, missing, values):
    """The records that a Describe call asks for, in pages: by id, else all; and by filters.

    `values` gives a record's values per filter name. EC2 API reference, Filter: values of one filter are
    alternatives, filters must all match, `*` and `?` are wildcards; an unknown filter is refused.
    """
    for wanted in ids:
        if wanted not in {record[id_member] for record in records}:
            raise missing(wanted)
    found = [record for record in records if not ids or record[id_member] in ids]
    for each in call.params.get("Filters", []):
        found = [record for record in found if _passes(each, {**values(record), **_tag_values(record[id_member])})]
    return _page(found, call.params)


def network(text, parameter="cidrBlock"):
    """A CIDR block in EC2's canonical form: 100.68.0.18/18 becomes 100.68.0.0/18 (API reference, CreateRoute)."""
    try:
        return str(ipaddress.ip_network(text, strict=False)) if "/" in text else _not_a_block(text, parameter)
    except ValueError:
        _not_a_block(text, parameter)


def overlap(one, other):
    one, other = ipaddress.ip_network(one), ipaddress.ip_network(other)
    return one.version == other.version and one.overlaps(other)


def within(inner, outer):
    inner, outer = ipaddress.ip_network(inner), ipaddress.ip_network(outer)
    return inner.version == outer.version and inner.subnet_of(outer)


def invalid(message):
    return AwsError("InvalidParameterValue", message)


def _not_a_block(text, parameter):
    raise invalid(f"Value ({text}) for parameter {parameter} is invalid. This is not a valid CIDR block.")


def _tag_values(resource_id):
    tags = tags_of(resource_id)
    named = {f"tag:{tag['Key']}": [tag["Value"]] for tag in tags}
    return {"tag-key": [tag["Key"] for tag in tags], "tag-value": [tag["Value"] for tag in tags], **named}


def _passes(each, values):
    name = each.get("Name", "")
    if name not in values and not name.startswith("tag:"):
        raise invalid(f"The filter '{name}' is invalid")
    return any(
        fnmatch.fnmatchcase(str(value), pattern.replace("[", "[[]"))
        for value in values.get(name, [])
        for pattern in each.get("Values", [])
    )


def _page(records, params):
    """API reference, MaxResults: with it, the answer has a NextToken when there is more; without it, all come."""
    start = int(params["NextToken"]) if str(params.get("NextToken", "")).isdigit() else 0
    end = start + params["MaxResults"] if params.get("MaxResults") else len(records)
    return records[start:end], ({"NextToken": str(end)} if end < len(records) else {})
