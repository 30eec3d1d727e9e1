//! Roles of a composite: as the configuration describes them, as objects, and as they are seen.

use serde_json::Value as Json;

use super::common::{OWN_POLICIES, map_or_null, set_or_null, tags_attribute, without_sid};
use super::env::{Env, Part};
use super::lifecycle::Located;
use crate::aws::{Side, arn, names, policy};
use crate::diagnostics::{Diagnostics, Path};
use crate::engine::{Backend, Declared, Key, Ledger, Observed, OnExisting, Origin, Owner, Refreshed, Tags, found};
use crate::objects::{Context, iam};
use crate::schema::{Attribute, Value, placeholder, validators};

/// A role as the configuration describes it.
#[derive(Clone, Debug)]
pub struct RoleModel {
    pub name: String,
    pub existing: bool,
    pub path: Option<String>,
    pub description: Option<String>,
    pub permissions_boundary: Option<String>,
    pub max_session_duration: Option<i64>,
    pub tags: Tags,
    pub on_existing: OnExisting,
}

impl RoleModel {
    /// Reads the nested object of a role. `tags` are the composite's, which the role's own override.
    pub fn of(role: &Value, adopt: bool, tags: &Tags, env: &Env) -> Self {
        let existing = role.get("existing").as_bool().unwrap_or(false);
        RoleModel {
            name: placeholder::text(role.get("name")).unwrap_or_default(),
            existing,
            path: placeholder::text(role.get("path")),
            description: placeholder::text(role.get("description")),
            permissions_boundary: placeholder::text(role.get("permissions_boundary")),
            max_session_duration: role.get("max_session_duration").as_i64(),
            tags: env.tags_over(tags, role.get("tags")),
            on_existing: match (existing, adopt) {
                (true, _) => OnExisting::MustExist,
                (false, true) => OnExisting::Adopt,
                (false, false) => OnExisting::Fail,
            },
        }
    }

    pub fn key(&self, side: Side) -> Key {
        Key::new(side, iam::role::KIND, &self.name)
    }

    /// The role as an object with this trust.
    pub fn part(&self, side: Side, trust: Vec<Json>, depends_on: Vec<Key>, env: &Env) -> Part {
        let trust: Vec<Json> = trust.into_iter().map(without_sid).collect();
        let document = placeholder::value(policy::canonical_text(&policy::document(trust.clone())));
        let tags = placeholder::map_value(&self.tags);
        let declared = Declared {
            arn: placeholder::value(env.role_arn(side, self)),
            adopted_document: if trust.is_empty() { Value::Null } else { document.clone() },
            document,
            adopted_tags: if self.existing { Value::Null } else { tags.clone() },
            tags,
            has_id: true,
            ..env.declare(self.key(side), self.on_existing.clone())
        };
        let object = iam::role::Role {
            side,
            name: self.name.clone(),
            path: self.path.clone(),
            description: self.description.clone(),
            permissions_boundary: self.permissions_boundary.clone(),
            max_session_duration: self.max_session_duration,
            trust,
            tags: self.tags.clone(),
            adopted_tags: !self.existing,
            on_existing: self.on_existing.clone(),
            depends_on,
        };
        Part { declared, object: Box::new(object) }
    }

    /// An inline policy of the role. One whose name begins with `xeks-` is ours wherever it stands.
    pub fn inline_policy_part(&self, side: Side, name: &str, document: String, mut depends_on: Vec<Key>, env: &Env) -> Part {
        let stamped = name.starts_with(OWN_POLICIES);
        let on_existing = if stamped { OnExisting::Overwrite } else { OnExisting::InheritFrom(self.key(side)) };
        depends_on.push(self.key(side));
        let text = placeholder::value(&document);
        let key = Key::new(side, iam::inline_policy::KIND, format!("{}/{name}", self.name));
        let declared = Declared { document: text.clone(), adopted_document: text, ..env.declare(key, on_existing.clone()) };
        let object = iam::inline_policy::InlinePolicy {
            side,
            role: self.name.clone(),
            name: name.to_owned(),
            document,
            stamped,
            depends_on,
            on_existing,
        };
        Part { declared, object: Box::new(object) }
    }

    pub fn attachment_part(&self, side: Side, policy_arn: &str, env: &Env) -> Part {
        let parent = self.key(side);
        let key = Key::new(side, iam::policy_attachment::KIND, format!("{}/{policy_arn}", self.name));
        let on_existing = OnExisting::InheritFrom(parent.clone());
        let object = iam::policy_attachment::PolicyAttachment {
            side,
            role: self.name.clone(),
            policy_arn: policy_arn.to_owned(),
            depends_on: vec![parent],
            on_existing: on_existing.clone(),
        };
        Part { declared: env.declare(key, on_existing), object: Box::new(object) }
    }
}

