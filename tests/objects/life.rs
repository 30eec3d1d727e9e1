//! The life of a connection: made, read, changed behind its back, healed, replaced, imported, removed.

use serde_json::json;
use xeks::aws::Side;
use xeks::engine::{Key, Ledger, Origin, delete_all, import, refresh};
use xeks::objects::eks::access_entry;
use xeks::objects::eks::entries::{EntryFacts, Scope};
use xeks::objects::iam::role;

use crate::by_hand::delete_role;
use crate::connection::{ACCESS, ADMIN, Connection, MANAGED, RESOURCE, VIEW, WORKLOAD, arn};
use crate::emulator::{Aws, CLUSTER, CLUSTER_ACCOUNT, REGION, text};

#[tokio::test]
async fn a_connection_is_made_read_back_unchanged_and_removed_whole() {
    let aws = Aws::lease().await;
    let before = aws.dump();
    let cx = aws.cx(RESOURCE).await;
    let connection = Connection::default();
    let made = connection.make(&cx, Ledger::default(), "i1").await;
    assert!(made.0.values().all(|e| !e.pending && e.origin == Origin::Created), "{made:#?}");
    let keys: Vec<String> = made.0.keys().map(Key::to_string).collect();
    assert_eq!(
        keys,
        [
            "cluster/eks_access_entry/prac-eks-abhi/EKS-CrossAccount-Access-Role",
            "cluster/eks_access_policy_association/prac-eks-abhi/EKS-CrossAccount-Access-Role/AmazonEKSClusterAdminPolicy",
            "cluster/iam_role/EKS-CrossAccount-Access-Role",
            "cluster/iam_role_policy/EKS-CrossAccount-Access-Role/xeks-describe-prac-eks-abhi",
            "workload/iam_instance_profile/EC2-EKS-CrossAccount-Role",
            "workload/iam_instance_profile_role/EC2-EKS-CrossAccount-Role/EC2-EKS-CrossAccount-Role",
            "workload/iam_role/EC2-EKS-CrossAccount-Role",
            "workload/iam_role_policy/EC2-EKS-CrossAccount-Role/xeks-assume-EKS-CrossAccount-Access-Role",
            "workload/iam_role_policy_attachment/EC2-EKS-CrossAccount-Role/arn:aws:iam::aws:policy/ReadOnlyAccess",
        ]
    );
    let entry = made.get(&access_entry::key(CLUSTER, ACCESS)).unwrap();
    assert_eq!(entry.id, made.get(&role::key(Side::Cluster, ACCESS)).unwrap().id, "the entry is bound to its role");

    aws.calls();
    let cx = aws.cx(RESOURCE).await;
    assert_eq!(refresh(&cx, &connection.objects(), made.clone()).await.unwrap().ledger, made);
    assert_eq!(connection.make(&cx, made.clone(), "i1").await, made);
    assert_eq!(aws.writes(), [""; 0], "nothing to do");

    let mut cx = cx;
    cx.recorded = made.clone();
    let removed = delete_all(&cx, made).await;
    assert!(removed.failures.is_empty() && removed.ledger.is_empty(), "{:?}", removed.failures);
    assert_eq!(aws.dump(), before);
    assert!(!aws.calls().contains(&"eks:ListAccessEntries".to_owned()), "the ledger tells the principal");
}

