//! An inline policy of a role, named after the role and the policy: `ROLE/POLICY`.
//!
//! A stamped policy carries its owner in the Sids of its statements, since a policy has no tags and the role may be somebody
//! else's. Ledger: `document`, without those Sids.

use async_trait::async_trait;
use serde_json::Value;

use super::{role, trust};
use crate::aws::{Answer, Error, Kind, Side, policy};
use crate::engine::{Contention, Entry, Key, Made, Object, Observed, OnExisting, Origin, Owner, Reconcile};
use crate::objects::context::Context;
use crate::objects::ownership::Ownership;
use crate::objects::removal;

pub const KIND: &str = "iam_role_policy";

#[derive(Clone, Debug)]
pub struct InlinePolicy {
    pub side: Side,
    pub role: String,
    pub name: String,
    /// JSON, as the ledger shows it while the policy means the same.
    pub document: String,
    /// Whether the statements carry whose they are. For policies whose name is ours, such as `xeks-eks-describe`: these are ours
    /// on anybody's role, so that `InheritFrom` means `Overwrite` for them.
    pub stamped: bool,
    pub depends_on: Vec<Key>,
    pub on_existing: OnExisting,
}

pub fn key(side: Side, role: &str, policy: &str) -> Key {
    Key::new(side, KIND, format!("{role}/{policy}"))
}

#[async_trait]
impl Object<Context> for InlinePolicy {
    fn key(&self) -> Key {
        key(self.side, &self.role, &self.name)
    }

    fn depends_on(&self) -> Vec<Key> {
        self.depends_on.clone()
    }

    fn on_existing(&self) -> OnExisting {
        match &self.on_existing {
            OnExisting::InheritFrom(_) if self.stamped => OnExisting::Overwrite,
            on_existing => on_existing.clone(),
        }
    }

    /// A policy whose name is ours may be wanted on somebody's role by several resources: one of them gets it.
    fn contention(&self, reconcile: &Reconcile) -> Contention {
        let theirs = reconcile.dependencies.get(&role::key(self.side, &self.role)).is_some_and(|role| !role.origin.is_own());
        if self.stamped && theirs { Contention::LastWriteWins } else { Contention::Exclusive }
    }

    async fn observe(&self, cx: &Context, reconcile: &Reconcile) -> Result<Option<Observed>, Error> {
        let Some(found) = get(cx, self.side, &self.role, &self.name).await? else { return Ok(None) };
        let mut owner = if self.stamped { owner_of(&found, &cx.ownership) } else { Owner::Parent };
        if self.is_late(cx, reconcile, &owner).await? {
            owner = Owner::Parent;
        }
        let same = self.means(&found);
        Ok(Some(Observed {
            arn: None,
            id: None,
            document: Some(if same { self.document.clone() } else { policy::canonical_text(&plain(&found, &cx.ownership)) }),
            tags: None,
            owner,
            differs: !same,
            facts: Value::Null,
        }))
    }

    async fn create(&self, cx: &Context, reconcile: &Reconcile) -> Result<Made, Error> {
        self.put(cx, reconcile).await
    }

    async fn update(&self, cx: &Context, reconcile: &Reconcile, observed: &Observed) -> Result<Made, Error> {
        if let Owner::Tagged { resource, .. } = &observed.owner
            && resource.as_deref() != Some(&cx.ownership.resource)
        {
            let message = format!(
                "the inline policy {} of the role {} was made by another resource of this provider, for another cluster or account: use \
                 another role for one of the two",
                self.name, self.role
            );
            return Err(Error::of_kind(Kind::Exists, "iam:PutRolePolicy", cx.label(self.side), message));
        }
        self.put(cx, reconcile).await
    }
}

/// The policy's document, canonical; `None` where there is no such policy.
pub async fn document(cx: &Context, side: Side, role: &str, name: &str) -> Result<Option<String>, Error> {
    Ok(get(cx, side, role, name).await?.map(|found| policy::canonical_text(&plain(&found, &cx.ownership))))
}

