//! The ledger that an apply will leave, from configuration and prior ledger alone.

use std::collections::BTreeMap;

use super::key::Key;
use super::ledger::{Ledger, Origin};
use super::object::OnExisting;
use crate::schema::Value;

/// What a plan says of an object. Values that follow from the configuration are known, those that AWS decides are unknown.
#[derive(Clone, Debug)]
pub struct Declared {
    pub key: Key,
    pub on_existing: OnExisting,
    pub account_id: Value,
    pub region: Value,
    /// Null where the kind has no ARN; unknown where it depends on an object that is already there.
    pub arn: Value,
    /// The document of an object that is ours alone; null where the kind has none.
    pub document: Value,
    /// What of the document is ours on an object that is adopted; null where nothing is.
    pub adopted_document: Value,
    /// Null where the kind has no tags.
    pub tags: Value,
    /// Tags on an object that is adopted; null where it gets none.
    pub adopted_tags: Value,
    /// Whether AWS gives the object an id.
    pub has_id: bool,
    /// The object whose id this one is bound to and carries in its place: a principal's RoleId.
    pub bound_to: Option<Key>,
    /// It can't be looked at yet: it goes by the ARN of an object that is not known.
    pub needs_unknown_arn: bool,
}

/// The planned value of `objects`.
pub fn plan(declared: &[Declared], prior: &Ledger) -> Value {
    let all: BTreeMap<&Key, &Declared> = declared.iter().map(|d| (&d.key, d)).collect();
    Value::map(declared.iter().map(|d| (d.key.to_string(), planned(d, &all, prior))))
}

fn planned(declared: &Declared, all: &BTreeMap<&Key, &Declared>, prior: &Ledger) -> Value {
    let entry = prior.get(&declared.key);
    let origin = origin_of(declared, all, prior);
    let document = match origin {
        Some(Origin::Adopted) => declared.adopted_document.clone(),
        Some(_) => declared.document.clone(),
        None => if_equal(&declared.document, &declared.adopted_document),
    };
    let tags = match (origin, entry) {
        (Some(Origin::Adopted), _) => declared.adopted_tags.clone(),
        // A shared object's tags are set when it is made, and not churned after.
        (Some(Origin::Shared), Some(entry)) => certain(entry, tags_of(entry.tags.as_ref())),
        (Some(Origin::Shared), None) => Value::Unknown,
        (Some(_), _) => declared.tags.clone(),
        (None, _) => if_equal(&declared.tags, &declared.adopted_tags),
    };
    let id = id_of(declared, all, prior);
    // What is bound to another object than it says is made anew, and gets an ARN of its own.
    let made_anew = |entry: &super::Entry| declared.bound_to.is_some() && text_of(entry.id.as_deref()) != id;
    let arn = match entry {
        Some(entry) if declared.arn.is_unknown() && !made_anew(entry) => certain(entry, text_of(entry.arn.as_deref())),
        _ => declared.arn.clone(),
    };
    let added = match (origin, entry) {
        (Some(Origin::Created), _) => Value::set([]),
        (_, Some(entry)) if text_of(entry.document.as_deref()) == document && tags_of(entry.tags.as_ref()) == tags => {
            Value::set_of_strings(entry.added.iter().cloned())
        }
        _ => Value::Unknown,
    };
    let instance = match entry {
        // A create mints the instance; an entry keeps what it has.
        Some(entry) if origin == Some(entry.origin) => Value::optional_string(entry.instance.as_deref()),
        _ => Value::Unknown,
    };
    Value::object([
        ("account_id", declared.account_id.clone()),
        ("region", declared.region.clone()),
        ("arn", arn),
        ("id", id),
        ("origin", origin.map_or(Value::Unknown, |o| Value::string(o.as_str()))),
        ("document", document),
        ("tags", tags),
        ("instance", instance),
        ("added", added),
        ("pending", Value::Bool(false)),
    ])
}

/// The origin that the apply will record, where it follows from the configuration and the prior ledger.
fn origin_of(declared: &Declared, all: &BTreeMap<&Key, &Declared>, prior: &Ledger) -> Option<Origin> {
    if let Some(entry) = prior.get(&declared.key) {
        return Some(entry.origin.described_by(&declared.on_existing));
    }
    match &declared.on_existing {
        OnExisting::Fail | OnExisting::Overwrite => Some(Origin::Created),
        OnExisting::MustExist => Some(Origin::Adopted),
        OnExisting::Share => Some(Origin::Shared),
        OnExisting::Adopt => None,
        OnExisting::InheritFrom(parent) => {
            let parent = origin_of(all.get(parent)?, all, prior)?;
            parent.is_own().then_some(Origin::Created)
        }
    }
}

/// What the entry holds; unknown where a call on the object has had no answer, and so what AWS decides may not be there yet.
fn certain(entry: &super::Entry, held: Value) -> Value {
    if held.is_null() && entry.pending { Value::Unknown } else { held }
}

fn if_equal(one: &Value, other: &Value) -> Value {
    if one == other { one.clone() } else { Value::Unknown }
}

fn text_of(text: Option<&str>) -> Value {
    Value::optional_string(text)
}

fn tags_of(tags: Option<&super::Tags>) -> Value {
    tags.map_or(Value::Null, Value::map_of_strings)
}

fn id_of(declared: &Declared, all: &BTreeMap<&Key, &Declared>, prior: &Ledger) -> Value {
    if let Some(key) = &declared.bound_to {
        // Bound to the id of another object: unknown as long as that one has to be made.
        return match (all.get(key), prior.get(key)) {
            (Some(_), Some(entry)) => certain(entry, text_of(entry.id.as_deref())),
            (Some(_), None) => Value::Unknown,
            (None, _) => Value::Null,
        };
    }
    match (declared.has_id, prior.get(&declared.key)) {
        (false, _) => Value::Null,
        (true, Some(entry)) => certain(entry, text_of(entry.id.as_deref())),
        (true, None) => Value::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Entry, found};
    use super::*;
    use crate::aws::Side;

    fn role(name: &str) -> Declared {
        let null = Value::Null;
        Declared {
            key: Key::new(Side::Cluster, "iam_role", name),
            on_existing: OnExisting::Fail,
            account_id: Value::string("1"),
            region: null.clone(),
            arn: Value::Unknown,
            document: null.clone(),
            adopted_document: null.clone(),
            tags: null.clone(),
            adopted_tags: null,
            has_id: true,
            bound_to: None,
            needs_unknown_arn: false,
        }
    }

    fn planned_id(pending: bool, id: Option<&str>) -> Value {
        let entry = Entry { pending, id: id.map(str::to_owned), ..found("1", None, Origin::Created) };
        let declared = role("a");
        let ledger = Ledger([(declared.key.clone(), entry)].into());
        plan(&[declared], &ledger).get("cluster/iam_role/a").get("id").clone()
    }

    #[test]
    fn an_id_that_a_failed_call_left_open_is_unknown_and_one_that_is_held_is_kept() {
        assert_eq!(planned_id(true, None), Value::Unknown);
        assert_eq!(planned_id(true, Some("AROA1")), Value::string("AROA1"));
        assert_eq!(planned_id(false, Some("AROA1")), Value::string("AROA1"));
    }
}
