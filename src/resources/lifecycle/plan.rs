//! Plan: values from configuration and prior state alone; what is seen of the world becomes diagnostics.

use std::sync::Arc;

use super::{Composed, Composite, healing};
use crate::aws::accounts::Pair;
use crate::diagnostics::{Diagnostics, Path};
use crate::engine::{self, Declared, Ledger};
use crate::objects::Context;
use crate::provider::{Configured, Outcome, Plan, PlanRequest, RequestContext};
use crate::resources::env::{Env, Part};
use crate::resources::preflight;
use crate::schema::{Value, placeholder};

impl<C: Composite> Composed<C> {
    pub(super) async fn plan_change(&self, context: &RequestContext, request: PlanRequest) -> Outcome<Plan> {
        let PlanRequest { config, prior, replanned } = request;
        if config.is_null() {
            return Outcome::new(Plan { planned: Value::Null, replaces: Vec::new() }, Diagnostics::new());
        }
        let value = self.schema.with_defaults(&config);
        let unknown = |this: &Self, diagnostics| Outcome::new(this.plan_without_accounts(value.clone(), &prior), diagnostics);
        if context.provider.unknown || value.get("workload_account").is_unknown() {
            return unknown(self, Diagnostics::new());
        }
        let pair = match self.pair(context, &value).await {
            Ok(pair) => pair,
            // The account may be right and out of reach from where the plan is made: say so, and plan what can be said without it.
            Err(error) if error.is_unreachable() => return unknown(self, preflight::unreachable(&error)),
            Err(error) => return unknown(self, error.into()),
        };
        let (planned, env) = self.planned(value, &prior, &pair, &context.provider);
        let ledger = &env.ledger;
        let mut replaces = Vec::new();
        let mut diagnostics = Diagnostics::new();
        if !prior.is_null() {
            replaces = self.schema.replaced(&prior, &planned);
            replaces.retain(|path| !self.composite.changes_in_place(path, ledger, &planned));
            if let Err(elsewhere) = env.same_accounts() {
                diagnostics.extend(elsewhere);
            }
            if replaces.is_empty() {
                diagnostics.extend(self.healing(&planned, &env));
            } else {
                self.known.replaced(ledger);
            }
        }
        let cx = self.cx(context, pair, &planned, &env, "read");
        self.known.state(&cx.ownership.resource, ledger);
        if let Some((path, only)) = self.composite.only_one(&planned)
            && !replanned
            && self.siblings.meet(&context.provider, &cx.ownership.resource, prior.is_null())
        {
            diagnostics.extend(another::<C>(path, only));
        }
        // Terraform plans the create half of a replacement once more, as a create: what is in its way is told then.
        if planned != prior && replaces.is_empty() && !context.provider.skip_preflight && !diagnostics.has_error() {
            let first = (prior.is_null() && !replanned).then_some(&context.provider);
            diagnostics.extend(self.preflight(&cx, &planned, &prior, env, first).await);
        }
        Outcome::new(Plan { planned, replaces }, diagnostics)
    }

    /// The value with every computed attribute that has no default unknown: a plan that can say nothing yet. What replaces when it
    /// changes stays as it was, since nothing says that it does.
    fn all_unknown(&self, mut value: Value, prior: &Value) -> Value {
        for attribute in self.schema.attributes.iter().filter(|a| a.computed && a.default.is_none()) {
            if value.get(attribute.name).is_null() {
                let kept = Some(prior.get(attribute.name)).filter(|before| attribute.replaces && !before.is_null());
                value.insert(attribute.name, kept.cloned().unwrap_or(Value::Unknown));
            }
        }
        value
    }

    /// The plan while the accounts can't be asked. What replaces is said all the same: an apply that replaced what was planned as
    /// an update would be refused.
    fn plan_without_accounts(&self, value: Value, prior: &Value) -> Plan {
        let planned = self.all_unknown(value, prior);
        let mut replaces = if prior.is_null() { Vec::new() } else { self.schema.replaced(prior, &planned) };
        let ledger = Ledger::from_value(prior.get("objects"));
        replaces.retain(|path| !self.composite.changes_in_place(path, &ledger, &planned));
        Plan { planned, replaces }
    }

