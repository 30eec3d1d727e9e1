//! Checks at plan time of the roles of a resource: what IAM would refuse at the apply although every attribute is right for itself.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::{join_all, try_join_all};
use serde_json::Value as Json;

use super::{RoleModel, protected};
use crate::aws::arn::Arn;
use crate::aws::{Error, policy};
use crate::diagnostics::{Diagnostics, Path};
use crate::engine::{Entry, Key, OnExisting};
use crate::objects::iam::role::{self, RoleFacts};
use crate::objects::iam::{inline_policy, policy_attachment, quotas};
use crate::objects::{Context, Env, Missing, OWN_POLICIES};
use crate::resources::lifecycle::Run;
use crate::resources::preflight;
use crate::schema::placeholder;

/// A role of the resource with what the apply puts on it.
pub struct Wanted<'a> {
    pub role: &'a RoleModel,
    pub trust: Vec<Json>,
    /// The attribute that makes the trust policy longer or shorter, and how to make it shorter.
    pub trust_path: Path,
    pub shorten: &'static str,
    /// Documents by name.
    pub inline_policies: BTreeMap<String, String>,
    pub inline_path: Path,
}

/// Sizes, deleted principals and tag keys of these roles.
pub async fn check(cx: &Context, env: &Env, run: &Run, roles: &[Wanted<'_>]) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    for found in join_all(roles.iter().map(|wanted| wanted.check(cx, env, run))).await {
        diagnostics.extend(found);
    }
    diagnostics
}

