"""Peering connections. "Guide" is the VPC peering guide, "API reference" the EC2 API reference."""

import time

import pytest
from refusals import refused

CLUSTER, WORKLOAD = "183295435445", "185863138492"


@pytest.fixture
def cluster(aws):
    return aws.client("cluster", "ec2")


@pytest.fixture
def workload(aws):
    return aws.client("workload", "ec2")


def vpc(ec2, block):
    return ec2.create_vpc(CidrBlock=block)["Vpc"]["VpcId"]


def request(ec2, vpc_id, peer_vpc_id, owner=CLUSTER, **arguments):
    answer = ec2.create_vpc_peering_connection(VpcId=vpc_id, PeerVpcId=peer_vpc_id, PeerOwnerId=owner, **arguments)
    return answer["VpcPeeringConnection"]["VpcPeeringConnectionId"]


def seen(ec2, peering_id):
    answer = ec2.describe_vpc_peering_connections(VpcPeeringConnectionIds=[peering_id])
    return answer["VpcPeeringConnections"][0]


def wait(ec2, peering_id, code):
    deadline = time.monotonic() + 3
    while (found := seen(ec2, peering_id))["Status"]["Code"] != code:
        assert time.monotonic() < deadline, found["Status"]
        time.sleep(0.03)
    return found


@pytest.fixture
def vpcs(cluster, workload):
    """(of the cluster account, of the workload account)"""
    return vpc(cluster, "10.1.0.0/16"), vpc(workload, "10.2.0.0/16")


@pytest.fixture
def pending(workload, cluster, vpcs):
    """Asked for by the workload account, waiting for the cluster account."""
    peering_id = request(workload, vpcs[1], vpcs[0])
    wait(workload, peering_id, "pending-acceptance")
    return peering_id


@pytest.fixture
def active(workload, cluster, pending):
    cluster.accept_vpc_peering_connection(VpcPeeringConnectionId=pending)
    wait(workload, pending, "active")
    return pending


def test_a_request_goes_through_its_states(workload, cluster, vpcs):
    """Guide, lifecycle: initiating-request, pending-acceptance, provisioning, active, deleting, deleted."""
    made = workload.create_vpc_peering_connection(VpcId=vpcs[1], PeerVpcId=vpcs[0], PeerOwnerId=CLUSTER)
    made = made["VpcPeeringConnection"]
    peering_id = made["VpcPeeringConnectionId"]
    assert made["Status"]["Code"] == "initiating-request"
    assert 6.9 < (made["ExpirationTime"].timestamp() - time.time()) / 86400 <= 7
    wait(workload, peering_id, "pending-acceptance")
    accepted = cluster.accept_vpc_peering_connection(VpcPeeringConnectionId=peering_id)["VpcPeeringConnection"]
    assert accepted["Status"]["Code"] == "provisioning"
    assert "ExpirationTime" not in wait(cluster, peering_id, "active")
    workload.delete_vpc_peering_connection(VpcPeeringConnectionId=peering_id)
    assert seen(workload, peering_id)["Status"]["Code"] == "deleting"
    wait(cluster, peering_id, "deleted")


def test_both_sides_see_it_with_the_accepters_blocks_once_accepted(workload, cluster, vpcs, pending):
    """API reference, VpcPeeringConnectionVpcInfo; the accepter's blocks are not shown before it accepts."""
    for ec2 in (workload, cluster):
        found = seen(ec2, pending)
        assert found["RequesterVpcInfo"]["CidrBlock"] == "10.2.0.0/16"
        assert found["AccepterVpcInfo"] == {"OwnerId": CLUSTER, "VpcId": vpcs[0], "Region": "ap-south-1"}
    cluster.accept_vpc_peering_connection(VpcPeeringConnectionId=pending)
    found = wait(workload, pending, "active")
    assert found["AccepterVpcInfo"]["CidrBlockSet"] == [{"CidrBlock": "10.1.0.0/16"}]
    assert found["AccepterVpcInfo"]["PeeringOptions"]["AllowDnsResolutionFromRemoteVpc"] is False


def test_only_the_accepter_accepts_and_rejects(workload, pending):
    """API reference, AcceptVpcPeeringConnection: "you must be the owner of the peer VPC"."""
    with refused("OperationNotPermitted", pending, 400):
        workload.accept_vpc_peering_connection(VpcPeeringConnectionId=pending)
    with refused("OperationNotPermitted", pending, 400):
        workload.reject_vpc_peering_connection(VpcPeeringConnectionId=pending)


