//! Objects of others: adopted with additions only, refused where they are foreign', and left as they were found.

use serde_json::{Value as Json, json};
use xeks::aws::{Side, policy};
use xeks::diagnostics::Path;
use xeks::engine::{Added, Key, Ledger, Object, OnExisting, Origin, Tags, converge, delete_all, refresh};
use xeks::objects::Context;
use xeks::objects::eks::access_entry;
use xeks::objects::eks::entries::Scope;
use xeks::objects::eks::policy_association;
use xeks::objects::iam::role::{self, Role};

use crate::connection::{ACCESS, ADMIN, Connection, RESOURCE, VIEW, WORKLOAD, arn};
use crate::emulator::{Aws, CLUSTER, CLUSTER_ACCOUNT, REGION, text};

#[tokio::test]
async fn existing_roles_get_our_statement_and_policies_and_nothing_else() {
    let aws = Aws::lease().await;
    make_roles(&aws).await;
    let before = aws.dump();
    let cx = aws.cx(RESOURCE).await;
    let connection = Connection { existing_access: true, existing_workload: true, managed: vec![], ..Connection::default() };
    let made = connection.make(&cx, Ledger::default(), "i1").await;
    let access = made.get(&role::key(Side::Cluster, ACCESS)).unwrap();
    assert_eq!((access.origin, &access.tags), (Origin::Adopted, &None));
    assert!(access.document.as_ref().unwrap().contains(WORKLOAD) && !access.document.as_ref().unwrap().contains("Sid"));
    assert_eq!(made.get(&role::key(Side::Workload, WORKLOAD)).unwrap().document, None);
    assert_eq!(policy::statements_of(&trust_of(&aws, ACCESS).await).len(), 2, "theirs and ours");
    aws.calls();
    assert_eq!(refresh(&cx, &connection.objects(), made.clone()).await.unwrap().ledger, made);
    assert_eq!(connection.make(&cx, made.clone(), "i1").await, made);
    assert_eq!(aws.writes(), [""; 0]);

    // Somebody takes our statement out: seen, and put back.
    let root = aws.root().await;
    let theirs = theirs().to_string();
    root.side(Side::Cluster).iam().update_assume_role_policy().role_name(ACCESS).policy_document(theirs).send().await.unwrap();
    let seen = refresh(&cx, &connection.objects(), made.clone()).await.unwrap().ledger;
    assert_eq!(seen.get(&role::key(Side::Cluster, ACCESS)).unwrap().document, None);
    assert_eq!(connection.make(&cx, seen, "i1").await, made);

    assert!(delete_all(&cx, made).await.failures.is_empty());
    assert_eq!(aws.dump(), before);
}

#[tokio::test]
async fn the_old_half_of_a_replace_leaves_the_new_ones_additions_to_existing_roles() {
    let aws = Aws::lease().await;
    make_roles(&aws).await;
    let connection = Connection { existing_access: true, existing_workload: true, managed: vec![], ..Connection::default() };
    connection.is_replaced(&aws).await;
}

#[tokio::test]
async fn what_is_adopted_keeps_what_others_wrote_and_survives_a_removal() {
    let aws = Aws::lease().await;
    make_roles(&aws).await;
    make_profile(&aws, WORKLOAD).await;
    make_entry(&aws, "viewers", &[VIEW]).await;
    let before = aws.dump();
    let cx = aws.cx(RESOURCE).await;
    let connection = Connection { adopt: true, policies: both(), ..Connection::default() };
    let made = connection.make(&cx, Ledger::default(), "i1").await;
    let origin = |key: &Key| made.get(key).unwrap().origin;
    for key in [role::key(Side::Cluster, ACCESS), access_entry::key(CLUSTER, ACCESS), policy_association::key(CLUSTER, ACCESS, VIEW)] {
        assert_eq!(origin(&key), Origin::Adopted, "{key}");
    }
    assert_eq!(origin(&policy_association::key(CLUSTER, ACCESS, ADMIN)), Origin::Created);
    let access = made.get(&role::key(Side::Cluster, ACCESS)).unwrap();
    assert_eq!(access.tags, Some(connection.tags.clone()), "their value of a tag counts as ours");
    assert!(access.added.is_empty(), "{:?}", access.added);
    let entry = made.get(&access_entry::key(CLUSTER, ACCESS)).unwrap();
    assert_eq!(entry.added, [Added::Tag("owner".into())].into());
    aws.calls();
    assert_eq!(refresh(&cx, &connection.objects(), made.clone()).await.unwrap().ledger, made);
    assert_eq!(connection.make(&cx, made.clone(), "i1").await, made);
    assert_eq!(aws.writes(), [""; 0]);
    let other_tags = Connection { tags: Tags::from([("team".into(), "payments".into())]), ..connection.clone() };
    let retagged = other_tags.make(&cx, made, "i1").await;
    assert_eq!(retagged.get(&access_entry::key(CLUSTER, ACCESS)).unwrap().added, [Added::Tag("team".into())].into());
    assert!(delete_all(&cx, retagged).await.failures.is_empty());
    assert_eq!(aws.dump(), before);
}

