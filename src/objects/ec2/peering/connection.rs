//! The peering connection as the workload account sees it: `CLUSTER/VPC`. Requested there, accepted by `accepter`.
//!
//! Ledger: `id`, `arn`, `tags` (those of the workload account's view; null on an adopted connection, whose tags are not changed).

use async_trait::async_trait;

use super::link::{self, CONNECTION, FORM, Link};
use super::{accepter, usage};
use crate::aws::ec2::{PeeringConnection, PeeringRequest, Select};
use crate::aws::{Error, Kind as ErrorKind, Side, wait};
use crate::diagnostics::Path;
use crate::engine::{
    BadName, Deleted, Entry, Facts, Key, Kind, Object, Observed, OnExisting, Origin, Planned, Reconcile, Tags, Written, parts,
};
use crate::objects::tags::Keys;
use crate::objects::{Context, Env, TAG_INSTANCE, TAG_RESOURCE, ownership, tags};
use crate::schema::{Value, placeholder};

pub const KIND: &str = CONNECTION;

#[derive(Clone, Debug)]
pub struct Connection {
    pub link: Link,
    /// The CIDR blocks of the cluster's VPC and of the workload's, for the error of a request that failed.
    pub blocks: [Vec<String>; 2],
    pub tags: Tags,
    pub on_existing: OnExisting,
}

/// What the connection is, beyond what the ledger has.
#[derive(Clone, Debug, Default)]
pub struct ConnectionFacts {
    pub status: String,
    /// Whether the DNS option of the workload's side is on.
    pub dns_resolution: bool,
}

#[async_trait]
impl Object<Context> for Connection {
    fn kind(&self) -> &'static dyn Kind<Context> {
        &ConnectionKind
    }

    fn key(&self) -> Key {
        self.link.key()
    }

    fn attribute(&self) -> Path {
        self.link.attribute.clone()
    }

    fn region(&self) -> Option<String> {
        Some(self.link.workload.region.clone())
    }

    fn on_existing(&self) -> OnExisting {
        self.on_existing.clone()
    }

    /// EC2 answers a second request for the same two VPCs with the first one's connection.
    fn create_is_refused_if_it_exists(&self) -> bool {
        true
    }

    fn planned(&self, _: &Env) -> Planned {
        // AWS decides the id, which the ARN ends in.
        Planned { arn: Value::Unknown, tags: placeholder::map_value(&self.tags), has_id: true, ..Planned::default() }
    }

    fn if_missing(&self) -> String {
        format!(
            "{} does not exist, or can't carry traffic any more (failed, rejected, expired or deleted). Set {1} to an existing connection, or \
             leave {1} out to have xeks create one.",
            self.link.id.as_deref().unwrap_or("The peering connection"),
            self.link.attribute
        )
    }

    /// The connection with the known id, else any of the two VPCs: there can't be a second one.
    async fn read(&self, cx: &Context, reconcile: &Reconcile) -> Result<Option<Observed>, Error> {
        let id = reconcile.entry.as_ref().and_then(|entry| entry.id.as_deref()).or(self.link.id.as_deref());
        let known = match id {
            Some(id) => self.link.describe_live(cx, Side::Workload, id).await?,
            None => None,
        };
        let found = match known {
            Some(found) => Some(found),
            None if self.on_existing == OnExisting::MustExist => None,
            None => self.link.find(cx).await?,
        };
        let Some(found) = found else { return Ok(None) };
        if !self.link.connects(&found) {
            return Err(self.connects_other_vpcs(cx, &found));
        }
        Ok(Some(self.observed(cx, reconcile, found)))
    }

    async fn create(&self, cx: &Context, reconcile: &Reconcile, instance: &str) -> Result<Written, Error> {
        let found = self.request(cx, instance).await?;
        let if_foreign = self.if_foreign(&found);
        let observed = self.observed(cx, reconcile, found);
        if !ownership::is_made_by(&observed.owner, &cx.ownership, instance) {
            // The engine reads the connection again, and adopts or refuses it.
            let id = observed.id.as_deref().unwrap_or("a peering connection");
            let message = format!("{id} already exists, and this resource did not create it: {if_foreign}");
            return Err(Error::of_kind(ErrorKind::Exists, "ec2:CreateVpcPeeringConnection", cx.label(Side::Workload), message));
        }
        self.update(cx, reconcile, instance, &observed).await
    }

    async fn update(&self, cx: &Context, reconcile: &Reconcile, instance: &str, observed: &Observed) -> Result<Written, Error> {
        let own = reconcile.origin.is_own();
        if own && let Some(id) = &observed.id {
            let change = tags::own(Keys::Exact, &cx.ownership, reconcile, instance, &self.tags, observed);
            link::retag(cx, Side::Workload, &self.link.workload.region, id, &change).await?;
        }
        let tags = own.then(|| self.tags.clone());
        Ok(Written { arn: observed.arn.clone(), id: observed.id.clone(), tags, ..Written::default() })
    }
}

pub struct ConnectionKind;

