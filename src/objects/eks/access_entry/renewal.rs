//! An access entry that was created for an earlier role of its ARN is created again, and what others gave it is restored.
//!
//! EKS binds an entry to its role for good, and deleting an entry drops its policies (EKS, DeleteAccessEntry). What others put on it is
//! therefore in the ledger, as the entry's `document`, from the read that finds it stale until all of it is restored: a run that ends
//! between the two calls loses nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{AccessEntry, label};
use crate::aws::{Error, policy};
use crate::engine::{Entry, Facts, Observed, Origin, Owner, Reconcile, Tags, Written};
use crate::objects::context::CLEANUP;
use crate::objects::eks::entries::{self, Association, EntryFacts, NewEntry, Reach, STANDARD, delete, describe, retag};
use crate::objects::eks::uses::Uses;
use crate::objects::ownership::Ownership;
use crate::objects::tags::Mark;
use crate::objects::{Context, TAG_INSTANCE, TAG_RESOURCE, locks, tags};

/// What a foreign entry has that is to be restored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    principal_arn: String,
    /// None: the name that EKS gives.
    username: Option<String>,
    groups: BTreeSet<String>,
    /// All of them: including the ownership tags and those that ignore_tags lists.
    tags: Tags,
    /// By ARN.
    policies: BTreeMap<String, Reach>,
    /// Those of the policies that this resource wants, and so associates by itself.
    wanted: BTreeSet<String>,
}

impl Kept {
    /// What is to be restored according to the ledger.
    pub(super) fn recorded(entry: Option<&Entry>) -> Option<Self> {
        Self::parse(entry.filter(|e| e.origin == Origin::Adopted)?.document.as_deref()?)
    }

    /// Reads what `document` writes.
    pub(super) fn parse(document: &str) -> Option<Self> {
        serde_json::from_str(document).ok()
    }

    /// What is to be restored of an entry as it is, together with what is still missing from an earlier attempt.
    pub(super) fn of(facts: &EntryFacts, all_tags: Tags, wanted: &BTreeMap<String, Reach>, earlier: Option<Self>) -> Self {
        let mut kept = Kept {
            principal_arn: facts.principal_arn.clone(),
            username: (!facts.default_username).then(|| facts.username.clone()),
            groups: facts.groups.clone(),
            tags: all_tags,
            policies: facts.policies.clone(),
            wanted: facts.policies.keys().filter(|arn| wanted.contains_key(*arn)).cloned().collect(),
        };
        if let Some(earlier) = earlier {
            for (arn, reach) in earlier.policies {
                kept.policies.entry(arn).or_insert(reach);
            }
            kept.wanted.extend(earlier.wanted);
        }
        kept
    }

    pub(super) fn document(&self) -> Option<String> {
        serde_json::to_value(self).ok().map(|json| policy::canonical_text(&json))
    }

    /// The entry as it was, for a read that finds none: an earlier attempt deleted it and got no further.
    pub(super) fn observed(&self, ownership: &Ownership, reconcile: &Reconcile, wanted: &Tags) -> Observed {
        let (owner, tags) = ownership.split(self.tags.clone());
        let facts = EntryFacts {
            principal_arn: self.principal_arn.clone(),
            default_username: self.username.is_none(),
            username: self.username.clone().unwrap_or_default(),
            groups: self.groups.clone(),
            entry_type: STANDARD.to_owned(),
            created_at: 0,
            stale: true,
            tags,
            policies: self.policies.clone(),
            unknown_scopes: BTreeSet::new(),
            uses: Uses::of(&self.tags),
            mark: Mark::of(ownership, &self.tags),
        };
        let shown = facts.additions(wanted, &reconcile.added()).shown();
        let arn = reconcile.entry.as_ref().and_then(|e| e.arn.clone());
        Observed {
            label: arn.as_deref().map(|arn| label(arn, &self.principal_arn)),
            arn,
            document: self.document(),
            tags: Some(shown),
            owner,
            facts: Facts::new(facts),
            ..Observed::attached(true)
        }
    }
}

