//! What every composite resource does the same way: plan, apply, read and import over the engine.
//!
//! A resource says which pieces it is made of and what its attributes mean; here is the order of things around it.

mod apply;
mod healing;
mod import;
mod known;
mod plan;
mod release;
mod settle;
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
use super::common;
use super::place::{Part, Place};
use crate::aws::accounts::{AccountError, Pair};
use crate::aws::error::Error;
use crate::diagnostics::{Diagnostics, Path};
use crate::engine::{self, Entry, Key, Ledger, Piece, Refreshed, Side};
use crate::pieces::{Cloud, Ownership, Uses, iam};
use crate::provider::{ApplyRequest, Context, Outcome, Plan, PlanRequest, Resource};
use crate::schema::{DecodeError, Schema, Value, hole};

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

    /// What an operation on a state works with: both accounts are those that its ledger names. `config` is null on reads and destroys.
    async fn begin(
        &self,
        context: &Context,
        value: &Value,
        (config, pieces): (&Value, &Value),
        operation: &str,
    ) -> Result<(Cloud, Place), Diagnostics> {
        let pair = self.pair(context, value).await.map_err(|error| Diagnostics::from(error.diagnostic()))?;
        let place = Place::new(&pair, value, Ledger::from_value(pieces), &context.provider).given_by(config);
        place.same_accounts()?;
        Ok((self.cloud(context, pair, value, &place, operation), place))
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
            recorded: place.ledger.clone(),
            warnings: Mutex::default(),
            uses: Uses::default(),
            deleted: Mutex::default(),
        }
    }

    /// The attributes that name a region, where the resource has them, and whose default they take.
    fn regions(&self) -> impl Iterator<Item = (&'static str, Side)> {
        let all = [("cluster_region", Side::Cluster), ("workload_region", Side::Workload)];
        all.into_iter().filter(|(name, _)| self.schema.attributes.iter().any(|a| a.name == *name))
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

    async fn look(&self, cloud: &Cloud, place: &Place, mut state: Value) -> Result<Outcome<Value>, Diagnostics> {
        let pieces = self.pieces(&state, place);
        let mut seen = engine::refresh(cloud, &pieces, place.ledger.clone()).await.map_err(|failure| read_failed(C::NAME, &failure))?;
        let mut told = Diagnostics::new();
        let mut replaced = Vec::new();
        for (key, found) in &seen.replaced {
            if let Some((summary, detail)) = cloud.replacement(key, found) {
                told.warning(self.composite.path_of(key), summary, detail);
                replaced.push(key.clone());
            }
        }
        if seen.ledger.is_empty() {
            // The resource is kept though nothing of it is left: a destroy, which Terraform begins with a plan, would be refused because of
            // the others' objects if that plan were one of a create.
            let unsettled = |(key, entry)| (key, Entry { settled: false, ..entry });
            seen.ledger.0 = place.ledger.select(replaced).into_iter().map(unsettled).collect();
        }
        if seen.ledger.is_empty() {
            return Ok(Outcome::new(Value::Null, told));
        }
        self.settle(cloud, place, &mut state, &mut seen).await?;
        Ok(Outcome::new(state, told))
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
        self.plan_change(context, request).await
    }

    async fn apply(&self, context: &Context, request: ApplyRequest) -> Outcome<Value> {
        if request.planned.is_null() { self.destroy(context, request.prior).await } else { self.create_or_update(context, request).await }
    }

    fn stored(&self, mut state: Value) -> Result<Value, DecodeError> {
        let ledger = Ledger::stored(state.get("pieces"))?;
        state.insert("pieces", ledger.to_value());
        Ok(state)
    }

    async fn read(&self, context: &Context, state: Value) -> Outcome<Value> {
        if context.provider.unknown {
            return Outcome::new(state, Diagnostics::new());
        }
        let (cloud, place) = match self.begin(context, &state, (&Value::Null, state.get("pieces")), "read").await {
            Ok(begun) => begun,
            Err(diagnostics) => return Outcome::new(state, diagnostics),
        };
        self.known.state(&cloud.ownership.resource, &place.ledger);
        match self.look(&cloud, &place, state.clone()).await {
            Ok(outcome) => outcome,
            Err(diagnostics) => Outcome::new(state, diagnostics),
        }
    }

    async fn import(&self, context: &Context, id: &str) -> Outcome<Value> {
        self.take_over(context, id).await
    }
}

/// The time an operation may take: `timeouts.OPERATION`, else 10 minutes.
fn timeout(value: &Value, operation: &str) -> Duration {
    let text = value.get("timeouts").get(operation).as_str();
    text.and_then(|text| crate::aws::duration::parse(text).ok()).unwrap_or(Duration::from_secs(600))
}
