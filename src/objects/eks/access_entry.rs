//! An access entry, which lets a role into a cluster: `CLUSTER/ROLE`.
//!
//! An entry is bound to the hidden id of the role it was made for: a role that is deleted and made again keeps its ARN and gets
//! another id, and its entry admits nobody while DescribeAccessEntry shows it as ever (EKS user guide, "Create access entries").
//! So the ledger keeps that id, and an entry bound to another one, or older than its role, is made anew.
//!
//! Ledger: `arn`, `id` (the RoleId that the entry is bound to), `tags`; `document` (what is to come back of somebody else's entry while
//! it is being made anew).

mod calls;
mod renewal;

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use aws_sdk_eks::types;
use serde::{Deserialize, Serialize};

pub(super) use self::calls::without_entries_is_none;
use self::calls::{create, delete, describe, retag};
use self::renewal::Kept;
use super::policy_association::{self, Scope};
use super::principal;
use crate::aws::{Error, Kind, Side};
use crate::engine::{Entry, Key, Made, Object, Observed, OnExisting, Origin, Owner, Reconcile, Tags};
use crate::objects::context::Context;
use crate::objects::iam::role;
use crate::objects::{removal, tags};

pub const KIND: &str = "eks_access_entry";

/// The type of an entry for people and programs; the others are for nodes.
const STANDARD: &str = "STANDARD";

#[derive(Clone, Debug)]
pub struct AccessEntry {
    pub cluster: String,
    pub region: String,
    pub role: String,
    /// What counts where the principal's object is not among those needed.
    pub principal_arn: String,
    /// The object of the role that the entry is bound to.
    pub principal: Key,
    /// None: the name that EKS gives.
    pub username: Option<String>,
    pub groups: BTreeSet<String>,
    pub tags: Tags,
    /// ARNs of the access policies that the resource associates with it.
    pub policies: BTreeSet<String>,
    pub on_existing: OnExisting,
    pub depends_on: Vec<Key>,
}

/// What an entry is, beyond what the ledger holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// ARN of the role that the entry is for.
    pub principal_arn: String,
    pub username: String,
    /// Whether the user name is the one that EKS gives where none is asked for.
    pub default_username: bool,
    pub groups: BTreeSet<String>,
    #[serde(rename = "type")]
    pub kind: String,
    /// Seconds since 1970.
    pub created_at: i64,
    /// The entry was made for an earlier role of that ARN, and admits nobody.
    pub stale: bool,
    /// All tags but the ownership tags and those that the provider ignores.
    pub tags: Tags,
    /// By ARN.
    pub policies: BTreeMap<String, Reach>,
    /// ARNs of associated policies with a scope of a kind that this version does not know.
    pub beyond: BTreeSet<String>,
}

/// Where an associated policy holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    pub scope: Scope,
    pub namespaces: BTreeSet<String>,
}

impl Facts {
    pub fn of(observed: &Observed) -> Self {
        // Written by `observe` of this very type.
        serde_json::from_value(observed.facts.clone()).unwrap_or_default()
    }
}

pub fn key(cluster: &str, role: &str) -> Key {
    Key::new(Side::Cluster, KIND, format!("{cluster}/{role}"))
}

#[async_trait]
impl Object<Context> for AccessEntry {
    fn key(&self) -> Key {
        key(&self.cluster, &self.role)
    }

    fn region(&self) -> Option<String> {
        Some(self.region.clone())
    }

    fn depends_on(&self) -> Vec<Key> {
        self.depends_on.clone()
    }

    fn on_existing(&self) -> OnExisting {
        self.on_existing.clone()
    }

