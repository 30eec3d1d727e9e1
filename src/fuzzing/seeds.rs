//! What the targets begin with: inputs that are accepted, so that changes of them get past the first check. Written here as a user
//! would write them, so that a changed schema breaks a test instead of leaving the targets with inputs that are refused.

use serde_json::{Value as Json, json};

use crate::provider::Resource;
use crate::registry;
use crate::resources::fuzzing::SEPARATOR;
use crate::schema::{Value, json, msgpack};

/// The inputs of one target.
pub fn of(target: &str) -> Vec<Vec<u8>> {
    let texts = |texts: &[&str]| texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    match target {
        "msgpack" => configurations().into_iter().map(|(pick, _, bytes)| [vec![pick + 1], bytes].concat()).collect(),
        "json" => configurations().into_iter().map(|(pick, text, _)| [vec![pick + 1], text.into_bytes()].concat()).collect(),
        "plans" => plans(),
        "policies" | "evaluation" => texts(POLICIES),
        "ec2_answers" => texts(ANSWERS),
        "handshake" => texts(ENVIRONMENTS),
        "names" => texts(NAMES),
        "files" => (0..16).flat_map(|options| FILES.iter().map(move |texts| joined(options, texts))).collect(),
        "chains" => (0..12).flat_map(|options| CHAINS.iter().map(move |texts| joined(options, texts))).collect(),
        _ => Vec::new(),
    }
}

/// A byte of options, and texts with the byte between them that no text has.
fn joined(options: u8, texts: &[&str]) -> Vec<u8> {
    [vec![options], texts.iter().map(|text| text.as_bytes()).collect::<Vec<_>>().join(&SEPARATOR)].concat()
}

/// Writes the inputs of one target into the folder that XEKS_SEEDS names: libFuzzer reads what it begins with from files.
pub fn write(target: &str) {
    let Some(folder) = std::env::var_os("XEKS_SEEDS") else { return };
    for (number, seed) in of(target).into_iter().enumerate() {
        let file = std::path::Path::new(&folder).join(format!("seed-{number}"));
        std::fs::write(&file, seed).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
    }
}

/// Each resource's place in the registry's order, with configurations of it as JSON and as MessagePack.
fn configurations() -> Vec<(u8, String, Vec<u8>)> {
    let mut all = Vec::new();
    for (pick, resource) in (0..).zip(registry::resources()) {
        for written in written(resource.name()) {
            all.push((pick, written.to_string(), encoded(&resource, &decoded(&resource, &written))));
        }
    }
    all
}

fn decoded(resource: &std::sync::Arc<dyn Resource>, written: &Json) -> Value {
    json::decode(written, &resource.schema().value_type()).unwrap_or_else(|why| panic!("{}: {why}", resource.name()))
}

fn encoded(resource: &std::sync::Arc<dyn Resource>, value: &Value) -> Vec<u8> {
    msgpack::encode(value, &resource.schema().value_type())
}

/// Creates, creates with each attribute unknown in turn, and updates of what a create leaves.
fn plans() -> Vec<Vec<u8>> {
    // The protocol's order is that of names, as is the registry's.
    let mut all = Vec::new();
    let input = |pick: u8, config: &[u8], prior: &[u8]| {
        let length = u16::try_from(config.len()).unwrap_or(u16::MAX);
        [&[pick], &length.to_be_bytes()[..], config, prior].concat()
    };
    for (pick, resource) in (0..).zip(registry::resources()) {
        let written: Vec<Value> = written(resource.name()).iter().map(|written| decoded(&resource, written)).collect();
        for value in &written {
            let config = encoded(&resource, value);
            all.push(input(pick, &config, &[]));
            // As a state, with everything that is computed null.
            all.push(input(pick, &encoded(&resource, &written[0]), &encoded(&resource, &value.without_unknowns())));
            for attribute in resource.schema().attributes.iter().filter(|attribute| !attribute.computed || attribute.optional) {
                let mut open = value.clone();
                open.insert(attribute.name, Value::Unknown);
                all.push(input(pick, &encoded(&resource, &open), &[]));
            }
        }
    }
    all
}