#[tokio::test]
async fn what_others_change_is_seen_and_healed() {
    let aws = Aws::lease().await;
    let root = aws.root().await;
    let cx = aws.cx(RESOURCE).await;
    let connection = Connection::default();
    let made = connection.make(&cx, Ledger::default(), "i1").await;
    let healthy = aws.dump();
    let (iam, eks) = (root.side(Side::Cluster).iam(), root.side(Side::Cluster).eks(Some(REGION)));
    let principal = arn(CLUSTER_ACCOUNT, ACCESS);
    let anybody = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": CLUSTER_ACCOUNT}, "Action": "sts:AssumeRole"},
    ]});

    iam.update_assume_role_policy().role_name(ACCESS).policy_document(anybody.to_string()).send().await.unwrap();
    iam.update_role().role_name(ACCESS).description("drifted").max_session_duration(7200).send().await.unwrap();
    iam.put_role_permissions_boundary().role_name(ACCESS).permissions_boundary(MANAGED).send().await.unwrap();
    let tag = |k: &str| aws_sdk_iam::types::Tag::builder().key(k).value("drifted").build().unwrap();
    iam.tag_role().role_name(ACCESS).tags(tag("owner")).send().await.unwrap();
    let open = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "eks:*", "Resource": "*"}});
    iam.put_role_policy()
        .role_name(ACCESS)
        .policy_name("xeks-describe-prac-eks-abhi")
        .policy_document(open.to_string())
        .send()
        .await
        .unwrap();
    let workload = root.side(Side::Workload).iam();
    workload.detach_role_policy().role_name(WORKLOAD).policy_arn(MANAGED).send().await.unwrap();
    workload.remove_role_from_instance_profile().instance_profile_name(WORKLOAD).role_name(WORKLOAD).send().await.unwrap();
    let update = eks.update_access_entry().cluster_name(CLUSTER).principal_arn(&principal).username("ops");
    update.kubernetes_groups("others").send().await.unwrap();
    let scope = aws_sdk_eks::types::AccessScope::builder().r#type("namespace".into()).namespaces("dev").build();
    let associate = eks.associate_access_policy().cluster_name(CLUSTER).principal_arn(&principal).policy_arn(ADMIN);
    associate.access_scope(scope).send().await.unwrap();

    let seen = refresh(&cx, &connection.objects(), made.clone()).await.unwrap();
    let document = |key: &Key| seen.ledger.get(key).and_then(|e| e.document.clone()).unwrap_or_default();
    assert!(document(&role::key(Side::Cluster, ACCESS)).contains("183295435445:root"));
    assert!(document(&Key::new(Side::Cluster, "iam_role_policy", format!("{ACCESS}/xeks-describe-prac-eks-abhi"))).contains("eks:*"));
    let facts = role::RoleFacts::of(&seen.observed[&role::key(Side::Cluster, ACCESS)]);
    assert_eq!((facts.description.as_deref(), facts.max_session_duration), (Some("drifted"), 7200));
    assert_eq!(facts.permissions_boundary.as_deref(), Some(MANAGED));
    assert_eq!(facts.tags.into_iter().collect::<Vec<_>>(), [("owner", "drifted")].map(|(k, v)| (k.into(), v.into())));
    let entry = seen.observed[&access_entry::key(CLUSTER, ACCESS)].facts.get::<EntryFacts>().unwrap();
    assert_eq!((entry.username.as_str(), entry.default_username), ("ops", false));
    assert_eq!(entry.policies[ADMIN].scope, Scope::Namespace);
    let gone: Vec<&str> = made.0.keys().filter(|k| seen.ledger.get(k).is_none()).map(|k| k.kind.as_str()).collect();
    assert_eq!(gone, ["iam_instance_profile_role", "iam_role_policy_attachment"]);

    connection.make(&cx, seen.ledger, "i1").await;
    assert_eq!(without_times(aws.dump()), without_times(healthy));
    aws.calls();
    let again = refresh(&cx, &connection.objects(), made).await.unwrap().ledger;
    connection.make(&cx, again, "i1").await;
    assert_eq!(aws.writes(), [""; 0], "healed at once");
}

#[tokio::test]
async fn what_the_configuration_changes_is_changed_in_place() {
    let aws = Aws::lease().await;
    let before = aws.dump();
    let cx = aws.cx(RESOURCE).await;
    let made = Connection::default().make(&cx, Ledger::default(), "i1").await;
    aws.calls();
    let changed = Connection {
        description: None,
        username: Some("team:{{SessionName}}".into()),
        policies: vec![(ADMIN, Scope::Namespace, vec!["dev", "test-*"]), (VIEW, Scope::Cluster, vec![])],
        managed: vec![],
        tags: [("team".into(), "payments".into())].into(),
        ..Connection::default()
    };
    let ledger = changed.make(&cx, made.clone(), "i1").await;
    let writes = aws.writes();
    assert!(!writes.iter().any(|w| w.contains("Create") || w.contains(":Delete")), "{writes:?}");
    assert_eq!(refresh(&cx, &changed.objects(), ledger.clone()).await.unwrap().ledger, ledger);
    let root = aws.root().await;
    let role = root.side(Side::Cluster).iam().get_role().role_name(ACCESS).send().await.unwrap().role.unwrap();
    assert_eq!(role.description().unwrap_or_default(), "");
    let tags: Vec<&str> = role.tags().iter().map(|t| t.key()).collect();
    assert_eq!(tags.len(), 3, "{tags:?}");
    // A revert, and the user name that EKS gives is back.
    let back = Connection::default().make(&cx, ledger, "i1").await;
    assert_eq!(back, made);
    assert!(delete_all(&cx, back).await.failures.is_empty());
    assert_eq!(aws.dump(), before);
}

