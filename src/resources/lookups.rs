//! What a resource looks up before its objects are known.

use super::lifecycle::Located;
use super::swapped;
use crate::aws::{Error, Kind, Side};
use crate::objects::Context;
use crate::objects::eks::cluster::{self, ClusterDescription};

/// The cluster, which must exist and be active; the attribute at the path names it.
pub async fn cluster(cx: &Context, region: &str, name: &str, path: &str) -> Result<ClusterDescription, Located> {
    let absent = || {
        let message =
            format!("cluster {name} does not exist in region {region}; check the name, cluster_region and the provider's cluster_account");
        Error::of_kind(Kind::Absent, "eks:DescribeCluster", cx.account(Side::Cluster).label(), message)
    };
    let found = cluster::describe(cx, region, name).await.and_then(|found| found.ok_or_else(absent));
    let cluster = match found {
        Ok(cluster) => cluster,
        Err(failed) => return Err(Located::at(path)(swapped::cluster(cx, region, name, failed).await)),
    };
    match cluster.status.as_deref() {
        Some("ACTIVE" | "UPDATING") => Ok(cluster),
        status => {
            let message =
                format!("cluster {name} is {}, not ACTIVE; wait until it is ACTIVE, or repair it", status.unwrap_or("in an unknown state"));
            let account = cx.account(Side::Cluster).label();
            Err(Located::at(path)(Error::of_kind(Kind::Absent, "eks:DescribeCluster", account, message)))
        }
    }
}
