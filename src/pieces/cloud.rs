//! The world that the engine's pieces live in: the clients of both accounts and the limits of one request.

use std::sync::Mutex;

use async_trait::async_trait;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::ownership::Ownership;
use super::removal;
use crate::aws::accounts::{Account, Pair};
use crate::aws::error::{Error, Kind};
use crate::engine::{Entry, Key, Observed, Owner, Side, World};

/// Both accounts, whose objects are ours, and until when to wait.
#[derive(Debug)]
pub struct Cloud {
    pub pair: Pair,
    /// Region of the cluster's EKS objects.
    pub region: String,
    pub ownership: Ownership,
    /// When the operation's `timeouts` end.
    pub deadline: Instant,
    pub stop: CancellationToken,
    /// How to import what this composite names, for the error of an object that is already there.
    pub import_id: String,
    /// What a removal left in place, and why: told to the user as warnings.
    pub warnings: Mutex<Vec<String>>,
}

impl Cloud {
    pub fn account(&self, side: Side) -> &Account {
        self.pair.side(side)
    }

    /// Tells the user something that is no error.
    pub fn warn(&self, message: impl Into<String>) {
        // A panic of another task leaves the list whole.
        self.warnings.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(message.into());
    }
}

#[async_trait]
impl World for Cloud {
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

    fn stranger(&self, key: &Key, observed: &Observed) -> Error {
        let owner = match &observed.owner {
            Owner::Tagged { resource: Some(resource), .. } => format!("its tag {} says {resource:?}", super::TAG_RESOURCE),
            _ => "it carries no tag of this provider".to_owned(),
        };
        let what = observed.arn.as_deref().unwrap_or(&key.name);
        Error::of_kind(
            Kind::Exists,
            &key.kind,
            self.account(key.side).label(),
            format!(
                "{what} already exists and is not this resource's: {owner}. It was left as it is. To use it as it is, set adopt = \
                 \"if_exists\" (or `existing = true` on the role); to manage it from here, `terraform import` with the id {:?}; \
                 otherwise choose another name or delete it.",
                self.import_id
            ),
        )
    }

    fn missing(&self, key: &Key) -> Error {
        Error::of_kind(
            Kind::Absent,
            &key.kind,
            self.account(key.side).label(),
            format!("{} does not exist, and the configuration says that it must (`existing`). Create it first, or let xeks make it.", key.name),
        )
    }

    async fn remove(&self, key: &Key, entry: &Entry) -> Result<(), Error> {
        removal::remove(self, key, entry).await
    }

    fn removal_round(&self, kind: &str) -> u8 {
        removal::round(kind)
    }
}
