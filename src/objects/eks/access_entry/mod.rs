//! An access entry, which admits a role to a cluster: `CLUSTER/ROLE`.
//!
//! An entry is bound to the hidden id of the role that it was created for: a role that is deleted and created again keeps its ARN and gets
//! another id, and its entry admits no session while DescribeAccessEntry shows it unchanged (EKS user guide, "Create access entries"). So
//! the ledger has that id, and an entry that is bound to another one, or is older than its role, is created again.
//!
//! Ledger: `arn`, `id` (the RoleId that the entry is bound to), `tags`; `document` (what is to be restored of a foreign entry while it is
//! being created again).

mod renewal;
mod surplus;

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use self::renewal::Kept;
use super::entries::{self, EntryFacts, NewEntry, Reach, STANDARD, default_username, describe, retag};
use super::principal;
use super::uses::{Use, Uses};
use crate::aws::{Error, Kind as ErrorKind, Side};
use crate::diagnostics::Path;
use crate::engine::{
    BadName, Deleted, Entry, Facts, Key, Kind, Object, Observed, OnExisting, Origin, Planned, Reconcile, Tags, Written, parts,
};
use crate::objects::iam::role;
use crate::objects::ownership::is_made_by;
use crate::objects::tags::{Keys, Mark};
use crate::objects::{Context, Env, Ownership, tags};
use crate::schema::{Value, placeholder};

pub const KIND: &str = "eks_access_entry";
/// The kind of what is attached to an entry: `CLUSTER/ROLE/POLICY`.
pub const POLICY_ASSOCIATION: &str = "eks_access_policy_association";

#[derive(Clone, Debug)]
pub struct AccessEntry {
    pub cluster: String,
    pub region: String,
    pub role: String,
    /// What counts until the principal's role is in the ledger.
    pub principal_arn: String,
    /// The role that the entry is bound to.
    pub principal: Key,
    /// None: the name that EKS gives.
    pub username: Option<String>,
    pub groups: BTreeSet<String>,
    pub tags: Tags,
    /// The access policies that the resource associates with it, by ARN.
    pub policies: BTreeMap<String, Reach>,
    pub on_existing: OnExisting,
    pub depends_on: Vec<Key>,
    pub attribute: Path,
}

pub fn key(cluster: &str, role: &str) -> Key {
    Key::new(Side::Cluster, KIND, format!("{cluster}/{role}"))
}

