//! Each call that writes fails in turn: what exists stays in the state, and the next apply or destroy goes on from there. Of a create, an
//! update and a destroy, as Terraform runs them.
//!
//! What `sweep` and `peering` show of the engine alone is left out: creates and destroys of an access, creates of a peering, and of both
//! the answers that are lost. tests/acceptance denies each call of their creates with the CLIs.

use serde_json::{Value as Json, json};
use xeks::aws::Pair;

use crate::connection::{ACCESS, WORKLOAD};
use crate::emulator::{Aws, CLUSTER, Write};
use crate::managed::Managed;
use crate::snapshot::Snapshot;

/// A configuration, and another one that it changes to in place.
struct Subject {
    name: &'static str,
    first: Json,
    second: Json,
    /// How a call of a create or a destroy fails.
    kinds: &'static [&'static str],
    /// The different calls that each of create, update and destroy makes at least.
    at_least: usize,
}

fn access() -> Subject {
    let workload = json!({"name": WORKLOAD, "instance_profile": true});
    let admin = json!({"policies": {"AmazonEKSClusterAdminPolicy": {"scope": "cluster"}}});
    let view = json!({"AmazonEKSViewPolicy": {"scope": "namespace", "namespaces": ["a"]}});
    Subject {
        name: "xeks_cross_account_access",
        first: json!({"cluster_name": CLUSTER, "access_role": {"name": ACCESS}, "workload_role": workload, "kubernetes": admin}),
        second: json!({
            "cluster_name": CLUSTER,
            "access_role": {"name": ACCESS, "external_id": "e-1", "description": "d"},
            "workload_role": {
                "name": WORKLOAD,
                "instance_profile": true,
                "instance_profile_name": "other",
                "max_session_duration": 7200,
            },
            "kubernetes": {"username": "u", "groups": ["g"], "policies": view},
            "tags": {"a": "1"},
        }),
        kinds: &["deny"],
        at_least: 6,
    }
}

fn federated() -> Subject {
    let account = |namespace: &str, name: &str| json!([{"namespace": namespace, "name": name}]);
    let document = |action: &str| {
        let statement = json!({"Effect": "Allow", "Action": action, "Resource": "*"});
        json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
    };
    Subject {
        name: "xeks_irsa_trust",
        first: json!({
            "cluster_name": CLUSTER,
            "service_accounts": account("nodejs", "nodejs-sa"),
            "role": {"name": "nodejs-app", "inline_policies": {"a": document("s3:GetObject")}},
        }),
        second: json!({
            "cluster_name": CLUSTER,
            "service_accounts": account("b", "*"),
            "role": {"name": "nodejs-app", "inline_policies": {"b": document("s3:PutObject")}, "description": "d"},
            "audiences": ["vault"],
            "tags": {"a": "1"},
        }),
        kinds: &["deny", "lost_answer"],
        at_least: 3,
    }
}

fn chained() -> Subject {
    let Subject { name, mut first, mut second, kinds, at_least } = federated();
    for (config, pod) in [(&mut first, json!({"name": "nodejs-pod"})), (&mut second, json!({"name": "nodejs-pod", "description": "d"}))] {
        config["mode"] = json!("chained");
        config["pod_role"] = pod;
    }
    Subject { name, first, second, kinds, at_least }
}

fn peering(aws: &Aws) -> Subject {
    let vpc = aws.admin("story", json!({}))["workload_vpc_id"].clone();
    let config = |blocks: &[&str], more: Json| {
        let mut config = json!({"cluster_name": CLUSTER, "workload_vpc_id": vpc, "workload_cidrs": blocks});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        config
    };
    Subject {
        name: "xeks_cluster_peering",
        first: config(&["10.30.0.0/24"], json!({"dns_resolution": true, "tags": {"team": "x"}})),
        second: config(&["10.30.1.0/24", "10.30.2.0/24"], json!({"dns_resolution": false, "tags": {"team": "y"}})),
        kinds: &["deny"],
        at_least: 6,
    }
}

#[tokio::test]
async fn an_access_is_updated_whichever_write_fails() {
    let aws = Aws::lease().await;
    Life::of(&aws, access()).await.updates().await;
}

#[tokio::test]
async fn a_federated_trust_is_created_updated_and_destroyed_whichever_write_fails() {
    let aws = Aws::lease().await;
    let life = Life::of(&aws, federated()).await;
    life.creates().await;
    life.updates().await;
    life.destroys().await;
}

#[tokio::test]
async fn a_chained_trust_is_created_updated_and_destroyed_whichever_write_fails() {
    let aws = Aws::lease().await;
    let life = Life::of(&aws, chained()).await;
    life.creates().await;
    life.updates().await;
    life.destroys().await;
}

#[tokio::test]
async fn a_peering_is_updated_and_destroyed_whichever_write_fails() {
    let aws = Aws::lease().await;
    let life = Life::of(&aws, peering(&aws)).await;
    life.updates().await;
    life.destroys().await;
}

struct Life<'a> {
    aws: &'a Aws,
    root: Pair,
    subject: Subject,
}

impl<'a> Life<'a> {
    async fn of(aws: &'a Aws, subject: Subject) -> Self {
        Life { aws, root: aws.root().await, subject }
    }