fn written(resource: &str) -> Vec<Json> {
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}"#;
    match resource {
        "xeks_cross_account_access" => vec![
            json!({
                "cluster_name": "prac-eks-abhi", "access_role": {"name": "Access", "external_id": "xeks", "tags": {"a": "b"}},
                "workload_role": {"name": "Workload", "instance_profile": true, "path": "/team/"},
                "kubernetes": {"groups": ["devs"], "policies": {"AmazonEKSViewPolicy": {"scope": "namespace", "namespaces": ["a-*"]}}},
                "tags": {"owner": "platform"}, "timeouts": {"create": "10m"},
            }),
            json!({
                "cluster_name": "prac-eks-abhi", "mode": "direct", "workload_role": {"name": "Workload", "existing": true},
                "kubernetes": {"policies": {"AmazonEKSClusterAdminPolicy": {"scope": "cluster"}}}, "adopt": "if_exists",
                "client": {"profile_name": "p"}, "on_config_map": "upgrade",
            }),
            json!({
                "cluster_name": "c", "cluster_region": "eu-west-1", "kubernetes": {"username": "u"},
                "access_role": {
                    "name": "A", "trust": "account", "trusted_principal_arns": ["arn:aws:iam::185863138492:role/ops"],
                    "max_session_duration": 7200,
                },
                "workload_role": {"name": "W", "managed_policy_arns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"]},
            }),
        ],
        "xeks_irsa_trust" => vec![
            json!({
                "cluster_name": "prac-eks-abhi", "service_accounts": [{"namespace": "nodejs", "name": "nodejs-sa"}],
                "role": {"name": "nodejs-app", "inline_policies": {"bucket": policy, "queue": policy}},
            }),
            // As a state of the one before: a text that says the same, and one that says something else.
            json!({
                "cluster_name": "prac-eks-abhi", "service_accounts": [{"namespace": "nodejs", "name": "nodejs-sa"}],
                "role": {"name": "nodejs-app", "inline_policies": {"bucket": policy.replace(',', ", "), "queue": policy.replace("Get", "Put")}},
            }),
            json!({
                "cluster_names": ["blue", "green"], "mode": "chained", "pod_role": {"name": "pod"}, "role": {"name": "app", "existing": true},
                "service_accounts": [{"namespace": "a", "name": "*"}, {"namespace": "b", "name": "c"}], "audiences": ["x", "y"],
            }),
            json!({
                "issuer_urls": ["https://oidc.eks.ap-south-1.amazonaws.com/id/ABC"], "role": {"name": "app", "managed_policy_arns": []},
                "service_accounts": [{"namespace": "a", "name": "b"}],
                "oidc_provider": {"manage": "retain", "thumbprints": ["9e99a48a9960b14926bb7f3b02e22da2b0ab7280"], "tags": {"k": "v"}},
            }),
        ],
        "xeks_cluster_peering" => vec![
            json!({"cluster_name": "prac-eks-abhi", "workload_vpc_id": "vpc-0123456789abcdef0"}),
            json!({
                "cluster_name": "c", "workload_vpc_id": "vpc-0123456789abcdef0", "workload_region": "eu-west-1",
                "peering_connection_id": "pcx-0123456789abcdef0", "cluster_route_table_ids": ["rtb-0123456789abcdef0"],
                "workload_cidrs": ["10.0.0.0/16", "2001:db8::/56"], "https_source_cidrs": ["10.0.1.0/24"], "dns_resolution": true,
            }),
        ],
        _ => Vec::new(),
    }
}

const POLICIES: &[&str] = &[
    r#"{"Version":"2012-10-17","Statement":[{"Sid":"A","Effect":"Allow","Principal":{"AWS":["arn:aws:iam::185863138492:role/far","183295435445"]},"Action":["sts:AssumeRole","sts:TagSession"],"Condition":{"StringEquals":{"sts:ExternalId":"xeks"},"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/?ar"}}}]}"#,
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::183295435445:oidc-provider/oidc.eks.ap-south-1.amazonaws.com/id/ABC"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringLike":{"oidc.eks.ap-south-1.amazonaws.com/id/ABC:sub":"system:serviceaccount:nodejs:*"},"ForAnyValue:StringEqualsIfExists":{"oidc.eks.ap-south-1.amazonaws.com/id/ABC:aud":["sts.amazonaws.com"]}}}}"#,
    r#"{"Statement":[{"Effect":"Deny","NotAction":"s3:*","Resource":"arn:aws:s3:::bucket/${aws:username, 'nobody'}/*","Condition":{"NumericLessThan":{"s3:max-keys":10},"DateGreaterThan":{"aws:CurrentTime":"2026-01-01T00:00:00Z"},"Bool":{"aws:SecureTransport":true},"Null":{"aws:TokenIssueTime":"false"},"IpAddress":{"aws:SourceIp":["10.0.0.0/8","::/0"]}}},{"Effect":"Allow","Action":"s3:Get?bject","NotResource":"arn:aws:s3:::other/*"}]}"#,
    "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Principal%22%3A%22%2A%22%2C%22Action%22%3A%22sts%3AAssumeRole%22%7D%5D%7D",
];

