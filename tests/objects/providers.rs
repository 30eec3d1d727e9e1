//! OIDC providers, which several trusts share: created once, kept while one of them uses it, deleted with the last.

use std::collections::BTreeSet;

use serde_json::json;
use xeks::aws::Side;
use xeks::aws::arn::oidc_provider;
use xeks::aws::policy::statements::{ServiceAccount, trust_web_identity};
use xeks::aws::policy::without_sid;
use xeks::diagnostics::Path;
use xeks::engine::{Added, Ledger, Object, OnExisting, Origin, Tags, converge, delete_all, refresh};
use xeks::objects::Context;
use xeks::objects::iam::oidc_provider::{self, Manage, OidcProvider, Settings};
use xeks::objects::iam::role::{Role, RoleSettings};

use crate::connection::{stored, through_a_state};
use crate::emulator::{Aws, WORKLOAD_ACCOUNT, text};

const ISSUER: &str = "oidc.eks.ap-south-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF";
const STS: &str = "sts.amazonaws.com";

/// All tests here share an issuer, and this process keeps a provider that another one of its requests relies on.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

#[tokio::test]
async fn two_trusts_share_one_new_provider_and_the_last_one_removes_it() {
    let _alone = ALONE.lock().await;
    let aws = Aws::lease().await;
    let before = aws.dump();
    let (one, two) = (aws.cx(&["one"]).await, aws.cx(&["two"]).await);
    let (made_one, made_two) = tokio::join!(make(&one, "one", STS, Manage::Shared), make(&two, "two", "vault", Manage::Shared));
    let ids = client_ids(&aws).await.unwrap();
    assert_eq!(ids, [STS, "vault"]);
    let key = oidc_provider::key(Side::Workload, ISSUER);
    let entry = made_one.get(&key).unwrap();
    assert_eq!((entry.origin, entry.added.contains(&Added::Creation)), (Origin::Shared, made_two.get(&key).unwrap().added.is_empty()));
    aws.calls();
    let again = refresh(&one, &objects("one", STS, Manage::Shared), made_one.clone()).await.unwrap().ledger;
    assert_eq!(stored(&again), stored(&made_one));
    let again = converge(&one, &objects("one", STS, Manage::Shared), made_one.clone(), "i-one").await;
    assert_eq!((stored(&again.ledger), aws.writes()), (stored(&made_one), vec![]));

    drop((one, two));
    let (one, two) = (aws.cx(&["one"]).await, aws.cx(&["two"]).await);
    assert!(delete_all(&one, made_one).await.failures.is_empty());
    assert!(client_ids(&aws).await.is_some(), "the second one still needs it");
    assert!(delete_all(&two, made_two).await.failures.is_empty());
    assert_eq!(aws.dump(), before);
}

#[tokio::test]
async fn trusts_that_leave_at_the_same_time_leave_no_provider_behind() {
    let _alone = ALONE.lock().await;
    let aws = Aws::lease().await;
    let before = aws.dump();
    let names = ["one", "two", "three", "four"];
    let mut all = Vec::new();
    for name in names {
        let cx = aws.cx(&[name]).await;
        all.push((name, make(&cx, name, STS, Manage::Shared).await));
    }
    // A listing may still show what was deleted a moment ago.
    aws.admin("consistency", json!({"seconds": 1.0, "iam_reads": true}));
    let removed = all.into_iter().map(|(name, ledger)| {
        let aws = &aws;
        async move { delete_all(&aws.cx(&[name]).await, ledger).await }
    });
    assert!(futures::future::join_all(removed).await.iter().all(|r| r.failures.is_empty()));
    assert_eq!(aws.dump(), before);
}

#[tokio::test]
async fn a_provider_is_not_deleted_under_a_trust_that_is_just_being_made() {
    let _alone = ALONE.lock().await;
    let aws = Aws::lease().await;
    for round in 0..8 {
        aws.admin("reset", json!({}));
        let ledger = make(&aws.cx(&["leaving"]).await, "leaving", STS, Manage::Shared).await;
        // Sooner or later within the other's calls.
        aws.admin("faults/add", json!({"kind": "latency", "action": "CreateRole", "seconds": 0.05 * f64::from(round)}));
        let (leaving, coming) = (aws.cx(&["leaving"]).await, aws.cx(&["coming"]).await);
        let (removed, _) = tokio::join!(delete_all(&leaving, ledger), make(&coming, "coming", STS, Manage::Shared));
        assert!(removed.failures.is_empty());
        assert!(client_ids(&aws).await.is_some(), "round {round}");
    }
}

