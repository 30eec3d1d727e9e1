//! An inline policy of a role: `ROLE/POLICY`.
//!
//! A marked policy has its owner in the Sids of its statements, since a policy has no tags and the role may be a foreign one.
//! Ledger: `document`, without those Sids.

use async_trait::async_trait;
use serde_json::Value;

use super::{all_roles, role};
use crate::aws::{Answer, Error, Side, policy};
use crate::diagnostics::Path;
use crate::engine::{
    BadName, Contention, Deleted, Entry, Key, Kind, Object, Observed, OnExisting, Origin, Owner, Planned, Reconcile, Written, parts,
};
use crate::objects::ownership::{Mark, Ownership};
use crate::objects::{Context, Env, locks};
use crate::schema::placeholder;

pub const KIND: &str = role::INLINE_POLICY;

#[derive(Clone, Debug)]
pub struct InlinePolicy {
    pub side: Side,
    pub role: String,
    pub name: String,
    /// JSON, as the ledger shows it while the policy means the same.
    pub document: String,
    /// Whether the Sids of the statements say whose they are. For policies whose name belongs to this provider: these are overwritten on
    /// any role.
    pub marked: bool,
    /// Digests of the statements of the role's trust policy without which the policy is of no use. A marked policy names them in its Sids, so
    /// that other resources of this provider leave them in place.
    pub relies_on: Vec<String>,
    pub depends_on: Vec<Key>,
    pub attribute: Path,
}

pub fn key(side: Side, role: &str, policy: &str) -> Key {
    Key::new(side, KIND, format!("{role}/{policy}"))
}

#[async_trait]
impl Object<Context> for InlinePolicy {
    fn kind(&self) -> &'static dyn Kind<Context> {
        &InlinePolicyKind
    }

    fn key(&self) -> Key {
        key(self.side, &self.role, &self.name)
    }

    fn attribute(&self) -> Path {
        self.attribute.clone()
    }

    fn depends_on(&self) -> Vec<Key> {
        self.depends_on.clone()
    }

    fn on_existing(&self) -> OnExisting {
        if self.marked { OnExisting::Overwrite } else { OnExisting::InheritFrom(role::key(self.side, &self.role)) }
    }

    /// Two states with the same names may write one policy on a foreign role: the last one to write it has it.
    fn contention(&self, reconcile: &Reconcile) -> Contention {
        let foreign = reconcile.dependencies.get(&role::key(self.side, &self.role)).is_some_and(|role| !role.origin.is_own());
        if self.marked && foreign { Contention::LastWriteWins } else { Contention::Exclusive }
    }

    fn planned(&self, _: &Env) -> Planned {
        let document = placeholder::value(&self.document);
        Planned { document: document.clone(), adopted_document: document, ..Planned::default() }
    }

    async fn read(&self, cx: &Context, reconcile: &Reconcile) -> Result<Option<Observed>, Error> {
        let Some(found) = get(cx, self.side, &self.role, &self.name).await? else { return Ok(None) };
        let mut owner = if self.marked { owner_of(&found, &cx.ownership) } else { Owner::Parent };
        if self.is_late(cx, reconcile, &owner).await? {
            owner = Owner::Parent;
        }
        let same = self.means(&found);
        let document = if same { self.document.clone() } else { policy::shown_text(&plain(&found, &cx.ownership)) };
        let differs = !same || !self.names_what_it_relies_on(&found, &cx.ownership);
        Ok(Some(Observed { document: Some(document), owner, ..Observed::attached(differs) }))
    }

    async fn create(&self, cx: &Context, reconcile: &Reconcile, instance: &str) -> Result<Written, Error> {
        self.put(cx, reconcile, instance).await
    }

    async fn update(&self, cx: &Context, reconcile: &Reconcile, instance: &str, _: &Observed) -> Result<Written, Error> {
        self.put(cx, reconcile, instance).await
    }
}

pub struct InlinePolicyKind;

