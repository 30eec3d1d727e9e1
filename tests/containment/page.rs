//! The generated part of the page: for each policy, what it allows on each object, and what denies the rest.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::attacks::Attack;
use crate::policies::{CLUSTER, Rendered, WORKLOAD};
use crate::{End, end};

const BEGIN: &str = "<!-- Written by `XEKS_WRITE=1 cargo test --test containment`; the test fails where this part is out of date. -->\n";

/// The page as it is, and with the list of now.
pub fn written_and_wanted(page: &str, policies: &[Rendered], attacks: &[Attack]) -> (String, String) {
    let written = std::fs::read_to_string(page).unwrap();
    let (by_hand, _) = written.split_once(BEGIN).expect("the page has the marker of its generated part");
    let wanted = format!("{by_hand}{BEGIN}{}", render(policies, attacks));
    (written, wanted)
}

fn render(policies: &[Rendered], attacks: &[Attack]) -> String {
    let mut text = String::new();
    for rendered in policies {
        let given = rendered.given.as_object().into_iter().flatten();
        let hcl: String = given.map(|(name, value)| format!("{name} = {}\n", hcl(value))).collect();
        text.push_str(&format!("\n### {}\n\n```terraform\n{hcl}```\n", rendered.title));
        for (side, account) in [("cluster", CLUSTER), ("workload", WORKLOAD)] {
            if let Some(policy) = rendered.policy(account) {
                text.push_str(&of_account(side, policy, attacks.iter().filter(|attack| attack.account == account)));
            }
        }
    }
    text
}

fn of_account<'a>(side: &str, policy: &Json, attacks: impl Iterator<Item = &'a Attack>) -> String {
    let mut objects: Vec<(&str, BTreeMap<End, Vec<&str>>)> = Vec::new();
    for attack in attacks {
        let at = objects.iter().position(|(object, _)| *object == attack.object).unwrap_or_else(|| {
            objects.push((&attack.object, BTreeMap::new()));
            objects.len() - 1
        });
        objects[at].1.entry(end(policy, attack)).or_default().push(&attack.does);
    }
    for (_, ends) in &mut objects {
        ends.remove(&End::NotGranted);
    }
    objects.retain(|(_, ends)| !ends.is_empty());
    let (beyond, within): (Vec<_>, Vec<_>) = objects.into_iter().partition(|(_, ends)| ends.keys().eq([&End::Arn]));
    let mut text = format!("\nIn the {side} account:\n");
    if !within.is_empty() {
        text.push_str("\n| Object | Allowed | Denied |\n|---|---|---|\n");
    }
    for (object, ends) in &within {
        let allowed = ends.get(&End::Allowed).map_or("nothing".to_owned(), |allowed| allowed.join("; "));
        let denied: Vec<String> = ends.iter().filter_map(|(end, does)| Some(format!("{}: {}", reason(end)?, does.join("; ")))).collect();
        text.push_str(&format!("| {object} | {allowed} | {} |\n", denied.join("<br>")));
    }
    match beyond.as_slice() {
        [] if within.is_empty() => text.push_str("\nNothing on any of these objects.\n"),
        [] => {}
        objects => {
            let names: Vec<&str> = objects.iter().map(|(object, _)| *object).collect();
            text.push_str(&format!("\nNothing, by their ARNs, on: {}.\n", names.join("; ")));
        }
    }
    text
}

/// What denies; `None` where nothing does.
fn reason(end: &End) -> Option<String> {
    match end {
        End::Condition(key) => Some(format!("by `{key}`")),
        End::Arn => Some("by its ARN".to_owned()),
        End::Allowed | End::NotGranted => None,
    }
}

fn hcl(value: &Json) -> String {
    match value {
        Json::Array(members) => format!("[{}]", members.iter().map(hcl).collect::<Vec<_>>().join(", ")),
        Json::Object(members) => {
            let members: Vec<String> = members.iter().map(|(name, value)| format!("{name} = {}", hcl(value))).collect();
            format!("{{ {} }}", members.join(", "))
        }
        scalar => scalar.to_string(),
    }
}
