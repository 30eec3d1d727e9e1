//! Patterns: `*`, `?` and policy variables, as actions, resources and condition values hold them.
//!
//! IAM user guide, "Variables and tags" (`${key}`, `${key, 'default'}`, `${*}`, `${?}`, `${$}`; only in documents of version
//! 2012-10-17; a key without a value is null, and nothing is equal to or like that) and "AWS JSON policy elements: Resource". What a
//! variable stands for is taken literally, wildcards in it included.

use super::request::{Context, Known};
use super::tri::Tri;

/// A pattern, ready to be matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    tokens: Vec<Token>,
    /// Keys of variables whose value is not known. In `tokens` each is `*`: what does not match with that does not match at all.
    unknown: Vec<String>,
    /// Whether a variable's key is not in the request: it is null then, and nothing is equal to or like it.
    null: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Char(char),
    One,
    Many,
}

impl Pattern {
    /// A pattern with wildcards. `context` is given where variables are to be replaced.
    pub fn wild(text: &str, context: Option<&Context>) -> Self {
        Self::build(text, context, true)
    }

    /// A text in which `*` and `?` are plain characters.
    pub fn plain(text: &str, context: Option<&Context>) -> Self {
        Self::build(text, context, false)
    }

    fn build(text: &str, context: Option<&Context>, wildcards: bool) -> Self {
        let mut pattern = Pattern { tokens: Vec::new(), unknown: Vec::new(), null: false };
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            if let (Some(context), Some((inside, after))) = (context, variable(rest)) {
                pattern.replace(inside, context);
                rest = after;
                continue;
            }
            pattern.tokens.push(match next {
                '*' if wildcards => Token::Many,
                '?' if wildcards => Token::One,
                plain => Token::Char(plain),
            });
            rest = &rest[next.len_utf8()..];
        }
        pattern
    }

    fn replace(&mut self, inside: &str, context: &Context) {
        let (key, default) = match inside.split_once(',') {
            Some((key, default)) => (key.trim(), default.trim().strip_prefix('\'').and_then(|d| d.strip_suffix('\''))),
            None => (inside.trim(), None),
        };
        let text = match (context.get(key), default) {
            _ if matches!(inside, "*" | "?" | "$") => inside.to_owned(),
            (Known::Values(mut values), _) if values.len() == 1 => values.remove(0),
            // Only keys of one value can be variables.
            (Known::Values(_) | Known::Unknown, _) => {
                self.unknown.push(key.to_owned());
                self.tokens.push(Token::Many);
                return;
            }
            (Known::Absent, Some(default)) => default.to_owned(),
            (Known::Absent, None) => {
                self.null = true;
                return;
            }
        };
        self.tokens.extend(text.chars().map(Token::Char));
    }

    pub fn matches(&self, text: &str) -> Tri {
        let text: Vec<char> = text.chars().collect();
        self.sure(matched(&self.tokens, &text))
    }

    pub fn matches_ignoring_case(&self, text: &str) -> Tri {
        let lower = |token: &Token| match token {
            Token::Char(c) => Token::Char(c.to_ascii_lowercase()),
            wild => *wild,
        };
        let text: Vec<char> = text.to_ascii_lowercase().chars().collect();
        let tokens: Vec<Token> = self.tokens.iter().map(lower).collect();
        self.sure(matched(&tokens, &text))
    }

    /// The parts between the first `count - 1` colons; `None` where there are fewer.
    pub fn segments(&self, count: usize) -> Option<Vec<Pattern>> {
        let part = |tokens: &[Token]| Pattern { tokens: tokens.to_vec(), ..self.clone() };
        let parts: Vec<_> = self.tokens.splitn(count, |token| *token == Token::Char(':')).map(part).collect();
        (parts.len() == count).then_some(parts)
    }

    fn sure(&self, matches: bool) -> Tri {
        match self.unknown.first() {
            _ if self.null => Tri::No,
            Some(key) if matches => Tri::Unknown(format!("the value of the variable {key} is not known")),
            _ => matches.into(),
        }
    }
}

/// The inside of a variable that the text begins with, and what follows it.
fn variable(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix("${")?.split_once('}')
}

/// Goes back to the last `*` only, so that no pattern takes long.
fn matched(pattern: &[Token], text: &[char]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(Token::Many) => {
                back = Some((p + 1, t));
                p += 1;
            }
            Some(Token::One) => (p, t) = (p + 1, t + 1),
            Some(Token::Char(c)) if *c == text[t] => (p, t) = (p + 1, t + 1),
            _ => match back {
                Some((after, from)) => {
                    back = Some((after, from + 1));
                    (p, t) = (after, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|token| *token == Token::Many)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Pattern::wild(pattern, None).matches(text) == Tri::Yes
    }

    #[test]
    fn wildcards_stand_for_any_text_and_for_one_character() {
        assert!(matches("*", "") && matches("a*c", "abbc") && matches("a?c", "abc") && matches("a*b*c", "axbxbxc"));
        assert!(!matches("a?c", "ac") && !matches("a*c", "ab") && !matches("", "a"));
        assert_eq!(Pattern::plain("a*", None).matches("a*"), Tri::Yes);
        assert_eq!(Pattern::plain("a*", None).matches("ab"), Tri::No);
    }

    #[test]
    fn a_variable_is_replaced_and_its_value_is_literal() {
        let context = Context::default().with("aws:PrincipalTag/team", ["a*"]).without("aws:username");
        let matches = |pattern: &str, text: &str| Pattern::wild(pattern, Some(&context)).matches(text);
        assert_eq!(matches("x/${aws:PrincipalTag/team}/*", "x/a*/y"), Tri::Yes);
        assert_eq!(matches("x/${aws:PrincipalTag/team}", "x/ab"), Tri::No);
        assert_eq!((matches("${*}", "*"), matches("${*}", "a")), (Tri::Yes, Tri::No));
        assert_eq!(matches("${aws:username}", "x"), Tri::No);
        assert_eq!(matches("${aws:username, 'nobody'}", "nobody"), Tri::Yes);
        assert_eq!(Pattern::wild("${aws:username}", None).matches("${aws:username}"), Tri::Yes);
    }

    #[test]
    fn an_unknown_variable_is_unknown_only_where_some_value_would_match() {
        let pattern = Pattern::wild("logs/${aws:SourceIp}/x", Some(&Context::default()));
        assert!(matches!(pattern.matches("logs/10.0.0.1/x"), Tri::Unknown(_)));
        assert_eq!(pattern.matches("logs/10.0.0.1/y"), Tri::No);
    }
}