    async fn observe(&self, cx: &Context, reconcile: &Reconcile) -> Result<Option<Observed>, Error> {
        let principal = principal::arn(reconcile, &self.role, &self.principal_arn);
        let (entry, policies) = tokio::try_join!(
            describe(cx, Some(&self.region), &self.cluster, principal),
            policy_association::list(cx, Some(&self.region), &self.cluster, principal),
        )?;
        let earlier = Kept::recorded(reconcile.entry.as_ref());
        let Some(entry) = entry else { return Ok(earlier.map(|kept| kept.observed(&cx.ownership, reconcile, &self.tags))) };
        let all_tags = entry.tags().cloned().unwrap_or_default().into_iter().collect::<Tags>();
        let (owner, tags) = cx.ownership.split(all_tags.clone());
        let mut facts = facts(&entry, tags, &policies, principal);
        let bound = self.bound(cx, reconcile, &facts).await?;
        facts.stale = bound == Bound::ToAnother;
        let comes_back = !reconcile.origin.is_own() && (facts.stale || earlier.is_some());
        let kept = comes_back.then(|| Kept::of(&facts, all_tags, &self.policies, earlier));
        let shown = match reconcile.origin.is_own() {
            true => facts.tags.clone(),
            false => tags::shown(&self.tags, &facts.tags, &added(reconcile)),
        };
        Ok(Some(Observed {
            arn: entry.access_entry_arn().map(str::to_owned),
            id: if let Bound::To(id) = bound { Some(id) } else { None },
            document: kept.and_then(|kept| kept.document()),
            tags: Some(shown),
            owner,
            differs: comes_back || self.differs(reconcile, &facts),
            // A struct of strings, numbers and maps by string always becomes JSON.
            facts: serde_json::to_value(facts).unwrap_or_default(),
        }))
    }

    async fn create(&self, cx: &Context, reconcile: &Reconcile) -> Result<Made, Error> {
        let mut tags = self.tags.clone();
        tags.extend(cx.ownership.tags(&reconcile.instance));
        match self.make(cx, reconcile, tags).await {
            // The answer to a first attempt was lost: what that one made is there.
            Err(error) if error.is(Kind::Exists) => match self.observe(cx, reconcile).await? {
                Some(observed) if removal::is_made_by(&observed.owner, cx, reconcile) => self.update(cx, reconcile, &observed).await,
                _ => Err(error),
            },
            result => result,
        }
    }

    async fn update(&self, cx: &Context, reconcile: &Reconcile, observed: &Observed) -> Result<Made, Error> {
        let facts = Facts::of(observed);
        self.check(cx, reconcile, &facts)?;
        let principal = principal::arn(reconcile, &self.role, &self.principal_arn);
        if let Some(kept) = observed.document.as_deref().and_then(|text| serde_json::from_str(text).ok()) {
            return self.restore(cx, reconcile, &kept, facts.stale, observed).await;
        }
        if facts.stale {
            return self.make_anew(cx, reconcile, principal, &observed.owner).await;
        }
        if reconcile.origin.is_own() && self.names_differ(&facts) {
            let eks = cx.eks(Some(&self.region));
            let username = self.username.clone().or_else(|| principal::default_username(principal));
            let groups: Vec<String> = self.groups.iter().cloned().collect();
            let send = || {
                eks.update_access_entry()
                    .cluster_name(&self.cluster)
                    .principal_arn(principal)
                    .set_username(username.clone())
                    .set_kubernetes_groups(Some(groups.clone()))
                    .send()
            };
            cx.ask_until_seen("eks:UpdateAccessEntry", Side::Cluster, send).await?;
        }
        let change = self.tag_change(cx, reconcile, &facts, observed);
        retag(cx, Some(&self.region), observed.arn.as_deref(), &change).await?;
        Ok(Made {
            arn: observed.arn.clone(),
            id: self.principal_id(reconcile).or(observed.id.clone()).or(reconcile.entry.as_ref().and_then(|e| e.id.clone())),
            document: None,
            tags: Some(self.tags.clone()),
            added: if reconcile.origin.is_own() { BTreeSet::new() } else { tags::added_after(&added(reconcile), &change) },
        })
    }
}

