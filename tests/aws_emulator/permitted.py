"""A user of the workload account who may do only what a test says."""

import json

from aws_emulator.client import Credentials


def allow(action, resource="*", **condition):
    return {"Action": action, "Resource": resource} | ({"Condition": condition} if condition else {})


def limited_to(aws, service):
    """Returns a function that takes statements, and returns a client for a user who may do what they say."""
    iam = aws.client("workload", "iam")
    iam.create_user(UserName="limited")
    key = iam.create_access_key(UserName="limited")["AccessKey"]

    def client(*statements):
        allowed = [{"Effect": "Allow"} | statement for statement in statements]
        document = json.dumps({"Version": "2012-10-17", "Statement": allowed})
        iam.put_user_policy(UserName="limited", PolicyName="own", PolicyDocument=document)
        return aws.client("workload", service, Credentials(key["AccessKeyId"], key["SecretAccessKey"]))

    return client
