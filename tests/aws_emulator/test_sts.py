"""AssumeRole and who the sessions are. "Guide" is the IAM user guide, "reference" the STS API reference."""

import json

import pytest
from aws_emulator.client import Credentials
from refusals import refused

from objects import CLUSTER_ACCOUNT, WORKLOAD_ACCOUNT, document, make_role, on_instance, remove_role, trusting

ACCESS = f"arn:aws:iam::{CLUSTER_ACCOUNT}:role/access"
ASSUME = {"Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"], "Resource": ACCESS}


@pytest.fixture
def workload(aws):
    """Credentials of a workload role that may assume the access role of the other account."""
    make_role(aws, "workload", "workload", allow=ASSUME, Path="/team/")
    return on_instance(aws, "workload", "workload")


ROLE = f"arn:aws:iam::{WORKLOAD_ACCOUNT}:role/team/workload"
DENIED = "is not authorized to perform: sts:AssumeRole on resource: " + ACCESS


def test_a_caller_has_the_arn_of_its_accounts_partition(aws):
    def arn(region: str) -> str:
        return aws.client("cluster", "sts", "root", region=region).get_caller_identity()["Arn"]

    assert arn("us-gov-west-1") == arn("eu-west-1").replace("arn:aws:", "arn:aws-us-gov:")


def test_both_sides_must_allow_across_accounts(aws, workload):
    """Guide, "Cross-account policy evaluation logic": the trust policy and the caller's own policy."""
    make_role(aws, "cluster", "access", trusting({"AWS": ROLE}))
    session = aws.assume("workload", ACCESS, workload, RoleSessionName="me")
    me = aws.client("cluster", "sts", session).get_caller_identity()
    assert me["Arn"] == f"arn:aws:sts::{CLUSTER_ACCOUNT}:assumed-role/access/me"
    assert me["Account"] == CLUSTER_ACCOUNT
    assert me["UserId"].startswith("AROA") and me["UserId"].endswith(":me")
    aws.client("workload", "iam").delete_role_policy(RoleName="workload", PolicyName="allow")
    with refused("AccessDenied", DENIED, 403):
        aws.assume("workload", ACCESS, workload)


