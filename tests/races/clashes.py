"""What two runs at once may do to each other, and what must be true afterwards.

Each case is a function of a bench. It raises `Lost` where something was lost.
"""

from arena import Bench, check
from harness import Run, Workspace
from network import peering
from world import CLUSTER, WORKLOAD_ACCOUNT

GREEN, BLUE = "green", "blue"
THEIRS = {"Sid": "Theirs", "Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}


def trust(role: str, cluster: str = CLUSTER, audience: str = "sts.amazonaws.com", existing: bool = False) -> str:
    return f"""
resource "xeks_irsa_trust" "app" {{
  cluster_name     = "{cluster}"
  service_accounts = [{{ namespace = "{role}", name = "sa" }}]
  role             = {{ name = "{role}", existing = {str(existing).lower()} }}
  audiences        = ["{audience}"]
}}
"""


def access(workload: str, through: str, cluster: str = CLUSTER, more: str = "", role_more: str = "") -> str:
    return f"""
resource "xeks_cross_account_access" "a" {{
  cluster_name  = "{cluster}"
  access_role   = {{ name = "{through}" }}
  workload_role = {{
    name = "{workload}"
    {role_more}
  }}
  kubernetes    = {{ policies = {{ AmazonEKSViewPolicy = {{ scope = "cluster" }} }} }}
  {more}
}}
"""


# --- an OIDC provider -----------------------------------------------------------------------------------------------


def audiences(bench: Bench) -> set[str]:
    issuer = bench.world.issuer().removeprefix("https://")
    found = bench.world.oidc_provider(f"arn:aws:iam::{WORKLOAD_ACCOUNT}:oidc-provider/{issuer}")
    return set(found["ClientIDList"]) if found else set()


def of_others(bench: Bench, one: str, two: str) -> list[Workspace]:
    """A trust for each audience, the first one applied; the provider was there, with a client id of its maker's."""
    bench.world.make_oidc_provider("other")
    first, second = bench.begin(trust("app-1", audience=one), trust("app-2", audience=two))
    first.apply()
    return [first, second]


def two_trusts_make_one_provider(bench: Bench) -> None:
    one, two = bench.begin(trust("app-1", audience="a"), trust("app-2", audience="b"))
    bench.all_work(one.try_apply, two.try_apply)
    check(audiences(bench) == {"a", "b"}, f"audiences: {audiences(bench)}")
    bench.all_plan_empty(one, two)
    bench.leave(one, two)


def a_trust_comes_while_the_last_one_leaves(bench: Bench) -> None:
    one, two = bench.begin(trust("app-1", audience="a"), trust("app-2", audience="b"))
    one.apply()
    bench.all_work(one.try_destroy, two.try_apply)
    check("b" in audiences(bench), f"audiences: {audiences(bench)}")
    bench.all_plan_empty(two)
    bench.leave(two)


def client_ids_of_others_provider_come_and_go(bench: Bench) -> None:
    one, two = of_others(bench, "a", "b")
    bench.all_work(one.try_destroy, two.try_apply)
    check(audiences(bench) == {"other", "b"}, f"audiences: {audiences(bench)}")
    bench.all_work(one.try_apply, two.try_destroy)
    check(audiences(bench) == {"other", "a"}, f"audiences: {audiences(bench)}")
    bench.leave(one)


def a_client_id_that_both_want_stays(bench: Bench) -> None:
    one, two = of_others(bench, "a", "a")
    bench.all_work(one.try_destroy, two.try_apply)
    check(audiences(bench) == {"other", "a"}, f"audiences: {audiences(bench)}")
    bench.all_plan_empty(two)
    two.destroy()
    check(audiences(bench) == {"other"}, f"audiences: {audiences(bench)}")


# --- a cluster ------------------------------------------------------------------------------------------------------


def two_connections_upgrade_and_enter_one_cluster(bench: Bench) -> None:
    bench.world.make_cluster("old", "CONFIG_MAP")
    upgrade = 'on_config_map = "upgrade"'
    one, two = bench.begin(*(access(f"w-{at}", f"a-{at}", "old", upgrade) for at in (1, 2)))
    bench.all_work(one.try_apply, two.try_apply)
    entries = {arn.rsplit("/", 1)[-1] for arn in bench.world.entries("old")}
    check({"a-1", "a-2"} <= entries, f"entries: {entries}")
    bench.all_plan_empty(one, two)
    for run in bench.at_once(one.try_destroy, two.try_destroy):
        check(run.code == 0, run.text)
    # The authentication mode has no way back: all else is as it was.
    check(not {arn.rsplit("/", 1)[-1] for arn in bench.world.entries("old")} & {"a-1", "a-2"}, "entries are left")


def an_entry_comes_while_another_goes(bench: Bench) -> None:
    one, two = bench.begin(access("w-1", "a-1"), access("w-2", "a-2"))
    one.apply()
    bench.all_work(one.try_destroy, two.try_apply)
    bench.all_plan_empty(two)
    bench.leave(two)


# --- a name ---------------------------------------------------------------------------------------------------------


def settles_after_a_clash(bench: Bench, one: Workspace, two: Workspace, runs: list[Run]) -> None:
    """One is refused, or both are and one leaves: then the other's next apply works, nothing of its own is taken."""
    check(any(run.code for run in runs), "both took the name")
    winner, loser = (one, two) if runs[0].code == 0 else (two, one)
    if not all(run.code for run in runs):
        bench.all_plan_empty(winner)
    # Before a destroy Terraform plans, and what the loser was refused for is in that plan's way too.
    run = loser.try_destroy("-refresh=false")
    check(run.code == 0, f"the loser can't be destroyed:\n{run.text}")
    run = winner.try_apply()
    check(run.code == 0, f"the next apply failed:\n{run.text}")
    bench.all_plan_empty(winner)
    bench.leave(winner)


def two_connections_want_one_role_name(bench: Bench) -> None:
    """They differ in the access role: to each of them the other's role is a stranger's."""
    profile = "instance_profile = true"
    one, two = bench.begin(access("w", "a-1", role_more=profile), access("w", "a-2", role_more=profile))
    settles_after_a_clash(bench, one, two, bench.at_once(one.try_apply, two.try_apply))


def two_states_of_the_same_names(bench: Bench) -> None:
    profile = "instance_profile = true"
    one, two = bench.begin(access("w", "a", role_more=profile), access("w", "a", role_more=profile))
    settles_after_a_clash(bench, one, two, bench.at_once(one.try_apply, two.try_apply))


# --- a role of somebody else's --------------------------------------------------------------------------------------


def statements(bench: Bench, role: str = "theirs") -> list[dict]:
    return bench.world.trust("workload", role)["Statement"]


def trusting(bench: Bench) -> list[Workspace]:
    bench.world.make_role("workload", "theirs", {"Version": "2012-10-17", "Statement": [THEIRS]})
    bench.world.make_cluster(GREEN, "API")
    return bench.begin(trust("theirs", existing=True), trust("theirs", GREEN, existing=True))


def two_trusts_edit_one_trust_policy(bench: Bench) -> None:
    one, two = trusting(bench)
    bench.all_work(one.try_apply, two.try_apply)
    check(THEIRS in statements(bench) and len(statements(bench)) == 3, f"trust: {statements(bench)}")
    bench.all_plan_empty(one, two)
    bench.leave(one, two)


def a_statement_comes_while_another_goes(bench: Bench) -> None:
    one, two = trusting(bench)
    one.apply()
    bench.all_work(one.try_destroy, two.try_apply)
    check(THEIRS in statements(bench) and len(statements(bench)) == 2, f"trust: {statements(bench)}")
    bench.all_plan_empty(two)
    bench.leave(two)


def two_connections_write_policies_on_one_role(bench: Bench) -> None:
    bench.world.make_role("workload", "theirs", {"Version": "2012-10-17", "Statement": [THEIRS]})
    one, two = bench.begin(*(access("theirs", f"a-{at}", role_more="existing = true") for at in (1, 2)))
    bench.all_work(one.try_apply, two.try_apply)
    policies = bench.world.inline_policies("workload", "theirs")
    check(policies == ["xeks-assume-a-1", "xeks-assume-a-2"], f"policies: {policies}")
    bench.all_plan_empty(one, two)
    bench.leave(one, two)


def two_connections_want_one_policy_name(bench: Bench) -> None:
    """The policy of the access role names its cluster: on one role it can serve one of the two only."""
    bench.world.make_cluster(GREEN, "API")
    bench.world.make_role("cluster", "theirs", {"Version": "2012-10-17", "Statement": [THEIRS]})
    existing = access("w-{}", "theirs", "{}").replace('"theirs" }', '"theirs", existing = true }')
    fill = lambda at, cluster: existing.replace("w-{}", f"w-{at}").replace('"{}"', f'"{cluster}"')  # noqa: E731
    one, two = bench.begin(fill(1, CLUSTER), fill(2, GREEN))
    runs = bench.at_once(one.try_apply, two.try_apply)
    check(any(run.code for run in runs), "both took the policy")
    settles_after_a_clash(bench, one, two, runs)


# --- a peering connection -------------------------------------------------------------------------------------------


def reusing(bench: Bench, *clusters: str) -> list[str]:
    """A resource for each cluster that uses the connection which `bench.owner` made."""
    made = bench.network.connections()[0]["VpcPeeringConnectionId"]
    vpc = bench.network.workload_vpc
    return [peering(vpc, f'peering_connection_id = "{made}"', cluster=cluster) for cluster in clusters]


def prepared(bench: Bench, *clusters: str) -> list[Workspace]:
    """The state that made the connection, then one for each cluster that is going to use it."""
    for cluster in clusters:
        bench.world.make_cluster(cluster, "API")
    (owner,) = bench.begin(peering(bench.network.workload_vpc))
    owner.apply()
    return [owner, *(bench.more(hcl) for hcl in reusing(bench, *clusters))]


def traffic(bench: Bench) -> tuple:
    return bench.network.routes("cluster"), bench.network.routes("workload"), sorted(bench.network.rules())


def two_come_to_use_a_connection(bench: Bench) -> None:
    owner, one, two = prepared(bench, GREEN, BLUE)
    before = traffic(bench)
    bench.all_work(one.try_apply, two.try_apply)
    bench.all_plan_empty(owner, one, two)
    bench.all_work(one.try_destroy, two.try_destroy)
    check(traffic(bench) == before, f"traffic: {traffic(bench)}, before {before}")
    bench.all_plan_empty(owner)
    bench.leave(owner)


def one_comes_while_another_goes(bench: Bench) -> None:
    owner, one, two = prepared(bench, GREEN, BLUE)
    before = traffic(bench)
    one.apply()
    bench.all_work(one.try_destroy, two.try_apply)
    check(traffic(bench) == before, f"traffic: {traffic(bench)}, before {before}")
    bench.all_plan_empty(owner, two)
    bench.leave(owner, two)


def one_comes_while_the_owner_goes(bench: Bench) -> None:
    """Either the owner is told that the connection is used, and all of it works; or it goes, and the other is told."""
    owner, one = prepared(bench, GREEN)
    left, came = bench.at_once(owner.try_destroy, one.try_apply)
    check(left.code or came.code, f"both worked: {bench.network.connections()}")
    if came.code == 0:
        bench.all_work(owner.try_apply)
        bench.all_plan_empty(owner, one)
        bench.leave(owner, one)
    else:
        # Before a destroy Terraform plans, and the connection that is gone is in that plan's way.
        run = one.try_destroy("-refresh=false")
        check(run.code == 0, f"what came can't be destroyed:\n{run.text}")
        bench.leave(owner)


def all_leave_at_once(bench: Bench) -> None:
    owner, one, two = prepared(bench, GREEN, BLUE)
    bench.all_work(one.try_apply, two.try_apply)
    bench.leave(owner, one, two)


def two_states_peer_the_same_vpcs(bench: Bench) -> None:
    bench.world.make_cluster(GREEN, "API")
    vpc = bench.network.workload_vpc
    one, two = bench.begin(peering(vpc), peering(vpc, cluster=GREEN))
    settles_after_a_clash(bench, one, two, bench.at_once(one.try_apply, two.try_apply))


CASES = [
    two_trusts_make_one_provider,
    a_trust_comes_while_the_last_one_leaves,
    client_ids_of_others_provider_come_and_go,
    a_client_id_that_both_want_stays,
    two_connections_upgrade_and_enter_one_cluster,
    an_entry_comes_while_another_goes,
    two_connections_want_one_role_name,
    # Not yet: two_states_of_the_same_names. One state may get the role and the other the instance profile that
    # holds it, and then neither can go before that one.
    # The profile has to need the role, so that who gets the role gets all.
    two_trusts_edit_one_trust_policy,
    a_statement_comes_while_another_goes,
    two_connections_write_policies_on_one_role,
    two_connections_want_one_policy_name,
    two_come_to_use_a_connection,
    one_comes_while_another_goes,
    one_comes_while_the_owner_goes,
    all_leave_at_once,
    two_states_peer_the_same_vpcs,
]
