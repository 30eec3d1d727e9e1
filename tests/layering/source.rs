//! Which file of `src/` uses which: read from the text, as far as paths tell. Knows no rule.
//!
//! Left out is what only tests and fuzzing see. A path through a re-export counts as one to the file that it leads to.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A path of names, such as `objects::iam::role`, from the crate's root.
pub type Names = Vec<String>;

/// One file of `src/`.
#[derive(Debug, Default)]
pub struct File {
    /// Its module; empty for `lib.rs`.
    pub module: Names,
    /// What `use` binds in it: name → path.
    bound: BTreeMap<String, Names>,
    /// Every path in its code that begins at the crate's root, at a module or at a bound name.
    paths: BTreeSet<Names>,
    /// The first names of all other paths: crates, and what is in scope.
    pub outside: BTreeSet<String>,
    /// Modules that it declares for tests alone.
    test_modules: BTreeSet<Names>,
}

/// The crate: its files by their path below `src/`.
#[derive(Debug, Default)]
pub struct Source {
    pub files: BTreeMap<String, File>,
    by_module: BTreeMap<Names, String>,
}

impl Source {
    /// All of `src/`, without what only tests see.
    pub fn read(src: &Path) -> Self {
        let texts = texts(src);
        Source::of(texts.iter().map(|(path, text)| (path.as_str(), text.as_str())))
    }

    pub fn of<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let texts: Vec<(&str, &str)> = texts.into_iter().collect();
        let modules: BTreeSet<Names> = texts.iter().map(|(path, _)| module_of(path)).collect();
        let mut files: BTreeMap<String, File> =
            texts.iter().map(|(path, text)| ((*path).to_owned(), File::parse(module_of(path), text, &modules))).collect();
        let tests: BTreeSet<Names> = files.values().flat_map(|file| file.test_modules.iter().cloned()).collect();
        files.retain(|_, file| !tests.iter().any(|test| file.module.starts_with(test)));
        let by_module =
            files.iter().filter(|(path, _)| *path != "main.rs").map(|(path, file)| (file.module.clone(), path.clone())).collect();
        Source { files, by_module }
    }

    /// The files that each file uses, itself aside.
    pub fn uses(&self) -> BTreeSet<(&str, &str)> {
        let mut uses = BTreeSet::new();
        for (path, file) in &self.files {
            let targets = file.paths.iter().filter_map(|names| self.target(names, 0));
            uses.extend(targets.filter(|target| target != path).map(|target| (path.as_str(), target)));
        }
        uses
    }

    /// Whether a file's module is this one, such as `aws::side`, or within it.
    pub fn is_within(&self, file: &str, module: &str) -> bool {
        self.files[file].module.starts_with(&module.split("::").map(str::to_owned).collect::<Names>())
    }

    /// The file where what a path names is written.
    fn target(&self, names: &[String], depth: usize) -> Option<&str> {
        let reach = (0..=names.len()).rev().find_map(|length| Some((length, self.at(&names[..length])?)));
        let (length, (path, file)) = reach?;
        // Re-exported: from there on. A name that is bound to itself ends it.
        if let Some(bound) = names.get(length).and_then(|name| file.bound.get(name))
            && depth < 10
        {
            let further: Names = bound.iter().chain(&names[length + 1..]).cloned().collect();
            return self.target(&further, depth + 1);
        }
        Some(path)
    }

    fn at(&self, module: &[String]) -> Option<(&str, &File)> {
        let (path, file) = self.files.get_key_value(self.by_module.get(module)?)?;
        Some((path, file))
    }
}

/// The text of each Rust file below a folder, by its path in it.
pub fn texts(folder: &Path) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    collect(folder, folder, &mut texts);
    texts
}

fn collect(root: &Path, folder: &Path, texts: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, texts);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
            texts.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
}

/// `objects/iam/mod.rs` and `objects/iam.rs` are both `objects::iam`.
fn module_of(path: &str) -> Names {
    let path = path.trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if matches!(path, "lib" | "main") { Names::new() } else { path.split('/').map(str::to_owned).collect() }
}

