//! A role. One that this resource created is exactly what the configuration says; to a foreign one, statements of its trust policy and
//! missing tags are added.
//!
//! Ledger: `arn`, `id` (RoleId), `document` (the trust policy; of an adopted role the statements of this resource, null where there are
//! none), `tags` (null on an adopted role that gets none).

mod delete;
mod trust;
mod unexpected;
mod users;

use std::collections::BTreeSet;

use async_trait::async_trait;
use aws_sdk_iam::types;
use serde_json::Value;

use super::all_roles;
use crate::aws::{Answer, Error, Kind as ErrorKind, Side, arn, policy};
use crate::diagnostics::Path;
use crate::engine::{
    Added, BadName, Contention, Deleted, Entry, Facts, Key, Kind, Object, Observed, OnExisting, Origin, Owner, Planned, Reconcile, Tags,
    Written, parts,
};
use crate::objects::ownership::{OWN_POLICIES, Ownership, is_made_by};
use crate::objects::tags::{Additions, Keys, Mark};
use crate::objects::{Context, Env, locks, tags};
use crate::schema::{self, placeholder};

pub const KIND: &str = "iam_role";
/// Kinds of what is attached to a role: `ROLE/POLICY` and `ROLE/ARN`.
pub const INLINE_POLICY: &str = "iam_role_policy";
pub const POLICY_ATTACHMENT: &str = "iam_role_policy_attachment";
/// Kinds of what holds a role: a profile, and the membership in it, `PROFILE/ROLE`.
pub const INSTANCE_PROFILE: &str = "iam_instance_profile";
pub const INSTANCE_PROFILE_ROLE: &str = "iam_instance_profile_role";

/// IAM's default of MaxSessionDuration, in seconds (IAM, CreateRole).
pub const DEFAULT_SESSION: i64 = 3600;

#[derive(Clone, Debug)]
pub struct Role {
    pub side: Side,
    pub name: String,
    pub settings: RoleSettings,
    /// All that a role of this resource trusts, or what is added to a foreign one. May be empty there only.
    pub trust: Vec<Value>,
    pub tags: Tags,
    /// Whether an adopted role gets the tags.
    pub adopted_tags: bool,
    /// Names of the inline policies that the resource puts on it.
    pub inline_policies: Vec<String>,
    /// ARNs of the managed policies that the resource attaches to it.
    pub managed_policies: Vec<String>,
    /// Whether the configuration says which managed policies are attached.
    pub manages_attachments: bool,
    /// Whether policies that others put on a role of this resource are removed.
    pub exclusive: bool,
    /// Whether a deletion takes them along.
    pub force_detach_policies: bool,
    pub on_existing: OnExisting,
    pub depends_on: Vec<Key>,
    pub attribute: Path,
}

/// The settings of a role that this resource creates. The default is AWS's.
#[derive(Clone, Debug, Default)]
pub struct RoleSettings {
    /// Immutable. None: `/`.
    pub path: Option<String>,
    pub description: Option<String>,
    pub permissions_boundary: Option<String>,
    /// Seconds. None: one hour.
    pub max_session_duration: Option<i64>,
}

/// What a role is, beyond what the ledger has.
#[derive(Clone, Debug, Default)]
pub struct RoleFacts {
    pub path: String,
    pub description: Option<String>,
    pub permissions_boundary: Option<String>,
    /// Seconds.
    pub max_session_duration: i64,
    /// Seconds since 1970.
    pub create_date: i64,
    /// The whole trust policy.
    pub trusted: Value,
    /// All tags but the ownership tags and those that the provider ignores.
    pub tags: Tags,
    /// Which of the tags this resource added to a foreign role.
    mark: Mark,
    /// Names of the inline policies, where they matter: of an exclusive role, of one that is imported, and of one that an earlier create may
    /// have left.
    pub inline_policies: Vec<String>,
    /// ARNs of the managed policies, of the same roles.
    pub attached_policies: Vec<String>,
}

impl RoleFacts {
    pub fn of(observed: &Observed) -> Self {
        observed.facts.get::<Self>().cloned().unwrap_or_default()
    }
}

pub fn key(side: Side, name: &str) -> Key {
    Key::new(side, KIND, name)
}

