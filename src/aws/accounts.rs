//! The accounts of a provider configuration: opened on first use, once, and handed out in pairs.
//!
//! Knows which accounts there are and that two sides must differ; what is done in them is the caller's.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::OnceCell;

pub use super::account::{Account, AccountError, Caller, Chain, Identity, KEYS, Rule, SignIn, Source, Start, Wanted, quoted};
use super::settings::Settings;
use super::transport::Transports;
use crate::aws::Side;

/// All configured accounts. Nothing is loaded before it is asked for.
#[derive(Debug, Default)]
pub struct Accounts {
    cluster: Slot,
    workload: Option<Slot>,
    named: BTreeMap<String, Slot>,
    allow_same_account: bool,
    transports: Transports,
}

/// The accounts of one resource: both sides of a connection, or the workload account alone.
#[derive(Clone, Debug)]
pub struct Pair {
    cluster: Option<Arc<Account>>,
    workload: Arc<Account>,
}

impl Pair {
    /// The account of a side that the resource has.
    pub fn side(&self, side: Side) -> &Account {
        // A resource without the cluster account has no object there and calls nothing there, so it asks for the other one only.
        self.opened(side).expect("the resource works in this account")
    }

    /// The account of that side; `None` where the resource does not work there.
    pub fn opened(&self, side: Side) -> Option<&Account> {
        match side {
            Side::Cluster => self.cluster.as_deref(),
            Side::Workload => Some(&self.workload),
        }
    }

    /// Who the caller is on a side that the resource has.
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

    /// Accounts that are open already, for tests of what does not call AWS.
    #[cfg(any(test, fuzzing))]
    pub fn open(cluster: Arc<Account>, workload: Arc<Account>) -> Self {
        let slot = |account| Slot { account: OnceCell::new_with(Some(account)), ..Slot::default() };
        Accounts { cluster: slot(cluster), workload: Some(slot(workload)), ..Accounts::default() }
    }

    /// Both accounts of a connection, opened at the same time. `key` picks one of `workload_accounts`, `wanted` is the cluster.
    pub async fn pair(&self, key: Option<&str>, wanted: Option<Wanted<'_>>) -> Result<Pair, AccountError> {
        let cluster = self.cluster.open(Side::Cluster, None, &self.transports, wanted);
        let (cluster, workload) = tokio::join!(cluster, self.workload(key));
        let (cluster, workload) = (cluster?, workload?);
        if cluster.identity().account_id == workload.identity().account_id && !self.allow_same_account {
            return Err(AccountError::SameAccount {
                account_id: cluster.identity().account_id.clone(),
                cluster: Box::new(cluster.caller().clone()),
                workload: Box::new(workload.caller().clone()),
                name: super::account::configured_name(Side::Workload, key),
            });
        }
        Ok(Pair { cluster: Some(cluster), workload })
    }

    /// The workload account for a resource that has nothing in the cluster account, which is not touched.
    pub async fn workload_alone(&self, key: Option<&str>) -> Result<Pair, AccountError> {
        Ok(Pair { cluster: None, workload: self.workload(key).await? })
    }

    /// The account that owns the clusters.
    pub async fn cluster(&self) -> Result<Arc<Account>, AccountError> {
        self.cluster.open(Side::Cluster, None, &self.transports, None).await
    }

    /// The same, where it is open already.
    pub fn opened_cluster(&self) -> Option<&Account> {
        self.cluster.account.get().map(AsRef::as_ref)
    }

    /// The default workload account, or the one that `key` picks.
    pub async fn workload(&self, key: Option<&str>) -> Result<Arc<Account>, AccountError> {
        let slot = match key {
            Some(key) => self.named.get(key).ok_or_else(|| AccountError::UnknownKey { key: key.to_owned(), keys: self.keys() })?,
            None => self.workload.as_ref().ok_or_else(|| AccountError::NoWorkload { keys: self.keys() })?,
        };
        slot.open(Side::Workload, key, &self.transports, None).await
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

    async fn open(
        &self,
        side: Side,
        key: Option<&str>,
        transports: &Transports,
        wanted: Option<Wanted<'_>>,
    ) -> Result<Arc<Account>, AccountError> {
        let open = || async { Account::open(side, key, &self.settings, transports, wanted).await.map(Arc::new) };
        self.account.get_or_try_init(open).await.cloned()
    }
}
