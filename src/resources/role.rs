//! The role attributes of a resource: as the configuration describes them, as objects, and as they are read.

pub mod check;
mod protected;

use serde_json::Value as Json;

pub use self::protected::refuse_service_linked;
use super::attributes::tags_attribute;
use super::lifecycle::{Located, missing};
use super::swapped;
use super::values::{map_or_null, set_or_null};
use crate::aws::{Side, arn, names, policy};
use crate::diagnostics::{Diagnostics, Path};
use crate::engine::{Key, Observed, OnExisting, Origin, Refreshed, Tags, found};
use crate::objects::OWN_POLICIES;
use crate::objects::iam::inline_policy::{self, InlinePolicy};
use crate::objects::iam::policy_attachment::{self, PolicyAttachment};
use crate::objects::iam::role::{self, DEFAULT_SESSION, Role, RoleFacts, RoleSettings};
use crate::objects::{Context, Env};
use crate::schema::{Attribute, Type, Value, placeholder, validators};
use crate::terminal::visible;

/// Attributes that an existing role keeps as they are.
pub const KEPT_BY_EXISTING: &[&str] =
    &["path", "description", "permissions_boundary", "max_session_duration", "exclusive", "force_detach_policies", "tags"];

/// An attribute that describes a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleAttribute {
    /// Such as `workload_role`.
    pub name: &'static str,
    pub side: Side,
    /// Whether it has `managed_policy_arns`.
    pub lists_policies: bool,
}

/// A role as the configuration describes it.
#[derive(Clone, Debug)]
pub struct RoleModel {
    pub attribute: RoleAttribute,
    pub side: Side,
    pub name: String,
    /// The attribute of the nested object that says which role it is.
    pub named_by: &'static str,
    pub existing: bool,
    /// Whether policies that others put on it are removed.
    pub exclusive: bool,
    pub force_detach_policies: bool,
    pub settings: RoleSettings,
    /// The managed policies to attach; `None` where the configuration does not list them. A role without that attribute has none.
    pub managed_policies: Option<Vec<String>>,
    pub tags: Tags,
    pub on_existing: OnExisting,
}

impl RoleModel {
    /// Reads the nested object of that attribute. `tags` are the resource's, which the role's own override.
    pub fn of(attribute: RoleAttribute, value: &Value, tags: &Tags, env: &Env) -> Self {
        let role = value.get(attribute.name);
        let existing = role.get("existing").as_bool().unwrap_or(false);
        let adopt = value.get("adopt").as_str() == Some("if_exists");
        RoleModel {
            attribute,
            side: attribute.side,
            name: placeholder::text(role.get("name")).unwrap_or_default(),
            named_by: "name",
            existing,
            exclusive: role.get("exclusive").as_bool() == Some(true),
            force_detach_policies: role.get("force_detach_policies").as_bool() == Some(true),
            settings: RoleSettings {
                path: placeholder::text(role.get("path")),
                description: placeholder::text(role.get("description")),
                permissions_boundary: placeholder::text(role.get("permissions_boundary")),
                max_session_duration: role.get("max_session_duration").as_i64(),
            },
            managed_policies: match role.get("managed_policy_arns") {
                Value::Null if attribute.lists_policies => None,
                listed => Some(placeholder::texts(listed)),
            },
            tags: env.tags_over(tags, role.get("tags")),
            on_existing: match (existing, adopt) {
                (true, _) => OnExisting::MustExist,
                (false, true) => OnExisting::Adopt,
                (false, false) => OnExisting::Fail,
            },
        }
    }

    pub fn key(&self) -> Key {
        role::key(self.side, &self.name)
    }

    /// The attribute that names it: errors of the role point there.
    pub fn name_path(&self) -> Path {
        Path::of(self.attribute.name).attribute(self.named_by)
    }

    /// The role's ARN; a placeholder where it may exist under a path that is not known.
    pub fn arn(&self, env: &Env) -> String {
        role::planned_arn(env, self.side, &self.name, self.settings.path.as_deref(), &self.on_existing)
    }

    /// The role's ARN for an output: its object's; where no object can be named yet, as it will be if it follows from the configuration.
    pub fn arn_of(&self, env: &Env, objects: &Value) -> Value {
        match objects {
            Value::Unknown => placeholder::value(self.arn(env)),
            objects => objects.get(&self.key().to_string()).get("arn").clone(),
        }
    }