/// Deletes the policy, unless it belongs to another create or its role was taken over by one.
pub(in crate::objects) async fn remove(cx: &Context, key: &Key, entry: &Entry) -> Result<(), Error> {
    let Some((role, name)) = key.name.split_once('/') else { return Ok(()) };
    let (found, parent) = tokio::try_join!(get(cx, key.side, role, name), role::owner(cx, key.side, role))?;
    let (Some(found), Some(parent)) = (found, parent) else { return Ok(()) };
    let on_role = removal::is_ours_on(cx, entry, &role::key(key.side, role), &parent);
    let ours = match owner_of(&found, &cx.ownership) {
        owner @ Owner::Tagged { .. } if entry.origin != Origin::Found => {
            is_of_composite(&owner, cx) && (removal::is_ours(entry, &owner) || removal::is_ours(entry, &parent) && on_role)
        }
        _ => on_role,
    };
    if !ours {
        return Ok(());
    }
    let iam = cx.iam(key.side);
    let send = || iam.delete_role_policy().role_name(role).policy_name(name).send();
    cx.ask("iam:DeleteRolePolicy", key.side, send).await.absent_is_none()?;
    cx.deleted(key, entry);
    Ok(())
}

/// Whether readers are still shown the policy that was deleted.
pub(in crate::objects) async fn is_shown(cx: &Context, key: &Key) -> Result<bool, Error> {
    let Some((role, name)) = key.name.split_once('/') else { return Ok(false) };
    Ok(get(cx, key.side, role, name).await?.is_some())
}

impl InlinePolicy {
    /// Whether what was found means what the object says. Sids of a stamped policy say only whose it is.
    fn means(&self, found: &Value) -> bool {
        let Ok(wanted) = policy::parse(&self.document) else { return false };
        match self.stamped {
            true => policy::equivalent(&trust::without_sids(found), &trust::without_sids(&wanted)),
            false => policy::equivalent(found, &wanted),
        }
    }

    /// Whether the Sids name another create of this composite, and the role is ours all the same: the last call of a provider that was
    /// killed may land when a later run has taken the role over and is done. On somebody else's role nothing tells that from the newer
    /// half of a replacement, and the policy is not ours.
    async fn is_late(&self, cx: &Context, reconcile: &Reconcile, owner: &Owner) -> Result<bool, Error> {
        let another = is_of_composite(owner, cx) && reconcile.entry.as_ref().is_some_and(|entry| !removal::is_ours(entry, owner));
        match reconcile.dependencies.get(&role::key(self.side, &self.role)) {
            Some(entry) if another && entry.origin.is_own() => {
                Ok(role::owner(cx, self.side, &self.role).await?.is_some_and(|owner| removal::is_ours(entry, &owner)))
            }
            _ => Ok(false),
        }
    }

    /// Makes or replaces the policy (IAM, PutRolePolicy).
    async fn put(&self, cx: &Context, reconcile: &Reconcile) -> Result<Made, Error> {
        let text = match self.stamp(reconcile) {
            Some(instance) => stamped(&self.document, &cx.ownership, instance),
            None => self.document.clone(),
        };
        let iam = cx.iam(self.side);
        let send = || iam.put_role_policy().role_name(&self.role).policy_name(&self.name).policy_document(&text).send();
        cx.ask_until_seen("iam:PutRolePolicy", self.side, send).await?;
        Ok(Made { document: Some(self.document.clone()), ..Made::default() })
    }

    /// The instance to write into the Sids. What was imported keeps the one that it was found with, or none.
    fn stamp<'a>(&self, reconcile: &'a Reconcile) -> Option<&'a str> {
        match (self.stamped, reconcile.origin, &reconcile.entry) {
            (false, _, _) => None,
            (true, Origin::Imported, Some(entry)) => entry.instance.as_deref(),
            (true, _, _) => Some(&reconcile.instance),
        }
    }
}

async fn get(cx: &Context, side: Side, role: &str, name: &str) -> Result<Option<Value>, Error> {
    let iam = cx.iam(side);
    let send = || iam.get_role_policy().role_name(role).policy_name(name).send();
    let answer = cx.ask("iam:GetRolePolicy", side, send).await.absent_is_none()?;
    // A document that can't be read is like no other: it differs.
    Ok(answer.map(|a| policy::parse(a.policy_document()).unwrap_or_default()))
}

