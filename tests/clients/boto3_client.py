"""What a pod with boto3 does: says who it is, uploads standard input through a presigned URL, and downloads it to
standard output.

Arguments: bucket and key. Settings and credentials come from the environment alone, as in a pod.
"""

import sys
import urllib.request

import boto3


def main() -> None:
    bucket, key = sys.argv[1:]
    print(boto3.client("sts").get_caller_identity()["Arn"], file=sys.stderr)
    s3 = boto3.client("s3")
    upload = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=300)
    urllib.request.urlopen(urllib.request.Request(upload, sys.stdin.buffer.read(), method="PUT"), timeout=10)
    download = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=300)
    with urllib.request.urlopen(download, timeout=10) as answer:
        sys.stdout.buffer.write(answer.read())


if __name__ == "__main__":
    main()
