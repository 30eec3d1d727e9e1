"""Set-ups for xeks_access_path from the principal to the API server; the network between is in `setups_network`."""

import setups_entry
import setups_iam
from accounts import CLUSTER_ACCOUNT, WORKLOAD_ACCOUNT, role_arn
from manual_access import EDIT, VIEW, allow, deny, trusting
from manual_access_changes import (
    EXTERNAL,
    as_person,
    as_user,
    asking,
    conditions,
    in_turn,
    on_cluster,
    sound,
    through_another_role,
)

BROKEN = setups_iam.BROKEN + setups_entry.BROKEN

SOUND = [
    *setups_iam.WITHOUT_DESCRIBE,
    sound("As the story has it: workload role, access role, entry, cluster administrator"),
    sound("The same, tried (live)", live=True),
    sound("Direct: the workload role has the entry itself", direct=True),
    sound("Direct, tried (live)", direct=True, live=True),
    sound(
        "With an external id (live)",
        in_turn(lambda c: c.trusts(trusting(c.workload_arn, **EXTERNAL)), asking(external_id="team-x")),
        live=True,
    ),
    sound(
        "The trust is in the account, bound to the role by its ARN",
        lambda c: c.trusts(
            trusting(
                f"arn:aws:iam::{WORKLOAD_ACCOUNT}:root", **conditions("ArnEquals", "aws:PrincipalArn", c.workload_arn)
            )
        ),
    ),
    sound("The trust is in the account by its number", lambda c: c.trusts(trusting(WORKLOAD_ACCOUNT))),
    sound(
        "The trust policy was updated after the workload role was recreated (live)",
        in_turn(lambda c: c.recreate_workload(), lambda c: c.trusts(trusting(c.workload_arn))),
        live=True,
    ),
    sound("The workload role has a path", path="/teams/payments/"),
    sound(
        "By a session of the workload role",
        lambda c: c.arguments.update(
            principal_arn=f"arn:aws:sts::{WORKLOAD_ACCOUNT}:assumed-role/{c.workload}/i-0123456789abcdef0"
        ),
        path="/teams/",
    ),
    sound("Three roles, one after the other (live)", through_another_role, live=True),
    sound("A user whose group's managed policy allows it", as_user),
    sound(
        "A person of IAM Identity Center",
        lambda c: as_person(c, allow("sts:AssumeRole", c.access_arn)),
    ),
    sound(
        "Boundaries on both roles that leave what is needed",
        lambda c: (c.bounded("workload", allow("sts:*")), c.bounded("cluster", allow("eks:Describe*"))),
    ),
    sound(
        "A deny that is for something else",
        lambda c: c.may(allow("sts:AssumeRole", "*"), deny("sts:AssumeRole", role_arn(CLUSTER_ACCOUNT, "secret-*"))),
    ),
    sound(
        "A condition on a tag that the role has",
        lambda c: (
            c.workload_iam.tag_role(RoleName=c.workload, Tags=[{"Key": "team", "Value": "a"}]),
            c.trusts(trusting(c.workload_arn, **conditions("StringLike", "aws:PrincipalTag/team", "?"))),
        ),
    ),
    sound(
        "Namespaces by wildcard, asked about and tried (live)",
        asking(namespaces=["dev-1", "prod"], verbs=["get", "list"]),
        live=True,
        policies={VIEW: ["dev-*", "prod"]},
    ),
    sound(
        "To edit deployments (live)",
        asking(namespaces=["prod"], verbs=["create"], resource="deployments.apps"),
        live=True,
        policies={EDIT: ["prod"]},
    ),
    sound("A cluster on API alone", on_cluster("API")),
]
