"""What `xeks_cluster_peering` refuses, at plan time where possible: each error says what is wrong and what to do."""

import pytest
from accounts import CLUSTER, Accounts
from cluster_peering import ADDRESS, peering
from network import Network, vpc


@pytest.fixture
def network(aws) -> Network:
    return Network(aws)


@pytest.mark.parametrize("account, block", [("cluster", "10.30.0.0/16"), ("workload", "10.20.0.0/16")])
def test_a_conflicting_route_is_refused_by_the_plan_and_never_overwritten(workspace, network, account, block):
    table = network.route_to_internet_gateway(account, block)
    before = network.left()
    root = workspace(peering(network.workload_vpc))
    root.try_plan().must_fail(table, block, "with the target igw-", "never overwrites a route", "aws ec2 delete-route")
    assert network.left() == before


def test_a_conflicting_route_is_refused_by_the_apply_too(workspace, network):
    root = workspace(peering(network.workload_vpc), in_provider="  skip_preflight = true\n")
    table = network.route_to_internet_gateway("cluster", "10.30.0.0/16")
    before = network.left()
    root.try_apply().must_fail(table, "with the target igw-", "never overwrites a route", "183295435445")
    assert network.routes("cluster")[f"{table}/10.30.0.0/16"].startswith("igw-")
    root.destroy()
    assert network.left() == before


def test_a_route_that_was_redirected_is_a_warning_of_the_plan_and_refused_by_the_apply(workspace, network):
    root = workspace(peering(network.workload_vpc))
    root.apply()
    ec2 = network.ec2("cluster")
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=network.cluster_vpc)
    name = next(iter(network.routes("cluster")))
    table, block = name.split("/", 1)
    ec2.replace_route(RouteTableId=table, DestinationCidrBlock=block, GatewayId=gateway)

    plan = root.plan()
    assert any("has another target" in warning.summary for warning in plan.warnings)
    root.try_apply().must_fail("with the target igw-", "never overwrites a route")
    assert network.routes("cluster")[name] == gateway
    ec2.delete_route(RouteTableId=table, DestinationCidrBlock=block)
    root.apply()
    root.assert_empty_plan()


def test_overlapping_blocks_are_refused_by_the_plan(workspace, aws, network):
    overlapping = Network(aws, vpc(aws, "workload", "10.20.128.0/20"))
    root = workspace(peering(overlapping.workload_vpc, 'workload_cidrs = ["192.168.0.0/24"]'))
    root.try_plan().must_fail("overlap", "10.20.0.0/16", "10.20.128.0/20", overlapping.workload_vpc)


def test_secondary_blocks_that_overlap_are_refused_too(workspace, network):
    for account in ("cluster", "workload"):
        network.add_block(account, "100.64.0.0/16")
    workspace(peering(network.workload_vpc)).try_plan().must_fail("overlap", "100.64.0.0/16")


def test_without_preflight_checks_overlapping_blocks_fail_the_apply_and_are_named(workspace, aws, network):
    overlapping = Network(aws, vpc(aws, "workload", "10.20.128.0/20"))
    before = network.left()
    root = workspace(peering(overlapping.workload_vpc), in_provider="  skip_preflight = true\n")
    root.try_apply().must_fail("ended as failed", "10.20.0.0/16", "10.20.128.0/20", "overlap")
    root.destroy()
    assert network.left() == before


def test_a_vpc_that_does_not_exist_is_a_warning_of_the_plan_and_an_error_of_the_apply(workspace):
    missing = "vpc-0123456789abcdef0"
    root = workspace(peering(missing))
    assert [w for w in root.plan().warnings if missing in w.detail]
    root.try_apply().must_fail(missing, "does not exist", "185863138492")


def test_a_cluster_that_does_not_exist_is_a_warning_of_the_plan_and_an_error_of_the_apply(workspace, network):
    root = workspace(peering(network.workload_vpc, cluster="nowhere"))
    assert [w for w in root.plan().warnings if "nowhere" in w.detail]
    root.try_apply().must_fail("nowhere", "does not exist", "183295435445")


def test_a_second_cluster_for_the_same_pair_of_vpcs_is_refused_by_the_plan(workspace, aws, network):
    Accounts(aws).make_cluster("green", "API")
    root = workspace(peering(network.workload_vpc))
    root.apply()
    made = root.state(ADDRESS)["peering_connection_id"]
    root.write(peering(network.workload_vpc) + peering(network.workload_vpc, name="other", cluster="green"))
    root.try_plan().must_fail(f'peering_connection_id = "{made}"', "xeks_cluster_peering:")


