//! Apply: AWS is brought to the plan, or all of the resource is deleted. Whatever fails, the state names what exists.

use super::report::{Operation, explain, surprises};
use super::unmanaged::forget_unmanaged;
use super::verify::{until_gone, until_visible};
use super::{Begun, Change, Composed, Composite, FromValue, Located};
use crate::diagnostics::{Diagnostics, sentence};
use crate::engine;
use crate::objects::iam::oidc_provider;
use crate::objects::{Context, Env};
use crate::provider::{ApplyRequest, Outcome, RequestContext};
use crate::resources::preflight;
use crate::schema::Value;

impl<C: Composite> Composed<C> {
    pub(super) async fn create_or_update(&self, context: &RequestContext, request: ApplyRequest) -> Outcome<Value> {
        let ApplyRequest { prior, planned, config } = request;
        let mut diagnostics = Diagnostics::new();
        let operation = if prior.is_null() { "create" } else { "update" };
        let Begun { cx, mut env, model } = match self.begin(context, &planned, (&config, &prior), operation).await {
            Ok(begun) => begun,
            Err(diagnostics) => return Outcome::new(prior, diagnostics),
        };
        let mut ledger = env.ledger.clone();
        let mut value = planned.clone();
        cx.look.begin();
        if let Err(Located { path, error, .. }) = self.composite.resolve(&cx, &model, &mut value, &mut env).await {
            let summary = format!("{} of {} failed before anything was changed", sentence(operation), C::NAME);
            diagnostics.error(path, summary, explain(&cx, &error));
            return Outcome::new(prior, diagnostics);
        }
        let model = C::Model::from_value(&value, &env);
        if self.run.was_incomplete(&cx.ownership.resource) {
            let change = Change { value: &value, prior: &prior };
            self.check_again(&cx, &model, change, &env).await;
            let missing = preflight::still_missing(&cx);
            if missing.has_error() {
                diagnostics.extend(missing);
                return Outcome::new(prior, diagnostics);
            }
        }
        let instance = prior.get("instance").as_str().map_or_else(mint_instance, str::to_owned);
        let objects = self.composite.objects(&model, &env);
        oidc_provider::will_hold(&cx, &objects);
        forget_unmanaged(&mut ledger, &objects);
        let named: Vec<_> = objects.iter().map(|object| object.key()).map(|key| (env.identity(key.side).account_id.clone(), key)).collect();
        until_gone(&cx, &self.run.take_deleted(&named), true, &mut diagnostics).await;
        let converged = engine::converge(&cx, &objects, ledger, &instance).await;
        let converged = until_visible(&cx, &objects, converged, &instance, &mut diagnostics).await;
        until_gone(&cx, &converged.deleted, converged.failures.is_empty(), &mut diagnostics).await;
        let report = Operation { cx: &cx, name: C::NAME, id: self.composite.id(&model).to_string() };
        report.warn(&mut diagnostics);
        let mut ledger = converged.ledger;
        if converged.failures.is_empty() {
            ledger.write_to(&mut value);
            self.fill(&mut value, &model, &env);
            surprises(C::NAME, &planned, &value, &mut diagnostics);
            return Outcome::new(value, diagnostics);
        }
        report.failures(operation, &converged.failures, &ledger, &mut diagnostics);
        if prior.is_null() && ledger.is_empty() {
            return Outcome::new(prior, diagnostics);
        }
        if prior.is_null() {
            ledger.write_to(&mut value);
            self.fill(&mut value, &model, &env);
            return Outcome::new(value.without_unknowns(), diagnostics);
        }
        // The user's attributes keep their prior values, so that the next plan shows the whole change again; the ledger says what exists,
        // and that all of it has to be read again.
        ledger.0.values_mut().for_each(|entry| entry.pending = true);
        let mut state = prior;
        ledger.write_to(&mut state);
        Outcome::new(state, diagnostics)
    }

    /// Looks once more for what the plan did not find: the resources that this one depends on are done. What else the checks find, the plan has
    /// said.
    async fn check_again(&self, cx: &Context, model: &C::Model, change: Change<'_>, env: &Env) {
        cx.look.begin();
        let objects = self.composite.objects(model, env);
        let all: Vec<_> = objects.iter().map(AsRef::as_ref).collect();
        let id = self.composite.id(model).to_string();
        futures::join!(
            preflight::foreign_objects(cx, &all, &env.ledger, &self.run, &id),
            self.composite.check(cx, model, change, env, &self.run)
        );
    }

    pub(super) async fn destroy(&self, context: &RequestContext, prior: Value) -> Outcome<Value> {
        let mut diagnostics = Diagnostics::new();
        let Begun { cx, env, model } = match self.begin(context, &prior, (&Value::Null, &prior), "delete").await {
            Ok(begun) => begun,
            Err(diagnostics) => return Outcome::new(prior, diagnostics),
        };
        oidc_provider::will_leave(&cx, &env.ledger);
        let converged = engine::delete_all(&cx, env.ledger).await;
        self.run.has_deleted(converged.deleted);
        let report = Operation { cx: &cx, name: C::NAME, id: self.composite.id(&model).to_string() };
        report.warn(&mut diagnostics);
        if converged.failures.is_empty() {
            return Outcome::new(Value::Null, diagnostics);
        }
        report.failures("delete", &converged.failures, &converged.ledger, &mut diagnostics);
        let mut state = prior;
        converged.ledger.write_to(&mut state);
        Outcome::new(state, diagnostics)
    }
}

/// A new instance: 16 hexadecimal digits, enough that two creates never mint the same.
fn mint_instance() -> String {
    uuid::Uuid::new_v4().simple().to_string()[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_are_never_the_same() {
        assert_ne!(mint_instance(), mint_instance());
        assert_eq!(mint_instance().len(), 16);
    }
}