#[tokio::test]
async fn a_recreated_role_gets_its_trust_policy_and_its_access_entry_again() {
    let aws = Aws::lease().await;
    let root = aws.root().await;
    let cx = aws.cx(RESOURCE).await;
    let connection = Connection::default();
    let made = connection.make(&cx, Ledger::default(), "i1").await;
    for (side, name) in [(Side::Workload, WORKLOAD), (Side::Cluster, ACCESS)] {
        delete_role(root.side(side).iam(), name).await;
    }
    let seen = refresh(&cx, &connection.objects(), made.clone()).await.unwrap().ledger;
    assert!(seen.get(&role::key(Side::Cluster, ACCESS)).is_none());
    let healed = connection.make(&cx, seen, "i1").await;
    let (was, is) = (made.get(&access_entry::key(CLUSTER, ACCESS)).unwrap(), healed.get(&access_entry::key(CLUSTER, ACCESS)).unwrap());
    assert_eq!(is.id, healed.get(&role::key(Side::Cluster, ACCESS)).unwrap().id);
    assert_ne!((&was.id, &was.arn), (&is.id, &is.arn), "another entry for another role");
    aws.calls();
    assert_eq!(connection.make(&cx, healed.clone(), "i1").await, healed);
    assert_eq!(aws.writes(), [""; 0]);
    assert_eq!(healed.0.len(), made.0.len());
}

#[tokio::test]
async fn a_recreated_workload_role_is_trusted_again_though_the_document_reads_the_same() {
    let aws = Aws::lease().await;
    let root = aws.root().await;
    let cx = aws.cx(RESOURCE).await;
    let connection = Connection::default();
    let made = connection.make(&cx, Ledger::default(), "i1").await;
    delete_role(root.side(Side::Workload).iam(), WORKLOAD).await;
    // No read in between: the ledger still has the role.
    aws.calls();
    connection.make(&cx, made, "i1").await;
    assert!(aws.writes().contains(&"iam:UpdateAssumeRolePolicy".to_owned()));
    let trust = root.side(Side::Cluster).iam().get_role().role_name(ACCESS).send().await.unwrap().role.unwrap();
    assert!(!trust.assume_role_policy_document().unwrap().contains("AROA"));
}

#[tokio::test]
async fn an_entry_that_is_older_than_its_role_is_made_anew_even_if_the_ledger_was_lost() {
    let aws = Aws::lease().await;
    let root = aws.root().await;
    let cx = aws.cx(RESOURCE).await;
    let made = Connection::default().make(&cx, Ledger::default(), "i1").await;
    delete_role(root.side(Side::Cluster).iam(), ACCESS).await;
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let again = Connection::default().make(&cx, Ledger::default(), "i2").await;
    let key = access_entry::key(CLUSTER, ACCESS);
    assert_ne!(again.get(&key).unwrap().arn, made.get(&key).unwrap().arn);
    assert_eq!(again.get(&key).unwrap().id, again.get(&role::key(Side::Cluster, ACCESS)).unwrap().id);
}

#[tokio::test]
async fn the_old_half_of_a_replace_leaves_what_the_new_half_took_over() {
    let aws = Aws::lease().await;
    Connection::default().is_replaced(&aws).await;
}

#[tokio::test]
async fn a_lost_state_is_imported_without_a_write_and_destroyed_whole() {
    let aws = Aws::lease().await;
    let before = aws.dump();
    let cx = aws.cx(RESOURCE).await;
    let connection = Connection::default();
    connection.make(&cx, Ledger::default(), "i1").await;
    aws.calls();
    let imported = import(&cx, &connection.objects()).await.unwrap().ledger;
    assert!(imported.0.values().all(|e| e.origin == Origin::Imported));
    assert_eq!(imported.instance(), Some("i1"));
    let after = connection.make(&cx, imported.clone(), "i1").await;
    assert_eq!(aws.writes(), [""; 0]);
    assert_eq!(after, imported);
    // A change goes on with what was imported.
    let changed = Connection { description: None, managed: vec![], ..Connection::default() };
    let ledger = changed.make(&cx, after, "i1").await;
    assert_eq!(refresh(&cx, &changed.objects(), ledger.clone()).await.unwrap().ledger, ledger);
    assert!(delete_all(&cx, ledger).await.failures.is_empty());
    assert_eq!(aws.dump(), before);
}

