"""Broken set-ups for xeks_access_path: the principal, the roles that it assumes, and what the last may do in IAM."""

from accounts import CLUSTER_ACCOUNT, WORKLOAD_ACCOUNT, role_arn
from manual_access import allow, deny, trusting
from manual_access_changes import (
    EXTERNAL,
    as_person,
    as_user,
    asking,
    broken,
    conditions,
    denied_by_the_organisation,
    in_turn,
    sound,
    through_another_role,
    tried_by_another,
)

IDENTITY = [
    broken(
        "The workload role is deleted",
        hop="identity",
        reason="No role workload-",
        breaks=lambda c: c.accounts.delete_role("workload", c.workload),
    ),
    broken(
        "principal_arn leaves the role's path out",
        hop="identity",
        reason="role/teams/workload-",
        breaks=lambda c: c.arguments.update(principal_arn=role_arn(WORKLOAD_ACCOUNT, c.workload)),
        fix="principal_arn",
        path="/teams/",
    ),
    broken(
        "principal_arn is a user who does not exist",
        hop="identity",
        reason="No user missing exists",
        breaks=asking(principal_arn=f"arn:aws:iam::{WORKLOAD_ACCOUNT}:user/missing"),
    ),
    broken(
        "A session of a role that does not exist",
        hop="identity",
        reason="No role gone",
        breaks=asking(principal_arn=f"arn:aws:sts::{WORKLOAD_ACCOUNT}:assumed-role/gone/i-0123456789abcdef0"),
    ),
    broken(
        "live_as is not principal_arn",
        hop="identity",
        reason="the role other-",
        breaks=tried_by_another,
        fix="live_as",
        status="unknown",
        live=True,
    ),
]

