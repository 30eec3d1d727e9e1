//! What `xeks_cluster_peering` needs on either side.
//!
//! Source of actions, resource types and condition keys: Service Authorization Reference, "Amazon EC2", and the VPC peering guide,
//! "Identity and access management for VPC peering".

use serde_json::{Value as Json, json};

use super::grants::{ALWAYS, Grants};
use super::place::{Place, both, flag, is_any, like, text};
use super::{Side, Sides};
use crate::objects::TAG_RESOURCE;
use crate::schema::Value;

/// Describe calls know no resource.
const LOOK: [&str; 3] = ["ec2:DescribeVpcs", "ec2:DescribeRouteTables", "ec2:DescribeVpcPeeringConnections"];
const ROUTES: [&str; 3] = ["ec2:CreateRoute", "ec2:ReplaceRoute", "ec2:DeleteRoute"];
/// For when tags change later; those that a thing is made with go by ec2:CreateAction (EC2 user guide, "Grant permission to tag Amazon EC2
/// resources during creation").
const TAGS: [&str; 2] = ["ec2:CreateTags", "ec2:DeleteTags"];
const OPTIONS: [&str; 1] = ["ec2:ModifyVpcPeeringConnectionOptions"];

pub(super) fn grant(sides: &mut Sides, wanted: &Value) {
    let (cluster_region, workload_region) = (text(wanted, "cluster_region"), text(wanted, "workload_region"));
    let id = |name: &str| text(wanted, name).unwrap_or_else(|| "*".into());
    let cluster_vpc = sides.cluster.place.regional("ec2", cluster_region.as_deref(), &format!("vpc/{}", id("cluster_vpc_id")));
    let workload_vpc = sides.workload.place.regional("ec2", workload_region.as_deref(), &format!("vpc/{}", id("workload_vpc_id")));
    let peering = format!("vpc-peering-connection/{}", id("peering_connection_id"));
    let given = !wanted.get("peering_connection_id").is_null();
    let between = |requester: &str, accepter: &str| json!({"ArnLike": {"ec2:AccepterVpc": accepter, "ec2:RequesterVpc": requester}});
    // Either account may have asked for one that exists; its ARN names it, but for wildcards.
    let of_both = match (given, peering.contains(['*', '?'])) {
        (false, _) => vec![between(&workload_vpc, &cluster_vpc)],
        (true, false) => vec![ALWAYS],
        (true, true) => vec![between(&workload_vpc, &cluster_vpc), between(&cluster_vpc, &workload_vpc)],
    };

    let Side { place, grants } = &mut sides.workload;
    let connections = [place.regional("ec2", workload_region.as_deref(), &peering)];
    if given {
        accept(grants, &workload_vpc, &connections, &of_both);
    } else {
        grants.allow("PeeringRequested", &["ec2:CreateVpcPeeringConnection"], std::slice::from_ref(&workload_vpc), ALWAYS);
        let made = ["ec2:CreateVpcPeeringConnection", "ec2:DeleteVpcPeeringConnection"];
        allow_on(grants, &made, &connections, &of_both);
        grants.allow("PeeringTaggedAsMade", &["ec2:CreateTags"], &connections, made_by("CreateVpcPeeringConnection"));
    }
    let end = End { wanted, region: workload_region.as_deref(), vpc: &workload_vpc, tables: "workload_route_table_ids", of_both: &of_both };
    end.grant(grants, place, &connections);

    let Side { place, grants } = &mut sides.cluster;
    let name = text(wanted, "cluster_name").unwrap_or_default();
    let clusters = [place.regional("eks", cluster_region.as_deref(), &format!("cluster/{name}"))];
    grants.allow("Clusters", &["eks:DescribeCluster"], &clusters, ALWAYS);
    let connections = [place.regional("ec2", cluster_region.as_deref(), &peering)];
    accept(grants, &cluster_vpc, &connections, &of_both);
    let end = End { wanted, region: cluster_region.as_deref(), vpc: &cluster_vpc, tables: "cluster_route_table_ids", of_both: &of_both };
    end.grant(grants, place, &connections);
    // Without HTTPS too: a read looks for rules that are left of before, and an import for those that are there.
    grants.allow("Network", &["ec2:DescribeSecurityGroupRules"], &["*".to_owned()], ALWAYS);
    if flag(wanted, "allow_https", true) {
        let of = |kind: &str| [place.regional("ec2", cluster_region.as_deref(), &format!("{kind}/*"))];
        let rules = ["ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress"];
        grants.allow("Https", &rules, &of("security-group"), both(within(&cluster_vpc), of_cluster(&name)));
        // With tags in the request, the new rule is asked for too, which knows no VPC.
        grants.allow("HttpsRules", &["ec2:AuthorizeSecurityGroupIngress"], &of("security-group-rule"), tagged("aws:RequestTag"));
        grants.allow("HttpsTags", &TAGS, &of("security-group-rule"), ALWAYS);
    }
}

