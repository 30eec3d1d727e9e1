"""What the demo breaks outside Terraform: one hop at a time, as a person in the console would.

Each function returns a sentence about the change. Knows the emulated AWS and the stories' names, not the provider.
"""

import json

from aws_emulator.client import Aws
from stories import workload

CLUSTER = "prac-eks-abhi"
ACCESS_ROLE = "EKS-CrossAccount-Access-Role"
ACCESS_ROLE_ARN = f"arn:aws:iam::183295435445:role/{ACCESS_ROLE}"


def route(aws: Aws) -> str:
    ec2 = aws.client("workload", "ec2")
    of_subnet = {"Filters": [{"Name": "association.subnet-id", "Values": [workload(aws)["subnet_id"]]}]}
    (table,) = ec2.describe_route_tables(**of_subnet)["RouteTables"]
    (cidr,) = (one["DestinationCidrBlock"] for one in table["Routes"] if one.get("VpcPeeringConnectionId"))
    ec2.delete_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock=cidr)
    return f"A user deletes the route to {cidr} from {table['RouteTableId']}, in the workload account"


def external_id(aws: Aws) -> str:
    iam = aws.client("cluster", "iam")
    trust = iam.get_role(RoleName=ACCESS_ROLE)["Role"]["AssumeRolePolicyDocument"]
    trust["Statement"][0]["Condition"] = {"StringEquals": {"sts:ExternalId": "something-else"}}
    iam.update_assume_role_policy(RoleName=ACCESS_ROLE, PolicyDocument=json.dumps(trust))
    return f"A user adds an external ID to the trust policy of {ACCESS_ROLE}"


def access_entry(aws: Aws) -> str:
    aws.client("cluster", "eks").delete_access_entry(clusterName=CLUSTER, principalArn=ACCESS_ROLE_ARN)
    return f"A user deletes the access entry of {ACCESS_ROLE}"


def audience(aws: Aws) -> str:
    iam = aws.client("workload", "iam")
    (provider,) = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
    iam.remove_client_id_from_open_id_connect_provider(
        OpenIDConnectProviderArn=provider["Arn"], ClientID="sts.amazonaws.com"
    )
    return "A user removes the audience sts.amazonaws.com from the OIDC provider, in the workload account"
