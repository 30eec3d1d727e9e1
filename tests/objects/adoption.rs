//! Objects that exist before the resource and are adopted: what is on them stays through updates, and a destroy restores them.

use serde_json::{Value as Json, json};
use xeks::aws::{Pair, Side};

use crate::by_hand::trusts;
use crate::connection::{ACCESS, VIEW, WORKLOAD, arn};
use crate::emulator::{Aws, CLUSTER, CLUSTER_ACCOUNT, REGION};
use crate::managed::Managed;
use crate::snapshot::Snapshot;

/// The foreign objects that exist before the create.
#[derive(Clone, Copy, Debug, Default)]
struct Existing {
    access_role: bool,
    workload_role: bool,
    instance_profile: bool,
    access_entry: bool,
}

const NONE: Existing = Existing { access_role: false, workload_role: false, instance_profile: false, access_entry: false };
const CASES: [Existing; 6] = [
    Existing { access_role: true, ..NONE },
    Existing { workload_role: true, ..NONE },
    Existing { instance_profile: true, ..NONE },
    Existing { workload_role: true, instance_profile: true, ..NONE },
    Existing { access_role: true, access_entry: true, ..NONE },
    Existing { access_role: true, workload_role: true, instance_profile: true, access_entry: true },
];

#[tokio::test]
async fn existing_objects_are_adopted_and_left_as_they_were() {
    let aws = Aws::lease().await;
    let root = aws.root().await;
    for existing in CASES {
        aws.admin("reset", json!({}));
        existing.make(&root).await;
        let mut managed = Managed::new("xeks_cross_account_access", configured(json!({"team": "x", "whose": "ours"})));
        let before = Snapshot::of(&aws, &root, managed.ledger()).await;

        managed.apply(&aws).await;
        managed.settled(&aws).await.unwrap_or_else(|why| panic!("{existing:?}: {why}"));
        for (account, role, is_theirs) in
            [(root.side(Side::Cluster), ACCESS, existing.access_role), (root.side(Side::Workload), WORKLOAD, existing.workload_role)]
        {
            let listed = account.iam().list_role_tags().role_name(role).send().await.unwrap();
            let whose = listed.tags().iter().find(|tag| tag.key() == "whose").map(|tag| tag.value());
            assert_eq!(whose, Some(if is_theirs { "theirs" } else { "ours" }), "{existing:?}: {role}");
        }

        for tags in [json!({"team": "y", "more": "z", "whose": "ours"}), json!(null)] {
            managed.write(configured(tags.clone()));
            managed.apply(&aws).await;
            managed.settled(&aws).await.unwrap_or_else(|why| panic!("{existing:?}, tags {tags}: {why}"));
        }
        managed.destroy(&aws).await;
        let differences = Snapshot::of(&aws, &root, managed.ledger()).await.differences_from(&before);
        assert!(differences.is_empty(), "{existing:?}: {differences:#?}");
    }
}

fn configured(tags: Json) -> Json {
    json!({
        "cluster_name": CLUSTER,
        "access_role": {"name": ACCESS},
        "workload_role": {"name": WORKLOAD, "instance_profile": true},
        "kubernetes": {"policies": {"AmazonEKSClusterAdminPolicy": {"scope": "cluster"}}},
        "adopt": "if_exists",
        "tags": tags,
    })
}

impl Existing {
    async fn make(self, root: &Pair) {
        let theirs = aws_sdk_iam::types::Tag::builder().key("whose").value("theirs").build().unwrap();
        for (account, role, exists) in
            [(root.side(Side::Cluster), ACCESS, self.access_role), (root.side(Side::Workload), WORKLOAD, self.workload_role)]
        {
            if exists {
                let create = account.iam().create_role().role_name(role).tags(theirs.clone());
                create.assume_role_policy_document(trusts("ec2.amazonaws.com").to_string()).send().await.unwrap();
            }
        }
        if self.instance_profile {
            let iam = root.side(Side::Workload).iam();
            iam.create_instance_profile().instance_profile_name(WORKLOAD).tags(theirs).send().await.unwrap();
            if self.workload_role {
                iam.add_role_to_instance_profile().instance_profile_name(WORKLOAD).role_name(WORKLOAD).send().await.unwrap();
            }
        }
        if self.access_entry {
            let (eks, principal) = (root.side(Side::Cluster).eks(Some(REGION)), arn(CLUSTER_ACCOUNT, ACCESS));
            let create = eks.create_access_entry().cluster_name(CLUSTER).principal_arn(&principal);
            create.tags("whose", "theirs").send().await.unwrap();
            let scope = aws_sdk_eks::types::AccessScope::builder().r#type("cluster".into()).build();
            let associate = eks.associate_access_policy().cluster_name(CLUSTER).principal_arn(&principal).policy_arn(VIEW);
            associate.access_scope(scope).send().await.unwrap();
        }
    }
}
