"""Broken set-ups for xeks_access_path: the principal, the roles that it assumes, and what the last may do in IAM."""

from alterations import (
    EXTERNAL,
    as_person,
    as_user,
    asking,
    broken,
    conditions,
    denied_by_the_organisation,
    in_turn,
    through_another_role,
    tried_by_another,
)
from connection import allow, deny, trusting
from world import CLUSTER_ACCOUNT, WORKLOAD_ACCOUNT, role_arn

IDENTITY = [
    broken(
        "The workload role is deleted",
        "identity",
        "No role workload-",
        lambda c: c.world.delete_role("workload", c.workload),
    ),
    broken(
        "principal_arn leaves the role's path out",
        "identity",
        "role/teams/workload-",
        lambda c: c.arguments.update(principal_arn=role_arn(WORKLOAD_ACCOUNT, c.workload)),
        fix="principal_arn",
        path="/teams/",
    ),
    broken(
        "principal_arn is a user who does not exist",
        "identity",
        "No user nobody exists",
        asking(principal_arn=f"arn:aws:iam::{WORKLOAD_ACCOUNT}:user/nobody"),
    ),
    broken(
        "A session of a role that does not exist",
        "identity",
        "No role gone",
        asking(principal_arn=f"arn:aws:sts::{WORKLOAD_ACCOUNT}:assumed-role/gone/i-0123456789abcdef0"),
    ),
    broken(
        "live_as is somebody else than principal_arn",
        "identity",
        "the role other-",
        tried_by_another,
        fix="live_as",
        status="unknown",
        live=True,
    ),
]

