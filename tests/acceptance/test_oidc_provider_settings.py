"""Thumbprints and tags of OIDC providers: what a plan says of them is done in AWS, or refused.

A provider is shared by the trusts of an account: xeks changes those that it created, and no trust changes back what another one wrote.
"""

import json

import pytest
from accounts import CLUSTER, Accounts, traces
from irsa_trust import ADDRESS, CHAINED, ROLE, trust
from workspaces import PROVIDER

A, B, C = ("a" * 40, "b" * 40, "c" * 40)
ISSUER = "https://oidc.eks.ap-south-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"
OTHER = 'name = "other"', '{ namespace = "b", name = "y" }'


def settings(text: str) -> str:
    return f"oidc_provider = {{ {text} }}"


def prints(*thumbprints: str) -> str:
    return settings(f"thumbprints = {json.dumps(thumbprints)}")


def second(more: str) -> str:
    return trust(*OTHER, name="other", more=more)


class Provider:
    """The only OIDC provider of an account."""

    def __init__(self, aws, account: str = "workload"):
        self.iam = Accounts(aws).iam(account)

    @property
    def arn(self) -> str:
        (provider,) = self.iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
        return provider["Arn"]

    @property
    def thumbprints(self) -> list[str]:
        return sorted(self.iam.get_open_id_connect_provider(OpenIDConnectProviderArn=self.arn)["ThumbprintList"])

    @property
    def tags(self) -> dict[str, str]:
        """Without xeks's own."""
        tags = self.iam.list_open_id_connect_provider_tags(OpenIDConnectProviderArn=self.arn)["Tags"]
        return {tag["Key"]: tag["Value"] for tag in tags if not tag["Key"].startswith("xeks:")}

    def set_thumbprints(self, *thumbprints: str) -> None:
        update = self.iam.update_open_id_connect_provider_thumbprint
        update(OpenIDConnectProviderArn=self.arn, ThumbprintList=list(thumbprints))

    def tag(self, key: str, value: str) -> None:
        self.iam.tag_open_id_connect_provider(OpenIDConnectProviderArn=self.arn, Tags=[{"Key": key, "Value": value}])


#: Where the provider is, and how xeks manages it.
PLACES = {
    "by cluster": ("workload", "", trust()),
    "by issuer": ("workload", "", trust(clusters=f'issuer_urls = ["{ISSUER}"]')),
    "retained": ("workload", 'manage = "retain", ', trust()),
    "chained": ("cluster", "", trust(more=CHAINED)),
}


def placed(place: str, text: str) -> str:
    _, manage, hcl = PLACES[place]
    return hcl.removesuffix("}\n") + f"  {settings(manage + text)}\n}}\n"


@pytest.mark.parametrize("place", PLACES)
def test_thumbprints_and_tags_change_in_place_on_a_provider_that_xeks_created(workspace, aws, place):
    before = aws.dump()
    provider = Provider(aws, PLACES[place][0])
    root = workspace(placed(place, f'thumbprints = ["{A}"], tags = {{ x = "1", y = "1" }}'))
    root.apply()
    root.assert_empty_plan()
    assert (provider.thumbprints, provider.tags) == ([A], {"x": "1", "y": "1"})

    root.write(placed(place, f'thumbprints = ["{B}", "{C}"], tags = {{ x = "2", z = "1" }}'))
    plan = root.plan()
    assert plan.actions(ADDRESS) == ["update"]
    changed = plan.changed(ADDRESS)
    assert any(path.startswith("oidc_provider.thumbprints") for path in changed), changed
    assert any("iam_oidc_provider" in path for path in changed), f"the object shows it too: {changed}"
    root.apply("tfplan")
    root.assert_empty_plan()
    assert (provider.thumbprints, provider.tags) == ([B, C], {"x": "2", "z": "1"})

    root.destroy()
    if place == "retained":
        provider.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=provider.arn)
    assert not traces(aws, before)


