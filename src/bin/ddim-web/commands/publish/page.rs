//! The page to publish: where its files are, and a copy of them without models.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ddim_web::site::list::{RULES, code};

use crate::error::CliError;
use crate::files::whole::read_text;
use crate::stop::Stop;

/// Files by which a page is known.
const MARKS: [&str; 4] = [
    "index.html",
    "www/main.js",
    "www/models/index.json",
    "pkg/ddim_web_bg.wasm",
];

/// The models that come with it are not those to publish.
const MODELS: &str = "www/models";

/// The service worker of a site, at its top.
pub const SCRIPT: &str = "sw.js";

/// A folder with the page: the repository, or a site.
pub struct Page {
    root: PathBuf,
    /// The service worker's code, without a list.
    pub worker: String,
}

impl Page {
    /// The page in `folder`, or the first one at or above the current folder or the program.
    ///
    /// # Errors
    /// What is missing in `folder`, or that there is none.
    pub fn find(folder: Option<&Path>) -> Result<Self, CliError> {
        if let Some(folder) = folder {
            let missing = MARKS.iter().find(|mark| !folder.join(mark).is_file());
            if let Some(missing) = missing {
                return Err(CliError::Failed(format!(
                    "page: {}: expected the repository of ddim-web or a folder that scripts/site wrote, found no {missing}",
                    folder.display()
                )));
            }
            return Self::open(folder);
        }
        let starts = [
            std::env::current_dir().ok(),
            std::env::current_exe()
                .ok()
                .and_then(|program| fs::canonicalize(program).ok()),
        ];
        let above = starts.iter().flatten().flat_map(|start| start.ancestors());
        let mut pages = above.filter(|place| MARKS.iter().all(|mark| place.join(mark).is_file()));
        let Some(root) = pages.next() else {
            return Err(CliError::Failed(
                "page: none found at or above the current folder and the program: name the repository of ddim-web, or a folder that its scripts/site wrote, with --page DIR".into(),
            ));
        };
        Self::open(root)
    }

    fn open(root: &Path) -> Result<Self, CliError> {
        let of_site = root.join(SCRIPT);
        let script = if of_site.is_file() {
            of_site
        } else {
            root.join(&RULES.worker)
        };
        Ok(Self {
            root: root.into(),
            worker: code(&read_text(&script)?).into(),
        })
    }

    /// The text of one of its files.
    ///
    /// # Errors
    /// The path, and why it cannot be read.
    pub fn text(&self, path: &str) -> Result<String, CliError> {
        read_text(&self.root.join(path))
    }

    /// Whether it has all of these views, and each is named once.
    ///
    /// # Errors
    /// [`CliError::Usage`] names the first that it has not, and those that it has.
    pub fn check_views(&self, views: &[String]) -> Result<(), CliError> {
        let folder = self.root.join("www/views");
        let failed = |e: io::Error| CliError::Failed(format!("{}: {e}", folder.display()));
        let mut known = Vec::new();
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_stem().and_then(|name| name.to_str());
            if let (Some("js"), Some(name)) = (path.extension().and_then(|e| e.to_str()), name) {
                known.push(name.to_string());
            }
        }
        known.sort();
        for (i, view) in views.iter().enumerate() {
            if !known.contains(view) {
                return Err(CliError::Usage(format!(
                    "views: expected some of {}, found {view}",
                    known.join(", ")
                )));
            }
            if views[..i].contains(view) {
                return Err(CliError::Usage(format!("views: {view} is named twice")));
            }
        }
        Ok(())
    }

    /// Copies it to `folder`, without its models and its service worker.
    ///
    /// # Errors
    /// The path, and what the system said; [`CliError::Stopped`] after Ctrl-C.
    pub fn copy_to(&self, folder: &Path, stop: &Stop) -> Result<(), CliError> {
        for part in &RULES.parts {
            self.copy(part, folder, stop)?;
        }
        let models = folder.join(MODELS);
        fs::create_dir_all(&models)
            .map_err(|e| CliError::Failed(format!("{}: {e}", models.display())))
    }

    fn copy(&self, path: &str, folder: &Path, stop: &Stop) -> Result<(), CliError> {
        if path == MODELS || *path == RULES.worker {
            return Ok(());
        }
        if stop.requested() {
            return Err(CliError::Stopped);
        }
        let (from, to) = (self.root.join(path), folder.join(path));
        let failed = |e: io::Error| CliError::Failed(format!("{}: {e}", from.display()));
        if !from.is_dir() {
            return fs::copy(&from, &to).map(drop).map_err(failed);
        }
        fs::create_dir(&to).map_err(failed)?;
        for entry in fs::read_dir(&from).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            // What is hidden belongs to an editor or the system; no file of the page has such a name.
            if let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) {
                self.copy(&format!("{path}/{name}"), folder, stop)?;
            }
        }
        Ok(())
    }
}
