"""Two runs at once that share an object, and what must be true afterwards.

Each case is a function of a race. It raises `Lost` where something was lost.
"""

from accounts import CLUSTER, WORKLOAD_ACCOUNT
from cluster_peering import peering
from harness import Run, Workspace
from race import Race, check

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


def audiences(race: Race) -> set[str]:
    issuer = race.accounts.issuer().removeprefix("https://")
    found = race.accounts.oidc_provider(f"arn:aws:iam::{WORKLOAD_ACCOUNT}:oidc-provider/{issuer}")
    return set(found["ClientIDList"]) if found else set()


def on_a_foreign_provider(race: Race, one: str, two: str) -> list[Workspace]:
    """A trust for each audience, the first one applied; the provider is foreign, with a client id of its own."""
    race.accounts.make_oidc_provider("other")
    first, second = race.begin(trust("app-1", audience=one), trust("app-2", audience=two))
    first.apply()
    return [first, second]


def two_trusts_create_one_provider(race: Race) -> None:
    one, two = race.begin(trust("app-1", audience="a"), trust("app-2", audience="b"))
    race.all_work(one.try_apply, two.try_apply)
    check(audiences(race) == {"a", "b"}, f"audiences: {audiences(race)}")
    race.all_plan_empty(one, two)
    race.destroy_all(one, two)


def a_trust_is_created_while_the_last_one_is_destroyed(race: Race) -> None:
    one, two = race.begin(trust("app-1", audience="a"), trust("app-2", audience="b"))
    one.apply()
    race.all_work(one.try_destroy, two.try_apply)
    check("b" in audiences(race), f"audiences: {audiences(race)}")
    race.all_plan_empty(two)
    race.destroy_all(two)


def client_ids_on_a_foreign_provider_are_added_and_removed(race: Race) -> None:
    one, two = on_a_foreign_provider(race, "a", "b")
    race.all_work(one.try_destroy, two.try_apply)
    check(audiences(race) == {"other", "b"}, f"audiences: {audiences(race)}")
    race.all_work(one.try_apply, two.try_destroy)
    check(audiences(race) == {"other", "a"}, f"audiences: {audiences(race)}")
    race.destroy_all(one)


def a_shared_client_id_stays(race: Race) -> None:
    one, two = on_a_foreign_provider(race, "a", "a")
    race.all_work(one.try_destroy, two.try_apply)
    check(audiences(race) == {"other", "a"}, f"audiences: {audiences(race)}")
    race.all_plan_empty(two)
    two.destroy()
    check(audiences(race) == {"other"}, f"audiences: {audiences(race)}")


# --- a cluster ------------------------------------------------------------------------------------------------------


def two_resources_upgrade_one_cluster(race: Race) -> None:
    race.accounts.make_cluster("old", "CONFIG_MAP")
    upgrade = 'on_config_map = "upgrade"'
    one, two = race.begin(*(access(f"w-{at}", f"a-{at}", "old", upgrade) for at in (1, 2)))
    race.all_work(one.try_apply, two.try_apply)
    entries = {arn.rsplit("/", 1)[-1] for arn in race.accounts.entries("old")}
    check({"a-1", "a-2"} <= entries, f"entries: {entries}")
    race.all_plan_empty(one, two)
    for run in race.at_once(one.try_destroy, two.try_destroy):
        check(run.code == 0, run.text)
    # The authentication mode has no way back: all else is as it was.
    check(not {arn.rsplit("/", 1)[-1] for arn in race.accounts.entries("old")} & {"a-1", "a-2"}, "entries are left")


def an_entry_is_created_while_another_is_deleted(race: Race) -> None:
    one, two = race.begin(access("w-1", "a-1"), access("w-2", "a-2"))
    one.apply()
    race.all_work(one.try_destroy, two.try_apply)
    race.all_plan_empty(two)
    race.destroy_all(two)


# --- a name ---------------------------------------------------------------------------------------------------------


