//! The permission that a refused call lacked, read from AWS's message.

/// What AWS says about a missing permission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingPermission {
    /// The caller, where the message names it.
    pub principal: Option<String>,
    /// Such as `iam:PutRolePolicy`.
    pub action: String,
    pub resource: Option<String>,
    /// AWS's own reason: `no identity-based policy allows …`, or an explicit deny.
    pub reason: Option<String>,
}

impl MissingPermission {
    /// Reads `User: ARN is not authorized to perform: ACTION on resource: RESOURCE because/with REASON`.
    pub(super) fn parse(message: &str) -> Option<Self> {
        let (before, after) = message.split_once("not authorized to perform: ")?;
        let principal = before.split_once("User: ").and_then(|(_, rest)| rest.split_whitespace().next());
        let end = after.find(|c: char| c.is_whitespace()).unwrap_or(after.len());
        let action = after[..end].trim_end_matches([',', '.']);
        let rest = &after[end..];
        let resource = rest.split_once("on resource: ").map(|(_, rest)| {
            let end = [" because ", " with an explicit "].iter().filter_map(|mark| rest.find(mark)).min().unwrap_or(rest.len());
            rest[..end].trim().trim_end_matches('.').to_owned()
        });
        let because = rest.split_once("because ").map(|(_, reason)| reason);
        let explicit = rest.find("with an explicit deny").map(|at| &rest[at + "with ".len()..]);
        Some(MissingPermission {
            principal: principal.map(str::to_owned),
            action: action.to_owned(),
            resource,
            reason: because.or(explicit).map(|r| r.trim().trim_end_matches('.').to_owned()),
        })
    }

    pub(super) fn advice(&self, account: &str) -> String {
        let who = self.principal.as_deref().unwrap_or("the caller");
        let on = self.resource.as_ref().map_or_else(String::new, |r| format!(" on {r}"));
        if self.reason.as_deref().is_some_and(|r| r.contains("explicit deny")) {
            return format!("A policy explicitly denies {} to {who}{on} in {account}. Have that Deny statement changed.", self.action);
        }
        format!("Grant {}{on} to {who} in {account}.", self.action)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Error;

    const LABEL: &str = "185863138492 (workload)";

    #[test]
    fn a_denied_call_names_the_missing_permission() {
        let message = "User: arn:aws:sts::185863138492:assumed-role/runner/x is not authorized to perform: iam:PutRolePolicy on \
                       resource: role app because no identity-based policy allows the iam:PutRolePolicy action";
        let error = Error::from_code("iam:PutRolePolicy", LABEL, "AccessDenied", message, None);
        let missing = error.missing_permission().unwrap();
        assert_eq!((missing.action.as_str(), missing.resource.as_deref()), ("iam:PutRolePolicy", Some("role app")));
        assert_eq!(
            error.advice().unwrap(),
            "Grant iam:PutRolePolicy on role app to arn:aws:sts::185863138492:assumed-role/runner/x in 185863138492 (workload)."
        );
    }

    #[test]
    fn an_explicit_deny_is_told_apart_from_a_missing_allow() {
        let message = "User: arn:aws:iam::1:user/a is not authorized to perform: sts:AssumeRole on resource: \
                       arn:aws:iam::2:role/r with an explicit deny in a service control policy";
        let error = Error::from_code("sts:AssumeRole", LABEL, "AccessDenied", message, None);
        assert_eq!(error.missing_permission().unwrap().resource.as_deref(), Some("arn:aws:iam::2:role/r"));
        assert!(error.advice().unwrap().contains("explicitly denies"));
        let bare = Error::from_code("eks:ListClusters", LABEL, "AccessDeniedException", "no", None);
        assert_eq!(bare.advice().unwrap(), "Grant eks:ListClusters to the caller in 185863138492 (workload).");
    }
}