#[tokio::test]
async fn an_adopted_entry_with_other_groups_is_an_error_that_says_both() {
    let aws = Aws::lease().await;
    make_roles(&aws).await;
    make_entry(&aws, "others", &[]).await;
    let before = aws.dump();
    let cx = aws.cx(RESOURCE).await;
    let connection = Connection { adopt: true, ..Connection::default() };
    let result = converge(&cx, &connection.objects(), Ledger::default(), "i1").await;
    let [failure] = &result.failures[..] else { panic!("{:?}", result.failures) };
    let text = text(&failure.error);
    assert!(text.contains("the groups [others]") && text.contains("[viewers]") && text.contains(CLUSTER_ACCOUNT), "{text}");
    assert!(delete_all(&cx, result.ledger).await.failures.is_empty());
    assert_eq!(aws.dump(), before);
}

#[tokio::test]
async fn an_adopted_profile_that_holds_another_role_is_an_error_and_one_of_ours_is_emptied() {
    let aws = Aws::lease().await;
    make_roles(&aws).await;
    let root = aws.root().await;
    let iam = root.side(Side::Workload).iam();
    iam.create_role().role_name("another").assume_role_policy_document(theirs().to_string()).send().await.unwrap();
    make_profile(&aws, "another").await;
    let cx = aws.cx(RESOURCE).await;
    let connection = Connection { adopt: true, ..Connection::default() };
    let result = converge(&cx, &connection.objects(), Ledger::default(), "i1").await;
    let [failure] = &result.failures[..] else { panic!("{:?}", result.failures) };
    assert!(text(&failure.error).contains("holds the role another"), "{:?}", failure.error);
    assert!(delete_all(&cx, result.ledger).await.failures.is_empty());

    iam.remove_role_from_instance_profile().instance_profile_name(WORKLOAD).role_name("another").send().await.unwrap();
    iam.delete_instance_profile().instance_profile_name(WORKLOAD).send().await.unwrap();
    let made = connection.make(&cx, Ledger::default(), "i2").await;
    iam.remove_role_from_instance_profile().instance_profile_name(WORKLOAD).role_name(WORKLOAD).send().await.unwrap();
    iam.add_role_to_instance_profile().instance_profile_name(WORKLOAD).role_name("another").send().await.unwrap();
    connection.make(&cx, made, "i2").await;
    let profile = iam.get_instance_profile().instance_profile_name(WORKLOAD).send().await.unwrap().instance_profile.unwrap();
    assert_eq!(profile.roles()[0].role_name(), WORKLOAD);
}

#[tokio::test]
async fn foreign_objects_are_refused_and_kept() {
    let aws = Aws::lease().await;
    make_roles(&aws).await;
    let before = aws.dump();
    let cx = aws.cx(RESOURCE).await;
    let result = converge(&cx, &Connection::default().objects(), Ledger::default(), "i1").await;
    assert!(matches!(result.failures[0].error, xeks::engine::Error::Foreign(_)), "{:?}", result.failures);
    assert!(delete_all(&cx, result.ledger).await.failures.is_empty());
    assert_eq!(aws.dump(), before);
}

