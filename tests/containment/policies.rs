//! The policies that are judged: what `xeks_runner_policy` renders for each resource and mode, with and without a boundary.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use tokio_util::sync::CancellationToken;
use xeks::provider::{Configured, DataSource, Private, RequestContext};
use xeks::registry;
use xeks::schema::json::decode;

pub const CLUSTER: &str = "183295435445";
pub const WORKLOAD: &str = "185863138492";
/// The boundary of each account has one name.
pub const BOUNDARY: &str = "team-boundary";

pub struct Rendered {
    pub title: &'static str,
    /// What the data source is given, besides the accounts.
    pub given: Json,
    pub cluster: Option<Json>,
    pub workload: Option<Json>,
    /// Summary and detail of each warning.
    pub warnings: Vec<(String, String)>,
}

impl Rendered {
    pub fn policy(&self, account: &str) -> Option<&Json> {
        if account == CLUSTER { self.cluster.as_ref() } else { self.workload.as_ref() }
    }
}

fn source() -> Arc<dyn DataSource> {
    registry::data_sources().into_iter().find(|source| source.name() == "xeks_runner_policy").unwrap()
}

/// The errors of a configuration, with their attributes.
pub fn refused(given: &Json) -> Vec<String> {
    let source = source();
    let config = decode(&with_accounts(given), &source.schema().value_type()).map_err(|e| e.to_string()).unwrap();
    let mut diagnostics = source.schema().validate(&config);
    diagnostics.extend(source.validate(&config));
    diagnostics.0.into_iter().map(|d| format!("{}: {} {}", d.path, d.summary, d.detail)).collect()
}