def test_removed_thumbprints_stay_and_removed_tags_go(workspace, aws):
    provider = Provider(aws)
    root = workspace(trust(more=settings(f'thumbprints = ["{A}"], tags = {{ x = "1" }}')))
    root.apply()
    provider.tag("theirs", "y")

    root.write(trust())
    assert root.plan().actions(ADDRESS) == ["update"]
    root.apply()
    root.assert_empty_plan()
    assert (provider.thumbprints, provider.tags) == ([A], {"theirs": "y"})
    provider.set_thumbprints(B)
    root.assert_empty_plan()


def test_thumbprints_in_another_case_or_order_are_no_change(workspace, aws):
    root = workspace(trust(more=prints(A.upper(), B)))
    root.apply()
    root.assert_empty_plan()
    root.write(trust(more=prints(B.upper(), A)))
    root.assert_empty_plan()
    assert Provider(aws).thumbprints == [A, B]


@pytest.mark.parametrize("by_provider", [False, True], ids=["tags", "default_tags"])
def test_tags_of_all_objects_follow_on_a_provider_that_the_resource_created(workspace, aws, by_provider):
    def write(root, pairs: str) -> None:
        in_provider = f"  default_tags = {{ {pairs} }}\n" if by_provider else ""
        root.write(PROVIDER % in_provider, "provider.tf")
        root.write(trust(more="" if by_provider else f"tags = {{ {pairs} }}"))

    provider, root = Provider(aws), workspace(trust())
    for pairs, wanted in (('a = "1"', {"a": "1"}), ('a = "2", b = "2"', {"a": "2", "b": "2"}), ("", {})):
        write(root, pairs)
        root.apply()
        root.assert_empty_plan()
        assert provider.tags == wanted
    root.destroy()


def test_tags_of_a_second_trust_stay_away_from_a_shared_provider(workspace, aws):
    """Otherwise two trusts with different tags of their own would set the provider's in turn, for ever."""
    provider = Provider(aws)
    both = [trust(more='tags = { app = "one" }'), second(more='tags = { app = "two" }')]
    root = workspace(both[0])
    root.apply()
    root.write("".join(both))
    root.apply()
    root.assert_empty_plan()
    assert provider.tags == {"app": "one"}
    root.write(both[1])
    root.apply()
    root.assert_empty_plan()
    assert provider.tags == {"app": "one"}, "they stay when their trust leaves"
    root.destroy()
    assert Accounts(aws).oidc_providers() == []


FOREIGN = {
    "thumbprints, shared": (f'thumbprints = ["{B}"]', ["oidc_provider.thumbprints", A, B, "did not create"]),
    "thumbprints, existing": (f'manage = "existing", thumbprints = ["{B}"]', ["oidc_provider.thumbprints", A, B, "existing"]),
    "thumbprints, retained": (f'manage = "retain", thumbprints = ["{B}"]', ["oidc_provider.thumbprints", A, B, "did not create"]),
    "a tag of another value": ('tags = { x = "2" }', ["oidc_provider.tags", '"1"', '"2"', "did not create"]),
    "a tag that is not there": ('tags = { y = "2" }', ["oidc_provider.tags", "not set", '"2"', "did not create"]),
    "a tag, existing": ('manage = "existing", tags = { x = "2" }', ["oidc_provider.tags", '"1"', '"2"', "existing"]),
}  # fmt: skip


@pytest.mark.parametrize("case", FOREIGN)
def test_on_a_foreign_provider_a_different_setting_is_an_error_of_the_plan(workspace, aws, case):
    text, words = FOREIGN[case]
    Accounts(aws).make_oidc_provider("sts.amazonaws.com")
    provider = Provider(aws)
    provider.set_thumbprints(A)
    provider.tag("x", "1")
    before = aws.dump()

    workspace(trust(more=settings(text))).try_plan().must_fail(*words)

    # A trust that agrees, or says nothing, is fine; one that changes its mind is not.
    manage = 'manage = "existing", ' if "existing" in case else ""
    root = workspace(trust(more=settings(f'{manage}thumbprints = ["{A.upper()}"], tags = {{ x = "1" }}')))
    root.apply()
    root.assert_empty_plan()
    root.write(trust(more=settings(text)))
    root.try_plan().must_fail(*words, "terraform destroy -refresh=false")
    root.try_apply().must_fail(*words)
    assert (provider.thumbprints, provider.tags) == ([A], {"x": "1"})
    root.destroy("-refresh=false")
    assert not traces(aws, before)


