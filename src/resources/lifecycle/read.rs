//! Read: the state as AWS is now. Whatever fails, the state is kept.

use super::report::{Operation, explain};
use super::{Begun, Composed, Composite, FromValue};
use crate::diagnostics::Diagnostics;
use crate::engine::{self, Entry, Refreshed};
use crate::objects::{Context, Env};
use crate::provider::{Outcome, RequestContext};
use crate::schema::Value;

impl<C: Composite> Composed<C> {
    pub(super) async fn read_state(&self, context: &RequestContext, state: Value) -> Outcome<Value> {
        if context.provider.unknown {
            return Outcome::new(state, Diagnostics::new());
        }
        let begun = match self.begin(context, &state, (&Value::Null, &state), "read").await {
            Ok(begun) => begun,
            Err(diagnostics) => return Outcome::new(state, diagnostics),
        };
        self.run.begin(&context.provider);
        self.run.has_state(&begun.cx.ownership.resource, &begun.env.ledger);
        match self.refresh(begun, state.clone()).await {
            Ok(outcome) => outcome,
            Err(diagnostics) => Outcome::new(state, diagnostics),
        }
    }

    async fn refresh(&self, begun: Begun<C::Model>, mut state: Value) -> Result<Outcome<Value>, Diagnostics> {
        let Begun { cx, env, model } = begun;
        let operation = Operation { cx: &cx, name: C::NAME, id: self.composite.id(&model).to_string() };
        let objects = self.composite.objects(&model, &env);
        let refreshed = engine::refresh(&cx, &objects, env.ledger.clone()).await;
        let mut seen = refreshed.map_err(|failure| operation.read_failed(&failure))?;
        let mut diagnostics = Diagnostics::new();
        let mut replaced = Vec::new();
        for object in &objects {
            let key = object.key();
            if let Some((summary, detail)) = seen.replaced.get(&key).and_then(|found| operation.replacement(&key, found)) {
                diagnostics.warning(object.attribute(), summary, detail);
                replaced.push(key);
            }
        }
        if seen.ledger.is_empty() {
            // The resource is kept although nothing of it is left: a destroy, which Terraform begins with a plan, would be refused because of
            // the foreign objects if that plan were one of a create.
            let pending = |(key, entry)| (key, Entry { pending: true, ..entry });
            seen.ledger.0 = env.ledger.select(replaced).into_iter().map(pending).collect();
        }
        if seen.ledger.is_empty() {
            return Ok(Outcome::new(Value::Null, diagnostics));
        }
        self.write_state(&cx, &env, &model, &mut state, &mut seen).await?;
        Ok(Outcome::new(state, diagnostics))
    }

    /// Writes what was read into a state.
    pub(super) async fn write_state(
        &self,
        cx: &Context,
        env: &Env,
        model: &C::Model,
        state: &mut Value,
        seen: &mut Refreshed,
    ) -> Result<(), Diagnostics> {
        self.composite.refresh(cx, model, state, env, seen).await.map_err(|located| {
            let mut diagnostics = Diagnostics::new();
            let text = format!("{}\n\nNothing was changed, neither in AWS nor in the state.", explain(cx, &located.error));
            diagnostics.error(located.path, format!("Reading {} failed", C::NAME), text);
            diagnostics
        })?;
        seen.ledger.write_to(state);
        let model = C::Model::from_value(state, env);
        // Not tags_all: its drift is that of the provider's default_tags, which only a plan may bring in.
        // What follows from an object that is gone is null until the object is created again.
        for (name, output) in self.outputs(&model, state, env, state.get("objects")) {
            state.insert(name, output.without_unknowns());
        }
        Ok(())
    }
}