pub fn render(title: &'static str, given: Json) -> Rendered {
    assert_eq!(refused(&given), [""; 0], "{title}");
    let source = source();
    let config = decode(&with_accounts(&given), &source.schema().value_type()).map_err(|e| e.to_string()).unwrap();
    let context = RequestContext { provider: Arc::new(Configured::default()), stop: CancellationToken::new(), private: Private::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let read = runtime.block_on(source.read(&context, config));
    assert!(!read.diagnostics.has_error(), "{title}: {:?}", read.diagnostics);
    let policy = |name: &str| read.value.get(name).as_str().map(|text| serde_json::from_str(text).unwrap());
    let (cluster, workload) = (policy("cluster_policy"), policy("workload_policy"));
    let warnings = read.diagnostics.0.into_iter().map(|d| (d.summary, d.detail)).collect();
    Rendered { title, given, cluster, workload, warnings }
}

fn with_accounts(given: &Json) -> Json {
    let mut config = given.clone();
    config["cluster_account_id"] = json!(CLUSTER);
    config["workload_account_id"] = json!(WORKLOAD);
    config
}

pub fn boundary(account: &str) -> String {
    format!("arn:aws:iam::{account}:policy/{BOUNDARY}")
}

/// The access role and the workload role of these names, each with these members.
fn roles(name: &str, more: Json) -> Json {
    let role = |account: &str| {
        let mut role = json!({"name": name});
        for (member, value) in more.as_object().into_iter().flatten() {
            role[member] = if member == "permissions_boundary" { json!(boundary(account)) } else { value.clone() };
        }
        role
    };
    json!({"cluster_name": "prac-eks-abhi", "access_role": role(CLUSTER), "workload_role": role(WORKLOAD)})
}

fn access(roles: Json, more: Json) -> Json {
    json!({"region": "ap-south-1", "cross_account_access": [merged(roles, more)]})
}

fn direct(role: Json) -> Json {
    let wanted = json!({"cluster_name": "prac-eks-abhi", "mode": "direct", "workload_role": role});
    json!({"region": "ap-south-1", "cross_account_access": [wanted]})
}

fn irsa(role: Json, more: Json) -> Json {
    let wanted = json!({"cluster_name": "prac-eks-abhi", "role": role});
    json!({"region": "ap-south-1", "irsa_trust": [merged(wanted, more)]})
}

fn peering(more: Json) -> Json {
    let wanted = json!({"cluster_name": "prac-eks-abhi", "workload_vpc_id": "vpc-workload"});
    json!({"region": "ap-south-1", "cluster_peering": [merged(wanted, more)]})
}

fn merged(mut one: Json, other: Json) -> Json {
    for (member, value) in other.as_object().into_iter().flatten() {
        one[member] = value.clone();
    }
    one
}

/// Each of them, as the page has it.
pub fn all() -> Vec<Rendered> {
    let bound = || json!({"permissions_boundary": true});
    let existing = || json!({"existing": true});
    let both = || json!({"existing": true, "permissions_boundary": true});
    let view = json!({"kubernetes": {"groups": ["viewers"], "policies": {"AmazonEKSViewPolicy": {"namespaces": ["team-*"]}}}});
    let profile = json!({"name": "team-*", "instance_profile": true, "permissions_boundary": boundary(WORKLOAD)});
    let team = |more: Json| merged(json!({"name": "team-*"}), more);
    let of_workload = || json!({"permissions_boundary": boundary(WORKLOAD)});
    let chained = |more: Json| json!({"mode": "chained", "pod_role": team(more)});
    let tables = json!({"cluster_vpc_id": "vpc-cluster", "cluster_route_table_ids": ["rtb-1"], "workload_route_table_ids": ["rtb-2"]});
    vec![
        render("`xeks_cross_account_access`, without a boundary", access(roles("team-*", json!({})), json!({}))),
        render("`xeks_cross_account_access`, with a boundary", access(roles("team-*", bound()), json!({}))),
        render(
            "`xeks_cross_account_access`, with a boundary, an instance profile and named Kubernetes permissions",
            access(merged(roles("team-*", bound()), json!({"workload_role": profile})), view),
        ),
        render("`xeks_cross_account_access`, existing roles, without a boundary", access(roles("team-*", existing()), json!({}))),
        render("`xeks_cross_account_access`, existing roles, with a boundary", access(roles("team-*", both()), json!({}))),
        render(
            "`xeks_cross_account_access`, adopted objects, with a boundary",
            access(roles("team-*", bound()), json!({"adopt": "if_exists"})),
        ),
        render("`xeks_cross_account_access`, any name, without a boundary", access(roles("*", json!({})), json!({}))),
        render("`xeks_cross_account_access`, any name, with a boundary", access(roles("*", bound()), json!({}))),
        render("`xeks_cross_account_access`, mode `direct`, without a boundary", direct(team(json!({})))),
        render("`xeks_cross_account_access`, mode `direct`, with a boundary", direct(team(of_workload()))),
        render("`xeks_irsa_trust`, without a boundary", irsa(team(json!({})), json!({}))),
        render("`xeks_irsa_trust`, with a boundary", irsa(team(of_workload()), json!({}))),
        render("`xeks_irsa_trust`, an existing role, with a boundary", irsa(team(merged(of_workload(), existing())), json!({}))),
        render("`xeks_irsa_trust`, mode `chained`, without a boundary", irsa(team(json!({})), chained(json!({})))),
        render(
            "`xeks_irsa_trust`, mode `chained`, with a boundary",
            irsa(team(of_workload()), chained(json!({"permissions_boundary": boundary(CLUSTER)}))),
        ),
        render("`xeks_cluster_peering`", peering(json!({}))),
        render("`xeks_cluster_peering`, with the cluster's VPC and route tables", peering(tables.clone())),
        render("`xeks_cluster_peering`, an existing connection", peering(merged(tables, json!({"peering_connection_id": "pcx-ours"})))),
        render("Data sources", json!({"region": "ap-south-1", "data_sources": ["xeks_access_path", "xeks_cluster", "xeks_irsa_path"]})),
    ]
}
