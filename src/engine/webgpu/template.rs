//! Kernels with numbers filled in and loops written out.
//!
//! A kernel is WGSL with some lines of its own:
//!
//! - `#names A B …`, before all others, says which names the kernel takes; there may be several of them.
//! - `#if NAME` … `#else` … `#end` holds where NAME is not 0, `#if !NAME` where it is.
//! - `#for i in NAME` … `#end` is repeated with `$i` from 0 to below NAME.
//!
//! `$NAME` is the number itself, or nothing where that is 0; names are capitals, variables one small letter. A kernel uses the names that it
//! declares and no others, and whoever renders it gives a number for each of them, 0 for what is not there, and for no
//! others. So a misspelt name is an error, not a condition that never holds.
//!
//! Tiles that are kept in variables of their own stay in registers; an array indexed by a loop would not on every
//! device.

use std::fmt::Write;
use std::iter::Enumerate;
use std::str::Lines;

use crate::engine::EngineError;

/// A kernel, or a part that kernels share.
#[derive(Debug)]
pub struct Template {
    /// Its place in kernels/.
    pub file: &'static str,
    /// What is there, without comments and indentation.
    pub text: &'static str,
}

/// The [`Template`] in kernels/.
macro_rules! template {
    ($file:literal) => {
        Template {
            file: $file,
            text: $crate::engine::webgpu::source::bare_text!(concat!("kernels/", $file)),
        }
    };
}
pub(super) use template;

/// What is wrong with a template, or with the numbers that it is given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// Neither a name of the kernel nor a variable of a loop around it.
    #[error("line {0}: {1} is not among the #names")]
    Unknown(usize, String),
    /// Begins with # and is none of the lines above.
    #[error("line {0}: {1} is not understood")]
    Line(usize, String),
    /// Nothing is open that this line could belong to.
    #[error("line {0}: {1} without its #if or #for")]
    Stray(usize, String),
    /// The text ends before its end.
    #[error("line {0}: {1} without #end")]
    Open(usize, String),
    /// A name that the text does not use.
    #[error("{0} is among the #names and not used")]
    Unused(String),
    /// A name without a number.
    #[error("{0} is among the #names and not given")]
    Missing(String),
    /// A number that the kernel does not ask for.
    #[error("{0} is given and not among the #names")]
    Foreign(String),
    /// Declared or given more than once.
    #[error("{0} is there twice")]
    Twice(String),
}

impl Template {
    /// The text with `numbers` filled in, one for each of its names.
    ///
    /// # Errors
    /// [`EngineError::Kernel`] says which name or line does not fit.
    pub fn render(&self, numbers: &[(&str, usize)]) -> Result<String, EngineError> {
        render(self.text, numbers)
            .map_err(|fault| EngineError::Kernel(format!("{}: {fault}", self.file)))
    }
}

fn render(text: &str, numbers: &[(&str, usize)]) -> Result<String, Fault> {
    let (names, nodes) = parse(text)?;
    for (i, (name, _)) in numbers.iter().enumerate() {
        if !names.contains(name) {
            return Err(Fault::Foreign((*name).into()));
        }
        if numbers[..i].iter().any(|(before, _)| before == name) {
            return Err(Fault::Twice((*name).into()));
        }
    }
    let mut out = String::new();
    let mut numbers = numbers.to_vec();
    for name in names {
        value(&numbers, name)?;
    }
    fill(&nodes, &mut numbers, &mut out)?;
    Ok(out)
}

/// What a text consists of.
enum Node<'a> {
    Line(Vec<Piece<'a>>),
    If {
        name: &'a str,
        /// Whether it holds where the number is not 0.
        set: bool,
        then: Vec<Node<'a>>,
        otherwise: Vec<Node<'a>>,
    },
    For {
        variable: &'a str,
        name: &'a str,
        body: Vec<Node<'a>>,
    },
}

/// What a line consists of.
enum Piece<'a> {
    Text(&'a str),
    Number(&'a str),
}

/// The names and the nodes of `text`.
fn parse(text: &str) -> Result<(Vec<&str>, Vec<Node<'_>>), Fault> {
    let mut names: Vec<(&str, bool)> = Vec::new();
    let mut lines = text.lines().enumerate();
    loop {
        let rest = lines.clone();
        let Some((i, line)) = lines.next() else { break };
        let Some(declared) = line.strip_prefix("#names ") else {
            lines = rest;
            break;
        };
        for name in declared.split_whitespace() {
            if !name.chars().all(|c| c.is_ascii_uppercase()) {
                return Err(Fault::Line(i + 1, line.into()));
            }
            if names.iter().any(|(before, _)| *before == name) {
                return Err(Fault::Twice(name.into()));
            }
            names.push((name, false));
        }
    }
    let mut parser = Parser {
        lines,
        names,
        variables: Vec::new(),
    };
    let (nodes, end) = parser.block()?;
    if let Some((line, text)) = end {
        return Err(Fault::Stray(line, text.into()));
    }
    if let Some((name, _)) = parser.names.iter().find(|(_, used)| !used) {
        return Err(Fault::Unused((*name).into()));
    }
    Ok((parser.names.iter().map(|(name, _)| *name).collect(), nodes))
}

struct Parser<'a> {
    lines: Enumerate<Lines<'a>>,
    /// With whether they are used.
    names: Vec<(&'a str, bool)>,
    /// Of the loops around the line.
    variables: Vec<&'a str>,
}

/// A line that ends a block: its number and itself.
type End<'a> = Option<(usize, &'a str)>;

