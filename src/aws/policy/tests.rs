use super::*;

fn doc(text: &str) -> Value {
    parse(text).unwrap()
}

fn same(a: &str, b: &str) {
    assert!(equivalent(&doc(a), &doc(b)), "{a}\n{b}");
    assert_eq!(canonical_text(&doc(a)), canonical_text(&doc(b)));
}

fn differ(a: &str, b: &str) {
    assert!(!equivalent(&doc(a), &doc(b)), "{a}\n{b}");
}

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"A","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::185863138492:root"},
    "Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"x"}}}]}"#;

#[test]
fn what_differs_only_in_form_is_equivalent() {
    same(TRUST, &TRUST.replace("\"sts:AssumeRole\"", "[\"sts:AssumeRole\"]"));
    same(TRUST, &TRUST.replace("\"x\"", "[\"x\"]"));
    same(TRUST, &TRUST.replace("arn:aws:iam::185863138492:root", "185863138492"));
    same(TRUST, &TRUST.replace("[{", "{").replace("}]", "}"));
    same(TRUST, &TRUST.replace("\"Effect\":\"Allow\",", "").replace("\"Action\"", "\"Effect\":\"Allow\",\"Action\""));
}

#[test]
fn order_and_repeats_within_lists_do_not_count() {
    let a = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":["b","a","a"]},{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;
    let b = r#"{"Statement":[{"Resource":"*","Effect":"Deny","Action":"*"},{"Effect":"Allow","Action":["s3:PutObject","s3:GetObject"],"Resource":["a","b"]}],"Version":"2012-10-17"}"#;
    same(a, b);
}

#[test]
fn scalars_in_conditions_are_strings() {
    let with = |value: &str| {
        format!(
            r#"{{"Statement":{{"Effect":"Allow","Action":"a:b","Resource":"*","Condition":{{"Bool":{{"aws:SecureTransport":{value}}}}}}}}}"#
        )
    };
    same(&with("true"), &with("\"true\""));
    same(&with("3600"), &with("[\"3600\"]"));
    differ(&with("true"), &with("false"));
}

