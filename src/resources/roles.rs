//! Roles of a composite: as the configuration describes them, as pieces, and as they are seen.

use serde_json::Value as Json;

use super::common::{OWN_POLICIES, map_or_null, set_or_null, tags_attribute, without_sid};
use super::composite::Located;
use super::place::{Part, Place};
use crate::aws::{arn, names, policy};
use crate::diagnostics::{Diagnostics, Path};
use crate::engine::{Declared, Key, Ledger, Observed, Origin, Owner, Refreshed, Side, Tags, Welcome, World, found};
use crate::pieces::{Cloud, iam};
use crate::schema::{Attribute, Value, hole, validators};

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
    pub welcome: Welcome,
}

impl RoleModel {
    /// Reads the nested object of a role. `tags` are the composite's, which the role's own override.
    pub fn of(role: &Value, adopt: bool, tags: &Tags, place: &Place) -> Self {
        let existing = role.get("existing").as_bool().unwrap_or(false);
        RoleModel {
            name: hole::text(role.get("name")).unwrap_or_default(),
            existing,
            path: hole::text(role.get("path")),
            description: hole::text(role.get("description")),
            permissions_boundary: hole::text(role.get("permissions_boundary")),
            max_session_duration: role.get("max_session_duration").as_i64(),
            tags: place.tags_over(tags, role.get("tags")),
            welcome: match (existing, adopt) {
                (true, _) => Welcome::Require,
                (false, true) => Welcome::Adopt,
                (false, false) => Welcome::Refuse,
            },
        }
    }

    pub fn key(&self, side: Side) -> Key {
        Key::new(side, iam::role::KIND, &self.name)
    }

    /// The role as a piece with this trust.
    pub fn part(&self, side: Side, trust: Vec<Json>, needs: Vec<Key>, place: &Place) -> Part {
        let trust: Vec<Json> = trust.into_iter().map(without_sid).collect();
        let document = hole::value(policy::canonical_text(&policy::document(trust.clone())));
        let tags = hole::map_value(&self.tags);
        let declared = Declared {
            arn: hole::value(place.role_arn(side, self)),
            adopted_document: if trust.is_empty() { Value::Null } else { document.clone() },
            document,
            adopted_tags: if self.existing { Value::Null } else { tags.clone() },
            tags,
            has_id: true,
            ..place.declare(self.key(side), self.welcome.clone())
        };
        let piece = iam::role::Role {
            side,
            name: self.name.clone(),
            path: self.path.clone(),
            description: self.description.clone(),
            permissions_boundary: self.permissions_boundary.clone(),
            max_session_duration: self.max_session_duration,
            trust,
            tags: self.tags.clone(),
            adopted_tags: !self.existing,
            welcome: self.welcome.clone(),
            needs,
        };
        Part { declared, piece: Box::new(piece) }
    }

    /// An inline policy of the role. One whose name begins with `xeks-` is ours wherever it stands.
    pub fn inline_policy_part(&self, side: Side, name: &str, document: String, mut needs: Vec<Key>, place: &Place) -> Part {
        let stamped = name.starts_with(OWN_POLICIES);
        let welcome = if stamped { Welcome::Overwrite } else { Welcome::AsParent(self.key(side)) };
        needs.push(self.key(side));
        let text = hole::value(&document);
        let key = Key::new(side, iam::inline_policy::KIND, format!("{}/{name}", self.name));
        let declared = Declared { document: text.clone(), adopted_document: text, ..place.declare(key, welcome.clone()) };
        let piece =
            iam::inline_policy::InlinePolicy { side, role: self.name.clone(), name: name.to_owned(), document, stamped, needs, welcome };
        Part { declared, piece: Box::new(piece) }
    }

