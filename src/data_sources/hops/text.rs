//! The chain for a terminal: one mark and line per hop, its reason below, and what to do where it does not let through.
//!
//! All lines but the verdict are indented: Terraform wraps those of a diagnostic that are not. The hops of a network that lets through
//! are one line.

use super::{Chain, Hop, Status};

/// Columns of a hop's head before its object: mark, name, account.
const ACCOUNT: usize = "123456789012".len();
const INDENT: &str = "      ";
/// The hops of a network, by which `ok` says all.
const NETWORK: [&str; 6] = ["egress", "network_acl", "route", "peering", "security_group", "endpoint"];

pub(super) fn render(chain: &Chain) -> String {
    let width = chain.0.iter().map(|hop| hop.name.len()).max().unwrap_or(0);
    let is_network = |hop: &&Hop| NETWORK.contains(&hop.name);
    let names: Vec<&str> = chain.0.iter().filter(is_network).map(|hop| hop.name).collect();
    let lets_through = chain.0.iter().filter(is_network).all(|hop| hop.status == Status::Ok);
    let mut lines = Vec::new();
    for hop in &chain.0 {
        if !lets_through || !is_network(&hop) {
            lines.extend(lines_of(hop, width));
        } else if names.first() == Some(&hop.name) {
            lines.push(format!("  {} {:width$}  {:ACCOUNT$}  {}", mark(Status::Ok), "network", "-", names.join(", ")));
        }
    }
    lines.push(verdict(chain));
    lines.push(String::new());
    lines.join("\n")
}

fn lines_of(hop: &Hop, width: usize) -> Vec<String> {
    let account = hop.account_id.as_deref().map_or_else(|| "-".to_owned(), one_line);
    let head = format!("  {} {:width$}  {account:ACCOUNT$}  {}", mark(hop.status), hop.name, one_line(&hop.object));
    let mut lines = vec![head.trim_end().to_owned()];
    lines.extend(hop.reason.lines().map(|line| format!("{INDENT}{line}")));
    if let Some(fix) = &hop.fix {
        let mut fix = fix.lines();
        lines.extend(fix.next().map(|line| format!("{INDENT}→ {line}")));
        lines.extend(fix.map(|line| format!("{INDENT}  {line}")));
    }
    lines
}

fn mark(status: Status) -> char {
    match status {
        Status::Ok => '✔',
        Status::Broken => '✖',
        Status::External => '○',
        Status::Unknown => '?',
    }
}

fn verdict(chain: &Chain) -> String {
    let names = |status| {
        let names: Vec<&str> = chain.0.iter().filter(|hop| hop.status == status).map(|hop| hop.name).collect();
        names.join(", ")
    };
    let (broken, unknown, external) = (names(Status::Broken), names(Status::Unknown), names(Status::External));
    let mut text = match (broken.as_str(), unknown.as_str()) {
        ("", "") => "Allowed.".to_owned(),
        ("", unknown) => format!("Not confirmed. Unknown: {unknown}."),
        (broken, "") => format!("Not allowed. Broken: {broken}."),
        (broken, unknown) => format!("Not allowed. Broken: {broken}. Unknown: {unknown}."),
    };
    if !external.is_empty() {
        text.push_str(&format!(" External: {external}."));
    }
    text
}

fn one_line(text: &str) -> String {
    text.lines().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::tests::chain;
    use super::*;

    #[test]
    fn hops_read_one_below_the_other_with_their_columns_aligned() {
        assert_eq!(
            render(&chain()),
            "  ✔ identity       185863138492  arn:aws:iam::185863138492:role/app
      The role exists.
  ○ access_policy  -             groups
      Kubernetes decides what groups may do.
  ✖ access_entry   183295435445  prac-eks
      No entry.
      None at all.
      → Create one.
  ? route          -             subnet-1
      Not decided.
Not allowed. Broken: access_entry. Unknown: route. External: access_policy.
"
        );
    }

    #[test]
    fn a_network_that_lets_through_is_one_line() {
        let ok = |name| Hop::ok(name, "an object", "Long reasons.").in_account("183295435445");
        let mut chain = Chain(vec![ok("identity"), ok("egress"), ok("route"), ok("endpoint"), ok("api_server")]);
        let shown = render(&chain);
        assert!(shown.contains("\n  ✔ network     -             egress, route, endpoint\n  ✔ api_server"), "{shown}");
        chain.0[2].status = Status::Broken;
        assert_eq!(render(&chain).matches("an object").count(), 5);
    }

    #[test]
    fn the_verdict_tells_what_is_not_allowed_from_what_is_not_known() {
        let of = |hops: Vec<Hop>| verdict(&Chain(hops));
        assert_eq!(of(vec![Hop::ok("identity", "a", "b")]), "Allowed.");
        assert_eq!(of(vec![Hop::unknown("route", "a", "b")]), "Not confirmed. Unknown: route.");
        assert_eq!(of(vec![Hop::external("route", "a", "b")]), "Allowed. External: route.");
        assert_eq!(of(vec![Hop::broken("route", "a", "b", "c")]), "Not allowed. Broken: route.");
    }
}
