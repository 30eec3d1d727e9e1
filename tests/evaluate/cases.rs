//! Generated cases: who asks what, with which policies on either side, and what is known of the request.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use xeks::evaluate::{Identity, Known, Principal, Request, Source};

use crate::conditions::{Asked, conditions, is_list, values};
use crate::dice::Dice;

pub const WORKLOAD: &str = "185863138492";
pub const CLUSTER: &str = "183295435445";
pub const ISSUER: &str = "oidc.eks.ap-south-1.amazonaws.com/id/AAAABBBBCCCCDDDDEEEEFFFF00001111";
pub const OTHER_ISSUER: &str = "oidc.eks.ap-south-1.amazonaws.com/id/99998888777766665555444433332222";
pub const ROLE_ID: &str = "AROAEXAMPLE000000001";
const OTHER_ID: &str = "AROAEXAMPLE000000009";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A principal of either account, and the role's trust policy.
    AssumeRole,
    /// A service account's token, and the role's trust policy.
    WebIdentity,
    /// The caller's own policies and boundary alone.
    Permissions,
}

#[derive(Clone)]
pub struct Case {
    pub id: usize,
    pub kind: Kind,
    pub request: Request,
    pub trust: Option<Json>,
    pub policies: Vec<Json>,
    pub boundary: Option<Json>,
    /// Every key that a policy of the case asks for, and what is known of it.
    pub keys: BTreeMap<String, Known>,
}

impl Case {
    pub fn identity(&self) -> Identity {
        let named = |(index, document): (usize, &Json)| Source::new(format!("policy {}", index + 1), document.clone());
        Identity {
            policies: self.policies.iter().enumerate().map(named).collect(),
            boundary: self.boundary.clone().map(|document| Source::new("the boundary", document)),
            has_session_policies: false,
        }
    }
}

pub fn generate(count: usize) -> Vec<Case> {
    let mut dice = Dice::new(0x5eed);
    (0..count).map(|id| case(id, &mut dice)).collect()
}

fn case(id: usize, dice: &mut Dice) -> Case {
    let kind = *dice.pick(&[Kind::AssumeRole, Kind::AssumeRole, Kind::WebIdentity, Kind::Permissions]);
    let mut asked = Asked { keys: BTreeMap::new(), kind };
    let request = request(kind, dice);
    let trust = match kind {
        Kind::Permissions => None,
        Kind::AssumeRole | Kind::WebIdentity => Some(trust(&request, dice, &mut asked)),
    };
    let own = kind != Kind::WebIdentity;
    let count = if own { [0, 1, 1, 1, 2][dice.below(5)] } else { 0 };
    let policies = (0..count).map(|_| permissions(&request, dice, &mut asked)).collect();
    let boundary = (own && dice.percent(40)).then(|| boundary(&request, dice, &mut asked));
    let mut case = Case { id, kind, request, trust, policies, boundary, keys: asked.keys };
    settle(&mut case, dice);
    case
}

/// The keys of the policies: what is known of each, in the request too.
fn settle(case: &mut Case, dice: &mut Dice) {
    let mut unknowns = 0;
    let names: Vec<String> = case.keys.keys().cloned().collect();
    for name in names {
        let known = match case.request.context.get(&name) {
            // What follows from who asks stays as it is.
            Known::Values(values) if !name.to_ascii_lowercase().starts_with("sts:externalid") => Known::Values(values),
            _ => {
                let known = chance(&name, dice, unknowns);
                case.request.context = case.request.context.clone().saying(&name, known.clone());
                known
            }
        };
        unknowns += usize::from(known == Known::Unknown);
        case.keys.insert(name, known);
    }
}

fn chance(name: &str, dice: &mut Dice, unknowns: usize) -> Known {
    let pool = values(name);
    match dice.below(10) {
        0 | 1 => Known::Absent,
        2..=6 if unknowns < 2 && !pool.is_empty() => Known::Unknown,
        _ if pool.is_empty() => Known::Absent,
        _ if is_list(name) => {
            let first = dice.pick(pool).to_string();
            let second = dice.pick(pool).to_string();
            Known::Values(if first == second { vec![first] } else { vec![first, second] })
        }
        _ => Known::Values(vec![dice.pick(pool).to_string()]),
    }
}

