//! Plan: values from configuration and prior state alone; what is read of AWS becomes diagnostics.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Change, Claim, Composed, Composite, FromValue, Located, Sides, env, names, report, stale, timeout};
use crate::aws::Kind;
use crate::aws::accounts::{Account, Pair};
use crate::diagnostics::Diagnostics;
use crate::engine::{self, Ledger, Object, OnExisting};
use crate::objects::{Context, Env};
use crate::provider::configuration::Configured;
use crate::provider::{Outcome, Plan, PlanRequest, RequestContext};
use crate::resources::preflight;
use crate::schema::{Value, placeholder};

/// How the way past an error of a plan begins, for a resource that exists.
const AS_IT_IS: &str = "To destroy the resource as it is";

/// A planned value, and what it follows from.
pub(super) struct Planned<M> {
    pub(super) value: Value,
    pub(super) env: Env,
    pub(super) model: M,
    /// An unknown value leaves open which objects there are: nothing can be read yet.
    pub(super) open: bool,
}

impl<C: Composite> Composed<C> {
    pub(super) async fn plan_change(&self, context: &RequestContext, request: PlanRequest) -> Outcome<Plan> {
        if request.config.is_null() {
            return Outcome::new(Plan { planned: Value::Null, replaces: Vec::new() }, Diagnostics::new());
        }
        let (exists, replanned) = (!request.prior.is_null(), request.replanned);
        let mut outcome = self.plan_of_configuration(context, request).await;
        // Terraform begins a destroy with a plan of the whole configuration, unless it is told not to refresh.
        if !exists {
            let what = if replanned { AS_IT_IS } else { "To destroy the other resources of the configuration" };
            report::destroy_past(&mut outcome.diagnostics, what);
        }
        outcome
    }

    async fn plan_of_configuration(&self, context: &RequestContext, request: PlanRequest) -> Outcome<Plan> {
        let PlanRequest { config, prior, replanned } = request;
        let value = self.schema.with_defaults(&config);
        let unknown = |this: &Self, diagnostics| Outcome::new(this.plan_without_accounts(value.clone(), &prior), diagnostics);
        let is_open = value.get("workload_account").is_unknown() || self.composite.sides(&value) == Sides::Unknown;
        if context.provider.unknown || is_open {
            return unknown(self, Diagnostics::new());
        }
        let describes = !context.provider.skip_preflight;
        let pair = match self.pair(context, &value, &Ledger::of_state(&prior), self.composite.sides(&value), describes).await {
            Ok(pair) => pair,
            // The account may be right and out of reach from where the plan is made: say so, and plan what can be said without it.
            Err(error) if error.is_unreachable() => return unknown(self, preflight::unreachable(&error)),
            Err(error) => return unknown(self, error.into()),
        };
        let (planned, failed) = self.planned_with_facts(context, value, &prior, &pair, replanned).await;
        let mut replaces = Vec::new();
        let mut diagnostics = Diagnostics::new();
        self.run.begin(&context.provider);
        if !prior.is_null() {
            replaces = self.schema.replaced(&prior, &planned.value);
            if let Err(elsewhere) = report::same_accounts(&planned.env, &context.private) {
                diagnostics.extend(elsewhere);
            }
            if !replaces.is_empty() {
                self.run.replaces(C::NAME, &planned.env.ledger);
            } else if !planned.open {
                let objects = self.composite.objects(&planned.model, &planned.env);
                diagnostics.extend(stale::warn(&objects, &planned.env, planned.value.get("objects"), &prior));
            }
        }
        let cx = self.context(context, pair, &planned.model, &planned.env, timeout(&planned.value, "read"));
        self.run.has_state(&cx.ownership.resource, &planned.env.ledger);
        if replanned {
            self.run.replans(&cx.ownership.resource);
        }
        if let Some(claim) = self.composite.claim(&planned.model)
            && !replanned
            && self.run.is_claimed_twice(&cx.ownership.resource, prior.is_null())
        {
            let mut twice = claimed_twice::<C>(claim);
            if !prior.is_null() {
                report::destroy_past(&mut twice, AS_IT_IS);
            }
            diagnostics.extend(twice);
        }
        if let Err(apart) = report::one_partition(self.composite.sides(&planned.value), &cx.pair) {
            diagnostics.extend(apart);
        }
        // Reported with what the checks find.
        let mut names = Diagnostics::new();
        if !planned.open {
            let objects = self.composite.objects(&planned.model, &planned.env);
            self.note_creates(&cx, &objects);
            names = names::check(&objects, &planned.env, &cx.ownership.resource, &self.run);
        }
        // Also those of a resource that does not change: another one may.
        for want in self.composite.wants(&planned.model, &planned.env) {
            diagnostics.extend(want.agreed(&self.run, &cx.ownership.resource));
        }
        let plan = Plan { planned: planned.value.clone(), replaces };
        // Terraform plans the create half of a replacement once more, as a create: what is in its way is reported then.
        let differs = plan.planned != prior && plan.replaces.is_empty();
        if differs && !planned.open && !context.provider.skip_preflight && !diagnostics.has_error() {
            let first = prior.is_null() && !replanned;
            diagnostics.extend(match failed {
                Some(failed) if failed.error.is(Kind::Denied) || failed.error.is(Kind::Unreachable) || failed.error.is(Kind::Invalid) => {
                    preflight::failed_lookup(&cx, C::NAME, failed)
                }
                Some(failed) => failed_facts::<C>(&failed),
                None => self.preflight(&cx, planned, &prior, first).await,
            });
            self.run.is_incomplete(&cx.ownership.resource, !cx.missing.lock().is_empty());
            diagnostics.extend(preflight::may_still_come(&cx, &self.run));
        }
        diagnostics.extend(names);
        Outcome::new(plan, diagnostics)
    }

