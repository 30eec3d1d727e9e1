//! Apply: the world is brought to the plan, or all of it is removed. Whatever fails, the state names what exists.

use super::report::{explain, report, warn};
use super::verify::{until_gone, until_seen};
use super::{Composed, Composite, Located, release};
use crate::diagnostics::{Diagnostics, sentence};
use crate::engine;
use crate::provider::{ApplyRequest, Outcome, RequestContext};
use crate::resources::common;
use crate::schema::Value;

impl<C: Composite> Composed<C> {
    pub(super) async fn create_or_update(&self, context: &RequestContext, request: ApplyRequest) -> Outcome<Value> {
        let ApplyRequest { prior, planned, config } = request;
        let mut diagnostics = Diagnostics::new();
        let operation = if prior.is_null() { "create" } else { "update" };
        let (cx, mut env) = match self.begin(context, &planned, (&config, prior.get("objects")), operation).await {
            Ok(begun) => begun,
            Err(diagnostics) => return Outcome::new(prior, diagnostics),
        };
        let mut ledger = env.ledger.clone();
        let mut value = planned.clone();
        if let Err(Located { path, error }) = self.composite.resolve(&cx, &mut value, &mut env).await {
            let summary = format!("{} of {} failed before anything was changed", sentence(operation), C::NAME);
            diagnostics.error(path, summary, explain(&error));
            return Outcome::new(prior, diagnostics);
        }
        let instance = ledger.instance().map_or_else(common::mint_instance, str::to_owned);
        let (declared, objects) =
            self.parts(&value, &env).into_iter().map(|part| (part.declared, part.object)).unzip::<_, _, Vec<_>, Vec<_>>();
        release::release(&mut ledger, &declared, |key| self.composite.leaves(&value, key));
        let converged = engine::converge(&cx, &objects, ledger, &instance).await;
        let converged = until_seen(&cx, &objects, converged, &instance, &mut diagnostics).await;
        until_gone(&cx, &converged.failures, &mut diagnostics).await;
        warn(&cx, &mut diagnostics);
        let mut ledger = converged.ledger;
        if converged.failures.is_empty() {
            self.fill(&mut value, &env, ledger.to_value());
            common::report_surprises(C::NAME, &planned, &value, &mut diagnostics);
            return Outcome::new(value, diagnostics);
        }
        report(C::NAME, operation, &converged.failures, &ledger, &mut diagnostics);
        if prior.is_null() && ledger.is_empty() {
            return Outcome::new(prior, diagnostics);
        }
        if prior.is_null() {
            self.fill(&mut value, &env, ledger.to_value());
            return Outcome::new(common::without_unknowns(&value), diagnostics);
        }
        // The user's attributes stay as they were, so that the next plan shows the whole change again; the ledger says what
        // exists, and that all of it has to be looked at.
        ledger.0.values_mut().for_each(|entry| entry.pending = true);
        let mut state = prior;
        state.insert("objects", ledger.to_value());
        Outcome::new(state, diagnostics)
    }

    pub(super) async fn destroy(&self, context: &RequestContext, prior: Value) -> Outcome<Value> {
        let mut diagnostics = Diagnostics::new();
        let (cx, env) = match self.begin(context, &prior, (&Value::Null, prior.get("objects")), "delete").await {
            Ok(begun) => begun,
            Err(diagnostics) => return Outcome::new(prior, diagnostics),
        };
        let converged = engine::remove_all(&cx, env.ledger).await;
        until_gone(&cx, &converged.failures, &mut diagnostics).await;
        warn(&cx, &mut diagnostics);
        if converged.failures.is_empty() {
            return Outcome::new(Value::Null, diagnostics);
        }
        report(C::NAME, "delete", &converged.failures, &converged.ledger, &mut diagnostics);
        let mut state = prior;
        state.insert("objects", converged.ledger.to_value());
        Outcome::new(state, diagnostics)
    }
}
