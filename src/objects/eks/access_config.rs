//! The cluster's authentication mode, brought one step from CONFIG_MAP to API_AND_CONFIG_MAP. Never undone.

use async_trait::async_trait;
use aws_sdk_eks::types::{AuthenticationMode, UpdateAccessConfigRequest, UpdateStatus};
use tokio::time::Instant;

use super::cluster;
use crate::aws::{Error, Kind as ErrorKind, Side, wait};
use crate::diagnostics::Path;
use crate::engine::{BadName, Deleted, Entry, Key, Kind, Object, Observed, OnExisting, Origin, Planned, Reconcile, Written, parts};
use crate::objects::context::PROPAGATION;
use crate::objects::{Context, Env};

pub const KIND: &str = "eks_access_config";

/// The authentication mode of a cluster that must take access entries.
#[derive(Clone, Debug)]
pub struct AccessConfig {
    pub cluster: String,
    pub region: String,
    pub attribute: Path,
}

pub fn key(cluster: &str) -> Key {
    Key::new(Side::Cluster, KIND, cluster)
}

#[async_trait]
impl Object<Context> for AccessConfig {
    fn kind(&self) -> &'static dyn Kind<Context> {
        &AccessConfigKind
    }

    fn key(&self) -> Key {
        key(&self.cluster)
    }

    fn attribute(&self) -> Path {
        self.attribute.clone()
    }

    fn region(&self) -> Option<String> {
        Some(self.region.clone())
    }

    fn on_existing(&self) -> OnExisting {
        OnExisting::MustExist
    }

    fn planned(&self, _: &Env) -> Planned {
        Planned::default()
    }

    async fn read(&self, cx: &Context, _: &Reconcile) -> Result<Option<Observed>, Error> {
        let cluster = cluster::describe_now(cx, &self.region, &self.cluster).await?;
        Ok(cluster.map(|cluster| Observed::attached(cluster.authentication_mode.as_deref() == Some("CONFIG_MAP"))))
    }

    /// xeks creates no cluster: it must exist, and the engine reports one that does not.
    async fn create(&self, cx: &Context, _: &Reconcile, _: &str) -> Result<Written, Error> {
        Err(Error::of_kind(ErrorKind::Absent, "eks:DescribeCluster", cx.label(Side::Cluster), self.if_missing()))
    }

    async fn update(&self, cx: &Context, _: &Reconcile, _: &str, observed: &Observed) -> Result<Written, Error> {
        if observed.differs {
            self.upgrade(cx).await?;
            cluster::forget(cx, &self.region, &self.cluster);
        }
        Ok(Written::default())
    }
}

pub struct AccessConfigKind;

#[async_trait]
impl Kind<Context> for AccessConfigKind {
    fn name(&self) -> &'static str {
        KIND
    }

    fn delete_order(&self, _: Origin) -> u8 {
        0
    }

    fn parse(&self, name: &str) -> Result<(), BadName> {
        parts::<1>(name, "CLUSTER").map(drop)
    }

    /// The authentication mode can't be changed back.
    async fn delete(&self, _: &Context, _: &Key, _: &Entry) -> Result<Deleted, Error> {
        Ok(Deleted::Now)
    }

    async fn still_visible(&self, _: &Context, _: &Key, _: &Entry) -> Result<bool, Error> {
        Ok(false)
    }
}

impl AccessConfig {
    async fn takes_no_entries(&self, cx: &Context) -> Result<bool, Error> {
        let cluster = cluster::describe_now(cx, &self.region, &self.cluster).await?;
        Ok(cluster.is_some_and(|cluster| cluster.authentication_mode.as_deref() == Some("CONFIG_MAP")))
    }

    /// EKS changes the mode in an update of its own, which takes minutes (UpdateClusterConfig, DescribeUpdate).
    async fn upgrade(&self, cx: &Context) -> Result<(), Error> {
        let client = cx.eks(Some(&self.region));
        let config = UpdateAccessConfigRequest::builder().authentication_mode(AuthenticationMode::ApiAndConfigMap).build();
        let call = "eks:UpdateClusterConfig";
        let request = || client.update_cluster_config().name(&self.cluster).access_config(config.clone()).send();
        // Another update of the cluster may be under way: ours waits for it, and it may have been this very one.
        let busy = |e: &Error| e.code.as_deref() == Some("ResourceInUseException");
        let answer = wait::retry_while(&cx.limits(), "another update of the cluster to finish", busy, || async {
            if !self.takes_no_entries(cx).await? {
                return Ok(None);
            }
            match cx.ask(call, Side::Cluster, request).await {
                Err(error) if error.is(ErrorKind::Invalid) && !self.takes_no_entries(cx).await? => Ok(None),
                answer => answer.map(Some),
            }
        })
        .await?;
        let Some(answer) = answer else { return Ok(()) };
        let update = answer.update.and_then(|u| u.id).unwrap_or_default();
        let label = cx.label(Side::Cluster);
        let what = format!("cluster {} to change its authentication mode", self.cluster);
        let began = Instant::now();
        wait::until(&cx.limits(), &what, "eks:DescribeUpdate", label, || async {
            let request = || client.describe_update().name(&self.cluster).update_id(&update).send();
            let answer = match cx.ask("eks:DescribeUpdate", Side::Cluster, request).await {
                // EKS may not know the update for a moment.
                Err(error) if error.is(ErrorKind::Absent) && began.elapsed() < PROPAGATION => return Ok(None),
                answer => answer?,
            };
            let update = answer.update;
            match update.as_ref().and_then(|u| u.status()) {
                Some(UpdateStatus::Successful) => Ok(Some(())),
                Some(UpdateStatus::Failed | UpdateStatus::Cancelled) => {
                    let errors = update.iter().flat_map(|u| u.errors()).filter_map(|e| e.error_message().map(str::to_owned));
                    let why = errors.collect::<Vec<_>>().join("; ");
                    Err(Error::of_kind(
                        ErrorKind::Other,
                        call,
                        label,
                        format!("changing the authentication mode of cluster {} failed: {why}", self.cluster),
                    ))
                }
                _ => Ok(None),
            }
        })
        .await
    }
}
