//! Terraform's plugin protocol, version 6: each call decodes, asks the provider, encodes.
//!
//! The only place that names the protocol's generated types, and the only one that turns errors into diagnostics of the
//! wire. It must not know any single resource, nor how the connection came about.

mod convert;
mod data_source;
mod diagnose;
mod ephemeral;
mod function;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
#[cfg(test)]
mod golden;
mod provider;
mod resource;
mod schema;
mod service;
#[cfg(test)]
mod tests;
mod unsupported;

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;
use tokio_util::sync::CancellationToken;

use crate::diagnostics::{Diagnostic, Path, Severity};
use crate::plugin::MESSAGE_LIMIT;
use crate::provider::{Configured, DataSource, Ephemeral, Function, Private, Regions, RequestContext, Resource};
use crate::registry;
use crate::schema::{Partitions, Value};

/// Generated from `proto/`. Public for the tests, which speak to the executable with the clients.
#[allow(clippy::all, clippy::pedantic, missing_docs)]
pub mod wire {
    tonic::include_proto!("tfplugin6");
}

/// The provider as a gRPC service.
pub fn service() -> wire::provider_server::ProviderServer<Protocol> {
    wire::provider_server::ProviderServer::new(Protocol::new(Offer::of_registry()))
        .max_decoding_message_size(MESSAGE_LIMIT)
        .max_encoding_message_size(MESSAGE_LIMIT)
}

/// Answers the protocol's calls for what the provider offers.
pub struct Protocol {
    offer: Offer,
    session: RwLock<Session>,
}

/// What the host has done so far: a process serves one configuration, in debug mode one after the other.
#[derive(Default)]
struct Session {
    configured: Option<Arc<Configured>>,
    stop: CancellationToken,
    /// What the provider block said of regions when it was validated.
    regions: Regions,
}

/// Everything that the provider offers, by name.
struct Offer {
    resources: BTreeMap<&'static str, Arc<dyn Resource>>,
    data_sources: BTreeMap<&'static str, Arc<dyn DataSource>>,
    ephemerals: BTreeMap<&'static str, Arc<dyn Ephemeral>>,
    functions: BTreeMap<&'static str, Arc<dyn Function>>,
}

impl Offer {
    fn of_registry() -> Self {
        Offer {
            resources: registry::resources().into_iter().map(|offered| (offered.name(), offered)).collect(),
            data_sources: registry::data_sources().into_iter().map(|offered| (offered.name(), offered)).collect(),
            ephemerals: registry::ephemerals().into_iter().map(|offered| (offered.name(), offered)).collect(),
            functions: registry::functions().into_iter().map(|offered| (offered.name(), offered)).collect(),
        }
    }
}

impl Protocol {
    fn new(offer: Offer) -> Self {
        Protocol { offer, session: RwLock::default() }
    }

    /// What a call that may reach AWS runs with.
    fn context(&self) -> Result<RequestContext, Diagnostic> {
        let session = self.session.read();
        match &session.configured {
            Some(provider) => Ok(RequestContext { provider: provider.clone(), stop: session.stop.clone(), private: Private::default() }),
            None => Err(error(
                "The provider is not configured",
                "The host sent a request that needs AWS before it sent the provider's configuration.",
            )),
        }
    }

    /// A new configuration ends what an earlier StopProvider stopped.
    fn configured(&self, configured: Configured) {
        let mut session = self.session.write();
        session.configured = Some(Arc::new(configured));
        session.stop = CancellationToken::new();
    }

    /// The partitions of the accounts that a resource with this configuration uses.
    fn partitions(&self, config: &Value) -> Partitions {
        self.session.read().regions.partitions(config)
    }

    fn validated(&self, regions: Regions) {
        self.session.write().regions = regions;
    }

    fn stop(&self) {
        self.session.read().stop.cancel();
    }
}

/// What the host names must be on offer: hosts ask by the schema. A miss tells of another version of the provider.
fn offered<'a, T: ?Sized>(kind: &str, all: &'a BTreeMap<&'static str, Arc<T>>, name: &str) -> Result<&'a Arc<T>, Diagnostic> {
    all.get(name).ok_or_else(|| {
        let known = all.keys().copied().collect::<Vec<_>>().join(", ");
        let known = if known.is_empty() { "none" } else { &known };
        error(
            format!("Unknown {kind} {name}"),
            format!("xeks {} has: {known}. Another version of the provider may have it.", env!("CARGO_PKG_VERSION")),
        )
    })
}

fn error(summary: impl Into<String>, detail: impl Into<String>) -> Diagnostic {
    Diagnostic { severity: Severity::Error, summary: summary.into(), detail: detail.into(), path: Path::root() }
}
