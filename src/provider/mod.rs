//! What every resource and data source is given and how it is asked: the provider's configuration, and the traits of resources, data
//! sources, functions and ephemeral resources.
//!
//! Knows no single one of them (`registry` does), and no generated message: `protocol` decodes, calls and encodes.

mod account_error;
pub mod configuration;

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

pub use account_error::unexpected_caller;
pub use configuration::{Configured, Regions, configure, schema, validate};

use crate::diagnostics::Diagnostics;
use crate::schema::{DecodeError, Partitions, Schema, Type, Value};

/// What a request runs with: the configured provider, the token that StopProvider cancels, and what is kept beside the resource's state.
#[derive(Clone, Debug)]
pub struct RequestContext {
    pub provider: Arc<Configured>,
    /// Cancelled on StopProvider: begin nothing new, record what exists, return.
    pub stop: CancellationToken,
    pub private: Private,
}

/// What Terraform keeps beside the state of a resource and shows nowhere. Not a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Private {
    /// The account of the resource's clusters, which no object in the state names where all of them are in the workload account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_account_id: Option<String>,
}

impl Private {
    /// What other versions wrote and this one does not understand says nothing.
    pub fn decode(bytes: &[u8]) -> Self {
        serde_json::from_slice(bytes).unwrap_or_default()
    }

    /// Nothing where nothing is known.
    pub fn encode(&self) -> Vec<u8> {
        if *self == Private::default() { Vec::new() } else { serde_json::to_vec(self).unwrap_or_default() }
    }
}

/// What Terraform asks of a plan. On create `prior` is null, on destroy `config` is.
#[derive(Clone, Debug)]
pub struct PlanRequest {
    pub config: Value,
    pub prior: Value,
    /// The create half of a replacement, planned after the replacement itself was: `prior` is null all the same.
    pub replanned: bool,
}

/// A plan: the planned value, and the attributes that force a replacement.
#[derive(Clone, Debug)]
pub struct Plan {
    pub planned: Value,
    pub replaces: Vec<crate::diagnostics::Path>,
}

/// What Terraform asks of an apply. On create `prior` is null, on destroy `planned` is.
#[derive(Clone, Debug)]
pub struct ApplyRequest {
    pub config: Value,
    pub prior: Value,
    pub planned: Value,
}

/// A value, and the diagnostics for the user. The value counts even where there are errors: it names what exists.
#[derive(Clone, Debug)]
pub struct Outcome<T> {
    pub value: T,
    pub diagnostics: Diagnostics,
}

impl<T> Outcome<T> {
    pub fn new(value: T, diagnostics: Diagnostics) -> Self {
        Outcome { value, diagnostics }
    }
}

/// A managed resource.
#[async_trait]
pub trait Resource: Send + Sync {
    /// The type's name, such as `xeks_irsa_trust`.
    fn name(&self) -> &'static str;
    fn schema(&self) -> &Schema;
    /// Rules over several attributes; those on one attribute are declared in the schema and checked before.
    fn validate(&self, config: &Value, partitions: Partitions) -> Diagnostics;
    /// Never called with a configuration that `validate` refused. Values follow from configuration and prior state alone.
    async fn plan(&self, context: &RequestContext, request: PlanRequest) -> Outcome<Plan>;
    /// Also called to destroy. On error the value names all that exists.
    async fn apply(&self, context: &RequestContext, request: ApplyRequest) -> Outcome<Value>;
    /// The state as it is in AWS now; null where nothing of it is left.
    async fn read(&self, context: &RequestContext, state: Value) -> Outcome<Value>;
    /// What to keep beside this state, which a request of this context led to; `None`: what was kept before.
    fn private(&self, context: &RequestContext, state: &Value) -> Option<Private>;
    /// The state of what the import id names; null with an error where there is nothing.
    async fn import(&self, context: &RequestContext, id: &str) -> Outcome<Value>;
    /// A state that was just read from where it is stored, with what its schema can't say checked and filled in.
    ///
    /// # Errors
    /// It holds what this version of the provider does not understand.
    fn stored(&self, state: Value) -> Result<Value, DecodeError> {
        Ok(state)
    }
}

/// A data source.
#[async_trait]
pub trait DataSource: Send + Sync {
    fn name(&self) -> &'static str;
    fn schema(&self) -> &Schema;
    fn validate(&self, config: &Value) -> Diagnostics;
    async fn read(&self, context: &RequestContext, config: Value) -> Outcome<Value>;
}

/// A provider-defined function: pure, needs no configuration.
pub trait Function: Send + Sync {
    fn name(&self) -> &'static str;
    fn summary(&self) -> &'static str;
    fn doc(&self) -> &'static str;
    /// Name, type and documentation of each parameter, in order.
    fn parameters(&self) -> Vec<Parameter>;
    fn returns(&self) -> Type;
    /// `Err` carries the index of the argument at fault, where there is one, and what is wrong with it.
    fn call(&self, arguments: &[Value]) -> Result<Value, (Option<i64>, String)>;
}

/// A parameter of a function.
#[derive(Clone, Debug)]
pub struct Parameter {
    pub name: &'static str,
    pub ty: Type,
    pub doc: &'static str,
    pub allow_null: bool,
}

/// An ephemeral resource: its value is in no state.
#[async_trait]
pub trait Ephemeral: Send + Sync {
    fn name(&self) -> &'static str;
    fn schema(&self) -> &Schema;
    fn validate(&self, config: &Value) -> Diagnostics;
    async fn open(&self, context: &RequestContext, config: Value) -> Outcome<Value>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_data_comes_back_and_what_is_not_understood_says_nothing() {
        let known = Private { cluster_account_id: Some("183295435445".into()) };
        assert_eq!(Private::decode(&known.encode()), known);
        assert!(Private::default().encode().is_empty());
        assert_eq!(Private::decode(br#"{"cluster_account_id":"183295435445","of a later version":[]}"#), known);
        for unknown in [&b""[..], b"planned", b"[]", br#"{"cluster_account_id":1}"#, b"\xff"] {
            assert_eq!(Private::decode(unknown), Private::default());
        }
    }
}