impl AccessEntry {
    /// An entry of this resource: deleted and created as it should be. Its policies are associated again after it.
    pub(super) async fn recreate(
        &self,
        cx: &Context,
        reconcile: &Reconcile,
        principal: &str,
        instance: &str,
        owner: &Owner,
    ) -> Result<Written, Error> {
        self.log_renewal();
        delete(cx, Some(&self.region), &self.cluster, principal).await?;
        let mut tags = self.tags.clone();
        match owner {
            Owner::Tagged { resource, instance } if reconcile.origin == Origin::Imported => {
                tags.extend(resource.iter().map(|r| (TAG_RESOURCE.to_owned(), r.clone())));
                tags.extend(instance.iter().map(|i| (TAG_INSTANCE.to_owned(), i.clone())));
            }
            _ => tags.extend(cx.ownership.tags(instance)),
        }
        let deleted = reconcile.entry.as_ref().and_then(|entry| entry.arn.as_deref());
        self.make(cx, reconcile, tags, deleted).await
    }

    /// A foreign entry: deleted and created as it was, with what this resource adds to it; then the policies that are missing.
    pub(super) async fn restore(
        &self,
        cx: &Context,
        reconcile: &Reconcile,
        instance: &str,
        kept: &Kept,
        observed: &Observed,
    ) -> Result<Written, Error> {
        let facts = observed.facts.get::<EntryFacts>().cloned().unwrap_or_default();
        // Several resources may use the entry: the second one finds it created again.
        let _exclusive = locks::exclusive(&locks::access_entry(&self.cluster, &kept.principal_arn)).await;
        let restoration = Restoration { kept, cluster: &self.cluster, region: &self.region };
        let now = describe(cx, Some(&self.region), &self.cluster, &kept.principal_arn).await?;
        let fresh = now.as_ref().filter(|entry| !facts.stale || entry.access_entry_arn() != observed.arn.as_deref());
        let tags_now = fresh.map_or_else(|| kept.tags.clone(), |entry| entry.tags().cloned().unwrap_or_default().into_iter().collect());
        let mark = Mark::of(&cx.ownership, &tags_now);
        let (_, seen) = cx.ownership.split(tags_now.clone());
        let now = EntryFacts { uses: Uses::of(&tags_now), tags: seen, mark, ..facts.clone() };
        let recorded = reconcile.added();
        let additions = now.additions(&self.tags, &recorded);
        let (change, added) = (additions.change().and(self.use_change(cx, instance, &now)), additions.after());
        let arn = match fresh {
            Some(entry) => {
                retag(cx, Some(&self.region), entry.access_entry_arn(), &change).await?;
                entry.access_entry_arn().map(str::to_owned)
            }
            None => {
                self.log_renewal();
                delete(cx, Some(&self.region), &self.cluster, &kept.principal_arn).await?;
                let mut tags = tags_now;
                tags.retain(|key, _| !change.unset.contains(key));
                tags.extend(change.set.clone());
                restoration.create(cx, tags, observed.arn.as_deref()).await?
            }
        };
        restoration.associate_missing(cx, |_| true).await?;
        Ok(Written { arn, id: self.principal_id(reconcile).or(observed.id.clone()), document: None, tags: Some(self.tags.clone()), added })
    }

    fn log_renewal(&self) {
        let (cluster, role) = (&self.cluster, &self.role);
        tracing::info!(cluster, role, "the access entry was created for an earlier role of that name: creating it again");
    }
}

