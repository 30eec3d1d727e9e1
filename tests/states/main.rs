//! The states in this folder, `RESOURCE/vVERSION/MODE.json`, as applies of all modes stored them: each must read in today's schema.
//!
//! `type.json` beside them is the type that the schema of that version has. A change of a schema that older states do not read by
//! fails here without a new version. `make states` renews what is stored of the present version.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value as Json;
use xeks::engine::Ledger;
use xeks::provider::Resource;
use xeks::registry;
use xeks::schema::{Attribute, Schema, Type};

const TYPE: &str = "type.json";

#[test]
fn every_stored_state_of_every_version_reads_in_todays_schema() {
    for resource in registry::resources() {
        for version in 0..=resource.schema().version() {
            let states = states(&resource, version);
            assert!(!states.is_empty(), "no states of {} v{version}: run `make states`", resource.name());
            for (path, stored) in states {
                reads(&resource, version, &stored).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
            }
        }
    }
}

#[test]
fn a_schema_changes_in_a_way_that_its_states_do_not_read_by_only_with_a_new_version() {
    for resource in registry::resources() {
        let (name, version, today) = (resource.name(), resource.schema().version(), resource.schema().value_type());
        let path = folder(&resource, version).join(TYPE);
        let stored = fs::read(&path).ok().map(|bytes| Type::from_json(&json(&bytes)).expect("a type"));
        if let Some(stored) = &stored {
            let lost = lost(stored, &today, "");
            assert!(lost.is_empty(), "{name}: states of version {version} no longer read. Add a step (CONTRIBUTING, States): {lost:?}");
        }
        if std::env::var_os("XEKS_WRITE").is_some() {
            fs::create_dir_all(folder(&resource, version)).unwrap();
            fs::write(&path, format!("{:#}\n", today.to_json())).unwrap();
        } else {
            assert_eq!(stored, Some(today), "{name} has attributes that {} does not know: run `make states`", path.display());
        }
    }
}

#[test]
fn what_a_change_takes_from_older_states_is_found() {
    let of = |attributes: Vec<Attribute>| Schema::new("", attributes).value_type();
    let role = |attributes: &[(&'static str, Type)]| {
        let nested = attributes.iter().map(|(name, ty)| Attribute::plain(name, ty.clone(), "")).collect();
        of(vec![Attribute::nested("role", xeks::schema::Nesting::Map, nested, "")])
    };
    let before = role(&[("name", Type::String), ("ports", Type::set(Type::Number))]);
    let more = role(&[("name", Type::String), ("ports", Type::set(Type::Number)), ("path", Type::String)]);
    assert_eq!(lost(&before, &before, ""), Vec::<String>::new());
    assert_eq!(lost(&before, &more, ""), Vec::<String>::new(), "what is added is null in older states");
    assert_eq!(lost(&more, &before, ""), ["role[].path is gone"]);
    let renamed = role(&[("title", Type::String), ("ports", Type::set(Type::Number))]);
    assert_eq!(lost(&before, &renamed, ""), ["role[].name is gone"]);
    let retyped = role(&[("name", Type::String), ("ports", Type::set(Type::String))]);
    assert_eq!(lost(&before, &retyped, ""), ["role[].ports[] was \"number\" and is \"string\""]);
    let flat = of(vec![Attribute::string("role", "")]);
    assert!(lost(&before, &flat, "")[0].starts_with("role was [\"map\""));
}

/// What values of the older type have that does not read by the newer one.
fn lost(older: &Type, newer: &Type, path: &str) -> Vec<String> {
    match (older, newer) {
        (Type::Object(older), Type::Object(newer)) => {
            let each = older.iter().map(|(name, ty)| {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                newer.get(name).map_or_else(|| vec![format!("{path} is gone")], |newer| lost(ty, newer, &path))
            });
            each.flatten().collect()
        }
        (Type::List(older), Type::List(newer)) | (Type::Set(older), Type::Set(newer)) | (Type::Map(older), Type::Map(newer)) => {
            lost(older, newer, &format!("{path}[]"))
        }
        _ if older == newer => Vec::new(),
        _ => vec![format!("{path} was {} and is {}", older.to_json(), newer.to_json())],
    }
}

fn reads(resource: &Arc<dyn Resource>, version: i64, stored: &Json) -> Result<(), String> {
    if stored["schema_version"] != version {
        return Err(format!("it says that its schema version is {}", stored["schema_version"]));
    }
    let attributes = &stored["attributes"];
    let state = resource.schema().upgrade(version, attributes.clone()).map_err(|outdated| outdated.to_string())?;
    let state = resource.stored(state).map_err(|error| error.to_string())?;
    let required = resource.schema().attributes.iter().filter(|attribute| attribute.required);
    let missing: Vec<_> = required.filter(|attribute| state.get(attribute.name).is_null()).map(|attribute| attribute.name).collect();
    if !missing.is_empty() {
        return Err(format!("nothing becomes of {missing:?}, which every configuration has"));
    }
    // A ledger that loses a line loses an object.
    let lines = |objects: &Json| objects.as_object().map_or(0, serde_json::Map::len);
    let read = Ledger::of_state(&state).0.len();
    if version == resource.schema().version() && read != lines(&attributes["objects"]) || read == 0 {
        return Err(format!("{read} entries of the ledger are left"));
    }
    Ok(())
}

fn states(resource: &Arc<dyn Resource>, version: i64) -> BTreeMap<PathBuf, Json> {
    let listed = fs::read_dir(folder(resource, version)).into_iter().flatten().map(|file| file.unwrap().path());
    let states = listed.filter(|path| !path.ends_with(TYPE));
    states.map(|path| (path.clone(), json(&fs::read(path).unwrap()))).collect()
}

fn folder(resource: &Arc<dyn Resource>, version: i64) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/states").join(resource.name()).join(format!("v{version}"))
}

fn json(bytes: &[u8]) -> Json {
    serde_json::from_slice(bytes).expect("JSON")
}
