//! What every composite resource does the same way: plan, apply, read and import over the engine.
//!
//! A resource says which objects it consists of and what its attributes mean; the order of things around that is here.

mod apply;
mod import;
mod names;
mod plan;
mod read;
mod report;
mod run;
mod stale;
mod unmanaged;
mod verify;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::time::Instant;

pub use self::report::{foreign, missing, taken_over};
pub use self::run::Run;
use crate::aws::accounts::{AccountError, Pair, Wanted};
use crate::aws::{Error, Side, duration};
use crate::diagnostics::{Diagnostics, Path};
use crate::engine::{Key, Ledger, Object, Refreshed};
use crate::objects::env::arns_of;
use crate::objects::{Absences, Context, Env, Held, Look, Ownership};
use crate::provider::configuration::Configured;
use crate::provider::{ApplyRequest, Outcome, Plan, PlanRequest, Private, RequestContext, Resource};
use crate::schema::{DecodeError, Partitions, Schema, Value, placeholder};

/// How long an operation may take where `timeouts` says nothing.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

/// Ends errors of a plan that concern what exists: Terraform plans before it destroys.
pub const PAST_A_PLAN: &str = "To destroy the resource as it is, run terraform destroy -refresh=false.";

/// A resource that consists of objects. `value` is always an object of the resource's schema with defaults in place.
///
/// # Flow
/// A plan builds the model, and shows `objects` and `outputs` of it. An apply and the checks of a plan call `resolve` first, and then build
/// the model once more. A read refreshes the objects and calls `refresh`; an import reads them twice, with `discover` in between.
///
/// # Guarantees
/// A model is built by the lifecycle alone, once for each state of the values that it follows from. Its texts may have placeholders in a
/// plan, and have none elsewhere.
///
/// # Errors
/// An error of any method leaves AWS and the state as they were: they only read.
#[async_trait]
pub trait Composite: Send + Sync + 'static {
    const NAME: &'static str;
    /// The configuration as the resource's own code reads it.
    type Model: FromValue + Send + Sync;
    /// The import id, which the attribute `id` has too.
    type Id: ImportId;

    /// The parts of the tag `xeks:resource`, after the type: which resource this is, whatever run creates it. What is unknown in
    /// them is a placeholder.
    fn identity(&self, model: &Self::Model, env: &Env) -> Vec<String>;
    fn id(&self, model: &Self::Model) -> Self::Id;
    fn objects(&self, model: &Self::Model, env: &Env) -> Vec<Box<dyn Object<Context>>>;
    /// Computed attributes other than `id` and `objects`, from the configuration and the planned or real objects.
    fn outputs(&self, model: &Self::Model, value: &Value, env: &Env, objects: &Value) -> BTreeMap<&'static str, Value>;
    /// What can't change under the names that the configuration has, of the observed attributes that are unknown. For the plan's values:
    /// an error leaves them unknown.
    async fn facts(&self, cx: &Context, model: &Self::Model, env: &Env) -> Result<BTreeMap<&'static str, Value>, Located>;
    /// Looks up what an apply needs before its objects are known, and fills in the observed attributes that are unknown.
    async fn resolve(&self, cx: &Context, model: &Self::Model, value: &mut Value, env: &mut Env) -> Result<(), Located>;
    /// Asks, while `resolve` does, for what a plan reads after it, so that the look has the answers. Nothing depends on it but time.
    async fn ask_early(&self, _cx: &Context, _model: &Self::Model) {}
    /// Brings the attributes of a state up to date with what was read, those of the cluster included.
    async fn refresh(&self, cx: &Context, model: &Self::Model, value: &mut Value, env: &Env, seen: &mut Refreshed) -> Result<(), Located>;
    /// Fills in what the first read of an import found.
    async fn discover(&self, cx: &Context, model: &Self::Model, value: &mut Value, env: &Env, seen: &Refreshed) -> Result<(), Located>;
    /// Checks at plan time beyond those that every composite has. They read, and their results are diagnostics, never values.
    async fn check(&self, cx: &Context, model: &Self::Model, change: Change<'_>, env: &Env, run: &Run) -> Diagnostics;
    /// The accounts that a configuration or state works in, from attributes that may be unknown.
    fn sides(&self, value: &Value) -> Sides;
    /// What only one new resource of a run can have; a second one is an error in its plan.
    fn claim(&self, _model: &Self::Model) -> Option<Claim> {
        None
    }
    /// What the resource wants of objects that it shares with others of its kind: those of one run must agree.
    fn wants(&self, _model: &Self::Model, _env: &Env) -> Vec<Want> {
        Vec::new()
    }
}

/// The accounts that a resource works in: the only ones that are opened for it, besides those that its ledger has objects in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sides {
    /// Both, in one partition. What does not work across two, as a sentence.
    Connected(&'static str),
    /// Both, each by itself: they may be in two partitions.
    Apart,
    Workload,
    /// Not known before the apply: a plan can say nothing yet.
    Unknown,
}