    /// The plan's values: a pure function of configuration, prior state and the two accounts.
    fn planned(&self, mut value: Value, prior: &Value, pair: &Pair, provider: &Configured) -> (Value, Env) {
        let config = value.clone();
        for (name, side) in self.regions() {
            if value.get(name).is_null() {
                value.insert(name, Value::string(prior.get(name).as_str().unwrap_or_else(|| pair.side(side).region())));
            }
        }
        for name in self.composite.observed_attributes() {
            // Null after a create that did not get that far: still to be looked up.
            value.insert(name, if prior.get(name).is_null() { Value::Unknown } else { prior.get(name).clone() });
        }
        self.composite.plan_observed(&mut value, prior);
        let mut env = Env::new(pair, &value, Ledger::from_value(prior.get("objects")), provider).given_by(&config);
        if self.composite.decides_shape(&value) {
            env.open = true;
            return (self.all_unknown(value, prior), env);
        }
        let declared: Vec<Declared> = self.parts(&value, &env).into_iter().map(|part| part.declared).collect();
        let named = declared.iter().all(|d| !placeholder::is_in(&d.key.name));
        let objects = if named { engine::plan(&declared, &env.ledger) } else { Value::Unknown };
        self.fill(&mut value, &env, objects);
        (value, env)
    }

    fn healing(&self, planned: &Value, env: &Env) -> Diagnostics {
        if self.composite.decides_shape(planned) {
            return Diagnostics::new();
        }
        let declared: Vec<Declared> = self.parts(planned, env).into_iter().map(|part| part.declared).collect();
        healing::tell(&declared, &env.ledger, planned.get("objects"), |key| self.composite.path_of(key))
    }

    /// Looks at the world as the apply will find it; nothing of it enters the plan's values.
    ///
    /// Terraform plans an update before it destroys, and an error would hold up the destroy: what is missing from the world or stands
    /// in an object's place is then a warning, and the apply refuses it.
    ///
    /// `first`: the run in which a create is planned for the first time.
    async fn preflight(&self, cx: &Context, planned: &Value, prior: &Value, mut env: Env, first: Option<&Arc<Configured>>) -> Diagnostics {
        if env.open || placeholder::is_in(&env.region) || placeholder::is_in(&env.workload_region) {
            return Diagnostics::new();
        }
        let mut value = planned.clone();
        for name in self.composite.observed_attributes() {
            value.insert(name, Value::Unknown);
        }
        if let Err(failed) = self.composite.resolve(cx, &mut value, &mut env).await {
            let found = preflight::failed_lookup(C::NAME, &failed);
            return if prior.is_null() { found } else { found.as_warnings() };
        }
        let model = self.composite.model(&value, &env);
        if let Some(provider) = first
            && let Some(claim) = self.composite.claims(&model)
            && let Some((path, only)) = self.composite.only_one(planned)
            && self.siblings.meet(provider, &claim, true)
        {
            return another::<C>(path, only);
        }
        let parts: Vec<Part> = self.composite.parts(&model, &env).into_iter().filter(|part| part.is_observable()).collect();
        let (foreign, own) = futures::join!(
            preflight::foreign(cx, &parts, &env.ledger, &self.known, |key| self.composite.path_of(key)),
            self.composite.preflight(cx, &value, prior, &env, &self.known),
        );
        let mut diagnostics = own;
        diagnostics.extend(if prior.is_null() { foreign } else { foreign.as_warnings() });
        diagnostics
    }
}

fn another<C: Composite>(path: Path, only: String) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    diagnostics.error(path, format!("Another {} of this configuration is the same", C::NAME), only);
    diagnostics
}
