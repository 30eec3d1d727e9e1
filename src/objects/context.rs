//! What objects call AWS through: the clients of both accounts and the limits of one request.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::absences::Absences;
use super::locks::{self, Held};
use super::look::Look;
use super::ownership::{Ownership, TAG_INSTANCE, TAG_RESOURCE};
use crate::aws::ec2::Ec2;
use crate::aws::wait::{Limits, retry_while};
use crate::aws::{Account, Error, Kind, Named, Pair, Side};
use crate::diagnostics::Path;
use crate::engine::{Entry, Key, Ledger, Owner};

/// How long a write of IAM may be invisible elsewhere. AWS names no bound; provider hashicorp/aws waits as long (`propagationTimeout`). A
/// principal that is still unknown after this is taken for a wrong one.
pub const PROPAGATION: Duration = Duration::from_secs(120);

/// How long to try again while AWS can't reach an OIDC issuer: that of a new cluster answers only after a moment.
const ISSUER: Duration = Duration::from_secs(15);

/// Summary of the warning that a destroy kept something.
pub const CLEANUP: &str = "Cleanup is incomplete";

/// How long after a write of this process another one may come that rests on an older read: generously, the time of one call.
pub const QUIET: Duration = Duration::from_secs(1);

/// Both accounts, whose objects are this resource's, and until when to wait.
#[derive(Debug)]
pub struct Context {
    pub pair: Pair,
    /// Region of the cluster's EKS objects.
    pub region: String,
    pub ownership: Ownership,
    /// When the operation's `timeouts` end.
    pub deadline: Instant,
    pub stop: CancellationToken,
    /// The ledger as the operation found it.
    pub recorded: Ledger,
    /// The objects whose deletion takes along what others attached to them.
    pub forced: BTreeSet<Key>,
    /// What checks did not find although the apply needs it.
    pub missing: Mutex<Vec<Missing>>,
    /// What the user is to know of a run that succeeds: summary and text of warnings.
    pub warnings: Mutex<Vec<(&'static str, String)>>,
    /// The shared objects that this request relies on, until it ends.
    pub held: Held,
    /// What was read since reading began, so that it is read once.
    pub look: Look,
    /// What plans of this process did not find a moment ago.
    pub absences: Arc<Absences>,
}

/// Something that does not exist and that the apply needs: a warning in a plan, since the same apply may create it first, and an error of an
/// apply.
#[derive(Debug)]
pub struct Missing {
    /// The object, where a resource of this provider may create it.
    pub key: Option<Key>,
    pub path: Path,
    pub summary: String,
    pub detail: String,
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

    /// EKS in the cluster account: in that region, by default the cluster's.
    pub fn eks(&self, region: Option<&str>) -> aws_sdk_eks::Client {
        self.account(Side::Cluster).eks(Some(region.unwrap_or(&self.region)))
    }

    /// EC2 in that side's account: in that region, by default the cluster's or the workload account's own.
    pub fn ec2(&self, side: Side, region: Option<&str>) -> Ec2 {
        let default = if side == Side::Cluster { Some(self.region.as_str()) } else { None };
        self.account(side).ec2(region.or(default))
    }

    /// Warns the user of something that is no error.
    pub fn warn(&self, summary: &'static str, message: impl Into<String>) {
        self.warnings.lock().push((summary, message.into()));
    }

    /// Reports something that does not exist yet.
    pub fn lacks(&self, missing: Missing) {
        self.missing.lock().push(missing);
    }

    /// Whether a destroy may delete the object: it is this resource's, and has the ID that AWS gave it, if the ledger has one. Tags can be
    /// copied, an ID can't: of an object that has this create's tag and is another one, the user is warned.
    pub fn may_delete(&self, key: &Key, entry: &Entry, owner: &Owner, recorded: Option<&str>, found: Option<&str>) -> bool {
        let is_same = recorded.is_none() || recorded == found;
        if is_same && self.ownership.is_ours(entry, owner) {
            return true;
        }
        if let Owner::Tagged { resource, instance: instance @ Some(_) } = owner
            && entry.origin.is_own()
            && entry.is_of(instance.as_deref())
        {
            let why = match (is_same, resource) {
                (false, _) => format!("its ID is {}, and this resource created {}", found.unwrap_or("none"), recorded.unwrap_or_default()),
                (true, resource) => format!("its {TAG_RESOURCE} tag is {:?}", resource.as_deref().unwrap_or_default()),
            };
            self.warn(
                CLEANUP,
                format!(
                    "{key} in {} was kept. It carries the {TAG_INSTANCE} tag of this resource, but {why}. Find out who wrote the tag (AWS \
                     CloudTrail), and delete the object by hand if it is yours.",
                    self.label(key.side)
                ),
            );
        }
        false
    }