#[async_trait]
impl Kind<Context> for ConnectionKind {
    fn name(&self) -> &'static str {
        KIND
    }

    /// After everything that is attached to it.
    fn delete_order(&self, _: Origin) -> u8 {
        3
    }

    fn parse(&self, name: &str) -> Result<(), BadName> {
        parts::<2>(name, FORM).map(drop)
    }

    /// Deletes a connection of this resource and waits until it is gone: until then the VPCs can't be connected again.
    async fn delete(&self, cx: &Context, key: &Key, entry: &Entry) -> Result<Deleted, Error> {
        if !entry.origin.is_own() {
            return Ok(Deleted::Now);
        }
        let [_, vpc_id] = parts(&key.name, FORM)?;
        // Another resource may have come to use it since the destroy began.
        cx.look.end();
        let refusal = async {
            match link::id_of(cx, entry) {
                Some(id) => Some(accepter::refuse_if_used(cx, id, entry).await),
                None => None,
            }
        };
        let (found, refusal) = futures::join!(find_of(cx, key.side, entry), refusal);
        let Some(found) = found? else { return Ok(Deleted::Now) };
        let refusal = match refusal {
            Some(refusal) => refusal,
            None => accepter::refuse_if_used(cx, &found.id, entry).await,
        };
        let connects = vpc_id == found.requester.vpc_id || vpc_id == found.accepter.vpc_id;
        let (owner, _) = cx.ownership.split(found.tags.clone());
        let may_delete = connects && cx.may_delete(key, entry, &owner, entry.id.as_deref(), Some(&found.id));
        if may_delete && refusal.is_ok() {
            delete_and_wait(cx, key.side, entry.region.as_deref(), found).await?;
            return Ok(Deleted::Now);
        }
        // The note would have gone with the connection.
        usage::remove_note(cx, &key.name, entry, &found.id).await?;
        if may_delete { refusal.map(|()| Deleted::Now) } else { Ok(Deleted::Now) }
    }

    async fn still_visible(&self, _: &Context, _: &Key, _: &Entry) -> Result<bool, Error> {
        // The deletion waits until the connection is gone. EC2 shows it as `deleted` for a while, which no read takes for live.
        Ok(false)
    }
}

async fn delete_and_wait(cx: &Context, side: Side, region: Option<&str>, found: PeeringConnection) -> Result<(), Error> {
    let (ec2, id) = (&cx.ec2(side, region), &found.id.clone());
    let call = "ec2:DeleteVpcPeeringConnection";
    let mut found = Some(found);
    wait::until(&cx.limits(), "the peering connection to be deleted", call, cx.label(side), || {
        let found = found.take();
        async move {
            match link::known_or_now(found, cx, side, region, id).await? {
                Some(now) if link::is_live(&now) => {
                    let deleted = ec2.delete_peering_connection(id).await;
                    // While it is being set up it can't be deleted yet; afterwards it may be gone already.
                    if let Err(error) = deleted
                        && !link::is_in_transition(&error)
                        && !error.is(ErrorKind::Absent)
                    {
                        return Err(error);
                    }
                    Ok(None)
                }
                Some(now) if now.status == "deleting" => Ok(None),
                _ => Ok(Some(())),
            }
        }
    })
    .await
}

/// The connection of a ledger entry. Where a lost answer left no id, it is found by the tag that its create wrote.
async fn find_of(cx: &Context, side: Side, entry: &Entry) -> Result<Option<PeeringConnection>, Error> {
    let region = entry.region.as_deref();
    match (&entry.id, &entry.instance) {
        (Some(id), _) => link::describe_live(cx, side, region, id).await,
        (None, Some(instance)) => {
            let ec2 = cx.ec2(side, region);
            let select = Select::by(&format!("tag:{TAG_INSTANCE}"), [instance]);
            let found = cx.patiently(|| ec2.describe_peering_connections(&select)).await?;
            Ok(found.into_iter().find(link::is_live))
        }
        (None, None) => Ok(None),
    }
}

impl Connection {
    fn observed(&self, cx: &Context, reconcile: &Reconcile, found: PeeringConnection) -> Observed {
        let own = reconcile.origin.is_own();
        let end = &self.link.workload;
        let partition = &cx.pair.identity(Side::Workload).partition;
        let if_foreign = self.if_foreign(&found);
        let dns_resolution = link::has_dns_resolution(&found, &end.vpc_id);
        let requester = found.requester.vpc_id.clone();
        let (owner, tags) = cx.ownership.split(found.tags);
        let mut unexpected = Vec::new();
        if cx.ownership.may_be_left(reconcile, &owner) {
            if requester != end.vpc_id {
                unexpected.push(format!("requester VPC {requester} (a create requests it from {})", end.vpc_id));
            }
            unexpected.extend(tags::unexpected(Keys::Exact, &self.tags, &tags));
        }
        let tags = tags::owned(Keys::Exact, &self.tags, tags, reconcile, &owner);
        Observed {
            arn: Some(format!("arn:{partition}:ec2:{}:{}:vpc-peering-connection/{}", end.region, end.account_id, found.id)),
            id: Some(found.id),
            document: None,
            differs: own && !tags::exclusive(Keys::Exact, &self.tags, &tags).is_none(),
            tags: own.then_some(tags),
            owner,
            unexpected,
            created: None,
            label: None,
            if_foreign: Some(if_foreign),
            added: None,
            facts: Facts::new(ConnectionFacts { status: found.status, dns_resolution }),
        }
    }

