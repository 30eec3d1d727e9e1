//! A cluster that its account does not show and the workload account has: the two accounts look swapped.

use crate::aws::{Account, Error, Kind};
use crate::objects::eks::cluster::{self, ClusterDescription};

/// Whether the cluster may be in another account.
pub(super) fn is_possible(found: &Result<Option<ClusterDescription>, Error>) -> bool {
    match found {
        Ok(found) => found.is_none(),
        Err(error) => error.is(Kind::Denied),
    }
}

/// What to exchange, where that is so. `found` is what the cluster account said; the workload account is asked only if it showed no cluster.
pub(super) async fn hint(
    found: &Result<Option<ClusterDescription>, Error>,
    cluster_account: &Account,
    workload: Option<&Account>,
    region: &str,
    name: &str,
) -> Option<String> {
    let differs = |workload: &&Account| workload.identity().account_id != cluster_account.identity().account_id;
    let workload = workload.filter(differs).filter(|_| is_possible(found))?;
    cluster::exists_in(workload, region, name).await.then(|| {
        format!(
            "{workload} has a cluster {name} in region {region}: the two accounts look swapped. Exchange the provider's cluster_account and \
             workload_account: cluster_account is the account of the cluster."
        )
    })
}
