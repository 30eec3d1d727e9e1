"""What EKS or a machine in between says is checked like what a user writes, before anything is made; and no terminal
obeys it."""

import base64
import json

import pytest
from accounts import CLUSTER, CLUSTER_ACCOUNT, Accounts, role_arn, traces
from cross_account_access import ACCESS, access
from irsa_trust import trust

#: What a terminal obeys instead of showing it.
OBEYED = "\x1b\x9b\u202e"
ESCAPE = "\x1b[1A\x1b[2K\x9b8m\u202e"

#: Field of DescribeCluster, what it says, and a word of its rule.
ANSWERS = {
    "an issuer of every host": ("issuer", "https://*.example.com", "a host"),
    "an issuer of every path": ("issuer", "https://oidc.example.com/id/*", "wildcards"),
    "an issuer with a variable": ("issuer", "https://oidc.example.com/${aws:username}", "variables"),
    "an issuer without TLS": ("issuer", "http://oidc.example.com/id/A", "https://"),
    "an issuer with a user": ("issuer", "https://me@oidc.example.com/id/A", "user"),
    "an issuer with a query": ("issuer", "https://oidc.example.com/id/A?b", "query"),
    "an issuer with an escape": ("issuer", f"https://oidc.example.com/id/{ESCAPE}", "path"),
    "an endpoint without TLS": ("endpoint", "http://prod.example.com", "https://"),
    "an endpoint of two lines": ("endpoint", "https://prod.example.com\nusers: []", "https://"),
    "an authority that is none": ("authority", base64.b64encode(b"no certificate").decode(), "PEM"),
    "an authority that is not base64": ("authority", "-----BEGIN", "base64"),
}
FIELDS = {"issuer": "identity.oidc.issuer", "endpoint": "endpoint", "authority": "certificateAuthority.data"}


@pytest.mark.parametrize("hcl", [access(), trust()], ids=["access", "trust"])
@pytest.mark.parametrize("case", ANSWERS)
def test_an_answer_that_can_not_be_used_is_refused_before_anything_is_made(workspace, aws, hcl, case):
    field, text, rule = ANSWERS[case]
    aws.alter_cluster(CLUSTER, **{field: text})
    before = aws.dump()
    root = workspace(hcl)

    for run in (root.try_plan(), root.try_apply()):
        run.must_fail("eks:DescribeCluster", CLUSTER, CLUSTER_ACCOUNT, FIELDS[field], rule)
        assert not any(obeyed in run.text for obeyed in OBEYED), repr(run.text)
        assert not traces(aws, before)


def test_an_issuer_that_turns_bad_later_changes_nothing(workspace, aws):
    root = workspace(trust())
    root.apply()
    issuer, before = Accounts(aws).issuer(), aws.dump()
    aws.alter_cluster(CLUSTER, issuer="https://oidc.example.com/id/*")

    for run in (root.try_plan(), root.try_apply()):
        run.must_fail("identity.oidc.issuer", "wildcards")
    aws.alter_cluster(CLUSTER, issuer=issuer)
    assert not traces(aws, before)
    root.destroy()


def test_an_access_entry_can_not_steer_the_terminal_that_shows_it(workspace, aws):
    accounts = Accounts(aws)
    statement = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    accounts.make_role("cluster", "reader", {"Version": "2012-10-17", "Statement": [statement]})
    reader = role_arn(CLUSTER_ACCOUNT, "reader")
    accounts.eks.create_access_entry(
        clusterName=CLUSTER, principalArn=reader, username=f"reader\n{ESCAPE}", kubernetesGroups=[f"viewers\n{ESCAPE}"]
    )
    root = workspace(
        f'data "xeks_cluster" "it" {{\n  name = "{CLUSTER}"\n}}\n\n'
        f'output "entry" {{\n  value = data.xeks_cluster.it.access_entries["{reader}"]\n}}\n'
    )

    shown = root.run("plan", "-no-color").must_work().output

    assert "reader" in shown and "viewers" in shown
    assert not any(obeyed in shown for obeyed in OBEYED), repr(shown)


def test_a_trust_policy_that_others_changed_can_not_steer_the_terminal_that_shows_it(workspace, aws):
    accounts = Accounts(aws)
    root = workspace(access())
    root.apply()
    trust = accounts.trust("cluster", ACCESS)
    trust["Statement"][0]["Condition"] = {"StringEquals": {"sts:ExternalId": f"x\n{ESCAPE}"}}
    accounts.iam("cluster").update_assume_role_policy(RoleName=ACCESS, PolicyDocument=json.dumps(trust))

    shown = root.run("plan", "-no-color").must_work().output

    assert "sts:ExternalId" in shown
    assert not any(obeyed in shown for obeyed in OBEYED), repr(shown)
