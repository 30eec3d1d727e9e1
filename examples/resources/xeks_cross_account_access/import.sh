# CLUSTER/ACCESS_ROLE/WORKLOAD_ROLE, then, where they differ from the provider's, the key in workload_accounts and the region.
terraform import xeks_cross_account_access.ec2 prac-eks-abhi/EKS-CrossAccount-Access-Role/EC2-EKS-CrossAccount-Role

# In direct mode there is no access role: the middle stays empty.
terraform import xeks_cross_account_access.deployer prac-eks-abhi//payments-deployer