#[async_trait]
impl Object<Context> for AccessEntry {
    fn kind(&self) -> &'static dyn Kind<Context> {
        &AccessEntryKind
    }

    fn key(&self) -> Key {
        key(&self.cluster, &self.role)
    }

    fn attribute(&self) -> Path {
        self.attribute.clone()
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

    fn create_is_refused_if_it_exists(&self) -> bool {
        true
    }

    fn planned(&self, _: &Env) -> Planned {
        let tags = placeholder::map_value(&self.tags);
        Planned {
            // The entry's ARN ends in an id that EKS chooses.
            arn: Value::Unknown,
            tags: tags.clone(),
            adopted_tags: tags,
            bound_to: Some(self.principal.clone()),
            is_readable: !placeholder::is_in(&self.principal_arn),
            ..Planned::default()
        }
    }

    async fn read(&self, cx: &Context, reconcile: &Reconcile) -> Result<Option<Observed>, Error> {
        let known = principal::known(cx, (&self.cluster, &self.role), self.principal_arn(reconcile), reconcile).await?;
        let Some(principal) = known.as_deref() else { return Ok(None) };
        let entry = describe(cx, Some(&self.region), &self.cluster, principal);
        let policies = entries::policies(cx, Some(&self.region), &self.cluster, principal);
        let (entry, policies) = if reconcile.entry.is_some() {
            tokio::try_join!(entry, policies)?
        } else {
            match entry.await? {
                Some(entry) => (Some(entry), policies.await?),
                None => (None, Vec::new()),
            }
        };
        let earlier = Kept::recorded(reconcile.entry.as_ref());
        let Some(entry) = entry else { return Ok(earlier.map(|kept| kept.observed(&cx.ownership, reconcile, &self.tags))) };
        let all_tags = entry.tags().cloned().unwrap_or_default().into_iter().collect::<Tags>();
        let (owner, seen) = cx.ownership.split(all_tags.clone());
        let mark = Mark::of(&cx.ownership, &all_tags);
        let mut facts = EntryFacts::new(&entry, (seen, mark), &policies, principal);
        let bound = self.bound(cx, reconcile, &facts).await?;
        facts.stale = bound == Bound::ToAnother;
        let own = reconcile.origin.is_own();
        let to_restore = !own && (facts.stale || earlier.is_some());
        let kept = to_restore.then(|| Kept::of(&facts, all_tags, &self.policies, earlier));
        let instance = reconcile.entry.as_ref().and_then(|e| e.instance.as_deref()).or(reconcile.instance.as_deref());
        let unnoted = !own && instance.is_some_and(|instance| !self.use_change(cx, reconcile, instance, &facts).is_none());
        let unexpected = if cx.ownership.may_be_left(reconcile, &owner) { self.unexpected(&facts) } else { Vec::new() };
        if own {
            facts.tags = tags::owned(Keys::Exact, &self.tags, facts.tags, reconcile, &owner);
        }
        let surplus = own && !self.surplus(cx, &facts).is_empty();
        let differs = to_restore || unnoted || surplus || self.differs(reconcile, &facts);
        Ok(Some(Observed {
            arn: entry.access_entry_arn().map(str::to_owned),
            id: if let Bound::To(id) = bound { Some(id) } else { None },
            document: kept.and_then(|kept| kept.document()),
            tags: Some(if own { facts.tags.clone() } else { facts.additions(&self.tags, &reconcile.added()).shown() }),
            unexpected,
            created: Some(facts.created_at),
            owner,
            label: entry.access_entry_arn().map(|arn| label(arn, principal)),
            facts: Facts::new(facts),
            ..Observed::attached(differs)
        }))
    }

    async fn create(&self, cx: &Context, reconcile: &Reconcile, instance: &str) -> Result<Written, Error> {
        let mut tags = self.tags.clone();
        tags.extend(cx.ownership.tags(instance));
        match self.make(cx, reconcile, tags, None).await {
            // The answer to a first attempt was lost: the entry that it created exists.
            Err(error) if error.is(ErrorKind::Exists) => match self.read(cx, reconcile).await? {
                Some(observed) if is_made_by(&observed.owner, &cx.ownership, instance) => {
                    self.update(cx, reconcile, instance, &observed).await
                }
                _ => Err(error),
            },
            result => result,
        }
    }

    async fn update(&self, cx: &Context, reconcile: &Reconcile, instance: &str, observed: &Observed) -> Result<Written, Error> {
        let facts = observed.facts.get::<EntryFacts>().cloned().unwrap_or_default();
        self.check(cx, reconcile, &facts)?;
        let principal = self.principal_arn(reconcile);
        if let Some(kept) = observed.document.as_deref().and_then(Kept::parse) {
            return self.restore(cx, reconcile, instance, &kept, observed).await;
        }
        if facts.stale {
            return self.recreate(cx, reconcile, principal, instance, &observed.owner).await;
        }
        if reconcile.origin.is_own() && self.names_differ(&facts) {
            let eks = cx.eks(Some(&self.region));
            let username = self.username.clone().or_else(|| default_username(principal));
            let groups: Vec<String> = self.groups.iter().cloned().collect();
            let send = || {
                eks.update_access_entry()
                    .cluster_name(&self.cluster)
                    .principal_arn(principal)
                    .set_username(username.clone())
                    .set_kubernetes_groups(Some(groups.clone()))
                    .send()
            };
            cx.ask_until_visible("eks:UpdateAccessEntry", Side::Cluster, send).await?;
        }
        let recorded = reconcile.added();
        let (change, added) = if reconcile.origin.is_own() {
            (tags::own(Keys::Exact, &cx.ownership, reconcile, instance, &self.tags, observed), BTreeSet::new())
        } else {
            let additions = facts.additions(&self.tags, &recorded);
            (additions.change().and(self.use_change(cx, reconcile, instance, &facts)), additions.after())
        };
        if reconcile.origin.is_own() && !self.surplus(cx, &facts).is_empty() {
            self.remove_surplus(cx, principal).await?;
        }
        retag(cx, Some(&self.region), observed.arn.as_deref(), &change).await?;
        Ok(Written {
            arn: observed.arn.clone(),
            id: self.principal_id(reconcile).or(observed.id.clone()).or(reconcile.entry.as_ref().and_then(|e| e.id.clone())),
            document: None,
            tags: Some(self.tags.clone()),
            added,
        })
    }
}

pub struct AccessEntryKind;