/// The attributes of a role that xeks makes or uses.
pub fn role_attributes(policy_doc: &'static str) -> Vec<Attribute> {
    vec![
        Attribute::string("name", "Name of the role.").required().replaces().check(validators::text(names::role_name)),
        Attribute::bool("existing", policy_doc).default_value(Value::Bool(false)).replaces(),
        Attribute::string("path", "Path of the role. Default `/`.").optional().replaces().check(validators::text(names::path)),
        Attribute::string("description", "Description of the role.").optional().check(validators::text(names::role_description)),
        Attribute::string("permissions_boundary", "ARN of the policy that bounds the role's permissions.")
            .optional()
            .check(validators::text(arn::is_policy)),
        Attribute::number("max_session_duration", "Longest session in seconds, 3600 to 43200. Default 3600.")
            .optional()
            .check(validators::between(3600, 43200)),
        tags_attribute("Tags of the role, over `tags`."),
    ]
}

/// What an existing role must not be given: it is not ours to shape.
pub fn refuse_on_existing(role: &Value, path: &Path, refused: &[&str], diagnostics: &mut Diagnostics) {
    if role.get("existing").as_bool() == Some(true) {
        for name in refused.iter().filter(|name| role.get(name).is_given()) {
            validators::refuse(
                &path.attribute(name),
                format!("An existing role keeps its own {name}. Leave {name} out, or set existing = false to have the role made here."),
                diagnostics,
            );
        }
    }
}

impl Env {
    /// The role's ARN for an output: of its object; where no object can be named yet, as it will be if it follows from the configuration.
    pub fn role_arn_of(&self, side: Side, role: &RoleModel, objects: &Value) -> Value {
        match objects {
            Value::Unknown => placeholder::value(self.role_arn(side, role)),
            objects => objects.get(&role.key(side).to_string()).get("arn").clone(),
        }
    }

    /// The ARN of a role: as looked up, else from its path and name; a hole where the role may stand under a path that we do not know.
    pub fn role_arn(&self, side: Side, role: &RoleModel) -> String {
        let identity = self.identity(side);
        match self.arns.get(&role.key(side)) {
            Some(arn) => arn.clone(),
            None if role.on_existing != OnExisting::Fail => placeholder::unknown(),
            None => arn::role(&identity.partition, &identity.account_id, role.path.as_deref().unwrap_or("/"), &role.name),
        }
    }
}

/// The ARN of a role that may be there under another path than we would choose. Absent and required: an error.
pub async fn look_up_role(cx: &Context, env: &Env, side: Side, role: &RoleModel, path: &str) -> Result<Option<(Key, String)>, Located> {
    let key = role.key(side);
    if role.on_existing == OnExisting::Fail || env.arns.contains_key(&key) || placeholder::is_in(&role.name) {
        return Ok(None);
    }
    match iam::role::arn(cx, side, &role.name).await.map_err(Located::at(path))? {
        Some(arn) => Ok(Some((key, arn))),
        None if role.existing => Err(Located::at(path)(crate::engine::Backend::missing(cx, &key))),
        None => {
            let identity = env.identity(side);
            let arn = arn::role(&identity.partition, &identity.account_id, role.path.as_deref().unwrap_or("/"), &role.name);
            Ok(Some((key, arn)))
        }
    }
}

/// Writes what was seen of a role of our own into the attributes that the user wrote. Null stands for AWS's default.
pub fn refresh_role(value: &mut Value, attribute: &str, side: Side, role: &RoleModel, seen: &Refreshed) {
    let key = role.key(side);
    let own = seen.ledger.get(&key).is_some_and(|entry| entry.origin.is_own());
    let Some(observed) = seen.observed.get(&key).filter(|_| own) else { return };
    let mut object = value.get(attribute).clone();
    let facts = &observed.facts;
    for name in ["description", "permissions_boundary"] {
        let seen = facts[name].as_str().filter(|text| !text.is_empty());
        // An empty description is none to IAM, and may be what the user wrote.
        if seen.is_some() || object.get(name).as_str() != Some("") {
            object.insert(name, Value::optional_string(seen));
        }
    }
    let duration = facts["max_session_duration"].as_i64().unwrap_or(DEFAULT_SESSION);
    if !(duration == DEFAULT_SESSION && object.get("max_session_duration").is_null()) {
        object.insert("max_session_duration", Value::number(duration));
    }
    value.insert(attribute, object);
}

/// IAM's default of MaxSessionDuration, in seconds.
const DEFAULT_SESSION: i64 = 3600;

/// Names in the ledger the inline policies that others put onto a role of our own.
pub fn find_inline_policies(side: Side, role: &RoleModel, expected: &[String], env: &Env, seen: &mut Refreshed) {
    find(side, role, "inline_policies", iam::inline_policy::KIND, expected, env, seen);
}

/// Names in the ledger the managed policies that others attached to a role of our own.
pub fn find_attachments(side: Side, role: &RoleModel, expected: &[String], env: &Env, seen: &mut Refreshed) {
    find(side, role, "attached_policies", iam::policy_attachment::KIND, expected, env, seen);
}

