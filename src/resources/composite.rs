//! What every composite resource does the same way: plan, apply, read and import over the engine.
//!
//! A resource says which pieces it is made of and what its attributes mean; here is the order of things around it.

mod apply;
mod healing;
mod import;
mod known;
mod release;
mod siblings;
mod telling;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

pub use self::known::Known;
use self::siblings::Siblings;
use self::telling::{read_failed, unchanged};
use super::common::{self, Part, Place};
use super::preflight;
use crate::aws::accounts::{AccountError, Pair};
use crate::aws::error::Error;
use crate::diagnostics::{Diagnostics, Path};
use crate::engine::{self, Declared, Key, Ledger, Piece, Refreshed, Side};
use crate::pieces::{Cloud, Ownership, Uses, iam};
use crate::provider::{ApplyRequest, Configured, Context, Outcome, Plan, PlanRequest, Resource};
use crate::schema::{Schema, Value, hole};

/// A resource that is made of pieces. `value` is always an object of the resource's schema with defaults in place.
#[async_trait]
pub trait Composite: Send + Sync + 'static {
    const NAME: &'static str;
    /// The configuration as the resource's own code reads it.
    type Model: Send + Sync;

    fn model(&self, value: &Value, place: &Place) -> Self::Model;
    fn validate(&self, config: &Value, partition: Option<&str>) -> Diagnostics;

    /// Attributes whose unknown value leaves open which pieces there are.
    fn decides_shape(&self, value: &Value) -> bool;
    /// The parts of the tag `xeks:resource`, after the type.
    fn identity(&self, value: &Value, place: &Place) -> Vec<String>;
    /// The import id, which is the attribute `id` too. May have holes.
    fn import_id(&self, value: &Value, place: &Place) -> String;
    /// The pieces, and what a plan shows of them. Texts may have holes in a plan, and have none elsewhere.
    fn parts(&self, model: &Self::Model, place: &Place) -> Vec<Part>;
    /// Computed attributes other than `id` and `pieces`, from the configuration and the (planned or real) pieces.
    fn outputs(&self, model: &Self::Model, value: &Value, place: &Place, pieces: &Value) -> BTreeMap<&'static str, Value>;
    /// What observation keeps rather than computes, such as `cluster`: unknown in the plan of a create, kept after.
    fn observed_attributes(&self) -> &'static [&'static str];

    /// Corrects what a plan keeps of the prior state where the configuration says more.
    fn plan_observed(&self, _value: &mut Value, _prior: &Value) {}
    /// Looks up what an apply needs before its pieces are known, and fills the observed attributes that are unknown.
    async fn resolve(&self, cloud: &Cloud, value: &mut Value, place: &mut Place) -> Result<(), Located>;
    /// Brings the attributes of a state up to date with what was seen; also those of the cluster.
    async fn refreshed(&self, cloud: &Cloud, value: &mut Value, place: &Place, seen: &mut Refreshed) -> Result<(), Located>;
    /// The configuration as far as the import id tells; `Err` is the form that an id has.
    fn import_value(&self, schema: &Schema, id: &str) -> Result<Value, String>;
    /// Fills in what a first look at the pieces of an import saw.
    async fn discovered(&self, cloud: &Cloud, value: &mut Value, place: &Place, seen: &Refreshed) -> Result<(), Located>;
    /// The attribute that names a piece.
    fn path_of(&self, key: &Key) -> Path;
    /// Read-only checks at plan time beyond those that every composite has: diagnostics, never values. `prior` is null on create.
    async fn preflight(&self, cloud: &Cloud, value: &Value, prior: &Value, place: &Place, known: &Known) -> Diagnostics;
    /// Whether the configuration has nothing to say of this piece: where it was imported or found, it is let be.
    fn leaves(&self, _value: &Value, _key: &Key) -> bool {
        false
    }
    /// Where there can be one resource only of its identity: the attribute to change in a second one, and what to do instead. `None` also
    /// while the identity is not known.
    fn only_one(&self, _value: &Value) -> Option<(Path, String)> {
        None
    }
    /// What one new resource of a run can lay claim to, whatever its identity, as far as that shows once all is looked up; a second one is
    /// told what `only_one` says.
    fn claims(&self, _model: &Self::Model) -> Option<String> {
        None
    }
    /// Whether a change of this attribute, declared as replacing, can be made in place after all.
    fn changes_in_place(&self, _path: &Path, _prior: &Ledger, _planned: &Value) -> bool {
        false
    }
}

/// An error of AWS, with the attribute that it is about.
#[derive(Debug)]
pub struct Located {
    pub path: Path,
    pub error: Error,
}

