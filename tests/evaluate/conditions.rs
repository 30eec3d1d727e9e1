//! Generated conditions: operators, keys and wanted values, and what requests may hold under those keys.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use xeks::evaluate::{Known, Request};

use crate::cases::{CLUSTER, ISSUER, Kind, OTHER_ISSUER, WORKLOAD};
use crate::dice::Dice;

/// Keys whose type in the Service Authorization Reference is a list.
pub fn is_list(name: &str) -> bool {
    ["aws:tagkeys", "aws:principalorgpaths", "sts:transitivetagkeys"].contains(&name.to_ascii_lowercase().as_str())
}

/// What a request may hold under a key: for each value that a policy wants, one that matches it, taken as a pattern and literally, and
/// one that matches none.
pub fn values(name: &str) -> &'static [&'static str] {
    match name.to_ascii_lowercase().as_str() {
        "sts:externalid" => &["xeks", "Xeks", "other", "x*", "xek?", "unheard"],
        "aws:principalorgid" => &["o-abc123", "o-other9", "o-unheard"],
        "aws:sourceip" => &["10.1.2.3", "203.0.113.7", "198.51.100.1"],
        "aws:multifactorauthpresent" | "aws:securetransport" => &["true", "false"],
        "aws:multifactorauthage" => &["60", "3600", "7200"],
        "aws:currenttime" => &["2026-03-01T00:00:00Z", "2026-06-30T00:00:00Z", "2026-09-01T00:00:00Z"],
        "aws:sourceaccount" => &[WORKLOAD, CLUSTER, "210987654321"],
        "aws:sourcearn" => &["arn:aws:lambda:ap-south-1:185863138492:function:f", "arn:aws:sns:ap-south-1:183295435445:t"],
        "aws:principaltag/team" | "aws:requesttag/team" => &["red", "blue", "r*", "r", "c", "a", ".", "unheard"],
        "aws:tagkeys" => &["team", "owner", "t*", "unheard"],
        "aws:principalorgpaths" => &["o-abc123/r-1/ou-1/", "o-abc123/r-1/ou-2/", "o-abc123/*", "o-unheard/r-9/"],
        "sts:rolesessionname" => &["ci-1", "ann", "ci-*", "unheard"],
        "s3:prefix" => &["home/", "logs/2026", "logs/*", "unheard"],
        _ => &[],
    }
}

/// Which keys the conditions of a case ask for.
pub struct Asked {
    pub keys: BTreeMap<String, Known>,
    pub kind: Kind,
}

/// One or two conditions, or none.
pub fn conditions(statement: &mut Json, request: &Request, dice: &mut Dice, asked: &mut Asked, deny: bool) {
    let count = if deny { [1, 1, 2][dice.below(3)] } else { [0, 0, 1, 1, 2][dice.below(5)] };
    for _ in 0..count {
        let (operator, key, wanted) = condition(request, dice, asked.kind);
        asked.note(&key);
        statement["Condition"][operator][key] = wanted;
    }
    asked.note_variables(statement);
}

impl Asked {
    fn note(&mut self, key: &str) {
        self.keys.entry(key.to_owned()).or_insert(Known::Unknown);
    }

    pub fn note_variables(&mut self, statement: &Json) {
        for key in ["aws:PrincipalTag/team", "aws:PrincipalAccount"] {
            if statement.to_string().contains(&format!("${{{key}}}")) {
                self.note(key);
            }
        }
    }
}