/// A configuration as a resource's own code reads it.
pub trait FromValue {
    fn from_value(value: &Value, env: &Env) -> Self;
}

/// The id by which `terraform import` names a resource.
pub trait ImportId: Display + FromStr + Send + Sync {
    /// The forms that an id has, with an example.
    const FORM: &'static str;
    /// The configuration as far as the id says.
    fn config(&self, schema: &Schema) -> Value;
}

/// A text that is not an import id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnId;

/// A planned change: `prior` is null on create.
#[derive(Clone, Copy)]
pub struct Change<'a> {
    pub value: &'a Value,
    pub prior: &'a Value,
}

impl Change<'_> {
    /// Whether the change sets another value at this dotted path.
    pub fn changes(&self, path: &str) -> bool {
        self.prior.at(path) != self.value.at(path)
    }
}

/// What only one resource can have.
#[derive(Clone, Debug)]
pub struct Claim {
    /// What is claimed, as far as it shows once everything is looked up: the resource's own identity is claimed without it.
    pub what: Option<String>,
    /// The attribute to change in a second resource.
    pub attribute: Path,
    /// What to do instead.
    pub advice: String,
}

/// What a resource wants of an object that it shares with others.
#[derive(Clone, Debug)]
pub struct Want {
    /// Names the object and what of it, such as an OIDC provider's thumbprints.
    pub what: String,
    pub value: String,
    pub attribute: Path,
}

impl Want {
    /// The error where another resource of this run wants something else.
    pub fn agreed(&self, run: &Run, resource: &str) -> Diagnostics {
        let mut diagnostics = Diagnostics::new();
        if let Some((other, otherwise)) = run.wants_otherwise(&self.what, resource, &self.value) {
            let Want { what, value, attribute } = self;
            diagnostics.error(
                attribute.clone(),
                format!("Two resources set the {what} differently"),
                format!(
                    "{other}, which this configuration has too, sets {attribute} to {otherwise:?}, and this resource to {value:?}. Both share the \
                     object, which has one value for all. Set the same value in all of them, or set it in one of them only."
                ),
            );
        }
        diagnostics
    }
}

/// An error of AWS, with the attribute that it is about.
#[derive(Debug)]
pub struct Located {
    pub path: Path,
    pub error: Error,
    /// The object that it is about, where a resource of this provider may create it.
    pub key: Option<Key>,
}

impl Located {
    /// For `map_err`: the error is about the attribute at this dotted path.
    pub fn at(dotted: &str) -> impl FnOnce(Error) -> Located {
        let path = Path::of(dotted);
        move |error| Located { path, error, key: None }
    }
}

/// A composite as a resource of the provider.
pub struct Composed<C> {
    composite: C,
    schema: Schema,
    run: Run,
    absences: Arc<Absences>,
}

/// What an operation works with.
struct Begun<M> {
    cx: Context,
    env: Env,
    model: M,
}

impl<C: Composite> Composed<C> {
    /// The composite as the registry takes it.
    pub fn offered(composite: C, schema: Schema, run: Run) -> Arc<dyn Resource> {
        Arc::new(Composed { composite, schema, run, absences: Arc::default() })
    }

    /// The accounts of these sides and those that the ledger has objects in. `describes`: whether the cluster will be described.
    async fn pair(
        &self,
        context: &RequestContext,
        value: &Value,
        ledger: &Ledger,
        sides: Sides,
        describes: bool,
    ) -> Result<Pair, AccountError> {
        let key = value.get("workload_account").as_str();
        let is_workload_alone = sides == Sides::Workload && ledger.0.keys().all(|key| key.side == Side::Workload);
        if is_workload_alone {
            return context.provider.workload_alone(key).await;
        }
        let cluster = value.get("cluster_name").as_str().filter(|_| describes && !value.get("cluster_region").is_unknown());
        let wanted = cluster.map(|cluster| Wanted { region: value.get("cluster_region").as_str(), cluster });
        context.provider.pair(key, wanted).await
    }

    /// Begins an operation on a state, in the accounts that its ledger names. `config` is null on reads and destroys.
    async fn begin(
        &self,
        context: &RequestContext,
        value: &Value,
        (config, state): (&Value, &Value),
        operation: &str,
    ) -> Result<Begun<C::Model>, Diagnostics> {
        let ledger = Ledger::of_state(state);
        // A destroy needs nothing of the cluster but its objects, and nothing of an account that is known and has none.
        let (is_destroy, sides) = (operation == "delete", self.composite.sides(value));
        let recorded = context.private.cluster_account_id.clone().filter(|_| is_destroy && sides == Sides::Apart);
        let sides = if recorded.is_some() { Sides::Workload } else { sides };
        let pair = self.pair(context, value, &ledger, sides, !is_destroy).await?;
        let mut env = env(&pair, value, ledger, &context.provider).given_by(config);
        env.recorded_cluster_account_id = recorded;
        report::same_accounts(&env, &context.private)?;
        if !config.is_null() {
            report::one_partition(self.composite.sides(value), &pair)?;
        }
        let model = C::Model::from_value(value, &env);
        let mut cx = self.context(context, pair, &model, &env, timeout(value, operation));
        cx.forced =
            self.composite.objects(&model, &env).iter().filter(|object| object.forces_deletion()).map(|object| object.key()).collect();
        Ok(Begun { cx, env, model })
    }

