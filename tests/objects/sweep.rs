//! Every call of a connection fails in turn: answers that are lost, permissions that are missing. Nothing is left untracked.

use std::collections::BTreeMap;

use serde_json::json;
use xeks::engine::{Ledger, converge, delete_all};
use xeks::objects::eks::entries::Scope;

use crate::connection::{ADMIN, Connection, RESOURCE, VIEW, through_a_state};
use crate::emulator::{Aws, text};

/// The other configuration that an update goes to.
fn changed() -> Connection {
    Connection {
        description: None,
        username: Some("team".into()),
        policies: vec![(ADMIN, Scope::Namespace, vec!["dev"]), (VIEW, Scope::Cluster, vec![])],
        managed: vec![],
        tags: [("team".into(), "payments".into())].into(),
        ..Connection::default()
    }
}

fn fail(aws: &Aws, kind: &str, after: usize) {
    aws.admin("faults/add", json!({"kind": kind, "principal": "xeks-runner", "times": 1, "after": after}));
}

fn heal(aws: &Aws) {
    aws.admin("faults/clear", json!({}));
}

#[tokio::test]
async fn an_answer_that_is_lost_at_any_write_of_a_life_is_no_failure() {
    let aws = Aws::lease().await;
    let before = aws.dump();
    let cx = aws.cx(RESOURCE).await;
    aws.calls();
    let live = || async {
        let made = Connection::default().make(&cx, Ledger::default(), "i1").await;
        let made = changed().make(&cx, made, "i1").await;
        let removed = delete_all(&cx, made).await;
        assert!(removed.failures.is_empty() && removed.ledger.is_empty(), "{:?}", removed.failures);
    };
    live().await;
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    aws.writes().into_iter().for_each(|call| *times.entry(call).or_default() += 1);
    assert!(times.len() > 15, "{times:?}");
    for (call, times) in times {
        let (service, action) = call.split_once(':').unwrap();
        for after in 0..times {
            aws.admin("faults/add", json!({"kind": "lost_answer", "service": service, "action": action, "after": after}));
            live().await;
            let hit = aws.admin("faults/list", json!({}))["faults"][0]["hit"].clone();
            heal(&aws);
            assert_eq!((aws.dump(), hit), (before.clone(), json!(1)), "{call}, the one after {after}");
        }
    }
}

#[tokio::test]
async fn a_create_that_is_denied_any_call_is_removed_by_its_ledger_or_converges_on_retry() {
    let aws = Aws::lease().await;
    let before = aws.dump();
    let cx = aws.cx(RESOURCE).await;
    aws.calls();
    let made = Connection::default().make(&cx, Ledger::default(), "i1").await;
    let calls = aws.calls().len();
    assert!(delete_all(&cx, made).await.failures.is_empty());
    for at in 0..calls {
        for retry in [false, true] {
            fail(&aws, "deny", at);
            let partial = converge(&cx, &Connection::default().objects(), Ledger::default(), "i1").await;
            heal(&aws);
            assert_eq!(partial.failures.len(), 1, "call {at}");
            let text = text(&partial.failures[0].error);
            assert!(text.contains("AccessDenied") && text.contains("not authorized to perform"), "{text}");
            let mut ledger = through_a_state(&partial.ledger);
            if retry {
                ledger = Connection::default().make(&cx, ledger, "i1").await;
            }
            let removed = delete_all(&cx, ledger).await;
            assert!(removed.failures.is_empty() && removed.ledger.is_empty(), "call {at}: {:?}", removed.failures);
            assert_eq!(aws.dump(), before, "call {at}, retry: {retry}");
        }
    }
}

#[tokio::test]
async fn an_update_that_is_denied_any_call_can_be_reverted_or_destroyed() {
    let aws = Aws::lease().await;
    let before = aws.dump();
    let cx = aws.cx(RESOURCE).await;
    let made = Connection::default().make(&cx, Ledger::default(), "i1").await;
    aws.calls();
    let ledger = changed().make(&cx, made, "i1").await;
    let calls = aws.calls().len();
    assert!(delete_all(&cx, ledger).await.failures.is_empty());
    for at in 0..calls {
        let made = Connection::default().make(&cx, Ledger::default(), "i1").await;
        fail(&aws, "deny", at);
        let partial = converge(&cx, &changed().objects(), made.clone(), "i1").await;
        heal(&aws);
        assert!(!partial.failures.is_empty(), "call {at}");
        let ledger = through_a_state(&partial.ledger);
        let ledger = if at % 2 == 0 { Connection::default().make(&cx, ledger, "i1").await } else { ledger };
        let removed = delete_all(&cx, ledger).await;
        assert!(removed.failures.is_empty() && removed.ledger.is_empty(), "call {at}: {:?}", removed.failures);
        assert_eq!(aws.dump(), before, "call {at}");
    }
}

#[tokio::test]
async fn a_removal_that_is_denied_any_call_is_finished_by_the_next() {
    let aws = Aws::lease().await;
    let before = aws.dump();
    let cx = aws.cx(RESOURCE).await;
    let made = Connection::default().make(&cx, Ledger::default(), "i1").await;
    aws.calls();
    assert!(delete_all(&cx, made).await.failures.is_empty());
    let calls = aws.calls().len();
    for at in 0..calls {
        let made = Connection::default().make(&cx, Ledger::default(), "i1").await;
        fail(&aws, "deny", at);
        let partial = delete_all(&cx, made).await;
        heal(&aws);
        assert!(!partial.failures.is_empty() && !partial.ledger.is_empty(), "call {at}");
        let removed = delete_all(&cx, through_a_state(&partial.ledger)).await;
        assert!(removed.failures.is_empty() && removed.ledger.is_empty(), "call {at}: {:?}", removed.failures);
        assert_eq!(aws.dump(), before, "call {at}");
    }
}
