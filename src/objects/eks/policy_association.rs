//! An access policy that is associated with an access entry: `CLUSTER/ROLE/POLICY_NAME`. It has no tags and goes with its entry.
//!
//! Ledger: nothing beyond its being there. Associating again changes the scope in place (EKS, AssociateAccessPolicy).

use std::collections::BTreeSet;

use async_trait::async_trait;
use aws_sdk_eks::types::{AccessScope, AccessScopeType, AssociatedAccessPolicy};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{access_entry, principal};
use crate::aws::{Answer, Error, Side, arn};
use crate::engine::{Entry, Key, Made, Object, Observed, OnExisting, Owner, Reconcile};
use crate::objects::context::Context;
use crate::objects::removal;

pub const KIND: &str = "eks_access_policy_association";

/// Where an access policy holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    Cluster,
    Namespace,
}

impl Scope {
    /// As the configuration and the state have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Cluster => "cluster",
            Scope::Namespace => "namespace",
        }
    }
}

#[derive(Clone, Debug)]
pub struct PolicyAssociation {
    pub cluster: String,
    pub region: String,
    pub role: String,
    /// What counts where no needed object is the role.
    pub principal_arn: String,
    pub policy_arn: String,
    pub scope: Scope,
    /// For the scope `Namespace`; a name may end in `*`.
    pub namespaces: BTreeSet<String>,
    pub depends_on: Vec<Key>,
    pub on_existing: OnExisting,
}

/// How far an association reaches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    pub policy_arn: String,
    pub scope: Scope,
    pub namespaces: BTreeSet<String>,
}

impl Facts {
    /// `None` for a scope that this version does not know.
    pub(super) fn of_policy(policy: &AssociatedAccessPolicy) -> Option<Self> {
        let scope = policy.access_scope()?;
        Some(Facts {
            policy_arn: policy.policy_arn()?.to_owned(),
            scope: match scope.r#type()? {
                AccessScopeType::Cluster => Scope::Cluster,
                AccessScopeType::Namespace => Scope::Namespace,
                _ => return None,
            },
            namespaces: scope.namespaces().iter().cloned().collect(),
        })
    }

    pub fn of(observed: &Observed) -> Option<Self> {
        serde_json::from_value(observed.facts.clone()).ok()
    }
}

/// `policy` is the policy's name or ARN.
pub fn key(cluster: &str, role: &str, policy: &str) -> Key {
    let name = policy.rsplit('/').next().unwrap_or(policy);
    Key::new(Side::Cluster, KIND, format!("{cluster}/{role}/{name}"))
}

#[async_trait]
impl Object<Context> for PolicyAssociation {
    fn key(&self) -> Key {
        key(&self.cluster, &self.role, &self.policy_arn)
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
        let all = list(cx, Some(&self.region), &self.cluster, principal).await?;
        let Some(policy) = all.iter().find(|p| p.policy_arn() == Some(&self.policy_arn)) else { return Ok(None) };
        let facts = Facts::of_policy(policy);
        Ok(Some(Observed {
            arn: None,
            id: None,
            document: None,
            tags: None,
            owner: Owner::Parent,
            differs: facts.as_ref() != Some(&self.wanted()),
            facts: serde_json::to_value(facts).unwrap_or(Value::Null),
        }))
    }

    async fn create(&self, cx: &Context, reconcile: &Reconcile) -> Result<Made, Error> {
        self.associate(cx, reconcile).await
    }

    async fn update(&self, cx: &Context, reconcile: &Reconcile, observed: &Observed) -> Result<Made, Error> {
        // The entry may have been made anew without this association having gone: nothing to do then.
        if observed.differs { self.associate(cx, reconcile).await } else { Ok(Made::default()) }
    }
}

