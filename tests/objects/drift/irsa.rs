//! Every attribute of every object of `xeks_irsa_trust`.

use serde_json::{Value as Json, json};
use xeks::aws::Side;

use super::role::BUCKETS;
use super::{Row, object, role, run};
use crate::by_hand::{Change, OnProvider, OnRole, deny, trusts};
use crate::emulator::{Aws, CLUSTER};
use crate::managed::Managed;

const ROLE: &str = "nodejs-app";
const POD: &str = "nodejs-pod";

#[tokio::test]
async fn each_change_of_a_federated_trust_by_hand_is_named_by_the_plan_and_corrected() {
    let aws = Aws::lease().await;
    run(&aws, async |root| {
        role::prepare(root).await;
        let more = json!({"managed_policy_arns": [BUCKETS], "inline_policies": {"bucket": bucket()}});
        let provider = json!({"oidc_provider": {"thumbprints": ["a".repeat(40)], "tags": {"side": "p"}}});
        (trust(&role::configured(Side::Workload, ROLE, more), provider), federated_rows())
    })
    .await;
}

#[tokio::test]
async fn each_change_of_a_chained_trust_by_hand_is_named_by_the_plan_and_corrected() {
    let aws = Aws::lease().await;
    run(&aws, async |root| {
        role::prepare(root).await;
        let pod = json!({"mode": "chained", "pod_role": role::configured(Side::Cluster, POD, json!({}))});
        (trust(&json!({"name": ROLE, "inline_policies": {"bucket": bucket()}}), pod), chained_rows())
    })
    .await;
}

fn federated_rows() -> Vec<Row> {
    let mut rows = role::rows(Side::Workload, "role", ROLE, "bucket");
    let provider = "objects[\"workload/iam_oidc_provider";
    rows.extend([
        Row::new("role: managed policy detached", on_role(OnRole::Detach(BUCKETS)), "role.managed_policy_arns"),
        Row::new("OIDC provider: client id removed", Change::Provider(OnProvider::RemoveClient("sts.amazonaws.com")), provider),
        Row::new(
            "OIDC provider: thumbprints",
            Change::Provider(OnProvider::Thumbprint("bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb")),
            "oidc_provider.thumbprints",
        ),
        Row::new("OIDC provider: own tag changed", Change::Provider(OnProvider::Tag("side", "z")), "oidc_provider.tags"),
        Row::new("OIDC provider: own tag removed", Change::Provider(OnProvider::Untag("side")), "oidc_provider.tags"),
        Row::new("OIDC provider: inherited tag changed", Change::Provider(OnProvider::Tag("team", "z")), provider),
        Row::new("OIDC provider: deleted", Change::Provider(OnProvider::Delete), provider),
    ]);
    rows
}

fn chained_rows() -> Vec<Row> {
    let mut rows = role::rows(Side::Cluster, "pod_role", POD, "xeks-assume-nodejs-app-b7f876b271db");
    let trust = on_role(OnRole::Trust(trusts("ec2.amazonaws.com")));
    rows.extend([
        Row::new("role: trust policy", trust, object(Side::Workload, "iam_role", ROLE)),
        Row::new("role: inline policy changed", on_role(OnRole::PutPolicy("bucket", deny())), "role.inline_policies"),
    ]);
    rows
}

fn on_role(change: OnRole) -> Change {
    Change::Role(Side::Workload, ROLE, change)
}

fn trust(role: &Json, more: Json) -> Managed {
    let mut config = json!({
        "cluster_name": CLUSTER,
        "service_accounts": [{"namespace": "nodejs", "name": "nodejs-sa"}],
        "role": role,
        "tags": {"team": "x"},
    });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Managed::new("xeks_irsa_trust", config)
}

fn bucket() -> String {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}]})
        .to_string()
}