impl Located {
    /// For `map_err`: the error is about the attribute at this dotted path.
    pub fn at(dotted: &str) -> impl FnOnce(Error) -> Located {
        let path = Path::of(dotted);
        move |error| Located { path, error }
    }
}

/// A composite as a resource of the provider.
pub struct Composed<C> {
    composite: C,
    schema: Schema,
    known: Known,
    siblings: Siblings,
}

impl<C: Composite> Composed<C> {
    /// The composite as the registry takes it.
    pub fn offered(composite: C, schema: Schema) -> Arc<dyn Resource> {
        Arc::new(Composed { composite, schema, known: Known::default(), siblings: Siblings::default() })
    }

    async fn pair(&self, context: &Context, value: &Value) -> Result<Pair, AccountError> {
        context.provider.pair(value.get("workload_account").as_str()).await
    }

    fn cloud(&self, context: &Context, pair: Pair, value: &Value, place: &Place, operation: &str) -> Cloud {
        let mut parts = vec![C::NAME.to_owned()];
        parts.extend(self.composite.identity(value, place));
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let mut ownership = Ownership::new(&parts);
        ownership.ignored_keys.clone_from(&place.ignore_tags.keys);
        ownership.ignored_prefixes.clone_from(&place.ignore_tags.key_prefixes);
        Cloud {
            pair,
            region: place.region.clone(),
            ownership,
            deadline: Instant::now() + timeout(value, operation),
            stop: context.stop.clone(),
            import_id: self.composite.import_id(value, place),
            peering_ids: place.peering_ids(value),
            role_arns: place.arns.iter().filter(|(key, _)| key.kind == iam::role::KIND).map(|(_, arn)| arn.clone()).collect(),
            warnings: Mutex::default(),
            uses: Uses::default(),
        }
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

    /// The attributes that name a region, where the resource has them, and whose default they take.
    fn regions(&self) -> impl Iterator<Item = (&'static str, Side)> {
        let all = [("cluster_region", Side::Cluster), ("workload_region", Side::Workload)];
        all.into_iter().filter(|(name, _)| self.schema.attributes.iter().any(|a| a.name == *name))
    }

    /// The plan's values: a pure function of configuration, prior state and the two accounts.
    fn planned(&self, mut value: Value, prior: &Value, pair: &Pair, provider: &Configured) -> (Value, Place) {
        let config = value.clone();
        let ledger = Ledger::from_value(prior.get("pieces"));
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
        let mut place = Place::new(pair, &value, &ledger, provider).given_by(&config);
        if self.composite.decides_shape(&value) {
            place.open = true;
            return (self.all_unknown(value, prior), place);
        }
        let declared: Vec<Declared> = self.parts(&value, &place).into_iter().map(|part| part.declared).collect();
        let named = declared.iter().all(|d| !hole::is_in(&d.key.name));
        let pieces = if named { engine::plan(&declared, &ledger) } else { Value::Unknown };
        self.fill(&mut value, &place, pieces);
        (value, place)
    }

    fn parts(&self, value: &Value, place: &Place) -> Vec<Part> {
        self.composite.parts(&self.composite.model(value, place), place)
    }

    fn outputs(&self, value: &Value, place: &Place, pieces: &Value) -> BTreeMap<&'static str, Value> {
        let mut outputs = self.composite.outputs(&self.composite.model(value, place), value, place, pieces);
        // An id that AWS gives is known to the pieces only.
        outputs.entry("id").or_insert_with(|| hole::value(self.composite.import_id(value, place)));
        outputs
    }

    fn pieces(&self, value: &Value, place: &Place) -> Vec<Box<dyn Piece<Cloud>>> {
        self.parts(value, place).into_iter().map(|part| part.piece).collect()
    }

    fn fill(&self, value: &mut Value, place: &Place, pieces: Value) {
        for (name, output) in self.outputs(value, place, &pieces) {
            value.insert(name, output);
        }
        value.insert("tags_all", hole::map_value(&place.tags_all(value)));
        value.insert("pieces", pieces);
    }

