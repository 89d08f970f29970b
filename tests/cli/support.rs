//! A model to run, the program, and what it leaves behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ddim_web::unet::config::UnetConfig;
use image::{Rgb, RgbImage};

use super::rule;

const CONFIG: &str = include_str!("../fixtures/unet/no-middle.json");

/// Values of an image of [`Folder::with_model`]: 3 × 8 × 8.
pub const IMAGE: usize = 3 * 8 * 8;

/// A folder of its own for each test, removed at the end.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ddim-web-cli-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn with_model(name: &str) -> Self {
        let folder = Self::new(name);
        let weights = rule::weights(&UnetConfig::from_json(CONFIG).unwrap());
        fs::write(folder.path("config.json"), CONFIG).unwrap();
        fs::write(
            folder.path("scheduler_config.json"),
            r#"{"_class_name": "DDIMScheduler", "novelty": 1}"#,
        )
        .unwrap();
        fs::write(folder.path("diffusion_pytorch_model.safetensors"), weights).unwrap();
        folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&self.0)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// `ddim-web SUBCOMMAND --quiet --model FOLDER …`, run inside the folder.
    pub fn run(&self, subcommand: &str, arguments: &[&str]) -> Output {
        self.run_model(subcommand, &self.0, arguments)
    }

    pub fn run_model(&self, subcommand: &str, model: &Path, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_ddim-web"))
            .args([subcommand, "--quiet", "--model"])
            .arg(model)
            .args(arguments)
            .current_dir(&self.0)
            .output()
            .unwrap()
    }

    /// Runs it with `--save`, and returns the numbers.
    pub fn numbers(&self, subcommand: &str, arguments: &[&str]) -> Tensor {
        self.numbers_of(subcommand, &self.0, arguments)
    }

    pub fn numbers_of(&self, subcommand: &str, model: &Path, arguments: &[&str]) -> Tensor {
        let arguments = [arguments, &["--save", "numbers.safetensors"]].concat();
        let output = self.run_model(subcommand, model, &arguments);
        assert!(output.status.success(), "{output:?}");
        let tensor = self.tensor("numbers.safetensors");
        fs::remove_file(self.path("numbers.safetensors")).unwrap();
        tensor
    }

    /// The tensor `sample` in the file `name`.
    pub fn tensor(&self, name: &str) -> Tensor {
        let bytes = fs::read(self.path(name)).unwrap();
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let view = file.tensor("sample").unwrap();
        let value = |b: &[u8]| f32::from_le_bytes(b.try_into().unwrap());
        Tensor {
            shape: view.shape().to_vec(),
            values: view.data().chunks_exact(4).map(value).collect(),
        }
    }

    /// Writes `values` as the tensor `sample`.
    pub fn write_tensor(&self, name: &str, shape: &[usize], values: &[f32]) {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let view =
            safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.to_vec(), &bytes);
        let file = safetensors::serialize([("sample", view.unwrap())], None).unwrap();
        fs::write(self.path(name), file).unwrap();
    }

    /// Runs it, and returns what it says on standard output.
    pub fn said(&self, subcommand: &str, arguments: &[&str]) -> String {
        let output = self.run(subcommand, arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn picture(&self, name: &str) -> RgbImage {
        image::open(self.path(name)).unwrap().into_rgb8()
    }

    /// Writes a picture that has no two pixels alike.
    pub fn colourful(&self, name: &str, [width, height]: [u32; 2], red: u8) {
        let picture = RgbImage::from_fn(width, height, |x, y| {
            Rgb([red, (9 * x) as u8, (9 * y) as u8])
        });
        picture.save(self.path(name)).unwrap();
    }

    /// The picture `name` as the values of an image [C, H, W].
    pub fn image(&self, name: &str) -> Vec<f32> {
        let picture = self.picture(name);
        let channel = |c: usize| picture.pixels().map(move |p| f32::from(p[c]) / 127.5 - 1.0);
        (0..3).flat_map(channel).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Images as numbers.
pub struct Tensor {
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

impl Tensor {
    /// Image `i`.
    pub fn image(&self, i: usize) -> &[f32] {
        let len: usize = self.shape[1..].iter().product();
        &self.values[i * len..][..len]
    }
}

/// The largest difference between two images.
pub fn distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, f32::max)
}

pub fn sample(folder: &Folder, arguments: &[&str]) -> Output {
    folder.run("sample", arguments)
}

/// Lines on standard error that say neither what the model is nor what the data are.
pub fn remarks(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let reports = [" parameters on ", ": ignored ", " colour images of "];
    let remark = |line: &&str| !reports.iter().any(|report| line.contains(report));
    text.lines().filter(remark).map(Into::into).collect()
}

/// Asserts exit code `code` and one line on standard error, apart from what the model and the data are.
pub fn refused(output: &Output, code: i32, word: &str) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{text}");
    let errors = remarks(output);
    assert!(
        errors.len() == 1 && errors[0].contains(word),
        "expected one line with “{word}”: {text}"
    );
}

pub fn size_of_png(path: &Path) -> (u32, u32) {
    image::image_dimensions(path).unwrap()
}