    fn context(&self, context: &RequestContext, pair: Pair, model: &C::Model, env: &Env, timeout: Duration) -> Context {
        Context {
            pair,
            region: env.region.clone(),
            ownership: ownership(&self.composite, model, env),
            deadline: Instant::now() + timeout,
            stop: context.stop.clone(),
            recorded: env.ledger.clone(),
            forced: BTreeSet::new(),
            missing: Mutex::default(),
            warnings: Mutex::default(),
            held: Held::default(),
            look: Look::default(),
            absences: self.absences.clone(),
        }
    }

    /// The attributes that name a region, where the resource has them, and the account whose region is their default.
    fn regions(&self) -> impl Iterator<Item = (&'static str, Side)> {
        let all = [("cluster_region", Side::Cluster), ("workload_region", Side::Workload)];
        all.into_iter().filter(|(name, _)| self.schema.attributes.iter().any(|a| a.name == *name))
    }

    fn outputs(&self, model: &C::Model, value: &Value, env: &Env, objects: &Value) -> BTreeMap<&'static str, Value> {
        let mut outputs = self.composite.outputs(model, value, env, objects);
        // An id that AWS gives is known to the objects only.
        outputs.entry("id").or_insert_with(|| placeholder::value(self.composite.id(model).to_string()));
        outputs
    }

    /// Writes the computed attributes that follow from the model and the objects of the value.
    fn fill(&self, value: &mut Value, model: &C::Model, env: &Env) {
        for (name, output) in self.outputs(model, value, env, value.get("objects")) {
            value.insert(name, output);
        }
        value.insert("tags_all", placeholder::map_value(&env.tags_all(value)));
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

    fn validate(&self, config: &Value, partitions: Partitions) -> Diagnostics {
        self.schema.check_rules(config, partitions)
    }

    async fn plan(&self, context: &RequestContext, request: PlanRequest) -> Outcome<Plan> {
        self.plan_change(context, request).await
    }

    async fn apply(&self, context: &RequestContext, request: ApplyRequest) -> Outcome<Value> {
        if request.planned.is_null() { self.destroy(context, request.prior).await } else { self.create_or_update(context, request).await }
    }

    fn stored(&self, mut state: Value) -> Result<Value, DecodeError> {
        Ledger::stored(&state)?.write_to(&mut state);
        Ok(state)
    }

    async fn read(&self, context: &RequestContext, state: Value) -> Outcome<Value> {
        self.read_state(context, state).await
    }

    fn private(&self, context: &RequestContext, state: &Value) -> Option<Private> {
        if state.is_null() || self.composite.sides(state) == Sides::Workload {
            return Some(Private::default());
        }
        let cluster_account_id = Some(context.provider.opened_cluster()?.identity().account_id.clone());
        Some(Private { cluster_account_id })
    }

    async fn import(&self, context: &RequestContext, id: &str) -> Outcome<Value> {
        self.import_id(context, id).await
    }
}

/// What marks the objects of the resource that the model describes.
pub fn ownership<C: Composite>(composite: &C, model: &C::Model, env: &Env) -> Ownership {
    let identity = composite.identity(model, env);
    let parts: Vec<&str> = std::iter::once(C::NAME).chain(identity.iter().map(String::as_str)).collect();
    let mut ownership = Ownership::new(&parts);
    ownership.ignored.clone_from(&env.ignore_tags);
    ownership
}

fn env(pair: &Pair, value: &Value, ledger: Ledger, provider: &Configured) -> Env {
    let home = |side: Side| pair.opened(side).unwrap_or(pair.side(Side::Workload)).region().to_owned();
    let region = |name: &str, side: Side| placeholder::text(value.get(name)).unwrap_or_else(|| home(side));
    Env {
        cluster: pair.opened(Side::Cluster).map(|account| account.identity().clone()),
        recorded_cluster_account_id: None,
        workload: pair.identity(Side::Workload).clone(),
        region: region("cluster_region", Side::Cluster),
        home_region: home(Side::Cluster),
        workload_region: region("workload_region", Side::Workload),
        default_tags: provider.default_tags.clone(),
        ignore_tags: provider.ignore_tags.clone(),
        arns: arns_of(&ledger),
        clusters: BTreeMap::new(),
        ledger,
        given: Default::default(),
    }
}

/// The time that an operation may take: `timeouts.OPERATION`, else the default.
fn timeout(value: &Value, operation: &str) -> Duration {
    let text = value.get("timeouts").get(operation).as_str();
    text.and_then(|text| duration::parse(text).ok()).unwrap_or(DEFAULT_TIMEOUT)
}