#[tokio::test]
async fn a_provider_of_others_gets_our_client_id_and_loses_it_again() {
    let _alone = ALONE.lock().await;
    let aws = Aws::lease().await;
    make_provider(&aws, &[STS]).await;
    let before = aws.dump();
    let cx = aws.cx(&["one"]).await;
    for manage in [Manage::Shared, Manage::Existing] {
        let made = make(&cx, "one", "vault", manage).await;
        let entry = made.get(&oidc_provider::key(Side::Workload, ISSUER)).unwrap();
        assert_eq!(entry.added, [Added::ClientId("vault".into())].into());
        assert_eq!(client_ids(&aws).await.unwrap(), [STS, "vault"]);
        assert!(delete_all(&cx, made).await.failures.is_empty());
        assert_eq!(aws.dump(), before, "{manage:?}");
    }
}

#[tokio::test]
async fn a_client_id_that_another_role_needs_stays_on_a_provider_of_others() {
    let _alone = ALONE.lock().await;
    let aws = Aws::lease().await;
    make_provider(&aws, &[STS]).await;
    let (one, two) = (aws.cx(&["one"]).await, aws.cx(&["two"]).await);
    let made_one = make(&one, "one", "vault", Manage::Shared).await;
    let made_two = make(&two, "two", "vault", Manage::Shared).await;
    assert!(delete_all(&one, made_one).await.failures.is_empty());
    assert_eq!(client_ids(&aws).await.unwrap(), [STS, "vault"]);
    assert!(delete_all(&two, made_two).await.failures.is_empty());
}

#[tokio::test]
async fn a_provider_is_kept_with_a_warning_where_roles_can_not_be_listed() {
    let _alone = ALONE.lock().await;
    let aws = Aws::lease().await;
    let made = make(&aws.cx(&["one"]).await, "one", STS, Manage::Shared).await;
    let cx = aws.cx(&["one"]).await;
    aws.admin("faults/add", json!({"kind": "deny", "action": "ListRoles", "times": null}));
    assert!(delete_all(&cx, made).await.failures.is_empty());
    assert!(client_ids(&aws).await.is_some());
    let warnings = cx.warnings.lock();
    assert!(warnings[0].1.contains("iam:ListRoles") && warnings[0].1.contains(ISSUER), "{warnings:?}");
}

#[tokio::test]
async fn a_role_that_was_created_by_hand_keeps_the_provider() {
    let _alone = ALONE.lock().await;
    let aws = Aws::lease().await;
    let cx = aws.cx(&["one"]).await;
    let made = make(&cx, "one", STS, Manage::Shared).await;
    let trust = json!({"Version": "2012-10-17", "Statement": trust(STS)});
    let root = aws.root().await;
    root.side(Side::Workload).iam().create_role().role_name("by-hand").assume_role_policy_document(trust.to_string()).send().await.unwrap();
    drop(cx);
    assert!(delete_all(&aws.cx(&["one"]).await, made).await.failures.is_empty());
    assert!(client_ids(&aws).await.is_some());
}

#[tokio::test]
async fn a_retained_provider_stays_and_a_required_one_must_be_there() {
    let _alone = ALONE.lock().await;
    let aws = Aws::lease().await;
    let cx = aws.cx(&["one"]).await;
    let result = converge(&cx, &objects("one", STS, Manage::Existing), Ledger::default(), "i-one").await;
    assert!(text(&result.failures[0].error).contains("does not exist"), "{:?}", result.failures);
    let made = make(&cx, "one", STS, Manage::Retain).await;
    assert!(delete_all(&aws.cx(&["one"]).await, made).await.failures.is_empty());
    assert!(client_ids(&aws).await.is_some());
}