    /// A create that fails at any call is finished by the next apply.
    async fn creates(&self) {
        let (nothing, mut managed) = (self.snapshot(&self.managed()).await, self.managed());
        self.aws.calls();
        managed.apply(self.aws).await;
        let calls = self.writes();
        let whole = self.snapshot(&managed).await;
        managed.destroy(self.aws).await;
        for (call, kind) in self.each(&calls) {
            let what = format!("create, {kind} {call:?}");
            let mut managed = self.managed();
            let first = self.failing(&call, kind, managed.try_apply(self.aws)).await;
            self.says_why(&call, kind, &first, &what);
            managed.apply(self.aws).await;
            self.is(&whole, &managed, &what).await;
            managed.settled(self.aws).await.unwrap_or_else(|why| panic!("{what}: {why}"));
            managed.destroy(self.aws).await;
            self.is(&nothing, &managed, &what).await;
        }
    }

    /// An update that fails at any call can be retried, reverted or destroyed.
    async fn updates(&self) {
        let Subject { first, second, .. } = &self.subject;
        let (nothing, mut managed) = (self.snapshot(&self.managed()).await, self.managed());
        managed.apply(self.aws).await;
        managed.write(second.clone());
        self.aws.calls();
        managed.apply(self.aws).await;
        let calls = self.writes();
        let whole = self.snapshot(&managed).await;
        managed.destroy(self.aws).await;
        for (call, then) in calls.iter().zip(["retry", "revert", "destroy"].into_iter().cycle()) {
            let what = format!("update, {call:?}, then {then}");
            let mut managed = self.managed();
            managed.apply(self.aws).await;
            managed.write(second.clone());
            let updated = self.failing(call, "deny", managed.try_apply(self.aws)).await;
            self.says_why(call, "deny", &updated, &what);
            match then {
                "retry" => {
                    managed.apply(self.aws).await;
                    self.is(&whole, &managed, &what).await;
                    managed.settled(self.aws).await.unwrap_or_else(|why| panic!("{what}: {why}"));
                }
                "revert" => {
                    managed.write(first.clone());
                    managed.apply(self.aws).await;
                    managed.settled(self.aws).await.unwrap_or_else(|why| panic!("{what}: {why}"));
                }
                _ => {}
            }
            managed.destroy(self.aws).await;
            self.is(&nothing, &managed, &what).await;
        }
    }

    /// A destroy that fails at any call is finished by the next.
    async fn destroys(&self) {
        let (nothing, mut managed) = (self.snapshot(&self.managed()).await, self.managed());
        managed.apply(self.aws).await;
        self.aws.calls();
        managed.destroy(self.aws).await;
        let calls = self.writes();
        for (call, kind) in self.each(&calls) {
            let what = format!("destroy, {kind} {call:?}");
            let mut managed = self.managed();
            managed.apply(self.aws).await;
            let first = self.failing(&call, kind, managed.try_destroy(self.aws)).await;
            self.says_why(&call, kind, &first, &what);
            assert_eq!(managed.exists(), first.is_err(), "{what}");
            managed.destroy(self.aws).await;
            self.is(&nothing, &managed, &what).await;
        }
    }

    fn managed(&self) -> Managed {
        Managed::new(self.subject.name, self.subject.first.clone())
    }

    fn writes(&self) -> Vec<Write> {
        let writes = self.aws.different_writes();
        assert!(writes.len() >= self.subject.at_least, "{writes:?}");
        writes
    }

    fn each(&self, calls: &[Write]) -> Vec<(Write, &'static str)> {
        calls.iter().flat_map(|call| self.subject.kinds.iter().map(|kind| (call.clone(), *kind))).collect()
    }

    /// Runs the operation while the next such call fails.
    async fn failing<T>(&self, call: &Write, kind: &str, operation: impl Future<Output = T>) -> T {
        let Write { account, service, action } = call;
        self.aws.admin("faults/add", json!({"kind": kind, "account": account, "service": service, "action": action}));
        let result = operation.await;
        let hit = self.aws.admin("faults/list", json!({}))["faults"][0]["hit"].clone();
        self.aws.admin("faults/clear", json!({}));
        assert_eq!(hit, json!(1), "{call:?}");
        result
    }

    /// An error names the missing permission and the account; after a lost answer, xeks reads again.
    fn says_why(&self, call: &Write, kind: &str, result: &Result<(), String>, what: &str) {
        match (kind, result) {
            ("deny", Err(why)) => assert!(why.contains(&call.action) && why.contains(&call.account), "{what}: {why}"),
            ("deny", Ok(())) => panic!("{what}: no error"),
            (_, result) => assert!(result.is_ok(), "{what}: {result:?}"),
        }
    }

    async fn snapshot(&self, managed: &Managed) -> Snapshot {
        Snapshot::of(self.aws, &self.root, managed.ledger()).await
    }

    async fn is(&self, wanted: &Snapshot, managed: &Managed, what: &str) {
        let differences = self.snapshot(managed).await.differences_from(wanted);
        assert!(differences.is_empty(), "{what}: {differences:#?}");
    }
}
