//! The client against canned answers: what goes out, what comes back, what is repeated, what an error says.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;

use super::*;

const LABEL: &str = "185863138492 (workload)";

/// Answers in their order, and the requests that came.
#[derive(Clone, Debug, Default)]
struct Canned {
    answers: Arc<Mutex<VecDeque<(u16, String)>>>,
    requests: Arc<Mutex<Vec<HttpRequest>>>,
}

impl Canned {
    fn new<T: Into<String>>(answers: impl IntoIterator<Item = (u16, T)>) -> Self {
        let answers = answers.into_iter().map(|(status, body)| (status, body.into())).collect();
        Canned { answers: Arc::new(Mutex::new(answers)), requests: Arc::default() }
    }

    fn forms(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        requests.iter().map(|r| String::from_utf8(r.body().bytes().unwrap().to_vec()).unwrap()).collect()
    }
}

impl HttpClient for Canned {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Canned {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.requests.lock().unwrap().push(request);
        let (status, body) = self.answers.lock().unwrap().pop_front().expect("an answer for each request");
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body))))
    }
}

fn config(http: &Canned, retries: RetryConfig) -> SdkConfig {
    let keys = aws_credential_types::Credentials::new("AKIDEXAMPLE", "secret", Some("session".into()), None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(keys))
        .http_client(http.clone())
        .retry_config(retries)
        .build()
}

fn ec2(http: &Canned) -> Ec2 {
    Ec2::new(LABEL, "ap-south-1", &config(http, RetryConfig::disabled()), None)
}

fn answer(action: &str, body: &str) -> (u16, String) {
    let name = format!("{action}Response");
    (200, format!("<{name} xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>r-0</requestId>{body}</{name}>"))
}

fn refusal(status: u16, code: &str, message: &str) -> (u16, String) {
    let error = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    (status, format!("<?xml version=\"1.0\"?>\n<Response><Errors>{error}</Errors><RequestID>r-1</RequestID></Response>"))
}

