//! Values as a host sends them and as a state holds them, against the types of everything that the provider offers.

use std::sync::{Arc, LazyLock};

use crate::provider::{self, Resource};
use crate::registry;
use crate::schema::{Type, Value, json, msgpack};

/// What is sent is of one of these types.
static TYPES: LazyLock<Vec<Type>> = LazyLock::new(|| {
    let mut types = vec![provider::schema().value_type()];
    types.extend(registry::resources().iter().map(|resource| resource.schema().value_type()));
    types.extend(registry::data_sources().iter().map(|source| source.schema().value_type()));
    types.extend([Type::Dynamic, Type::Number, Type::list(Type::Dynamic), Type::map(Type::set(Type::Number))]);
    types.push(Type::Tuple(vec![Type::String, Type::map(Type::Bool), Type::Number]));
    types
});

static RESOURCES: LazyLock<Vec<Arc<dyn Resource>>> = LazyLock::new(registry::resources);

/// The first byte picks the type; the rest is the value.
pub fn msgpack(data: &[u8]) {
    let Some((ty, bytes)) = picked(data) else { return };
    if let Ok(value) = msgpack::decode(bytes, ty) {
        survives(&value, ty);
    }
}

/// The first byte picks the type; the rest is the value. Resources also take it for a stored state.
pub fn json(data: &[u8]) {
    let Some((ty, bytes)) = picked(data) else { return };
    let Ok(parsed) = json::parse(bytes) else { return };
    if let Ok(value) = json::decode(&parsed, ty) {
        survives(&value, ty);
    }
    for resource in RESOURCES.iter() {
        let schema = resource.schema();
        // A ledger that is not understood is refused by the resource itself.
        let stored = schema.upgrade(schema.version(), parsed.clone()).map(|state| resource.stored(state));
        if let Ok(Ok(state)) = stored {
            survives(&state, &schema.value_type());
        }
    }
}

fn picked(data: &[u8]) -> Option<(&'static Type, &[u8])> {
    let (pick, bytes) = data.split_first()?;
    Some((&TYPES[*pick as usize % TYPES.len()], bytes))
}

/// What was read is read again as the same, once it is written, and written the same.
fn survives(value: &Value, ty: &Type) {
    let written = msgpack::encode(value, ty);
    let again = msgpack::decode(&written, ty).unwrap_or_else(|why| panic!("what was written can't be read: {why}"));
    assert_eq!(&again, value);
    assert_eq!(msgpack::encode(&again, ty), written);
}