def one_yields_after_a_conflict(race: Race, one: Workspace, two: Workspace, runs: list[Run]) -> None:
    """One is refused, or both are and one is destroyed: then the next apply of the other works, and none of its
    objects is lost."""
    check(any(run.code for run in runs), "both took the name")
    winner, loser = (one, two) if runs[0].code == 0 else (two, one)
    if not all(run.code for run in runs):
        race.all_plan_empty(winner)
    # Before a destroy Terraform plans, and what the loser was refused for is in that plan's way too.
    run = loser.try_destroy("-refresh=false")
    check(run.code == 0, f"the loser can't be destroyed:\n{run.text}")
    run = winner.try_apply()
    check(run.code == 0, f"the next apply failed:\n{run.text}")
    race.all_plan_empty(winner)
    race.destroy_all(winner)


def two_resources_with_one_role_name(race: Race) -> None:
    """They differ in the access role: to each of them the other's role is foreign."""
    profile = "instance_profile = true"
    one, two = race.begin(access("w", "a-1", role_more=profile), access("w", "a-2", role_more=profile))
    one_yields_after_a_conflict(race, one, two, race.at_once(one.try_apply, two.try_apply))


def two_states_of_the_same_names(race: Race) -> None:
    profile = "instance_profile = true"
    one, two = race.begin(access("w", "a", role_more=profile), access("w", "a", role_more=profile))
    one_yields_after_a_conflict(race, one, two, race.at_once(one.try_apply, two.try_apply))


# --- a foreign role ------------------------------------------------------------------------------------------------


def statements(race: Race, role: str = "theirs") -> list[dict]:
    return race.accounts.trust("workload", role)["Statement"]


def trusting(race: Race) -> list[Workspace]:
    race.accounts.make_role("workload", "theirs", {"Version": "2012-10-17", "Statement": [THEIRS]})
    race.accounts.make_cluster(GREEN, "API")
    return race.begin(trust("theirs", existing=True), trust("theirs", GREEN, existing=True))


def two_trusts_edit_one_trust_policy(race: Race) -> None:
    one, two = trusting(race)
    race.all_work(one.try_apply, two.try_apply)
    check(THEIRS in statements(race) and len(statements(race)) == 3, f"trust: {statements(race)}")
    race.all_plan_empty(one, two)
    race.destroy_all(one, two)


def a_statement_is_added_while_another_is_removed(race: Race) -> None:
    one, two = trusting(race)
    one.apply()
    race.all_work(one.try_destroy, two.try_apply)
    check(THEIRS in statements(race) and len(statements(race)) == 2, f"trust: {statements(race)}")
    race.all_plan_empty(two)
    race.destroy_all(two)


def two_resources_write_policies_on_one_role(race: Race) -> None:
    race.accounts.make_role("workload", "theirs", {"Version": "2012-10-17", "Statement": [THEIRS]})
    one, two = race.begin(*(access("theirs", f"a-{at}", role_more="existing = true") for at in (1, 2)))
    race.all_work(one.try_apply, two.try_apply)
    policies = race.accounts.inline_policies("workload", "theirs")
    check([policy[:16] for policy in policies] == ["xeks-assume-a-1-", "xeks-assume-a-2-"], f"policies: {policies}")
    race.all_plan_empty(one, two)
    race.destroy_all(one, two)


def one_access_role_serves_two_clusters(race: Race) -> None:
    """Names of policies and Sids go by connection, so that both are on the role."""
    race.accounts.make_cluster(GREEN, "API")
    race.accounts.make_role("cluster", "theirs", {"Version": "2012-10-17", "Statement": [THEIRS]})
    existing = access("w-{}", "theirs", "{}").replace('"theirs" }', '"theirs", existing = true }')
    fill = lambda at, cluster: existing.replace("w-{}", f"w-{at}").replace('"{}"', f'"{cluster}"')  # noqa: E731
    one, two = race.begin(fill(1, CLUSTER), fill(2, GREEN))
    race.all_work(one.try_apply, two.try_apply)
    policies = race.accounts.inline_policies("cluster", "theirs")
    check(len(policies) == 2, f"policies: {policies}")
    race.all_plan_empty(one, two)
    race.destroy_all(one, two)


