//! Objects of EC2: the peering connection between the cluster's VPC and a workload's with all that routes traffic over it, and the rules
//! of the cluster security group that let that traffic in.

pub mod peering;
pub mod security_group_rule;
