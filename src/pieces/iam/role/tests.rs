use serde_json::json;

use super::*;
use crate::engine::{Origin, found};
use crate::pieces::ownership::Ownership;

fn statement(name: &str) -> Value {
    json!({"Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::185863138492:role/{name}")}, "Action": "sts:AssumeRole"})
}

fn piece() -> Role {
    Role {
        side: Side::Cluster,
        name: "access".into(),
        path: None,
        description: Some("d".into()),
        permissions_boundary: None,
        max_session_duration: None,
        trust: vec![statement("ec2")],
        tags: Tags::from([("owner".into(), "platform".into())]),
        adopted_tags: true,
        welcome: Welcome::Refuse,
        needs: vec![],
    }
}

fn standing(piece: &Role) -> Facts {
    Facts {
        path: "/".into(),
        description: piece.description.clone(),
        max_session_duration: 3600,
        trusted: piece.document(),
        tags: piece.tags.clone(),
        ..Facts::default()
    }
}

fn job(origin: Origin, instance: &str) -> Job {
    Job { entry: Some(found("183295435445", None, origin)), origin, instance: instance.into(), renewed: false, needed: Default::default() }
}

#[test]
fn a_role_as_it_should_be_does_not_differ() {
    let piece = piece();
    let (document, tags, differs) = piece.as_own(&standing(&piece));
    assert!(!differs);
    assert_eq!(document, piece.made().document);
    assert_eq!(tags, Some(piece.tags.clone()));
}

#[test]
fn every_attribute_that_others_change_is_seen() {
    let piece = piece();
    type Change = fn(&mut Facts);
    let changes: [(&str, Change); 5] = [
        ("description", |f| f.description = None),
        ("boundary", |f| f.permissions_boundary = Some("arn:aws:iam::aws:policy/X".into())),
        ("duration", |f| f.max_session_duration = 7200),
        ("tags", |f| drop(f.tags.insert("extra".into(), "1".into()))),
        ("trust", |f| f.trusted = policy::document([statement("another")])),
    ];
    for (what, change) in changes {
        let mut facts = standing(&piece);
        change(&mut facts);
        assert!(piece.as_own(&facts).2, "{what}");
    }
}

#[test]
fn a_trust_that_means_the_same_is_shown_as_the_piece_says_it() {
    let piece = piece();
    let mut facts = standing(&piece);
    facts.trusted = json!({"Version": "2012-10-17", "Statement": {
        "Sid": "Handmade", "Effect": "Allow", "Action": ["STS:AssumeRole"], "Principal": {"AWS": ["arn:aws:iam::185863138492:role/ec2"]},
    }});
    let (document, _, differs) = piece.as_own(&facts);
    assert_eq!((document, differs), (piece.made().document, false));
}

#[test]
fn a_principal_that_was_recreated_shows_in_the_document() {
    let piece = piece();
    let mut facts = standing(&piece);
    facts.trusted = policy::document([json!({"Effect": "Allow", "Principal": {"AWS": "AROAEXAMPLE"}, "Action": "sts:AssumeRole"})]);
    let (document, _, differs) = piece.as_own(&facts);
    assert!(differs && document.unwrap().contains("AROAEXAMPLE"));
}

/// The facts of a role of others whose trust holds these statements of ours.
fn adopted(piece: &Role, ownership: &Ownership, instance: &str, statements: &[Value]) -> Facts {
    let theirs = policy::document([json!({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"})]);
    Facts { trusted: trust::with(&theirs, ownership, instance, statements), ..standing(piece) }
}

#[test]
fn of_an_adopted_role_only_our_statements_and_tags_count() {
    let (us, mut piece) = (Ownership::new(&["us"]), piece());
    piece.welcome = Welcome::Adopt;
    let mut facts = adopted(&piece, &us, "i1", &piece.trust);
    facts.description = Some("theirs".into());
    facts.tags.insert("z".into(), "theirs".into());
    facts.tags.insert("owner".into(), "theirs".into());
    let (document, tags, differs) = piece.as_adopted(&us, &job(Origin::Adopted, "i1"), &facts);
    assert_eq!((document, tags, differs), (piece.made().document, Some(piece.tags.clone()), false));
}

#[test]
fn statements_of_ours_that_are_missing_wrong_or_of_another_create_differ() {
    let (us, piece) = (Ownership::new(&["us"]), piece());
    let seen = |instance: &str, statements: &[Value], of: &str| {
        piece.as_adopted(&us, &job(Origin::Adopted, of), &adopted(&piece, &us, instance, statements))
    };
    let (document, _, differs) = seen("i1", &[], "i1");
    assert_eq!((document, differs), (None, true));
    let (document, _, differs) = seen("i1", &[statement("another")], "i1");
    assert!(differs && document.unwrap().contains("another"));
    let (document, _, differs) = seen("i1", &piece.trust, "i2");
    assert_eq!((document, differs), (piece.made().document, true), "a create stamps what it takes over");
    let (document, _, differs) = seen("i1", &piece.trust, "");
    assert_eq!((document, differs), (piece.made().document, false), "a read does not ask");
}

#[test]
fn a_role_that_gets_no_statement_and_no_tags_shows_neither() {
    let (us, mut piece) = (Ownership::new(&["us"]), piece());
    (piece.trust, piece.adopted_tags) = (vec![], false);
    let facts = Facts { tags: Tags::new(), ..adopted(&piece, &us, "i1", &[]) };
    assert_eq!(piece.as_adopted(&us, &job(Origin::Adopted, "i1"), &facts), (None, None, false));
}
