//! Where a composite's objects live, and its parts: what a plan needs to know of either.
//!
//! Knows no attribute of one resource alone.

use std::collections::{BTreeMap, BTreeSet};

use crate::aws::accounts::{Identity, Pair};
use crate::aws::{Side, arn};
use crate::diagnostics::{Diagnostics, Path};
use crate::engine::{Declared, Key, Ledger, Object, OnExisting, Tags};
use crate::objects::eks::cluster::ClusterDescription;
use crate::objects::{Context, ec2};
use crate::provider::configuration::{Configured, IgnoreTags};
use crate::schema::{Value, placeholder};

/// An object, and what a plan shows of it.
pub struct Part {
    pub declared: Declared,
    pub object: Box<dyn Object<Context>>,
}

/// Where a composite's objects live, and what is known of objects that it did not make.
#[derive(Clone, Debug)]
pub struct Env {
    pub cluster: Identity,
    pub workload: Identity,
    /// Region of the cluster.
    pub region: String,
    /// Region of the provider's cluster account: where a cluster is looked for that no region is said of.
    pub home_region: String,
    /// Region of the workload's network.
    pub workload_region: String,
    pub default_tags: Tags,
    /// Tags that are none of our business: neither set nor looked at.
    pub ignore_tags: IgnoreTags,
    /// ARNs of objects that exist, from the ledger or looked up.
    pub arns: BTreeMap<Key, String>,
    /// The clusters that were looked up, by name.
    pub clusters: BTreeMap<String, ClusterDescription>,
    /// The ledger that the request begins with.
    pub ledger: Ledger,
    /// Attributes that the configuration sets, as against those that the provider filled in; none on a read and an import.
    pub given: BTreeSet<String>,
    /// An unknown value leaves open which objects there are: nothing can be looked at yet.
    pub open: bool,
}

impl Part {
    /// Whether it can be looked at: nothing that names it is unknown.
    pub fn is_observable(&self) -> bool {
        !placeholder::is_in(&self.declared.key.name) && !self.declared.needs_unknown_arn
    }
}

fn arns_of(ledger: &Ledger) -> BTreeMap<Key, String> {
    ledger.0.iter().filter_map(|(key, entry)| Some((key.clone(), entry.arn.clone()?))).collect()
}

impl Env {
    pub fn new(pair: &Pair, value: &Value, ledger: Ledger, provider: &Configured) -> Self {
        let region = placeholder::text(value.get("cluster_region")).unwrap_or_else(|| pair.cluster.region().to_owned());
        Env {
            cluster: pair.identity(Side::Cluster).clone(),
            workload: pair.identity(Side::Workload).clone(),
            region,
            home_region: pair.cluster.region().to_owned(),
            workload_region: placeholder::text(value.get("workload_region")).unwrap_or_else(|| pair.workload.region().to_owned()),
            default_tags: provider.default_tags.clone(),
            ignore_tags: provider.ignore_tags.clone(),
            arns: arns_of(&ledger),
            clusters: BTreeMap::new(),
            ledger,
            given: BTreeSet::new(),
            open: false,
        }
    }

    /// The same, with what the configuration sets.
    pub fn given_by(mut self, config: &Value) -> Self {
        let given = config.entries().into_iter().flatten().filter(|(_, value)| !value.is_null());
        self.given = given.map(|(name, _)| name.clone()).collect();
        self
    }

    /// Ids of peering connections: the ledger's, and the one that the configuration names.
    pub fn peering_ids(&self, value: &Value) -> Vec<String> {
        let held = self.ledger.0.iter().filter(|(key, _)| key.kind == ec2::peering::KIND).filter_map(|(_, entry)| entry.id.as_deref());
        held.chain(value.get("peering_connection_id").as_str()).map(str::to_owned).collect()
    }

    /// Takes in the ARNs of a ledger.
    pub fn learn(&mut self, ledger: &Ledger) {
        self.arns.extend(arns_of(ledger));
        self.ledger.0.extend(ledger.0.clone());
    }

    /// A caller in another account must not take an object's absence for its deletion.
    pub fn same_accounts(&self) -> Result<(), Diagnostics> {
        let mut diagnostics = Diagnostics::new();
        for side in [Side::Cluster, Side::Workload] {
            let now = self.identity(side);
            let other = self.ledger.0.iter().find(|(key, entry)| key.side == side && entry.account_id != now.account_id);
            if let Some((key, entry)) = other {
                diagnostics.error(
                    Path::root(),
                    format!("The provider's {side}_account is another account than the state's"),
                    format!(
                        "{key} lives in account {}, but {} is the caller now, of account {}. Nothing was read or changed. Point the provider's \
                         {side}_account (or this resource's workload_account) back to account {}, or, if the objects are to move, destroy the \
                         resource first while the old account is configured.",
                        entry.account_id, now.arn, now.account_id, entry.account_id
                    ),
                );
            }
        }
        if diagnostics.has_error() { Err(diagnostics) } else { Ok(()) }
    }

    pub fn identity(&self, side: Side) -> &Identity {
        match side {
            Side::Cluster => &self.cluster,
            Side::Workload => &self.workload,
        }
    }

    pub fn cluster_arn(&self, cluster: &str) -> String {
        arn::cluster(&self.cluster.partition, &self.region, &self.cluster.account_id, cluster)
    }

    /// Default tags and the resource's, the resource's winning.
    pub fn tags_all(&self, value: &Value) -> Tags {
        self.tags_over(&self.default_tags, value.get("tags"))
    }

    /// These tags with a user's own over them, without those that the provider ignores.
    pub fn tags_over(&self, tags: &Tags, own: &Value) -> Tags {
        let mut tags = tags.clone();
        tags.extend(placeholder::map(own));
        tags.retain(|key, _| !self.ignore_tags.holds(key));
        tags
    }

    pub fn declare(&self, key: Key, on_existing: OnExisting) -> Declared {
        Declared {
            account_id: Value::string(&self.identity(key.side).account_id),
            key,
            on_existing,
            region: Value::Null,
            arn: Value::Null,
            document: Value::Null,
            adopted_document: Value::Null,
            tags: Value::Null,
            adopted_tags: Value::Null,
            has_id: false,
            bound_to: None,
            needs_unknown_arn: false,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn declared(key: Key, on_existing: OnExisting) -> Declared {
        let account = Identity { account_id: "185863138492".into(), arn: String::new(), partition: "aws".into() };
        let env = Env {
            cluster: account.clone(),
            workload: account,
            region: String::new(),
            home_region: String::new(),
            default_tags: Tags::new(),
            ignore_tags: IgnoreTags::default(),
            workload_region: String::new(),
            arns: BTreeMap::new(),
            clusters: BTreeMap::new(),
            ledger: Ledger::default(),
            given: BTreeSet::new(),
            open: false,
        };
        env.declare(key, on_existing)
    }
}
