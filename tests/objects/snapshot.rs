//! All that both accounts hold at one time, compared with what they hold at another.

use serde_json::Value as Json;
use xeks::aws::ec2::Select;
use xeks::aws::{Pair, Side};
use xeks::engine::Ledger;

use crate::emulator::{Aws, REGION};

/// What changes with every write, and what AWS names differently for each new object.
const MOVED: [&str; 7] = ["modifiedAt", "associatedAt", "createdAt", "CreateDate", "InstanceProfileId", "ExpirationTime", "_made"];

#[derive(Clone)]
pub struct Snapshot {
    dump: Json,
    /// Of the resource that the snapshot is about: the ids and ARNs of its objects.
    ledger: Ledger,
}

impl Snapshot {
    pub async fn of(aws: &Aws, root: &Pair, ledger: Ledger) -> Self {
        // The emulator gives rules of security groups their ids when they are first described.
        for account in [root.side(Side::Cluster), root.side(Side::Workload)] {
            account.ec2(Some(REGION)).describe_security_group_rules(&Select::default()).await.unwrap();
        }
        Snapshot { dump: aws.left(), ledger }
    }

    /// The places where the accounts hold something else than before. An object of the resource that was created again is no difference.
    pub fn differences_from(&self, before: &Snapshot) -> Vec<String> {
        let renamed = renamed(&before.ledger, &self.ledger);
        let mut found = Vec::new();
        differ("", &comparable(&before.dump, &[]), &comparable(&self.dump, &renamed), &mut found);
        found
    }
}

/// What AWS calls the objects that were created again: (now, before).
fn renamed(before: &Ledger, now: &Ledger) -> Vec<(String, String)> {
    let both = now.0.iter().filter_map(|(key, entry)| Some((entry, before.get(key)?)));
    let names = both.flat_map(|(now, before)| [(now.id.as_deref(), before.id.as_deref()), (now.arn.as_deref(), before.arn.as_deref())]);
    let names = names.chain([(now.instance(), before.instance())]);
    names.filter_map(|(now, before)| Some((now?.to_owned(), before?.to_owned()))).filter(|(now, before)| now != before).collect()
}

/// A dump under the names from before, without what every change moves, and in an order of its own.
fn comparable(dump: &Json, renamed: &[(String, String)]) -> Json {
    let text = renamed.iter().fold(dump.to_string(), |text, (now, before)| text.replace(now, before));
    let mut dump = serde_json::from_str(&text).expect("JSON");
    strip(&mut dump);
    dump
}

fn strip(value: &mut Json) {
    match value {
        Json::Object(members) => {
            members.retain(|name, _| !MOVED.contains(&name.as_str()));
            members.values_mut().for_each(strip);
        }
        Json::Array(members) => {
            members.iter_mut().for_each(strip);
            members.sort_by_key(Json::to_string);
        }
        // A document: its format is no difference.
        Json::String(text) if text.starts_with('{') => {
            if let Ok(document) = serde_json::from_str(text) {
                *value = document;
                strip(value);
            }
        }
        _ => {}
    }
}

fn differ(path: &str, before: &Json, now: &Json, found: &mut Vec<String>) {
    match (before, now) {
        (Json::Object(old), Json::Object(new)) => {
            let gone = old.keys().filter(|name| !new.contains_key(*name));
            new.keys().chain(gone).for_each(|name| differ(&format!("{path}/{name}"), &before[name], &now[name], found));
        }
        _ if before != now => found.push(format!("{path}: {before} is now {now}")),
        _ => {}
    }
}
