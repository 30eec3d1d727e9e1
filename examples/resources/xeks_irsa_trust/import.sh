# CLUSTER/ROLE, then, where they differ from the provider's, the key in workload_accounts and the region.
terraform import xeks_irsa_trust.app prac-eks-abhi/nodejs-app

# In chained mode with the role of the pods in front of the target.
terraform import xeks_irsa_trust.reports 'prac-eks-abhi/reports-pod>reports-writer'

# By issuer, for a resource with issuer_urls.
terraform import xeks_irsa_trust.backup https://oidc.eks.ap-south-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE/backup