#[tokio::test]
async fn a_cluster_on_the_config_map_is_brought_one_step_and_left_there() {
    let aws = Aws::lease().await;
    let root = aws.root().await;
    let eks = root.side(Side::Cluster).eks(Some(REGION));
    let vpc = eks.describe_cluster().name(CLUSTER).send().await.unwrap().cluster.unwrap().resources_vpc_config.unwrap();
    let request = aws_sdk_eks::types::VpcConfigRequest::builder().set_subnet_ids(vpc.subnet_ids).build();
    let access = aws_sdk_eks::types::CreateAccessConfigRequest::builder().authentication_mode("CONFIG_MAP".into()).build();
    let create = eks.create_cluster().name("old").role_arn(arn(CLUSTER_ACCOUNT, "prac-eks-abhi-cluster")).resources_vpc_config(request);
    create.access_config(access).send().await.unwrap();
    let cx = aws.cx(RESOURCE).await;
    let connection = Connection { cluster: "old".into(), upgrade: true, ..Connection::default() };
    let seen = import(&cx, &connection.objects()).await.unwrap().ledger;
    assert!(!seen.0.keys().any(|k| k.kind == access_entry::KIND), "no entries on such a cluster, and no error");
    let made = connection.make(&cx, Ledger::default(), "i1").await;
    let config = made.get(&Key::new(Side::Cluster, "eks_access_config", "old")).unwrap();
    assert_eq!(config.origin, Origin::Adopted);
    assert!(delete_all(&cx, made).await.failures.is_empty());
    let cluster = xeks::objects::eks::cluster::describe(&cx, REGION, "old").await.unwrap().unwrap();
    assert_eq!(cluster.authentication_mode.as_deref(), Some("API_AND_CONFIG_MAP"));
}

#[tokio::test]
async fn a_connection_whose_cluster_is_gone_is_removed_without_it() {
    let aws = Aws::lease().await;
    let root = aws.root().await;
    let cx = aws.cx(RESOURCE).await;
    let made = Connection::default().make(&cx, Ledger::default(), "i1").await;
    root.side(Side::Cluster).eks(Some(REGION)).delete_cluster().name(CLUSTER).send().await.unwrap();
    let removed = delete_all(&cx, made).await;
    assert!(removed.failures.is_empty() && removed.ledger.is_empty(), "{:?}", removed.failures);
}

#[tokio::test]
async fn iam_that_shows_its_writes_late_is_waited_for() {
    let aws = Aws::lease().await;
    let before = aws.dump();
    aws.admin("consistency", json!({"seconds": 1.5}));
    let cx = aws.cx(RESOURCE).await;
    let made = Connection::default().make(&cx, Ledger::default(), "i1").await;
    assert!(delete_all(&cx, made).await.failures.is_empty());
    assert_eq!(aws.dump(), before);
}

#[tokio::test]
async fn a_role_in_a_foreign_instance_profile_can_not_be_deleted_and_the_error_says_why() {
    let aws = Aws::lease().await;
    let root = aws.root().await;
    let cx = aws.cx(RESOURCE).await;
    let made = Connection::default().make(&cx, Ledger::default(), "i1").await;
    let iam = root.side(Side::Workload).iam();
    iam.create_instance_profile().instance_profile_name("theirs").send().await.unwrap();
    iam.add_role_to_instance_profile().instance_profile_name("theirs").role_name(WORKLOAD).send().await.unwrap();
    let removed = delete_all(&cx, made).await;
    let [failure] = &removed.failures[..] else { panic!("{:?}", removed.failures) };
    assert!(text(&failure.error).contains("in the instance profile theirs"), "{:?}", failure.error);
    iam.remove_role_from_instance_profile().instance_profile_name("theirs").role_name(WORKLOAD).send().await.unwrap();
    let again = delete_all(&cx, removed.ledger).await;
    assert!(again.failures.is_empty() && again.ledger.is_empty());
}

/// A dump without what every change moves.
fn without_times(mut dump: serde_json::Value) -> serde_json::Value {
    fn strip(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(members) => {
                members.retain(|name, _| name != "modifiedAt" && name != "associatedAt");
                members.values_mut().for_each(strip);
            }
            serde_json::Value::Array(members) => members.iter_mut().for_each(strip),
            _ => {}
        }
    }
    strip(&mut dump);
    dump
}
