"""The emulator with a few calls that it answers wrongly: python wrong_server.py READY_FILE.

iam:GetGroup answers as its GroupName says, ec2:DescribeRegions and eks:ListFargateProfiles with what their models lack.
"""

import sys
from pathlib import Path

from aws_emulator import server

GROUP = {
    "GroupName": "a",
    "Path": "/",
    "GroupId": "AGPA1234567890ABCDEF",
    "Arn": "arn:aws:iam::185863138492:group/a",
    "CreateDate": "2025-01-01T00:00:00Z",
}


def answer_wrongly() -> None:
    from aws_emulator.extension import wire
    from aws_emulator.extension.call import AwsError, handles

    errors = {
        "code": AwsError("NoSuchGroup", "there is none"),
        "status": AwsError("NoSuchEntity", "there is none", 400),
        "silent": AwsError("NoSuchEntity", ""),
        "crash": KeyError("a fault of the emulator"),
    }
    changes = {
        "member": ("</Group>", "<Nickname>a</Nickname></Group>"),
        "type": ("<IsTruncated>false</IsTruncated>", "<IsTruncated>perhaps</IsTruncated>"),
        "date": ("2025-01-01T00:00:00Z", "yesterday"),
        "pattern": ("AGPA1234567890ABCDEF", "no id at all, is it"),
        "missing": ("<Arn>arn:aws:iam::185863138492:group/a</Arn>", ""),
        "operation": ("GetGroupResponse", "GetGroupsResponse"),
        "broken": ("</Group>", ""),
        "right": ("", ""),
    }

    @handles("iam", "GetGroup")
    def get_group(call):
        name = call.params["GroupName"]
        if name in errors:
            raise errors[name]
        result = {"Group": GROUP, "Users": [], "IsTruncated": False}
        status, headers, body = wire.encode_result("iam", "GetGroup", result, call.request_id)
        return status, headers, body.decode().replace(*changes[name]).encode()

    @handles("ec2", "DescribeInternetGateways")
    def describe_gateways(call):
        attachment = {"State": "tied", "VpcId": "vpc-1"}
        return {"InternetGateways": [{"InternetGatewayId": "igw-1", "Attachments": [attachment]}]}

    @handles("eks", "ListFargateProfiles")
    def list_profiles(_):
        return 200, {"Content-Type": "application/json"}, b'{"fargateProfileNames": "none", "next": null}'


begin = server._environment


def environment(port: int) -> None:
    """ministack, which the handlers import, reads its settings when it is imported."""
    begin(port)
    answer_wrongly()


server._environment = environment
server.serve(Path(sys.argv[1]), 0, story=False, outlive_parent=False)