/// Takes the policy off the entry, unless the entry was taken over by another create.
pub(in crate::objects) async fn remove(cx: &Context, key: &Key, entry: &Entry) -> Result<(), Error> {
    let mut parts = key.name.splitn(3, '/');
    let (Some(cluster), Some(role), Some(policy)) = (parts.next(), parts.next(), parts.next()) else { return Ok(()) };
    let Some(principal) = principal::find(cx, cluster, role, entry).await? else { return Ok(()) };
    let Some(parent) = access_entry::owner(cx, cluster, &principal, entry).await? else { return Ok(()) };
    if !removal::is_ours_on(cx, entry, &access_entry::key(cluster, role), &parent) {
        return Ok(());
    }
    let arn = arn::access_policy(&cx.pair.identity(Side::Cluster).partition, policy);
    let eks = cx.eks(entry.region.as_deref());
    let send = || eks.disassociate_access_policy().cluster_name(cluster).principal_arn(&principal).policy_arn(&arn).send();
    cx.ask("eks:DisassociateAccessPolicy", Side::Cluster, send).await.absent_is_none().map(drop)
}

/// The policies of an entry; none where there is no entry.
pub(super) async fn list(cx: &Context, region: Option<&str>, cluster: &str, principal: &str) -> Result<Vec<AssociatedAccessPolicy>, Error> {
    let eks = cx.eks(region);
    let pages = || {
        eks.list_associated_access_policies().cluster_name(cluster).principal_arn(principal).into_paginator().items().send().try_collect()
    };
    let listed = cx.ask("eks:ListAssociatedAccessPolicies", Side::Cluster, pages).await.absent_is_none();
    Ok(access_entry::without_entries_is_none(listed)?.unwrap_or_default())
}

impl PolicyAssociation {
    fn wanted(&self) -> Facts {
        Facts { policy_arn: self.policy_arn.clone(), scope: self.scope, namespaces: self.namespaces.clone() }
    }

    async fn associate(&self, cx: &Context, reconcile: &Reconcile) -> Result<Made, Error> {
        let principal = principal::arn(reconcile, &self.role, &self.principal_arn);
        associate(cx, &self.region, &self.cluster, principal, &self.wanted()).await?;
        Ok(Made::default())
    }
}

/// Associates the policy with the entry, or changes its scope.
pub(super) async fn associate(cx: &Context, region: &str, cluster: &str, principal: &str, wanted: &Facts) -> Result<(), Error> {
    let kind = match wanted.scope {
        Scope::Cluster => AccessScopeType::Cluster,
        Scope::Namespace => AccessScopeType::Namespace,
    };
    let namespaces = (!wanted.namespaces.is_empty()).then(|| wanted.namespaces.iter().cloned().collect());
    let scope = AccessScope::builder().r#type(kind).set_namespaces(namespaces).build();
    let eks = cx.eks(Some(region));
    let send = || {
        eks.associate_access_policy()
            .cluster_name(cluster)
            .principal_arn(principal)
            .policy_arn(&wanted.policy_arn)
            .access_scope(scope.clone())
            .send()
    };
    cx.ask_until_seen("eks:AssociateAccessPolicy", Side::Cluster, send).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_named_the_same_by_name_and_by_arn() {
        let arn = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy";
        assert_eq!(key("prod", "access", arn), key("prod", "access", "AmazonEKSViewPolicy"));
        assert_eq!(key("prod", "access", arn).to_string(), "cluster/eks_access_policy_association/prod/access/AmazonEKSViewPolicy");
    }

    #[test]
    fn namespaces_are_compared_as_a_set() {
        let of = |names: &[&str]| {
            let names = names.iter().map(|n| (*n).to_owned()).collect();
            let scope = AccessScope::builder().r#type(AccessScopeType::Namespace).set_namespaces(Some(names)).build();
            Facts::of_policy(&AssociatedAccessPolicy::builder().policy_arn("p").access_scope(scope).build())
        };
        assert_eq!(of(&["a", "b"]), of(&["b", "a"]));
        assert_ne!(of(&["a"]), of(&["b"]));
    }
}