/// Deletes an entry of ours, and with it its policies; or takes our tags off somebody else's.
pub(in crate::objects) async fn remove(cx: &Context, key: &Key, entry: &Entry) -> Result<(), Error> {
    let Some((cluster, role)) = key.name.split_once('/') else { return Ok(()) };
    let region = entry.region.as_deref();
    if let Some(kept) = Kept::recorded(Some(entry)) {
        renewal::give_back(cx, cluster, entry, &kept).await?;
    }
    let Some(principal) = principal::find(cx, cluster, role, entry).await? else { return Ok(()) };
    let Some(found) = describe(cx, region, cluster, &principal).await? else { return Ok(()) };
    let (owner, seen) = cx.ownership.split(found.tags().cloned().unwrap_or_default());
    if entry.origin == Origin::Adopted {
        return retag(cx, region, found.access_entry_arn(), &tags::additive(&Tags::new(), &seen, &entry.added)).await;
    }
    if !removal::is_ours(entry, &owner) {
        return Ok(());
    }
    delete(cx, region, cluster, &principal).await
}

/// Whose the entry is; `None` where there is none. `entry` tells the region.
pub(super) async fn owner(cx: &Context, cluster: &str, principal: &str, entry: &Entry) -> Result<Option<Owner>, Error> {
    let found = describe(cx, entry.region.as_deref(), cluster, principal).await?;
    Ok(found.map(|f| cx.ownership.split(f.tags().cloned().unwrap_or_default()).0))
}

/// Whether the entry carries this composite's tag.
pub(super) async fn is_of_composite(cx: &Context, cluster: &str, principal: &str, entry: &Entry) -> Result<bool, Error> {
    let owner = owner(cx, cluster, principal, entry).await?;
    Ok(matches!(owner, Some(Owner::Tagged { resource: Some(r), .. }) if r == cx.ownership.resource))
}

/// The role that an entry is bound to.
#[derive(Debug, PartialEq, Eq)]
enum Bound {
    /// The ledger's, which is still the role's.
    AsRecorded,
    /// The ledger did not know: the role has this id and is older than the entry.
    To(String),
    /// An earlier role of that ARN.
    ToAnother,
    /// There is no such role.
    Unknown,
}

impl AccessEntry {
    async fn bound(&self, cx: &Context, reconcile: &Reconcile, facts: &Facts) -> Result<Bound, Error> {
        let recorded = reconcile.entry.as_ref().and_then(|e| e.id.as_deref());
        let is_another = match (recorded, self.principal_id(reconcile).as_deref()) {
            (Some(recorded), Some(now)) => recorded != now,
            _ => false,
        };
        if recorded.is_some() && !is_another {
            return Ok(Bound::AsRecorded);
        }
        let role = role::get(cx, self.principal.side, &self.role).await?;
        Ok(match role {
            Some(role) if role.create_date().secs() > facts.created_at => Bound::ToAnother,
            // Both in one second: what was recorded of the entry says that it is the older of the two.
            Some(role) if is_another && role.create_date().secs() == facts.created_at => Bound::ToAnother,
            Some(role) => Bound::To(role.role_id().to_owned()),
            None if is_another => Bound::ToAnother,
            None => Bound::Unknown,
        })
    }

    fn principal_id(&self, reconcile: &Reconcile) -> Option<String> {
        reconcile.dependencies.get(&self.principal).and_then(|e| e.id.clone())
    }

    fn differs(&self, reconcile: &Reconcile, facts: &Facts) -> bool {
        let tags = match reconcile.origin.is_own() {
            true => tags::exclusive(&self.tags, &facts.tags),
            false => tags::additive(&self.tags, &facts.tags, &added(reconcile)),
        };
        facts.stale || facts.kind != STANDARD || self.names_differ(facts) || !tags.is_none()
    }

    fn names_differ(&self, facts: &Facts) -> bool {
        let username = match &self.username {
            Some(username) => facts.username == *username,
            None => facts.default_username,
        };
        !username || facts.groups != self.groups
    }