/// The ARN of a role: as looked up, else from its path and name; a placeholder where the role may exist under a path that is not known.
pub fn planned_arn(env: &Env, side: Side, name: &str, path: Option<&str>, on_existing: &OnExisting) -> String {
    let identity = env.identity(side);
    match env.arns.get(&key(side, name)) {
        Some(arn) => arn.clone(),
        None if *on_existing != OnExisting::Fail => placeholder::unknown(),
        None => arn::role(&identity.partition, &identity.account_id, path.unwrap_or("/"), name),
    }
}

#[async_trait]
impl Object<Context> for Role {
    fn kind(&self) -> &'static dyn Kind<Context> {
        &RoleKind
    }

    fn key(&self) -> Key {
        key(self.side, &self.name)
    }

    fn attribute(&self) -> Path {
        self.attribute.clone()
    }

    fn depends_on(&self) -> Vec<Key> {
        self.depends_on.clone()
    }

    fn on_existing(&self) -> OnExisting {
        self.on_existing.clone()
    }

    /// A trust policy is written whole, and every process that may edit a foreign role may edit it too.
    fn contention(&self, reconcile: &Reconcile) -> Contention {
        if reconcile.origin.is_own() || self.trust.is_empty() { Contention::Exclusive } else { Contention::LastWriteWins }
    }

    fn create_is_refused_if_it_exists(&self) -> bool {
        true
    }

    fn planned(&self, env: &Env) -> Planned {
        let document = placeholder::value(policy::canonical_text(&self.document()));
        let tags = placeholder::map_value(&self.tags);
        Planned {
            arn: placeholder::value(planned_arn(env, self.side, &self.name, self.settings.path.as_deref(), &self.on_existing)),
            adopted_document: if self.trust.is_empty() { schema::Value::Null } else { document.clone() },
            document,
            adopted_tags: if self.adopted_tags { tags.clone() } else { schema::Value::Null },
            tags,
            has_id: true,
            ..Planned::default()
        }
    }

    /// On a role that exists already, everything but the provider's own policies belongs to others, and so does what others put on a role of
    /// this resource that is not exclusive. Managed policies that the configuration does not list are not looked at.
    fn is_unmanaged(&self, attached: &Key, origin: Origin) -> bool {
        if attached.side != self.side {
            return false;
        }
        let on_role = attached.name.strip_prefix(self.name.as_str()).and_then(|rest| rest.strip_prefix('/'));
        let exists = self.on_existing == OnExisting::MustExist;
        let is_others = exists || !self.exclusive && origin == Origin::Found;
        match attached.kind.as_str() {
            POLICY_ATTACHMENT => !self.manages_attachments || is_others && on_role.is_some(),
            INLINE_POLICY => is_others && on_role.is_some_and(|policy| !exists || !policy.starts_with(OWN_POLICIES)),
            INSTANCE_PROFILE_ROLE => exists && attached.name.ends_with(&format!("/{}", self.name)),
            INSTANCE_PROFILE => exists,
            _ => false,
        }
    }

    fn forces_deletion(&self) -> bool {
        self.force_detach_policies
    }

    async fn read(&self, cx: &Context, reconcile: &Reconcile) -> Result<Option<Observed>, Error> {
        let own = reconcile.origin.is_own();
        let Some(role) = get(cx, self.side, &self.name).await? else { return Ok(None) };
        let (owner, mut facts) = owned_facts(&cx.ownership, &role);
        let may_be_left = cx.ownership.may_be_left(reconcile, &owner);
        let is_import = reconcile.origin == Origin::Imported && reconcile.entry.is_none();
        if may_be_left || is_import || own && self.exclusive {
            let (side, name) = (self.side, &self.name);
            (facts.inline_policies, facts.attached_policies) =
                tokio::try_join!(inline_names(cx, side, name), attached_arns(cx, side, name))?;
        }
        let unexpected = if may_be_left { self.unexpected(&facts) } else { Vec::new() };
        if own {
            facts.tags = tags::owned(Keys::IgnoringCase, &self.tags, facts.tags, reconcile, &owner);
        }
        let (document, tags, differs) = if own { self.as_own(&facts) } else { self.as_adopted(&cx.ownership, reconcile, &facts) };
        Ok(Some(Observed {
            arn: Some(role.arn().to_owned()),
            id: Some(role.role_id().to_owned()),
            document,
            tags,
            owner,
            unexpected,
            created: Some(facts.create_date),
            facts: Facts::new(facts),
            ..Observed::attached(differs)
        }))
    }

    async fn create(&self, cx: &Context, reconcile: &Reconcile, instance: &str) -> Result<Written, Error> {
        let mut all = self.tags.clone();
        all.extend(cx.ownership.tags(instance));
        let text = self.document().to_string();
        let iam = cx.iam(self.side);
        cx.account(self.side).bulk().write(&self.name);
        let send = || {
            iam.create_role()
                .role_name(&self.name)
                .set_path(self.settings.path.clone())
                .assume_role_policy_document(&text)
                .set_description(self.settings.description.clone())
                .set_permissions_boundary(self.settings.permissions_boundary.clone())
                .set_max_session_duration(self.settings.max_session_duration.map(|s| s as i32))
                .set_tags(Some(tags::to_iam(&all)))
                .send()
        };
        match cx.ask_until_visible("iam:CreateRole", self.side, send).await {
            Ok(answer) => {
                let id = answer.role().map(|r| r.role_id().to_owned());
                id.iter().for_each(|id| locks::mark_created(id));
                Ok(Written { arn: answer.role().map(|r| r.arn().to_owned()), id, ..self.written() })
            }
            // The answer to a first attempt was lost: the role that it created exists.
            Err(error) if error.is(ErrorKind::Exists) => match self.read(cx, reconcile).await? {
                Some(observed) if is_made_by(&observed.owner, &cx.ownership, instance) => {
                    self.update(cx, reconcile, instance, &observed).await
                }
                _ => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    async fn update(&self, cx: &Context, reconcile: &Reconcile, instance: &str, observed: &Observed) -> Result<Written, Error> {
        let facts = RoleFacts::of(observed);
        if reconcile.origin.is_own() {
            // The boundary first: the caller may be allowed the other writes on a role with this boundary only.
            self.rewrite_boundary(cx, &facts).await?;
            self.rewrite_trust(cx, reconcile, &facts).await?;
            self.rewrite_settings(cx, &facts).await?;
            let change = tags::own(Keys::IgnoringCase, &cx.ownership, reconcile, instance, &self.tags, observed);
            retag(cx, self.side, &self.name, &change).await?;
            return Ok(Written { arn: observed.arn.clone(), id: observed.id.clone(), ..self.written() });
        }
        let own = trust::own(&facts.trusted, &cx.ownership);
        if own.is_some() || !self.trust.is_empty() {
            let change = |document: &Value| trust::with(document, &cx.ownership, instance, &self.trust);
            trust::edit(cx, self.side, &self.name, reconcile.renewed, change).await?;
        }
        let recorded = reconcile.added();
        let additions = self.additions(&recorded, &facts);
        retag(cx, self.side, &self.name, &additions.change()).await?;
        Ok(Written {
            arn: observed.arn.clone(),
            id: observed.id.clone(),
            document: (!self.trust.is_empty()).then(|| policy::canonical_text(&self.document())),
            tags: self.adopted_tags.then(|| self.tags.clone()),
            added: additions.after(),
        })
    }
}

pub struct RoleKind;

#[async_trait]
impl Kind<Context> for RoleKind {
    fn name(&self) -> &'static str {
        KIND
    }

    /// After the access entry, which is known by the role's ARN in the ledger. The statements in the trust policy of a foreign role go before
    /// the roles that they name: IAM accepts no change to a policy that names a deleted role.
    fn delete_order(&self, origin: Origin) -> u8 {
        if origin == Origin::Adopted { 2 } else { 3 }
    }

    fn parse(&self, name: &str) -> Result<(), BadName> {
        parts::<1>(name, "ROLE").map(drop)
    }

    async fn delete(&self, cx: &Context, key: &Key, entry: &Entry) -> Result<Deleted, Error> {
        delete::delete(cx, key, entry).await
    }

    async fn still_visible(&self, cx: &Context, key: &Key, entry: &Entry) -> Result<bool, Error> {
        Ok(get(cx, key.side, &key.name).await?.is_some_and(|role| Some(role.role_id()) == entry.id.as_deref()))
    }
}

/// The role; `None` where there is none. IAM may show a new role with its RoleId in place of its ARN: then it is not visible yet.
pub async fn get(cx: &Context, side: Side, name: &str) -> Result<Option<types::Role>, Error> {
    let ask = || async {
        match all_roles::find(cx, side, name).await {
            Some(found) => Ok(found.map(|found| found.role.clone())),
            None => get_alone(cx, side, name).await,
        }
    };
    cx.look.once(format!("{side} role {name}"), || Box::pin(ask())).await
}

async fn get_alone(cx: &Context, side: Side, name: &str) -> Result<Option<types::Role>, Error> {
    let iam = cx.iam(side);
    let read = || async {
        let answer = cx.ask("iam:GetRole", side, || iam.get_role().role_name(name).send()).await.absent_is_none()?;
        match answer.and_then(|answer| answer.role) {
            Some(role) => has_arn(role.arn(), "iam:GetRole", cx.label(side)).map(|()| Some(role)),
            None => Ok(None),
        }
    };
    // In a box: the compiler follows futures within futures only so far.
    Box::pin(cx.until_propagated(|error| error.is(ErrorKind::NotYet), read)).await
}

/// Whether IAM shows the object with its ARN. It may show a new role or instance profile with its ID in that place.
///
/// # Errors
/// It does not: the object is not visible yet.
pub(super) fn has_arn(shown: &str, call: &str, account: &str) -> Result<(), Error> {
    if shown.starts_with("arn:") {
        return Ok(());
    }
    Err(Error::of_kind(ErrorKind::NotYet, call, account, format!("IAM shows the ID {shown} in place of the ARN")))
}

/// The role's ARN, with its path; `None` where there is no role.
pub async fn arn(cx: &Context, side: Side, name: &str) -> Result<Option<String>, Error> {
    Ok(get(cx, side, name).await?.map(|role| role.arn))
}

/// What a role is, without its policies; `None` where there is none.
pub async fn facts_of(cx: &Context, side: Side, name: &str) -> Result<Option<RoleFacts>, Error> {
    Ok(get(cx, side, name).await?.map(|role| facts(&role, Tags::new())))
}

/// The trust policy of a foreign role with these statements of this resource added, those that it has of this resource replaced.
pub fn trust_with(trusted: &Value, ownership: &Ownership, statements: &[Value]) -> Value {
    let statements: Vec<Value> = statements.iter().map(policy::without_sid).collect();
    trust::with(trusted, ownership, &"0".repeat(16), &statements)
}

/// The trust policy with the statements that another resource is going to add: those that it does not have, each with room for a Sid.
pub fn trust_with_others(trusted: &Value, added: &Value) -> Value {
    let is_new = |wanted: &&Value| !policy::statements_of(trusted).iter().any(|statement| policy::lets_in(statement, wanted));
    let new = policy::statements_of(added).into_iter().filter(is_new).enumerate();
    let sid = |index: usize| format!("Xeks{}x{}x{index}", "0".repeat(12), "0".repeat(16));
    let new = new.map(|(index, statement)| policy::with_sid(statement, sid(index)));
    let all = policy::statements_of(trusted).into_iter().cloned().chain(new);
    policy::with_statements(trusted, all.collect())
}

/// The statements that other resources of this provider added to the role: Sid, and the principals that it names.
pub fn guests(facts: &RoleFacts) -> Vec<(String, Vec<String>)> {
    let principals = |statement: &Value| match &statement["Principal"] {
        Value::Object(kinds) => kinds.values().flat_map(policy::values_of).collect(),
        other => policy::values_of(other),
    };
    let named = |statement: &Value| (policy::sid_of(statement).unwrap_or_default().to_owned(), principals(statement));
    trust::guests(&facts.trusted).iter().map(named).collect()
}

/// The statements that others wrote and that name deleted principals, as a message names them, with the principals' IDs.
pub fn foreign_statements_of_deleted(trusted: &Value) -> Vec<(String, Vec<String>)> {
    let foreign = policy::statements_of(trusted).into_iter().filter(|statement| !trust::is_of_provider(statement));
    foreign.map(|s| (trust::describe(s), trust::unique_ids(s))).filter(|(_, ids)| !ids.is_empty()).collect()
}

/// Whose the role is by its tags; `None` where there is no role.
pub async fn owner(cx: &Context, side: Side, name: &str) -> Result<Option<Owner>, Error> {
    Ok(get(cx, side, name).await?.map(|role| cx.ownership.split(tags::from_iam(role.tags())).0))
}

/// ARNs of the managed policies that are attached to the role; none where there is no role.
pub async fn attached_arns(cx: &Context, side: Side, name: &str) -> Result<Vec<String>, Error> {
    let iam = cx.iam(side);
    let pages = || iam.list_attached_role_policies().role_name(name).into_paginator().items().send().try_collect();
    let list = || async {
        if let Some(found) = all_roles::find(cx, side, name).await {
            return Ok(found.map(|found| found.attached_policies.clone()).unwrap_or_default());
        }
        let policies: Option<Vec<types::AttachedPolicy>> = cx.ask("iam:ListAttachedRolePolicies", side, pages).await.absent_is_none()?;
        Ok(policies.unwrap_or_default().into_iter().filter_map(|p| p.policy_arn).collect())
    };
    cx.look.once(format!("{side} role {name}, attached policies"), list).await
}

impl Role {
    /// Document, tags, and whether anything differs, of a role of this resource.
    fn as_own(&self, facts: &RoleFacts) -> (Option<String>, Option<Tags>, bool) {
        let trusted = trust::without_guests(&facts.trusted);
        let trust = self.trusts(&trusted);
        let differs = !trust
            || self.settings_differ(facts)
            || self.boundary_differs(facts)
            || !tags::exclusive(Keys::IgnoringCase, &self.tags, &facts.tags).is_none();
        let document = if trust { policy::canonical_text(&self.document()) } else { policy::shown_text(&trusted) };
        (Some(document), Some(facts.tags.clone()), differs)
    }

    /// The same of a foreign role: only what this resource adds counts.
    fn as_adopted(&self, ownership: &Ownership, reconcile: &Reconcile, facts: &RoleFacts) -> (Option<String>, Option<Tags>, bool) {
        let same = trust::has_all(&facts.trusted, ownership, &self.trust);
        // A read mints no instance: the ledger's counts there. What another create wrote shows as missing, so that the next apply writes its
        // own in the place: a replacement that was killed left it.
        let recorded = reconcile.entry.as_ref().and_then(|e| e.instance.as_ref());
        let current = reconcile.instance.as_ref().or(recorded).is_none_or(|i| trust::is_current(&facts.trusted, ownership, i));
        let found = match same {
            true => (!self.trust.is_empty()).then(|| policy::canonical_text(&self.document())),
            false => trust::own(&facts.trusted, ownership).map(|own| policy::shown_text(&own)),
        };
        let document = found.filter(|_| current || reconcile.instance.is_some());
        let recorded = reconcile.added();
        let additions = self.additions(&recorded, facts);
        (document, self.adopted_tags.then(|| additions.shown()), !same || !current || !additions.change().is_none())
    }

    /// The tags that this resource adds to a foreign role.
    fn additions<'a>(&'a self, recorded: &'a BTreeSet<Added>, facts: &'a RoleFacts) -> Additions<'a> {
        let wanted = if self.adopted_tags { &self.tags } else { const { &Tags::new() } };
        Additions { keys: Keys::IgnoringCase, wanted, seen: &facts.tags, mark: &facts.mark, recorded }
    }

    async fn rewrite_trust(&self, cx: &Context, reconcile: &Reconcile, facts: &RoleFacts) -> Result<(), Error> {
        if self.trusts(&trust::without_guests(&facts.trusted)) && !reconcile.renewed {
            return Ok(());
        }
        if trust::guests(&facts.trusted).is_empty() && !users::takes_away(&facts.trusted, &self.document()) {
            return trust::put(cx, self.side, &self.name, &self.document()).await;
        }
        let change = |document: &Value| policy::document(self.trust.iter().cloned().chain(trust::guests(document)));
        trust::edit(cx, self.side, &self.name, reconcile.renewed, change).await
    }

    async fn rewrite_settings(&self, cx: &Context, facts: &RoleFacts) -> Result<(), Error> {
        if !self.settings_differ(facts) {
            return Ok(());
        }
        // Both at once: a duration left out becomes one hour, a description left out stays (IAM, UpdateRole).
        let iam = cx.iam(self.side);
        let send = || {
            iam.update_role()
                .role_name(&self.name)
                .description(self.settings.description.clone().unwrap_or_default())
                .max_session_duration(self.settings.max_session_duration.unwrap_or(DEFAULT_SESSION) as i32)
                .send()
        };
        cx.ask_until_visible("iam:UpdateRole", self.side, cx.in_turn(self.side, &self.name, send)).await.map(drop)
    }

    async fn rewrite_boundary(&self, cx: &Context, facts: &RoleFacts) -> Result<(), Error> {
        if !self.boundary_differs(facts) {
            return Ok(());
        }
        let iam = cx.iam(self.side);
        match &self.settings.permissions_boundary {
            Some(boundary) => {
                let send = || iam.put_role_permissions_boundary().role_name(&self.name).permissions_boundary(boundary).send();
                cx.ask_until_visible("iam:PutRolePermissionsBoundary", self.side, cx.in_turn(self.side, &self.name, send)).await.map(drop)
            }
            None => {
                let send = || iam.delete_role_permissions_boundary().role_name(&self.name).send();
                cx.ask_until_visible("iam:DeleteRolePermissionsBoundary", self.side, cx.in_turn(self.side, &self.name, send))
                    .await
                    .map(drop)
            }
        }
    }

    fn document(&self) -> Value {
        policy::document(self.trust.clone())
    }

    fn trusts(&self, trusted: &Value) -> bool {
        policy::equivalent(&policy::without_sids(trusted), &policy::without_sids(&self.document()))
    }

    fn settings_differ(&self, facts: &RoleFacts) -> bool {
        facts.description.as_deref().unwrap_or_default() != self.settings.description.as_deref().unwrap_or_default()
            || facts.max_session_duration != self.settings.max_session_duration.unwrap_or(DEFAULT_SESSION)
    }

    fn boundary_differs(&self, facts: &RoleFacts) -> bool {
        facts.permissions_boundary != self.settings.permissions_boundary
    }

    fn written(&self) -> Written {
        Written { document: Some(policy::canonical_text(&self.document())), tags: Some(self.tags.clone()), ..Written::default() }
    }
}

