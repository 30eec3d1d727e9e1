//! The accounts of a provider configuration: opened on first use, once, and handed out in pairs.
//!
//! Knows which accounts there are and that two sides must differ; what is done in them is the caller's.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use tokio::sync::OnceCell;

pub use super::account::{Account, Identity};
use super::error::{Error, Kind};
use super::settings::Settings;
use super::transport::Transports;
use crate::aws::Side;
use crate::diagnostics::{Diagnostic, Path, Severity, sentence};

/// All configured accounts. Nothing is loaded before it is asked for.
#[derive(Debug, Default)]
pub struct Accounts {
    cluster: Slot,
    workload: Option<Slot>,
    named: BTreeMap<String, Slot>,
    allow_same_account: bool,
    transports: Transports,
}

/// Both sides of one connection.
#[derive(Clone, Debug)]
pub struct Pair {
    pub cluster: Arc<Account>,
    pub workload: Arc<Account>,
}

impl Pair {
    pub fn side(&self, side: Side) -> &Account {
        match side {
            Side::Cluster => &self.cluster,
            Side::Workload => &self.workload,
        }
    }

    pub fn identity(&self, side: Side) -> &Identity {
        self.side(side).identity()
    }
}

impl Accounts {
    pub fn new(cluster: Settings, workload: Option<Settings>, named: BTreeMap<String, Settings>, allow_same_account: bool) -> Self {
        Accounts {
            cluster: Slot::new(cluster),
            workload: workload.map(Slot::new),
            named: named.into_iter().map(|(key, settings)| (key, Slot::new(settings))).collect(),
            allow_same_account,
            transports: Transports::default(),
        }
    }

    /// Accounts that are open already, for tests of what calls nobody.
    #[cfg(any(test, fuzzing))]
    pub fn open(cluster: Arc<Account>, workload: Arc<Account>) -> Self {
        let slot = |account| Slot { account: OnceCell::new_with(Some(account)), ..Slot::default() };
        Accounts { cluster: slot(cluster), workload: Some(slot(workload)), ..Accounts::default() }
    }

    /// Both accounts of a connection, opened at the same time. `key` picks one of `workload_accounts`.
    pub async fn pair(&self, key: Option<&str>) -> Result<Pair, AccountError> {
        let (cluster, workload) = tokio::join!(self.cluster(), self.workload(key));
        let pair = Pair { cluster: cluster?, workload: workload? };
        if pair.cluster.identity().account_id == pair.workload.identity().account_id && !self.allow_same_account {
            return Err(AccountError::SameAccount {
                account_id: pair.cluster.identity().account_id.clone(),
                cluster: pair.cluster.identity().arn.clone(),
                workload: pair.workload.identity().arn.clone(),
                name: super::account::configured_name(Side::Workload, key),
            });
        }
        Ok(pair)
    }

    /// The account that owns the clusters.
    pub async fn cluster(&self) -> Result<Arc<Account>, AccountError> {
        self.cluster.open(Side::Cluster, None, &self.transports).await
    }

    /// The default workload account, or the one that `key` picks.
    pub async fn workload(&self, key: Option<&str>) -> Result<Arc<Account>, AccountError> {
        let slot = match key {
            Some(key) => self.named.get(key).ok_or_else(|| AccountError::UnknownKey { key: key.to_owned(), keys: self.keys() })?,
            None => self.workload.as_ref().ok_or_else(|| AccountError::NoWorkload { keys: self.keys() })?,
        };
        slot.open(Side::Workload, key, &self.transports).await
    }

    /// The keys of `workload_accounts`.
    pub fn keys(&self) -> Vec<String> {
        self.named.keys().cloned().collect()
    }
}

/// One configured account, opened at most once. A failure is not kept: the next use tries again.
#[derive(Debug, Default)]
struct Slot {
    settings: Settings,
    account: OnceCell<Arc<Account>>,
}

impl Slot {
    fn new(settings: Settings) -> Self {
        Slot { settings, account: OnceCell::new() }
    }

    async fn open(&self, side: Side, key: Option<&str>, transports: &Transports) -> Result<Arc<Account>, AccountError> {
        let open = || async { Account::open(side, key, &self.settings, transports).await.map(Arc::new) };
        self.account.get_or_try_init(open).await.cloned()
    }
}