    fn tag_change(&self, cx: &Context, reconcile: &Reconcile, facts: &Facts, observed: &Observed) -> tags::Change {
        match reconcile.origin.is_own() {
            true => tags::own(&cx.ownership, reconcile, &self.tags, observed),
            false => tags::additive(&self.tags, &facts.tags, &added(reconcile)),
        }
    }

    /// What stands in the way of bringing the entry to what the object says.
    fn check(&self, cx: &Context, reconcile: &Reconcile, facts: &Facts) -> Result<(), Error> {
        let what = format!("the access entry of the role {} on the cluster {}", self.role, self.cluster);
        let delete = format!("aws eks delete-access-entry --cluster-name {} --principal-arn {}", self.cluster, self.principal_arn);
        let refuse =
            |why: String| Err(Error::of_kind(Kind::Exists, "eks:UpdateAccessEntry", cx.label(Side::Cluster), format!("{what} {why}")));
        if facts.kind != STANDARD {
            return refuse(format!(
                "has the type {}, which can't be changed; this resource needs {STANDARD}. Delete it ({delete}), or use another role",
                facts.kind
            ));
        }
        if reconcile.origin.is_own() {
            return Ok(());
        }
        if facts.stale && !facts.beyond.is_empty() {
            return refuse(format!(
                "was made by somebody else for an earlier role of that name and admits nobody now. It can't be made anew from here without loss: \
                 this version does not know the scope of {}. Make it anew by hand ({delete}) and run again",
                listed(&facts.beyond)
            ));
        }
        if self.names_differ(facts) {
            let configured = self.username.as_deref().unwrap_or("the one that EKS gives");
            return refuse(format!(
                "was made by somebody else with the user name {} and the groups [{}], which are not rewritten; configured are {configured} and \
                 [{}]. Configure what is there, or delete the entry ({delete})",
                facts.username,
                listed(&facts.groups),
                listed(&self.groups)
            ));
        }
        Ok(())
    }

    async fn make(&self, cx: &Context, reconcile: &Reconcile, tags: Tags) -> Result<Made, Error> {
        let principal = principal::arn(reconcile, &self.role, &self.principal_arn);
        Ok(Made {
            arn: create(cx, &self.region, &self.cluster, principal, self.username.clone(), &self.groups, tags).await?,
            id: self.principal_id(reconcile),
            document: None,
            tags: Some(self.tags.clone()),
            added: BTreeSet::new(),
        })
    }
}

pub(super) fn facts(entry: &types::AccessEntry, tags: Tags, policies: &[types::AssociatedAccessPolicy], principal: &str) -> Facts {
    let username = entry.username().unwrap_or_default().to_owned();
    Facts {
        principal_arn: principal.to_owned(),
        default_username: principal::default_username(principal).as_deref() == Some(&username),
        username,
        groups: entry.kubernetes_groups().iter().cloned().collect(),
        kind: entry.r#type().unwrap_or(STANDARD).to_owned(),
        created_at: entry.created_at().map_or(0, |t| t.secs()),
        stale: false,
        tags,
        policies: reaches(policies),
        beyond: policies
            .iter()
            .filter(|p| policy_association::Facts::of_policy(p).is_none())
            .filter_map(|p| p.policy_arn().map(str::to_owned))
            .collect(),
    }
}

pub(super) fn reaches(policies: &[types::AssociatedAccessPolicy]) -> BTreeMap<String, Reach> {
    let reach = |f: policy_association::Facts| (f.policy_arn, Reach { scope: f.scope, namespaces: f.namespaces });
    policies.iter().filter_map(policy_association::Facts::of_policy).map(reach).collect()
}

fn added(reconcile: &Reconcile) -> BTreeSet<String> {
    reconcile.entry.as_ref().map(|e| e.added.clone()).unwrap_or_default()
}

fn listed(names: &BTreeSet<String>) -> String {
    names.iter().cloned().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