/// Whose the role is, and what it is without its policies.
fn owned_facts(ownership: &Ownership, role: &types::Role) -> (Owner, RoleFacts) {
    let all: Tags = tags::from_iam(role.tags()).collect();
    let mark = Mark::of(ownership, &all);
    let (owner, tags) = ownership.split(all);
    (owner, RoleFacts { mark, ..facts(role, tags) })
}

fn facts(role: &types::Role, tags: Tags) -> RoleFacts {
    RoleFacts {
        path: role.path().to_owned(),
        description: role.description().filter(|d| !d.is_empty()).map(str::to_owned),
        permissions_boundary: role.permissions_boundary().and_then(|b| b.permissions_boundary_arn()).map(str::to_owned),
        max_session_duration: role.max_session_duration().map_or(DEFAULT_SESSION, i64::from),
        create_date: role.create_date().secs(),
        // A document that can't be read is like no other: it differs.
        trusted: role.assume_role_policy_document().and_then(|text| policy::parse(text).ok()).unwrap_or_default(),
        tags,
        ..RoleFacts::default()
    }
}

/// Names of the role's inline policies; none where there is no role.
pub async fn inline_names(cx: &Context, side: Side, name: &str) -> Result<Vec<String>, Error> {
    let iam = cx.iam(side);
    let pages = || iam.list_role_policies().role_name(name).into_paginator().items().send().try_collect();
    let list = || async {
        if let Some(found) = all_roles::find(cx, side, name).await {
            return Ok(found.iter().flat_map(|found| found.inline_policies.keys().cloned()).collect());
        }
        Ok(cx.ask("iam:ListRolePolicies", side, pages).await.absent_is_none()?.unwrap_or_default())
    };
    cx.look.once(format!("{side} role {name}, inline policies"), list).await
}

async fn retag(cx: &Context, side: Side, name: &str, change: &tags::Change) -> Result<(), Error> {
    let iam = cx.iam(side);
    if !change.set.is_empty() {
        let send = || iam.tag_role().role_name(name).set_tags(Some(tags::to_iam(&change.set))).send();
        cx.ask_until_visible("iam:TagRole", side, cx.in_turn(side, name, send)).await?;
    }
    if !change.unset.is_empty() {
        let send = || iam.untag_role().role_name(name).set_tag_keys(Some(change.unset.clone())).send();
        cx.ask_until_visible("iam:UntagRole", side, cx.in_turn(side, name, send)).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
