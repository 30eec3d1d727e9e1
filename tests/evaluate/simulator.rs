//! The other evaluation, in a process of its own. It knows no unknown: a case with unknown keys is asked once for every way in which
//! those keys may turn out.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use serde_json::{Map, Value as Json, json};
use xeks::evaluate::{Caller, Known};

use crate::cases::Case;
use crate::conditions::{is_list, values};

pub struct Simulator {
    folder: String,
}

impl Simulator {
    pub fn installed() -> Option<Self> {
        let Ok(folder) = std::env::var("XEKS_SIMULATOR") else {
            eprintln!(
                "!!! NOT COMPARED WITH ANOTHER EVALUATION OF IAM POLICIES: XEKS_SIMULATOR is not set (make unit sets it, where Node.js is)"
            );
            return None;
        };
        Some(Simulator { folder })
    }

    /// For each case the results over all completions of what is unknown.
    pub fn ask(&self, cases: &[Case]) -> Vec<Vec<String>> {
        let mut process = Command::new("node")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/evaluate/simulate.mjs"))
            .arg(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node starts");
        let (mut input, output) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        let lines: Vec<String> =
            cases.iter().enumerate().map(|(id, case)| json!({"id": id, "simulations": simulations(case)}).to_string()).collect();
        let writer = std::thread::spawn(move || lines.iter().try_for_each(|line| writeln!(input, "{line}")));
        let mut results = vec![Vec::new(); cases.len()];
        for line in output.lines() {
            let answer: Json = serde_json::from_str(&line.unwrap()).unwrap();
            let id = answer["id"].as_u64().unwrap() as usize;
            results[id] = answer["results"].as_array().unwrap().iter().map(|r| r.as_str().unwrap_or_default().to_owned()).collect();
        }
        writer.join().unwrap().unwrap();
        assert!(process.wait().unwrap().success());
        assert!(results.iter().all(|r| !r.is_empty()), "an answer is missing");
        results
    }
}

fn simulations(case: &Case) -> Vec<Json> {
    let mut found = Vec::new();
    for context in contexts(case) {
        for principal in principals(case) {
            let mut context = context.clone();
            if let Caller::Aws(caller) = &case.request.caller {
                context.insert("aws:PrincipalArn".into(), json!(caller.arn));
                context.insert("aws:PrincipalAccount".into(), json!(caller.account_id));
            }
            let account = match case.request.resource_account() {
                "" => principal.split(':').nth(4).unwrap_or_default(),
                account => account,
            };
            found.push(json!({
                "request": {
                    "principal": principal,
                    "action": case.request.action,
                    "resource": {"resource": case.request.resource, "accountId": account},
                    "contextVariables": context,
                },
                "policies": named(&case.policies),
                "trust": case.trust,
                "boundary": case.boundary.as_ref().map(|boundary| named(std::slice::from_ref(boundary))),
            }));
        }
    }
    found
}

fn named(documents: &[Json]) -> Vec<Json> {
    documents.iter().enumerate().map(|(index, document)| json!({"name": format!("p{index}"), "policy": document})).collect()
}

/// Every way in which the unknown keys may turn out: absent, or each value of their pools.
fn contexts(case: &Case) -> Vec<Map<String, Json>> {
    let mut all = vec![Map::new()];
    for (key, known) in &case.keys {
        let options: Vec<Option<Json>> = match known {
            Known::Absent => vec![None],
            Known::Values(values) if is_list(key) => vec![Some(json!(values))],
            Known::Values(values) => vec![Some(json!(values[0]))],
            Known::Unknown if is_list(key) => {
                let lists = values(key).iter().map(|value| Some(json!([value]))).chain([Some(json!(values(key))), None]);
                lists.collect()
            }
            Known::Unknown => values(key).iter().map(|value| Some(json!(value))).chain([None]).collect(),
        };
        all = all
            .iter()
            .flat_map(|context| {
                options.iter().map(move |option| {
                    let mut context = context.clone();
                    context.extend(option.iter().map(|value| (key.to_string(), value.clone())));
                    context
                })
            })
            .collect();
    }
    all
}

/// The caller as the simulator takes it: a role by its session, by two where its name is unknown.
fn principals(case: &Case) -> Vec<String> {
    match &case.request.caller {
        Caller::Aws(caller) => match caller.role_name() {
            Some(role) => {
                let session = |name: &str| format!("arn:aws:sts::{}:assumed-role/{role}/{name}", caller.account_id);
                match &caller.session_name {
                    Some(name) => vec![session(name)],
                    None => vec![session("i-1"), session("i-2"), session("i-9")],
                }
            }
            None => vec![caller.arn.clone()],
        },
        Caller::Federated(name) | Caller::Service(name) => vec![name.clone()],
    }
}
