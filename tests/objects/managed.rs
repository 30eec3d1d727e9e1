//! A resource as Terraform keeps it: its configuration and its state, which plans, applies and a destroy lead on.
//!
//! Drives the provider's resource in place of a CLI: the same requests in the same order, a newly configured provider for each run of a
//! plan and of an apply. Leaves out the CLI itself and the encoding of its protocol, which tests/acceptance and tests/plugin cover.

use std::sync::Arc;

use serde_json::Value as Json;
use xeks::diagnostics::{Diagnostics, Severity};
use xeks::engine::Ledger;
use xeks::provider::{ApplyRequest, PlanRequest, Resource};
use xeks::registry;
use xeks::schema::{Value, json};

use crate::emulator::Aws;

pub struct Managed {
    name: &'static str,
    config: Json,
    /// Null where there is none.
    state: Value,
    /// A create of it failed: the next apply replaces it.
    tainted: bool,
}

/// What a plan says: the state as it was read, and the one that an apply leads to.
pub struct Planned {
    pub prior: Value,
    pub planned: Value,
    pub replaces: bool,
}

impl Planned {
    /// The paths that change or become unknown, as a plan's reader sees them: `kubernetes.username`, `objects["…"].document`.
    pub fn changed(&self) -> Vec<String> {
        let mut paths = Vec::new();
        differing("", &self.prior, &self.planned, &mut paths);
        paths
    }
}

impl Managed {
    pub fn new(name: &'static str, config: Json) -> Self {
        Managed { name, config, state: Value::Null, tainted: false }
    }

    /// Another configuration, for the next plan.
    pub fn write(&mut self, config: Json) {
        self.config = config;
    }

    pub fn ledger(&self) -> Ledger {
        Ledger::of_state(&self.state)
    }

    pub fn exists(&self) -> bool {
        !self.state.is_null()
    }

    /// Refreshes the state and plans, as `terraform plan` does.
    pub async fn plan(&mut self, aws: &Aws) -> Result<Planned, String> {
        let (resource, context) = (resource(self.name), aws.provider().await);
        let config = json::decode(&self.config, &resource.schema().value_type()).map_err(|error| error.to_string())?;
        accepted(&resource.schema().validate(&config))?;
        accepted(&resource.validate(&config, Default::default()))?;
        if self.exists() {
            let read = resource.read(&context, self.state.clone()).await;
            accepted(&read.diagnostics)?;
            self.state = read.value;
        }
        let prior = if self.tainted { Value::Null } else { self.state.clone() };
        let planned = resource.plan(&context, PlanRequest { config, prior: prior.clone(), replanned: false }).await;
        accepted(&planned.diagnostics)?;
        let replaces = self.tainted && self.exists() || !planned.value.replaces.is_empty();
        Ok(Planned { prior, planned: planned.value.planned, replaces })
    }

    /// Plans and applies. What the apply leaves is kept, whether it fails or not.
    pub async fn try_apply(&mut self, aws: &Aws) -> Result<(), String> {
        let plan = self.plan(aws).await?;
        self.carry_out(aws, plan).await
    }

    /// Applies what was planned.
    pub async fn carry_out(&mut self, aws: &Aws, plan: Planned) -> Result<(), String> {
        let (resource, context) = (resource(self.name), aws.provider().await);
        let Planned { mut prior, mut planned, replaces } = plan;
        let config = json::decode(&self.config, &resource.schema().value_type()).map_err(|error| error.to_string())?;
        if planned == prior && !replaces {
            return Ok(());
        }
        if replaces {
            self.remove(&resource, aws).await?;
            prior = Value::Null;
            let again = PlanRequest { config: config.clone(), prior: Value::Null, replanned: true };
            let again = resource.plan(&context, again).await;
            accepted(&again.diagnostics)?;
            planned = again.value.planned;
        }
        let creates = prior.is_null();
        let applied = resource.apply(&context, ApplyRequest { config, prior, planned: planned.clone() }).await;
        self.state = applied.value;
        self.tainted = creates && applied.diagnostics.has_error() && self.exists();
        accepted(&applied.diagnostics)?;
        let mut paths = Vec::new();
        disagreeing("", &planned, &self.state, &mut paths);
        if paths.is_empty() { Ok(()) } else { Err(format!("the apply leads to something else than its plan: {paths:?}")) }
    }