fn is_of_composite(owner: &Owner, cx: &Context) -> bool {
    matches!(owner, Owner::Tagged { resource: Some(resource), .. } if *resource == cx.ownership.resource)
}

/// Whose the statements are by their Sids. Without any of ours, the policy goes with its role.
fn owner_of(document: &Value, ownership: &Ownership) -> Owner {
    let sids = || policy::statements_of(document).into_iter().filter_map(policy::sid_of);
    if let Some(instance) = sids().find_map(|sid| ownership.sid_instance(sid)) {
        return Owner::Tagged { resource: Some(ownership.resource.clone()), instance: Some(instance.to_owned()) };
    }
    match sids().find(|sid| Ownership::is_sid_of_any(sid)) {
        Some(sid) => Owner::Tagged { resource: Some(format!("another (Sid {sid})")), instance: None },
        None => Owner::Parent,
    }
}

fn stamped(document: &str, ownership: &Ownership, instance: &str) -> String {
    let Ok(parsed) = policy::parse(document) else { return document.to_owned() };
    let statements = policy::statements_of(&parsed).into_iter().enumerate().map(|(i, s)| trust::with_sid(s, ownership.sid(instance, i)));
    policy::document(statements).to_string()
}

/// The document without the Sids that say whose it is.
fn plain(document: &Value, ownership: &Ownership) -> Value {
    if matches!(owner_of(document, ownership), Owner::Tagged { .. }) { trust::without_sids(document) } else { document.clone() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(stamped: bool) -> InlinePolicy {
        let document = policy::document([json!({"Sid": "Describe", "Effect": "Allow", "Action": "eks:DescribeCluster", "Resource": "*"})]);
        InlinePolicy {
            side: Side::Cluster,
            role: "access".into(),
            name: "xeks-eks-describe".into(),
            document: policy::canonical_text(&document),
            stamped,
            depends_on: vec![],
            on_existing: OnExisting::InheritFrom(role::key(Side::Cluster, "access")),
        }
    }

    #[test]
    fn a_stamped_policy_says_whose_it_is_and_means_the_same() {
        let (us, them) = (Ownership::new(&["us"]), Ownership::new(&["them"]));
        let object = object(true);
        let found = policy::parse(&stamped(&object.document, &us, "i1")).unwrap();
        assert!(object.means(&found));
        assert_eq!(owner_of(&found, &us), Owner::Tagged { resource: Some("us".into()), instance: Some("i1".into()) });
        assert!(matches!(owner_of(&found, &them), Owner::Tagged { resource: Some(r), instance: None } if r != "them"));
        assert_eq!(plain(&found, &us), trust::without_sids(&policy::parse(&object.document).unwrap()));
    }

    #[test]
    fn a_plain_policy_goes_with_its_role_and_its_sids_count() {
        let us = Ownership::new(&["us"]);
        let object = object(false);
        let found = policy::parse(&object.document).unwrap();
        assert!(object.means(&found));
        assert!(!object.means(&trust::without_sids(&found)));
        assert_eq!(owner_of(&found, &us), Owner::Parent);
        assert_eq!(object.on_existing(), OnExisting::InheritFrom(role::key(Side::Cluster, "access")));
    }

    #[test]
    fn a_policy_whose_name_is_ours_is_ours_on_anybodys_role() {
        assert_eq!(object(true).on_existing(), OnExisting::Overwrite);
    }

    #[test]
    fn an_imported_policy_keeps_the_instance_that_it_was_found_with() {
        let entry = crate::engine::found("1", None, Origin::Imported);
        let mut reconcile = Reconcile {
            entry: Some(entry),
            origin: Origin::Imported,
            instance: "i2".into(),
            renewed: false,
            dependencies: Default::default(),
        };
        assert_eq!(object(true).stamp(&reconcile), None);
        reconcile.entry.as_mut().unwrap().instance = Some("i1".into());
        assert_eq!(object(true).stamp(&reconcile), Some("i1"));
        reconcile.origin = Origin::Created;
        assert_eq!(object(true).stamp(&reconcile), Some("i2"));
        assert_eq!(object(false).stamp(&reconcile), None);
    }
}