#[async_trait]
impl Kind<Context> for InlinePolicyKind {
    fn name(&self) -> &'static str {
        KIND
    }

    fn delete_order(&self, _: Origin) -> u8 {
        0
    }

    fn parse(&self, name: &str) -> Result<(), BadName> {
        split(name).map(drop)
    }

    fn parents(&self, key: &Key) -> Vec<Key> {
        split(&key.name).map(|[role, _]| role::key(key.side, role)).into_iter().collect()
    }

    /// Deletes the policy, unless it belongs to another create, or another create took its role over.
    async fn delete(&self, cx: &Context, key: &Key, entry: &Entry) -> Result<Deleted, Error> {
        let [role, name] = split(&key.name)?;
        let Some(parent) = role::owner(cx, key.side, role).await? else { return Ok(Deleted::Now) };
        let may_detach = cx.ownership.may_detach(entry, cx.recorded.get(&role::key(key.side, role)), &parent);
        // What is on a role of this create, and in its ledger, is its own: its document need not say so.
        if !(may_detach && cx.ownership.is_ours(entry, &parent)) {
            let Some(found) = get(cx, key.side, role, name).await? else { return Ok(Deleted::Now) };
            let ours = match owner_of(&found, &cx.ownership) {
                owner @ Owner::Tagged { .. } if entry.origin != Origin::Found => {
                    cx.ownership.is_of_composite(&owner) && cx.ownership.is_ours(entry, &owner)
                }
                _ => may_detach,
            };
            if !ours {
                return Ok(Deleted::Now);
            }
        }
        let iam = cx.iam(key.side);
        let send = || iam.delete_role_policy().role_name(role).policy_name(name).send();
        cx.ask("iam:DeleteRolePolicy", key.side, cx.in_turn(key.side, role, send)).await.absent_is_none()?;
        locks::mark_deleted(&locks::inline_policy(&cx.account(key.side).identity().account_id, role, name));
        Ok(Deleted::Eventually(Box::new(entry.clone())))
    }

    async fn still_visible(&self, cx: &Context, key: &Key, _: &Entry) -> Result<bool, Error> {
        let [role, name] = split(&key.name)?;
        // A list may show it longer, and a read of the role would take it for one that others put there.
        let (found, listed) = tokio::try_join!(get(cx, key.side, role, name), role::inline_names(cx, key.side, role))?;
        Ok(found.is_some() || listed.iter().any(|other| other == name))
    }
}

/// Role and policy of a name.
fn split(name: &str) -> Result<[&str; 2], BadName> {
    parts(name, "ROLE/POLICY")
}

/// The policy's document, canonical; `None` where there is no such policy.
pub async fn document(cx: &Context, side: Side, role: &str, name: &str) -> Result<Option<String>, Error> {
    Ok(get(cx, side, role, name).await?.map(|found| policy::shown_text(&plain(&found, &cx.ownership))))
}

impl InlinePolicy {
    /// Whether what was found means what is configured. The Sids of a marked policy say only whose it is.
    fn means(&self, found: &Value) -> bool {
        let Ok(wanted) = policy::parse(&self.document) else { return false };
        match self.marked {
            true => policy::equivalent(&policy::without_sids(found), &policy::without_sids(&wanted)),
            false => policy::equivalent(found, &wanted),
        }
    }

    /// Whether the Sids, where the policy has any, name the statements of the trust policy.
    fn names_what_it_relies_on(&self, found: &Value, ownership: &Ownership) -> bool {
        let named = |sid: &str| Mark::of(sid).is_some_and(|mark| mark.relies_on == self.relies_on);
        !self.marked || ownership.marked(found).all(|(sid, _)| named(sid))
    }

    /// Whether the Sids name another create of this composite although the role is this resource's: the last call of a provider that was
    /// killed may take effect after a later run has taken the role over and is done. On a foreign role nothing tells that from a newer
    /// replacement, and the policy is not this resource's.
    async fn is_late(&self, cx: &Context, reconcile: &Reconcile, owner: &Owner) -> Result<bool, Error> {
        let another =
            cx.ownership.is_of_composite(owner) && reconcile.entry.as_ref().is_some_and(|entry| !cx.ownership.is_ours(entry, owner));
        match reconcile.dependencies.get(&role::key(self.side, &self.role)) {
            Some(entry) if another && entry.origin.is_own() => {
                Ok(role::owner(cx, self.side, &self.role).await?.is_some_and(|owner| cx.ownership.is_ours(entry, &owner)))
            }
            _ => Ok(false),
        }
    }

    /// Creates or replaces the policy (IAM, PutRolePolicy).
    async fn put(&self, cx: &Context, reconcile: &Reconcile, instance: &str) -> Result<Written, Error> {
        let text = match self.instance_of_sids(reconcile, instance) {
            Some(instance) => marked(&self.document, &cx.ownership, instance, &self.relies_on),
            None => self.document.clone(),
        };
        let iam = cx.iam(self.side);
        let send = || iam.put_role_policy().role_name(&self.role).policy_name(&self.name).policy_document(&text).send();
        locks::unmark_deleted(&locks::inline_policy(&cx.account(self.side).identity().account_id, &self.role, &self.name));
        cx.ask_until_visible("iam:PutRolePolicy", self.side, cx.in_turn(self.side, &self.role, send)).await?;
        Ok(Written { document: Some(self.document.clone()), ..Written::default() })
    }