/// What both ends of a peering have: a VPC, its route tables, their side of the connection.
struct End<'a> {
    wanted: &'a Value,
    region: Option<&'a str>,
    vpc: &'a str,
    /// The attribute that names route tables.
    tables: &'a str,
    /// Between which VPCs the connection may be.
    of_both: &'a [Json],
}

impl End<'_> {
    fn grant(&self, grants: &mut Grants, place: &Place, connections: &[String]) {
        grants.allow("Network", &LOOK, &["*".to_owned()], ALWAYS);
        let named = self.wanted.get(self.tables).strings();
        let ids = if named.is_empty() { vec!["*".to_owned()] } else { named };
        let tables: Vec<String> = ids.iter().map(|id| place.regional("ec2", self.region, &format!("route-table/{id}"))).collect();
        grants.allow("PeeringRoutes", &ROUTES, &tables, within(self.vpc));
        if flag(self.wanted, "dns_resolution", false) {
            allow_on(grants, &OPTIONS, connections, self.of_both);
        }
        allow_on(grants, &["ec2:CreateTags"], connections, self.of_both);
        // To untag carries neither VPC, but the tags that are there.
        let is_named = self.of_both == [ALWAYS];
        let condition = if is_named { ALWAYS } else { tagged("aws:ResourceTag") };
        grants.allow("PeeringUntagged", &["ec2:DeleteTags"], connections, condition);
        if !is_named {
            // A connection that is adopted carries nothing of xeks but its notes of what it added.
            let notes = json!({"ForAllValues:StringLike": {"aws:TagKeys": "xeks:*"}, "Null": {"aws:TagKeys": "false"}});
            grants.allow("PeeringNotes", &["ec2:DeleteTags"], connections, notes);
        }
    }
}

/// To accept is asked of the accepter's VPC and of the connection.
fn accept(grants: &mut Grants, vpc: &str, connections: &[String], of_both: &[Json]) {
    grants.allow("PeeringAccepted", &["ec2:AcceptVpcPeeringConnection"], &[vpc.to_owned()], ALWAYS);
    allow_on(grants, &["ec2:AcceptVpcPeeringConnection"], connections, of_both);
}

/// On connections between these VPCs.
fn allow_on(grants: &mut Grants, actions: &[&str], connections: &[String], of_both: &[Json]) {
    for between in of_both {
        grants.allow("PeeringConnections", actions, connections, between.clone());
    }
}

/// The security group that EKS made for the cluster: only EKS can set that tag (EKS user guide, "Amazon EKS security group requirements and
/// considerations"; tags that begin with `aws:` are reserved).
fn of_cluster(name: &str) -> Json {
    const TAG: &str = "aws:ResourceTag/aws:eks:cluster-name";
    match is_any(name) {
        true => json!({"Null": {TAG: "false"}}),
        false => like("StringLike", TAG, &[name.to_owned()]),
    }
}

/// Tags that the call makes the thing with.
fn made_by(call: &str) -> Json {
    json!({"StringEquals": {"ec2:CreateAction": call}})
}

/// Things that carry this provider's tag, or are to carry it: `aws:ResourceTag` or `aws:RequestTag`.
fn tagged(key: &str) -> Json {
    json!({"Null": {(format!("{key}/{TAG_RESOURCE}")): "false"}})
}

/// Things of that VPC only.
fn within(vpc: &str) -> Json {
    json!({"ArnLike": {"ec2:Vpc": vpc}})
}