    /// The role as an object with this trust and inline policies of these names. Sids belong to ownership.
    pub fn object(&self, trust: &[Json], inline_policies: Vec<String>, depends_on: Vec<Key>) -> Role {
        Role {
            side: self.side,
            name: self.name.clone(),
            settings: self.settings.clone(),
            trust: trust.iter().map(policy::without_sid).collect(),
            tags: self.tags.clone(),
            adopted_tags: !self.existing,
            inline_policies,
            managed_policies: self.managed_policies.clone().unwrap_or_default(),
            manages_attachments: self.managed_policies.is_some() || self.exclusive,
            exclusive: self.exclusive,
            force_detach_policies: self.force_detach_policies,
            on_existing: self.on_existing.clone(),
            depends_on,
            attribute: self.name_path(),
        }
    }

    /// An inline policy of the role. One whose name begins with `xeks-` belongs to this provider on any role.
    pub fn inline_policy(&self, name: &str, document: String, attribute: Path) -> InlinePolicy {
        InlinePolicy {
            side: self.side,
            role: self.name.clone(),
            name: name.to_owned(),
            document,
            marked: name.starts_with(OWN_POLICIES),
            relies_on: vec![],
            depends_on: vec![self.key()],
            attribute,
        }
    }

    pub fn attachments(&self) -> impl Iterator<Item = PolicyAttachment> {
        self.managed_policies.iter().flatten().map(|policy_arn| PolicyAttachment {
            side: self.side,
            role: self.name.clone(),
            policy_arn: policy_arn.clone(),
            attribute: self.name_path(),
        })
    }
}

/// The attributes of the role that `attribute` describes, which xeks creates or uses. `existing` documents its attribute of that name.
pub fn role_attributes(attribute: RoleAttribute, existing: &'static str) -> Vec<Attribute> {
    vec![
        Attribute::string("name", "Name of the role.").required().replaces().check(validators::text(names::role_name)),
        Attribute::bool("existing", existing)
            .default_value(Value::Bool(false))
            .decides_objects()
            .replaces_unless(move |prior, planned| may_turn_existing(attribute, prior, planned)),
        Attribute::string("path", "Path of the role. Default `/`.").optional().replaces().check(validators::text(names::path)),
        Attribute::string("description", "Description of the role.").optional().check(validators::text(names::role_description)),
        Attribute::string("permissions_boundary", "ARN of the policy that is the role's permissions boundary.")
            .optional()
            .check(validators::text(arn::is_policy)),
        Attribute::number("max_session_duration", "Maximum session duration in seconds, 3600 to 43200. Default 3600.")
            .optional()
            .check(validators::between(3600, 43200)),
        Attribute::bool(
            "exclusive",
            "Whether to remove inline and managed policies that others put on the role. By default they are left alone.",
        )
        .optional(),
        Attribute::bool(
            "force_detach_policies",
            "Whether a destroy removes inline and managed policies that others put on the role. By default it fails and lists them.",
        )
        .optional(),
        tags_attribute("Tags of the role. They override `tags`."),
    ]
}

/// Whether the role may change its `existing` without being replaced: one that was imported may turn out to be one to keep at destroy, and
/// one that existed before is kept, whether the configuration calls it existing or adopted.
pub fn may_turn_existing(attribute: RoleAttribute, prior: &Value, planned: &Value) -> bool {
    let role = planned.get(attribute.name);
    let kept = planned.get("adopt").as_str() == Some("if_exists") || role.get("existing").as_bool() == Some(true);
    let Some(name) = role.get("name").as_str() else { return false };
    let origin = prior.get("objects").get(&role::key(attribute.side, name).to_string()).get("origin").as_str();
    origin == Some(Origin::Imported.as_str()) || origin == Some(Origin::Adopted.as_str()) && kept
}

/// Refuses attributes that an existing role keeps as they are.
pub fn refuse_on_existing(role: &Value, path: &Path, refused: &[&str], diagnostics: &mut Diagnostics) {
    if role.get("existing").as_bool() == Some(true) {
        for name in refused.iter().filter(|name| role.get(name).is_given()) {
            validators::refuse(
                &path.attribute(name),
                format!("An existing role keeps its own {name}. Remove {name}, or set existing = false to have xeks create the role."),
                diagnostics,
            );
        }
    }
}