impl<'a> Parser<'a> {
    /// Everything up to an `#else` or `#end`, or up to the end of the text.
    fn block(&mut self) -> Result<(Vec<Node<'a>>, End<'a>), Fault> {
        let mut nodes = Vec::new();
        while let Some((i, line)) = self.lines.next() {
            let number = i + 1;
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["#else" | "#end"] => return Ok((nodes, Some((number, words[0])))),
                ["#if", condition] => nodes.push(self.condition(number, line, condition)?),
                ["#for", variable, "in", name] if is_variable(variable) => {
                    self.name(number, name)?;
                    self.variables.push(variable);
                    let (body, end) = self.block()?;
                    self.variables.pop();
                    ends(end, (number, line))?;
                    nodes.push(Node::For {
                        variable,
                        name,
                        body,
                    });
                }
                [first, ..] if first.starts_with('#') => {
                    return Err(Fault::Line(number, line.into()));
                }
                _ => nodes.push(Node::Line(self.pieces(number, line)?)),
            }
        }
        Ok((nodes, None))
    }

    fn condition(
        &mut self,
        number: usize,
        line: &'a str,
        condition: &'a str,
    ) -> Result<Node<'a>, Fault> {
        let negated = condition.strip_prefix('!');
        let name = negated.unwrap_or(condition);
        self.name(number, name)?;
        let (then, mut end) = self.block()?;
        let mut otherwise = Vec::new();
        if matches!(end, Some((_, "#else"))) {
            (otherwise, end) = self.block()?;
        }
        ends(end, (number, line))?;
        Ok(Node::If {
            name,
            set: negated.is_none(),
            then,
            otherwise,
        })
    }

    /// The kernel declares `name`.
    fn name(&mut self, number: usize, name: &str) -> Result<(), Fault> {
        match self.names.iter_mut().find(|(known, _)| *known == name) {
            Some((_, used)) => {
                *used = true;
                Ok(())
            }
            None => Err(Fault::Unknown(number, name.into())),
        }
    }

    fn pieces(&mut self, number: usize, line: &'a str) -> Result<Vec<Piece<'a>>, Fault> {
        let mut parts = line.split('$');
        let mut pieces = vec![Piece::Text(parts.next().unwrap_or_default())];
        for part in parts {
            let capitals = part.find(|c: char| !c.is_ascii_uppercase());
            let (name, rest) = match capitals.unwrap_or(part.len()) {
                0 if part.starts_with(|c: char| c.is_ascii_lowercase()) => part.split_at(1),
                length => part.split_at(length),
            };
            if !self.variables.contains(&name) {
                self.name(number, name)
                    .map_err(|_| Fault::Unknown(number, format!("${name}")))?;
            }
            pieces.extend([Piece::Number(name), Piece::Text(rest)]);
        }
        Ok(pieces)
    }
}

fn is_variable(word: &str) -> bool {
    word.len() == 1 && word.starts_with(|c: char| c.is_ascii_lowercase())
}

/// The block that began with `start` ends with an `#end`.
fn ends(end: End, start: (usize, &str)) -> Result<(), Fault> {
    match end {
        Some((_, "#end")) => Ok(()),
        Some((number, line)) => Err(Fault::Stray(number, line.into())),
        None => Err(Fault::Open(start.0, start.1.trim().into())),
    }
}

