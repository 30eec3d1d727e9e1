//! The EC2 client against the two-account AWS: each call that the network side makes, with what it answers and refuses.

use xeks::aws::ec2::{IngressRule, PeeringConnection, PeeringRequest, Select, Tags};
use xeks::aws::{Answer, Kind, Side};

use crate::emulator::{Aws, REGION, WORKLOAD_ACCOUNT};

fn tags(pairs: &[(&str, &str)]) -> Tags {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

async fn settled(ec2: &xeks::aws::ec2::Ec2, id: &str, status: &str) -> PeeringConnection {
    for _ in 0..100 {
        // The other side does not see a request at once.
        let found = ec2.describe_peering_connections(&Select::id(id)).await.absent_is_none().unwrap().unwrap_or_default();
        if let Some(peering) = found.into_iter().find(|peering| peering.status == status) {
            return peering;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{id} never becomes {status}");
}

#[tokio::test]
async fn two_vpcs_are_peered_routed_and_parted_again() {
    let aws = Aws::lease().await;
    let story = aws.admin("story", serde_json::json!({}));
    let id = |name: &str| story[name].as_str().expect("an id").to_owned();
    let (ours, theirs) = (id("cluster_vpc_id"), id("workload_vpc_id"));
    let pair = aws.root().await;
    let (cluster, workload) = (pair.side(Side::Cluster).ec2(None), pair.side(Side::Workload).ec2(Some(REGION)));

    let vpcs = cluster.describe_vpcs(&Select::id(&ours)).await.unwrap();
    assert_eq!((vpcs.len(), vpcs[0].cidr_blocks.as_slice()), (1, ["10.20.0.0/16".to_owned()].as_slice()));
    assert_eq!((vpcs[0].state.as_str(), workload.describe_vpcs(&Select::id(&ours)).await.unwrap_err().kind), ("available", Kind::Absent));
    let subnets = cluster.describe_subnets(&Select::by("vpc-id", [&ours])).await.unwrap();
    assert_eq!(subnets.iter().filter_map(|s| s.cidr_block.as_deref()).filter(|block| block.starts_with("10.20.")).count(), 3);

    let request = PeeringRequest {
        vpc_id: ours.clone(),
        peer_vpc_id: theirs.clone(),
        peer_owner_id: WORKLOAD_ACCOUNT.into(),
        peer_region: REGION.into(),
        tags: tags(&[("owner", "a & b"), ("empty", "")]),
    };
    let made = cluster.create_peering_connection(&request).await.unwrap();
    let pending = settled(&workload, &made.id, "pending-acceptance").await;
    assert!(pending.connects(&ours, &theirs) && !pending.is_active());
    assert_eq!(settled(&cluster, &made.id, "pending-acceptance").await.tags, request.tags);
    let early = cluster.modify_peering_options(&made.id, Some(true), None).await.unwrap_err();
    assert!(matches!(early.kind, Kind::Conflict | Kind::Invalid | Kind::Other), "{early}");
    workload.accept_peering_connection(&made.id).await.unwrap();
    settled(&cluster, &made.id, "active").await;
    cluster.modify_peering_options(&made.id, Some(true), None).await.unwrap();
    assert_eq!(settled(&cluster, &made.id, "active").await.requester.dns_resolution, Some(true));

    let tables = cluster.describe_route_tables(&Select::by("vpc-id", [&ours])).await.unwrap();
    assert_eq!(tables.iter().filter(|table| table.is_main()).count(), 1);
    let table = &tables.iter().find(|table| subnets.iter().any(|subnet| table.serves(&subnet.id))).unwrap().id;
    cluster.create_route(table, "10.30.0.0/16", &made.id).await.unwrap();
    let seen = cluster.describe_route_tables(&Select::id(table)).await.unwrap();
    let route = seen[0].route_to("10.30.0.0/16").unwrap();
    assert_eq!((route.target.as_str(), route.state.as_str(), route.origin.as_str()), (made.id.as_str(), "active", "CreateRoute"));
    cluster.replace_route(table, "10.30.0.0/16", &made.id).await.unwrap();
    cluster.delete_route(table, "10.30.0.0/16").await.unwrap();
    assert_eq!(cluster.delete_route(table, "10.30.0.0/16").await.absent_is_none().unwrap(), None);
    assert_eq!(cluster.create_route("rtb-00000000000000000", "10.30.0.0/16", &made.id).await.unwrap_err().kind, Kind::Absent);

    cluster.create_tags(&made.id, &tags(&[("owner", "team"), ("new", "1")])).await.unwrap();
    cluster.delete_tags(&made.id, &["empty"]).await.unwrap();
    assert_eq!(settled(&cluster, &made.id, "active").await.tags, tags(&[("owner", "team"), ("new", "1")]));
    cluster.delete_peering_connection(&made.id).await.unwrap();
    settled(&cluster, &made.id, "deleted").await;
}

#[tokio::test]
async fn a_rule_of_the_clusters_security_group_is_made_once_and_taken_away_by_its_id() {
    let aws = Aws::lease().await;
    let story = aws.admin("story", serde_json::json!({}));
    let group = story["cluster_security_group_id"].as_str().expect("an id").to_owned();
    let ec2 = aws.root().await.side(Side::Cluster).ec2(None);
    for cidr in ["10.30.0.0/16", "2001:db8::/56"] {
        let rule = IngressRule {
            group_id: group.clone(),
            port: 443,
            cidr: cidr.into(),
            description: "The cluster's API".into(),
            tags: tags(&[("owner", "platform")]),
        };
        let made = ec2.authorize_security_group_ingress(&rule).await.unwrap();
        assert_eq!(ec2.authorize_security_group_ingress(&rule).await.unwrap_err().kind, Kind::Exists);
        let seen = ec2.describe_security_group_rules(&Select::by("group-id", [&group])).await.unwrap();
        let seen = seen.iter().find(|rule| rule.id == made.id).unwrap();
        assert_eq!((seen.protocol.as_str(), seen.from_port, seen.to_port, seen.egress), ("tcp", 443, 443, false));
        assert_eq!(seen.cidr_ipv4.as_deref().or(seen.cidr_ipv6.as_deref()), Some(cidr));
        assert_eq!((seen.description.as_deref(), &seen.tags), (Some("The cluster's API"), &rule.tags));
        ec2.revoke_security_group_ingress(&group, &[&made.id]).await.unwrap();
        assert_eq!(ec2.revoke_security_group_ingress(&group, &[&made.id]).await.absent_is_none().unwrap(), None);
    }
    let groups = ec2.describe_security_groups(&Select::by("group-id", [&group])).await.unwrap();
    assert_eq!((groups.len(), groups[0].vpc_id.as_deref()), (1, story["cluster_vpc_id"].as_str()));
}

/// The runner's policies are the tests' own: an error names the missing permission.
#[tokio::test]
async fn a_permission_that_is_missing_is_named() {
    let aws = Aws::lease().await;
    let cx = aws.cx(&["test"]).await;
    let error = cx.pair.side(Side::Workload).ec2(None).create_tags("vpc-00000000000000000", &tags(&[("a", "b")])).await.unwrap_err();
    assert_eq!((error.kind, error.missing_permission().map(|m| m.action)), (Kind::Denied, Some("ec2:CreateTags".into())), "{error}");
}