    /// Until when to wait.
    pub fn limits(&self) -> Limits {
        Limits { deadline: self.deadline, stop: self.stop.clone() }
    }

    /// One call of AWS, by its name such as `iam:GetRole`. Repeated while AWS throttles or another change of the object is being made, until
    /// the deadline.
    pub async fn ask<T, E, F, Fut>(&self, call: &str, side: Side, send: F) -> Result<T, Error>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let label = self.label(side);
        self.patiently(|| {
            tracing::debug!(call, account = label, "calling AWS");
            let answer = send();
            async move { answer.await.named(call, label) }
        })
        .await
    }

    /// One call of a client that names its errors itself. Repeated while AWS throttles or another change of the object is being made, until
    /// the deadline.
    pub async fn patiently<T, F, Fut>(&self, call: F) -> Result<T, Error>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, Error>>,
    {
        retry_while(&self.limits(), "AWS to accept the call", |e| e.is(Kind::Throttled) || e.is(Kind::Busy), call).await
    }

    /// Repeats what fails only because something created a moment ago is not known everywhere yet. `what` completes "waiting for …".
    pub async fn until_visible<T, F, Fut>(&self, what: &str, passes: impl Fn(&Error) -> bool, call: F) -> Result<T, Error>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, Error>>,
    {
        retry_while(&self.limits().at_most(PROPAGATION), what, passes, call).await
    }

    /// Sends a write to a role when no other write of this process to that role is under way: IAM refuses the second of two that overlap
    /// (ConcurrentModification). The others wait for this one call, with the SDK's retries of it, and for none of the waits here.
    pub fn in_turn<'a, T, F, Fut>(&self, side: Side, role: &str, send: F) -> impl Fn() -> BoxFuture<'a, T> + use<'a, T, F, Fut>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = T> + Send + 'a,
    {
        self.account(side).bulk().write(role);
        let role = locks::role(&self.account(side).identity().account_id, role);
        move || {
            let (role, answer) = (role.clone(), send());
            Box::pin(async move {
                let _exclusive = locks::exclusive(&role).await;
                answer.await
            })
        }
    }

    /// Like `ask`, for a call that makes AWS ask an OIDC issuer: repeated a few times where the issuer does not answer.
    pub async fn ask_issuer<T, E, F, Fut>(&self, call: &str, side: Side, send: F) -> Result<T, Error>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let limits = self.limits().at_most(ISSUER);
        retry_while(&limits, "the OIDC issuer to answer", |e| e.is(Kind::IssuerUnreachable), || self.ask(call, side, &send)).await
    }

    /// Like `ask`, for a call that names what was created a moment ago: repeated for a while until that is visible.
    pub async fn ask_until_visible<T, E, F, Fut>(&self, call: &str, side: Side, send: F) -> Result<T, Error>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        self.until_propagated(is_not_visible_yet, || self.ask(call, side, &send)).await
    }

    /// Repeats what fails for a reason that passes by itself, for as long as IAM may need.
    pub async fn until_propagated<T, F, Fut>(&self, passes: impl Fn(&Error) -> bool, call: F) -> Result<T, Error>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, Error>>,
    {
        self.until_visible("IAM to show the new object", passes, call).await
    }
}

/// Whether a call may have failed only because what it names was created a moment ago. A role or an access entry that does not exist
/// counts: work on an object begins only when what it depends on exists.
fn is_not_visible_yet(error: &Error) -> bool {
    let missing = |what: &str| error.is(Kind::Absent) && error.message.to_ascii_lowercase().contains(what);
    error.is(Kind::NotYet) || missing("role with name") || missing("instance profile") || missing("principalarn could not be found")
}
