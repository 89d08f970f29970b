//! `README.md` of a site: what it is, how to publish it, and the header that makes it a static Space of the Hugging Face
//! Hub.

/// The text of `README.md` for a site called `title` with the models `names`.
///
/// ```
/// let readme = ddim_web::site::space::readme("My faces", &["faces".into()]);
/// assert!(readme.starts_with("---\ntitle: \"My faces\"\n") && readme.contains("\nsdk: static\n"));
/// ```
///
/// # Panics
/// Never: a text is JSON.
pub fn readme(title: &str, names: &[String]) -> String {
    // A text in JSON is one in YAML, too.
    let quoted = serde_json::to_string(title).expect("a text is JSON");
    let heading = escaped(title);
    let models: String = names
        .iter()
        .map(|name| format!("- {}\n", escaped(name)))
        .collect();
    format!(
        "---
title: {quoted}
emoji: 🎨
colorFrom: green
colorTo: blue
sdk: static
app_file: index.html
pinned: false
---

# {heading}

Pictures out of noise, made in the browser of whoever opens this page, by:

{models}
This folder is a static site that `ddim-web publish` wrote. Any web host can serve it, under any path, as it is. The
lines at the top of this file make it a static Space of the Hugging Face Hub:

```sh
hf upload NAME/SPACE . --repo-type space
```
"
    )
}

/// `text` in Markdown, as it is.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        if "\\`*_{}[]<>#|&".contains(letter) {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}