impl Wanted<'_> {
    async fn check(&self, cx: &Context, env: &Env, run: &Run) -> Diagnostics {
        let mut diagnostics = Diagnostics::new();
        self.policies_of_account(env, &mut diagnostics);
        self.default_tag_keys(env, &mut diagnostics);
        self.policies_exist(cx, env, &mut diagnostics).await;
        let foreign = self.foreign(cx, env).await;
        if let Some(facts) = &foreign {
            protected::refuse_changes(self.role, &self.added(), facts, cx, &mut diagnostics);
        }
        if !self.trust.is_empty() {
            if let Some(facts) = &foreign {
                self.deleted_principals(cx, facts, &mut diagnostics);
            }
            self.trust_fits(cx, run, foreign.as_ref(), &mut diagnostics).await;
        }
        self.attachments_fit(cx, env, foreign.is_some(), &mut diagnostics).await;
        self.inline_policies_fit(cx, env, run, foreign.is_some(), &mut diagnostics).await;
        diagnostics
    }

    /// What the apply adds to a role that exists.
    fn added(&self) -> Vec<&'static str> {
        let added = [
            ("a statement of its trust policy", !self.trust.is_empty()),
            ("inline policies", !self.inline_policies.is_empty()),
            ("managed policies", self.role.managed_policies.as_ref().is_some_and(|policies| !policies.is_empty())),
        ];
        added.into_iter().filter(|(_, is_added)| *is_added).map(|(what, _)| what).collect()
    }

    /// The role as it is, where this resource adds to one that others created. One that can't be read is checked as if it were new: the
    /// other checks of a plan report it.
    async fn foreign(&self, cx: &Context, env: &Env) -> Option<RoleFacts> {
        let (name, key) = (&self.role.name, self.role.key());
        let is_own = env.ledger.get(&key).is_some_and(|entry| entry.origin.is_own());
        if is_own || self.role.on_existing == OnExisting::Fail || placeholder::is_in(name) {
            return None;
        }
        role::facts_of(cx, self.role.side, name).await.ok()?
    }

    /// What the ledger has of that kind on the role, by the part of its name after the role's. The apply adds before it removes.
    fn recorded<'e>(&'e self, env: &'e Env, kind: &'e str) -> impl Iterator<Item = (&'e str, &'e Entry)> {
        let on_role = move |key: &'e Key| key.name.strip_prefix(self.role.name.as_str())?.strip_prefix('/');
        let of_kind = env.ledger.0.iter().filter(move |(key, _)| key.side == self.role.side && key.kind == kind);
        of_kind.filter_map(move |(key, entry)| Some((on_role(key)?, entry)))
    }

    /// A managed policy of another account can't be attached, and can't be a permissions boundary (IAM, AttachRolePolicy and
    /// PutRolePermissionsBoundary).
    fn policies_of_account(&self, env: &Env, diagnostics: &mut Diagnostics) {
        let account = &env.identity(self.role.side).account_id;
        let attached = self.role.managed_policies.iter().flatten().map(|text| (text, "managed_policy_arns", "attached to"));
        let boundary =
            self.role.settings.permissions_boundary.iter().map(|text| (text, "permissions_boundary", "the permissions boundary of"));
        for (text, attribute, purpose) in attached.chain(boundary) {
            let Ok(arn) = Arn::parse(text) else { continue };
            if arn.account != "aws" && arn.account != *account {
                diagnostics.error(
                    Path::of(self.role.attribute.name).attribute(attribute),
                    format!("{text} can't be {purpose} role {}", self.role.name),
                    format!(
                        "The policy belongs to account {}, and the role to account {account}. IAM takes AWS managed policies and those of the \
                         role's own account. Create the policy in {account}{}.",
                        arn.account,
                        if attribute == "managed_policy_arns" { ", or add its statements as an inline policy" } else { "" }
                    ),
                );
            }
        }
    }

    /// IAM refuses an attachment of a policy that does not exist, and a role with such a boundary. What the ledger has is there.
    async fn policies_exist(&self, cx: &Context, env: &Env, diagnostics: &mut Diagnostics) {
        let attribute = |name: &str| Path::of(self.role.attribute.name).attribute(name);
        let is_attached = |policy_arn: &str| self.recorded(env, role::POLICY_ATTACHMENT).any(|(attached, _)| attached == policy_arn);
        let attached = self.role.managed_policies.iter().flatten().filter(|policy_arn| !is_attached(policy_arn));
        let boundary = self.role.settings.permissions_boundary.iter().filter(|_| env.ledger.get(&self.role.key()).is_none());
        let account = &env.identity(self.role.side).account_id;
        let is_readable = |text: &str| Arn::parse(text).is_ok_and(|arn| arn.account == "aws" || arn.account == *account);
        let named = attached.map(|arn| ("managed_policy_arns", arn)).chain(boundary.map(|arn| ("permissions_boundary", arn)));
        let looks = named.filter(|(_, arn)| !placeholder::is_in(arn) && is_readable(arn));
        let looks = looks.map(|(name, arn)| async move { (name, arn, policy_attachment::policy_exists(cx, self.role.side, arn).await) });
        for (name, policy_arn, look) in join_all(looks).await {
            match look {
                Ok(true) => {}
                Ok(false) => cx.lacks(Missing {
                    key: None,
                    path: attribute(name),
                    summary: format!("{policy_arn} does not exist"),
                    detail: format!("IAM has no such policy (looked in {}). Check its path and name.", cx.label(self.role.side)),
                }),
                Err(error) => diagnostics.extend(preflight::skipped(&error)),
            }
        }
    }

    /// The provider's default_tags against the resource's own: the rest is refused by validate.
    fn default_tag_keys(&self, env: &Env, diagnostics: &mut Diagnostics) {
        if self.role.existing {
            return;
        }
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for key in self.role.tags.keys().filter(|key| !placeholder::is_in(key)) {
            let Some(other) = seen.insert(key.to_lowercase(), key) else { continue };
            let named = |key: &str| format!("{}[{key:?}]", if env.default_tags.contains_key(key) { "default_tags" } else { "tags" });
            diagnostics.error(
                Path::of("tags"),
                format!("{} and {} are the same key to IAM", named(other), named(key)),
                format!(
                    "IAM ignores the case of tag keys on roles, and refuses both on role {}. Write the key in the same case in the provider's \
                     default_tags and in the resource.",
                    self.role.name
                ),
            );
        }
    }

    fn deleted_principals(&self, cx: &Context, facts: &RoleFacts, diagnostics: &mut Diagnostics) {
        for (statement, ids) in role::foreign_statements_of_deleted(&facts.trusted) {
            diagnostics.warning(
                self.role.name_path(),
                format!("The trust policy of {} names a deleted principal", self.role.name),
                format!(
                    "{statement} in {} names {}, the ID of a deleted principal. IAM refuses every change to a trust policy that has one, so \
                     this apply or the destroy will fail. This resource did not create the statement. Remove the principal from it, or remove \
                     the statement.",
                    cx.label(self.role.side),
                    ids.join(", ")
                ),
            );
        }
    }

    /// What the plans of this run put on the role together: what one plan adds, by kind, and what the others have added so far.
    fn noted(&self, cx: &Context, run: &Run, kind: &str, added: &str) -> Vec<String> {
        let role = format!("{kind} on role {}/{}", cx.account(self.role.side).identity().account_id, self.role.name);
        run.wants(&role, &cx.ownership.resource, added).into_iter().map(|(_, added)| added).collect()
    }

    async fn trust_fits(&self, cx: &Context, run: &Run, foreign: Option<&RoleFacts>, diagnostics: &mut Diagnostics) {
        let document = match foreign {
            Some(facts) => {
                let added = policy::document(self.trust.iter().map(policy::without_sid));
                let of_others = self.noted(cx, run, "trust", &added.to_string());
                let of_others = of_others.iter().filter_map(|text| policy::parse(text).ok());
                let all = of_others.fold(facts.trusted.clone(), |document, others| role::trust_with_others(&document, &others));
                role::trust_with(&all, &cx.ownership, &self.trust)
            }
            None => policy::document(self.trust.iter().map(policy::without_sid)),
        };
        let size = policy::size(&document);
        let quota = Quota {
            what: format!("The trust policy of role {}", self.role.name),
            would_have: format!("would have {size} characters"),
            size,
            default: policy::TRUST_LIMIT,
            most: policy::TRUST_NEVER,
            name: "Role trust policy length",
        };
        quota.check(cx, self, &self.trust_path, self.shorten, |quotas| quotas.trust_policy_size, diagnostics).await;
    }

    async fn attachments_fit(&self, cx: &Context, env: &Env, is_foreign: bool, diagnostics: &mut Diagnostics) {
        let Some(wanted) = self.role.managed_policies.as_ref().filter(|wanted| !wanted.is_empty()) else { return };
        let mut all: BTreeSet<String> = wanted.iter().cloned().collect();
        all.extend(self.recorded(env, role::POLICY_ATTACHMENT).map(|(policy_arn, _)| policy_arn.to_owned()));
        if is_foreign {
            match role::attached_arns(cx, self.role.side, &self.role.name).await {
                Ok(attached) => all.extend(attached),
                Err(error) => return diagnostics.extend(preflight::skipped(&error)),
            }
        }
        let quota = Quota {
            what: format!("Role {}", self.role.name),
            would_have: format!("would have {} managed policies", all.len()),
            size: all.len(),
            default: policy::ATTACHMENTS_LIMIT,
            most: policy::ATTACHMENTS_NEVER,
            name: "Managed policies per role",
        };
        let path = Path::of(self.role.attribute.name).attribute("managed_policy_arns");
        let shorten = "Attach fewer policies, or merge some of them";
        quota.check(cx, self, &path, shorten, |quotas| quotas.attached_policies, diagnostics).await;
    }

    /// This quota can't be raised (IAM quotas).
    async fn inline_policies_fit(&self, cx: &Context, env: &Env, run: &Run, is_foreign: bool, diagnostics: &mut Diagnostics) {
        if self.inline_policies.is_empty() {
            return;
        }
        let recorded = self.recorded(env, role::INLINE_POLICY);
        let mut sizes: BTreeMap<String, usize> =
            recorded.map(|(name, entry)| (name.to_owned(), entry.document.as_deref().map_or(0, policy::text_size))).collect();
        if is_foreign {
            match self.inline_sizes(cx).await {
                Ok(found) => sizes.extend(found),
                Err(error) => return diagnostics.extend(preflight::skipped(&error)),
            }
        }
        if is_foreign {
            let added = Json::from_iter(self.inline_policies.clone());
            for others in self.noted(cx, run, "inline policies", &added.to_string()) {
                let others: BTreeMap<String, String> = serde_json::from_str(&others).unwrap_or_default();
                sizes.extend(others.iter().map(|(name, document)| (name.clone(), marked_size(name, document))));
            }
        }
        sizes.extend(self.inline_policies.iter().map(|(name, document)| (name.clone(), marked_size(name, document))));
        let total: usize = sizes.values().sum();
        if total > policy::INLINE_LIMIT {
            diagnostics.error(
                self.inline_path.clone(),
                format!("Role {} would have too many inline policies", self.role.name),
                format!(
                    "{} policies would have {total} characters together; IAM allows {}, and this quota can't be raised. Use managed policies \
                     for some of them.",
                    sizes.len(),
                    policy::INLINE_LIMIT
                ),
            );
        }
    }

    /// The sizes of the inline policies that the role has, by name.
    async fn inline_sizes(&self, cx: &Context) -> Result<Vec<(String, usize)>, Error> {
        let (side, role) = (self.role.side, &self.role.name);
        let names = role::inline_names(cx, side, role).await?;
        let reads = names.into_iter().map(|name| async move {
            let document = inline_policy::document(cx, side, role, &name).await?;
            Ok((name, document.as_deref().map_or(0, policy::text_size)))
        });
        try_join_all(reads).await
    }
}