    pub fn attachment_part(&self, side: Side, policy_arn: &str, place: &Place) -> Part {
        let parent = self.key(side);
        let key = Key::new(side, iam::policy_attachment::KIND, format!("{}/{policy_arn}", self.name));
        let welcome = Welcome::AsParent(parent.clone());
        let piece = iam::policy_attachment::PolicyAttachment {
            side,
            role: self.name.clone(),
            policy_arn: policy_arn.to_owned(),
            needs: vec![parent],
            welcome: welcome.clone(),
        };
        Part { declared: place.declare(key, welcome), piece: Box::new(piece) }
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

impl Place {
    /// The role's ARN for an output: of its piece; where no piece can be named yet, as it will be if it follows from the configuration.
    pub fn role_arn_of(&self, side: Side, role: &RoleModel, pieces: &Value) -> Value {
        match pieces {
            Value::Unknown => hole::value(self.role_arn(side, role)),
            pieces => pieces.get(&role.key(side).to_string()).get("arn").clone(),
        }
    }

    /// The ARN of a role: as looked up, else from its path and name; a hole where the role may stand under a path that we do not know.
    pub fn role_arn(&self, side: Side, role: &RoleModel) -> String {
        let identity = self.identity(side);
        match self.arns.get(&role.key(side)) {
            Some(arn) => arn.clone(),
            None if role.welcome != Welcome::Refuse => hole::unknown(),
            None => arn::role(&identity.partition, &identity.account_id, role.path.as_deref().unwrap_or("/"), &role.name),
        }
    }
}

/// The ARN of a role that may be there under another path than we would choose. Absent and required: an error.
pub async fn look_up_role(
    cloud: &Cloud,
    place: &Place,
    side: Side,
    role: &RoleModel,
    path: &str,
) -> Result<Option<(Key, String)>, Located> {
    let key = role.key(side);
    if role.welcome == Welcome::Refuse || place.arns.contains_key(&key) || hole::is_in(&role.name) {
        return Ok(None);
    }
    match iam::role::arn(cloud, side, &role.name).await.map_err(Located::at(path))? {
        Some(arn) => Ok(Some((key, arn))),
        None if role.existing => Err(Located::at(path)(crate::engine::World::missing(cloud, &key))),
        None => {
            let identity = place.identity(side);
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
pub fn find_inline_policies(side: Side, role: &RoleModel, expected: &[String], place: &Place, seen: &mut Refreshed) {
    find(side, role, "inline_policies", iam::inline_policy::KIND, expected, place, seen);
}

/// Names in the ledger the managed policies that others attached to a role of our own.
pub fn find_attachments(side: Side, role: &RoleModel, expected: &[String], place: &Place, seen: &mut Refreshed) {
    find(side, role, "attached_policies", iam::policy_attachment::KIND, expected, place, seen);
}

/// Managed policies that the user lists: what is attached, exclusive on a role of our own. Not listed: not looked at.
pub fn refresh_attachments(
    value: &mut Value,
    attribute: &str,
    side: Side,
    role: &RoleModel,
    expected: &[String],
    place: &Place,
    seen: &mut Refreshed,
) {
    let mut object = value.get(attribute).clone();
    if object.get("managed_policy_arns").is_null() {
        return;
    }
    find_attachments(side, role, expected, place, seen);
    let prefix = format!("{}/", role.name);
    let of_role = seen.ledger.0.keys().filter(|key| key.side == side && key.kind == iam::policy_attachment::KIND);
    let attached: Vec<String> = of_role.filter_map(|key| key.name.strip_prefix(&prefix).map(str::to_owned)).collect();
    object.insert("managed_policy_arns", Value::set_of_strings(attached));
    value.insert(attribute, object);
}

fn find(side: Side, role: &RoleModel, fact: &str, kind: &str, expected: &[String], place: &Place, seen: &mut Refreshed) {
    let key = role.key(side);
    let own = seen.ledger.get(&key).is_some_and(|entry| entry.origin.is_own());
    let Some(observed) = seen.observed.get(&key).filter(|_| own) else { return };
    let others = strings(&observed.facts[fact]).into_iter().filter(|name| !expected.contains(name));
    for name in others.collect::<Vec<_>>() {
        let key = Key::new(side, kind, format!("{}/{name}", role.name));
        seen.ledger.0.entry(key).or_insert_with(|| found(&place.identity(side).account_id, None, Origin::Found));
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
        let turns = role.is_some_and(|e| e.origin == Origin::Imported || (e.origin == Origin::Adopted && stays));
        *path == Path::of(attribute).attribute("existing") && turns
    })
}

/// Whether a role that an import sees is one that we were told to use, not to make: it does not carry this resource's tag, and
/// something else of this resource does. Where nothing does, all of it was made by hand, and is imported to be ours.
fn is_existing(observed: &Observed, cloud: &Cloud, seen: &Refreshed) -> bool {
    let is_ours = |owner: &Owner| matches!(owner, Owner::Tagged { resource: Some(resource), .. } if resource == cloud.resource());
    let in_trust = |observed: &Observed| !own_statements(&observed.facts["trusted"], cloud).is_empty();
    !is_ours(&observed.owner) && seen.observed.values().any(|other| is_ours(&other.owner) || in_trust(other))
}

/// The statements of a trust policy that are this resource's by their Sids.
fn own_statements<'a>(trust: &'a Json, cloud: &Cloud) -> Vec<&'a Json> {
    let is_ours = |statement: &&Json| policy::sid_of(statement).is_some_and(|sid| cloud.ownership.sid_instance(sid).is_some());
    policy::statements_of(trust).into_iter().filter(is_ours).collect()
}

/// What of a discovered role's trust policy is this resource's: of an existing role the statements with our Sids, else all.
pub fn discovered_trust<'a>(role: &Value, trust: &'a Json, cloud: &Cloud) -> Vec<&'a Json> {
    if role.get("existing").as_bool() == Some(true) { own_statements(trust, cloud) } else { policy::statements_of(trust) }
}

/// The role's object as an import sees it.
pub fn discovered_role(role: &Value, observed: &Observed, cloud: &Cloud, seen: &Refreshed, inherited: &Tags) -> Value {
    let mut role = role.clone();
    let facts = &observed.facts;
    let existing = is_existing(observed, cloud, seen);
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