    /// The value with every computed attribute that has no default unknown: a plan that can say nothing yet. What replaces when it
    /// changes keeps its prior value, since nothing says that it does.
    fn all_unknown(&self, mut value: Value, prior: &Value) -> Value {
        for attribute in self.schema.attributes.iter().filter(|a| a.computed && a.default.is_none()) {
            if value.get(attribute.name).is_null() {
                let kept = Some(prior.get(attribute.name)).filter(|before| attribute.replaces && !before.is_null());
                value.insert(attribute.name, kept.cloned().unwrap_or(Value::Unknown));
            }
        }
        value
    }

    /// The plan while the accounts can't be asked. It says what replaces all the same: an apply that replaced what was planned as an update
    /// would be refused.
    fn plan_without_accounts(&self, value: Value, prior: &Value) -> Plan {
        let planned = self.all_unknown(value, prior);
        let replaces = if prior.is_null() { Vec::new() } else { self.schema.replaced(prior, &planned) };
        Plan { planned, replaces }
    }

    /// The plan's values, of a create with what can't change of what the configuration names: a reviewer sees documents and files before
    /// they exist. Not for the create half of a replacement: what it depends on may be replaced in the same apply. Beside them the read that
    /// failed, if one did.
    async fn planned_with_facts(
        &self,
        context: &RequestContext,
        value: Value,
        prior: &Value,
        pair: &Pair,
        replanned: bool,
    ) -> (Planned<C::Model>, Option<Located>) {
        let provider = &context.provider;
        let planned = self.planned(value.clone(), prior, pair, provider, BTreeMap::new());
        let is_open = |(name, _)| planned.value.get(name).is_unknown();
        if replanned || !prior.is_null() || provider.skip_preflight || !self.schema.observed().any(is_open) {
            return (planned, None);
        }
        let cx = self.context(context, pair.clone(), &planned.model, &planned.env, timeout(&planned.value, "read"));
        match self.composite.facts(&cx, &planned.model, &planned.env).await {
            Ok(facts) if facts.is_empty() => (planned, None),
            Ok(facts) => (self.planned(value, prior, pair, provider, facts), None),
            // The checks that follow report what is missing.
            Err(failed) if failed.error.is(Kind::Absent) => (planned, None),
            Err(failed) => (planned, Some(failed)),
        }
    }

    /// Says which objects this plan creates: other resources of the run may rely on them.
    fn note_creates(&self, cx: &Context, objects: &[Box<dyn Object<Context>>]) {
        for object in objects {
            let key = object.key();
            if object.on_existing() != OnExisting::MustExist && !placeholder::is_in(&key.name) {
                self.run.creates(&cx.pair.identity(key.side).account_id, &key);
            }
        }
    }

