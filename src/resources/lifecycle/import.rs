//! Import: from an id to the state of what is there. Writes nothing.

use super::report::explain;
use super::{Composed, Composite, Located};
use crate::aws::error::Error;
use crate::diagnostics::{Diagnostics, Path};
use crate::engine::{self, Entry, Failure, Key, Ledger, Origin, Refreshed, Tags};
use crate::objects::{Context, iam};
use crate::provider::{Outcome, RequestContext};
use crate::resources::common;
use crate::resources::env::Env;
use crate::schema::Value;

impl<C: Composite> Composed<C> {
    /// The state of what the id names; null with an error where there is nothing.
    pub(super) async fn take_over(&self, context: &RequestContext, id: &str) -> Outcome<Value> {
        let mut diagnostics = Diagnostics::new();
        let summary = format!("Import of {} failed", C::NAME);
        let mut value = match self.composite.import_value(&self.schema, id) {
            Ok(value) => value,
            Err(form) => {
                diagnostics.error(Path::root(), summary, format!("The id {id:?} is not of the form {form}."));
                return Outcome::new(Value::Null, diagnostics);
            }
        };
        let pair = match self.pair(context, &value).await {
            Ok(pair) => pair,
            Err(error) => return Outcome::new(Value::Null, error.into()),
        };
        for (name, side) in self.regions() {
            if value.get(name).is_null() {
                value.insert(name, Value::string(pair.side(side).region()));
            }
        }
        let mut env = Env::new(&pair, &value, Ledger::default(), &context.provider);
        let cx = self.cx(context, pair, &value, &env, "read");
        let looked = self.look_for_import(&cx, &mut value, &mut env).await;
        let mut seen = match looked {
            Ok(seen) => seen,
            Err(Located { path, error }) => {
                diagnostics.error(path, summary, explain(&error));
                return Outcome::new(Value::Null, diagnostics);
            }
        };
        if seen.ledger.is_empty() {
            let names: Vec<String> = self.objects(&value, &env).iter().map(|p| p.key().to_string()).collect();
            let detail = format!("Nothing of what the id {id:?} names exists. Looked for: {}.", names.join(", "));
            diagnostics.error(Path::root(), summary, detail);
            return Outcome::new(Value::Null, diagnostics);
        }
        value.insert("tags_all", Value::map_of_strings(&env.tags_all(&value)));
        if let Err(more) = self.settle(&cx, &env, &mut value, &mut seen).await {
            return Outcome::new(Value::Null, more);
        }
        Outcome::new(common::without_unknowns(&value), diagnostics)
    }

    /// Two looks: the first finds out what there is, the second takes it into the ledger. Where a role stands under a path, which no
    /// id tells, what goes by its ARN is looked for once more.
    async fn look_for_import(&self, cx: &Context, value: &mut Value, env: &mut Env) -> Result<Refreshed, Located> {
        self.composite.resolve(cx, value, env).await?;
        let failed = |failure: Failure<Error>| Located { path: self.composite.path_of(&failure.key), error: failure.error };
        let mut first = engine::import(cx, &self.objects(value, env)).await.map_err(failed)?;
        env.learn(&first.ledger);
        let in_path = |(key, entry): (&Key, &Entry)| {
            key.kind == iam::role::KIND && !entry.arn.as_ref().is_some_and(|arn| arn.ends_with(&format!(":role/{}", key.name)))
        };
        if first.ledger.0.iter().any(in_path) {
            first = engine::import(cx, &self.objects(value, env)).await.map_err(failed)?;
        }
        value.insert("tags", common::map_or_null(&own_tags(&first.ledger, &env.default_tags)));
        self.composite.discovered(cx, value, env, &first).await?;
        let second = engine::import(cx, &self.objects(value, env)).await.map_err(failed)?;
        env.learn(&second.ledger);
        Ok(second)
    }
}

/// The tags that all imported objects carry alike, without those that the provider sets by default. Roles may have tags of their own
/// over them: they are asked only where nothing else is there.
fn own_tags(ledger: &Ledger, default_tags: &Tags) -> Tags {
    let tagged = ledger.0.iter().filter(|(_, entry)| entry.origin == Origin::Imported).filter_map(|(key, e)| Some((key, e.tags.as_ref()?)));
    let (roles, others): (Vec<_>, Vec<_>) = tagged.partition(|(key, _)| key.kind == iam::role::KIND);
    let mut all = if others.is_empty() { roles } else { others }.into_iter().map(|(_, tags)| tags);
    let mut common = all.next().cloned().unwrap_or_default();
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
        assert_eq!(own_tags(&ledger, &tags(&[("owner", "platform")])), tags(&[("team", "x")]));
    }
}
