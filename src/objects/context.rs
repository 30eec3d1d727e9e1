//! The world that the engine's objects live in: the clients of both accounts and the limits of one request.

use std::future::Future;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::locks::Held;
use super::ownership::Ownership;
use super::{ec2, iam};
use super::{foreign, removal};
use crate::aws::ec2::Ec2;
use crate::aws::wait::{Limits, retry_while};
use crate::aws::{Account, Error, Kind, Named, Pair, Side};
use crate::engine::{Backend, Entry, Key, Ledger, Observed};

/// How long what IAM was told a moment ago may be unseen elsewhere. AWS names no bound; a principal that is still unknown after
/// this is taken for a wrong one.
pub const PROPAGATION: Duration = Duration::from_secs(60);

/// How long after a write of ours another's may come that rests on an older read: one call's time, generously.
pub const QUIET: Duration = Duration::from_secs(1);

/// Both accounts, whose objects are ours, and until when to wait.
#[derive(Debug)]
pub struct Context {
    pub pair: Pair,
    /// Region of the cluster's EKS objects.
    pub region: String,
    pub ownership: Ownership,
    /// When the operation's `timeouts` end.
    pub deadline: Instant,
    pub stop: CancellationToken,
    /// How to import what this composite names, for the error of an object that is already there.
    pub import_id: String,
    /// ARNs of the roles that the ledger names: an access entry goes by its principal's, which its own entry does not hold.
    pub role_arns: Vec<String>,
    /// Ids of the peering connections that the ledger names: a route goes by the one that it leads over.
    pub peering_ids: Vec<String>,
    /// The ledger as the operation found it.
    pub recorded: Ledger,
    /// What a removal left in place, and why: told to the user as warnings.
    pub warnings: Mutex<Vec<String>>,
    /// The shared objects that this request relies on, until it ends.
    pub held: Held,
    /// What was deleted, and may be shown for a while.
    pub deleted: Mutex<Vec<(Key, Entry)>>,
}

impl Context {
    pub fn account(&self, side: Side) -> &Account {
        self.pair.side(side)
    }

    pub fn label(&self, side: Side) -> &str {
        self.account(side).label()
    }

    pub fn iam(&self, side: Side) -> &aws_sdk_iam::Client {
        self.account(side).iam()
    }

    /// The cluster account's EKS. Where the region is not given, the cluster's.
    pub fn eks(&self, region: Option<&str>) -> aws_sdk_eks::Client {
        self.pair.cluster.eks(Some(region.unwrap_or(&self.region)))
    }

    /// That side's EC2. Where the region is not given: the cluster's, or the workload account's own.
    pub fn ec2(&self, side: Side, region: Option<&str>) -> Ec2 {
        let home = if side == Side::Cluster { Some(self.region.as_str()) } else { None };
        self.account(side).ec2(region.or(home))
    }

    /// Tells the user something that is no error.
    pub fn warn(&self, message: impl Into<String>) {
        // A panic of another task leaves the list whole.
        self.warnings.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(message.into());
    }

    /// Notes that the object of the entry was deleted.
    pub(super) fn deleted(&self, key: &Key, entry: &Entry) {
        // A panic of another task leaves the list whole.
        self.deleted.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((key.clone(), entry.clone()));
    }

    /// What this request deleted and readers are still shown.
    pub async fn still_shown(&self) -> Result<Vec<Key>, Error> {
        let deleted = self.deleted.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        removal::still_shown(self, &deleted).await
    }

    /// What to tell of an object that was found in the place of ours: summary and detail; `None` where it is ours by another create.
    pub fn replacement(&self, key: &Key, observed: &Observed) -> Option<(String, String)> {
        foreign::replacement(self, key, observed)
    }

    /// Until when to wait.
    pub fn limits(&self) -> Limits {
        Limits { deadline: self.deadline, stop: self.stop.clone() }
    }