/// Why an account can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountError {
    /// The provider's configuration holds values that are known only after an apply.
    Unknown,
    /// The resource picks no account, and there is no default one.
    NoWorkload {
        keys: Vec<String>,
    },
    UnknownKey {
        key: String,
        keys: Vec<String>,
    },
    /// Both sides are one account: the callers' ARNs.
    SameAccount {
        account_id: String,
        cluster: String,
        workload: String,
        /// How the configuration names the workload account.
        name: String,
    },
    NotAllowed {
        account: String,
        identity: Identity,
        allowed: Vec<String>,
    },
    NoRegion {
        account: String,
    },
    /// A profile, file or URL of the configuration can't be used.
    Settings {
        account: String,
        message: String,
    },
    Aws(Error),
}

impl AccountError {
    /// Whether the account may be right but did not answer.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, AccountError::Aws(error) if error.kind == Kind::Unreachable)
    }

    /// What to tell the user. Where the resource's own choice is at fault, the path is its attribute.
    pub fn diagnostic(&self) -> Diagnostic {
        let path = match self {
            AccountError::NoWorkload { .. } | AccountError::UnknownKey { .. } => Path::of("workload_account"),
            _ => Path::root(),
        };
        Diagnostic { severity: Severity::Error, summary: self.summary(), detail: self.detail(), path }
    }

    fn summary(&self) -> String {
        match self {
            AccountError::Unknown => "The provider's configuration is not known yet".into(),
            AccountError::NoWorkload { .. } => "No workload account".into(),
            AccountError::UnknownKey { key, .. } => format!("Unknown workload account {key:?}"),
            AccountError::SameAccount { .. } => "Both sides are the same account".into(),
            AccountError::NotAllowed { account, identity, .. } => format!("Account {} is not allowed as {account}", identity.account_id),
            AccountError::NoRegion { account } => format!("No region for {account}"),
            AccountError::Settings { account, .. } => format!("{account} can't be used"),
            AccountError::Aws(error) => format!("{} is not accessible", error.account),
        }
    }

    fn detail(&self) -> String {
        match self {
            AccountError::Unknown => {
                "It depends on values that are known only after an apply: apply those first (-target), then run again.".into()
            }
            AccountError::NoWorkload { keys } => match keys.as_slice() {
                [] => {
                    "The provider's configuration has no workload_account. Add one: workload_account = { profile = \"…\", region = \"…\" }."
                        .into()
                }
                keys => format!(
                    "The provider's configuration has no workload_account, and the resource picks none of workload_accounts. Set \
                     workload_account on the resource to one of {}.",
                    quoted(keys)
                ),
            },
            AccountError::UnknownKey { keys, .. } => match keys.as_slice() {
                [] => "The provider's configuration has no workload_accounts. Add the account there, or leave workload_account out to use \
                       the provider's own."
                    .into(),
                keys => format!("The provider's workload_accounts are {}. Use one of these, or add the account there.", quoted(keys)),
            },
            AccountError::SameAccount { account_id, cluster, workload, name } => format!(
                "cluster_account is called as {cluster} and {name} as {workload}: both are account {account_id}. Give one of them another profile or assume_role, or \
                 set allow_same_account = true if that is what you want.",
            ),
            AccountError::NotAllowed { account, identity, allowed } => {
                let rule = match allowed.as_slice() {
                    [] => "forbidden_account_ids names it".to_owned(),
                    allowed if allowed.contains(&identity.account_id) => "forbidden_account_ids names it".to_owned(),
                    allowed => format!("allowed_account_ids has only {}", allowed.join(", ")),
                };
                format!(
                    "The credentials of {account} are {}, in account {}; {rule}. Nothing was read or changed there. Correct the profile or \
                     assume_role of {account}, or the list.",
                    identity.arn, identity.account_id
                )
            }
            AccountError::NoRegion { account } => {
                format!("Set region in {account}, AWS_REGION in the environment, or region in the profile, such as ap-south-1.")
            }
            AccountError::Settings { message, .. } => format!("{}.", sentence(message)),
            AccountError::Aws(error) => match error.advice() {
                Some(advice) => format!("{error}. {advice}"),
                None => error.to_string(),
            },
        }
    }
}

impl fmt::Display for AccountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.summary(), self.detail())
    }
}

impl std::error::Error for AccountError {}

fn quoted(keys: &[String]) -> String {
    keys.iter().map(|key| format!("{key:?}")).collect::<Vec<_>>().join(", ")
}
