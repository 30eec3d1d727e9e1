//! Where a composite's objects live, and what is known of objects that exist.
//!
//! Knows no attribute of one resource alone.

use std::collections::{BTreeMap, BTreeSet};

use super::eks::cluster::ClusterDescription;
use crate::aws::tags::IgnoreTags;
use crate::aws::{Identity, Side, arn};
use crate::engine::{Accounts, Key, Ledger, Tags};
use crate::schema::{Value, placeholder};

/// What the plan and the objects of a request follow from, besides the configuration.
#[derive(Clone, Debug)]
pub struct Env {
    /// `None` where the request needs nothing of the cluster account.
    pub cluster: Option<Identity>,
    /// The account of the clusters as it is recorded beside the state, where the request needs nothing else of it.
    pub recorded_cluster_account_id: Option<String>,
    pub workload: Identity,
    /// Region of the cluster; of the workload account where the resource has nothing in the cluster account.
    pub region: String,
    /// Region of the provider's cluster account, where a cluster without a region of its own is looked for.
    pub home_region: String,
    /// Region of the workload's network.
    pub workload_region: String,
    pub default_tags: Tags,
    /// Tags that ignore_tags lists: neither set nor read.
    pub ignore_tags: IgnoreTags,
    /// ARNs of objects that exist, from the ledger or looked up.
    pub arns: BTreeMap<Key, String>,
    /// The clusters that were looked up, by name.
    pub clusters: BTreeMap<String, ClusterDescription>,
    /// The ledger that the request begins with.
    pub ledger: Ledger,
    /// Attributes that the configuration sets, as against those that the provider filled in; none on a read and an import.
    pub given: BTreeSet<String>,
}

impl Accounts for Env {
    fn account_id(&self, side: Side) -> &str {
        &self.identity(side).account_id
    }
}

impl Env {
    /// The caller on a side that the resource has.
    pub fn identity(&self, side: Side) -> &Identity {
        match side {
            // A resource without the cluster account has no object there, so it asks for the other one only.
            Side::Cluster => self.cluster.as_ref().expect("the resource works in the cluster account"),
            Side::Workload => &self.workload,
        }
    }

    /// The account of the clusters; `None` for a resource without clusters.
    pub fn cluster_account_id(&self) -> Option<&str> {
        let caller = self.cluster.as_ref().map(|caller| &caller.account_id);
        caller.or(self.recorded_cluster_account_id.as_ref()).map(String::as_str)
    }

    /// The side whose account has that ID.
    pub fn side_of(&self, account_id: &str) -> Option<Side> {
        let is_of = |side: &Side| match side {
            Side::Cluster => self.cluster.as_ref().is_some_and(|identity| identity.account_id == account_id),
            Side::Workload => self.workload.account_id == account_id,
        };
        Side::BOTH.into_iter().find(is_of)
    }

    /// The same, with what the configuration sets.
    pub fn given_by(mut self, config: &Value) -> Self {
        let given = config.entries().into_iter().flatten().filter(|(_, value)| !value.is_null());
        self.given = given.map(|(name, _)| name.clone()).collect();
        self
    }

    /// Takes in what a ledger has.
    pub fn learn(&mut self, ledger: &Ledger) {
        self.arns.extend(arns_of(ledger));
        self.ledger.0.extend(ledger.0.clone());
    }

    pub fn cluster_arn(&self, cluster: &str) -> String {
        let owner = self.identity(Side::Cluster);
        arn::cluster(&owner.partition, &self.region, &owner.account_id, cluster)
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
}

/// ARNs of the objects that a ledger has.
pub fn arns_of(ledger: &Ledger) -> BTreeMap<Key, String> {
    ledger.0.iter().filter_map(|(key, entry)| Some((key.clone(), entry.arn.clone()?))).collect()
}