def test_a_rejected_one_is_neither_accepted_nor_deleted(workload, cluster, pending):
    """Guide, lifecycle: rejected "cannot be accepted"; Delete: "You cannot delete ... in the rejected state"."""
    cluster.reject_vpc_peering_connection(VpcPeeringConnectionId=pending)
    assert seen(workload, pending)["Status"]["Code"] == "rejected"
    with refused("InvalidStateTransition", "from rejected to active", 400):
        cluster.accept_vpc_peering_connection(VpcPeeringConnectionId=pending)
    for ec2 in (workload, cluster):
        with refused("InvalidStateTransition", "from rejected to deleting", 400):
            ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=pending)


@pytest.mark.parametrize("secondary", [False, True])
def test_overlapping_blocks_end_in_failed_and_no_error(workload, cluster, secondary):
    """API reference, CreateVpcPeeringConnection: overlapping CIDR blocks result "in a status of failed"; guide,
    limitations: any of the VPCs' blocks, shared secondary ones included."""
    ours, theirs = vpc(cluster, "10.1.0.0/16"), vpc(workload, "10.2.0.0/16" if secondary else "10.1.128.0/20")
    if secondary:
        cluster.associate_vpc_cidr_block(VpcId=ours, CidrBlock="100.64.0.0/16")
        workload.associate_vpc_cidr_block(VpcId=theirs, CidrBlock="100.64.0.0/20")
    peering_id = request(workload, theirs, ours)
    assert "overlapping CIDR range" in wait(workload, peering_id, "failed")["Status"]["Message"]
    with refused("InvalidVpcPeeringConnectionID.NotFound"):
        seen(cluster, peering_id)
    with refused("InvalidStateTransition", "from failed to deleting"):
        workload.delete_vpc_peering_connection(VpcPeeringConnectionId=peering_id)


def test_a_wrong_peer_ends_in_failed_and_a_wrong_own_vpc_in_an_error(workload, vpcs):
    """Guide, lifecycle: failed; the message names VPC-ID, Account ID and overlap alike. EC2 error codes:
    InvalidVpcID.NotFound."""
    peering_id = request(workload, vpcs[1], "vpc-0123456789abcdef0")
    assert "incorrect VPC-ID" in wait(workload, peering_id, "failed")["Status"]["Message"]
    with refused("InvalidVpcID.NotFound", status=400):
        request(workload, "vpc-0123456789abcdef0", vpcs[0])


def test_the_same_request_again_returns_the_same_connection(workload, vpcs, active):
    """What the aws provider documents of CreateVpcPeeringConnection: "AWS will return the connection id that already
    exists"."""
    assert request(workload, vpcs[1], vpcs[0]) == active


def test_a_second_connection_the_other_way_round_is_not_accepted(workload, cluster, vpcs, active):
    """Guide, limitations: one connection between the same two VPCs; EC2 error codes:
    VpcPeeringConnectionAlreadyExists, which comes with the acceptance."""
    second = request(cluster, vpcs[0], vpcs[1], owner=WORKLOAD)
    assert second != active
    wait(cluster, second, "pending-acceptance")
    with refused("VpcPeeringConnectionAlreadyExists", second):
        workload.accept_vpc_peering_connection(VpcPeeringConnectionId=second)


def test_accepting_too_early_finds_nothing(workload, cluster, vpcs):
    """Guide, lifecycle: while it is being initiated the accepter does not see the request."""
    peering_id = request(workload, vpcs[1], vpcs[0])
    with refused("InvalidVpcPeeringConnectionID.NotFound", peering_id, 400):
        cluster.accept_vpc_peering_connection(VpcPeeringConnectionId=peering_id)


def test_regions_may_differ_and_each_side_acts_in_its_own(aws, workload):
    """API reference, CreateVpcPeeringConnection, PeerRegion; AcceptVpcPeeringConnection of an inter-Region one "must be
    accepted in the Region of the accepter VPC"."""
    tokyo, home = aws.client("cluster", "ec2", region="ap-northeast-1"), aws.client("cluster", "ec2")
    peering_id = request(workload, vpc(workload, "10.2.0.0/16"), vpc(tokyo, "10.1.0.0/16"), PeerRegion="ap-northeast-1")
    wait(workload, peering_id, "pending-acceptance")
    with refused("InvalidVpcPeeringConnectionID.NotFound"):
        home.accept_vpc_peering_connection(VpcPeeringConnectionId=peering_id)
    tokyo.accept_vpc_peering_connection(VpcPeeringConnectionId=peering_id)
    assert wait(workload, peering_id, "active")["AccepterVpcInfo"]["Region"] == "ap-northeast-1"