/// Restores for others, when the resource is destroyed, an entry that an interrupted run deleted.
pub(super) async fn give_back(cx: &Context, cluster: &str, entry: &Entry, kept: &Kept) -> Result<(), Error> {
    let region = entry.region.as_deref().unwrap_or(&cx.region);
    let restoration = Restoration { kept, cluster, region };
    if describe(cx, Some(region), cluster, &kept.principal_arn).await?.is_none() {
        let ours: BTreeSet<&str> = tags::added_keys(&entry.added).collect();
        let theirs = kept.tags.iter().filter(|(key, _)| !ours.contains(key.as_str()));
        restoration.create(cx, theirs.map(|(key, value)| (key.clone(), value.clone())).collect(), entry.arn.as_deref()).await?;
    }
    if !kept.wanted.is_empty() {
        cx.warn(CLEANUP, format!(
            "The access entry of {} on the cluster {cluster} was created again after an interrupted run, without the policies that this resource \
             also wanted: {}. Associate them again (aws eks associate-access-policy) if others need them.",
            kept.principal_arn,
            kept.wanted.iter().cloned().collect::<Vec<_>>().join(", ")
        ));
    }
    restoration.associate_missing(cx, |policy_arn| !kept.wanted.contains(policy_arn)).await
}

/// The calls that restore what was kept.
struct Restoration<'a> {
    kept: &'a Kept,
    cluster: &'a str,
    region: &'a str,
}

impl Restoration<'_> {
    /// Returns the ARN of the entry.
    async fn create(&self, cx: &Context, tags: Tags, deleted: Option<&str>) -> Result<Option<String>, Error> {
        let Kept { principal_arn, username, groups, .. } = self.kept;
        let (cluster, region, username) = (self.cluster, self.region, username.clone());
        NewEntry { cluster, region, principal: principal_arn, username, groups, tags }.create(cx, deleted).await
    }

    /// Associates those of the kept policies that the entry has not.
    async fn associate_missing(&self, cx: &Context, which: impl Fn(&str) -> bool) -> Result<(), Error> {
        let principal = &self.kept.principal_arn;
        let present = entries::policies(cx, Some(self.region), self.cluster, principal).await?;
        for (policy_arn, reach) in self.kept.policies.iter().filter(|(arn, _)| which(arn)) {
            if !present.iter().any(|p| p.policy_arn() == Some(policy_arn)) {
                let association = Association { policy_arn: policy_arn.clone(), reach: reach.clone() };
                entries::associate(cx, self.region, self.cluster, principal, &association).await?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::found;
    use crate::objects::eks::entries::Scope;

    fn reach(namespace: &str) -> Reach {
        Reach { scope: Scope::Namespace, namespaces: BTreeSet::from([namespace.to_owned()]) }
    }

    fn facts(policies: &[(&str, &str)]) -> EntryFacts {
        EntryFacts {
            principal_arn: "arn:aws:iam::183295435445:role/access".into(),
            username: "ops".into(),
            policies: policies.iter().map(|(arn, namespace)| ((*arn).to_owned(), reach(namespace))).collect(),
            ..EntryFacts::default()
        }
    }

    #[test]
    fn what_is_kept_survives_the_ledger_and_only_on_an_adopted_entry() {
        let kept = Kept::of(&facts(&[("view", "a")]), Tags::from([("team".into(), "x".into())]), &BTreeMap::new(), None);
        let mut entry = found("183295435445", None, Origin::Adopted);
        entry.document = kept.document();
        assert_eq!(Kept::recorded(Some(&entry)), Some(kept));
        entry.origin = Origin::Created;
        assert_eq!(Kept::recorded(Some(&entry)), None);
    }

    #[test]
    fn what_an_earlier_attempt_did_not_restore_is_still_to_be_restored() {
        let earlier =
            Kept::of(&facts(&[("view", "a"), ("edit", "b")]), Tags::new(), &BTreeMap::from([("edit".to_owned(), reach("b"))]), None);
        let now = Kept::of(&facts(&[("view", "c")]), Tags::new(), &BTreeMap::new(), Some(earlier));
        assert_eq!(now.policies, BTreeMap::from([("view".to_owned(), reach("c")), ("edit".to_owned(), reach("b"))]));
        assert_eq!(now.wanted, BTreeSet::from(["edit".to_owned()]));
    }
}