#[async_trait]
impl Kind<Context> for AccessEntryKind {
    fn name(&self) -> &'static str {
        KIND
    }

    /// After its policies, before its role.
    fn delete_order(&self, _: Origin) -> u8 {
        1
    }

    fn parse(&self, name: &str) -> Result<(), BadName> {
        parts::<2>(name, "CLUSTER/ROLE").map(drop)
    }

    /// Deletes an entry that this resource created, and with it its policies; known by its ARN, which ends in an ID of EKS's; removes the added tags and notes from a foreign one.
    async fn delete(&self, cx: &Context, key: &Key, entry: &Entry) -> Result<Deleted, Error> {
        let [cluster, role] = parts(&key.name, "CLUSTER/ROLE")?;
        let region = entry.region.as_deref();
        if let Some(kept) = Kept::recorded(Some(entry)) {
            renewal::give_back(cx, cluster, entry, &kept).await?;
        }
        let Some(principal) = principal::find(cx, cluster, role, entry).await? else { return Ok(Deleted::Now) };
        let Some(found) = describe(cx, region, cluster, &principal).await? else { return Ok(Deleted::Now) };
        let all: Tags = found.tags().cloned().unwrap_or_default().into_iter().collect();
        let mark = Mark::of(&cx.ownership, &all);
        let (owner, seen) = cx.ownership.split(all);
        if entry.origin == Origin::Adopted {
            let facts = EntryFacts::new(&found, (seen, mark), &[], &principal);
            let change = facts.additions(&Tags::new(), &entry.added).change().and(without_use(&facts.uses, &cx.ownership, entry));
            retag(cx, region, found.access_entry_arn(), &change).await?;
        } else if cx.may_delete(key, entry, &owner, entry.arn.as_deref(), found.access_entry_arn()) {
            entries::delete(cx, region, cluster, &principal).await?;
        }
        Ok(Deleted::Now)
    }

    /// A run that creates the entry again tries for a while (`ask_until_visible`): nothing waits for its deletion to show.
    async fn still_visible(&self, _: &Context, _: &Key, _: &Entry) -> Result<bool, Error> {
        Ok(false)
    }
}

/// What removes the note of the entry's create.
fn without_use(uses: &Uses, ownership: &Ownership, entry: &Entry) -> tags::Change {
    let connection = ownership.connection();
    let is_own = uses.by(connection).is_some_and(|noted| noted.is_of(entry));
    if is_own { uses.change(connection, &Use::default()) } else { tags::Change::default() }
}

