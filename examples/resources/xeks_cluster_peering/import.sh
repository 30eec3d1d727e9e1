# CLUSTER/pcx-…[/ACCOUNT_KEY[/REGION]]
# ACCOUNT_KEY is a key of the provider's workload_accounts, REGION the cluster's where it is not the provider's own.
terraform import xeks_cluster_peering.team prac-eks-abhi/pcx-0123456789abcdef0
