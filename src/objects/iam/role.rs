//! A role. One of ours is exactly what the object says; to somebody else's, our trust statements and missing tags are added.
//!
//! Ledger: `arn`, `id` (RoleId), `document` (the trust policy; of an adopted role our own statements, null where there are none),
//! `tags` (null on an adopted role that gets none).

mod leaving;

use async_trait::async_trait;
use aws_sdk_iam::types;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::trust;
use crate::aws::{Answer, Error, Kind, Side, policy};
use crate::engine::{Contention, Entry, Key, Made, Object, Observed, OnExisting, Owner, Reconcile, Tags};
use crate::objects::context::Context;
use crate::objects::ownership::Ownership;
use crate::objects::{removal, tags};

pub(in crate::objects) use leaving::remove;

pub const KIND: &str = "iam_role";

/// Seconds that a session lasts at most where nothing else is said (IAM, CreateRole).
const DEFAULT_SESSION: i64 = 3600;

#[derive(Clone, Debug)]
pub struct Role {
    pub side: Side,
    pub name: String,
    /// Immutable. None: `/`.
    pub path: Option<String>,
    pub description: Option<String>,
    pub permissions_boundary: Option<String>,
    /// Seconds. None: one hour.
    pub max_session_duration: Option<i64>,
    /// All that a role of ours trusts, or what is added to somebody else's. May be empty there only.
    pub trust: Vec<Value>,
    pub tags: Tags,
    /// Whether an adopted role gets the tags.
    pub adopted_tags: bool,
    pub on_existing: OnExisting,
    pub depends_on: Vec<Key>,
}

/// What a role is, beyond what the ledger holds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Facts {
    pub path: String,
    pub description: Option<String>,
    pub permissions_boundary: Option<String>,
    pub max_session_duration: i64,
    /// Seconds since 1970.
    pub create_date: i64,
    /// The whole trust policy.
    pub trusted: Value,
    /// All tags but the ownership tags and those that the provider ignores.
    pub tags: Tags,
    /// Names of the inline policies; empty for a role that is not ours.
    pub inline_policies: Vec<String>,
    /// ARNs of the managed policies; empty for a role that is not ours.
    pub attached_policies: Vec<String>,
}

impl Facts {
    pub fn of(observed: &Observed) -> Self {
        // Written by `observe` of this very type.
        serde_json::from_value(observed.facts.clone()).unwrap_or_default()
    }
}

pub fn key(side: Side, name: &str) -> Key {
    Key::new(side, KIND, name)
}

#[async_trait]
impl Object<Context> for Role {
    fn key(&self) -> Key {
        key(self.side, &self.name)
    }

    fn depends_on(&self) -> Vec<Key> {
        self.depends_on.clone()
    }

    fn on_existing(&self) -> OnExisting {
        self.on_existing.clone()
    }

    /// A trust policy is written whole, and whoever may edit somebody's role edits it too.
    fn contention(&self, reconcile: &Reconcile) -> Contention {
        if reconcile.origin.is_own() || self.trust.is_empty() { Contention::Exclusive } else { Contention::LastWriteWins }
    }

    async fn observe(&self, cx: &Context, reconcile: &Reconcile) -> Result<Option<Observed>, Error> {
        let own = reconcile.origin.is_own();
        let (role, inline_policies, attached_policies) = tokio::try_join!(
            get(cx, self.side, &self.name),
            async { if own { inline_names(cx, self.side, &self.name).await } else { Ok(Vec::new()) } },
            async { if own { attached_arns(cx, self.side, &self.name).await } else { Ok(Vec::new()) } },
        )?;
        let Some(role) = role else { return Ok(None) };
        let (owner, tags) = cx.ownership.split(tags::from_iam(role.tags()));
        let facts = Facts { inline_policies, attached_policies, ..facts(&role, tags) };
        let (document, tags, differs) = if own { self.as_own(&facts) } else { self.as_adopted(&cx.ownership, reconcile, &facts) };
        Ok(Some(Observed {
            arn: Some(role.arn().to_owned()),
            id: Some(role.role_id().to_owned()),
            document,
            tags,
            owner,
            differs,
            // A struct of strings, numbers and JSON always becomes JSON.
            facts: serde_json::to_value(facts).unwrap_or_default(),
        }))
    }