    /// Requests the connection and waits until it is visible to both accounts.
    async fn request(&self, cx: &Context, instance: &str) -> Result<PeeringConnection, Error> {
        let (call, label) = ("ec2:CreateVpcPeeringConnection", cx.label(Side::Workload));
        let ec2 = cx.ec2(Side::Workload, Some(&self.link.workload.region));
        let mut tags = self.tags.clone();
        tags.extend(cx.ownership.tags(instance));
        let request = PeeringRequest {
            vpc_id: self.link.workload.vpc_id.clone(),
            peer_vpc_id: self.link.cluster.vpc_id.clone(),
            peer_owner_id: self.link.cluster.account_id.clone(),
            peer_region: self.link.cluster.region.clone(),
            tags,
        };
        let requested = cx.patiently(|| ec2.create_peering_connection(&request)).await?;
        let id = requested.id.clone();
        let mut answer = Some(requested);
        wait::until(&cx.limits(), "the peering request to reach the other account", call, label, || {
            let (answer, id) = (answer.take(), &id);
            async move {
                match link::known_or_now(answer, cx, Side::Workload, Some(&self.link.workload.region), id).await? {
                    // What was created a moment ago may not be visible yet.
                    None => Ok(None),
                    Some(now) if now.status == "initiating-request" => Ok(None),
                    Some(now) if link::is_live(&now) => Ok(Some(now)),
                    Some(now) => Err(self.failed(cx, &now)),
                }
            }
        })
        .await
    }

    /// A request that AWS rejects for its VPCs has no error: its status says `failed` (VPC peering guide, "VPC peering connection
    /// lifecycle").
    fn failed(&self, cx: &Context, found: &PeeringConnection) -> Error {
        let message = format!(
            "the peering connection {} ended as {}: {}. AWS does not connect VPCs whose CIDR blocks overlap, even blocks that no route uses: {} \
             of the cluster's account {} has {}, {} of the workload's account {} has {}. A connection in this state can't be deleted, and \
             disappears by itself",
            found.id,
            found.status,
            found.status_message.as_deref().unwrap_or("AWS gives no reason"),
            self.link.cluster.vpc_id,
            self.link.cluster.account_id,
            self.blocks[0].join(", "),
            self.link.workload.vpc_id,
            self.link.workload.account_id,
            self.blocks[1].join(", "),
        );
        Error::of_kind(ErrorKind::Invalid, "ec2:CreateVpcPeeringConnection", cx.label(Side::Workload), message)
    }

    fn connects_other_vpcs(&self, cx: &Context, found: &PeeringConnection) -> Error {
        let message = format!(
            "{} connects {} and {}, not the cluster's {} and {}. Set {5} to the connection of these two VPCs, or leave {5} out to have xeks \
             create one",
            found.id,
            found.requester.vpc_id,
            found.accepter.vpc_id,
            self.link.cluster.vpc_id,
            self.link.workload.vpc_id,
            self.link.attribute
        );
        Error::of_kind(ErrorKind::Invalid, "ec2:DescribeVpcPeeringConnections", cx.label(Side::Workload), message)
    }

    /// What to do about a connection of these VPCs that exists and that this resource did not create.
    fn if_foreign(&self, found: &PeeringConnection) -> String {
        let created_by = match found.tags.get(TAG_RESOURCE) {
            Some(resource) => format!("its {TAG_RESOURCE} tag is {resource:?}"),
            None => "it has no tag of this provider".to_owned(),
        };
        format!(
            "it connects {} and {} (status {}), and two VPCs can have only one peering connection; {created_by}. To use it as it is, set {} = \
             {:?}: xeks adds routes, security group rules and options to it, and never deletes it. To manage it with this resource, import it",
            self.link.cluster.vpc_id, self.link.workload.vpc_id, found.status, self.link.attribute, found.id
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(id: Option<&str>) -> Connection {
        let end = |vpc: &str| link::End { vpc_id: vpc.into(), ..link::End::default() };
        let (cluster, workload, id) = (end("vpc-c"), end("vpc-w"), id.map(str::to_owned));
        let link = Link { cluster, workload, id, attribute: Path::of("peering_connection_id"), ..Link::default() };
        Connection { link, blocks: Default::default(), tags: Tags::new(), on_existing: OnExisting::Fail }
    }

    #[test]
    fn a_foreign_connection_is_described_with_the_way_to_use_it() {
        let found = PeeringConnection { id: "pcx-1".into(), status: "active".into(), ..PeeringConnection::default() };
        let text = connection(None).if_foreign(&found);
        assert!(text.contains("peering_connection_id = \"pcx-1\"") && text.contains("vpc-c and vpc-w"), "{text}");
    }

    #[test]
    fn a_missing_connection_is_named_with_the_attribute_to_change() {
        let text = connection(Some("pcx-1")).if_missing();
        assert!(text.starts_with("pcx-1 does not exist") && text.contains("leave peering_connection_id out"), "{text}");
    }
}