    /// The plan's values: a pure function of configuration, prior state, the two accounts and the facts.
    fn planned(
        &self,
        mut value: Value,
        prior: &Value,
        pair: &Pair,
        provider: &Arc<Configured>,
        facts: BTreeMap<&'static str, Value>,
    ) -> Planned<C::Model> {
        let config = value.clone();
        for (name, side) in self.regions() {
            if value.get(name).is_null() {
                let region = prior.get(name).as_str().or_else(|| pair.opened(side).map(Account::region));
                value.insert(name, Value::optional_string(region));
            }
        }
        for (name, planned) in self.schema.observed() {
            // Null after a create that did not get that far: still to be looked up.
            let kept = if prior.get(name).is_null() { Value::Unknown } else { prior.get(name).clone() };
            value.insert(name, planned(&value, prior).unwrap_or(kept));
        }
        for (name, fact) in facts {
            if value.get(name).is_unknown() {
                value.insert(name, fact);
            }
        }
        let mut value = self.schema.with_equivalents_of(&value, prior);
        let env = env(pair, &value, Ledger::of_state(prior), provider).given_by(&config);
        let model = C::Model::from_value(&value, &env);
        let open = self.schema.leaves_objects_open(&value);
        if open {
            value = self.all_unknown(value, prior);
        } else {
            let objects = self.composite.objects(&model, &env);
            let named = objects.iter().all(|object| !placeholder::is_in(&object.key().name));
            let own = prior.get("instance").as_str();
            value.insert("objects", if named { engine::plan(&objects, &env.ledger, own, &env) } else { Value::Unknown });
            // The apply mints it for the first object that needs one.
            let needs_one = own.is_none() && value.get("objects") != prior.get("objects");
            value.insert("instance", if needs_one { Value::Unknown } else { Value::optional_string(own) });
            self.fill(&mut value, &model, &env);
        }
        Planned { value, env, model, open }
    }

    /// Reads AWS as the apply will find it; nothing of it enters the plan's values.
    ///
    /// Terraform plans an update before it destroys, and an error would hold up the destroy: what is missing, or in the place of an object,
    /// is then a warning, and the apply refuses it.
    ///
    /// `first`: whether a create is planned for the first time in this run.
    pub(super) async fn preflight(&self, cx: &Context, planned: Planned<C::Model>, prior: &Value, first: bool) -> Diagnostics {
        let Planned { mut value, mut env, model, .. } = planned;
        if placeholder::is_in(&env.region) || placeholder::is_in(&env.workload_region) {
            return Diagnostics::new();
        }
        cx.look.begin();
        let claim = self.composite.claim(&model);
        for (name, _) in self.schema.observed() {
            value.insert(name, Value::Unknown);
        }
        let (resolved, ()) = futures::join!(self.composite.resolve(cx, &model, &mut value, &mut env), self.composite.ask_early(cx, &model));
        if let Err(failed) = resolved {
            let found = preflight::failed_lookup(cx, C::NAME, failed);
            return if prior.is_null() { found } else { found.as_warnings() };
        }
        let model = C::Model::from_value(&value, &env);
        if let (true, Some(claim), Some(what)) = (first, claim, self.composite.claim(&model).and_then(|claim| claim.what))
            && self.run.is_claimed_twice(&what, true)
        {
            return claimed_twice::<C>(claim);
        }
        let objects: Vec<_> = self.composite.objects(&model, &env);
        let readable: Vec<_> = objects
            .iter()
            .filter(|object| !placeholder::is_in(&object.key().name) && object.planned(&env).is_readable)
            .map(AsRef::as_ref)
            .collect();
        let id = self.composite.id(&model).to_string();
        let (foreign, mut diagnostics) = futures::join!(
            preflight::foreign_objects(cx, &readable, &env.ledger, &self.run, &id),
            self.composite.check(cx, &model, Change { value: &value, prior }, &env, &self.run),
        );
        if !prior.is_null() {
            report::destroy_past(&mut diagnostics, AS_IT_IS);
        }
        diagnostics.extend(if prior.is_null() { foreign } else { foreign.as_warnings() });
        diagnostics
    }
}

/// A read that may work the next time: Terraform refuses an apply whose plan knows less than the plan before it.
fn failed_facts<C: Composite>(failed: &Located) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    let detail = format!("{}\n\nNothing was changed. Run Terraform again.", failed.error);
    diagnostics.error(failed.path.clone(), format!("Planning {} failed", C::NAME), detail);
    diagnostics
}

fn claimed_twice<C: Composite>(claim: Claim) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    let detail = claim.advice;
    diagnostics.error(claim.attribute, format!("Another {} of this configuration manages the same objects", C::NAME), detail);
    diagnostics
}