/// Operator, key and wanted value.
fn condition(request: &Request, dice: &mut Dice, kind: Kind) -> (&'static str, String, Json) {
    let of = |operator: &'static str, key: &str, wanted: Json| (operator, key.to_owned(), wanted);
    if kind == Kind::WebIdentity && dice.percent(75) {
        return claim(dice);
    }
    let string = *dice.pick(&[
        "StringEquals",
        "StringNotEquals",
        "StringLike",
        "StringNotLike",
        "StringEqualsIgnoreCase",
        "StringNotEqualsIgnoreCase",
        "StringEqualsIfExists",
        "StringNotEqualsIfExists",
        "StringLikeIfExists",
        "Null",
    ]);
    let or_null = |wanted: Json, dice: &mut Dice| if string == "Null" { json!(*dice.pick(&["true", "false"])) } else { wanted };
    match dice.below(15) {
        0 | 1 => {
            let wanted = dice.pick(&[json!("xeks"), json!(["other", "xeks"]), json!("x*"), json!("xek?")]).clone();
            of(string, "sts:ExternalId", or_null(wanted, dice))
        }
        2 | 3 => {
            let operator = *dice.pick(&["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike", "ArnEqualsIfExists", "StringLike"]);
            let wanted = dice.pick(&["arn:aws:iam::185863138492:role/app", "arn:aws:iam::*:role/*", "arn:aws:iam::185863138492:user/*"]);
            of(operator, "aws:PrincipalArn", json!(wanted))
        }
        4 => of(string, "aws:PrincipalOrgID", or_null(json!("o-abc123"), dice)),
        5 => of(string, "aws:PrincipalAccount", or_null(json!(dice.pick(&[json!(WORKLOAD), json!([CLUSTER, WORKLOAD])])), dice)),
        6 if dice.percent(30) => of(string, "aws:RequestTag/team", or_null(json!("${aws:PrincipalTag/team}"), dice)),
        6 => of(string, "aws:PrincipalTag/team", or_null(json!(dice.pick(&["red", "r*"])), dice)),
        7 => {
            let operator = *dice.pick(&["IpAddress", "NotIpAddress", "IpAddressIfExists"]);
            of(operator, "aws:SourceIp", json!(dice.pick(&[json!("10.0.0.0/8"), json!(["203.0.113.0/24", "10.1.2.3"])])))
        }
        8 => of(dice.pick::<&str>(&["Bool", "BoolIfExists", "Null"]), "aws:MultiFactorAuthPresent", json!(dice.pick(&["true", "false"]))),
        9 => {
            let operator =
                *dice.pick(&["NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericNotEquals", "NumericEquals"]);
            of(operator, "aws:MultiFactorAuthAge", json!("3600"))
        }
        10 => {
            let operator = *dice.pick(&["DateLessThan", "DateGreaterThan", "DateGreaterThanEquals", "DateNotEquals"]);
            of(operator, "aws:CurrentTime", json!("2026-06-30T00:00:00Z"))
        }
        11 => {
            let operator = *dice.pick(&[
                "ForAllValues:StringEquals",
                "ForAnyValue:StringEquals",
                "ForAllValues:StringNotEquals",
                "ForAnyValue:StringLike",
            ]);
            of(operator, "aws:TagKeys", json!(dice.pick(&[json!("team"), json!(["team", "owner"]), json!("t*")])))
        }
        12 => {
            let operator = *dice.pick(&["ForAnyValue:StringLike", "ForAnyValue:StringEquals", "ForAllValues:StringLike"]);
            of(operator, "aws:PrincipalOrgPaths", json!(dice.pick(&["o-abc123/*", "o-abc123/r-1/ou-1/"])))
        }
        13 if kind == Kind::AssumeRole => of(string, "sts:RoleSessionName", or_null(json!(dice.pick(&["ci-*", "ann"])), dice)),
        13 if request.action == "s3:ListBucket" => of(string, "s3:prefix", or_null(json!(dice.pick(&["home/", "logs/*"])), dice)),
        _ => {
            let operator = *dice.pick(&["ArnLike", "ArnNotLike", "ArnLikeIfExists", "Null"]);
            let wanted = if operator == "Null" { "true" } else { "arn:aws:lambda:*:185863138492:function:*" };
            of(operator, "aws:SourceArn", json!(wanted))
        }
    }
}

/// Conditions on a token's claims, right and wrong.
fn claim(dice: &mut Dice) -> (&'static str, String, Json) {
    const SUBJECT: &str = "system:serviceaccount:nodejs:nodejs-sa";
    let issuer = match dice.below(10) {
        0 => OTHER_ISSUER.to_owned(),
        1 => format!("https://{ISSUER}"),
        2 => format!("arn:aws:iam::{WORKLOAD}:oidc-provider/{ISSUER}"),
        3 => ISSUER.to_ascii_lowercase(),
        _ => ISSUER.to_owned(),
    };
    let operator =
        *dice.pick(&["StringEquals", "StringEquals", "StringLike", "StringNotEquals", "StringEqualsIfExists", "ForAnyValue:StringEquals"]);
    if dice.percent(40) {
        let wanted = dice.pick(&[json!("sts.amazonaws.com"), json!(["sts.amazonaws.com", "vault"]), json!("vault")]).clone();
        return (operator, format!("{issuer}:aud"), wanted);
    }
    let wanted = dice
        .pick(&[
            json!(SUBJECT),
            json!(SUBJECT),
            json!("system:serviceaccount:nodejs:*"),
            json!("system:serviceaccount:*:nodejs-s?"),
            json!("system:serviceaccount:other:nodejs-sa"),
            json!([SUBJECT, "system:serviceaccount:b:c"]),
        ])
        .clone();
    (operator, format!("{issuer}:sub"), wanted)
}