const ANSWERS: &[&str] = &[
    r#"<?xml version="1.0" encoding="UTF-8"?><DescribeVpcsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId><vpcSet><item><vpcId>vpc-1</vpcId><state>available</state><cidrBlock>10.0.0.0/16</cidrBlock><cidrBlockAssociationSet><item><cidrBlock>10.0.0.0/16</cidrBlock><cidrBlockState><state>associated</state></cidrBlockState></item></cidrBlockAssociationSet><isDefault>true</isDefault><tagSet><item><key>a &amp; b</key><value>&#x41;</value></item></tagSet></item></vpcSet></DescribeVpcsResponse>"#,
    r#"<R><routeTableSet><item><routeTableId>rtb-1</routeTableId><vpcId>vpc-1</vpcId><routeSet><item><destinationCidrBlock>10.0.0.0/8</destinationCidrBlock><vpcPeeringConnectionId>pcx-1</vpcPeeringConnectionId><state>active</state><origin>CreateRoute</origin></item></routeSet><associationSet><item><routeTableAssociationId>a</routeTableAssociationId><main>true</main></item></associationSet></item></routeTableSet><nextToken>t</nextToken></R>"#,
    r#"<R><securityGroupRuleSet><item><securityGroupRuleId>sgr-1</securityGroupRuleId><isEgress>false</isEgress><ipProtocol>tcp</ipProtocol><fromPort>443</fromPort><toPort>-1</toPort><cidrIpv4>10.0.0.0/8</cidrIpv4><referencedGroupInfo><groupId>sg-1</groupId></referencedGroupInfo></item></securityGroupRuleSet><networkAclSet><item><entrySet><item><ruleNumber>100</ruleNumber><protocol>6</protocol><ruleAction>allow</ruleAction><egress>true</egress><portRange><from>1</from><to>2</to></portRange></item></entrySet></item></networkAclSet></R>"#,
    "<Response><Errors><Error><Code>Client.InvalidVpcID.NotFound</Code><Message><![CDATA[no]]></Message></Error></Errors><RequestID>r-1</RequestID></Response>",
];

const ENVIRONMENTS: &[&str] = &[
    "\x005,6\x00-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n\x00true\x00/tmp/plugin\x0010000\x0025000\x00debug",
    "\x006\x00PEM\x00\x00/a|b\n\x000\x0065536\x00json",
    "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2\x00 7 , 4294967296,x\x00PEM",
];

const NAMES: &[&str] = &[
    "arn:aws:iam::185863138492:role/teams/app",
    "arn:aws:sts::185863138492:assumed-role/app/session",
    "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy",
    "https://oidc.eks.ap-south-1.amazonaws.com/id/ABC",
    "10.0.0.0/8\n10.1.0.0/16",
    "2001:db8::/32\n2001:db8:1::/48",
    "1h30m",
    "1.5h0.000001ms",
    "system:serviceaccount:nodejs:*",
    "ap-south-1",
];

/// In the order of the attributes of both resources (`resources::fuzzing`), and what would leave its place.
const FILES: &[&[&str]] = &[
    &["prac-eks-abhi", "ap-south-1", "team@prac-eks-abhi", "~/.aws/config", "me@x", "base", "Access", "/eks/", "a:b/c=d", "Workload"],
    &["prac-eks-abhi", "ap-south-1", "nodejs", "nodejs-sa", "vault", "app", "/irsa/", "pod", "/a/b/"],
    &["c", "eu-west-1", "dev-*", "app.?", "https://a.b/c", "r+=,.@-_", "/", "p", "/x$/"],
    &["c", "ap-south-1", "default", r"C:\Users\a b\config", "me", "default", "A", "/", "x,y", "W", "https://a.b:443", "Q0E=", "- [x]"],
    &[
        "c",
        "r",
        "p]\ncredential_process = touch x",
        "a\"b: [c] # d",
        "s\n[e]",
        "b ; c",
        "n",
        "/*/",
        "x\r\ny",
        "w",
        "- a\n---\nb: c",
        "&a *a",
    ],
    &["y", "null", "1", "true", "~", "0x1", "1e3", "/.inf/", "<<", "=", "|", ">-", "%YAML 1.1"],
    &["", "", "\u{1b}[2J", "\u{85}\u{2028}\u{feff}\u{fffe}", "\u{202e}", "\u{7f}\0", "\t", "  ", "'", "\\u0041"],
];

/// Objects, reasons, fixes and accounts of hops, and what would leave its place.
const CHAINS: &[&[&str]] = &[
    &["arn:aws:iam::185863138492:role/app", "The role exists.", "Create it.\nThen apply.", "185863138492"],
    &["x\"]:::ok\n    hop9[\"y", "a\nb\n\nc", "fix", "1", "%%{init: {'theme':'dark'}}%%", "click hop0 \"javascript:x\"", "f", "2"],
    &["#quot; #35; &lt;", "fa:fa-lock $$x$$ `md`", "style a fill:#f9f; classDef x", "3", "<img src=x>", "end", "subgraph", "4", "\u{1b}c"],
    &["✔ identity", "\u{2028}✖ forged", "\tAllowed.", "", "-->", "---", "==", "~~~", "|x|", "{{a}}", "((b))", "\\"],
];

#[cfg(test)]
#[test]
fn configurations_are_accepted_as_they_are() {
    for resource in registry::resources() {
        let written = written(resource.name());
        assert!(!written.is_empty(), "{} has no configuration", resource.name());
        for written in written {
            let value = decoded(&resource, &written);
            let mut refused = resource.schema().validate(&value);
            refused.extend(resource.validate(&value, Default::default()));
            assert!(!refused.has_error(), "{written}: {refused:?}");
        }
    }
}
