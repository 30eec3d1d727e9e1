//! Every attribute of every object of `xeks_cross_account_access`.

use serde_json::json;
use xeks::aws::Side;

use super::role::BUCKETS;
use super::{Row, object, role, run};
use crate::by_hand::{Change, OnEntry, OnProfile, OnRole};
use crate::connection::{ACCESS, WORKLOAD, arn};
use crate::emulator::{Aws, CLUSTER, CLUSTER_ACCOUNT};
use crate::managed::Managed;

#[tokio::test]
async fn each_change_of_an_access_by_hand_is_named_by_the_plan_and_corrected() {
    let aws = Aws::lease().await;
    run(&aws, async |root| {
        role::prepare(root).await;
        (connection(), rows())
    })
    .await;
}

fn connection() -> Managed {
    let workload = json!({"instance_profile": true, "managed_policy_arns": [BUCKETS]});
    let config = json!({
        "cluster_name": CLUSTER,
        "access_role": role::configured(Side::Cluster, ACCESS, json!({})),
        "workload_role": role::configured(Side::Workload, WORKLOAD, workload),
        "kubernetes": {
            "username": "team:{{SessionName}}",
            "groups": ["team"],
            "policies": {
                "AmazonEKSClusterAdminPolicy": {"scope": "cluster"},
                "AmazonEKSViewPolicy": {"scope": "namespace", "namespaces": ["a", "b"]},
            },
        },
        "tags": {"team": "x"},
    });
    Managed::new("xeks_cross_account_access", config)
}

fn rows() -> Vec<Row> {
    let mut rows = role::rows(Side::Cluster, "access_role", ACCESS, "xeks-describe-prac-eks-abhi-cd1fe6a40592");
    rows.extend(role::rows(Side::Workload, "workload_role", WORKLOAD, "xeks-assume-EKS-CrossAccount-Access-Role-cd1fe6a40592"));
    rows.extend(workload_rows());
    rows.extend(entry_rows());
    rows
}

fn workload_rows() -> Vec<Row> {
    let profile = object(Side::Workload, "iam_instance_profile", WORKLOAD);
    let tags = format!("{profile}.tags");
    let membership = object(Side::Workload, "iam_instance_profile_role", &format!("{WORKLOAD}/{WORKLOAD}"));
    let detached = Change::Role(Side::Workload, WORKLOAD, OnRole::Detach(BUCKETS));
    let on_profile =
        |what: &str, change, path: &str| Row::new(format!("instance profile: {what}"), Change::Profile(WORKLOAD, change), path);
    vec![
        Row::new("workload role: managed policy detached", detached, "workload_role.managed_policy_arns"),
        on_profile("role taken out", OnProfile::TakeRoleOut, &membership),
        on_profile("deleted", OnProfile::Delete, &profile),
        on_profile("tag changed", OnProfile::Tag("team", "y"), &tags),
    ]
}

fn entry_rows() -> Vec<Row> {
    let entry = object(Side::Cluster, "eks_access_entry", &format!("{CLUSTER}/{ACCESS}"));
    let tags = format!("{entry}.tags");
    let policies = "kubernetes.policies";
    let (admin, view) = (format!("{policies}.AmazonEKSClusterAdminPolicy"), format!("{policies}.AmazonEKSViewPolicy"));
    let rows = [
        ("access entry: username", OnEntry::Username("someone"), "kubernetes.username"),
        ("access entry: groups", OnEntry::Groups("a"), "kubernetes.groups"),
        ("access entry: tag changed", OnEntry::Tag("team", "y"), &tags),
        ("access entry: tag removed", OnEntry::Untag("team"), &tags),
        ("access entry: deleted", OnEntry::Delete, &entry),
        ("access policy: scope narrowed", OnEntry::Associate("AmazonEKSClusterAdminPolicy", &["a"]), &admin),
        ("access policy: scope widened", OnEntry::Associate("AmazonEKSViewPolicy", &[]), &view),
        ("access policy: namespaces", OnEntry::Associate("AmazonEKSViewPolicy", &["a", "c"]), &view),
        ("access policy: removed", OnEntry::Disassociate("AmazonEKSViewPolicy"), &view),
        ("access policy: added", OnEntry::Associate("AmazonEKSEditPolicy", &[]), policies),
    ];
    let principal = arn(CLUSTER_ACCOUNT, ACCESS);
    rows.into_iter().map(|(what, change, path)| Row::new(what, Change::Entry(principal.clone(), change), path)).collect()
}
