//! The pieces of one connection from the workload account to a cluster, as the resource of that name lists them.

use std::collections::BTreeSet;

use xeks::aws::policy::{canonical_text, statements};
use xeks::engine::{Key, Ledger, Piece, Side, Tags, Welcome, converge, refresh, remove_all};
use xeks::pieces::Cloud;
use xeks::pieces::eks::policy_association::{PolicyAssociation, Scope};
use xeks::pieces::eks::{access_config::AccessConfig, access_entry, access_entry::AccessEntry};
use xeks::pieces::iam::inline_policy::InlinePolicy;
use xeks::pieces::iam::instance_profile::InstanceProfile;
use xeks::pieces::iam::instance_profile_role::InstanceProfileRole;
use xeks::pieces::iam::policy_attachment::PolicyAttachment;
use xeks::pieces::iam::role::{self, Role};

use crate::emulator::{Aws, CLUSTER, CLUSTER_ACCOUNT, REGION, WORKLOAD_ACCOUNT};

pub const ACCESS: &str = "EKS-CrossAccount-Access-Role";
pub const WORKLOAD: &str = "EC2-EKS-CrossAccount-Role";
pub const ADMIN: &str = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy";
pub const VIEW: &str = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy";
pub const MANAGED: &str = "arn:aws:iam::aws:policy/ReadOnlyAccess";
pub const RESOURCE: &[&str] = &["xeks_cross_account_access", CLUSTER_ACCOUNT, CLUSTER, ACCESS, WORKLOAD];

pub type Pieces = Vec<Box<dyn Piece<Cloud>>>;

/// What a test changes about the connection.
#[derive(Clone)]
pub struct Connection {
    pub cluster: String,
    pub existing_workload: bool,
    pub existing_access: bool,
    pub adopt: bool,
    pub upgrade: bool,
    pub description: Option<String>,
    pub username: Option<String>,
    pub policies: Vec<(&'static str, Scope, Vec<&'static str>)>,
    pub managed: Vec<&'static str>,
    pub tags: Tags,
}

impl Default for Connection {
    fn default() -> Self {
        Connection {
            cluster: CLUSTER.into(),
            existing_workload: false,
            existing_access: false,
            adopt: false,
            upgrade: false,
            description: Some("Access to the cluster".into()),
            username: None,
            policies: vec![(ADMIN, Scope::Cluster, vec![])],
            managed: vec![MANAGED],
            tags: Tags::from([("owner".into(), "platform".into())]),
        }
    }
}

impl Connection {
    pub fn pieces(&self) -> Pieces {
        let (workload, access) = (role::key(Side::Workload, WORKLOAD), role::key(Side::Cluster, ACCESS));
        let trust = if self.existing_workload { vec![] } else { vec![statements::trust_services("", &["ec2.amazonaws.com".into()])] };
        let assume = canonical_text(&statements::assume_policy(&[arn(CLUSTER_ACCOUNT, ACCESS)]));
        let describe = format!("arn:aws:eks:{REGION}:{CLUSTER_ACCOUNT}:cluster/{}", self.cluster);
        let describe = canonical_text(&statements::describe_cluster_policy(&describe));
        let mut pieces: Pieces = vec![
            Box::new(self.role(Side::Workload, WORKLOAD, self.existing_workload, trust, vec![])),
            Box::new(policy(Side::Workload, WORKLOAD, &format!("xeks-assume-{ACCESS}"), assume)),
            Box::new(self.role(
                Side::Cluster,
                ACCESS,
                self.existing_access,
                vec![statements::trust_principals("", &[arn(WORKLOAD_ACCOUNT, WORKLOAD)], Some("xeks"))],
                vec![workload.clone()],
            )),
            Box::new(policy(Side::Cluster, ACCESS, "xeks-eks-describe", describe)),
            self.boxed_entry(vec![access.clone()]),
        ];
        for policy_arn in &self.managed {
            let (role, policy_arn) = (WORKLOAD.to_owned(), (*policy_arn).to_owned());
            let (needs, welcome) = (vec![workload.clone()], Welcome::AsParent(workload.clone()));
            pieces.push(Box::new(PolicyAttachment { side: Side::Workload, role, policy_arn, needs, welcome }));
        }
        pieces.extend(self.policies.iter().map(|(policy_arn, scope, namespaces)| self.association(policy_arn, *scope, namespaces)));
        if !self.existing_workload {
            pieces.extend(self.profile(workload));
        }
        if self.upgrade {
            pieces.push(Box::new(AccessConfig { cluster: self.cluster.clone(), region: REGION.into() }));
        }
        pieces
    }