ASSUME_ROLE = [
    broken(
        "The access role does not exist",
        hop="assume_role",
        reason="No role access-",
        breaks=lambda c: c.accounts.delete_role("cluster", c.access),
    ),
    broken(
        "via_role_arns names the access role under another path",
        hop="assume_role",
        reason="does not exist",
        breaks=lambda c: c.arguments.update(via_role_arns=[role_arn(CLUSTER_ACCOUNT, c.access, "/x/")]),
        fix="via_role_arns",
    ),
    broken(
        "The workload role has no policy",
        hop="assume_role",
        reason="is not allowed to call sts:AssumeRole",
        breaks=lambda c: c.workload_iam.delete_role_policy(RoleName=c.workload, PolicyName="assume"),
        fix="Allow sts:AssumeRole",
    ),
    broken(
        "The workload role's policy is for another role",
        hop="assume_role",
        reason="is for the resource",
        breaks=lambda c: c.may(allow("sts:AssumeRole", role_arn(CLUSTER_ACCOUNT, "another"))),
    ),
    broken(
        "The workload role's policy is for another action",
        hop="assume_role",
        reason="is for sts:TagSession",
        breaks=lambda c: c.may(allow("sts:TagSession", c.access_arn)),
    ),
    broken(
        "The workload role's policy denies it as well",
        hop="assume_role",
        reason="denies it",
        breaks=lambda c: c.may(allow("sts:AssumeRole", c.access_arn), deny("sts:*")),
        fix="Remove",
    ),
    broken(
        "The workload role's policy has a condition on a tag that the role lacks",
        hop="assume_role",
        reason="aws:PrincipalTag/team",
        breaks=lambda c: c.may(
            allow("sts:AssumeRole", c.access_arn, Condition=conditions("StringEquals", "aws:PrincipalTag/team", "a"))
        ),
    ),
    broken(
        "The workload role's permissions boundary leaves sts:AssumeRole out",
        hop="assume_role",
        reason="permissions boundary",
        breaks=lambda c: c.bounded("workload", allow("s3:*")),
        fix="boundary-",
    ),
    broken(
        "The trust names another role",
        hop="assume_role",
        reason="is for the principal",
        breaks=lambda c: c.trusts(trusting(f"arn:aws:iam::{WORKLOAD_ACCOUNT}:role/xeks-runner")),
    ),
    broken(
        "The trust names the cluster's own account",
        hop="assume_role",
        reason="is for the principal",
        breaks=lambda c: c.trusts(trusting(f"arn:aws:iam::{CLUSTER_ACCOUNT}:root")),
        fix="access_role",
    ),
    broken(
        "The trust is for EC2 alone",
        hop="assume_role",
        reason="ec2.amazonaws.com",
        breaks=lambda c: c.trusts(
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ),
    ),
    broken(
        "The trust allows another action",
        hop="assume_role",
        reason="is for sts:TagSession",
        breaks=lambda c: c.trusts(trusting(c.workload_arn) | {"Action": "sts:TagSession"}),
    ),
    broken(
        "The trust requires an external ID, and none is set",
        hop="assume_role",
        reason="requires an external ID, and none is set",
        breaks=lambda c: c.trusts(trusting(c.workload_arn, **EXTERNAL)),
        fix="external_id",
    ),
    broken(
        "The trust wants another external id",
        hop="assume_role",
        reason="requires a different external ID",
        breaks=in_turn(lambda c: c.trusts(trusting(c.workload_arn, **EXTERNAL)), asking(external_id="team-y")),
        fix="external_id",
    ),
    broken(
        "The workload role was deleted and recreated after the trust policy",
        hop="assume_role",
        reason="the unique ID of a deleted principal",
        breaks=lambda c: c.recreate_workload(),
        fix="Apply xeks_cross_account_access again",
    ),
    broken(
        "The trust denies the workload role as well",
        hop="assume_role",
        reason="denies it",
        breaks=lambda c: c.trusts(trusting(c.workload_arn), trusting(c.workload_arn) | {"Effect": "Deny"}),
        fix="trust policy",
    ),
    broken(
        "The trust is in the account, for roles of another name",
        hop="assume_role",
        reason="aws:PrincipalArn",
        breaks=lambda c: c.trusts(
            trusting(
                f"arn:aws:iam::{WORKLOAD_ACCOUNT}:root",
                **conditions("ArnEquals", "aws:PrincipalArn", role_arn(WORKLOAD_ACCOUNT, "other")),
            )
        ),
    ),
    broken(
        "The trust policy requires an organization, which xeks can't read",
        hop="assume_role",
        reason="aws:PrincipalOrgID",
        breaks=lambda c: c.trusts(
            trusting(c.workload_arn, **conditions("StringEquals", "aws:PrincipalOrgID", "o-example"))
        ),
        status="unknown",
    ),
    broken(
        "The middle one of three roles is not whom the last trusts",
        hop="assume_role",
        reason="is for the principal",
        breaks=lambda c: through_another_role(c, trusted=c.workload_arn),
    ),
    broken(
        "A user is not in the group whose policy allows it",
        hop="assume_role",
        reason="The user ann-",
        breaks=lambda c: as_user(c, in_group=False),
    ),
    broken(
        "A permission set of IAM Identity Center does not allow it",
        hop="assume_role",
        reason="is not allowed to call sts:AssumeRole",
        breaks=lambda c: as_person(c, allow("s3:ListAllMyBuckets")),
        fix="In the permission set",
    ),
    broken(
        "The organisation's policies deny what both documents allow (live)",
        hop="assume_role",
        reason="SCP",
        breaks=denied_by_the_organisation,
        live=True,
    ),
]

#: The cluster needs none of the caller's IAM permissions: these hold up nothing.
WITHOUT_DESCRIBE = [
    sound(
        "The access role may not describe the cluster, which only update-kubeconfig does (live)",
        lambda c: c.cluster_iam.delete_role_policy(RoleName=c.access, PolicyName="describe"),
        live=True,
    ),
    sound(
        "The access role may describe another cluster only",
        lambda c: c.describes(allow("eks:DescribeCluster", f"{c.cluster_arn}-2")),
    ),
    sound(
        "The access role's policy denies all of EKS as well (live)",
        lambda c: c.describes(allow("eks:DescribeCluster"), deny("eks:*")),
        live=True,
    ),
    sound(
        "The access role's permissions boundary leaves EKS out",
        lambda c: c.bounded("cluster", allow("sts:*")),
    ),
    sound(
        "Three roles, one after the other, none of which may describe the cluster",
        lambda c: (
            through_another_role(c),
            c.cluster_iam.delete_role_policy(RoleName=c.access, PolicyName="describe"),
        ),
    ),
]

BROKEN = IDENTITY + ASSUME_ROLE
