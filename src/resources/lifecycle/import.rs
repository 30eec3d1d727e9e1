//! Import: from an id to the state of what exists. Writes nothing.

use super::report::explain;
use super::{Composed, Composite, FromValue, ImportId, Located, env, ownership, timeout};
use crate::aws::{Account, Error};
use crate::diagnostics::{Diagnostics, Path};
use crate::engine::{self, Entry, Failure, Key, Ledger, Object, Origin, Refreshed, Tags};
use crate::objects::iam::{oidc_provider, role};
use crate::objects::{Context, Env};
use crate::provider::{Outcome, RequestContext};
use crate::resources::values::map_or_null;
use crate::schema::Value;

impl<C: Composite> Composed<C> {
    /// The state of what the id names; null with an error where there is nothing.
    pub(super) async fn import_id(&self, context: &RequestContext, id: &str) -> Outcome<Value> {
        let mut diagnostics = Diagnostics::new();
        let summary = format!("Import of {} failed", C::NAME);
        let Ok(parsed) = id.parse::<C::Id>() else {
            diagnostics.error(Path::root(), summary, format!("The ID {id:?} does not have the form {}.", C::Id::FORM));
            return Outcome::new(Value::Null, diagnostics);
        };
        let mut value = parsed.config(&self.schema);
        let pair = match self.pair(context, &value, &Ledger::default(), self.composite.sides(&value), true).await {
            Ok(pair) => pair,
            Err(error) => return Outcome::new(Value::Null, error.into()),
        };
        for (name, side) in self.regions() {
            if value.get(name).is_null() {
                value.insert(name, Value::optional_string(pair.opened(side).map(Account::region)));
            }
        }
        let mut env = env(&pair, &value, Ledger::default(), &context.provider);
        let model = C::Model::from_value(&value, &env);
        let mut cx = self.context(context, pair, &model, &env, timeout(&value, "read"));
        let mut seen = match self.read_for_import(&mut cx, &model, &mut value, &mut env).await {
            Ok(seen) => seen,
            Err(Located { path, error, .. }) => {
                diagnostics.error(path, summary, explain(&cx, &error));
                return Outcome::new(Value::Null, diagnostics);
            }
        };
        let model = C::Model::from_value(&value, &env);
        if seen.ledger.is_empty() {
            let names: Vec<String> = self.composite.objects(&model, &env).iter().map(|object| object.key().to_string()).collect();
            let detail = format!("None of the objects that the ID {id:?} names exists. Looked for: {}.", names.join(", "));
            diagnostics.error(Path::root(), summary, detail);
            return Outcome::new(Value::Null, diagnostics);
        }
        value.insert("tags_all", Value::map_of_strings(&env.tags_all(&value)));
        if let Err(more) = self.write_state(&cx, &env, &model, &mut value, &mut seen).await {
            return Outcome::new(Value::Null, more);
        }
        Outcome::new(value.without_unknowns(), diagnostics)
    }

    /// Reads twice: first to find out what exists, then to take it into the ledger. Where a role has a path, which no id says, what goes by
    /// its ARN is read once more.
    async fn read_for_import(&self, cx: &mut Context, model: &C::Model, value: &mut Value, env: &mut Env) -> Result<Refreshed, Located> {
        self.composite.resolve(cx, model, value, env).await?;
        // An id may leave out a part of the identity, such as the VPC of a connection.
        cx.ownership = ownership(&self.composite, &C::Model::from_value(value, env), env);
        let mut first = self.read_as_imported(cx, value, env).await?;
        env.learn(&first.ledger);
        let has_path = |(key, entry): (&Key, &Entry)| {
            key.kind == role::KIND && !entry.arn.as_ref().is_some_and(|arn| arn.ends_with(&format!(":role/{}", key.name)))
        };
        if first.ledger.0.iter().any(has_path) {
            first = self.read_as_imported(cx, value, env).await?;
        }
        value.insert("tags", map_or_null(&own_tags(&first, &env.default_tags)));
        let model = C::Model::from_value(value, env);
        self.composite.discover(cx, &model, value, env, &first).await?;
        let second = self.read_as_imported(cx, value, env).await?;
        env.learn(&second.ledger);
        Ok(second)
    }

    async fn read_as_imported(&self, cx: &Context, value: &Value, env: &Env) -> Result<Refreshed, Located> {
        let model = C::Model::from_value(value, env);
        let objects = self.composite.objects(&model, env);
        engine::import(cx, &objects).await.map_err(|failure| located(&objects, failure))
    }
}

/// The error of a read, at the attribute of its object.
fn located(objects: &[Box<dyn Object<Context>>], failure: Failure<Error>) -> Located {
    let object = objects.iter().find(|object| object.key() == failure.key);
    Located { path: object.map_or_else(Path::root, |object| object.attribute()), error: failure.error, key: None }
}

/// The tags that all imported objects have in common, without those that the provider sets by default. Roles may have tags of their own
/// over them: they count only where nothing else exists. An OIDC provider that the resource created counts for the tags that the roles
/// have too: others may have put more on it.
fn own_tags(seen: &Refreshed, default_tags: &Tags) -> Tags {
    let imported = seen.ledger.0.iter().filter(|(_, entry)| entry.origin == Origin::Imported);
    let (roles, mut all): (Vec<_>, Vec<_>) =
        imported.filter_map(|(key, entry)| Some((key, entry.tags.clone()?))).partition(|(key, _)| key.kind == role::KIND);
    let is_of_roles = |tag: &str| roles.iter().all(|(_, tags)| tags.contains_key(tag));
    let providers = seen.observed.iter().filter_map(|(key, observed)| Some((key, oidc_provider::inherited_tags(observed)?)));
    all.extend(providers.map(|(key, tags)| (key, tags.into_iter().filter(|(tag, _)| is_of_roles(tag)).collect())));
    let mut all = if all.is_empty() { roles } else { all }.into_iter().map(|(_, tags)| tags);
    let mut common = all.next().unwrap_or_default();
    for tags in all {
        common.retain(|key, value| tags.get(key) == Some(value));
    }
    common.retain(|key, value| default_tags.get(key) != Some(value));
    common
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::Side;
    use std::collections::BTreeMap;

    use crate::engine::found;

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn tags_of_an_import_are_those_that_every_object_has_and_no_default() {
        let entry = |pairs: &[(&str, &str)]| crate::engine::Entry { tags: Some(tags(pairs)), ..found("1", None, Origin::Imported) };
        let mut ledger = Ledger::default();
        ledger.0.insert(Key::new(Side::Cluster, "iam_role", "a"), entry(&[("team", "x"), ("owner", "platform"), ("only", "a")]));
        ledger.0.insert(Key::new(Side::Workload, "iam_role", "b"), entry(&[("team", "x"), ("owner", "platform")]));
        let seen = Refreshed { ledger, observed: BTreeMap::new(), replaced: BTreeMap::new() };
        assert_eq!(own_tags(&seen, &tags(&[("owner", "platform")])), tags(&[("team", "x")]));
    }
}
