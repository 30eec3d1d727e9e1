//! The objects of a peering: made, left alone, changed and removed for real, and with answers lost or permissions missing at any call.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use xeks::aws::Side;
use xeks::aws::ec2::Select;
use xeks::diagnostics::Path;
use xeks::engine::{Ledger, Object, OnExisting, Origin, Tags, converge, delete_all, refresh};
use xeks::objects::Context;
use xeks::objects::ec2::peering::accepter::Accepter;
use xeks::objects::ec2::peering::connection::Connection;
use xeks::objects::ec2::peering::options::Options;
use xeks::objects::ec2::peering::route::Route;
use xeks::objects::ec2::peering::usage::Usage;
use xeks::objects::ec2::peering::{End, Link, Untagged};
use xeks::objects::ec2::security_group_rule::SecurityGroupRule;

use crate::connection::{stored, through_a_state};
use crate::emulator::{Aws, CLUSTER, CLUSTER_ACCOUNT, REGION, WORKLOAD_ACCOUNT, text};

const RESOURCE: &[&str] = &["xeks_cluster_peering", "cluster", "workload"];
const OTHER: &[&str] = &["xeks_cluster_peering", "cluster", "workload", "reused"];

/// Both VPCs of the story with a table each, and the cluster security group.
#[derive(Clone)]
struct Network {
    link: Link,
    tables: [String; 2],
    group: String,
}

impl Network {
    async fn of(aws: &Aws) -> Self {
        let root = aws.root().await;
        let mut ends = Vec::new();
        let mut tables = Vec::new();
        for (side, account, block) in [(Side::Cluster, CLUSTER_ACCOUNT, "10.20.0.0/16"), (Side::Workload, WORKLOAD_ACCOUNT, "10.30.0.0/16")]
        {
            let ec2 = root.side(side).ec2(Some(REGION));
            let vpc = ec2.describe_vpcs(&Select::by("cidr", [block])).await.unwrap().remove(0);
            tables.push(ec2.describe_route_tables(&Select::by("vpc-id", [&vpc.id])).await.unwrap().remove(0).id);
            ends.push(End { vpc_id: vpc.id, account_id: account.into(), region: REGION.into() });
        }
        let groups = Select::by("tag:aws:eks:cluster-name", [CLUSTER]);
        let group = root.side(Side::Cluster).ec2(Some(REGION)).describe_security_groups(&groups).await.unwrap().remove(0).id;
        let (workload, cluster) = (ends.remove(1), ends.remove(0));
        Network {
            link: Link { name: format!("c/{}", workload.vpc_id), cluster, workload, id: None, attribute: Path::root() },
            tables: [tables.remove(0), tables.remove(0)],
            group,
        }
    }

    fn objects(&self, on_existing: &OnExisting, blocks: &[&str], tags: &[(&str, &str)]) -> Vec<Box<dyn Object<Context>>> {
        let tags: Tags = tags.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let link = || self.link.clone();
        let far = |block: &&str| (Side::Cluster, self.tables[0].clone(), (*block).to_owned());
        let mut routes: Vec<(Side, String, String)> = blocks.iter().map(far).collect();
        routes.push((Side::Workload, self.tables[1].clone(), "10.20.0.0/16".to_owned()));
        let wanted: BTreeSet<Untagged> = routes.iter().map(|(side, table, block)| Untagged::route(*side, table, block)).collect();
        let mut objects: Vec<Box<dyn Object<Context>>> = vec![
            Box::new(Connection { link: link(), blocks: Default::default(), tags: tags.clone(), on_existing: on_existing.clone() }),
            Box::new(Accepter { link: link(), tags: tags.clone(), own: None, wanted: wanted.clone() }),
            Box::new(Usage { link: link(), wanted }),
            Box::new(Options { side: Side::Cluster, link: link(), attribute: Path::root() }),
            Box::new(Options { side: Side::Workload, link: link(), attribute: Path::root() }),
        ];
        for (side, table, destination) in routes {
            objects.push(Box::new(Route {
                side,
                link: link(),
                table,
                destination,
                attribute: Path::root(),
                listed_by: "the route tables",
            }));
        }
        for block in blocks {
            let (region, group, block) = (REGION.to_owned(), self.group.clone(), (*block).to_owned());
            objects.push(Box::new(SecurityGroupRule { region, group, block, tags: tags.clone(), attribute: Path::root() }));
        }
        objects
    }

    fn own(&self) -> Vec<Box<dyn Object<Context>>> {
        self.objects(&OnExisting::Fail, &["10.30.0.0/24"], &[("team", "x")])
    }

    fn changed(&self) -> Vec<Box<dyn Object<Context>>> {
        self.objects(&OnExisting::Fail, &["10.30.1.0/24", "10.30.2.0/24"], &[("team", "y"), ("more", "z")])
    }
}

async fn make(cx: &Context, objects: &[Box<dyn Object<Context>>], prior: Ledger, instance: &str) -> Ledger {
    let made = converge(cx, objects, prior, instance).await;
    let failures: Vec<String> = made.failures.iter().map(|f| format!("{}: {}", f.key, text(&f.error))).collect();
    assert!(failures.is_empty(), "{failures:#?}");
    through_a_state(&made.ledger)
}

/// The context of an operation that finds this ledger.
async fn cx(aws: &Aws, resource: &[&str], ledger: &Ledger) -> Context {
    Context { recorded: ledger.clone(), ..aws.cx(resource).await }
}

