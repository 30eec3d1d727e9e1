//! Plan: values from configuration and prior state alone; what is seen of the world becomes diagnostics.

use std::sync::Arc;

use super::{Composed, Composite, healing};
use crate::aws::accounts::Pair;
use crate::diagnostics::{Diagnostics, Path};
use crate::engine::{self, Declared, Ledger};
use crate::pieces::Cloud;
use crate::provider::{Configured, Context, Outcome, Plan, PlanRequest};
use crate::resources::place::{Part, Place};
use crate::resources::preflight;
use crate::schema::{Value, hole};

impl<C: Composite> Composed<C> {
    pub(super) async fn plan_change(&self, context: &Context, request: PlanRequest) -> Outcome<Plan> {
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
            Err(error) => return unknown(self, error.diagnostic().into()),
        };
        let (planned, place) = self.planned(value, &prior, &pair, &context.provider);
        let ledger = &place.ledger;
        let mut replaces = Vec::new();
        let mut diagnostics = Diagnostics::new();
        if !prior.is_null() {
            replaces = self.schema.replaced(&prior, &planned);
            replaces.retain(|path| !self.composite.changes_in_place(path, ledger, &planned));
            if let Err(elsewhere) = place.same_accounts() {
                diagnostics.extend(elsewhere);
            }
            if replaces.is_empty() {
                diagnostics.extend(self.healing(&planned, &place));
            } else {
                self.known.replaced(ledger);
            }
        }
        let cloud = self.cloud(context, pair, &planned, &place, "read");
        self.known.state(&cloud.ownership.resource, ledger);
        if let Some((path, only)) = self.composite.only_one(&planned)
            && !replanned
            && self.siblings.meet(&context.provider, &cloud.ownership.resource, prior.is_null())
        {
            diagnostics.extend(another::<C>(path, only));
        }
        // Terraform plans the create half of a replacement once more, as a create: what is in its way is told then.
        if planned != prior && replaces.is_empty() && !context.provider.skip_preflight && !diagnostics.has_error() {
            let first = (prior.is_null() && !replanned).then_some(&context.provider);
            diagnostics.extend(self.preflight(&cloud, &planned, &prior, place, first).await);
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
        let ledger = Ledger::from_value(prior.get("pieces"));
        replaces.retain(|path| !self.composite.changes_in_place(path, &ledger, &planned));
        Plan { planned, replaces }
    }

    /// The plan's values: a pure function of configuration, prior state and the two accounts.
    fn planned(&self, mut value: Value, prior: &Value, pair: &Pair, provider: &Configured) -> (Value, Place) {
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
        let mut place = Place::new(pair, &value, Ledger::from_value(prior.get("pieces")), provider).given_by(&config);
        if self.composite.decides_shape(&value) {
            place.open = true;
            return (self.all_unknown(value, prior), place);
        }
        let declared: Vec<Declared> = self.parts(&value, &place).into_iter().map(|part| part.declared).collect();
        let named = declared.iter().all(|d| !hole::is_in(&d.key.name));
        let pieces = if named { engine::plan(&declared, &place.ledger) } else { Value::Unknown };
        self.fill(&mut value, &place, pieces);
        (value, place)
    }

    fn healing(&self, planned: &Value, place: &Place) -> Diagnostics {
        if self.composite.decides_shape(planned) {
            return Diagnostics::new();
        }
        let declared: Vec<Declared> = self.parts(planned, place).into_iter().map(|part| part.declared).collect();
        healing::tell(&declared, &place.ledger, planned.get("pieces"), |key| self.composite.path_of(key))
    }

    /// Looks at the world as the apply will find it; nothing of it enters the plan's values.
    ///
    /// Terraform plans an update before it destroys, and an error would hold up the destroy: what is missing from the world or stands
    /// in an object's place is then a warning, and the apply refuses it.
    ///
    /// `first`: the run in which a create is planned for the first time.
    async fn preflight(
        &self,
        cloud: &Cloud,
        planned: &Value,
        prior: &Value,
        mut place: Place,
        first: Option<&Arc<Configured>>,
    ) -> Diagnostics {
        if place.open || hole::is_in(&place.region) || hole::is_in(&place.workload_region) {
            return Diagnostics::new();
        }
        let mut value = planned.clone();
        for name in self.composite.observed_attributes() {
            value.insert(name, Value::Unknown);
        }
        if let Err(failed) = self.composite.resolve(cloud, &mut value, &mut place).await {
            let found = preflight::failed_lookup(C::NAME, &failed);
            return if prior.is_null() { found } else { found.as_warnings() };
        }
        let model = self.composite.model(&value, &place);
        if let Some(provider) = first
            && let Some(claim) = self.composite.claims(&model)
            && let Some((path, only)) = self.composite.only_one(planned)
            && self.siblings.meet(provider, &claim, true)
        {
            return another::<C>(path, only);
        }
        let parts: Vec<Part> = self.composite.parts(&model, &place).into_iter().filter(|part| part.is_observable()).collect();
        let (strangers, own) = futures::join!(
            preflight::strangers(cloud, &parts, &place.ledger, &self.known, |key| self.composite.path_of(key)),
            self.composite.preflight(cloud, &value, prior, &place, &self.known),
        );
        let mut diagnostics = own;
        diagnostics.extend(if prior.is_null() { strangers } else { strangers.as_warnings() });
        diagnostics
    }
}

fn another<C: Composite>(path: Path, only: String) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    diagnostics.error(path, format!("Another {} of this configuration is the same", C::NAME), only);
    diagnostics
}
