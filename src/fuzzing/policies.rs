//! IAM's documents, as users write them and as AWS returns them: read, compared, edited, and evaluated.

use serde_json::{Value, json};

use crate::aws::policy;
use crate::evaluate::{self, Answer, Identity, Principal, Request, Source};

const ROLE: &str = "arn:aws:iam::183295435445:role/target";
const NEAR: &str = "arn:aws:iam::183295435445:role/near";
const FAR: &str = "arn:aws:iam::185863138492:role/far";
const ISSUER: &str = "oidc.eks.ap-south-1.amazonaws.com/id/ABC";

/// The bytes are a document, plain or URL-encoded.
pub fn policies(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(document) = policy::parse(&text) else {
        assert!(policy::is_document(&text).is_err());
        return;
    };
    let canonical = policy::canonical(&document);
    assert_eq!(policy::canonical(&canonical), canonical, "there is one canonical form");
    assert!(policy::equivalent(&document, &canonical) && policy::equivalent(&canonical, &document));
    // What is nested as deep as can be read has one level more in a list of statements.
    if policy::parse(&canonical.to_string()).is_ok() {
        assert!(policy::equivalent_text(&text, &canonical.to_string()));
    }
    assert!(policy::size(&document) <= document.to_string().len());
    let _ = policy::is_document(&text);

    let ours = json!({"Sid": "XeksFuzz", "Effect": "Allow", "Principal": {"AWS": NEAR}, "Action": "sts:AssumeRole"});
    let with = policy::upsert(&document, &ours);
    assert_eq!(policy::upsert(&with, &ours), with, "what exists is not changed");
    assert!(policy::find(&with, "XeksFuzz").is_some());
    let without = policy::remove(&with, "XeksFuzz");
    assert_eq!(policy::find(&without, "XeksFuzz"), None);
    if policy::find(&document, "XeksFuzz").is_none() {
        assert_eq!(policy::statements_of(&without), policy::statements_of(&document), "foreign statements are not changed");
    }
}

/// The bytes are a document: a trust policy, the caller's own policy, and its boundary.
pub fn evaluation(data: &[u8]) {
    let Ok(document) = policy::parse(&String::from_utf8_lossy(data)) else { return };
    for request in requests() {
        let answer = decided(&document, &request);
        let shown = answer.to_string();
        assert!(shown.len() <= 10 * data.len() + 2000, "an answer of {} characters to {}", shown.len(), data.len());
        if answer.is_allowed() {
            let grants = |statement: &&Value| statement.get("Effect").and_then(Value::as_str) == Some("Allow");
            assert!(policy::statements_of(&document).iter().any(grants), "nothing allows it, and it is allowed");
        }

        let denied = decided(&added(&document, json!({"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"})), &request);
        assert!(!denied.is_allowed(), "a Deny of everything is passed over");
        // An unsupported operator: the statement may deny.
        let condition = json!({"StringMatches": {"aws:SourceIp": "x"}});
        let deny = json!({"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*", "Condition": condition});
        assert!(!decided(&added(&document, deny), &request).is_allowed(), "a Deny that can't be decided is passed over");
        let unread = Source::unread("the boundary", "it can't be read");
        let identity =
            Identity { policies: vec![Source::new("its policy", document.clone())], boundary: Some(unread), ..Identity::default() };
        assert!(!evaluate::permissions(&identity, &request).is_allowed(), "a boundary that can't be read is passed over");
    }
}

fn requests() -> Vec<Request> {
    let principal = |arn: &str| Principal::of_arn(arn).unwrap_or_else(|why| panic!("{why}"));
    let subject = "system:serviceaccount:nodejs:nodejs-sa";
    vec![
        Request::assume_role(principal(NEAR), ROLE, Some("xeks")),
        Request::assume_role(principal(FAR), ROLE, None),
        Request::web_identity(&format!("arn:aws:iam::183295435445:oidc-provider/{ISSUER}"), ISSUER, subject, "sts.amazonaws.com", ROLE),
        Request::signed(principal(FAR), "s3:GetObject", "arn:aws:s3:::bucket/key"),
    ]
}

/// The document on both sides at once.
fn decided(document: &Value, request: &Request) -> Answer {
    let trust = Source::new("the trust policy", document.clone());
    let own = Source::new("its policy", document.clone());
    let identity = Identity { policies: vec![own.clone()], boundary: Some(own), ..Identity::default() };
    let alone = (evaluate::trust(&trust, request), evaluate::permissions(&identity, request));
    let answer = evaluate::assume_role(&trust, &identity, request);
    assert!(!answer.is_allowed() || alone.0.is_allowed() || alone.1.is_allowed(), "neither side allows what both do");
    answer
}

fn added(document: &Value, statement: Value) -> Value {
    policy::upsert(document, &statement)
}