fn request(kind: Kind, dice: &mut Dice) -> Request {
    let caller = match dice.below(10) {
        0..=5 => format!("arn:aws:iam::{WORKLOAD}:role/app"),
        6 | 7 => format!("arn:aws:iam::{CLUSTER}:role/pods/app"),
        _ => format!("arn:aws:iam::{WORKLOAD}:user/ann"),
    };
    // Fixed ARNs: they parse.
    let principal = Principal::of_arn(&caller).unwrap();
    let role = principal.is_role();
    let principal = Principal {
        unique_id: Some(if role { ROLE_ID } else { "AIDAEXAMPLE000000001" }.to_owned()),
        session_name: (role && dice.percent(70)).then(|| "i-1".to_owned()),
        ..principal
    };
    let target = format!("arn:aws:iam::{}:role/{}", dice.pick(&[WORKLOAD, CLUSTER]), dice.pick(&["access", "teams/target"]));
    match kind {
        Kind::AssumeRole => Request::assume_role(principal, &target, None),
        Kind::WebIdentity => {
            let account = target.split(':').nth(4).unwrap_or_default();
            let provider = format!("arn:aws:iam::{account}:oidc-provider/{ISSUER}");
            let audience = *dice.pick(&["sts.amazonaws.com", "sts.amazonaws.com", "vault"]);
            Request::web_identity(&provider, ISSUER, "system:serviceaccount:nodejs:nodejs-sa", audience, &target)
        }
        Kind::Permissions => {
            let action = *dice.pick(&["s3:GetObject", "s3:ListBucket", "eks:DescribeCluster", "sts:AssumeRole"]);
            let account = &principal.account_id;
            let resource = match action {
                "s3:GetObject" => "arn:aws:s3:::bucket/home/a.txt".to_owned(),
                "s3:ListBucket" => "arn:aws:s3:::bucket".to_owned(),
                "eks:DescribeCluster" => format!("arn:aws:eks:ap-south-1:{account}:cluster/prac-eks-abhi"),
                _ => format!("arn:aws:iam::{account}:role/teams/target"),
            };
            Request::signed(principal, action, &resource)
        }
    }
}

fn document(statements: Vec<Json>, dice: &mut Dice) -> Json {
    let version = if dice.percent(80) { "2012-10-17" } else { "2008-10-17" };
    let statements = if statements.len() == 1 && dice.percent(20) { statements[0].clone() } else { Json::Array(statements) };
    json!({"Version": version, "Statement": statements})
}

fn trust(request: &Request, dice: &mut Dice, asked: &mut Asked) -> Json {
    let count = [1, 1, 1, 2, 2, 3][dice.below(6)];
    let statements = (0..count)
        .map(|index| {
            let deny = index > 0 && dice.percent(50);
            let mut statement = json!({
                "Effect": if deny { "Deny" } else { "Allow" },
                "Principal": principal(request, dice, deny),
            });
            let (key, action) = trust_action(request, dice, deny);
            statement[key] = action;
            conditions(&mut statement, request, dice, asked, deny);
            statement
        })
        .collect();
    document(statements, dice)
}

fn trust_action(request: &Request, dice: &mut Dice, deny: bool) -> (&'static str, Json) {
    match dice.below(12) {
        0 => ("Action", json!("sts:*")),
        1 => ("Action", json!(request.action.to_ascii_uppercase())),
        2 => ("Action", json!([request.action, "sts:TagSession"])),
        3 => ("Action", json!("sts:Assume?ole*")),
        4 => ("Action", json!("sts:TagSession")),
        5 if !deny => ("NotAction", json!("sts:TagSession")),
        6 => ("Action", json!("sts:AssumeRoleWithWebIdentity")),
        _ => ("Action", json!(request.action)),
    }
}