def test_a_foreign_provider_that_is_changed_elsewhere_shows_in_the_plan(workspace, aws):
    Accounts(aws).make_oidc_provider("sts.amazonaws.com")
    provider = Provider(aws)
    provider.set_thumbprints(A)
    root = workspace(trust(more=prints(A)))
    root.apply()
    provider.set_thumbprints(B)
    root.try_plan().must_fail("oidc_provider.thumbprints", A, B, "did not create")
    root.write(trust(more=prints(B)))
    root.apply()
    root.assert_empty_plan()


def test_tags_of_all_objects_do_not_concern_a_foreign_provider(workspace, aws):
    Accounts(aws).make_oidc_provider("sts.amazonaws.com")
    root = workspace(trust(more='tags = { team = "x" }'))
    root.apply()
    root.assert_empty_plan()
    assert Provider(aws).tags == {}


DIFFERENT = {
    "thumbprints": (prints(A), prints(B), "oidc_provider.thumbprints"),
    "a tag": (settings('tags = { x = "1" }'), settings('tags = { x = "2" }'), "oidc_provider.tags"),
}


@pytest.mark.parametrize("what", DIFFERENT)
def test_two_new_trusts_with_different_settings_for_one_provider_are_an_error_of_the_plan(workspace, aws, what):
    one, two, attribute = DIFFERENT[what]
    before = aws.dump()
    workspace(trust(more=one) + second(more=two)).try_plan().must_fail(attribute, "Two resources", "xeks_irsa_trust:")
    assert not traces(aws, before)


@pytest.mark.parametrize("what", DIFFERENT)
@pytest.mark.parametrize("changed", [0, 1], ids=["the creator", "the other one"])
def test_one_of_two_trusts_that_changes_a_setting_alone_is_an_error_of_the_plan(workspace, aws, what, changed):
    old, new, attribute = DIFFERENT[what]
    root = workspace(trust(more=old))
    root.apply()
    root.write(trust(more=old) + second(more=old))
    root.apply()
    root.assert_empty_plan()
    one, two = (new, old) if changed == 0 else (old, new)
    root.write(trust(more=one) + second(more=two))
    root.try_plan().must_fail(attribute, "Two resources", "xeks_irsa_trust:")
    root.write(trust(more=new) + second(more=""))
    root.apply()
    root.assert_empty_plan()
    root.destroy("-refresh=false")
    assert Accounts(aws).oidc_providers() == []


def test_blue_and_green_providers_change_together_and_drift_on_either_shows(workspace, aws):
    accounts = Accounts(aws)
    accounts.make_cluster("green", "API")

    def hcl(thumbprint: str) -> str:
        return trust(clusters=f'cluster_names = ["{CLUSTER}", "green"]', more=prints(thumbprint))

    def found() -> list[list[str]]:
        return [accounts.oidc_provider(arn)["ThumbprintList"] for arn in accounts.oidc_providers()]

    root = workspace(hcl(A))
    root.apply()
    root.write(hcl(B))
    root.apply()
    root.assert_empty_plan()
    assert found() == [[B], [B]]
    for arn in accounts.oidc_providers():
        update = accounts.iam("workload").update_open_id_connect_provider_thumbprint
        update(OpenIDConnectProviderArn=arn, ThumbprintList=[C])
        assert root.plan().actions(ADDRESS) == ["update"]
        root.apply()
        root.assert_empty_plan()
        assert found() == [[B], [B]]
    root.destroy()
    assert accounts.oidc_providers() == []


