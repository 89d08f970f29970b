//! Kernels with numbers filled in and loops written out.
//!
//! A kernel is WGSL with three kinds of lines of its own: `#if NAME` … `#else` … `#end`, which holds where NAME is not
//! 0 (`#if !NAME` where it is), and `#for i in NAME` … `#end`, which is repeated with `$i` from 0 to below NAME.
//! `$NAME` is the number itself; names are capitals, variables one small letter. Tiles that are kept in variables of their own stay in registers; an array indexed by a
//! loop would not on every device.

use std::fmt::Write;

/// What the names stand for; the last one of a name counts.
type Names<'a> = Vec<(&'a str, usize)>;

/// `text` with `names` filled in.
pub fn render(text: &str, names: &[(&str, usize)]) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut out = String::new();
    block(&lines, &mut names.to_vec(), &mut out);
    out
}

fn block<'a>(lines: &[&'a str], names: &mut Names<'a>, out: &mut String) {
    let mut i = 0;
    while i < lines.len() {
        let words: Vec<&str> = lines[i].split_whitespace().collect();
        match words.as_slice() {
            ["#if", name] => {
                let (middle, end) = extent(lines, i);
                // A condition that is not given does not hold, so that a kernel's user names only what there is.
                let holds = match name.strip_prefix('!') {
                    Some(name) => value(names, name).unwrap_or(0) == 0,
                    None => value(names, name).unwrap_or(0) != 0,
                };
                let chosen = if holds {
                    i + 1..middle
                } else {
                    (middle + 1).min(end)..end
                };
                block(&lines[chosen], names, out);
                i = end;
            }
            ["#for", variable, "in", name] => {
                let (_, end) = extent(lines, i);
                // What is not given stays as it is, for the compiler to refuse.
                let Some(times) = value(names, name) else {
                    out.push_str(lines[i]);
                    return;
                };
                for number in 0..times {
                    names.push((variable, number));
                    block(&lines[i + 1..end], names, out);
                    names.pop();
                }
                i = end;
            }
            _ => {
                line(lines[i], names, out);
                out.push('\n');
            }
        }
        i += 1;
    }
}

/// Where the `#else` (or else the `#end`) and the `#end` of the block are that begins at `start`.
fn extent(lines: &[&str], start: usize) -> (usize, usize) {
    let mut depth = 0;
    let mut middle = None;
    for (i, line) in lines.iter().enumerate().skip(start) {
        match line.split_whitespace().next() {
            Some("#if" | "#for") => depth += 1,
            Some("#else") if depth == 1 => middle = Some(i),
            Some("#end") => {
                depth -= 1;
                if depth == 0 {
                    return (middle.unwrap_or(i), i);
                }
            }
            _ => {}
        }
    }
    (lines.len(), lines.len())
}

fn line(text: &str, names: &Names, out: &mut String) {
    let mut parts = text.split('$');
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let capitals = part
            .find(|c: char| !c.is_ascii_uppercase())
            .unwrap_or(part.len());
        let (name, rest) = part.split_at(capitals.max(1).min(part.len()));
        let _ = match value(names, name) {
            Some(value) => write!(out, "{value}{rest}"),
            None => write!(out, "${part}"),
        };
    }
}

fn value(names: &Names, name: &str) -> Option<usize> {
    let given = names.iter().rev().find(|(given, _)| *given == name);
    given.map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::render;

    #[test]
    fn conditions_choose_and_loops_repeat() {
        let text = "#for i in N\n#if A\na$i_$N;\n#else\nb$i;\n#end\n#end\nend";
        assert_eq!(render(text, &[("N", 2), ("A", 1)]), "a0_2;\na1_2;\nend\n");
        assert_eq!(render(text, &[("N", 1), ("A", 0)]), "b0;\nend\n");
        assert_eq!(render("#if !A\nx\n#end", &[("A", 3)]), "");
        assert_eq!(render("#if !A\nx\n#end", &[]), "x\n");
    }

    #[test]
    fn what_is_not_given_stays_for_the_compiler_to_refuse() {
        assert_eq!(render("a$N;", &[]), "a$N;\n");
        assert_eq!(render("#for i in N\na\n#end", &[]), "#for i in N");
    }
}
