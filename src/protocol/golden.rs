//! What is planned, as files in `tests/golden`: for every stored state, and for every seed of the fuzz target `plans`. A change that
//! means to keep behaviour as it is changes none of them; XEKS_WRITE=1 rewrites them.
//!
//! Asks as a host does, without AWS as `fuzzing` does. Knows no resource and nothing of how a plan is made.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json, json};

use super::wire::attribute_path::step::Selector;
use super::wire::{AttributePath, Diagnostic, RawState, plan_resource_change, upgrade_resource_state, validate_resource_config};
use super::{Offer, Protocol, convert, fuzzing};
use crate::fuzzing::seeds;
use crate::schema::{Attribute, Nesting, Shape, Value};

/// Stands for what is not known before the apply.
const UNKNOWN: &str = "(known after apply)";

/// The state that is read; then, by what they change in it, plans of what leads to it, with and without what would be computed, and of
/// what another state has where it can change, unless that is refused; and what replaces it where it is to become another.
#[test]
fn stored_states_read_and_plan_as_they_did() {
    for (name, resource) in Offer::of_registry().resources {
        let attributes = &resource.schema().attributes;
        let states = stored(name);
        let golden = states.iter().map(|(file, state)| {
            let plan = |config: &Value| recorded(planned(name, config, state), &shown(state));
            let own = configuration(attributes, state, true);
            let mut replaces = Map::new();
            let mut plans = Map::from_iter([("left out".to_owned(), plan(&configuration(attributes, state, false)))]);
            for (other, theirs) in &states {
                let theirs = configuration(attributes, theirs, true);
                replaces.insert(other.clone(), planned(name, &theirs, state).1.into());
                let plan = plan(&changed(attributes, &own, &theirs));
                if other == file || plan.get("changes").is_some() {
                    plans.insert(format!("as {other}"), plan);
                }
            }
            (file.clone(), json!({ "state": shown(state), "plans": plans, "replaces": replaces }))
        });
        compare("states", name, &golden.collect());
    }
}

/// A create in full, the same with something unknown by what becomes different, an update by what becomes different from what was there.
#[test]
fn seeds_plan_as_they_did() {
    let offer = Offer::of_registry();
    let mut golden: BTreeMap<&str, Map<String, Json>> = BTreeMap::new();
    let mut create = Json::Null;
    for seed in seeds::of("plans") {
        let (resource, config, prior) = fuzzing::parts(&offer, &seed);
        let value = |bytes: &[u8]| convert::decode("a seed", fuzzing::sent(bytes).as_ref(), &resource.schema().value_type()).unwrap();
        let (config, prior) = (value(config), value(prior));
        let unknown: Vec<_> =
            config.entries().unwrap().iter().filter(|(_, value)| value.is_unknown()).map(|(name, _)| name.as_str()).collect();
        let (plan, replaces, said) = planned(resource.name(), &config, &prior);
        let (kind, before) = match prior {
            Value::Null if unknown.is_empty() => ("create".to_owned(), json!({})),
            Value::Null => (format!("create, unknown {}", unknown.join(", ")), create.clone()),
            prior => ("update".to_owned(), shown(&prior)),
        };
        if before == json!({}) {
            create = plan.clone();
        }
        let seeds = golden.entry(resource.name()).or_default();
        let seen = recorded((plan, replaces, said), &before);
        seeds.insert(format!("{:03} {kind}", seeds.len()), if kind == "update" { json!({ "prior": before, "plan": seen }) } else { seen });
    }
    for (name, seeds) in &golden {
        compare("plans", name, seeds);
    }
}

#[test]
fn what_differs_is_named() {
    let before = json!({ "a": { "x": 1, "y.z": [1, 2] }, "gone": { "x": 1 }, "same": 1, "null": null });
    let after = json!({ "a": { "x": 2, "y.z": [1] }, "new": UNKNOWN, "same": 1 });
    assert_eq!(json!(changes(&before, &after)), json!({ "a.x": 2, "a[\"y.z\"]": [1], "gone": null, "new": UNKNOWN }));
}

