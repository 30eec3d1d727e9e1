//! The objects of one connection from the workload account to a cluster, as the resource of that name lists them.

use std::collections::BTreeSet;

use xeks::aws::Side;
use xeks::aws::policy::{canonical_text, statements, without_sid};
use xeks::diagnostics::Path;
use xeks::engine::{Key, Ledger, Object, OnExisting, Tags, converge, delete_all, refresh};
use xeks::objects::Context;
use xeks::objects::eks::entries::{Reach, Scope};
use xeks::objects::eks::policy_association::PolicyAssociation;
use xeks::objects::eks::{access_config::AccessConfig, access_entry::AccessEntry};
use xeks::objects::iam::inline_policy::InlinePolicy;
use xeks::objects::iam::instance_profile::InstanceProfile;
use xeks::objects::iam::instance_profile_role::InstanceProfileRole;
use xeks::objects::iam::policy_attachment::PolicyAttachment;
use xeks::objects::iam::role::{self, Role};
use xeks::schema::Value;

use crate::emulator::{Aws, CLUSTER, CLUSTER_ACCOUNT, REGION, WORKLOAD_ACCOUNT, text};

pub const ACCESS: &str = "EKS-CrossAccount-Access-Role";
pub const WORKLOAD: &str = "EC2-EKS-CrossAccount-Role";
pub const ADMIN: &str = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy";
pub const VIEW: &str = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy";
pub const MANAGED: &str = "arn:aws:iam::aws:policy/ReadOnlyAccess";
pub const RESOURCE: &[&str] = &["xeks_cross_account_access", CLUSTER_ACCOUNT, CLUSTER, ACCESS, WORKLOAD];