/// The ARN of a role that may exist under another path than xeks would choose. Absent and required: an error.
pub async fn look_up_role(cx: &Context, env: &Env, model: &RoleModel) -> Result<Option<(Key, String)>, Located> {
    let key = model.key();
    if model.on_existing == OnExisting::Fail || env.arns.contains_key(&key) || placeholder::is_in(&model.name) {
        return Ok(None);
    }
    let at = |error| Located { path: model.name_path(), error, key: Some(key.clone()) };
    let elsewhere = |failed| swapped::existing_role(cx, model.side, &model.name, model.attribute.name, failed);
    match role::arn(cx, model.side, &model.name).await {
        Err(failed) if model.existing => Err(at(elsewhere(failed).await)),
        Err(failed) => Err(at(failed)),
        Ok(Some(arn)) => Ok(Some((key.clone(), arn))),
        Ok(None) if model.existing => Err(at(elsewhere(missing(cx, &model.object(&[], vec![], vec![]))).await)),
        Ok(None) => {
            let identity = env.identity(model.side);
            let path = model.settings.path.as_deref().unwrap_or("/");
            Ok(Some((key, arn::role(&identity.partition, &identity.account_id, path, &model.name))))
        }
    }
}

/// Writes what was read of a role of this resource into the attributes that the user wrote. Null is AWS's default.
pub fn refresh_role(value: &mut Value, role: &RoleModel, seen: &Refreshed) {
    let Some(facts) = own_facts(role, seen) else { return };
    let mut object = value.get(role.attribute.name).clone();
    for (name, seen) in [("description", &facts.description), ("permissions_boundary", &facts.permissions_boundary)] {
        let seen = seen.as_deref().filter(|text| !text.is_empty());
        // IAM allows carriage returns, with which one part of a line hides another; the user's own stay.
        let shown = seen.map(|text| if object.get(name).as_str() == Some(text) { text.into() } else { visible(text) });
        // An empty description is none to IAM, and may be what the user wrote.
        if seen.is_some() || object.get(name).as_str() != Some("") {
            object.insert(name, Value::optional_string(shown.as_deref()));
        }
    }
    let duration = facts.max_session_duration;
    if !(duration == DEFAULT_SESSION && object.get("max_session_duration").is_null()) {
        object.insert("max_session_duration", Value::number(duration));
    }
    value.insert(role.attribute.name, object);
}

/// The attribute that lists what other xeks resources added to the trust policies of this resource's roles.
pub fn also_trusted_attribute() -> Attribute {
    let statement = Type::object([("role", Type::String), ("sid", Type::String), ("principals", Type::list(Type::String))]);
    let doc = "Statements that other xeks resources added to the trust policies of roles that this resource created. They are left alone.";
    Attribute::plain("also_trusted", Type::list(statement), doc)
        .observed(|_, prior| Some(if prior.is_null() { Value::List(Vec::new()) } else { prior.get("also_trusted").clone() }))
}

/// Writes what other xeks resources added to the trust policies of these roles.
pub fn refresh_also_trusted(value: &mut Value, roles: &[&RoleModel], seen: &Refreshed) {
    let statements = roles.iter().flat_map(|role| {
        let guests = own_facts(role, seen).map(role::guests).unwrap_or_default();
        guests.into_iter().map(|(sid, principals)| {
            Value::object([
                ("role", Value::string(&role.name)),
                ("sid", Value::string(sid)),
                ("principals", Value::List(principals.into_iter().map(Value::string).collect())),
            ])
        })
    });
    value.insert("also_trusted", Value::List(statements.collect()));
}

/// What was read of a role that is this resource's own.
fn own_facts<'a>(role: &RoleModel, seen: &'a Refreshed) -> Option<&'a RoleFacts> {
    let own = seen.ledger.get(&role.key()).is_some_and(|entry| entry.origin.is_own());
    seen.observed.get(&role.key()).filter(|_| own)?.facts.get()
}

/// Takes into the ledger the inline policies that others put on an exclusive role of this resource.
pub fn find_inline_policies(role: &RoleModel, expected: &[String], env: &Env, seen: &mut Refreshed) {
    if !role.exclusive {
        return;
    }
    let found = own_facts(role, seen).map(|facts| facts.inline_policies.clone()).unwrap_or_default();
    let strays = found.into_iter().filter(|name| !expected.contains(name));
    add_found(strays.map(|name| inline_policy::key(role.side, &role.name, &name)), env, seen);
}

/// Takes into the ledger the managed policies that others attached to an exclusive role of this resource.
pub fn find_attachments(role: &RoleModel, env: &Env, seen: &mut Refreshed) {
    if !role.exclusive {
        return;
    }
    let found = own_facts(role, seen).map(|facts| facts.attached_policies.clone()).unwrap_or_default();
    let expected = role.managed_policies.clone().unwrap_or_default();
    let strays = found.into_iter().filter(|arn| !expected.contains(arn));
    add_found(strays.map(|arn| policy_attachment::key(role.side, &role.name, &arn)), env, seen);
}

