use aws_sdk_eks::types;

use super::*;
use crate::engine::found;

const ROLE: &str = "arn:aws:iam::183295435445:role/teams/access";

fn access_entry() -> AccessEntry {
    AccessEntry {
        cluster: "prod".into(),
        region: "ap-south-1".into(),
        role: "access".into(),
        principal_arn: ROLE.into(),
        principal: role::key(Side::Cluster, "access"),
        username: None,
        groups: BTreeSet::from(["viewers".to_owned()]),
        tags: Tags::new(),
        policies: BTreeMap::new(),
        on_existing: OnExisting::Fail,
        depends_on: vec![role::key(Side::Cluster, "access")],
        attribute: Path::root(),
    }
}

fn unchanged() -> EntryFacts {
    let entry = types::AccessEntry::builder()
        .username("arn:aws:sts::183295435445:assumed-role/access/{{SessionName}}")
        .kubernetes_groups("viewers")
        .r#type("STANDARD")
        .build();
    EntryFacts::new(&entry, Default::default(), &[], ROLE)
}

fn reconcile(origin: Origin) -> Reconcile {
    Reconcile { entry: Some(found("183295435445", None, origin)), instance: Some("i1".into()), ..Reconcile::unrecorded(origin) }
}

#[test]
fn the_user_name_that_eks_gives_is_no_drift() {
    let facts = unchanged();
    assert!(facts.default_username && !access_entry().differs(&reconcile(Origin::Created), &facts));
    let spelt_out = AccessEntry { username: Some(facts.username.clone()), ..access_entry() };
    assert!(!spelt_out.differs(&reconcile(Origin::Created), &facts));
}

#[test]
fn a_change_of_any_attribute_is_seen() {
    type Change = fn(&mut EntryFacts);
    let changes: [(&str, Change); 5] = [
        ("username", |f| (f.username, f.default_username) = ("ops".into(), false)),
        ("groups", |f| f.groups.clear()),
        ("tags", |f| drop(f.tags.insert("extra".into(), "1".into()))),
        ("type", |f| f.entry_type = "EC2_LINUX".into()),
        ("principal", |f| f.stale = true),
    ];
    for (what, change) in changes {
        let mut facts = unchanged();
        change(&mut facts);
        assert!(access_entry().differs(&reconcile(Origin::Created), &facts), "{what}");
    }
}

#[test]
fn tags_that_others_set_on_an_adopted_entry_are_no_difference() {
    let mut facts = unchanged();
    facts.tags.insert("extra".into(), "1".into());
    assert!(!access_entry().differs(&reconcile(Origin::Adopted), &facts));
}