#[test]
fn a_version_left_out_is_the_old_one() {
    let new = r#"{"Version":"2012-10-17","Statement":[]}"#;
    differ(new, r#"{"Statement":[]}"#);
    same(r#"{"Statement":[]}"#, r#"{"Version":"2008-10-17","Statement":[]}"#);
}

#[test]
fn what_aws_compares_without_case_is_equivalent_but_values_are_not() {
    let a = doc(TRUST);
    assert!(equivalent(&a, &doc(&TRUST.replace("sts:AssumeRole", "STS:assumerole").replace("sts:ExternalId", "STS:externalid"))));
    assert!(!equivalent(&a, &doc(&TRUST.replace("\"x\"", "\"X\""))));
    assert!(equivalent(&a, &doc(&TRUST.replace("arn:aws:iam", "arn:aws-cn:iam"))));
}

#[test]
fn what_differs_in_meaning_is_not_equivalent() {
    differ(TRUST, &TRUST.replace("Allow", "Deny"));
    differ(TRUST, &TRUST.replace("StringEquals", "StringLike"));
    differ(TRUST, &TRUST.replace("185863138492", "183295435445"));
    differ(TRUST, &TRUST.replace("\"Sid\":\"A\"", "\"Sid\":\"B\""));
    differ(TRUST, &TRUST.replace("AWS", "Federated"));
}

#[test]
fn everyone_is_everyone_however_written() {
    let with = |principal: &str| format!(r#"{{"Statement":{{"Effect":"Allow","Principal":{principal},"Action":"a:b"}}}}"#);
    same(&with("\"*\""), &with("{\"AWS\":[\"*\"]}"));
    differ(&with("\"*\""), &with("{\"Service\":\"*\"}"));
}

#[test]
fn url_encoded_documents_read_like_plain_ones() {
    let encoded = percent_encoding::utf8_percent_encode(TRUST, percent_encoding::NON_ALPHANUMERIC).to_string();
    same(TRUST, &encoded);
    assert!(parse("[]").is_err() && parse("{").unwrap_err().contains("not JSON"));
}

#[test]
fn broken_documents_are_refused_with_the_reason() {
    assert_eq!(is_document(TRUST), Ok(()));
    assert!(is_document("{}").unwrap_err().contains("Statement"));
    assert!(is_document(r#"{"Statement":[{"Effect":"allow"}]}"#).unwrap_err().contains("Statement 1"));
    assert!(is_document("{\"Statement\": [").unwrap_err().contains("not JSON"));
}

#[test]
fn size_leaves_out_whitespace_even_within_strings() {
    let document = json!({"a": "b c"});
    assert_eq!(size(&document), "{\"a\":\"bc\"}".len());
    assert_eq!(size(&doc(TRUST)), TRUST.chars().filter(|c| !c.is_whitespace()).count());
}

#[test]
fn upsert_and_remove_touch_their_own_statement_only() {
    // A foreign statement, in a form that xeks does not write.
    let strange = json!({"Sid": "", "Effect": "Allow", "Action": ["b:c", "a:b"], "Principal": {"AWS": ["185863138492"]}});
    let before = json!({"Id": "theirs", "Statement": strange});
    let ours =
        json!({"Sid": "Xeks", "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "arn:aws:iam::185863138492:root"}});
    let with = upsert(&before, &ours);
    assert_eq!(with["Statement"], json!([strange, ours]));
    assert_eq!(find(&with, "Xeks"), Some(&ours));
    assert_eq!(upsert(&with, &ours), with, "a second time changes nothing");
    let mut other = ours.clone();
    other["Action"] = json!("sts:TagSession");
    assert_eq!(upsert(&with, &other)["Statement"], json!([strange, other]));
    let without = remove(&with, "Xeks");
    assert_eq!(without["Statement"], json!([strange]));
    assert_eq!(without["Id"], "theirs");
    assert_eq!(remove(&without, "Xeks"), without);
}

#[test]
fn a_statement_that_means_the_same_stays_as_written() {
    let written = json!({"Sid": "Xeks", "Effect": "Allow", "Action": ["sts:AssumeRole"], "Principal": {"AWS": "185863138492"}});
    let ours =
        json!({"Sid": "Xeks", "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "arn:aws:iam::185863138492:root"}});
    let before = document([written]);
    assert_eq!(upsert(&before, &ours), before);
}

/// Documents made by a small generator: shapes that AWS may answer with, in every form of each.
struct Generator(u64);

impl Generator {
    fn next(&mut self, below: usize) -> usize {
        // xorshift64: the same documents on every run.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below as u64) as usize
    }

    fn list(&mut self, pool: &[Value]) -> Value {
        let count = 1 + self.next(3);
        Value::Array((0..count).map(|_| pool[self.next(pool.len())].clone()).collect())
    }

    fn statement(&mut self) -> Value {
        let actions = ["sts:AssumeRole", "eks:DescribeCluster", "s3:*"].map(Value::from);
        let accounts = ["185863138492", "arn:aws:iam::183295435445:role/a", "arn:aws:iam::185863138492:root"].map(Value::from);
        let values = [json!(true), json!("true"), json!(7), json!("x")];
        let effect = ["Allow", "Deny"][self.next(2)];
        let mut statement = json!({"Effect": effect, "Action": self.list(&actions)});
        match self.next(3) {
            0 => statement["Principal"] = json!({"AWS": self.list(&accounts)}),
            1 => statement["Principal"] = json!("*"),
            _ => statement["Resource"] = self.list(&accounts),
        }
        if self.next(2) == 0 {
            statement["Condition"] = json!({"StringEquals": {"aws:x": self.list(&values)}, "Null": {}});
        }
        statement
    }

    fn document(&mut self) -> Value {
        let count = self.next(4);
        document((0..count).map(|_| self.statement()))
    }

    /// The same document, written in another way.
    fn rewritten(&mut self, value: &Value) -> Value {
        match value {
            Value::Array(members) => {
                let mut members: Vec<Value> = members.iter().map(|m| self.rewritten(m)).collect();
                for i in (1..members.len()).rev() {
                    members.swap(i, self.next(i + 1));
                }
                if members.len() == 1 && self.next(2) == 0 { members.remove(0) } else { Value::Array(members) }
            }
            Value::Object(members) => Value::Object(members.iter().rev().map(|(k, v)| (k.clone(), self.rewritten(v))).collect()),
            other => other.clone(),
        }
    }
}

#[test]
fn rewriting_a_document_never_changes_its_canonical_form() {
    let mut generator = Generator(0x5eed);
    for _ in 0..2000 {
        let document = generator.document();
        let rewritten = generator.rewritten(&document);
        assert_eq!(canonical_text(&document), canonical_text(&rewritten), "{document}\n{rewritten}");
        assert!(equivalent(&document, &rewritten));
    }
}

#[test]
fn the_canonical_form_of_a_canonical_form_is_itself() {
    let mut generator = Generator(0xfeed);
    for _ in 0..2000 {
        let canonical = canonical(&generator.document());
        assert_eq!(super::canonical(&canonical).to_string(), canonical.to_string());
        assert_eq!(parse(&canonical.to_string()).unwrap(), canonical);
    }
}

#[test]
fn adding_a_statement_and_taking_it_out_again_gives_back_the_document() {
    let mut generator = Generator(0xabcd);
    for _ in 0..500 {
        let before = generator.document();
        let mut ours = generator.statement();
        ours["Sid"] = json!("Xeks");
        let with = upsert(&before, &ours);
        assert_eq!(find(&with, "Xeks"), Some(&ours));
        assert_eq!(remove(&with, "Xeks"), before);
    }
}

#[test]
fn a_document_of_others_is_shown_without_what_a_terminal_obeys() {
    let theirs =
        json!({"Statement": {"Effect": "Allow", "Resource": "a\n\u{1b}[2J", "Condition": {"StringLike": {"x\u{9b}": "\u{202e}"}}}});
    let decoded: Value = serde_json::from_str(&shown_text(&theirs)).unwrap();
    assert_eq!(decoded["Statement"][0]["Resource"], "a\n\\u001b[2J");
    assert_eq!(decoded["Statement"][0]["Condition"]["StringLike"][r"x\u009b"], r"\u202e");
    let plain = json!({"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "größe"}});
    assert_eq!(shown_text(&plain), canonical_text(&plain));
}

#[test]
fn arn_like_and_arn_equals_mean_the_same_unless_a_statement_has_both() {
    let with = |condition: Value| json!({"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Condition": condition}});
    let arn = json!({"aws:PrincipalArn": "arn:aws:iam::185863138492:role/team-*"});
    let (like, equals) = (with(json!({"ArnLike": arn})), with(json!({"ArnEquals": arn})));
    assert!(equivalent(&like, &equals));
    assert!(!equivalent(&like, &with(json!({"StringLike": arn}))));
    assert!(!equivalent(&like, &with(json!({"ArnLike": arn, "ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::185863138492:role/a"}}))));
}

#[test]
fn what_a_condition_compares_is_found_in_any_case() {
    let statement = json!({"Condition": {"arnlike": {"AWS:principalarn": ["a", "b"]}, "StringEquals": {"aws:PrincipalArn": "c"}}});
    assert_eq!(compared(&statement, &["ArnLike", "ArnEquals"], "aws:PrincipalArn"), ["a", "b"]);
    assert_eq!(compared(&statement, &["StringEquals"], "sts:ExternalId"), Vec::<String>::new());
}
