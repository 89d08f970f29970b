//! The text of a kernel as it is compiled in: without what is there for people alone, which every visitor of a page would
//! download. Its lines stay where they are.

/// `source` without comments and indentation, and how many bytes that is: the first N of them, and zeros if it is less.
pub(super) const fn bare<const N: usize>(source: &str) -> ([u8; N], usize) {
    let source = source.as_bytes();
    let mut out = [0; N];
    let (mut from, mut to) = (0, 0);
    let mut begins = true;
    while from < source.len() {
        let byte = source[from];
        if byte == b'/' && from + 1 < source.len() && source[from + 1] == b'/' {
            while from < source.len() && source[from] != b'\n' {
                from += 1;
            }
            continue;
        }
        if !(begins && byte == b' ') {
            if to < N {
                out[to] = byte;
            }
            to += 1;
            begins = byte == b'\n';
        }
        from += 1;
    }
    (out, to)
}

/// The [`bare`] text of a file.
macro_rules! bare_text {
    ($path:expr) => {{
        use $crate::engine::webgpu::source::bare;
        const SOURCE: &str = include_str!($path);
        const LENGTH: usize = bare::<0>(SOURCE).1;
        const TEXT: [u8; LENGTH] = bare::<LENGTH>(SOURCE).0;
        match std::str::from_utf8(&TEXT) {
            Ok(text) => text,
            Err(_) => panic!("a kernel is not UTF-8"),
        }
    }};
}
pub(super) use bare_text;

#[cfg(test)]
mod tests {
    use super::bare;

    #[test]
    fn comments_and_indentation_go_and_lines_stay() {
        let source = "#names N\n// Adds é.\n  let a = b / c; // of N\n\n    #if N\n  x / y\n//";
        let (text, length) = bare::<99>(source);
        let text = std::str::from_utf8(&text[..length]).unwrap();
        assert_eq!(text, "#names N\n\nlet a = b / c; \n\n#if N\nx / y\n");
    }
}
