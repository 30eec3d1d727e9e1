//! What an attacker in the pipeline tries on objects that xeks did not make, each as the requests that it takes.
//!
//! Source of the keys that a request carries: Service Authorization Reference, the pages on IAM, Amazon EKS and Amazon EC2. A key that a
//! call does not carry is absent.

use xeks::evaluate::{Context, Principal, Request};

use crate::policies::{CLUSTER, WORKLOAD, boundary};

/// Anybody's account.
const ATTACKER: &str = "210987654321";
const REGION: &str = "ap-south-1";
const EVERYTHING: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

pub struct Attack {
    /// The account whose pipeline does it.
    pub account: &'static str,
    /// On what of others, such as "role `Admin`".
    pub object: String,
    pub does: String,
    pub requests: Vec<Request>,
}

pub fn all() -> Vec<Attack> {
    let mut all = Vec::new();
    for account in [CLUSTER, WORKLOAD] {
        let mut of = Of { account, all: &mut all };
        of.roles();
        of.new_roles();
        of.providers();
        of.routes();
        of.peerings();
    }
    Of { account: WORKLOAD, all: &mut all }.profiles();
    let mut of_cluster = Of { account: CLUSTER, all: &mut all };
    of_cluster.entries();
    of_cluster.entries_of_xeks();
    of_cluster.security_groups();
    all
}

struct Of<'a> {
    account: &'static str,
    all: &'a mut Vec<Attack>,
}

/// Keys and their values, of which each has one.
type Keys<'a> = &'a [(&'a str, &'a str)];

