"""Writes docs/aws-calls.md: the AWS calls that xeks makes, what permits them, and when they are sent again.

With --check it writes nothing and fails if the page is out of date. Sources: the calls in src/ (`call_sites`,
`retries`, `error_kinds`), the Service Authorization Reference, botocore's models of the services, and the policies of
the runners that the tests have.
"""

import argparse
import json
import re
import sys
from functools import cache

import botocore.session
from authorization import Action, actions_like, is_of_type
from botocore.model import ServiceModel
from call_sites import ROOT, sites, sources
from error_kinds import kinds
from retries import TIMEOUTS, repeats, seconds

PAGE = ROOT / "docs" / "aws-calls.md"
POLICIES = ROOT / "tests" / "aws_emulator" / "aws_emulator" / "policies"
ACCOUNTS = ("cluster", "workload")

# What a call takes besides the dependent actions of the reference, which names some of them only → when, if not always.
ALONG = {
    # EKS user guide, "Tagging your Amazon EKS resources"; IAM user guide, "Tags for IAM resources": with tags, which
    # every create of xeks has that can have them.
    "eks:CreateAccessEntry": {"eks:TagResource": ""},
    "iam:CreateInstanceProfile": {"iam:TagInstanceProfile": ""},
    "iam:CreateOpenIDConnectProvider": {"iam:TagOpenIDConnectProvider": ""},
    "iam:CreateRole": {"iam:TagRole": ""},
    # IAM user guide, "Pass session tags in AWS STS", "Monitor and control actions taken with assumed roles".
    "sts:AssumeRole": {"sts:TagSession": "with session tags", "sts:SetSourceIdentity": "with a source identity"},
}

# Why the runners' policies have nothing of a call. The third and fourth: AWS STS API reference, of each call.
NOT_GRANTED = {
    "iam:GetAccountAuthorizationDetails": "none: it is optional ([permissions](guides/permissions.md))",
    "sts:AssumeRole": "none: it is for the credentials that `assume_role` and live checks start with",
    "sts:AssumeRoleWithWebIdentity": "none: it has no credentials, and the role's trust policy permits it",
    "sts:GetCallerIdentity": "none: it needs no permission",
}

FRONT = """\
# AWS calls

<!-- Written by `make docs` (tools/calls.py); the tests fail where this page is out of date. -->

xeks calls {count} operations of Amazon EC2, Amazon EKS, IAM and AWS STS. This page lists the permissions that each
call needs, the account in which the role that runs xeks needs them, and the errors after which xeks sends the call
again.

- **Call**: the operation, with a link to AWS's API reference.
- **Purpose**: what it does, in the words of the [Service Authorization Reference][reference].
- **Model**: the version of the service's API whose model has the operation. AWS generates its SDKs from these models.
- **Authorized by**: each action that the caller must be allowed, with the types of resources that it is allowed on;
  `*` if it has none. xeks tags what it creates, so most creates also need an action that tags.
- **Runner policy**: the account in which the policy of the role that runs xeks allows these actions.
  [Permissions that xeks needs](guides/permissions.md) shows the policies;
  [`xeks_runner_policy`](data-sources/runner_policy.md) renders yours.
- **Retried on**: the [errors](#errors) after which xeks sends the call again, and for how long. A dash: only the
  [AWS SDK](#retries) repeats the call.

| Call | Purpose | Model | Authorized by | Runner policy | Retried on |
|---|---|---|---|---|---|
"""

RETRIES = """
## Retries

The AWS SDK repeats a call first. By default, it makes up to {attempts} attempts in `standard` mode; `max_retries`
and `retry_mode` in the provider's configuration change that. It repeats a call if AWS throttles it, if the connection
fails or times out (an attempt ends after {attempt} without a response), and on the HTTP status codes 500, 502, 503 and
504. Once AWS throttles a call, all calls of the run to that account, region and service wait for their turn, at the
rate that AWS accepts; this wait counts toward no timeout of an attempt.

If the call still fails, a resource sends it again on the errors in the table, until it succeeds or the time is over.
Pauses double from {first} to {longest}, with jitter. `timeouts` is the time that the resource's attribute `timeouts`
gives to the operation, by default {default}; it also ends every shorter wait of a resource. Data sources don't repeat
calls: they report the error.

Other errors are answers, such as that an object does not exist, or end the operation. After the last call of an apply,
xeks repeats its reads for up to {propagation}, until they show what it created and no longer show what it
deleted. A destroy is followed by such reads only if the same process creates an object of that name.
"""

ERRORS = """
## Errors

AWS uses several codes for one condition, depending on the service. xeks groups them by what they mean for the caller.
These are the groups in the table; `*` in a code stands for any text:

| Group | Meaning | Codes |
|---|---|---|
"""