impl File {
    fn parse(module: Names, text: &str, modules: &BTreeSet<Names>) -> Self {
        let mut file = File { module, ..File::default() };
        let tokens = file.without_tests(&tokens(text));
        let mut at = 0;
        let mut rest = Vec::new();
        while at < tokens.len() {
            let mut leaves = Vec::new();
            if tokens[at] == "use" {
                at = tree(&tokens, at + 1, &mut Names::new(), &mut leaves);
                for (name, path) in leaves {
                    match file.absolute(&path, modules) {
                        Some(path) => {
                            file.paths.insert(path.clone());
                            file.bound.insert(name, path);
                        }
                        None => file.outside.extend(path.into_iter().next()),
                    }
                }
            } else if is_name(&tokens[at]) && tokens.get(at + 1).is_some_and(|next| next == "::") {
                at = tree(&tokens, at, &mut Names::new(), &mut leaves);
                rest.extend(leaves.into_iter().map(|(_, path)| path));
            } else {
                at += 1;
            }
        }
        // Paths in code may begin with what a `use` further down binds.
        for path in rest {
            let bound = file.bound.get(&path[0]).map(|bound| bound.iter().chain(&path[1..]).cloned().collect());
            match bound.or_else(|| file.absolute(&path, modules)) {
                Some(path) => _ = file.paths.insert(path),
                None => file.outside.extend(path.into_iter().next()),
            }
        }
        file
    }

    /// From the crate's root; none for another crate's, and for types.
    fn absolute(&self, path: &[String], modules: &BTreeSet<Names>) -> Option<Names> {
        let mut base = self.module.clone();
        let mut rest = path;
        match rest.first()?.as_str() {
            "crate" | "xeks" => (base, rest) = (Names::new(), &rest[1..]),
            "self" => rest = &rest[1..],
            "super" => {
                while rest.first().is_some_and(|name| name == "super") {
                    base.pop();
                    rest = &rest[1..];
                }
            }
            child => {
                let child: Names = base.iter().cloned().chain([child.to_owned()]).collect();
                modules.contains(&child).then_some(())?;
            }
        }
        Some(base.iter().chain(rest).cloned().collect())
    }

    /// The tokens outside items that only tests and fuzzing see.
    fn without_tests(&mut self, tokens: &[String]) -> Vec<String> {
        let mut kept = Vec::new();
        let mut at = 0;
        while at < tokens.len() {
            if tokens[at] != "#" {
                kept.push(tokens[at].clone());
                at += 1;
                continue;
            }
            let end = skip(tokens, at);
            let attribute = &tokens[at..end];
            let has = |name: &str| attribute.iter().any(|token| token == name);
            if attribute.get(2).is_some_and(|token| token == "cfg") && (has("test") || has("fuzzing")) && !has("not") {
                let mut item = end;
                while tokens.get(item).is_some_and(|token| token == "#") {
                    item = skip(tokens, item);
                }
                at = end_of_item(tokens, item);
                let declared = tokens[item..at].iter().position(|token| token == "mod").map(|place| item + place);
                if let Some(place) = declared
                    && tokens.get(place + 2).is_some_and(|token| token == ";")
                {
                    self.test_modules.insert(self.module.iter().cloned().chain([tokens[place + 1].clone()]).collect());
                }
            } else {
                at = end;
            }
        }
        kept
    }
}

/// Past an attribute: to behind its closing bracket.
fn skip(tokens: &[String], at: usize) -> usize {
    let open = tokens[at..].iter().position(|token| token == "[").map_or(tokens.len(), |open| at + open);
    matching(tokens, open)
}

