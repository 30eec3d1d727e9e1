//! The ledger that an apply will leave, from configuration and prior ledger alone.

use std::collections::BTreeMap;

use super::key::Key;
use super::kind::{Accounts, Backend};
use super::ledger::{Entry, Ledger, Origin, added_value, instance_value, tags_value};
use super::object::{Object, OnExisting, Planned};
use crate::schema::{Value, placeholder};

/// The planned value of the attribute `objects` of a resource with that instance; without one it is to be created.
pub fn plan<B: Backend>(objects: &[Box<dyn Object<B>>], prior: &Ledger, own: Option<&str>, env: &B::Env) -> Value {
    let all: BTreeMap<Key, &dyn Object<B>> = objects.iter().map(|object| (object.key(), object.as_ref())).collect();
    let plan = Plan { all, prior, own, env };
    Value::map(objects.iter().map(|object| (object.key().to_string(), plan.entry(object.as_ref()))))
}

struct Plan<'a, B: Backend> {
    all: BTreeMap<Key, &'a dyn Object<B>>,
    prior: &'a Ledger,
    own: Option<&'a str>,
    env: &'a B::Env,
}

impl<B: Backend> Plan<'_, B> {
    /// Whether no object of the resource has an instance of another create.
    fn is_all_own(&self) -> bool {
        self.prior.0.values().all(|entry| entry.instance.is_none() || entry.instance.as_deref() == self.own)
    }

    fn entry(&self, object: &dyn Object<B>) -> Value {
        let (key, planned) = (object.key(), object.planned(self.env));
        let entry = self.prior.get(&key);
        let origin = self.origin(object);
        let document = match origin {
            Some(Origin::Adopted) => planned.adopted_document.clone(),
            Some(_) => planned.document.clone(),
            None => if_equal(&planned.document, &planned.adopted_document),
        };
        let tags = match (origin, entry) {
            (Some(Origin::Adopted), _) => planned.adopted_tags.clone(),
            // Which tags of a shared object are this resource's depends on whether it creates it.
            (Some(Origin::Shared), entry) if entry.is_none_or(|entry| entry.pending) => Value::Unknown,
            (Some(_), _) => planned.tags.clone(),
            (None, _) => if_equal(&planned.tags, &planned.adopted_tags),
        };
        let tags = none_if_empty(tags);
        let id = self.id(&key, &planned);
        // An object that is bound to another one than the configuration says is created again, and gets an ARN of its own.
        let recreated = |entry: &Entry| planned.bound_to.is_some() && text(entry.id.as_deref()) != id;
        let arn = match entry {
            Some(entry) if planned.arn.is_unknown() && !recreated(entry) => certain(entry, text(entry.arn.as_deref())),
            _ => planned.arn.clone(),
        };
        let added = match (origin, entry) {
            (Some(Origin::Created), _) => Value::Null,
            (_, Some(entry)) if text(entry.document.as_deref()) == document && tags_value(entry.tags.as_ref()) == tags => {
                added_value(&entry.added)
            }
            _ => Value::Unknown,
        };
        let instance = match entry {
            Some(entry) if origin == Some(entry.origin) => instance_value(entry, self.own),
            // Not its resource's own only if it is attached to an object of another one.
            _ if self.is_all_own() => Value::Null,
            _ => Value::Unknown,
        };
        Value::object([
            ("account_id", Value::string(self.env.account_id(key.side))),
            ("region", object.region().map_or(Value::Null, placeholder::value)),
            ("arn", arn),
            ("id", id),
            ("origin", origin.map_or(Value::Unknown, |origin| Value::string(origin.as_str()))),
            ("document", document),
            ("tags", tags),
            ("instance", instance),
            ("added", added),
            ("pending", Value::Null),
        ])
    }

    /// The origin that the apply will record, where it follows from the configuration and the prior ledger.
    fn origin(&self, object: &dyn Object<B>) -> Option<Origin> {
        if let Some(entry) = self.prior.get(&object.key()) {
            return Some(entry.origin.described_by(&object.on_existing()));
        }
        match object.on_existing() {
            OnExisting::Fail | OnExisting::Overwrite => Some(Origin::Created),
            OnExisting::MustExist => Some(Origin::Adopted),
            OnExisting::Share => Some(Origin::Shared),
            OnExisting::Adopt => None,
            OnExisting::InheritFrom(parent) => {
                let parent = self.origin(*self.all.get(&parent)?)?;
                parent.is_own().then_some(Origin::Created)
            }
        }
    }

    fn id(&self, key: &Key, planned: &Planned) -> Value {
        if let Some(bound_to) = &planned.bound_to {
            // Unknown as long as the object that it is bound to has to be created.
            return match (self.all.get(bound_to), self.prior.get(bound_to)) {
                (Some(_), Some(entry)) => certain(entry, text(entry.id.as_deref())),
                (Some(_), None) => Value::Unknown,
                (None, _) => Value::Null,
            };
        }
        match (planned.has_id, self.prior.get(key)) {
            (false, _) => Value::Null,
            (true, Some(entry)) => certain(entry, text(entry.id.as_deref())),
            (true, None) => Value::Unknown,
        }
    }
}

/// What the entry has; unknown where a call on the object has had no answer, so that what AWS decides may be missing.
fn certain(entry: &Entry, held: Value) -> Value {
    if held.is_null() && entry.pending { Value::Unknown } else { held }
}

fn if_equal(one: &Value, other: &Value) -> Value {
    if one == other { one.clone() } else { Value::Unknown }
}

fn text(text: Option<&str>) -> Value {
    Value::optional_string(text)
}

/// Tags as the ledger has them: null for none.
fn none_if_empty(tags: Value) -> Value {
    if tags.entries().is_some_and(BTreeMap::is_empty) { Value::Null } else { tags }
}

#[cfg(test)]
mod tests {
    use super::super::found;
    use super::super::sweep::{Toy, boxed, root};
    use super::*;

    fn planned_id(pending: bool, id: Option<&str>) -> Value {
        let entry = Entry { pending, id: id.map(str::to_owned), ..found("1", None, Origin::Created) };
        let objects = boxed(&[root("a", "1", &[])]);
        let ledger = Ledger([(objects[0].key(), entry)].into());
        plan(&objects, &ledger, None, &Toy::new()).get("cluster/root/a").get("id").clone()
    }

    #[test]
    fn an_id_that_a_failed_call_left_open_is_unknown_and_one_that_is_held_is_kept() {
        assert_eq!(planned_id(true, None), Value::Unknown);
        assert_eq!(planned_id(true, Some("AROA1")), Value::string("AROA1"));
        assert_eq!(planned_id(false, Some("AROA1")), Value::string("AROA1"));
    }
}