/// The states in `tests/states`, by version and mode, in today's schema.
fn stored(resource: &str) -> BTreeMap<String, Value> {
    let protocol = Protocol::new(Offer::of_registry());
    let ty = protocol.offer.resources[resource].schema().value_type();
    let list = |folder: &Path| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    let versions = list(&tests().join("states").join(resource));
    let states = versions.iter().flat_map(|version| list(version)).filter(|file| !file.ends_with("type.json")).map(|file| {
        let name = file.components().rev().take(2).map(|part| part.as_os_str().to_str().unwrap()).collect::<Vec<_>>();
        let name = format!("{}/{}", name[1], name[0].trim_end_matches(".json"));
        let stored: Json = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        let request = upgrade_resource_state::Request {
            type_name: resource.into(),
            version: stored["schema_version"].as_i64().unwrap(),
            raw_state: Some(RawState { json: stored["attributes"].to_string().into(), ..Default::default() }),
        };
        let read = protocol.resource_upgrade(&request).unwrap_or_else(|why| panic!("{resource} {name}: {}", why.detail));
        (name, convert::decode("the state", read.upgraded_state.as_ref(), &ty).unwrap())
    });
    states.collect()
}

/// A configuration that leads to a state: without what only we set, and what is as it is by default. What else would be computed if
/// the user left it out is left out unless `all` of it is wanted.
fn configuration(attributes: &[Attribute], state: &Value, all: bool) -> Value {
    Value::object(attributes.iter().map(|attribute| {
        let value = state.get(attribute.name);
        let ours = match &attribute.default {
            Some(default) => value == default,
            None => attribute.computed && !(attribute.optional && all),
        };
        let of = |member: &Value, inner: &[Attribute]| configuration(inner, member, all);
        let value = match (&attribute.shape, value) {
            (_, Value::Null) => Value::Null,
            _ if ours => Value::Null,
            (Shape::Nested(Nesting::Single, inner), value) => of(value, inner),
            (Shape::Nested(_, inner), Value::Map(members)) => Value::map(members.iter().map(|(key, member)| (key, of(member, inner)))),
            (Shape::Nested(_, inner), Value::Set(members)) => Value::set(members.iter().map(|member| of(member, inner))),
            (Shape::Nested(_, inner), Value::List(members)) => Value::List(members.iter().map(|member| of(member, inner)).collect()),
            (_, value) => value.clone(),
        };
        (attribute.name, value)
    }))
}

/// One configuration with what can change in place as another has it.
fn changed(attributes: &[Attribute], own: &Value, other: &Value) -> Value {
    Value::object(attributes.iter().map(|attribute| {
        let (own, other) = (own.get(attribute.name), other.get(attribute.name));
        let value = match &attribute.shape {
            _ if attribute.replaces => own.clone(),
            Shape::Nested(Nesting::Single, _) if own.is_null() != other.is_null() && attribute.required => own.clone(),
            Shape::Nested(Nesting::Single, inner) if !own.is_null() && !other.is_null() => changed(inner, own, other),
            _ => other.clone(),
        };
        (attribute.name, value)
    }))
}

/// What becomes of a configuration: the values planned, what replaces, and what is said. Each plan is asked of a provider of its own.
fn planned(resource: &str, config: &Value, prior: &Value) -> (Json, Vec<String>, Vec<Json>) {
    let protocol = Protocol::new(Offer::of_registry());
    let ty = protocol.offer.resources[resource].schema().value_type();
    let (config, prior) = (convert::encode(config, &ty), convert::encode(prior, &ty));
    let validation = validate_resource_config::Request { type_name: resource.into(), config: config.clone(), ..Default::default() };
    let validated = protocol.resource_validate(&validation).unwrap().diagnostics;
    let request = plan_resource_change::Request {
        type_name: resource.into(),
        proposed_new_state: config.clone(),
        config,
        prior_state: prior,
        ..Default::default()
    };
    let plan = fuzzing::plan(&protocol, &request).unwrap();
    let value = convert::decode("the plan", plan.planned_state.as_ref(), &ty).unwrap();
    let said = validated.iter().map(|said| ("validation", said)).chain(plan.diagnostics.iter().map(|said| ("plan", said)));
    (shown(&value), plan.requires_replace.iter().map(path).collect(), said.map(|(when, said)| message(when, said)).collect())
}