/// Behind the bracket that closes the one at `open`.
fn matching(tokens: &[String], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.as_str() {
            "{" | "[" | "(" => depth += 1,
            "}" | "]" | ")" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

/// Behind an item: its block or its semicolon.
fn end_of_item(tokens: &[String], mut at: usize) -> usize {
    let import = tokens[at..].iter().find(|token| matches!(token.as_str(), "use" | "mod" | "fn" | "{")).is_some_and(|token| token == "use");
    while at < tokens.len() {
        match tokens[at].as_str() {
            ";" => return at + 1,
            "}" => return at,
            "{" if !import => return matching(tokens, at),
            "{" | "(" | "[" => at = matching(tokens, at),
            _ => at += 1,
        }
    }
    at
}

/// Reads a path, or a tree of a `use`, into its leaves: the name that each binds, and its path. Returns where it ends.
fn tree(tokens: &[String], mut at: usize, path: &mut Names, leaves: &mut Vec<(String, Names)>) -> usize {
    let depth = path.len();
    loop {
        match tokens.get(at).map(String::as_str) {
            Some("{") => {
                let end = matching(tokens, at);
                at += 1;
                while at + 1 < end {
                    at = tree(tokens, at, path, leaves);
                    at += usize::from(tokens[at] == ",");
                }
                path.truncate(depth);
                return end;
            }
            Some("*") => {
                leaves.push(("*".to_owned(), path.clone()));
                at += 1;
                break;
            }
            Some(name) if is_name(name) => {
                // `self` at the end of a tree is the module itself.
                if name != "self" || path.is_empty() {
                    path.push(name.to_owned());
                }
                at += 1;
                let further = tokens.get(at + 1).is_some_and(|next| is_name(next) || next == "{" || next == "*");
                if tokens.get(at).is_some_and(|token| token == "::") && further {
                    at += 1;
                    continue;
                }
                let alias = tokens.get(at).filter(|token| *token == "as").and_then(|_| tokens.get(at + 1));
                let bound = alias.or(path.last()).cloned().unwrap_or_default();
                at += if alias.is_some() { 2 } else { 0 };
                leaves.push((bound, path.clone()));
                break;
            }
            Some("::") => at += 1,
            _ => return at + 1,
        }
    }
    path.truncate(depth);
    at
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Names, `::`, and single marks: without comments, literals and lifetimes.
fn tokens(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let mut tokens = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        match (at(i), at(i + 1)) {
            ('/', '/') => i += chars[i..].iter().position(|c| *c == '\n').unwrap_or(chars.len() - i),
            ('"', _) => i = behind_string(&chars, i),
            ('\'', '\\') => i += 4 + chars[i + 3..].iter().position(|c| *c == '\'').unwrap_or(0),
            ('\'', _) if at(i + 2) == '\'' => i += 3,
            (':', ':') => {
                tokens.push("::".to_owned());
                i += 2;
            }
            (first, _) if first.is_alphanumeric() || first == '_' => {
                let end = i + chars[i..].iter().position(|c| !c.is_alphanumeric() && *c != '_').unwrap_or(chars.len() - i);
                let name: String = chars[i..end].iter().collect();
                let hashes = chars[end..].iter().take_while(|c| **c == '#').count();
                let raw = matches!(name.as_str(), "r" | "br") && at(end + hashes) == '"';
                i = if raw { behind_raw_string(&chars, end + hashes, hashes) } else { end };
                if !raw {
                    tokens.push(name);
                }
            }
            (first, _) => {
                if !first.is_whitespace() {
                    tokens.push(first.to_string());
                }
                i += 1;
            }
        }
    }
    tokens
}

fn behind_string(chars: &[char], mut i: usize) -> usize {
    i += 1;
    while i < chars.len() && chars[i] != '"' {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

fn behind_raw_string(chars: &[char], mut i: usize, hashes: usize) -> usize {
    i += 1;
    while i < chars.len() {
        if chars[i] == '"' && chars[i + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes {
            return i + 1 + hashes;
        }
        i += 1;
    }
    i
}

#[cfg(test)]
mod tests {
    use super::Source;

    const TEXTS: [(&str, &str); 6] = [
        ("lib.rs", "pub mod a; pub mod b; #[cfg(test)] mod t;"),
        ("a/mod.rs", "mod one; mod two; pub use one::One; use crate::b; fn f() { b::g(); }"),
        (
            "a/one.rs",
            "pub struct One; // use crate::b::X;\n const T: &str = \"use crate::b::X\"; fn f(x: &'static u8) { super::two::g('{') }",
        ),
        ("a/two.rs", "#[cfg(test)] mod tests { use crate::b::X; } use std::fmt::{self, Debug};"),
        ("b.rs", "use crate::{a::{One as First, two}, b as myself}; fn g() { two::h::<u8>(); }"),
        ("t.rs", "use crate::b::X;"),
    ];

    #[test]
    fn each_use_and_each_path_leads_to_its_file_and_tests_do_not_count() {
        let source = Source::of(TEXTS);
        let uses: Vec<_> = source.uses().into_iter().collect();
        let expected =
            [("a/mod.rs", "a/one.rs"), ("a/mod.rs", "b.rs"), ("a/one.rs", "a/two.rs"), ("b.rs", "a/one.rs"), ("b.rs", "a/two.rs")];
        assert_eq!(uses, expected);
        assert!(!source.files.contains_key("t.rs"));
        assert!(source.files["a/two.rs"].outside.contains("std"));
    }
}