/// The size of an inline policy with the Sids that mark it as this provider's.
fn marked_size(name: &str, document: &str) -> usize {
    const SID: usize = "\"Sid\":\"Xeks0123456789abx0123456789abcdefx0w01234567\",".len();
    let statements = policy::parse(document).map_or(0, |document| policy::statements_of(&document).len());
    policy::text_size(document) + if name.starts_with(OWN_POLICIES) { statements * SID } else { 0 }
}

/// A quota that the account may have raised.
struct Quota {
    what: String,
    /// Completes `what`.
    would_have: String,
    size: usize,
    default: usize,
    /// What AWS raises it to at most.
    most: usize,
    /// As Service Quotas names it.
    name: &'static str,
}

impl Quota {
    /// AWS's default needs no call; the account's own quota is asked for only where that would be exceeded.
    async fn check(
        &self,
        cx: &Context,
        wanted: &Wanted<'_>,
        path: &Path,
        shorten: &str,
        which: impl Fn(quotas::Quotas) -> Option<usize>,
        diagnostics: &mut Diagnostics,
    ) {
        if self.size <= self.default {
            return;
        }
        let Quota { what, would_have, default, most, name, .. } = self;
        let label = cx.label(wanted.role.side);
        let too_long = format!("{what} exceeds a quota of IAM");
        if self.size > *most {
            let text = format!("{what} {would_have}; AWS raises the quota \"{name}\" to {most} at most. {shorten}.");
            return diagnostics.error(path.clone(), too_long, text);
        }
        let asked = quotas::of(cx, wanted.role.side).await;
        match asked.as_ref().ok().and_then(|quotas| which(*quotas)) {
            Some(quota) if self.size <= quota => {}
            Some(quota) => {
                let raise = format!("or have the quota \"{name}\" raised (Service Quotas, up to {most})");
                diagnostics.error(path.clone(), too_long, format!("{what} {would_have}; {label} allows {quota}. {shorten}, {raise}."));
            }
            None => {
                let why = asked.err().map_or_else(|| "iam:GetAccountSummary does not name it".to_owned(), |error| error.to_string());
                diagnostics.warning(
                    path.clone(),
                    format!("{what} may exceed a quota of IAM"),
                    format!(
                        "{what} {would_have}. AWS allows {default} by default, and up to {most} where the quota \"{name}\" was raised; the quota \
                         of {label} is unknown: {why}. If the apply fails: {shorten}, or have the quota raised."
                    ),
                );
            }
        }
    }
}
