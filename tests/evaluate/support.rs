//! Fixtures, and a tiny model with data for the program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ddim_web::unet::config::UnetConfig;

use crate::rule;

const CONFIG: &str = include_str!("../fixtures/unet/no-middle.json");

pub fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/evaluate");
    fs::read(folder.join(name)).unwrap()
}

/// A classifier that comes with the repository.
pub fn shipped(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/features");
    fs::read(folder.join(format!("{name}.safetensors"))).unwrap()
}

/// A folder of its own for each test, empty at the start and gone at the end.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let name = format!("ddim-web-evaluate-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// A grey 8×8 model with T = 20, 60 training and 20 test images, and a classifier with 4 features.
    pub fn with_model(name: &str) -> Self {
        let folder = Self::new(name);
        let config = CONFIG.replace("_channels\": 3", "_channels\": 1");
        folder.write("model/config.json", config.as_bytes());
        folder.write(
            "model/scheduler_config.json",
            br#"{"_class_name": "DDIMScheduler", "num_train_timesteps": 20, "beta_end": 0.4}"#,
        );
        let weights = rule::weights(&UnetConfig::from_json(&config).unwrap());
        folder.write("model/diffusion_pytorch_model.safetensors", &weights);
        folder.write("data/train-images-idx3-ubyte", &idx(60, 1));
        folder.write("data/t10k-images-idx3-ubyte", &idx(20, 5));
        folder.write("network.safetensors", &fixture("grey.safetensors"));
        folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), bytes).unwrap();
    }

    pub fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub fn json(&self, name: &str) -> serde_json::Value {
        serde_json::from_str(&self.text(name)).unwrap()
    }

    /// Names of the files in `name`, sorted.
    pub fn names(&self, name: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(name)).unwrap();
        let mut names: Vec<String> = entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// The program, about to run `evaluate` in the folder.
    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ddim-web"));
        command
            .current_dir(&self.0)
            .arg("evaluate")
            .args(arguments.split_whitespace());
        command
    }

    /// `evaluate` with the folder's model, data and classifier, into `out`.
    pub fn evaluate(&self, out: &str, more: &str) -> Output {
        self.command(&usual(out, more)).output().unwrap()
    }
}

/// The arguments that every run needs, and `more`.
pub fn usual(out: &str, more: &str) -> String {
    format!("--model model --data data --network network.safetensors --out {out} {more}")
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub fn succeeds(output: &Output) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(!text.contains("panicked"), "{text}");
}

/// The exit code, and the last line of standard error.
pub fn fails(output: &Output, code: i32, words: &[&str]) {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{text}");
    let line = text.lines().last().unwrap_or_default();
    assert!(
        line.starts_with("ddim-web: ") && words.iter().all(|word| line.contains(word)),
        "{words:?}: {text}"
    );
    assert!(!text.contains("panicked"), "{text}");
}

/// `count` grey 8×8 images in the IDX format, of many kinds.
pub fn idx(count: usize, seed: usize) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, 3];
    for n in [count as u32, 8, 8] {
        bytes.extend(n.to_be_bytes());
    }
    let pixel = |i: usize| {
        let (image, x, y) = (i / 64 + seed, i % 8, i / 8 % 8);
        (image * image * 31 + x * (image % 7) * 11 + y * (image % 5) * 13) as u8
    };
    bytes.extend((0..count * 64).map(pixel));
    bytes
}