def test_two_resources_for_one_cluster_and_vpc_are_refused_by_the_plan(workspace, network):
    both = peering(network.workload_vpc) + peering(network.workload_vpc, name="other")
    workspace(both).try_plan().must_fail("peering_connection_id", network.workload_vpc)


def test_a_second_resource_for_one_cluster_and_vpc_is_refused_by_the_plan(workspace, network):
    root = workspace(peering(network.workload_vpc))
    root.apply()
    root.write(peering(network.workload_vpc) + peering(network.workload_vpc, name="other"))
    root.try_plan().must_fail("peering_connection_id", network.workload_vpc)


def test_a_connection_of_other_vpcs_is_refused_by_the_plan(workspace, aws, network):
    other = Network(aws, vpc(aws, "workload", "10.50.0.0/16"))
    made = other.connect()
    run = workspace(peering(network.workload_vpc, f'peering_connection_id = "{made}"')).try_plan()
    run.must_fail(made, other.workload_vpc, network.workload_vpc)


def test_a_deleted_connection_is_a_warning_of_the_plan_and_an_error_of_the_apply(workspace, network):
    made = network.connect()
    network.delete(made)
    root = workspace(peering(network.workload_vpc, f'peering_connection_id = "{made}"'))
    assert [w for w in root.plan().warnings if made in w.detail]
    root.try_apply().must_fail(made, "does not exist")


def test_a_route_table_of_another_vpc_is_refused_by_the_plan_with_the_valid_ones(workspace, aws, network):
    other = Network(aws, vpc(aws, "workload", "10.50.0.0/16"))
    foreign = other.tables("workload")[0]["RouteTableId"]
    run = workspace(peering(network.workload_vpc, f'workload_route_table_ids = ["{foreign}"]')).try_plan()
    run.must_fail(foreign, network.tables("workload")[0]["RouteTableId"])


def test_a_block_of_the_cluster_vpc_is_refused_by_the_plan(workspace, network):
    run = workspace(peering(network.workload_vpc, 'workload_cidrs = ["10.20.5.0/24"]')).try_plan()
    run.must_fail("10.20.5.0/24", "10.20.0.0/16", network.cluster_vpc)


@pytest.mark.parametrize(
    "line, words",
    [
        ('workload_cidrs = ["10.30.0.1/16"]', ["workload_cidrs", "10.30.0.0/16"]),
        ('cluster_cidrs = ["10.20.0.0"]', ["cluster_cidrs", "CIDR block"]),
        ('cluster_route_table_ids = ["subnet-0123456789abcdef0"]', ["cluster_route_table_ids", "rtb-"]),
        ('peering_connection_id = "vpc-0123456789abcdef0"', ["peering_connection_id", "pcx-"]),
        ('workload_region = "Mumbai"', ["workload_region", "ap-south-1"]),
        ('allow_https = false\n  https_source_cidrs = ["10.0.0.0/8"]', ["https_source_cidrs", "allow_https"]),
    ],
)
def test_validate_refuses_invalid_arguments_without_calling_aws(workspace, network, line, words):
    workspace(peering(network.workload_vpc, line)).validate().must_fail(*words)


@pytest.mark.parametrize(
    "public, private, summary",
    [(True, False, "will not use this peering"), (True, True, "may not use this peering"), (False, True, None)],
)
def test_a_plan_warns_once_when_traffic_does_not_use_the_peering(workspace, aws, network, public, private, summary):
    make_cluster(aws, network, public, private)
    root = workspace(peering(network.workload_vpc, cluster="reached"))
    plan = root.plan()
    warned = [warning.summary for warning in plan.warnings]
    assert (summary is None and warned == []) or any(summary in each for each in warned), warned
    root.apply()
    root.write(peering(network.workload_vpc, 'tags = { a = "b" }', cluster="reached"))
    assert root.plan().warnings == []


def make_cluster(aws, network: Network, public: bool, private: bool) -> None:
    eks = Accounts(aws).eks
    like = eks.describe_cluster(name=CLUSTER)["cluster"]
    access = {"endpointPublicAccess": public, "endpointPrivateAccess": private}
    network_of = {"subnetIds": like["resourcesVpcConfig"]["subnetIds"], **access}
    eks.create_cluster(
        name="reached",
        roleArn=like["roleArn"],
        resourcesVpcConfig=network_of,
        accessConfig={"authenticationMode": "API"},
    )