impl Of<'_> {
    fn attack(&mut self, object: &str, does: impl Into<String>, action: &str, resource: &str, keys: Keys<'_>) {
        self.attack_by(object, does, vec![self.request(action, resource, keys)]);
    }

    fn attack_by(&mut self, object: &str, does: impl Into<String>, requests: Vec<Request>) {
        self.all.push(Attack { account: self.account, object: object.to_owned(), does: does.into(), requests });
    }

    fn request(&self, action: &str, resource: &str, keys: Keys<'_>) -> Request {
        let caller = Principal::of_arn(&format!("arn:aws:iam::{}:role/pipeline", self.account)).unwrap();
        let mut request = Request::signed(caller, action, resource);
        // All keys that a policy asks for; a request has none but those given.
        let absent = [
            "iam:PermissionsBoundary",
            "iam:PolicyARN",
            "iam:PassedToService",
            "eks:accessEntryType",
            "eks:accessScope",
            "eks:authenticationMode",
            "eks:kubernetesGroups",
            "eks:namespaces",
            "eks:policyArn",
            "eks:principalArn",
            "eks:username",
            "ec2:AccepterVpc",
            "ec2:CreateAction",
            "ec2:RequesterVpc",
            "ec2:Vpc",
            "aws:RequestTag/",
            "aws:ResourceTag/",
            "aws:TagKeys",
        ];
        request.context = absent.into_iter().fold(request.context, Context::without);
        request.context = keys.iter().fold(request.context, |context, (key, value)| context.with(key, [*value]));
        request
    }

    fn iam(&self, kind: &str, name: &str) -> String {
        format!("arn:aws:iam::{}:{kind}/{name}", self.account)
    }

    fn regional(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{REGION}:{}:{resource}", self.account)
    }

    /// A role of another name, one whose name fits `team-*`, and one that has the boundary as well.
    fn roles(&mut self) {
        let boundary = boundary(self.account);
        for (name, what, bound) in [
            ("Admin", "role `Admin`", false),
            ("team-legacy", "role `team-legacy`", false),
            ("team-bounded", "role `team-bounded`, which has the boundary", true),
        ] {
            let arn = self.iam("role", name);
            let carried: Vec<(&str, &str)> = if bound { vec![("iam:PermissionsBoundary", &boundary)] } else { vec![] };
            let everything = [carried.as_slice(), &[("iam:PolicyARN", EVERYTHING)]].concat();
            self.attack(what, "trust the attacker", "iam:UpdateAssumeRolePolicy", &arn, &carried);
            self.attack(what, "add any permission inline", "iam:PutRolePolicy", &arn, &carried);
            self.attack(what, "attach AdministratorAccess", "iam:AttachRolePolicy", &arn, &everything);
            self.attack(what, "delete its inline policies", "iam:DeleteRolePolicy", &arn, &carried);
            self.attack(what, "detach its policies", "iam:DetachRolePolicy", &arn, &everything);
            self.attack(what, "change its session duration", "iam:UpdateRole", &arn, &carried);
            self.attack(what, "delete it", "iam:DeleteRole", &arn, &carried);
            self.attack(what, "remove its boundary", "iam:DeleteRolePermissionsBoundary", &arn, &carried);
            let put: Keys<'_> = &[("iam:PermissionsBoundary", &boundary)];
            self.attack(what, "put the boundary on it", "iam:PutRolePermissionsBoundary", &arn, put);
            let put: Keys<'_> = &[("iam:PermissionsBoundary", EVERYTHING)];
            self.attack(what, "make AdministratorAccess its boundary", "iam:PutRolePermissionsBoundary", &arn, put);
            let tags: Keys<'_> = &[("aws:RequestTag/xeks:resource", "forged"), ("aws:TagKeys", "xeks:resource")];
            self.attack(what, "tag it, also with a forged `xeks:resource`", "iam:TagRole", &arn, tags);
            for service in ["ec2", "lambda"] {
                let host = format!("{service}.amazonaws.com");
                self.attack(what, format!("pass it to {service}"), "iam:PassRole", &arn, &[("iam:PassedToService", &host)]);
            }
        }
    }

    fn new_roles(&mut self) {
        let (within, outside) = (self.iam("role", "team-new"), self.iam("role", "Backdoor"));
        let (boundary, policy) = (boundary(self.account), self.iam("policy", "team-boundary"));
        self.attack("a new role `team-new`", "create it without a boundary", "iam:CreateRole", &within, &[]);
        let everything: Keys<'_> = &[("iam:PermissionsBoundary", EVERYTHING)];
        self.attack("a new role `team-new`", "create it with AdministratorAccess as its boundary", "iam:CreateRole", &within, everything);
        self.attack(
            "a new role `Backdoor`",
            "create it with the boundary",
            "iam:CreateRole",
            &outside,
            &[("iam:PermissionsBoundary", &boundary)],
        );
        self.attack("the policy that is the boundary", "change it", "iam:CreatePolicyVersion", &policy, &[]);
        self.attack("a new user", "create it", "iam:CreateUser", &self.iam("user", "backdoor"), &[]);
    }

    fn profiles(&mut self) {
        let pass =
            |of: &Self, role: &str| of.request("iam:PassRole", &of.iam("role", role), &[("iam:PassedToService", "ec2.amazonaws.com")]);
        for name in ["legacy-nodes", "team-nodes"] {
            let (profile, object) = (self.iam("instance-profile", name), format!("instance profile `{name}`"));
            for role in ["Admin", "team-legacy"] {
                let add = self.request("iam:AddRoleToInstanceProfile", &profile, &[]);
                let requests = vec![add, pass(self, role)];
                self.attack_by(&object, format!("give its instances the role `{role}`"), requests);
            }
            self.attack(&object, "remove its role", "iam:RemoveRoleFromInstanceProfile", &profile, &[]);
            self.attack(&object, "delete it", "iam:DeleteInstanceProfile", &profile, &[]);
        }
    }

    fn providers(&mut self) {
        let provider = |of: &Self, issuer: &str| of.iam("oidc-provider", issuer);
        for (whose, issuer) in [
            ("the issuer `oidc.eks.x.evil.example/y.amazonaws.com/id/1`", "oidc.eks.x.evil.example/y.amazonaws.com/id/1"),
            ("the issuer `evil.example`", "evil.example"),
            ("an EKS cluster of the attacker in the region", "oidc.eks.ap-south-1.amazonaws.com/id/EVIL"),
            ("an EKS cluster of the attacker in another region", "oidc.eks.eu-west-1.amazonaws.com/id/EVIL"),
        ] {
            self.attack(&format!("an OIDC provider of {whose}"), "add it", "iam:CreateOpenIDConnectProvider", &provider(self, issuer), &[]);
        }
        for (whose, issuer) in [
            ("of GitHub", "token.actions.githubusercontent.com"),
            ("of another cluster in the region", "oidc.eks.ap-south-1.amazonaws.com/id/OTHER"),
        ] {
            self.attack(
                &format!("the OIDC provider {whose}"),
                "delete it",
                "iam:DeleteOpenIDConnectProvider",
                &provider(self, issuer),
                &[],
            );
            let call = "iam:AddClientIDToOpenIDConnectProvider";
            self.attack(&format!("the OIDC provider {whose}"), "add an audience", call, &provider(self, issuer), &[]);
        }
    }

    /// Access entries of others: the ARN of an entry names the account and the role.
    fn entries(&mut self) {
        let cluster = self.regional("eks", "cluster/prac-eks-abhi");
        let other = self.regional("eks", "cluster/other");
        let principals = [
            ("the attacker's role", ATTACKER, "evil"),
            ("`Admin` of the cluster account", CLUSTER, "Admin"),
            ("`Admin` of the workload account", WORKLOAD, "Admin"),
            ("`team-legacy` of the cluster account", CLUSTER, "team-legacy"),
            ("`team-legacy` of the workload account", WORKLOAD, "team-legacy"),
        ];
        for (whose, account, name) in principals {
            let principal = format!("arn:aws:iam::{account}:role/{name}");
            let made: Keys<'_> = &[("eks:principalArn", &principal), ("eks:accessEntryType", "STANDARD")];
            self.attack(whose, "admit it to the cluster", "eks:CreateAccessEntry", &cluster, made);
            self.attack(whose, "admit it to another cluster", "eks:CreateAccessEntry", &other, made);
            let node: Keys<'_> = &[("eks:principalArn", &principal), ("eks:accessEntryType", "EC2_LINUX")];
            self.attack(whose, "admit it as a node", "eks:CreateAccessEntry", &cluster, node);
            let entry = self.regional("eks", &format!("access-entry/prac-eks-abhi/role/{account}/{name}/1"));
            self.attack(whose, "give its entry AmazonEKSClusterAdminPolicy", "eks:AssociateAccessPolicy", &entry, ADMIN);
            self.attack(whose, "delete its access entry", "eks:DeleteAccessEntry", &entry, &[]);
        }
        self.attack("the cluster", "make the API server public", "eks:UpdateClusterConfig", &cluster, &[]);
    }

    /// What an entry that xeks made can be given in the cluster.
    fn entries_of_xeks(&mut self) {
        for (whose, account) in
            [("xeks's entry of the access role `team-app`", CLUSTER), ("xeks's entry of the workload role `team-app`", WORKLOAD)]
        {
            let principal = format!("arn:aws:iam::{account}:role/team-app");
            let entry = self.regional("eks", &format!("access-entry/prac-eks-abhi/role/{account}/team-app/1"));
            let cluster = self.regional("eks", "cluster/prac-eks-abhi");
            for (what, key, value) in [
                ("the group `cluster-admins`", "eks:kubernetesGroups", "cluster-admins"),
                ("the user name of an administrator", "eks:username", "admin@example.com"),
            ] {
                let made: Keys<'_> = &[("eks:principalArn", &principal), ("eks:accessEntryType", "STANDARD"), (key, value)];
                self.attack(whose, format!("create it with {what}"), "eks:CreateAccessEntry", &cluster, made);
                self.attack(whose, format!("give it {what}"), "eks:UpdateAccessEntry", &entry, &[(key, value)]);
            }
            self.attack(whose, "give it AmazonEKSClusterAdminPolicy", "eks:AssociateAccessPolicy", &entry, ADMIN);
            let view = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy";
            let all: Keys<'_> = &[("eks:policyArn", view), ("eks:accessScope", "cluster")];
            self.attack(whose, "give it AmazonEKSViewPolicy in the whole cluster", "eks:AssociateAccessPolicy", &entry, all);
            let system: Keys<'_> = &[("eks:policyArn", view), ("eks:accessScope", "namespace"), ("eks:namespaces", "kube-system")];
            self.attack(whose, "give it AmazonEKSViewPolicy in `kube-system`", "eks:AssociateAccessPolicy", &entry, system);
        }
    }

    fn routes(&mut self) {
        let side = if self.account == CLUSTER { "cluster" } else { "workload" };
        for (table, object, vpc) in [
            ("rtb-9", "a route table of the VPC that is peered", format!("vpc-{side}")),
            ("rtb-8", "a route table of another VPC", "vpc-other".to_owned()),
        ] {
            let vpc = self.regional("ec2", &format!("vpc/{vpc}"));
            let table = self.regional("ec2", &format!("route-table/{table}"));
            for (verb, action) in [("add", "ec2:CreateRoute"), ("redirect", "ec2:ReplaceRoute"), ("delete", "ec2:DeleteRoute")] {
                self.attack(object, format!("{verb} routes"), action, &table, &[("ec2:Vpc", &vpc)]);
            }
        }
    }

    fn security_groups(&mut self) {
        let vpc = |of: &Self, id: &str| of.regional("ec2", &format!("vpc/{id}"));
        for (what, group, of, cluster) in [
            ("the security group of a database in the cluster's VPC", "sg-database", "vpc-cluster", None),
            ("a security group of another VPC", "sg-other", "vpc-other", None),
            ("the cluster security group of another cluster", "sg-cluster-2", "vpc-cluster", Some("other")),
            ("the cluster security group", "sg-cluster", "vpc-cluster", Some("prac-eks-abhi")),
        ] {
            let (vpc, group) = (vpc(self, of), self.regional("ec2", &format!("security-group/{group}")));
            let mut keys = vec![("ec2:Vpc", vpc.as_str())];
            keys.extend(cluster.map(|cluster| ("aws:ResourceTag/aws:eks:cluster-name", cluster)));
            self.attack(what, "open it to every address", "ec2:AuthorizeSecurityGroupIngress", &group, &keys);
            self.attack(what, "remove its rules", "ec2:RevokeSecurityGroupIngress", &group, &keys);
        }
        let rule = self.regional("ec2", "security-group-rule/sgr-other");
        let forged: Keys<'_> = &[("aws:RequestTag/xeks:resource", "forged"), ("aws:TagKeys", "xeks:resource")];
        self.attack("a foreign security group rule", "tag it, also with a forged `xeks:resource`", "ec2:CreateTags", &rule, forged);
        self.attack("a foreign security group rule", "remove its tags", "ec2:DeleteTags", &rule, &[("aws:TagKeys", "team")]);
    }

    fn peerings(&mut self) {
        let vpc = |account: &str, id: &str| format!("arn:aws:ec2:{REGION}:{account}:vpc/{id}");
        let (workload, cluster) = (vpc(WORKLOAD, "vpc-workload"), vpc(CLUSTER, "vpc-cluster"));
        let (others, evil) = (vpc(CLUSTER, "vpc-other"), vpc(ATTACKER, "vpc-evil"));
        let own = if self.account == CLUSTER { &cluster } else { &workload };
        for (what, id, requester, accepter) in [
            ("that others made between the two VPCs", "pcx-theirs", &workload, &cluster),
            ("between the workload's VPC and another one of the cluster account", "pcx-other", &workload, &others),
            ("with a VPC of the attacker", "pcx-evil", &evil, own),
        ] {
            let (connection, object) = (self.regional("ec2", &format!("vpc-peering-connection/{id}")), format!("the connection {what}"));
            let between: Keys<'_> = &[("ec2:RequesterVpc", requester), ("ec2:AccepterVpc", accepter)];
            self.attack(&object, "delete it", "ec2:DeleteVpcPeeringConnection", &connection, between);
            self.attack(&object, "change its DNS options", "ec2:ModifyVpcPeeringConnectionOptions", &connection, between);
            let tags = [("aws:RequestTag/xeks:resource", "forged"), ("aws:TagKeys", "xeks:resource")];
            self.attack(&object, "tag it, also with a forged `xeks:resource`", "ec2:CreateTags", &connection, &[between, &tags].concat());
            if accepter == own {
                let requests = vec![
                    self.request("ec2:AcceptVpcPeeringConnection", own, &[]),
                    self.request("ec2:AcceptVpcPeeringConnection", &connection, between),
                ];
                self.attack_by(&object, "accept it", requests);
            }
        }
        let made = self.regional("ec2", "vpc-peering-connection/*");
        let between: Keys<'_> = &[("ec2:RequesterVpc", own), ("ec2:AccepterVpc", &evil)];
        let requests =
            vec![self.request("ec2:CreateVpcPeeringConnection", own, &[]), self.request("ec2:CreateVpcPeeringConnection", &made, between)];
        self.attack_by("a VPC of the attacker", "ask it for a connection", requests);
    }
}

const ADMIN: Keys<'_> =
    &[("eks:policyArn", "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"), ("eks:accessScope", "cluster")];