def test_each_owner_changes_its_own_options_only(workload, cluster, active):
    """API reference, ModifyVpcPeeringConnectionOptions: "each owner must initiate a separate request"."""
    dns = {"AllowDnsResolutionFromRemoteVpc": True}
    answer = workload.modify_vpc_peering_connection_options(
        VpcPeeringConnectionId=active, RequesterPeeringConnectionOptions=dns
    )
    assert answer["RequesterPeeringConnectionOptions"]["AllowDnsResolutionFromRemoteVpc"] is True
    with refused("OperationNotPermitted", f"User {WORKLOAD} does not have permission to modify the accepter side", 400):
        workload.modify_vpc_peering_connection_options(
            VpcPeeringConnectionId=active, AccepterPeeringConnectionOptions=dns
        )
    cluster.modify_vpc_peering_connection_options(VpcPeeringConnectionId=active, AccepterPeeringConnectionOptions=dns)
    for side in ("RequesterVpcInfo", "AccepterVpcInfo"):
        assert seen(cluster, active)[side]["PeeringOptions"]["AllowDnsResolutionFromRemoteVpc"] is True


def test_options_are_for_active_connections_only(workload, pending):
    """The refusal that users meet: "Peering options can be added only to active peerings"."""
    with refused("OperationNotPermitted", "Peering options can be added only to active peerings", 400):
        workload.modify_vpc_peering_connection_options(
            VpcPeeringConnectionId=pending, RequesterPeeringConnectionOptions={"AllowDnsResolutionFromRemoteVpc": True}
        )


def test_the_requester_withdraws_a_pending_request_the_accepter_can_not(workload, cluster, pending):
    """API reference, DeleteVpcPeeringConnection: the requester "can delete a ... request in the pending-acceptance
    state"; the accepter rejects."""
    with refused("InvalidStateTransition", "from pending-acceptance to deleting"):
        cluster.delete_vpc_peering_connection(VpcPeeringConnectionId=pending)
    workload.delete_vpc_peering_connection(VpcPeeringConnectionId=pending)
    wait(workload, pending, "deleted")


def test_filters_and_tags(workload, cluster, vpcs, active):
    """API reference, DescribeVpcPeeringConnections, Filters; each account has its own tags on a connection."""
    workload.create_tags(Resources=[active], Tags=[{"Key": "a", "Value": "1"}])

    def found(ec2, **filters):
        asked = [
            {"Name": name.replace("_", "-").replace("--", "."), "Values": [value]} for name, value in filters.items()
        ]
        answer = ec2.describe_vpc_peering_connections(Filters=asked)
        return [each["VpcPeeringConnectionId"] for each in answer["VpcPeeringConnections"]]

    assert found(cluster, requester_vpc_info__vpc_id=vpcs[1], accepter_vpc_info__vpc_id=vpcs[0]) == [active]
    assert found(cluster, status_code="active", accepter_vpc_info__owner_id=CLUSTER) == [active]
    assert found(cluster, status_code="pending-acceptance") == []
    assert found(workload, **{"tag:a": "1"}) == [active]
    assert found(cluster, **{"tag:a": "1"}) == []
    with refused("InvalidParameterValue", "The filter 'nonsense' is invalid"):
        found(cluster, nonsense="x")


def test_tags_may_come_with_the_request(workload, vpcs):
    """API reference, CreateVpcPeeringConnection, TagSpecification."""
    specification = {"ResourceType": "vpc-peering-connection", "Tags": [{"Key": "a", "Value": ""}]}
    peering_id = request(workload, vpcs[1], vpcs[0], TagSpecifications=[specification])
    assert seen(workload, peering_id)["Tags"] == [{"Key": "a", "Value": ""}]
    with refused("InvalidParameterValue", "reserved for internal use"):
        workload.create_tags(Resources=[peering_id], Tags=[{"Key": "aws:mine", "Value": ""}])