/// Managed policies that the user lists: what is attached, exclusive on a role of our own. Not listed: not looked at.
pub fn refresh_attachments(
    value: &mut Value,
    attribute: &str,
    side: Side,
    role: &RoleModel,
    expected: &[String],
    env: &Env,
    seen: &mut Refreshed,
) {
    let mut object = value.get(attribute).clone();
    if object.get("managed_policy_arns").is_null() {
        return;
    }
    find_attachments(side, role, expected, env, seen);
    let prefix = format!("{}/", role.name);
    let of_role = seen.ledger.0.keys().filter(|key| key.side == side && key.kind == iam::policy_attachment::KIND);
    let attached: Vec<String> = of_role.filter_map(|key| key.name.strip_prefix(&prefix).map(str::to_owned)).collect();
    object.insert("managed_policy_arns", Value::set_of_strings(attached));
    value.insert(attribute, object);
}

fn find(side: Side, role: &RoleModel, fact: &str, kind: &str, expected: &[String], env: &Env, seen: &mut Refreshed) {
    let key = role.key(side);
    let own = seen.ledger.get(&key).is_some_and(|entry| entry.origin.is_own());
    let Some(observed) = seen.observed.get(&key).filter(|_| own) else { return };
    let others = strings(&observed.facts[fact]).into_iter().filter(|name| !expected.contains(name));
    for name in others.collect::<Vec<_>>() {
        let key = Key::new(side, kind, format!("{}/{name}", role.name));
        seen.ledger.0.entry(key).or_insert_with(|| found(&env.identity(side).account_id, None, Origin::Found));
    }
}

/// Whether the path is the `existing` of a role that may change what it is called without being made anew: one that was imported may turn
/// out to be one that is to be left at destroy, and one that was there before is that, whether it is called existing or adopted.
pub fn may_turn_existing(path: &Path, prior: &Ledger, planned: &Value, roles: &[(&str, Side)]) -> bool {
    let adopts = planned.get("adopt").as_str() == Some("if_exists");
    roles.iter().any(|(attribute, side)| {
        let stays = adopts || planned.get(attribute).get("existing").as_bool() == Some(true);
        let name = planned.get(attribute).get("name").as_str();
        let role = name.and_then(|name| prior.get(&Key::new(*side, iam::role::KIND, name)));
        let locks = role.is_some_and(|e| e.origin == Origin::Imported || (e.origin == Origin::Adopted && stays));
        *path == Path::of(attribute).attribute("existing") && locks
    })
}

/// Whether a role that an import sees is one that we were told to use, not to make: it does not carry this resource's tag, and
/// something else of this resource does. Where nothing does, all of it was made by hand, and is imported to be ours.
fn is_existing(observed: &Observed, cx: &Context, seen: &Refreshed) -> bool {
    let is_ours = |owner: &Owner| matches!(owner, Owner::Tagged { resource: Some(resource), .. } if resource == cx.resource());
    let in_trust = |observed: &Observed| !own_statements(&observed.facts["trusted"], cx).is_empty();
    !is_ours(&observed.owner) && seen.observed.values().any(|other| is_ours(&other.owner) || in_trust(other))
}

/// The statements of a trust policy that are this resource's by their Sids.
fn own_statements<'a>(trust: &'a Json, cx: &Context) -> Vec<&'a Json> {
    let is_ours = |statement: &&Json| policy::sid_of(statement).is_some_and(|sid| cx.ownership.sid_instance(sid).is_some());
    policy::statements_of(trust).into_iter().filter(is_ours).collect()
}

/// What of a discovered role's trust policy is this resource's: of an existing role the statements with our Sids, else all.
pub fn discovered_trust<'a>(role: &Value, trust: &'a Json, cx: &Context) -> Vec<&'a Json> {
    if role.get("existing").as_bool() == Some(true) { own_statements(trust, cx) } else { policy::statements_of(trust) }
}

/// The role's object as an import sees it.
pub fn discovered_role(role: &Value, observed: &Observed, cx: &Context, seen: &Refreshed, inherited: &Tags) -> Value {
    let mut role = role.clone();
    let facts = &observed.facts;
    let existing = is_existing(observed, cx, seen);
    role.insert("existing", Value::Bool(existing));
    if existing {
        return role;
    }
    let text = |name: &str| Value::optional_string(facts[name].as_str().filter(|text| !text.is_empty()));
    let tags = facts["tags"].as_object().into_iter().flatten().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    let own: Tags = tags.filter(|(key, value)| inherited.get(key) != Some(value)).collect();
    role.insert("tags", map_or_null(&own));
    role.insert("path", Value::optional_string(facts["path"].as_str().filter(|path| *path != "/")));
    role.insert("description", text("description"));
    role.insert("permissions_boundary", text("permissions_boundary"));
    let duration = facts["max_session_duration"].as_i64().filter(|seconds| *seconds != DEFAULT_SESSION);
    role.insert("max_session_duration", duration.map_or(Value::Null, Value::number));
    role
}

/// The strings of a JSON list.
pub fn strings(json: &Json) -> Vec<String> {
    json.as_array().into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect()
}

/// The managed policies of a discovered role; null where there are none, or where they are none of ours.
pub fn discovered_attachments(role: &Value, facts: &Json) -> Value {
    if role.get("existing").as_bool() == Some(true) {
        return Value::Null;
    }
    set_or_null(strings(&facts["attached_policies"]), &Value::Null)
}