    /// One call of AWS, by its name such as `iam:GetRole`. Repeated while AWS asks to come back later, until the deadline.
    pub async fn ask<T, E, F, Fut>(&self, call: &str, side: Side, send: F) -> Result<T, Error>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let label = self.label(side);
        retry_while(
            &self.limits(),
            "AWS to take more calls",
            |e| e.is(Kind::Throttled),
            || {
                tracing::debug!(call, account = label, "calling AWS");
                let answer = send();
                async move { answer.await.named(call, label) }
            },
        )
        .await
    }

    /// One call of a client whose errors are named already. Repeated while AWS asks to come back later, until the deadline.
    pub async fn patiently<T, F, Fut>(&self, call: F) -> Result<T, Error>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, Error>>,
    {
        retry_while(&self.limits(), "AWS to take more calls", |e| e.is(Kind::Throttled), call).await
    }

    /// Repeats what fails only because something made a moment ago is not known everywhere yet. `what` completes "waiting for …".
    pub async fn until_shown<T, F, Fut>(&self, what: &str, passes: impl Fn(&Error) -> bool, call: F) -> Result<T, Error>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, Error>>,
    {
        retry_while(&self.limits().at_most(PROPAGATION), what, passes, call).await
    }

    /// Like `ask`, for a call that names what was made a moment ago: repeated a while until that is seen.
    pub async fn ask_until_seen<T, E, F, Fut>(&self, call: &str, side: Side, send: F) -> Result<T, Error>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        self.until_propagated(is_not_yet, || self.ask(call, side, &send)).await
    }

    /// Repeats what fails for a reason that passes by itself, for as long as IAM may need.
    pub async fn until_propagated<T, F, Fut>(&self, passes: impl Fn(&Error) -> bool, call: F) -> Result<T, Error>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, Error>>,
    {
        self.until_shown("IAM to show what was just made", passes, call).await
    }
}

/// Whether a call may have failed only because what it names was made a moment ago. A role or an access entry that is not there counts:
/// an object is begun only when what it hangs on stands.
fn is_not_yet(error: &Error) -> bool {
    let missing = |what: &str| error.is(Kind::Absent) && error.message.to_ascii_lowercase().contains(what);
    error.is(Kind::NotYet)
        || error.code.as_deref() == Some("ConcurrentModification")
        || missing("role with name")
        || missing("instance profile")
        || missing("principalarn could not be found")
}

#[async_trait]
impl Backend for Context {
    type Error = Error;

    fn account_id(&self, side: Side) -> String {
        self.pair.identity(side).account_id.clone()
    }

    fn resource(&self) -> &str {
        &self.ownership.resource
    }

    fn stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    fn interrupted(&self) -> Error {
        Error::of_kind(Kind::Other, "xeks", "this run", "interrupted: Terraform asked the provider to stop")
    }

    fn foreign(&self, key: &Key, observed: &Observed) -> Error {
        foreign::refusal(self, key, observed)
    }

    fn missing(&self, key: &Key) -> Error {
        if key.kind == ec2::peering::KIND {
            let id = self.peering_ids.last().map_or("the peering connection", String::as_str);
            let message = format!(
                "{id} does not exist, or carries nothing any more (failed, rejected, expired or deleted). Name a connection that stands in \
                 peering_connection_id, or leave it out to have one made."
            );
            return Error::of_kind(Kind::Absent, "ec2:DescribeVpcPeeringConnections", self.label(key.side), message);
        }
        let what =
            if key.kind == iam::oidc_provider::KIND { format!("the OIDC provider of https://{}", key.name) } else { key.name.clone() };
        let message =
            format!("{what} does not exist, and the configuration says that it must (`existing`). Create it first, or let xeks make it.");
        Error::of_kind(Kind::Absent, &key.kind, self.label(key.side), message)
    }

    fn is_taken(&self, error: &Error) -> bool {
        error.is(Kind::Exists)
    }

    async fn remove(&self, key: &Key, entry: &Entry) -> Result<(), Error> {
        removal::remove(self, key, entry).await
    }

    fn removal_round(&self, kind: &str) -> u8 {
        removal::round(kind)
    }
}