fn principal(request: &Request, dice: &mut Dice, deny: bool) -> Json {
    use xeks::evaluate::Caller;
    match &request.caller {
        Caller::Federated(provider) => match dice.below(10) {
            0 => json!({"Federated": provider.replace(ISSUER, OTHER_ISSUER)}),
            1 => json!({"Federated": provider.replace("oidc-provider/", "oidc-provider/https://")}),
            2 => json!({"Federated": [provider, provider.replace(ISSUER, OTHER_ISSUER)]}),
            3 => json!({"AWS": format!("arn:aws:iam::{WORKLOAD}:root")}),
            4 if deny => json!("*"),
            _ => json!({"Federated": provider}),
        },
        Caller::Aws(caller) => {
            let arn = caller.arn.clone();
            let name = arn.rsplit('/').next().unwrap_or_default();
            match dice.below(20) {
                0 | 1 => json!({"AWS": format!("arn:aws:iam::{}:root", caller.account_id)}),
                2 => json!({"AWS": caller.account_id}),
                3 => json!({"AWS": [format!("arn:aws:iam::{}:role/other", caller.account_id), arn]}),
                4 => json!({"AWS": format!("arn:aws:iam::{}:role/other", caller.account_id)}),
                5 | 12 => json!("*"),
                6 => json!({"AWS": "*"}),
                7 => json!({"AWS": format!("arn:aws:sts::{}:assumed-role/{name}/{}", caller.account_id, dice.pick(&["i-1", "i-2"]))}),
                8 => json!({"AWS": dice.pick(&[ROLE_ID, OTHER_ID])}),
                9 => json!({"Service": "ec2.amazonaws.com"}),
                10 => json!({"AWS": "210987654321"}),
                11 => json!({"AWS": [format!("arn:aws:iam::{}:root", caller.account_id), arn]}),
                _ => json!({"AWS": arn}),
            }
        }
        Caller::Service(name) => json!({"Service": name}),
    }
}

fn permissions(request: &Request, dice: &mut Dice, asked: &mut Asked) -> Json {
    let count = [1, 1, 2, 2][dice.below(4)];
    let statements = (0..count)
        .map(|index| {
            let deny = index > 0 && dice.percent(60);
            let mut statement = json!({"Effect": if deny { "Deny" } else { "Allow" }});
            let (key, action) = own_action(request, dice);
            statement[key] = action;
            let (key, resource) = own_resource(request, dice);
            statement[key] = resource;
            if dice.percent(if deny { 75 } else { 30 }) {
                conditions(&mut statement, request, dice, asked, deny);
            }
            asked.note_variables(&statement);
            statement
        })
        .collect();
    document(statements, dice)
}

fn boundary(request: &Request, dice: &mut Dice, asked: &mut Asked) -> Json {
    match dice.below(4) {
        0 => json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}),
        1 => json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["ec2:*", "s3:*"], "Resource": "*"}]}),
        _ => permissions(request, dice, asked),
    }
}

fn own_action(request: &Request, dice: &mut Dice) -> (&'static str, Json) {
    let (service, name) = request.action.split_once(':').unwrap_or_default();
    match dice.below(12) {
        0 => ("Action", json!("*")),
        1 => ("Action", json!(format!("{service}:*"))),
        2 => ("Action", json!(format!("{service}:{}*", &name[..3]))),
        3 => ("Action", json!(["ec2:Describe*", request.action.to_ascii_lowercase()])),
        4 => ("Action", json!("ec2:*")),
        5 => ("NotAction", json!(["iam:*", "ec2:*"])),
        6 => ("NotAction", json!(format!("{service}:*"))),
        _ => ("Action", json!(request.action)),
    }
}

fn own_resource(request: &Request, dice: &mut Dice) -> (&'static str, Json) {
    let resource = &request.resource;
    let account = request.resource_account();
    match dice.below(12) {
        0 | 1 => ("Resource", json!("*")),
        2 => ("Resource", json!(format!("{}*", &resource[..resource.len() - 3]))),
        3 => ("Resource", json!(["arn:aws:s3:::elsewhere/*", resource])),
        4 => ("Resource", json!("arn:aws:s3:::elsewhere/*")),
        5 => ("NotResource", json!("arn:aws:s3:::elsewhere/*")),
        6 => ("NotResource", json!([resource])),
        7 if !account.is_empty() => ("Resource", json!(resource.replace(account, "*"))),
        8 if !account.is_empty() => ("Resource", json!(resource.replace(account, "${aws:PrincipalAccount}"))),
        9 => ("Resource", json!(format!("{}${{aws:PrincipalTag/team}}*", &resource[..resource.len() - 4]))),
        _ => ("Resource", json!(resource)),
    }
}