    fn healing(&self, planned: &Value, place: &Place, ledger: &Ledger) -> Diagnostics {
        if self.composite.decides_shape(planned) {
            return Diagnostics::new();
        }
        let declared: Vec<Declared> = self.parts(planned, place).into_iter().map(|part| part.declared).collect();
        healing::tell(&declared, ledger, planned.get("pieces"), |key| self.composite.path_of(key))
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
        let ledger = Ledger::from_value(prior.get("pieces"));
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
            preflight::strangers(cloud, &parts, &ledger, &self.known, |key| self.composite.path_of(key)),
            self.composite.preflight(cloud, &value, prior, &place, &self.known),
        );
        let mut diagnostics = own;
        diagnostics.extend(if prior.is_null() { strangers } else { strangers.as_warnings() });
        diagnostics
    }

    async fn look(&self, cloud: &Cloud, place: &Place, mut state: Value) -> Result<Value, Diagnostics> {
        let ledger = Ledger::from_value(state.get("pieces"));
        let pieces = self.pieces(&state, place);
        let mut seen = engine::refresh(cloud, &pieces, ledger).await.map_err(|failure| read_failed(C::NAME, &failure))?;
        if seen.ledger.is_empty() {
            return Ok(Value::Null);
        }
        self.settle(cloud, place, &mut state, &mut seen).await?;
        Ok(state)
    }

    async fn settle(&self, cloud: &Cloud, place: &Place, state: &mut Value, seen: &mut Refreshed) -> Result<(), Diagnostics> {
        self.composite.refreshed(cloud, state, place, seen).await.map_err(|located| {
            let mut diagnostics = Diagnostics::new();
            diagnostics.error(located.path, format!("Reading {} failed", C::NAME), unchanged(&located.error));
            diagnostics
        })?;
        let pieces = seen.ledger.to_value();
        // Not tags_all: its drift is the provider's default_tags, which only a plan may bring in.
        // What hangs on an object that is gone is null until the object is made again.
        for (name, output) in self.outputs(state, place, &pieces) {
            state.insert(name, common::without_unknowns(&output));
        }
        state.insert("pieces", pieces);
        Ok(())
    }
}

#[async_trait]
impl<C: Composite> Resource for Composed<C> {
    fn name(&self) -> &'static str {
        C::NAME
    }

    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn validate(&self, config: &Value, partition: Option<&str>) -> Diagnostics {
        self.composite.validate(config, partition)
    }

    async fn plan(&self, context: &Context, request: PlanRequest) -> Outcome<Plan> {
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
        let ledger = Ledger::from_value(prior.get("pieces"));
        let mut replaces = Vec::new();
        let mut diagnostics = Diagnostics::new();
        if !prior.is_null() {
            replaces = self.schema.replaced(&prior, &planned);
            replaces.retain(|path| !self.composite.changes_in_place(path, &ledger, &planned));
            if let Err(elsewhere) = common::same_accounts(&ledger, &place) {
                diagnostics.extend(elsewhere);
            }
            if replaces.is_empty() {
                diagnostics.extend(self.healing(&planned, &place, &ledger));
            } else {
                self.known.replaced(&ledger);
            }
        }
        let cloud = self.cloud(context, pair, &planned, &place, "read");
        self.known.state(&cloud.ownership.resource, &ledger);
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

    async fn apply(&self, context: &Context, request: ApplyRequest) -> Outcome<Value> {
        if request.planned.is_null() { self.destroy(context, request.prior).await } else { self.create_or_update(context, request).await }
    }

    async fn read(&self, context: &Context, state: Value) -> Outcome<Value> {
        if context.provider.unknown {
            return Outcome::new(state, Diagnostics::new());
        }
        let pair = match self.pair(context, &state).await {
            Ok(pair) => pair,
            Err(error) => return Outcome::new(state, error.diagnostic().into()),
        };
        let ledger = Ledger::from_value(state.get("pieces"));
        let place = Place::new(&pair, &state, &ledger, &context.provider);
        if let Err(diagnostics) = common::same_accounts(&ledger, &place) {
            return Outcome::new(state, diagnostics);
        }
        let cloud = self.cloud(context, pair, &state, &place, "read");
        self.known.state(&cloud.ownership.resource, &ledger);
        match self.look(&cloud, &place, state.clone()).await {
            Ok(fresh) => Outcome::new(fresh, Diagnostics::new()),
            Err(diagnostics) => Outcome::new(state, diagnostics),
        }
    }

    async fn import(&self, context: &Context, id: &str) -> Outcome<Value> {
        self.take_over(context, id).await
    }
}

fn another<C: Composite>(path: Path, only: String) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    diagnostics.error(path, format!("Another {} of this configuration is the same", C::NAME), only);
    diagnostics
}

/// The time an operation may take: `timeouts.OPERATION`, else 10 minutes.
fn timeout(value: &Value, operation: &str) -> Duration {
    let text = value.get("timeouts").get(operation).as_str();
    text.and_then(|text| crate::aws::duration::parse(text).ok()).unwrap_or(Duration::from_secs(600))
}