fn fill<'a>(
    nodes: &[Node<'a>],
    numbers: &mut Vec<(&'a str, usize)>,
    out: &mut String,
) -> Result<(), Fault> {
    for node in nodes {
        match node {
            Node::Line(pieces) => {
                for piece in pieces {
                    match piece {
                        Piece::Text(text) => out.push_str(text),
                        Piece::Number(name) => {
                            let number = value(numbers, name)?;
                            if number > 0 || is_variable(name) {
                                // Writing to a string does not fail.
                                let _ = write!(out, "{number}");
                            }
                        }
                    }
                }
                out.push('\n');
            }
            Node::If {
                name,
                set,
                then,
                otherwise,
            } => {
                let holds = (value(numbers, name)? != 0) == *set;
                fill(if holds { then } else { otherwise }, numbers, out)?;
            }
            Node::For {
                variable,
                name,
                body,
            } => {
                for number in 0..value(numbers, name)? {
                    numbers.push((variable, number));
                    fill(body, numbers, out)?;
                    numbers.pop();
                }
            }
        }
    }
    Ok(())
}

/// The number of `name`: the innermost where loops have one variable.
fn value(numbers: &[(&str, usize)], name: &str) -> Result<usize, Fault> {
    let given = numbers.iter().rev().find(|(given, _)| *given == name);
    given
        .map(|(_, value)| *value)
        .ok_or_else(|| Fault::Missing(name.into()))
}

#[cfg(test)]
mod tests {
    use super::{Fault, render};

    #[test]
    fn conditions_choose_and_loops_repeat() {
        let text = "#names N A\n#for i in N\n#if A\na$i_$N;\n#else\nb$i;\n#end\n#end\nend";
        let with = |n, a| render(text, &[("A", a), ("N", n)]).unwrap();
        assert_eq!(with(2, 1), "a0_2;\na1_2;\nend\n");
        assert_eq!(with(1, 0), "b0;\nend\n");
        assert_eq!(with(0, 0), "end\n");
        let text = "#names A\n  #if !A\nx\n  #end";
        assert_eq!(render(text, &[("A", 3)]).unwrap(), "");
        assert_eq!(render(text, &[("A", 0)]).unwrap(), "x\n");
        assert_eq!(
            render("#names A\n#names B\n\n$A$B", &[("A", 1), ("B", 2)]).unwrap(),
            "\n12\n"
        );
    }

    fn refused(text: &str, numbers: &[(&str, usize)], fault: Fault) {
        assert_eq!(render(text, numbers), Err(fault), "{text}");
    }

    #[test]
    fn a_name_that_is_not_declared_is_refused_wherever_it_stands() {
        let unknown = |line, name: &str| Fault::Unknown(line, name.into());
        let given = [("A", 0)];
        refused("#names A\n$A\n#if B\n#end", &given, unknown(3, "B"));
        refused("#names A\n$A\n#if !AA\n#end", &given, unknown(3, "AA"));
        refused("#names A\n$A\n#for i in B\n#end", &given, unknown(3, "B"));
        refused("#names A\n$A $B", &given, unknown(2, "$B"));
        refused("#names A\n$A 1$", &given, unknown(2, "$"));
        refused("#names A\n$A $é", &given, unknown(2, "$"));
        // Where the condition does not hold, too.
        refused("#names A\n#if A\n$B\n#end", &given, unknown(3, "$B"));
        // A variable is known in its loop only.
        refused(
            "#names A\n#for i in A\n$i $j\n#end",
            &given,
            unknown(3, "$j"),
        );
        refused("#names A\n#for i in A\n#end\n$i", &given, unknown(4, "$i"));
        refused(
            "#names A\n#for i in A\n#if i\n#end\n#end",
            &given,
            unknown(3, "i"),
        );
    }

    #[test]
    fn numbers_are_those_of_the_names_no_more_and_no_fewer() {
        let text = "#names A B\n#if A\n$B\n#end";
        assert!(render(text, &[("A", 0), ("B", 0)]).is_ok());
        refused(text, &[("A", 0)], Fault::Missing("B".into()));
        refused(text, &[("B", 0)], Fault::Missing("A".into()));
        let three = [("A", 0), ("B", 0), ("C", 0)];
        refused(text, &three, Fault::Foreign("C".into()));
        let twice = [("A", 0), ("B", 0), ("A", 0)];
        refused(text, &twice, Fault::Twice("A".into()));
        refused("#names A B\n$A", &[], Fault::Unused("B".into()));
        refused("#names A A\n$A", &[], Fault::Twice("A".into()));
    }

    #[test]
    fn blocks_have_one_beginning_and_one_end() {
        let given = [("A", 1)];
        let stray = |line, found: &str| Fault::Stray(line, found.into());
        let open = |line, found: &str| Fault::Open(line, found.into());
        refused("#names A\n$A\n#end", &given, stray(3, "#end"));
        refused("#names A\n$A\n#else", &given, stray(3, "#else"));
        let twice = "#names A\n#if A\n#else\n#else\n#end";
        refused(twice, &given, stray(4, "#else"));
        let of_loop = "#names A\n#for i in A\n#else\n#end";
        refused(of_loop, &given, stray(3, "#else"));
        refused("#names A\n#if A\n", &given, open(2, "#if A"));
        refused("#names A\n#if A\n#else\n", &given, open(2, "#if A"));
        refused("#names A\n#for i in A", &given, open(2, "#for i in A"));
        let inner = "#names A\n#if A\n#for i in A\n#end";
        refused(inner, &given, open(2, "#if A"));
    }

    #[test]
    fn a_line_of_its_own_that_is_not_understood_is_refused() {
        for line in [
            "#fi A",
            "#if",
            "#if A B",
            "#for A",
            "#for ij in A",
            "#for I in A",
            "#for i of A",
            "#end if",
            "#else if",
            "#names B",
            "#",
        ] {
            let text = format!("#names A\n$A\n{line}\n#end");
            refused(&text, &[("A", 1)], Fault::Line(3, line.into()));
        }
        refused("#names a", &[], Fault::Line(1, "#names a".into()));
    }
}
