//! The computed attributes: the connection, its status, and every route over it.

use std::collections::BTreeMap;

use super::model::Model;
use crate::engine::Key;
use crate::objects::Env;
use crate::objects::ec2::peering::route;
use crate::schema::Value;

/// The status of a connection that carries traffic.
const ACTIVE: &str = "active";

pub fn outputs(model: &Model, value: &Value, env: &Env, objects: &Value) -> BTreeMap<&'static str, Value> {
    let key = model.link.key().to_string();
    let id = match value.get("peering_connection_id") {
        // The configuration names it: so it is called also while it is not there.
        given if env.given.contains("peering_connection_id") => given.clone(),
        _ if objects.is_unknown() => before(model, env),
        _ => objects.get(&key).get("id").clone(),
    };
    let status = match value.get("status") {
        // A read has seen it; what an apply leaves is active.
        seen if seen.is_given() => seen.clone(),
        _ => Value::string(ACTIVE),
    };
    BTreeMap::from([("peering_connection_id", id), ("status", status), ("routes", routes(objects))])
}

/// By account, table and block, as in the ledger.
fn routes(objects: &Value) -> Value {
    let Some(entries) = objects.entries() else { return Value::Unknown };
    let all = entries.iter().filter_map(|(name, object)| {
        let key = Key::parse(name).filter(|key| key.kind == route::KIND)?;
        let (table, destination) = route::table_and_destination(&key).ok()?;
        let route = Value::object([
            ("account_id", object.get("account_id").clone()),
            ("region", object.get("region").clone()),
            ("route_table_id", Value::string(table)),
            ("destination", Value::string(destination)),
            ("peering_connection_id", object.get("id").clone()),
        ]);
        Some((format!("{}/{}", key.side, key.name), route))
    });
    Value::map(all)
}

/// The connection that the ledger names, while a plan does not know all objects.
fn before(model: &Model, env: &Env) -> Value {
    let entry = env.ledger.get(&model.link.key());
    entry.and_then(|entry| entry.id.as_deref()).map_or(Value::Unknown, Value::string)
}
