use serde_json::json;

use super::*;
use crate::engine::{Origin, found};

fn statement(name: &str) -> Value {
    json!({"Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::185863138492:role/{name}")}, "Action": "sts:AssumeRole"})
}

fn role() -> Role {
    Role {
        side: Side::Cluster,
        name: "access".into(),
        settings: RoleSettings { description: Some("d".into()), ..RoleSettings::default() },
        trust: vec![statement("ec2")],
        tags: Tags::from([("owner".into(), "platform".into())]),
        adopted_tags: true,
        inline_policies: vec![],
        managed_policies: vec![],
        manages_attachments: true,
        exclusive: true,
        force_detach_policies: false,
        attribute: Path::root(),
        on_existing: OnExisting::Fail,
        depends_on: vec![],
    }
}

fn facts_of(object: &Role) -> RoleFacts {
    RoleFacts {
        path: "/".into(),
        description: object.settings.description.clone(),
        max_session_duration: 3600,
        trusted: object.document(),
        tags: object.tags.clone(),
        ..RoleFacts::default()
    }
}

/// `instance` is empty on a read.
fn reconcile(origin: Origin, instance: &str) -> Reconcile {
    Reconcile {
        entry: Some(found("183295435445", None, origin)),
        origin,
        instance: (!instance.is_empty()).then(|| instance.into()),
        renewed: false,
        dependencies: Default::default(),
    }
}

#[test]
fn a_role_as_it_should_be_does_not_differ() {
    let object = role();
    let (document, tags, differs) = object.as_own(&facts_of(&object));
    assert!(!differs);
    assert_eq!(document, object.written().document);
    assert_eq!(tags, Some(object.tags.clone()));
}

#[test]
fn a_change_of_any_attribute_is_seen() {
    let object = role();
    type Change = fn(&mut RoleFacts);
    let changes: [(&str, Change); 5] = [
        ("description", |f| f.description = None),
        ("boundary", |f| f.permissions_boundary = Some("arn:aws:iam::aws:policy/X".into())),
        ("duration", |f| f.max_session_duration = 7200),
        ("tags", |f| drop(f.tags.insert("extra".into(), "1".into()))),
        ("trust", |f| f.trusted = policy::document([statement("another")])),
    ];
    for (what, change) in changes {
        let mut facts = facts_of(&object);
        change(&mut facts);
        assert!(object.as_own(&facts).2, "{what}");
    }
}

#[test]
fn a_trust_that_means_the_same_is_shown_as_the_role_object_says_it() {
    let object = role();
    let mut facts = facts_of(&object);
    facts.trusted = json!({"Version": "2012-10-17", "Statement": {
        "Sid": "Handmade", "Effect": "Allow", "Action": ["STS:AssumeRole"], "Principal": {"AWS": ["arn:aws:iam::185863138492:role/ec2"]},
    }});
    let (document, _, differs) = object.as_own(&facts);
    assert_eq!((document, differs), (object.written().document, false));
}

#[test]
fn a_principal_that_was_recreated_shows_in_the_document() {
    let object = role();
    let mut facts = facts_of(&object);
    facts.trusted = policy::document([json!({"Effect": "Allow", "Principal": {"AWS": "AROAEXAMPLE"}, "Action": "sts:AssumeRole"})]);
    let (document, _, differs) = object.as_own(&facts);
    assert!(differs && document.unwrap().contains("AROAEXAMPLE"));
}

/// The facts of a role that xeks does not own, whose trust policy has these statements of xeks.
fn adopted(object: &Role, ownership: &Ownership, instance: &str, statements: &[Value]) -> RoleFacts {
    let theirs = policy::document([json!({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"})]);
    RoleFacts { trusted: trust::with(&theirs, ownership, instance, statements), ..facts_of(object) }
}

#[test]
fn of_an_adopted_role_only_the_statements_and_tags_of_this_resource_count() {
    let (us, mut object) = (Ownership::new(&["us"]), role());
    object.on_existing = OnExisting::Adopt;
    let mut facts = adopted(&object, &us, "i1", &object.trust);
    facts.description = Some("theirs".into());
    facts.tags.insert("z".into(), "theirs".into());
    facts.tags.insert("owner".into(), "theirs".into());
    let (document, tags, differs) = object.as_adopted(&us, &reconcile(Origin::Adopted, "i1"), &facts);
    assert_eq!((document, tags, differs), (object.written().document, Some(object.tags.clone()), false));
}

#[test]
fn statements_of_this_resource_that_are_missing_wrong_or_of_another_create_differ() {
    let (us, object) = (Ownership::new(&["us"]), role());
    let seen = |instance: &str, statements: &[Value], of: &str| {
        object.as_adopted(&us, &reconcile(Origin::Adopted, of), &adopted(&object, &us, instance, statements))
    };
    let (document, _, differs) = seen("i1", &[], "i1");
    assert_eq!((document, differs), (None, true));
    let (document, _, differs) = seen("i1", &[statement("another")], "i1");
    assert!(differs && document.unwrap().contains("another"));
    let (document, _, differs) = seen("i1", &object.trust, "i2");
    assert_eq!((document, differs), (object.written().document, true), "a create writes its instance on what it takes over");
    let (document, _, differs) = seen("i1", &object.trust, "");
    assert_eq!((document, differs), (object.written().document, false), "a read does not ask");
}

#[test]
fn a_role_that_gets_no_statement_and_no_tags_shows_neither() {
    let (us, mut object) = (Ownership::new(&["us"]), role());
    (object.trust, object.adopted_tags) = (vec![], false);
    let facts = RoleFacts { tags: Tags::new(), ..adopted(&object, &us, "i1", &[]) };
    assert_eq!(object.as_adopted(&us, &reconcile(Origin::Adopted, "i1"), &facts), (None, None, false));
}

#[test]
fn what_is_attached_to_an_existing_role_belongs_to_others_but_for_the_providers_own_policies() {
    let existing = Role { on_existing: OnExisting::MustExist, ..role() };
    let on = |side: Side, kind: &str, name: &str| existing.is_unmanaged(&Key::new(side, kind, name), Origin::Found);
    assert!(on(Side::Cluster, INLINE_POLICY, "access/bucket") && on(Side::Cluster, POLICY_ATTACHMENT, "access/arn"));
    assert!(on(Side::Cluster, INSTANCE_PROFILE_ROLE, "p/access") && on(Side::Cluster, INSTANCE_PROFILE, "p"));
    assert!(!on(Side::Cluster, INLINE_POLICY, "access/xeks-assume-a") && !on(Side::Cluster, INLINE_POLICY, "another/bucket"));
    assert!(!on(Side::Workload, INLINE_POLICY, "access/bucket"));
    assert!(!role().is_unmanaged(&Key::new(Side::Cluster, POLICY_ATTACHMENT, "access/arn"), Origin::Found));
    let open = Role { manages_attachments: false, ..role() };
    assert!(open.is_unmanaged(&Key::new(Side::Cluster, POLICY_ATTACHMENT, "access/arn"), Origin::Imported), "not listed, not looked at");
}