# --- a peering connection -------------------------------------------------------------------------------------------


def reusing(race: Race, *clusters: str) -> list[str]:
    """A resource for each cluster that uses the connection which `race.owner` made."""
    made = race.network.connections()[0]["VpcPeeringConnectionId"]
    vpc = race.network.workload_vpc
    return [peering(vpc, f'peering_connection_id = "{made}"', cluster=cluster) for cluster in clusters]


def prepared(race: Race, *clusters: str) -> list[Workspace]:
    """The state that made the connection, then one for each cluster that is going to use it."""
    for cluster in clusters:
        race.accounts.make_cluster(cluster, "API")
    (owner,) = race.begin(peering(race.network.workload_vpc))
    owner.apply()
    return [owner, *(race.more(hcl) for hcl in reusing(race, *clusters))]


def traffic(race: Race) -> tuple:
    return race.network.routes("cluster"), race.network.routes("workload"), sorted(race.network.rules())


def two_users_of_one_connection(race: Race) -> None:
    owner, one, two = prepared(race, GREEN, BLUE)
    before = traffic(race)
    race.all_work(one.try_apply, two.try_apply)
    race.all_plan_empty(owner, one, two)
    race.all_work(one.try_destroy, two.try_destroy)
    check(traffic(race) == before, f"traffic: {traffic(race)}, before {before}")
    race.all_plan_empty(owner)
    race.destroy_all(owner)


def a_user_is_created_while_another_is_destroyed(race: Race) -> None:
    owner, one, two = prepared(race, GREEN, BLUE)
    before = traffic(race)
    one.apply()
    race.all_work(one.try_destroy, two.try_apply)
    check(traffic(race) == before, f"traffic: {traffic(race)}, before {before}")
    race.all_plan_empty(owner, two)
    race.destroy_all(owner, two)


def a_user_is_created_while_the_owner_is_destroyed(race: Race) -> None:
    """Either the owner is refused, and everything works; or the connection is deleted, and the other resource is
    refused."""
    owner, one = prepared(race, GREEN)
    left, came = race.at_once(owner.try_destroy, one.try_apply)
    check(left.code or came.code, f"both worked: {race.network.connections()}")
    if came.code == 0:
        race.all_work(owner.try_apply)
        race.all_plan_empty(owner, one)
        race.destroy_all(owner, one)
    else:
        # Before a destroy Terraform plans, and the connection that is gone is in that plan's way.
        run = one.try_destroy("-refresh=false")
        check(run.code == 0, f"what came can't be destroyed:\n{run.text}")
        race.destroy_all(owner)


def all_users_are_destroyed_at_once(race: Race) -> None:
    owner, one, two = prepared(race, GREEN, BLUE)
    race.all_work(one.try_apply, two.try_apply)
    race.destroy_all(owner, one, two)


def two_states_peer_the_same_vpcs(race: Race) -> None:
    race.accounts.make_cluster(GREEN, "API")
    vpc = race.network.workload_vpc
    one, two = race.begin(peering(vpc), peering(vpc, cluster=GREEN))
    one_yields_after_a_conflict(race, one, two, race.at_once(one.try_apply, two.try_apply))


CASES = [
    two_trusts_create_one_provider,
    a_trust_is_created_while_the_last_one_is_destroyed,
    client_ids_on_a_foreign_provider_are_added_and_removed,
    a_shared_client_id_stays,
    two_resources_upgrade_one_cluster,
    an_entry_is_created_while_another_is_deleted,
    two_resources_with_one_role_name,
    # Left out until the instance profile depends on the role: two_states_of_the_same_names. One state may create the
    # role and the other the instance profile, and then neither can be destroyed first.
    two_trusts_edit_one_trust_policy,
    a_statement_is_added_while_another_is_removed,
    two_resources_write_policies_on_one_role,
    one_access_role_serves_two_clusters,
    two_users_of_one_connection,
    a_user_is_created_while_another_is_destroyed,
    a_user_is_created_while_the_owner_is_destroyed,
    all_users_are_destroyed_at_once,
    two_states_peer_the_same_vpcs,
]