async fn remove(aws: &Aws, resource: &[&str], ledger: Ledger) {
    let removed = delete_all(&cx(aws, resource, &ledger).await, ledger).await;
    let failures: Vec<String> = removed.failures.iter().map(|f| format!("{}: {}", f.key, text(&f.error))).collect();
    assert!(failures.is_empty() && removed.ledger.is_empty(), "{failures:#?}");
}

#[tokio::test]
async fn a_peering_is_made_left_alone_changed_and_removed_whole() {
    let aws = Aws::lease().await;
    let network = Network::of(&aws).await;
    let before = aws.left();
    let cx = aws.cx(RESOURCE).await;
    let made = make(&cx, &network.own(), Ledger::default(), "i1").await;
    assert!(made.0.values().all(|entry| entry.origin == Origin::Created && !entry.pending), "{made:#?}");
    aws.calls();
    assert_eq!(make(&cx, &network.own(), made.clone(), "i1").await, made);
    assert_eq!(refresh(&cx, &network.own(), made.clone()).await.unwrap().ledger, made);
    assert_eq!(aws.writes(), [""; 0]);
    let changed = make(&cx, &network.changed(), made.clone(), "i1").await;
    assert_eq!(changed.get(&network.link.key()).unwrap().id, made.get(&network.link.key()).unwrap().id);
    remove(&aws, RESOURCE, changed).await;
    assert_eq!(aws.left(), before);
}

#[tokio::test]
async fn a_route_that_another_resource_wants_outlives_the_one_that_made_it() {
    let aws = Aws::lease().await;
    let network = Network::of(&aws).await;
    let before = aws.left();
    let owner = make(&aws.cx(RESOURCE).await, &network.own(), Ledger::default(), "i1").await;
    let mut reused = network.clone();
    reused.link.id = owner.get(&network.link.key()).unwrap().id.clone();
    let wide = reused.objects(&OnExisting::MustExist, &["10.30.0.0/24", "10.30.9.0/24"], &[]);
    let user = make(&cx(&aws, OTHER, &owner).await, &wide, Ledger::default(), "i2").await;
    let narrow = network.objects(&OnExisting::Fail, &["10.30.9.0/24"], &[]);
    let owner = make(&cx(&aws, RESOURCE, &owner).await, &narrow, owner, "i1").await;
    let refused = delete_all(&cx(&aws, RESOURCE, &owner).await, owner.clone()).await;
    assert_eq!(refused.failures.len(), 1);
    assert!(text(&refused.failures[0].error).contains("still carries the traffic"), "{:?}", refused.failures[0].error);
    assert_eq!(refused.ledger, owner, "nothing is removed before the other has left");
    remove(&aws, OTHER, user).await;
    let seen = refresh(&cx(&aws, RESOURCE, &owner).await, &narrow, owner.clone()).await.unwrap().ledger;
    assert_eq!(stored(&seen), stored(&owner), "all that the owner wants still exists");
    remove(&aws, RESOURCE, owner).await;
    assert_eq!(aws.left(), before);
}

#[tokio::test]
async fn an_answer_that_is_lost_at_any_write_of_a_peerings_life_is_no_failure() {
    let aws = Aws::lease().await;
    let network = Network::of(&aws).await;
    let before = aws.left();
    let live = || async {
        let cx = aws.cx(RESOURCE).await;
        let made = make(&cx, &network.own(), Ledger::default(), "i1").await;
        let made = make(&cx, &network.changed(), made, "i1").await;
        remove(&aws, RESOURCE, made).await;
    };
    aws.calls();
    live().await;
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    aws.writes().into_iter().for_each(|call| *times.entry(call).or_default() += 1);
    assert!(times.len() >= 9, "{times:?}");
    for (call, times) in times {
        let (service, action) = call.split_once(':').unwrap();
        // The first and the last of its kind.
        for after in BTreeSet::from([0, times - 1]) {
            aws.admin("faults/add", json!({"kind": "lost_answer", "service": service, "action": action, "after": after}));
            live().await;
            let hit = aws.admin("faults/list", json!({}))["faults"][0]["hit"].clone();
            aws.admin("faults/clear", json!({}));
            assert_eq!((aws.left(), hit), (before.clone(), json!(1)), "{call}, the one after {after}");
        }
    }
}

#[tokio::test]
async fn a_peering_that_is_denied_any_call_is_removed_by_its_ledger() {
    let aws = Aws::lease().await;
    let network = Network::of(&aws).await;
    let before = aws.left();
    aws.calls();
    let made = make(&aws.cx(RESOURCE).await, &network.own(), Ledger::default(), "i1").await;
    let calls = aws.writes().len();
    remove(&aws, RESOURCE, made).await;
    let writes =
        ["CreateVpcPeeringConnection", "AcceptVpcPeeringConnection", "CreateTags", "ModifyVpcPeeringConnectionOptions", "CreateRoute"];
    assert!(calls >= writes.len());
    for action in writes {
        aws.admin("faults/add", json!({"kind": "deny", "action": action, "principal": "xeks-runner", "times": 1}));
        let partial = converge(&aws.cx(RESOURCE).await, &network.own(), Ledger::default(), "i1").await;
        aws.admin("faults/clear", json!({}));
        assert!(!partial.failures.is_empty(), "{action}");
        remove(&aws, RESOURCE, through_a_state(&partial.ledger)).await;
        assert_eq!(aws.left(), before, "{action}");
    }
}