BACK = """
## Other requests

- The AWS SDK obtains the credentials that the provider starts with. Depending on the profile, it calls IAM Identity
  Center (`sso:GetRoleCredentials`, `sso-oidc:CreateToken`), AWS STS, or the metadata endpoint of an instance or a
  container.
- A live check of [`xeks_access_path`](data-sources/access_path.md) calls the cluster's API server. The token that it
  sends contains a presigned `sts:GetCallerIdentity`, which the cluster sends to AWS STS.

[reference]: https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--check", action="store_true")
    check = arguments.parse_args().check
    if not check:
        PAGE.write_text(page())
        return 0
    current = PAGE.exists() and PAGE.read_text() == page()
    if not current:
        print(f"{PAGE.relative_to(ROOT)} is out of date: run `make docs`.")
    return 0 if current else 1


def page() -> str:
    rows = "".join(f"| {' | '.join(row(call))} |\n" for call in calls())
    return f"{FRONT.format(count=len(calls()))}{rows}{retries()}{ERRORS}{errors()}{BACK}"


@cache
def calls() -> tuple[str, ...]:
    return tuple(sorted({site.call for site in sites()}))


def row(call: str) -> tuple[str, ...]:
    action = reference(call)
    return (
        f"[`{call}`]({action.link})",
        purpose(action),
        version(call),
        "<br>".join(authorized_by(call)),
        runner_policy(call),
        "<br>".join(retried_on(call)) or "—",
    )


def reference(call: str) -> Action:
    """The action of the same name."""
    found = actions_like(call)
    assert found, f"the Service Authorization Reference has no action {call}"
    return found[0]


def purpose(action: Action) -> str:
    """The description, without details."""
    first = re.split(r"\. |, including | \((?:eg|in)\b", action.description.removeprefix("Grants permission to "))[0]
    return first[:1].upper() + first[1:]


def version(call: str) -> str:
    return model(call).api_version if operation(call) in model(call).operation_names else "none"


def model(call: str) -> ServiceModel:
    return service_model(call.partition(":")[0])


@cache
def service_model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


def operation(call: str) -> str:
    return call.partition(":")[2]


def actions(call: str) -> dict[str, str]:
    """The actions that authorize a call → when, if not always."""
    return {call: "", **dict.fromkeys(sorted(reference(call).dependent), ""), **ALONG.get(call, {})}


def authorized_by(call: str) -> list[str]:
    of_call = resource_types(call)
    lines = []
    for action, when in actions(call).items():
        # What a call tags is what it makes, and an action that tags is for more than that.
        types = [kind for kind in resource_types(action) if kind in of_call] or resource_types(action)
        lines.append(f"`{action}` on {', '.join(types) or '`*`'}{f', {when}' if when else ''}")
    return lines


def resource_types(action: str) -> list[str]:
    """Those that the policies name: an action such as ec2:CreateTags has more than xeks uses."""
    types = reference(action).types
    resources = [arn for each in granted().get(action, {}).values() for arn in each]
    named = [kind for kind in types if any(is_of_type(arn, kind) for arn in resources)]
    return [kind.name for kind in named or types]


def runner_policy(call: str) -> str:
    accounts = [account for account in ACCOUNTS if all(account in granted().get(each, {}) for each in actions(call))]
    if len(accounts) == len(ACCOUNTS):
        return "both"
    return accounts[0] if accounts else NOT_GRANTED.get(call, "none")


@cache
def granted() -> dict[str, dict[str, list[str]]]:
    """Action → account → resources."""
    found: dict[str, dict[str, list[str]]] = {}
    for account in ACCOUNTS:
        for statement in json.loads((POLICIES / f"{account}.json").read_text())["Statement"]:
            for action in as_list(statement["Action"]):
                found.setdefault(action, {}).setdefault(account, []).extend(as_list(statement["Resource"]))
    return found


def retried_on(call: str) -> list[str]:
    by_limit: dict[tuple[str, str], list[str]] = {}
    for repeat in repeats(call):
        by_limit.setdefault((repeat.limit, repeat.condition), []).extend(repeat.errors)
    lines = []
    for (name, condition), errors in by_limit.items():
        on = f"{', '.join(in_markdown(error) for error in errors)}: " if errors else ""
        lines.append(f"{on}{limit(name)}{f', {condition}' if condition else ''}")
    return lines


def in_markdown(error: str) -> str:
    return f"*{error}*" if error in kinds() else f"`{error}`"


def limit(name: str) -> str:
    return f"`{TIMEOUTS}`" if name == TIMEOUTS else duration(name)


def duration(constant: str) -> str:
    number = seconds(constant)
    return f"{number // 60} minutes" if number >= 120 else f"{number} seconds"


def retries() -> str:
    return RETRIES.format(
        attempts=re.search(r"\bMAX_ATTEMPTS: u32 = (\d+);", sources()["aws/account.rs"])[1],
        attempt=duration("ANSWER_TIMEOUT"),
        first=duration("FIRST_PAUSE"),
        longest=duration("LONGEST_PAUSE"),
        default=duration("DEFAULT_TIMEOUT"),
        propagation=duration("PROPAGATION"),
    )


def errors() -> str:
    """The groups that the table names, and those that they refer to."""
    named = {error for call in calls() for repeat in repeats(call) for error in repeat.errors}
    shown = [kind for kind in kinds().values() if kind.name in named]
    return "".join(f"| *{kind.name}* | {kind.meaning} | {', '.join(kind.codes)} |\n" for kind in shown)


def as_list(value) -> list:
    return value if isinstance(value, list) else [value]


if __name__ == "__main__":
    sys.exit(main())