ASSUME_ROLE = [
    broken(
        "The access role does not exist",
        "assume_role",
        "No role access-",
        lambda c: c.world.delete_role("cluster", c.access),
    ),
    broken(
        "via_role_arns names the access role under another path",
        "assume_role",
        "does not exist",
        lambda c: c.arguments.update(via_role_arns=[role_arn(CLUSTER_ACCOUNT, c.access, "/x/")]),
        fix="via_role_arns",
    ),
    broken(
        "The workload role has no policy",
        "assume_role",
        "is not allowed to call sts:AssumeRole",
        lambda c: c.workload_iam.delete_role_policy(RoleName=c.workload, PolicyName="assume"),
        fix="Allow sts:AssumeRole",
    ),
    broken(
        "The workload role's policy is for another role",
        "assume_role",
        "is for the resource",
        lambda c: c.may(allow("sts:AssumeRole", role_arn(CLUSTER_ACCOUNT, "another"))),
    ),
    broken(
        "The workload role's policy is for another action",
        "assume_role",
        "is for sts:TagSession",
        lambda c: c.may(allow("sts:TagSession", c.access_arn)),
    ),
    broken(
        "The workload role's policy denies it as well",
        "assume_role",
        "denies it",
        lambda c: c.may(allow("sts:AssumeRole", c.access_arn), deny("sts:*")),
        fix="Remove",
    ),
    broken(
        "The workload role's policy has a condition on a tag that the role lacks",
        "assume_role",
        "aws:PrincipalTag/team",
        lambda c: c.may(
            allow("sts:AssumeRole", c.access_arn, Condition=conditions("StringEquals", "aws:PrincipalTag/team", "a"))
        ),
    ),
    broken(
        "The workload role's permissions boundary leaves sts:AssumeRole out",
        "assume_role",
        "permissions boundary",
        lambda c: c.bounded("workload", allow("s3:*")),
        fix="boundary-",
    ),
    broken(
        "The trust names another role",
        "assume_role",
        "is for the principal",
        lambda c: c.trusts(trusting(f"arn:aws:iam::{WORKLOAD_ACCOUNT}:role/xeks-runner")),
    ),
    broken(
        "The trust names the cluster's own account",
        "assume_role",
        "is for the principal",
        lambda c: c.trusts(trusting(f"arn:aws:iam::{CLUSTER_ACCOUNT}:root")),
        fix="access_role",
    ),
    broken(
        "The trust is for EC2 alone",
        "assume_role",
        "ec2.amazonaws.com",
        lambda c: c.trusts(
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ),
    ),
    broken(
        "The trust allows another action",
        "assume_role",
        "is for sts:TagSession",
        lambda c: c.trusts(trusting(c.workload_arn) | {"Action": "sts:TagSession"}),
    ),
    broken(
        "The trust requires an external ID, and none is set",
        "assume_role",
        "requires an external ID, and none is set",
        lambda c: c.trusts(trusting(c.workload_arn, **EXTERNAL)),
        fix="external_id",
    ),
    broken(
        "The trust wants another external id",
        "assume_role",
        "requires a different external ID",
        in_turn(lambda c: c.trusts(trusting(c.workload_arn, **EXTERNAL)), asking(external_id="team-y")),
        fix="external_id",
    ),
    broken(
        "The trust decayed: the workload role was deleted and made again",
        "assume_role",
        "the unique ID of a deleted principal",
        lambda c: c.remake_workload(),
        fix="Apply xeks_cross_account_access again",
    ),
    broken(
        "The trust denies the workload role as well",
        "assume_role",
        "denies it",
        lambda c: c.trusts(trusting(c.workload_arn), trusting(c.workload_arn) | {"Effect": "Deny"}),
        fix="trust policy",
    ),
    broken(
        "The trust is in the account, for roles of another name",
        "assume_role",
        "aws:PrincipalArn",
        lambda c: c.trusts(
            trusting(
                f"arn:aws:iam::{WORKLOAD_ACCOUNT}:root",
                **conditions("ArnEquals", "aws:PrincipalArn", role_arn(WORKLOAD_ACCOUNT, "other")),
            )
        ),
    ),
    broken(
        "The trust is for members of an organisation that nobody here can know",
        "assume_role",
        "aws:PrincipalOrgID",
        lambda c: c.trusts(trusting(c.workload_arn, **conditions("StringEquals", "aws:PrincipalOrgID", "o-example"))),
        status="unknown",
    ),
    broken(
        "The middle one of three roles is not whom the last trusts",
        "assume_role",
        "is for the principal",
        lambda c: through_another_role(c, trusted=c.workload_arn),
    ),
    broken(
        "A user is not in the group whose policy allows it",
        "assume_role",
        "The user ann-",
        lambda c: as_user(c, in_group=False),
    ),
    broken(
        "A permission set of IAM Identity Center does not allow it",
        "assume_role",
        "is not allowed to call sts:AssumeRole",
        lambda c: as_person(c, allow("s3:ListAllMyBuckets")),
        fix="In the permission set",
    ),
    broken(
        "The organisation's policies deny what both documents allow (live)",
        "assume_role",
        "SCP",
        denied_by_the_organisation,
        live=True,
    ),
]

ROLE_POLICY = [
    broken(
        "The access role may not describe the cluster",
        "role_policy",
        "is not allowed to call eks:DescribeCluster",
        lambda c: c.cluster_iam.delete_role_policy(RoleName=c.access, PolicyName="describe"),
        fix="xeks-eks-describe",
    ),
    broken(
        "The access role may describe another cluster",
        "role_policy",
        "is for the resource",
        lambda c: c.describes(allow("eks:DescribeCluster", f"{c.cluster_arn}-2")),
    ),
    broken(
        "The access role's policy denies all of EKS as well",
        "role_policy",
        "denies it",
        lambda c: c.describes(allow("eks:DescribeCluster"), deny("eks:*")),
        fix="Remove",
    ),
    broken(
        "The access role's permissions boundary leaves EKS out",
        "role_policy",
        "permissions boundary",
        lambda c: c.bounded("cluster", allow("sts:*")),
        fix="boundary-",
    ),
]

BROKEN = IDENTITY + ASSUME_ROLE + ROLE_POLICY