    async fn create(&self, cx: &Context, reconcile: &Reconcile) -> Result<Made, Error> {
        let mut all = self.tags.clone();
        all.extend(cx.ownership.tags(&reconcile.instance));
        let document = policy::document(self.trust.clone());
        let text = document.to_string();
        let iam = cx.iam(self.side);
        let send = || {
            iam.create_role()
                .role_name(&self.name)
                .set_path(self.path.clone())
                .assume_role_policy_document(&text)
                .set_description(self.description.clone())
                .set_permissions_boundary(self.permissions_boundary.clone())
                .set_max_session_duration(self.max_session_duration.map(|s| s as i32))
                .set_tags(Some(tags::to_iam(&all)))
                .send()
        };
        match cx.ask_until_seen("iam:CreateRole", self.side, send).await {
            Ok(answer) => Ok(Made {
                arn: answer.role().map(|r| r.arn().to_owned()),
                id: answer.role().map(|r| r.role_id().to_owned()),
                ..self.made()
            }),
            // The answer to a first attempt was lost: what that one made is there.
            Err(error) if error.is(Kind::Exists) => match self.observe(cx, reconcile).await? {
                Some(observed) if removal::is_made_by(&observed.owner, cx, reconcile) => self.update(cx, reconcile, &observed).await,
                _ => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    async fn update(&self, cx: &Context, reconcile: &Reconcile, observed: &Observed) -> Result<Made, Error> {
        let facts = Facts::of(observed);
        if reconcile.origin.is_own() {
            // One after the other: IAM refuses changes of one role at the same time (ConcurrentModification).
            self.rewrite_trust(cx, reconcile, &facts).await?;
            self.rewrite_settings(cx, &facts).await?;
            self.rewrite_boundary(cx, &facts).await?;
            retag(cx, self.side, &self.name, &tags::own(&cx.ownership, reconcile, &self.tags, observed)).await?;
            return Ok(Made { arn: observed.arn.clone(), id: observed.id.clone(), ..self.made() });
        }
        let ours = trust::ours(&facts.trusted, &cx.ownership);
        if ours.is_some() || !self.trust.is_empty() {
            let change = |document: &Value| trust::with(document, &cx.ownership, &reconcile.instance, &self.trust);
            trust::edit(cx, self.side, &self.name, reconcile.renewed, change).await?;
        }
        let before = reconcile.entry.as_ref().map(|e| e.added.clone()).unwrap_or_default();
        let change = self.adopted_change(reconcile, &facts);
        retag(cx, self.side, &self.name, &change).await?;
        Ok(Made {
            arn: observed.arn.clone(),
            id: observed.id.clone(),
            document: (!self.trust.is_empty()).then(|| policy::canonical_text(&policy::document(self.trust.clone()))),
            tags: self.adopted_tags.then(|| self.tags.clone()),
            added: tags::added_after(&before, &change),
        })
    }
}

/// Whether readers are still shown the role that was deleted.
pub(in crate::objects) async fn is_shown(cx: &Context, key: &Key, entry: &Entry) -> Result<bool, Error> {
    Ok(get(cx, key.side, &key.name).await?.is_some_and(|role| Some(role.role_id()) == entry.id.as_deref()))
}

/// The role; `None` where there is none.
pub(in crate::objects) async fn get(cx: &Context, side: Side, name: &str) -> Result<Option<types::Role>, Error> {
    let iam = cx.iam(side);
    let answer = cx.ask("iam:GetRole", side, || iam.get_role().role_name(name).send()).await.absent_is_none()?;
    Ok(answer.and_then(|a| a.role))
}

/// The role's ARN, with the path that it stands under; `None` where there is no role.
pub async fn arn(cx: &Context, side: Side, name: &str) -> Result<Option<String>, Error> {
    Ok(get(cx, side, name).await?.map(|role| role.arn))
}

pub async fn exists(cx: &Context, side: Side, name: &str) -> Result<bool, Error> {
    Ok(get(cx, side, name).await?.is_some())
}

/// Whose the role is by its tags; `None` where there is no role.
pub(in crate::objects) async fn owner(cx: &Context, side: Side, name: &str) -> Result<Option<Owner>, Error> {
    Ok(get(cx, side, name).await?.map(|role| cx.ownership.split(tags::from_iam(role.tags())).0))
}

/// ARNs of the managed policies that are attached to the role; none where there is no role.
pub(in crate::objects) async fn attached_arns(cx: &Context, side: Side, name: &str) -> Result<Vec<String>, Error> {
    let iam = cx.iam(side);
    let pages = || iam.list_attached_role_policies().role_name(name).into_paginator().items().send().try_collect();
    let policies = cx.ask("iam:ListAttachedRolePolicies", side, pages).await.absent_is_none()?;
    Ok(policies.unwrap_or_default().into_iter().filter_map(|p| p.policy_arn).collect())
}

impl Role {
    /// Document, tags, and whether anything differs, of a role of ours.
    fn as_own(&self, facts: &Facts) -> (Option<String>, Option<Tags>, bool) {
        let trust = self.trusts(&facts.trusted);
        let differs =
            !trust || self.settings_differ(facts) || self.boundary_differs(facts) || !tags::exclusive(&self.tags, &facts.tags).is_none();
        let document = if trust { policy::canonical_text(&self.document()) } else { policy::canonical_text(&facts.trusted) };
        (Some(document), Some(facts.tags.clone()), differs)
    }

    /// The same of a role that is somebody else's: only what is ours counts.
    fn as_adopted(&self, ownership: &Ownership, reconcile: &Reconcile, facts: &Facts) -> (Option<String>, Option<Tags>, bool) {
        let ours = trust::ours(&facts.trusted, ownership);
        let same = match &ours {
            Some(ours) => policy::equivalent(ours, &trust::without_sids(&self.document())),
            None => self.trust.is_empty(),
        };
        // A read mints no instance: there the ledger's counts. What another create wrote shows as gone, so that the next apply puts its
        // own in the place: a new half that was killed left it.
        let instance = if reconcile.instance.is_empty() {
            reconcile.entry.as_ref().and_then(|e| e.instance.as_ref())
        } else {
            Some(&reconcile.instance)
        };
        let current = instance.is_none_or(|instance| trust::is_current(&facts.trusted, ownership, instance));
        let current_only = ours.filter(|_| current || !reconcile.instance.is_empty());
        let document = current_only.map(|ours| policy::canonical_text(&if same { self.document() } else { ours }));
        let none = Default::default();
        let added = reconcile.entry.as_ref().map_or(&none, |e| &e.added);
        let shown = self.adopted_tags.then(|| tags::shown(&self.tags, &facts.tags, added));
        (document, shown, !same || !current || !self.adopted_change(reconcile, facts).is_none())
    }

    fn adopted_change(&self, reconcile: &Reconcile, facts: &Facts) -> tags::Change {
        let none = Default::default();
        let added = reconcile.entry.as_ref().map_or(&none, |e| &e.added);
        let wanted = if self.adopted_tags { &self.tags } else { &Tags::new() };
        tags::additive(wanted, &facts.tags, added)
    }

    async fn rewrite_trust(&self, cx: &Context, reconcile: &Reconcile, facts: &Facts) -> Result<(), Error> {
        if self.trusts(&facts.trusted) && !reconcile.renewed {
            return Ok(());
        }
        trust::put(cx, self.side, &self.name, &self.document()).await
    }

    async fn rewrite_settings(&self, cx: &Context, facts: &Facts) -> Result<(), Error> {
        if !self.settings_differ(facts) {
            return Ok(());
        }
        // Both at once: a duration left out becomes one hour, a description left out stays (IAM, UpdateRole).
        let iam = cx.iam(self.side);
        let send = || {
            iam.update_role()
                .role_name(&self.name)
                .description(self.description.clone().unwrap_or_default())
                .max_session_duration(self.max_session_duration.unwrap_or(DEFAULT_SESSION) as i32)
                .send()
        };
        cx.ask_until_seen("iam:UpdateRole", self.side, send).await.map(drop)
    }

    async fn rewrite_boundary(&self, cx: &Context, facts: &Facts) -> Result<(), Error> {
        if !self.boundary_differs(facts) {
            return Ok(());
        }
        let iam = cx.iam(self.side);
        match &self.permissions_boundary {
            Some(boundary) => {
                let send = || iam.put_role_permissions_boundary().role_name(&self.name).permissions_boundary(boundary).send();
                cx.ask_until_seen("iam:PutRolePermissionsBoundary", self.side, send).await.map(drop)
            }
            None => {
                let send = || iam.delete_role_permissions_boundary().role_name(&self.name).send();
                cx.ask_until_seen("iam:DeleteRolePermissionsBoundary", self.side, send).await.map(drop)
            }
        }
    }

    fn document(&self) -> Value {
        policy::document(self.trust.clone())
    }

    fn trusts(&self, trusted: &Value) -> bool {
        policy::equivalent(&trust::without_sids(trusted), &trust::without_sids(&self.document()))
    }

    fn settings_differ(&self, facts: &Facts) -> bool {
        facts.description.as_deref().unwrap_or_default() != self.description.as_deref().unwrap_or_default()
            || facts.max_session_duration != self.max_session_duration.unwrap_or(DEFAULT_SESSION)
    }

    fn boundary_differs(&self, facts: &Facts) -> bool {
        facts.permissions_boundary != self.permissions_boundary
    }

    fn made(&self) -> Made {
        Made { document: Some(policy::canonical_text(&self.document())), tags: Some(self.tags.clone()), ..Made::default() }
    }
}

fn facts(role: &types::Role, tags: Tags) -> Facts {
    Facts {
        path: role.path().to_owned(),
        description: role.description().filter(|d| !d.is_empty()).map(str::to_owned),
        permissions_boundary: role.permissions_boundary().and_then(|b| b.permissions_boundary_arn()).map(str::to_owned),
        max_session_duration: role.max_session_duration().map_or(DEFAULT_SESSION, i64::from),
        create_date: role.create_date().secs(),
        // A document that can't be read is like no other: it differs.
        trusted: role.assume_role_policy_document().and_then(|text| policy::parse(text).ok()).unwrap_or_default(),
        tags,
        ..Facts::default()
    }
}

async fn inline_names(cx: &Context, side: Side, name: &str) -> Result<Vec<String>, Error> {
    let iam = cx.iam(side);
    let pages = || iam.list_role_policies().role_name(name).into_paginator().items().send().try_collect();
    Ok(cx.ask("iam:ListRolePolicies", side, pages).await.absent_is_none()?.unwrap_or_default())
}

async fn retag(cx: &Context, side: Side, name: &str, change: &tags::Change) -> Result<(), Error> {
    let iam = cx.iam(side);
    if !change.set.is_empty() {
        let send = || iam.tag_role().role_name(name).set_tags(Some(tags::to_iam(&change.set))).send();
        cx.ask_until_seen("iam:TagRole", side, send).await?;
    }
    if !change.unset.is_empty() {
        let send = || iam.untag_role().role_name(name).set_tag_keys(Some(change.unset.clone())).send();
        cx.ask_until_seen("iam:UntagRole", side, send).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
