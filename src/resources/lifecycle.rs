//! What every composite resource does the same way: plan, apply, read and import over the engine.
//!
//! A resource says which objects it is made of and what its attributes mean; here is the order of things around it.

mod apply;
mod healing;
mod import;
mod known;
mod plan;
mod release;
mod report;
mod siblings;
mod verify;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

pub use self::known::Known;
use self::report::{read_failed, unchanged};
use self::siblings::Siblings;
use super::common;
use super::env::{Env, Part};
use crate::aws::Side;
use crate::aws::accounts::{AccountError, Pair};
use crate::aws::error::Error;
use crate::diagnostics::{Diagnostics, Path};
use crate::engine::{self, Entry, Key, Ledger, Object, Refreshed};
use crate::objects::{Context, Held, Ownership, iam};
use crate::provider::{ApplyRequest, Outcome, Plan, PlanRequest, RequestContext, Resource};
use crate::schema::{DecodeError, Schema, Value, placeholder};

/// A resource that is made of objects. `value` is always an object of the resource's schema with defaults in env.
#[async_trait]
pub trait Composite: Send + Sync + 'static {
    const NAME: &'static str;
    /// The configuration as the resource's own code reads it.
    type Model: Send + Sync;

    fn model(&self, value: &Value, env: &Env) -> Self::Model;
    fn validate(&self, config: &Value, partition: Option<&str>) -> Diagnostics;

    /// Attributes whose unknown value leaves open which objects there are.
    fn decides_shape(&self, value: &Value) -> bool;
    /// The parts of the tag `xeks:resource`, after the type.
    fn identity(&self, value: &Value, env: &Env) -> Vec<String>;
    /// The import id, which is the attribute `id` too. May have holes.
    fn import_id(&self, value: &Value, env: &Env) -> String;
    /// The objects, and what a plan shows of them. Texts may have holes in a plan, and have none elsewhere.
    fn parts(&self, model: &Self::Model, env: &Env) -> Vec<Part>;
    /// Computed attributes other than `id` and `objects`, from the configuration and the (planned or real) objects.
    fn outputs(&self, model: &Self::Model, value: &Value, env: &Env, objects: &Value) -> BTreeMap<&'static str, Value>;
    /// What observation keeps rather than computes, such as `cluster`: unknown in the plan of a create, kept after.
    fn observed_attributes(&self) -> &'static [&'static str];

    /// Corrects what a plan keeps of the prior state where the configuration says more.
    fn plan_observed(&self, _value: &mut Value, _prior: &Value) {}
    /// Looks up what an apply needs before its objects are known, and fills the observed attributes that are unknown.
    async fn resolve(&self, cx: &Context, value: &mut Value, env: &mut Env) -> Result<(), Located>;
    /// Brings the attributes of a state up to date with what was seen; also those of the cluster.
    async fn refreshed(&self, cx: &Context, value: &mut Value, env: &Env, seen: &mut Refreshed) -> Result<(), Located>;
    /// The configuration as far as the import id tells; `Err` is the form that an id has.
    fn import_value(&self, schema: &Schema, id: &str) -> Result<Value, String>;
    /// Fills in what a first look at the objects of an import saw.
    async fn discovered(&self, cx: &Context, value: &mut Value, env: &Env, seen: &Refreshed) -> Result<(), Located>;
    /// The attribute that names an object.
    fn path_of(&self, key: &Key) -> Path;
    /// Read-only checks at plan time beyond those that every composite has: diagnostics, never values. `prior` is null on create.
    async fn preflight(&self, cx: &Context, value: &Value, prior: &Value, env: &Env, known: &Known) -> Diagnostics;
    /// Whether the configuration has nothing to say of this object: where it was imported or found, it is let be.
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

    async fn pair(&self, context: &RequestContext, value: &Value) -> Result<Pair, AccountError> {
        context.provider.pair(value.get("workload_account").as_str()).await
    }

    /// What an operation on a state works with: both accounts are those that its ledger names. `config` is null on reads and destroys.
    async fn begin(
        &self,
        context: &RequestContext,
        value: &Value,
        (config, objects): (&Value, &Value),
        operation: &str,
    ) -> Result<(Context, Env), Diagnostics> {
        let pair = self.pair(context, value).await?;
        let env = Env::new(&pair, value, Ledger::from_value(objects), &context.provider).given_by(config);
        env.same_accounts()?;
        Ok((self.cx(context, pair, value, &env, operation), env))
    }

    fn cx(&self, context: &RequestContext, pair: Pair, value: &Value, env: &Env, operation: &str) -> Context {
        let mut parts = vec![C::NAME.to_owned()];
        parts.extend(self.composite.identity(value, env));
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let mut ownership = Ownership::new(&parts);
        ownership.ignored_keys.clone_from(&env.ignore_tags.keys);
        ownership.ignored_prefixes.clone_from(&env.ignore_tags.key_prefixes);
        Context {
            pair,
            region: env.region.clone(),
            ownership,
            deadline: Instant::now() + timeout(value, operation),
            stop: context.stop.clone(),
            import_id: self.composite.import_id(value, env),
            peering_ids: env.peering_ids(value),
            role_arns: env.arns.iter().filter(|(key, _)| key.kind == iam::role::KIND).map(|(_, arn)| arn.clone()).collect(),
            recorded: env.ledger.clone(),
            warnings: Mutex::default(),
            held: Held::default(),
            deleted: Mutex::default(),
        }
    }

    /// The attributes that name a region, where the resource has them, and whose default they take.
    fn regions(&self) -> impl Iterator<Item = (&'static str, Side)> {
        let all = [("cluster_region", Side::Cluster), ("workload_region", Side::Workload)];
        all.into_iter().filter(|(name, _)| self.schema.attributes.iter().any(|a| a.name == *name))
    }

    fn parts(&self, value: &Value, env: &Env) -> Vec<Part> {
        self.composite.parts(&self.composite.model(value, env), env)
    }

    fn outputs(&self, value: &Value, env: &Env, objects: &Value) -> BTreeMap<&'static str, Value> {
        let mut outputs = self.composite.outputs(&self.composite.model(value, env), value, env, objects);
        // An id that AWS gives is known to the objects only.
        outputs.entry("id").or_insert_with(|| placeholder::value(self.composite.import_id(value, env)));
        outputs
    }

    fn objects(&self, value: &Value, env: &Env) -> Vec<Box<dyn Object<Context>>> {
        self.parts(value, env).into_iter().map(|part| part.object).collect()
    }

    fn fill(&self, value: &mut Value, env: &Env, objects: Value) {
        for (name, output) in self.outputs(value, env, &objects) {
            value.insert(name, output);
        }
        value.insert("tags_all", placeholder::map_value(&env.tags_all(value)));
        value.insert("objects", objects);
    }

    async fn look(&self, cx: &Context, env: &Env, mut state: Value) -> Result<Outcome<Value>, Diagnostics> {
        let objects = self.objects(&state, env);
        let mut seen = engine::refresh(cx, &objects, env.ledger.clone()).await.map_err(|failure| read_failed(C::NAME, &failure))?;
        let mut told = Diagnostics::new();
        let mut replaced = Vec::new();
        for (key, found) in &seen.replaced {
            if let Some((summary, detail)) = cx.replacement(key, found) {
                told.warning(self.composite.path_of(key), summary, detail);
                replaced.push(key.clone());
            }
        }
        if seen.ledger.is_empty() {
            // The resource is kept though nothing of it is left: a destroy, which Terraform begins with a plan, would be refused because of
            // the others' objects if that plan were one of a create.
            let unverified = |(key, entry)| (key, Entry { pending: true, ..entry });
            seen.ledger.0 = env.ledger.select(replaced).into_iter().map(unverified).collect();
        }
        if seen.ledger.is_empty() {
            return Ok(Outcome::new(Value::Null, told));
        }
        self.settle(cx, env, &mut state, &mut seen).await?;
        Ok(Outcome::new(state, told))
    }

    async fn settle(&self, cx: &Context, env: &Env, state: &mut Value, seen: &mut Refreshed) -> Result<(), Diagnostics> {
        self.composite.refreshed(cx, state, env, seen).await.map_err(|located| {
            let mut diagnostics = Diagnostics::new();
            diagnostics.error(located.path, format!("Reading {} failed", C::NAME), unchanged(&located.error));
            diagnostics
        })?;
        let objects = seen.ledger.to_value();
        // Not tags_all: its drift is the provider's default_tags, which only a plan may bring in.
        // What hangs on an object that is gone is null until the object is made again.
        for (name, output) in self.outputs(state, env, &objects) {
            state.insert(name, common::without_unknowns(&output));
        }
        state.insert("objects", objects);
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

    async fn plan(&self, context: &RequestContext, request: PlanRequest) -> Outcome<Plan> {
        self.plan_change(context, request).await
    }

    async fn apply(&self, context: &RequestContext, request: ApplyRequest) -> Outcome<Value> {
        if request.planned.is_null() { self.destroy(context, request.prior).await } else { self.create_or_update(context, request).await }
    }

    fn stored(&self, mut state: Value) -> Result<Value, DecodeError> {
        let ledger = Ledger::stored(state.get("objects"))?;
        state.insert("objects", ledger.to_value());
        Ok(state)
    }

    async fn read(&self, context: &RequestContext, state: Value) -> Outcome<Value> {
        if context.provider.unknown {
            return Outcome::new(state, Diagnostics::new());
        }
        let (cx, env) = match self.begin(context, &state, (&Value::Null, state.get("objects")), "read").await {
            Ok(begun) => begun,
            Err(diagnostics) => return Outcome::new(state, diagnostics),
        };
        self.known.state(&cx.ownership.resource, &env.ledger);
        match self.look(&cx, &env, state.clone()).await {
            Ok(outcome) => outcome,
            Err(diagnostics) => Outcome::new(state, diagnostics),
        }
    }

    async fn import(&self, context: &RequestContext, id: &str) -> Outcome<Value> {
        self.take_over(context, id).await
    }
}

/// The time an operation may take: `timeouts.OPERATION`, else 10 minutes.
fn timeout(value: &Value, operation: &str) -> Duration {
    let text = value.get("timeouts").get(operation).as_str();
    text.and_then(|text| crate::aws::duration::parse(text).ok()).unwrap_or(Duration::from_secs(600))
}
