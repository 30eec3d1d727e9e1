"""The first story's own objects: the cluster prac-eks-abhi with its VPC, and the workload account's VPC."""


def seed() -> dict:
    return {}