/// A plan by what differs from what was there; in full where nothing was. What there is none of is not in it.
fn recorded((plan, replaces, said): (Json, Vec<String>, Vec<Json>), before: &Json) -> Json {
    let mut recorded = Map::new();
    let changes = changes(before, &plan);
    match &plan {
        Json::Null => {}
        plan if *before == json!({}) => drop(recorded.insert("planned".into(), plan.clone())),
        _ => drop(recorded.insert("changes".into(), changes.into())),
    }
    if !replaces.is_empty() {
        recorded.insert("replaces".into(), json!(replaces));
    }
    if !said.is_empty() {
        recorded.insert("said".into(), said.into());
    }
    recorded.into()
}

fn message(when: &str, said: &Diagnostic) -> Json {
    let severity = said.severity().as_str_name().to_lowercase();
    json!([when, severity, said.attribute.as_ref().map(path).unwrap_or_default(), said.summary])
}

fn path(path: &AttributePath) -> String {
    let steps = path.steps.iter().filter_map(|step| step.selector.as_ref());
    steps.fold(String::new(), |path, step| match step {
        Selector::AttributeName(name) => below(&path, name),
        Selector::ElementKeyString(key) => format!("{path}[{key:?}]"),
        Selector::ElementKeyInt(index) => format!("{path}[{index}]"),
    })
}

/// Without what is null.
fn shown(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Unknown => UNKNOWN.into(),
        Value::Bool(value) => (*value).into(),
        Value::Number(number) => serde_json::from_str(&number.to_string()).unwrap(),
        Value::String(text) => text.as_str().into(),
        Value::List(members) | Value::Set(members) => members.iter().map(shown).collect(),
        Value::Map(members) | Value::Object(members) => {
            members.iter().filter(|(_, member)| !member.is_null()).map(|(name, member)| (name.clone(), shown(member))).collect()
        }
        Value::Dynamic(_, value) => shown(value),
    }
}

/// Where two values differ, and what the later one has there. What is null is not there.
fn changes(before: &Json, after: &Json) -> Map<String, Json> {
    let mut found = Map::new();
    differ("", Some(before), Some(after), &mut found);
    found
}

fn differ(path: &str, before: Option<&Json>, after: Option<&Json>, found: &mut Map<String, Json>) {
    let [before, after] = [before, after].map(|json| json.filter(|json| !json.is_null()));
    if let (Some(Json::Object(before)), Some(Json::Object(after))) = (before, after) {
        let more = after.keys().filter(|name| !before.contains_key(*name));
        before.keys().chain(more).for_each(|name| differ(&below(path, name), before.get(name), after.get(name), found));
    } else if before != after {
        found.insert(path.to_owned(), after.cloned().unwrap_or_default());
    }
}

fn below(path: &str, name: &str) -> String {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match (plain, path) {
        (true, "") => name.to_owned(),
        (true, path) => format!("{path}.{name}"),
        (false, path) => format!("{path}[{name:?}]"),
    }
}

/// Compares with the file, or writes it.
fn compare(folder: &str, resource: &str, golden: &Map<String, Json>) {
    let file = tests().join("golden").join(folder).join(format!("{resource}.json"));
    if std::env::var_os("XEKS_WRITE").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, format!("{}\n", written(&golden.clone().into(), 0))).unwrap();
    }
    let kept: Json = fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let changes = changes(&kept, &golden.clone().into());
    let named: Vec<String> = changes.iter().take(20).map(|(path, value)| format!("{path}: {value}")).collect();
    let count = changes.len();
    assert!(changes.is_empty(), "{count} places of {} are otherwise (CONTRIBUTING, Golden files):\n{}", file.display(), named.join("\n"));
}

/// JSON with what is short on one line.
fn written(json: &Json, depth: usize) -> String {
    let short = json.to_string();
    let (open, close, members): (_, _, Vec<String>) = match json {
        _ if short.len() + 2 * depth <= 120 => return short,
        Json::Object(members) => {
            ("{", "}", members.iter().map(|(name, member)| format!("{}: {}", json!(name), written(member, depth + 1))).collect())
        }
        Json::Array(members) => ("[", "]", members.iter().map(|member| written(member, depth + 1)).collect()),
        _ => return short,
    };
    let (within, outside) = ("  ".repeat(depth + 1), "  ".repeat(depth));
    format!("{open}\n{within}{}\n{outside}{close}", members.join(&format!(",\n{within}")))
}

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}