#[tokio::test]
async fn a_call_is_a_signed_form_to_the_regions_endpoint() {
    let http = Canned::new([answer("DescribeVpcs", "<vpcSet/>")]);
    ec2(&http).describe_vpcs(&Select::id("vpc-1")).await.unwrap();
    assert_eq!(http.forms(), ["Action=DescribeVpcs&Version=2016-11-15&VpcId.1=vpc-1"]);
    let requests = http.requests.lock().unwrap();
    let header = |name: &str| requests[0].headers().get(name).unwrap_or_default();
    assert_eq!((requests[0].method(), requests[0].uri()), ("POST", "https://ec2.ap-south-1.amazonaws.com/"));
    assert_eq!(header("content-type"), "application/x-www-form-urlencoded");
    let signature = header("authorization");
    assert!(signature.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"), "{signature}");
    assert!(signature.contains("/ap-south-1/ec2/aws4_request"), "{signature}");
    assert_eq!(header("x-amz-security-token"), "session");
    assert!(header("user-agent").starts_with("aws-sdk-rust/"), "{}", header("user-agent"));
    assert!(header("x-amz-user-agent").contains("api/ec2"), "{}", header("x-amz-user-agent"));
}

#[tokio::test]
async fn all_pages_are_read() {
    let page = |id: &str, next: &str| answer("DescribeVpcs", &format!("<vpcSet><item><vpcId>{id}</vpcId></item></vpcSet>{next}"));
    let http = Canned::new([page("vpc-1", "<nextToken>a b</nextToken>"), page("vpc-2", "<nextToken/>")]);
    let vpcs = ec2(&http).describe_vpcs(&Select::by("state", ["available"])).await.unwrap();
    assert_eq!(vpcs.iter().map(|vpc| vpc.id.as_str()).collect::<Vec<_>>(), ["vpc-1", "vpc-2"]);
    assert!(http.forms()[1].ends_with("&Filter.1.Value.1=available&NextToken=a%20b"), "{:?}", http.forms());
}

#[tokio::test]
async fn pages_that_do_not_end_are_an_error() {
    let page = answer("DescribeVpcs", "<vpcSet/><nextToken>again</nextToken>");
    let http = Canned::new([page.clone(), page.clone(), page]);
    let error = ec2(&http).describe_vpcs(&Select::default()).await.unwrap_err();
    assert_eq!(error.to_string(), "ec2:DescribeVpcs in 185863138492 (workload): the response can't be read: the pagination does not end");
}

#[tokio::test]
async fn throttled_calls_and_a_failing_service_are_tried_again() {
    let http = Canned::new([
        refusal(503, "RequestLimitExceeded", "Request limit exceeded."),
        refusal(400, "Throttling", "Rate exceeded"),
        (500, "<html>".to_owned()),
        answer("DescribeVpcs", "<vpcSet/>"),
    ]);
    let retries = RetryConfig::standard().with_max_attempts(4).with_initial_backoff(Duration::from_millis(1));
    let ec2 = Ec2::new(LABEL, "eu-west-3", &config(&http, retries), None);
    assert_eq!(ec2.describe_vpcs(&Select::default()).await.unwrap(), []);
    assert_eq!(http.forms().len(), 4);
}

#[tokio::test]
async fn refusals_have_their_kind_and_name_the_call_the_account_the_code_and_the_request() {
    let kind = async |status, code: &str| {
        let http = Canned::new([refusal(status, code, "no")]);
        let error = ec2(&http).delete_route("rtb-1", "10.0.0.0/16").await.unwrap_err();
        assert_eq!(error.to_string(), format!("ec2:DeleteRoute in {LABEL}: {code}: no (request id r-1)"));
        error.kind
    };
    for code in [
        "InvalidVpcPeeringConnectionID.NotFound",
        "InvalidRoute.NotFound",
        "InvalidPermission.NotFound",
        "InvalidVpcID.NotFound",
        "InvalidRouteTableID.NotFound",
        "InvalidGroup.NotFound",
        "InvalidSecurityGroupRuleId.NotFound",
        "InvalidSubnetID.NotFound",
    ] {
        assert_eq!(kind(400, code).await, Kind::Absent, "{code}");
    }
    assert_eq!(kind(400, "RouteAlreadyExists").await, Kind::Exists);
    assert_eq!(kind(400, "InvalidPermission.Duplicate").await, Kind::Exists);
    assert_eq!(kind(503, "RequestLimitExceeded").await, Kind::Throttled);
    assert_eq!(kind(400, "InvalidParameterValue").await, Kind::Invalid);
    assert_eq!(kind(400, "VpcPeeringConnectionsPerVpcLimitExceeded").await, Kind::Quota);
    assert_eq!(kind(400, "InvalidStateTransition").await, Kind::Conflict);
    assert_eq!(kind(500, "InternalError").await, Kind::Unreachable);
    assert_eq!(kind(401, "AuthFailure").await, Kind::Credentials);
}

#[tokio::test]
async fn a_missing_permission_is_named_without_the_encoded_message() {
    let message = "You are not authorized to perform this operation. User: arn:aws:iam::185863138492:user/ci is not authorized to \
                   perform: ec2:CreateRoute on resource: arn:aws:ec2:ap-south-1:185863138492:route-table/rtb-1 because no \
                   identity-based policy allows the ec2:CreateRoute action. Encoded authorization failure message: 4GIOHlTkIaWHQD0Q";
    let http = Canned::new([refusal(403, "UnauthorizedOperation", message)]);
    let error = ec2(&http).create_route("rtb-1", "10.0.0.0/16", "pcx-1").await.unwrap_err();
    let missing = error.missing_permission().unwrap();
    assert_eq!((error.kind, missing.action.as_str()), (Kind::Denied, "ec2:CreateRoute"));
    assert_eq!(missing.resource.as_deref(), Some("arn:aws:ec2:ap-south-1:185863138492:route-table/rtb-1"));
    assert!(!error.to_string().contains("4GIOHlTkIaWHQD0Q"), "{error}");
}

#[tokio::test]
async fn what_is_not_an_ec2_response_is_an_error_that_says_so() {
    let error = async |status, body: &str| {
        let http = Canned::new([(status, body)]);
        ec2(&http).describe_vpcs(&Select::default()).await.unwrap_err()
    };
    let proxy = error(403, "<html><body>Forbidden by the proxy</body></html>").await;
    assert_eq!(proxy.kind, Kind::Other);
    assert!(proxy.message.contains("HTTP status 403 without an EC2 error"), "{proxy}");
    assert!(error(200, "OK").await.message.contains("the response can't be read"));
    assert_eq!(error(502, "bad gateway").await.kind, Kind::Unreachable);
    let http = Canned::new([answer("CreateVpcPeeringConnection", "")]);
    let missing = ec2(&http).create_peering_connection(&PeeringRequest::default()).await.unwrap_err();
    assert!(missing.message.ends_with("it contains no vpcPeeringConnection"), "{missing}");
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_is_an_error_of_the_call() {
    let http = Canned::new::<String>([]);
    let config = config(&http, RetryConfig::disabled()).into_builder().use_fips(true).build();
    let ec2 = Ec2::new(LABEL, "ap-south-1", &config, Some("http://localhost:1"));
    let error = ec2.describe_vpcs(&Select::default()).await.unwrap_err();
    assert!(error.message.contains("use_fips_endpoint"), "{error}");
}

#[tokio::test]
async fn routes_name_their_destination_by_its_kind() {
    let http = Canned::new([answer("CreateRoute", "<return>true</return>"), answer("ReplaceRoute", ""), answer("DeleteRoute", "")]);
    let ec2 = ec2(&http);
    ec2.create_route("rtb-1", "10.0.0.0/16", "pcx-1").await.unwrap();
    ec2.replace_route("rtb-1", "2600:1f14::/56", "pcx-1").await.unwrap();
    ec2.delete_route("rtb-1", "pl-1").await.unwrap();
    let forms = http.forms();
    assert!(forms[0].ends_with("&RouteTableId=rtb-1&DestinationCidrBlock=10.0.0.0%2F16&VpcPeeringConnectionId=pcx-1"), "{forms:?}");
    assert!(forms[1].contains("&DestinationIpv6CidrBlock=2600%3A1f14%3A%3A%2F56&VpcPeeringConnectionId=pcx-1"), "{forms:?}");
    assert!(forms[2].ends_with("&RouteTableId=rtb-1&DestinationPrefixListId=pl-1"), "{forms:?}");
}

#[tokio::test]
async fn a_vpcs_blocks_are_those_in_use_with_the_primary_one_first() {
    let block = |block: &str, state: &str| {
        format!("<item><cidrBlock>{block}</cidrBlock><cidrBlockState><state>{state}</state></cidrBlockState></item>")
    };
    let http = Canned::new([answer(
        "DescribeVpcs",
        &format!(
            "<vpcSet><item><vpcId>vpc-1</vpcId><ownerId>185863138492</ownerId><state>available</state><cidrBlock>10.30.0.0/16</cidrBlock>\
             <cidrBlockAssociationSet>{}{}{}</cidrBlockAssociationSet><ipv6CidrBlockAssociationSet><item><ipv6CidrBlock>2600:1f14::/56\
             </ipv6CidrBlock><ipv6CidrBlockState><state>associated</state></ipv6CidrBlockState></item></ipv6CidrBlockAssociationSet>\
             <tagSet><item><key>Name</key><value>team</value></item></tagSet></item></vpcSet>",
            block("100.64.0.0/16", "associated"),
            block("10.30.0.0/16", "associated"),
            block("10.31.0.0/16", "disassociated")
        ),
    )]);
    let vpcs = ec2(&http).describe_vpcs(&Select::default()).await.unwrap();
    assert_eq!(vpcs[0].cidr_blocks, ["10.30.0.0/16", "100.64.0.0/16"]);
    assert_eq!(vpcs[0].ipv6_cidr_blocks, ["2600:1f14::/56"]);
    assert_eq!((vpcs[0].owner_id.as_str(), vpcs[0].tags["Name"].as_str()), ("185863138492", "team"));
}

#[tokio::test]
async fn route_tables_tell_their_routes_and_whom_they_serve() {
    let http = Canned::new([answer(
        "DescribeRouteTables",
        "<routeTableSet><item><routeTableId>rtb-1</routeTableId><vpcId>vpc-1</vpcId><routeSet>\
         <item><destinationCidrBlock>10.30.0.0/16</destinationCidrBlock><gatewayId>local</gatewayId><state>active</state>\
         <origin>CreateRouteTable</origin></item>\
         <item><destinationCidrBlock>10.20.0.0/16</destinationCidrBlock><vpcPeeringConnectionId>pcx-1</vpcPeeringConnectionId>\
         <state>blackhole</state></item>\
         <item><destinationCidrBlock>0.0.0.0/0</destinationCidrBlock><instanceId>i-1</instanceId><networkInterfaceId>eni-1\
         </networkInterfaceId><state>active</state></item></routeSet><associationSet>\
         <item><routeTableAssociationId>a-1</routeTableAssociationId><main>true</main></item>\
         <item><routeTableAssociationId>a-2</routeTableAssociationId><main>false</main><subnetId>subnet-1</subnetId>\
         <associationState><state>disassociated</state></associationState></item>\
         <item><main>false</main><subnetId>subnet-2</subnetId></item></associationSet></item></routeTableSet>",
    )]);
    let tables = ec2(&http).describe_route_tables(&Select::default()).await.unwrap();
    let table = &tables[0];
    assert_eq!((table.is_main(), table.serves("subnet-1"), table.serves("subnet-2")), (true, false, true));
    let target = |destination: &str| table.route_to(destination).map(|r| (r.target.as_str(), r.state.as_str()));
    assert_eq!(target("10.30.0.0/16"), Some(("local", "active")));
    assert_eq!(target("10.20.0.0/16"), Some(("pcx-1", "blackhole")));
    assert_eq!(target("0.0.0.0/0"), Some(("i-1", "active")));
    assert_eq!(target("10.0.0.0/8"), None);
}

#[test]
fn a_route_is_found_by_its_block_however_the_block_is_written() {
    let route = |destination: &str| Route { destination: destination.into(), ..Route::default() };
    let table = RouteTable { routes: vec![route("2001:0DB8:0:0::/56"), route("pl-1")], ..RouteTable::default() };
    assert_eq!(table.route_to("2001:db8::/56"), Some(&route("2001:0DB8:0:0::/56")));
    assert_eq!(table.route_to("pl-1"), Some(&route("pl-1")));
    assert_eq!(table.route_to("2001:db8::/64"), None);
}

#[tokio::test]
async fn a_peering_request_is_tagged_and_answers_with_both_sides() {
    let http = Canned::new([answer(
        "CreateVpcPeeringConnection",
        "<vpcPeeringConnection><vpcPeeringConnectionId>pcx-1</vpcPeeringConnectionId><requesterVpcInfo><vpcId>vpc-1</vpcId>\
         <ownerId>1</ownerId><region>eu-west-1</region><cidrBlock>10.0.0.0/16</cidrBlock><cidrBlockSet><item><cidrBlock>10.0.0.0/16\
         </cidrBlock></item><item><cidrBlock>10.1.0.0/16</cidrBlock></item></cidrBlockSet><peeringOptions>\
         <allowDnsResolutionFromRemoteVpc>true</allowDnsResolutionFromRemoteVpc></peeringOptions></requesterVpcInfo><accepterVpcInfo>\
         <vpcId>vpc-2</vpcId></accepterVpcInfo><status><code>initiating-request</code><message>Initiating Request to 2</message>\
         </status></vpcPeeringConnection>",
    )]);
    let request = PeeringRequest {
        vpc_id: "vpc-1".into(),
        peer_vpc_id: "vpc-2".into(),
        peer_owner_id: "2".into(),
        peer_region: "eu-west-1".into(),
        tags: Tags::from([("a".into(), "b".into())]),
    };
    let made = ec2(&http).create_peering_connection(&request).await.unwrap();
    assert!(made.connects("vpc-2", "vpc-1") && !made.connects("vpc-1", "vpc-1") && !made.is_active());
    assert_eq!((made.requester.cidr_blocks.len(), made.requester.dns_resolution), (2, Some(true)));
    assert_eq!((made.status_message.as_deref(), made.accepter.dns_resolution), (Some("Initiating Request to 2"), None));
    assert!(http.forms()[0].ends_with(
        "&VpcId=vpc-1&PeerVpcId=vpc-2&PeerOwnerId=2&PeerRegion=eu-west-1&TagSpecification.1.ResourceType=vpc-peering-connection\
         &TagSpecification.1.Tag.1.Key=a&TagSpecification.1.Tag.1.Value=b"
    ));
}

#[tokio::test]
async fn a_security_group_rule_is_made_and_read_with_its_id() {
    let made = "<return>true</return><securityGroupRuleSet><item><securityGroupRuleId>sgr-1</securityGroupRuleId><groupId>sg-1</groupId>\
                <isEgress>false</isEgress><ipProtocol>tcp</ipProtocol><fromPort>443</fromPort><toPort>443</toPort>\
                <cidrIpv6>2600::/56</cidrIpv6></item></securityGroupRuleSet>";
    let http = Canned::new([answer("AuthorizeSecurityGroupIngress", made), answer("RevokeSecurityGroupIngress", "")]);
    let rule = IngressRule { group_id: "sg-1".into(), port: 443, cidr: "2600::/56".into(), ..IngressRule::default() };
    let made = ec2(&http).authorize_security_group_ingress(&rule).await.unwrap();
    assert_eq!((made.id.as_str(), made.from_port, made.to_port, made.egress), ("sgr-1", 443, 443, false));
    assert_eq!((made.cidr_ipv6.as_deref(), made.cidr_ipv4, made.referenced_group), (Some("2600::/56"), None, None));
    ec2(&http).revoke_security_group_ingress("sg-1", &["sgr-1"]).await.unwrap();
    let forms = http.forms();
    assert!(forms[0].ends_with(
        "&GroupId=sg-1&IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=443&IpPermissions.1.ToPort=443\
         &IpPermissions.1.Ipv6Ranges.1.CidrIpv6=2600%3A%3A%2F56"
    ));
    assert!(forms[1].ends_with("&GroupId=sg-1&SecurityGroupRuleId.1=sgr-1"), "{forms:?}");
}

#[tokio::test]
async fn nothing_is_called_to_set_or_take_no_tags() {
    let http = Canned::new::<String>([]);
    ec2(&http).create_tags("pcx-1", &Tags::new()).await.unwrap();
    ec2(&http).delete_tags("pcx-1", &[]).await.unwrap();
    assert!(http.forms().is_empty());
}

/// What comes over the network is not trusted: answers that lack what they should hold, or hold something else, read as something.
#[tokio::test]
async fn answers_without_what_they_should_hold_never_panic() {
    let set = |name: &str| format!("<{name}><item/><item>text</item><other/></{name}>");
    let sets: String = ["vpcSet", "subnetSet", "routeTableSet", "networkAclSet", "securityGroupRuleSet", "natGatewaySet"].map(set).concat();
    let canned = || Canned::new([answer("Any", &sets)]);
    let all = Select::default();
    assert_eq!(ec2(&canned()).describe_vpcs(&all).await.unwrap().len(), 2);
    assert_eq!(ec2(&canned()).describe_subnets(&all).await.unwrap().len(), 2);
    assert_eq!(ec2(&canned()).describe_route_tables(&all).await.unwrap().len(), 2);
    assert_eq!(ec2(&canned()).describe_network_acls(&all).await.unwrap().len(), 2);
    assert_eq!(ec2(&canned()).describe_security_group_rules(&all).await.unwrap().len(), 2);
    assert_eq!(ec2(&canned()).describe_nat_gateways(&all).await.unwrap().len(), 2);
}
