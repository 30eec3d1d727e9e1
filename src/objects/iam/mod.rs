//! Objects of IAM. All are global: an entry has no region.
//!
//! From bottom to top: `federation` reads trust policies, `all_roles` what many resources ask for; `role`, `instance_profile` and `oidc_provider`; then what is attached to a role or
//! a profile.

mod all_roles;
mod federation;
pub mod inline_policy;
pub mod instance_profile;
pub mod instance_profile_role;
pub mod oidc_provider;
pub mod permission_set;
pub mod policy_attachment;
pub mod quotas;
pub mod role;
