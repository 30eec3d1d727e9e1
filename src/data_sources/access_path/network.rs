//! The network's hops of an access path: whether packets get from a subnet of the workload account to the cluster's API server and
//! back, as the two VPCs are configured.
//!
//! `fetch` reads the facts; everything else here is a pure function of them. Which addresses the API server's name resolves to is
//! decided first, because every other hop depends on it (EKS user guide, "Cluster API server endpoint"): inside the cluster's VPC
//! with private access enabled, and from anywhere with public access disabled, to private addresses in the cluster's subnets;
//! otherwise to public ones, and then the peering connection and the cluster's security groups do not apply, but the route to the
//! internet and publicAccessCidrs do.
//!
//! Knows no Kubernetes and no IAM. What can't be read is `unknown` with the missing permission; what lies beyond a gateway whose far
//! side can't be read from here is `external`.

mod acls;
mod endpoint;
mod facts;
mod fetch;
mod groups;
mod peering;
mod routes;
mod traffic;

#[cfg(test)]
mod tests;

use crate::aws::Account;
use crate::data_sources::hops::{Hop, Status};
use crate::objects::eks::cluster::ClusterDescription;

use facts::{Facts, Family};

/// Where requests come from: an instance, or whatever else has an interface in this subnet with these security groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    pub vpc_id: String,
    pub subnet_id: String,
    pub security_group_ids: Vec<String>,
}

/// The hops `egress`, `network_acl`, `route`, `peering`, `security_group` and `endpoint`, in this order. The source is in the account
/// and region of `workload`, or in the cluster's own VPC; `region` is the cluster's.
pub async fn hops(workload: &Account, cluster_account: &Account, region: &str, cluster: &ClusterDescription, source: &Source) -> Vec<Hop> {
    evaluate(&fetch::facts(workload, cluster_account, region, cluster, source).await)
}

/// A cluster of IPv6 has both kinds of addresses, and clients try both: one kind that gets through is enough.
fn evaluate(facts: &Facts) -> Vec<Hop> {
    let candidates: Vec<Vec<Hop>> = facts.families().into_iter().map(|family| evaluate_for(facts, family)).collect();
    let passes = |hops: &&Vec<Hop>| !hops.iter().any(|hop| hop.status.holds_up());
    candidates.iter().find(passes).or(candidates.first()).cloned().unwrap_or_default()
}

fn evaluate_for(facts: &Facts, family: Family) -> Vec<Hop> {
    vec![
        groups::egress(facts, family),
        acls::hop(facts, family),
        routes::hop(facts, family),
        peering::hop(facts, family),
        groups::ingress(facts, family),
        endpoint::hop(facts, family),
    ]
}

/// What several checks of one hop come to: the first of the worst, or, where all are `ok`, one that says all of it.
fn together(checks: Vec<Hop>) -> Option<Hop> {
    for status in [Status::Broken, Status::Unknown, Status::External] {
        if let Some(hop) = checks.iter().find(|hop| hop.status == status) {
            return Some(hop.clone());
        }
    }
    let mut checks = checks.into_iter();
    let first = checks.next()?;
    Some(checks.fold(first, |mut all, hop| {
        if !all.object.split(", ").any(|object| object == hop.object) {
            all.object = format!("{}, {}", all.object, hop.object);
        }
        if !all.reason.contains(&hop.reason) {
            all.reason = format!("{} {}", all.reason, hop.reason);
        }
        all
    }))
}