#[tokio::test]
async fn resources_that_add_to_one_role_at_the_same_time_do_not_lose_one_anothers_statements() {
    let aws = Aws::lease().await;
    make_roles(&aws).await;
    let before = aws.dump();
    let names = ["one", "two", "three", "four", "five"];
    let clouds = futures::future::join_all(names.iter().map(|name| async { aws.cx(&["xeks_irsa_trust", name]).await })).await;
    let object = |name: &str| -> Vec<Box<dyn Object<Context>>> {
        let trust = vec![
            json!({"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"aws:SourceAccount": name}}}),
        ];
        vec![Box::new(Role {
            side: Side::Cluster,
            name: ACCESS.into(),
            settings: role::RoleSettings::default(),
            trust,
            tags: Tags::new(),
            adopted_tags: false,
            inline_policies: vec![],
            managed_policies: vec![],
            manages_attachments: true,
            exclusive: true,
            force_detach_policies: false,
            attribute: Path::root(),
            on_existing: OnExisting::MustExist,
            depends_on: vec![],
        })]
    };
    let made = clouds.iter().zip(names).map(|(cx, name)| async move { converge(cx, &object(name), Ledger::default(), "i1").await });
    aws.calls();
    let made = futures::future::join_all(made).await;
    assert!(made.iter().all(|m| m.failures.is_empty()));
    assert_eq!(aws.writes(), ["iam:UpdateAssumeRolePolicy"; 5], "each in its turn, none twice");
    assert_eq!(policy::statements_of(&trust_of(&aws, ACCESS).await).len(), 6);
    let removed = clouds.iter().zip(made).map(|(cx, made)| async move { delete_all(cx, made.ledger).await });
    assert!(futures::future::join_all(removed).await.iter().all(|r| r.failures.is_empty()));
    assert_eq!(aws.dump(), before);
}

fn both() -> Vec<(&'static str, Scope, Vec<&'static str>)> {
    vec![(ADMIN, Scope::Cluster, vec![]), (VIEW, Scope::Cluster, vec![])]
}

fn theirs() -> Json {
    json!({"Statement": [{"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}}], "Version": "2012-10-17"})
}

/// Both roles, created outside of this resource.
async fn make_roles(aws: &Aws) {
    let root = aws.root().await;
    let tag = aws_sdk_iam::types::Tag::builder().key("owner").value("theirs").build().unwrap();
    for (account, name) in [(root.side(Side::Cluster), ACCESS), (root.side(Side::Workload), WORKLOAD)] {
        let create = account.iam().create_role().role_name(name).assume_role_policy_document(theirs().to_string());
        create.description("theirs").tags(tag.clone()).send().await.unwrap();
    }
}

async fn make_profile(aws: &Aws, role: &str) {
    let root = aws.root().await;
    root.side(Side::Workload).iam().create_instance_profile().instance_profile_name(WORKLOAD).send().await.unwrap();
    root.side(Side::Workload).iam().add_role_to_instance_profile().instance_profile_name(WORKLOAD).role_name(role).send().await.unwrap();
}

async fn make_entry(aws: &Aws, group: &str, policies: &[&str]) {
    let eks = aws.root().await.side(Side::Cluster).eks(Some(REGION));
    let principal = arn(CLUSTER_ACCOUNT, ACCESS);
    eks.create_access_entry().cluster_name(CLUSTER).principal_arn(&principal).kubernetes_groups(group).send().await.unwrap();
    for policy in policies {
        let scope = aws_sdk_eks::types::AccessScope::builder().r#type("cluster".into()).build();
        let associate = eks.associate_access_policy().cluster_name(CLUSTER).principal_arn(&principal).policy_arn(*policy);
        associate.access_scope(scope).send().await.unwrap();
    }
}

async fn trust_of(aws: &Aws, role: &str) -> Json {
    let role = aws.root().await.side(Side::Cluster).iam().get_role().role_name(role).send().await.unwrap().role.unwrap();
    policy::parse(role.assume_role_policy_document().unwrap()).unwrap()
}