    /// Brings it about, and expects no failure.
    pub async fn make(&self, cloud: &Cloud, prior: Ledger, instance: &str) -> Ledger {
        let made = converge(cloud, &self.pieces(), prior, instance).await;
        let failures: Vec<String> = made.failures.iter().map(|f| format!("{} {}: {}", f.verb, f.key, f.error)).collect();
        assert!(failures.is_empty(), "{failures:#?}");
        // The state goes through Terraform and back.
        Ledger::from_value(&made.ledger.to_value())
    }

    /// Makes it twice, as under `create_before_destroy`, and expects the removal of the older to leave what the newer took over.
    pub async fn is_replaced(&self, aws: &Aws) {
        let before = aws.dump();
        let cloud = aws.cloud(RESOURCE).await;
        let old = self.make(&cloud, Ledger::default(), "i1").await;
        let new = self.make(&cloud, Ledger::default(), "i2").await;
        aws.calls();
        assert!(remove_all(&cloud, old).await.failures.is_empty());
        assert_eq!(aws.writes(), [""; 0]);
        assert_eq!(refresh(&cloud, &self.pieces(), new.clone()).await.unwrap().ledger, new);
        assert!(remove_all(&cloud, new).await.failures.is_empty());
        assert_eq!(aws.dump(), before);
    }

    fn welcome(&self, existing: bool) -> Welcome {
        match (existing, self.adopt) {
            (true, _) => Welcome::Require,
            (false, true) => Welcome::Adopt,
            (false, false) => Welcome::Refuse,
        }
    }

    fn role(&self, side: Side, name: &str, existing: bool, trust: Vec<serde_json::Value>, needs: Vec<Key>) -> Role {
        Role {
            side,
            name: name.into(),
            path: None,
            description: self.description.clone(),
            permissions_boundary: None,
            max_session_duration: None,
            trust,
            tags: self.tags.clone(),
            adopted_tags: !existing,
            welcome: self.welcome(existing),
            needs,
        }
    }

    fn boxed_entry(&self, mut needs: Vec<Key>) -> Box<dyn Piece<Cloud>> {
        if self.upgrade {
            needs.push(Key::new(Side::Cluster, "eks_access_config", &self.cluster));
        }
        Box::new(AccessEntry {
            cluster: self.cluster.clone(),
            region: REGION.into(),
            role: ACCESS.into(),
            principal_arn: arn(CLUSTER_ACCOUNT, ACCESS),
            principal: role::key(Side::Cluster, ACCESS),
            username: self.username.clone(),
            groups: BTreeSet::from(["viewers".to_owned()]),
            tags: self.tags.clone(),
            policies: self.policies.iter().map(|(policy_arn, ..)| (*policy_arn).to_owned()).collect(),
            welcome: self.welcome(false),
            needs,
        })
    }

    fn association(&self, policy_arn: &str, scope: Scope, namespaces: &[&str]) -> Box<dyn Piece<Cloud>> {
        let entry = access_entry::key(&self.cluster, ACCESS);
        Box::new(PolicyAssociation {
            cluster: self.cluster.clone(),
            region: REGION.into(),
            role: ACCESS.into(),
            principal_arn: arn(CLUSTER_ACCOUNT, ACCESS),
            policy_arn: policy_arn.into(),
            scope,
            namespaces: namespaces.iter().map(|n| (*n).to_owned()).collect(),
            needs: vec![entry.clone()],
            welcome: Welcome::AsParent(entry),
        })
    }

    fn profile(&self, workload: Key) -> [Box<dyn Piece<Cloud>>; 2] {
        let key = Key::new(Side::Workload, "iam_instance_profile", WORKLOAD);
        let (needs, welcome) = (vec![key.clone(), workload], Welcome::AsParent(key));
        [
            Box::new(InstanceProfile { name: WORKLOAD.into(), path: None, tags: self.tags.clone(), welcome: self.welcome(false) }),
            Box::new(InstanceProfileRole { profile: WORKLOAD.into(), role: WORKLOAD.into(), needs, welcome }),
        ]
    }
}

pub fn arn(account: &str, role: &str) -> String {
    format!("arn:aws:iam::{account}:role/{role}")
}

fn policy(side: Side, role: &str, name: &str, document: String) -> InlinePolicy {
    let key = role::key(side, role);
    let (role, name, needs) = (role.into(), name.into(), vec![key]);
    InlinePolicy { side, role, name, document, stamped: true, needs, welcome: Welcome::Overwrite }
}