    pub async fn apply(&mut self, aws: &Aws) {
        self.try_apply(aws).await.unwrap_or_else(|why| panic!("{} is not applied: {why}", self.name));
    }

    /// A plan after it finds nothing to change.
    pub async fn settled(&mut self, aws: &Aws) -> Result<(), String> {
        let plan = self.plan(aws).await?;
        let changed = plan.changed();
        if changed.is_empty() && !plan.replaces { Ok(()) } else { Err(format!("the plan should be empty: {changed:?}")) }
    }

    /// Refreshes the state and deletes all of it, as `terraform destroy` does.
    pub async fn try_destroy(&mut self, aws: &Aws) -> Result<(), String> {
        let resource = resource(self.name);
        if self.exists() {
            let read = resource.read(&aws.provider().await, self.state.clone()).await;
            accepted(&read.diagnostics)?;
            self.state = read.value;
        }
        self.remove(&resource, aws).await
    }

    pub async fn destroy(&mut self, aws: &Aws) {
        self.try_destroy(aws).await.unwrap_or_else(|why| panic!("{} is not destroyed: {why}", self.name));
    }

    async fn remove(&mut self, resource: &Arc<dyn Resource>, aws: &Aws) -> Result<(), String> {
        if self.state.is_null() {
            return Ok(());
        }
        let request = ApplyRequest { config: Value::Null, prior: self.state.clone(), planned: Value::Null };
        let removed = resource.apply(&aws.provider().await, request).await;
        self.state = removed.value;
        self.tainted &= self.exists();
        accepted(&removed.diagnostics)
    }
}

/// The resource as a newly started provider offers it.
fn resource(name: &str) -> Arc<dyn Resource> {
    registry::resources().into_iter().find(|resource| resource.name() == name).expect("a resource of this provider")
}

/// The errors among what is said.
fn accepted(said: &Diagnostics) -> Result<(), String> {
    let errors: Vec<String> =
        said.0.iter().filter(|d| d.severity == Severity::Error).map(|d| format!("{}: {}", d.summary, d.detail)).collect();
    if errors.is_empty() { Ok(()) } else { Err(errors.join("\n")) }
}

fn differing(path: &str, before: &Value, after: &Value, found: &mut Vec<String>) {
    match (before.entries(), after.entries()) {
        (Some(old), Some(new)) => {
            let gone = old.keys().filter(|name| !new.contains_key(*name));
            new.keys().chain(gone).for_each(|name| differing(&below(path, name), before.get(name), after.get(name), found));
        }
        _ if before != after || after.is_unknown() => found.push(path.to_owned()),
        _ => {}
    }
}

/// The paths where what was applied is not what was planned. What is unknown in the plan may become anything.
fn disagreeing(path: &str, planned: &Value, applied: &Value, found: &mut Vec<String>) {
    match (planned.entries(), applied.entries()) {
        _ if planned.is_unknown() => {}
        (Some(before), Some(after)) => {
            let more = after.keys().filter(|name| !before.contains_key(*name));
            before.keys().chain(more).for_each(|name| disagreeing(&below(path, name), planned.get(name), applied.get(name), found));
        }
        _ if planned.is_wholly_known() && planned != applied => found.push(path.to_owned()),
        _ => {}
    }
}

fn below(path: &str, name: &str) -> String {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match (plain, path) {
        (true, "") => name.to_owned(),
        (true, path) => format!("{path}.{name}"),
        (false, path) => format!("{path}[{name:?}]"),
    }
}