@pytest.mark.parametrize("what", DIFFERENT)
def test_a_second_state_can_not_change_what_the_first_one_wrote(workspace, aws, what):
    one, two, attribute = DIFFERENT[what]
    first, other = workspace(trust(more=one)), workspace(second(more=two))
    first.apply()
    other.try_plan().must_fail(attribute, "xeks_irsa_trust:", "in one of them only", "xeks:settings:")
    other.try_apply("-refresh=false").must_fail(attribute)
    first.assert_empty_plan()
    other.write(second(more=""))
    other.apply()
    other.assert_empty_plan()
    # Once the first one is gone, nothing keeps the second from it.
    first.destroy()
    other.write(second(more=two))
    other.apply()
    other.assert_empty_plan()
    other.destroy()
    assert Accounts(aws).oidc_providers() == []


@pytest.mark.parametrize("what", DIFFERENT)
def test_trusts_that_agree_change_a_setting_together_and_one_that_lags_behind_is_refused(workspace, aws, what):
    old, new, attribute = DIFFERENT[what]
    both = workspace(trust(more=old) + second(more=old))
    apart = workspace(trust('name = "apart"', '{ namespace = "c", name = "z" }', more=old))
    both.apply()
    apart.apply()
    both.write(trust(more=new) + second(more=new))
    both.apply()
    both.assert_empty_plan()

    apart.try_plan().must_fail(attribute, "xeks_irsa_trust:")
    apart.try_plan().must_fail(attribute)
    both.assert_empty_plan()
    apart.write(trust('name = "apart"', '{ namespace = "c", name = "z" }', more=new))
    apart.apply()
    apart.assert_empty_plan()
    both.assert_empty_plan()
    apart.destroy()
    both.destroy()
    assert Accounts(aws).oidc_providers() == []


@pytest.mark.parametrize("kind", ["deny", "lost_answer"])
@pytest.mark.parametrize(
    "call", ["TagOpenIDConnectProvider", "UntagOpenIDConnectProvider", "UpdateOpenIDConnectProviderThumbprint"]
)
def test_a_change_that_failed_half_way_is_completed_by_the_next_apply_or_taken_back(workspace, aws, call, kind):
    provider = Provider(aws)
    old, new = (
        trust(more=settings(f'thumbprints = ["{each}"], tags = {{ {key} = "1" }}'))
        for each, key in ((A, "x"), (B, "y"))
    )
    root = workspace(old)
    root.apply()
    for then, wanted in ((new, ([B], {"y": "1"})), (old, ([A], {"x": "1"}))):
        root.write(new if then == new else old)
        aws.faults.add(kind, account="workload", service="iam", action=call)
        root.try_apply()
        aws.faults.clear()
        root.apply()
        root.assert_empty_plan()
        assert (provider.thumbprints, provider.tags) == wanted
    root.write(new)
    aws.faults.add("deny", account="workload", service="iam", action=call)
    root.try_apply().must_fail(call)
    aws.faults.clear()
    root.write(old)
    root.apply()
    root.assert_empty_plan()
    assert (provider.thumbprints, provider.tags) == ([A], {"x": "1"})
    root.destroy()


def test_a_tag_that_is_named_wins_over_one_that_the_creator_has_for_all_objects(workspace, aws):
    provider = Provider(aws)
    root = workspace(trust(more='tags = { team = "a" }'))
    root.apply()
    root.write(trust(more='tags = { team = "a" }') + second(more=settings('tags = { team = "b" }')))
    root.apply()
    root.assert_empty_plan()
    assert provider.tags == {"team": "b"}
    root.write(trust(more='tags = { team = "c" }') + second(more=settings('tags = { team = "b" }')))
    root.apply()
    root.assert_empty_plan()
    assert provider.tags == {"team": "b"}
    root.destroy()


def test_thumbprints_that_are_known_after_apply_only_are_set(workspace, aws):
    def hcl(name: str) -> str:
        return f'resource "terraform_data" "print" {{ input = "{name * 40}" }}\n' + trust(
            f'name = "{ROLE}"', more=settings("thumbprints = [terraform_data.print.output]")
        )

    root = workspace(hcl("a"))
    for name in ("a", "b"):
        root.write(hcl(name))
        root.apply()
        root.assert_empty_plan()
        assert Provider(aws).thumbprints == [name * 40]
    root.destroy()