@pytest.mark.parametrize(
    "trust",
    [
        trusting({"AWS": f"arn:aws:iam::{CLUSTER_ACCOUNT}:root"}),
        trusting({"AWS": ROLE}, action="sts:TagSession"),
        trusting({"AWS": ROLE}, StringEquals={"sts:ExternalId": "xeks"}),
        trusting({"Service": "ec2.amazonaws.com"}),
        document(
            {"Principal": {"AWS": ROLE}, "Action": "sts:AssumeRole"},
            {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"},
        ),
    ],
    ids=["another account", "another action", "an external id", "a service", "an explicit deny"],
)
def test_a_trust_policy_that_does_not_admit_the_caller_denies(aws, workload, trust):
    """Guide, "Policy evaluation logic": nothing is allowed by default, an explicit deny wins. Who is denied is
    named."""
    make_role(aws, "cluster", "access", trust)
    me = f"User: arn:aws:sts::{WORKLOAD_ACCOUNT}:assumed-role/workload/i-0123456789abcdef0 {DENIED}"
    with refused("AccessDenied", me, 403):
        aws.assume("workload", ACCESS, workload)


def test_a_missing_role_is_denied_and_not_disclosed(aws, workload):
    """Observed: the same AccessDenied as for a role whose trust policy denies; a path that differs is another role."""
    with refused("AccessDenied", DENIED, 403):
        aws.assume("workload", ACCESS, workload)
    make_role(aws, "cluster", "access", trusting({"AWS": ROLE}), Path="/other/")
    with refused("AccessDenied", DENIED, 403):
        aws.assume("workload", ACCESS, workload)


def test_the_external_id_must_match(aws, workload):
    """Guide, "Access to AWS accounts owned by third parties": StringEquals on sts:ExternalId."""
    make_role(aws, "cluster", "access", trusting({"AWS": ROLE}, StringEquals={"sts:ExternalId": "xeks"}))
    with refused("AccessDenied", DENIED):
        aws.assume("workload", ACCESS, workload, ExternalId="other")
    aws.assume("workload", ACCESS, workload, ExternalId="xeks")


def test_principal_arn_is_the_arn_of_the_role_not_of_the_session(aws, workload):
    """Guide, global condition keys, aws:PrincipalArn: "for IAM roles, the request context returns the ARN of the role",
    path included; so a trust in the whole account can be narrowed, and still matches a recreated role."""
    condition = {"ArnEquals": {"aws:PrincipalArn": ROLE}}
    make_role(aws, "cluster", "access", trusting({"AWS": f"arn:aws:iam::{WORKLOAD_ACCOUNT}:root"}, **condition))
    aws.assume("workload", ACCESS, workload)
    make_role(aws, "workload", "foreign", allow=ASSUME)
    with refused("AccessDenied", DENIED):
        aws.assume("workload", ACCESS, on_instance(aws, "workload", "foreign"))
    remove_role(aws, "workload", "workload")
    make_role(aws, "workload", "workload", allow=ASSUME, Path="/team/")
    aws.assume("workload", ACCESS, on_instance(aws, "workload", "workload"))


def test_a_recreated_role_is_not_trusted(aws, workload):
    """Guide, "JSON policy elements: Principal": the ARN stands for a unique id; a new role of the same name has
    another."""
    make_role(aws, "cluster", "access", trusting({"AWS": ROLE}))
    aws.assume("workload", ACCESS, workload)
    remove_role(aws, "workload", "workload")
    make_role(aws, "workload", "workload", allow=ASSUME, Path="/team/")
    fresh = on_instance(aws, "workload", "workload")
    with refused("AccessDenied", DENIED):
        aws.assume("workload", ACCESS, fresh)
    iam = aws.client("cluster", "iam")
    shown = iam.get_role(RoleName="access")["Role"]["AssumeRolePolicyDocument"]
    assert json.dumps(shown).count("AROA") == 1
    iam.update_assume_role_policy(RoleName="access", PolicyDocument=trusting({"AWS": ROLE}))
    aws.assume("workload", ACCESS, fresh)


def test_a_session_ends_with_its_role(aws, workload):
    """Guide, "Delete roles or instance profiles": its sessions can do nothing any more, also not after a role of the
    same name was made."""
    remove_role(aws, "workload", "workload")
    with refused("InvalidClientTokenId", status=403):
        aws.client("workload", "sts", workload).get_caller_identity()
    make_role(aws, "workload", "workload", allow=ASSUME, Path="/team/")
    with refused("InvalidClientTokenId", status=403):
        aws.client("workload", "sts", workload).get_caller_identity()


def test_within_an_account_being_named_is_enough_and_the_account_is_not(aws):
    """Guide, "How IAM roles differ from resource-based policies" and "Policy evaluation for requests within a single
    account": a trust policy that names the caller grants; one that names the account leaves it to identity policies."""
    caller = make_role(aws, "cluster", "caller")
    session = on_instance(aws, "cluster", "caller")
    make_role(aws, "cluster", "access", trusting({"AWS": caller}))
    aws.assume("cluster", ACCESS, session)
    trust = trusting({"AWS": f"arn:aws:iam::{CLUSTER_ACCOUNT}:root"})
    aws.client("cluster", "iam").update_assume_role_policy(RoleName="access", PolicyDocument=trust)
    with refused("AccessDenied", DENIED):
        aws.assume("cluster", ACCESS, session)
    allow = document({"Action": "sts:AssumeRole", "Resource": ACCESS})
    aws.client("cluster", "iam").put_role_policy(RoleName="caller", PolicyName="p", PolicyDocument=allow)
    aws.assume("cluster", ACCESS, session)


def test_passing_tags_needs_tag_session_on_both_sides(aws, workload):
    """Guide, "Pass session tags in AWS STS": sts:TagSession in the trust policy as well."""
    make_role(aws, "cluster", "access", trusting({"AWS": ROLE}))
    tags = {"Tags": [{"Key": "team", "Value": "a"}]}
    with refused("AccessDenied", "sts:TagSession"):
        aws.assume("workload", ACCESS, workload, **tags)
    trust = trusting({"AWS": ROLE}, ["sts:AssumeRole", "sts:TagSession"])
    aws.client("cluster", "iam").update_assume_role_policy(RoleName="access", PolicyDocument=trust)
    session = aws.assume("workload", ACCESS, workload, **tags)
    condition = {"StringEquals": {"aws:PrincipalTag/team": "a"}}
    allow = document({"Action": "iam:ListRoles", "Resource": "*", "Condition": condition})
    aws.client("cluster", "iam").put_role_policy(RoleName="access", PolicyName="p", PolicyDocument=allow)
    aws.client("cluster", "iam", session).list_roles()


def test_a_chained_session_lasts_an_hour_at_most(aws, workload):
    """Guide, "Roles terms and concepts", role chaining: "limited to a maximum of one hour"."""
    make_role(aws, "cluster", "access", trusting({"AWS": ROLE}), MaxSessionDuration=43200)
    with refused("ValidationError", "1 hour session limit for roles assumed by role chaining", 400):
        aws.assume("workload", ACCESS, workload, DurationSeconds=3601)
    aws.assume("workload", ACCESS, workload, DurationSeconds=3600)


def test_a_session_lasts_no_longer_than_the_role_allows(aws):
    """Reference, AssumeRole: DurationSeconds from 900 to the role's MaxSessionDuration."""
    runner, pipeline = aws.accounts["workload"].runner_role_arn, {"ExternalId": "xeks"}
    aws.assume("workload", runner, "pipeline", DurationSeconds=43200, **pipeline)
    aws.client("workload", "iam").update_role(RoleName="xeks-runner", MaxSessionDuration=3600)
    with refused("ValidationError", "exceeds the MaxSessionDuration set for this role", 400):
        aws.assume("workload", runner, "pipeline", DurationSeconds=3601, **pipeline)
    with refused("ValidationError", "at 'durationSeconds' failed to satisfy constraint", 400):
        aws.assume("workload", runner, "pipeline", DurationSeconds=899, **pipeline)


def test_root_users_assume_no_roles(aws):
    """Reference, AssumeRole: "You cannot use AWS account root user credentials to call AssumeRole"."""
    with refused("AccessDenied", "Roles may not be assumed by root accounts.", 403):
        aws.assume("workload", aws.accounts["workload"].runner_role_arn, "root", ExternalId="xeks")


def test_a_session_policy_narrows_what_the_role_may(aws):
    """Guide, "Session policies": the session may what both the role's policies and the session policy allow."""
    account = aws.accounts["workload"]
    only = document({"Action": "iam:ListRoles", "Resource": "*"})
    arguments = {"ExternalId": account.external_id, "Policy": only}
    session = aws.assume("workload", account.runner_role_arn, "pipeline", **arguments)
    aws.client("workload", "iam", session).list_roles()
    with refused("AccessDenied", "iam:GetRole", 403):
        aws.client("workload", "iam", session).get_role(RoleName="xeks-runner")


def test_a_wrong_secret_or_token_is_a_wrong_signature(aws):
    """STS's common errors: SignatureDoesNotMatch, InvalidClientTokenId."""
    runner = aws.accounts["workload"].runner
    with refused("SignatureDoesNotMatch", status=403):
        wrong = Credentials(runner.access_key_id, "wrong", runner.session_token)
        aws.client("workload", "sts", wrong).get_caller_identity()
    with refused("InvalidClientTokenId", status=403):
        wrong = Credentials(runner.access_key_id, runner.secret_access_key, "wrong")
        aws.client("workload", "sts", wrong).get_caller_identity()


def test_a_new_role_may_not_be_visible_yet(aws, workload):
    """Guide, "Troubleshoot IAM: Changes that I make are not always immediately visible"; on demand here."""
    aws.delay_iam(3600)
    make_role(aws, "cluster", "access", trusting({"AWS": ROLE}))
    with refused("AccessDenied", DENIED):
        aws.assume("workload", ACCESS, workload)
    aws.client("cluster", "iam").get_role(RoleName="access")
    aws.delay_iam(0)
    aws.assume("workload", ACCESS, workload)


def test_reads_of_iam_can_be_delayed_too(aws):
    """As above: IAM's reads lag its writes, and only where a test asks for it."""
    aws.delay_iam(3600, iam_reads=True)
    make_role(aws, "cluster", "access")
    with refused("NoSuchEntity", status=404):
        aws.client("cluster", "iam").get_role(RoleName="access")
    aws.delay_iam(0)
    aws.client("cluster", "iam").get_role(RoleName="access")


def test_tagging_a_session_does_not_carry_the_external_id(aws, workload):
    """Service Authorization Reference, AWS STS: AssumeRole carries sts:ExternalId, TagSession does not. Guide, "Pass
    session tags in AWS STS": the example's trust policy has a statement for each."""
    assume = {"Principal": {"AWS": ROLE}, "Action": "sts:AssumeRole"}
    external = {"Condition": {"StringEquals": {"sts:ExternalId": "xeks"}}}
    tags = {"ExternalId": "xeks", "Tags": [{"Key": "a", "Value": "b"}]}
    both = assume | {"Action": ["sts:AssumeRole", "sts:TagSession"]} | external
    make_role(aws, "cluster", "access", document(both))
    aws.assume("workload", ACCESS, workload, ExternalId="xeks")
    with refused("AccessDenied", "is not authorized to perform: sts:TagSession on resource: " + ACCESS, 403):
        aws.assume("workload", ACCESS, workload, **tags)
    separate = document(assume | external, assume | {"Action": "sts:TagSession"})
    aws.client("cluster", "iam").update_assume_role_policy(RoleName="access", PolicyDocument=separate)
    aws.assume("workload", ACCESS, workload, **tags)


def test_a_trust_policy_can_ask_for_the_roles_own_tags(aws, workload):
    """Service Authorization Reference, AWS STS, resource type role: aws:ResourceTag and iam:ResourceTag."""
    trust = trusting({"AWS": ROLE}, StringEquals={"aws:ResourceTag/open": "yes", "iam:ResourceTag/open": "yes"})
    make_role(aws, "cluster", "access", trust)
    with refused("AccessDenied", DENIED, 403):
        aws.assume("workload", ACCESS, workload)
    aws.client("cluster", "iam").tag_role(RoleName="access", Tags=[{"Key": "open", "Value": "yes"}])
    aws.assume("workload", ACCESS, workload)


@pytest.mark.parametrize(
    "passed, action",
    [
        ({"Tags": [{"Key": "team", "Value": "x"}], "TransitiveTagKeys": ["team"]}, "sts:TagSession"),
        ({"SourceIdentity": "me"}, "sts:SetSourceIdentity"),
    ],
)
def test_each_role_of_a_chain_must_allow_what_its_sessions_pass_on(aws, workload, passed, action):
    """Guide, "Chaining roles with session tags": transitive tags go on to the next session; "Monitor and control
    actions taken with assumed roles": a source identity persists when a role is used to assume another one."""
    onward = {"Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"], "Resource": "*"}
    everything = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
    make_role(aws, "cluster", "access", trusting({"AWS": ROLE}, action=everything), allow=onward)
    last = f"arn:aws:iam::{CLUSTER_ACCOUNT}:role/last"
    make_role(aws, "cluster", "last", trusting({"AWS": ACCESS}))
    session = aws.assume("workload", ACCESS, workload, **passed)
    with refused("AccessDenied", f"{action} on resource: {last}", 403):
        aws.assume("cluster", last, session)
    aws.assume("cluster", last, aws.assume("workload", ACCESS, workload))
    trust = trusting({"AWS": ACCESS}, action=["sts:AssumeRole", action])
    aws.client("cluster", "iam").update_assume_role_policy(RoleName="last", PolicyDocument=trust)
    aws.assume("cluster", last, session)