pub type Objects = Vec<Box<dyn Object<Context>>>;

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
    pub fn objects(&self) -> Objects {
        let (workload, access) = (role::key(Side::Workload, WORKLOAD), role::key(Side::Cluster, ACCESS));
        let trust = if self.existing_workload { vec![] } else { vec![statements::trust_services("", &["ec2.amazonaws.com".into()])] };
        let assume = canonical_text(&statements::assume_policy(&[arn(CLUSTER_ACCOUNT, ACCESS)]));
        let describe = format!("arn:aws:eks:{REGION}:{CLUSTER_ACCOUNT}:cluster/{}", self.cluster);
        let describe = canonical_text(&statements::describe_cluster_policy(&describe));
        let mut objects: Objects = vec![
            Box::new(self.role(Side::Workload, WORKLOAD, self.existing_workload, trust, vec![])),
            Box::new(policy(Side::Workload, WORKLOAD, &format!("xeks-assume-{ACCESS}"), assume)),
            Box::new(self.role(
                Side::Cluster,
                ACCESS,
                self.existing_access,
                vec![statements::trust_principals("", &[arn(WORKLOAD_ACCOUNT, WORKLOAD)], Some("xeks"))],
                vec![workload.clone()],
            )),
            Box::new(policy(Side::Cluster, ACCESS, "xeks-describe-prac-eks-abhi", describe)),
            self.boxed_entry(vec![access.clone()]),
        ];
        for policy_arn in &self.managed {
            let (role, policy_arn) = (WORKLOAD.to_owned(), (*policy_arn).to_owned());
            objects.push(Box::new(PolicyAttachment { side: Side::Workload, role, policy_arn, attribute: Path::root() }));
        }
        objects.extend(self.policies.iter().map(|(policy_arn, scope, namespaces)| self.association(policy_arn, *scope, namespaces)));
        if !self.existing_workload {
            objects.extend(self.profile());
        }
        if self.upgrade {
            objects.push(Box::new(AccessConfig { cluster: self.cluster.clone(), region: REGION.into(), attribute: Path::root() }));
        }
        objects
    }

    /// Brings it about, and expects no failure.
    pub async fn make(&self, cx: &Context, prior: Ledger, instance: &str) -> Ledger {
        let made = converge(cx, &self.objects(), prior, instance).await;
        let failures: Vec<String> = made.failures.iter().map(|f| format!("{}: {}", f.key, text(&f.error))).collect();
        assert!(failures.is_empty(), "{failures:#?}");
        through_a_state(&made.ledger)
    }

    /// Makes it twice, as under `create_before_destroy`, and expects the removal of the older to leave what the newer took over.
    pub async fn is_replaced(&self, aws: &Aws) {
        let before = aws.dump();
        let cx = aws.cx(RESOURCE).await;
        let old = self.make(&cx, Ledger::default(), "i1").await;
        let new = self.make(&cx, Ledger::default(), "i2").await;
        aws.calls();
        assert!(delete_all(&cx, old).await.failures.is_empty());
        assert_eq!(aws.writes(), [""; 0]);
        assert_eq!(refresh(&cx, &self.objects(), new.clone()).await.unwrap().ledger, new);
        assert!(delete_all(&cx, new).await.failures.is_empty());
        assert_eq!(aws.dump(), before);
    }

    fn on_existing(&self, existing: bool) -> OnExisting {
        match (existing, self.adopt) {
            (true, _) => OnExisting::MustExist,
            (false, true) => OnExisting::Adopt,
            (false, false) => OnExisting::Fail,
        }
    }

    fn role(&self, side: Side, name: &str, existing: bool, trust: Vec<serde_json::Value>, depends_on: Vec<Key>) -> Role {
        Role {
            side,
            name: name.into(),
            settings: role::RoleSettings { description: self.description.clone(), ..Default::default() },
            trust: trust.iter().map(without_sid).collect(),
            tags: self.tags.clone(),
            adopted_tags: !existing,
            inline_policies: vec![format!("xeks-assume-{ACCESS}"), "xeks-describe-prac-eks-abhi".into()],
            managed_policies: self.managed.iter().map(|arn| (*arn).to_owned()).collect(),
            manages_attachments: true,
            exclusive: true,
            force_detach_policies: false,
            attribute: Path::root(),
            on_existing: self.on_existing(existing),
            depends_on,
        }
    }

    fn boxed_entry(&self, mut depends_on: Vec<Key>) -> Box<dyn Object<Context>> {
        if self.upgrade {
            depends_on.push(Key::new(Side::Cluster, "eks_access_config", &self.cluster));
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
            policies: self
                .policies
                .iter()
                .map(|(policy_arn, scope, namespaces)| ((*policy_arn).to_owned(), reach(*scope, namespaces)))
                .collect(),
            on_existing: self.on_existing(false),
            depends_on,
            attribute: Path::root(),
        })
    }

    fn association(&self, policy_arn: &str, scope: Scope, namespaces: &[&str]) -> Box<dyn Object<Context>> {
        Box::new(PolicyAssociation {
            cluster: self.cluster.clone(),
            region: REGION.into(),
            role: ACCESS.into(),
            principal_arn: arn(CLUSTER_ACCOUNT, ACCESS),
            policy_arn: policy_arn.into(),
            reach: reach(scope, namespaces),
            attribute: Path::root(),
        })
    }

    fn profile(&self) -> [Box<dyn Object<Context>>; 2] {
        let (name, tags, on_existing) = (WORKLOAD.to_owned(), self.tags.clone(), self.on_existing(false));
        [
            Box::new(InstanceProfile { name, path: None, role: WORKLOAD.into(), tags, on_existing, attribute: Path::root() }),
            Box::new(InstanceProfileRole { profile: WORKLOAD.into(), role: WORKLOAD.into(), attribute: Path::root() }),
        ]
    }
}

fn reach(scope: Scope, namespaces: &[&str]) -> Reach {
    Reach { scope, namespaces: namespaces.iter().map(|n| (*n).to_owned()).collect() }
}

pub fn arn(account: &str, role: &str) -> String {
    format!("arn:aws:iam::{account}:role/{role}")
}

fn policy(side: Side, role: &str, name: &str, document: String) -> InlinePolicy {
    let key = role::key(side, role);
    let (role, name, depends_on) = (role.into(), name.into(), vec![key]);
    InlinePolicy { side, role, name, document, marked: true, relies_on: vec![], depends_on, attribute: Path::root() }
}

/// The state that has this ledger.
pub fn stored(ledger: &Ledger) -> Value {
    let mut state = Value::object([("instance", Value::Null)]);
    ledger.write_to(&mut state);
    state
}

/// The ledger as Terraform gives it back.
pub fn through_a_state(ledger: &Ledger) -> Ledger {
    Ledger::of_state(&stored(ledger))
}