    /// The instance to write into the Sids. What was imported keeps the one that it was found with, or none.
    fn instance_of_sids<'a>(&self, reconcile: &'a Reconcile, instance: &'a str) -> Option<&'a str> {
        match (self.marked, reconcile.origin, &reconcile.entry) {
            (false, _, _) => None,
            (true, Origin::Imported, Some(entry)) => entry.instance.as_deref(),
            (true, _, _) => Some(instance),
        }
    }
}

async fn get(cx: &Context, side: Side, role: &str, name: &str) -> Result<Option<Value>, Error> {
    if let Some(found) = all_roles::find(cx, side, role).await {
        let document = found.as_ref().and_then(|found| found.inline_policies.get(name));
        return Ok(document.map(|document| policy::parse(document).unwrap_or_default()));
    }
    let iam = cx.iam(side);
    let send = || iam.get_role_policy().role_name(role).policy_name(name).send();
    let answer = cx.ask("iam:GetRolePolicy", side, send).await.absent_is_none()?;
    // A document that can't be read is like no other: it differs.
    Ok(answer.map(|a| policy::parse(a.policy_document()).unwrap_or_default()))
}

/// Whose the statements are by their Sids. Without any Sid of this resource, the policy belongs to the owner of its role.
fn owner_of(document: &Value, ownership: &Ownership) -> Owner {
    match ownership.marked(document).find_map(|(sid, _)| ownership.sid_instance(sid)) {
        Some(instance) => ownership.owner(instance),
        None => Owner::Parent,
    }
}

fn marked(document: &str, ownership: &Ownership, instance: &str, relies_on: &[String]) -> String {
    let Ok(parsed) = policy::parse(document) else { return document.to_owned() };
    let sid = |index| ownership.sid_relying_on(instance, index, relies_on);
    let statements = policy::statements_of(&parsed).into_iter().enumerate().map(|(i, s)| policy::with_sid(s, sid(i)));
    policy::document(statements).to_string()
}

/// The document without the Sids that say whose it is.
fn plain(document: &Value, ownership: &Ownership) -> Value {
    if matches!(owner_of(document, ownership), Owner::Tagged { .. }) { policy::without_sids(document) } else { document.clone() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy_object(marked: bool) -> InlinePolicy {
        let document = policy::document([json!({"Sid": "Describe", "Effect": "Allow", "Action": "eks:DescribeCluster", "Resource": "*"})]);
        InlinePolicy {
            side: Side::Cluster,
            role: "access".into(),
            name: "xeks-describe-c-0a1b2c3d4e5f".into(),
            document: policy::canonical_text(&document),
            marked,
            relies_on: vec![],
            depends_on: vec![],
            attribute: Path::root(),
        }
    }

    #[test]
    fn a_marked_policy_says_whose_it_is_and_means_the_same() {
        let (us, them) = (Ownership::new(&["us"]), Ownership::new(&["them"]));
        let object = policy_object(true);
        let found = policy::parse(&marked(&object.document, &us, "i1", &[])).unwrap();
        assert!(object.means(&found));
        assert_eq!(owner_of(&found, &us), us.owner("i1"));
        assert_eq!(owner_of(&found, &them), Owner::Parent);
        assert_eq!(plain(&found, &us), policy::without_sids(&policy::parse(&object.document).unwrap()));
    }

    #[test]
    fn a_policy_without_marks_belongs_to_the_owner_of_its_role_and_its_sids_count() {
        let us = Ownership::new(&["us"]);
        let object = policy_object(false);
        let found = policy::parse(&object.document).unwrap();
        assert!(object.means(&found));
        assert!(!object.means(&policy::without_sids(&found)));
        assert_eq!(owner_of(&found, &us), Owner::Parent);
        assert_eq!(object.on_existing(), OnExisting::InheritFrom(role::key(Side::Cluster, "access")));
    }

    #[test]
    fn a_policy_whose_name_belongs_to_the_provider_is_overwritten_on_any_role() {
        assert_eq!(policy_object(true).on_existing(), OnExisting::Overwrite);
    }

    #[test]
    fn an_imported_policy_keeps_the_instance_that_it_was_found_with() {
        let entry = crate::engine::found("1", None, Origin::Imported);
        let mut reconcile = Reconcile { entry: Some(entry), ..Reconcile::unrecorded(Origin::Imported) };
        assert_eq!(policy_object(true).instance_of_sids(&reconcile, "i2"), None);
        reconcile.entry.as_mut().unwrap().instance = Some("i1".into());
        assert_eq!(policy_object(true).instance_of_sids(&reconcile, "i2"), Some("i1"));
        reconcile.origin = Origin::Created;
        assert_eq!(policy_object(true).instance_of_sids(&reconcile, "i2"), Some("i2"));
        assert_eq!(policy_object(false).instance_of_sids(&reconcile, "i2"), None);
    }
}