/// How a message names an entry: its ARN ends in an id.
fn label(arn: &str, principal: &str) -> String {
    format!("{arn}, the access entry of {principal},")
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
    async fn bound(&self, cx: &Context, reconcile: &Reconcile, facts: &EntryFacts) -> Result<Bound, Error> {
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

    /// The ARN of the role, with the path that AWS gave it; until it is in the ledger, what is configured.
    fn principal_arn<'a>(&'a self, reconcile: &'a Reconcile) -> &'a str {
        reconcile.dependencies.get(&self.principal).and_then(|entry| entry.arn.as_deref()).unwrap_or(&self.principal_arn)
    }

    fn principal_id(&self, reconcile: &Reconcile) -> Option<String> {
        reconcile.dependencies.get(&self.principal).and_then(|e| e.id.clone())
    }

    fn differs(&self, reconcile: &Reconcile, facts: &EntryFacts) -> bool {
        let tags = match reconcile.origin.is_own() {
            true => tags::exclusive(Keys::Exact, &self.tags, &facts.tags),
            false => facts.additions(&self.tags, &reconcile.added()).change(),
        };
        facts.stale || facts.entry_type != STANDARD || self.names_differ(facts) || !tags.is_none()
    }

    /// What makes the note on a foreign entry say which policies this resource uses: those that it associates, and those that another
    /// resource of this provider did.
    fn use_change(&self, cx: &Context, reconcile: &Reconcile, instance: &str, facts: &EntryFacts) -> tags::Change {
        let (uses, connection) = (&facts.uses, cx.ownership.connection());
        let is_noted =
            |policy: &str| uses.others_use(connection, policy) || uses.by(connection).is_some_and(|noted| noted.policies.contains(policy));
        let is_recorded =
            |policy: &str| cx.recorded.get(&self.association_key(policy)).is_some_and(|entry| entry.origin == Origin::Created);
        let kept = Kept::recorded(reconcile.entry.as_ref());
        let is_theirs = |arn: &str| facts.has_policy(arn) || kept.as_ref().is_some_and(|kept| kept.has_policy(arn));
        let is_due = |arn: &&String| {
            let policy = policy_name(arn);
            !is_theirs(arn) || is_noted(policy) || is_recorded(policy)
        };
        let policies = self.policies.keys().filter(is_due).map(|arn| policy_name(arn).to_owned()).collect();
        uses.change(connection, &Use { instance: instance.to_owned(), policies })
    }

    fn association_key(&self, policy: &str) -> Key {
        Key::new(Side::Cluster, POLICY_ASSOCIATION, format!("{}/{}/{policy}", self.cluster, self.role))
    }

    /// What a create of this configuration would not have made, as a message lists it.
    fn unexpected(&self, facts: &EntryFacts) -> Vec<String> {
        let mut found = Vec::new();
        if facts.entry_type != STANDARD {
            found.push(format!("type {}", facts.entry_type));
        }
        if self.username.as_deref().is_none_or(|name| !placeholder::is_in(name)) && !self.has_username(facts) {
            found.push(format!("user name {}", facts.username));
        }
        if !self.groups.iter().any(|group| placeholder::is_in(group)) && facts.groups != self.groups {
            found.push(format!("groups [{}]", listed(&facts.groups)));
        }
        let is_wanted = |(arn, reach): &(&String, &Reach)| self.policies.get(*arn) == Some(*reach);
        found.extend(
            facts
                .policies
                .iter()
                .filter(|policy| !is_wanted(policy))
                .map(|(arn, reach)| format!("access policy {}, {reach}", policy_name(arn))),
        );
        found.extend(facts.unknown_scopes.iter().map(|arn| format!("access policy {}", policy_name(arn))));
        found.extend(tags::unexpected(Keys::Exact, &self.tags, &facts.tags));
        found
    }

    fn has_username(&self, facts: &EntryFacts) -> bool {
        match &self.username {
            Some(username) => facts.username == *username,
            None => facts.default_username,
        }
    }

    fn names_differ(&self, facts: &EntryFacts) -> bool {
        !self.has_username(facts) || facts.groups != self.groups
    }

    /// Why the entry can't be brought to what is configured.
    fn check(&self, cx: &Context, reconcile: &Reconcile, facts: &EntryFacts) -> Result<(), Error> {
        let what = format!("the access entry of role {} on cluster {}", self.role, self.cluster);
        let delete = format!("aws eks delete-access-entry --cluster-name {} --principal-arn {}", self.cluster, self.principal_arn);
        let refuse =
            |why: String| Err(Error::of_kind(ErrorKind::Exists, "eks:UpdateAccessEntry", cx.label(Side::Cluster), format!("{what} {why}")));
        if facts.entry_type != STANDARD {
            return refuse(format!(
                "has type {}, which can't be changed; this resource needs {STANDARD}. Delete it ({delete}), or use another role",
                facts.entry_type
            ));
        }
        if reconcile.origin.is_own() {
            return Ok(());
        }
        if facts.stale && !facts.unknown_scopes.is_empty() {
            return refuse(format!(
                "was created by others for an earlier role of that name, and no longer admits any session. xeks can't create it again without \
                 loss, since this version does not know the scope of {}. Delete it ({delete}), create it again, and run apply again",
                listed(&facts.unknown_scopes)
            ));
        }
        if self.names_differ(facts) {
            let configured = self.username.as_deref().unwrap_or("EKS's default");
            return refuse(format!(
                "was created by others with the user name {} and the groups [{}], which xeks does not rewrite; the configuration has {configured} \
                 and [{}]. Configure what exists, or delete the entry ({delete})",
                facts.username,
                listed(&facts.groups),
                listed(&self.groups)
            ));
        }
        Ok(())
    }

    /// `deleted`: the ARN of the entry that this run deleted before.
    async fn make(&self, cx: &Context, reconcile: &Reconcile, tags: Tags, deleted: Option<&str>) -> Result<Written, Error> {
        let new = NewEntry {
            cluster: &self.cluster,
            region: &self.region,
            principal: self.principal_arn(reconcile),
            username: self.username.clone(),
            groups: &self.groups,
            tags,
        };
        Ok(Written {
            arn: new.create(cx, deleted).await?,
            id: self.principal_id(reconcile),
            tags: Some(self.tags.clone()),
            ..Written::default()
        })
    }
}

/// The name of an access policy, which its ARN ends in.
pub fn policy_name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

fn listed(names: &BTreeSet<String>) -> String {
    names.iter().cloned().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