fn add_found(keys: impl Iterator<Item = Key>, env: &Env, seen: &mut Refreshed) {
    for key in keys {
        let account_id = &env.identity(key.side).account_id;
        seen.ledger.0.entry(key).or_insert_with(|| found(account_id, None, Origin::Found));
    }
}

/// Managed policies that the user lists: those that are attached, and on an exclusive role those of others too. Not listed: not looked at.
pub fn refresh_attachments(value: &mut Value, role: &RoleModel, env: &Env, seen: &mut Refreshed) {
    let mut object = value.get(role.attribute.name).clone();
    find_attachments(role, env, seen);
    if object.get("managed_policy_arns").is_null() {
        return;
    }
    let prefix = format!("{}/", role.name);
    let of_role = seen.ledger.0.keys().filter(|key| key.side == role.side && key.kind == policy_attachment::KIND);
    let attached: Vec<String> = of_role.filter_map(|key| key.name.strip_prefix(&prefix).map(str::to_owned)).collect();
    object.insert("managed_policy_arns", Value::set_of_strings(attached));
    value.insert(role.attribute.name, object);
}

/// A role as an import reads it.
pub struct Discovered<'a> {
    pub facts: &'a RoleFacts,
    /// The nested object of the role's attribute.
    pub value: Value,
    existing: bool,
}

impl<'a> Discovered<'a> {
    /// The role that an import found; `None` where there is none. `inherited` are the resource's tags, which the role's own are over.
    pub fn of(role: &RoleModel, value: &Value, cx: &Context, seen: &'a Refreshed, inherited: &Tags) -> Option<Self> {
        let observed = seen.observed.get(&role.key())?;
        let facts: &RoleFacts = observed.facts.get()?;
        let existing = is_existing(observed, cx, seen);
        let mut value = value.get(role.attribute.name).clone();
        value.insert("existing", Value::Bool(existing));
        if !existing {
            let own = facts.tags.iter().filter(|(key, value)| inherited.get(*key) != Some(value));
            value.insert("tags", map_or_null(&own.map(|(key, value)| (key.clone(), value.clone())).collect()));
            value.insert("path", Value::optional_string(Some(facts.path.as_str()).filter(|path| *path != "/")));
            value.insert(
                "description",
                Value::optional_string(facts.description.as_deref().filter(|text| !text.is_empty()).map(visible).as_deref()),
            );
            value.insert("permissions_boundary", Value::optional_string(facts.permissions_boundary.as_deref()));
            let duration = Some(facts.max_session_duration).filter(|seconds| *seconds != DEFAULT_SESSION);
            value.insert("max_session_duration", duration.map_or(Value::Null, Value::number));
        }
        Some(Discovered { facts, value, existing })
    }

    /// Whether it is a role to use rather than one that the resource creates.
    pub fn is_existing(&self) -> bool {
        self.existing
    }

    /// What of its trust policy is this resource's: of an existing role the statements with this resource's Sids, else all.
    pub fn trust(&self, cx: &Context) -> Vec<&'a Json> {
        if self.existing { own_statements(&self.facts.trusted, cx) } else { policy::statements_of(&self.facts.trusted) }
    }

    /// Its managed policies; null where there are none, or where they are others'.
    pub fn attachments(&self) -> Value {
        if self.existing { Value::Null } else { set_or_null(self.facts.attached_policies.clone(), &Value::Null) }
    }
}

/// Whether a role that an import reads is one to use, not to create: it does not carry this resource's tag, and something else of this
/// resource does. Where nothing does, all of it was created by hand, and is imported as this resource's.
fn is_existing(observed: &Observed, cx: &Context, seen: &Refreshed) -> bool {
    let in_trust = |observed: &Observed| observed.facts.get::<RoleFacts>().is_some_and(|f| !own_statements(&f.trusted, cx).is_empty());
    let is_ours = |observed: &Observed| cx.ownership.is_of_composite(&observed.owner);
    !is_ours(observed) && seen.observed.values().any(|other| is_ours(other) || in_trust(other))
}

/// The statements of a trust policy that are this resource's by their Sids.
fn own_statements<'a>(trust: &'a Json, cx: &Context) -> Vec<&'a Json> {
    cx.ownership.marked(trust).map(|(_, statement)| statement).collect()
}

/// A document as canonical text, without Sids: those belong to ownership.
pub fn document_text(document: &Json) -> String {
    policy::canonical_text(&policy::without_sids(document))
}