#[tokio::test]
async fn what_one_trust_set_another_one_does_not_change_and_may_once_it_has_left() {
    let _alone = ALONE.lock().await;
    let aws = Aws::lease().await;
    let (a, b) = ("a".repeat(40), "b".repeat(40));
    let wanting = |name: &str, thumbprint: &str| {
        let named = Settings {
            thumbprints: Some(vec![thumbprint.to_owned()]),
            tags: Tags::from([("x".into(), name.into())]),
            ..Settings::default()
        };
        let mut objects = objects(name, STS, Manage::Shared);
        objects[0] = Box::new(OidcProvider { settings: named, ..provider(STS, Manage::Shared) });
        objects
    };
    let one = converge(&aws.cx(&["one"]).await, &wanting("one", &a), Ledger::default(), "i-one").await;
    assert!(one.failures.is_empty());
    let two = converge(&aws.cx(&["two"]).await, &wanting("two", &b), Ledger::default(), "i-two").await;
    let refused = text(&two.failures[0].error);
    assert!(refused.contains("oidc_provider.t") && refused.contains("xeks:settings:"), "{refused}");
    assert_eq!(thumbprints(&aws).await, std::slice::from_ref(&a));
    // The role of the second one was not made: it depends on the provider, and made by hand it keeps that.
    let trust = json!({"Version": "2012-10-17", "Statement": trust(STS)});
    let root = aws.root().await;
    root.side(Side::Workload).iam().create_role().role_name("two").assume_role_policy_document(trust.to_string()).send().await.unwrap();
    assert!(delete_all(&aws.cx(&["one"]).await, one.ledger).await.failures.is_empty());
    root.side(Side::Workload).iam().delete_role().role_name("two").send().await.unwrap();
    let two = converge(&aws.cx(&["two"]).await, &wanting("two", &b), two.ledger, "i-two").await;
    assert!(two.failures.is_empty(), "{:?}", two.failures);
    assert_eq!(thumbprints(&aws).await, [b]);
}

/// The objects of one trust: the provider and a role that names it.
fn objects(name: &str, audience: &str, manage: Manage) -> Vec<Box<dyn Object<Context>>> {
    let provider = provider(audience, manage);
    let role = Role {
        side: Side::Workload,
        name: name.into(),
        settings: RoleSettings::default(),
        trust: vec![without_sid(&trust(audience))],
        tags: Tags::new(),
        adopted_tags: true,
        inline_policies: vec![],
        managed_policies: vec![],
        manages_attachments: true,
        exclusive: true,
        force_detach_policies: false,
        attribute: Path::root(),
        on_existing: OnExisting::Fail,
        depends_on: vec![provider.key()],
    };
    vec![Box::new(provider), Box::new(role)]
}

fn provider(audience: &str, manage: Manage) -> OidcProvider {
    OidcProvider {
        side: Side::Workload,
        issuer: ISSUER.into(),
        client_ids: BTreeSet::from([audience.to_owned()]),
        settings: Settings { inherited_tags: Tags::from([("owner".into(), "platform".into())]), ..Settings::default() },
        manage,
        attribute: Path::root(),
    }
}

fn trust(audience: &str) -> serde_json::Value {
    let account = ServiceAccount { namespace: "nodejs".into(), name: "nodejs-sa".into() };
    trust_web_identity("", &oidc_provider("aws", WORKLOAD_ACCOUNT, ISSUER), &[account], &[audience.to_owned()])
}

async fn make(cx: &Context, name: &str, audience: &str, manage: Manage) -> Ledger {
    let made = converge(cx, &objects(name, audience, manage), Ledger::default(), &format!("i-{name}")).await;
    assert!(made.failures.is_empty(), "{:?}", made.failures);
    through_a_state(&made.ledger)
}

async fn make_provider(aws: &Aws, client_ids: &[&str]) {
    let root = aws.root().await;
    let create = root.side(Side::Workload).iam().create_open_id_connect_provider().url(format!("https://{ISSUER}"));
    create.set_client_id_list(Some(client_ids.iter().map(|id| (*id).to_owned()).collect())).send().await.unwrap();
}

/// The provider's client ids, sorted; `None` where there is no provider.
async fn client_ids(aws: &Aws) -> Option<Vec<String>> {
    let arn = oidc_provider("aws", WORKLOAD_ACCOUNT, ISSUER);
    let answer =
        aws.root().await.side(Side::Workload).iam().get_open_id_connect_provider().open_id_connect_provider_arn(arn).send().await.ok()?;
    let mut ids = answer.client_id_list().to_vec();
    ids.sort();
    Some(ids)
}

async fn thumbprints(aws: &Aws) -> Vec<String> {
    let root = aws.root().await;
    let arn = oidc_provider("aws", WORKLOAD_ACCOUNT, ISSUER);
    let found = root.side(Side::Workload).iam().get_open_id_connect_provider().open_id_connect_provider_arn(arn).send().await.unwrap();
    found.thumbprint_list().to_vec()
}
