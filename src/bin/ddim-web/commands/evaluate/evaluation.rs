//! What the sections work with: the model, the images, the classifier, and the way to say how far things are.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use ddim_web::evaluate::statistics::Statistics;
use ddim_web::evaluate::{FeatureSet, Reference, file, fingerprint, parallel};
use ddim_web::images::ImageSet;
use ddim_web::runs::Job;
use ddim_web::scheduler::TrajectoryOptions;
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::store::{Settings, Store};
use crate::args::background::Colour;
use crate::args::condition::Condition;
use crate::args::loaded::Loaded;
use crate::args::machine::Machine;
use crate::error::CliError;
use crate::files::classifier::Classifier;
use crate::files::dataset;
use crate::files::model::ModelFiles;
use crate::files::whole::{self, write_atomically};
use crate::stop::Stop;

/// Images that run through the classifier at once.
const CHUNK: usize = 100;

/// Real images and their fingerprint.
pub struct Images {
    /// The images, which may be training and test images at once.
    pub set: Arc<ImageSet>,
    /// Their fingerprint.
    pub fingerprint: String,
    /// Whether no model is trained on them.
    pub held_out: bool,
}

/// What an evaluation is made from.
pub struct Inputs<'a> {
    /// Folder of the model.
    pub model: &'a Path,
    /// Folder of the training images.
    pub data: &'a Path,
    /// Folder of images that no model is trained on.
    pub test: Option<&'a Path>,
    /// File of the classifier.
    pub network: Option<&'a Path>,
    /// What shows through transparent pictures.
    pub background: Colour,
    /// What a conditional model is asked for.
    pub condition: &'a Condition,
}

/// Everything that the sections share.
pub struct Evaluation {
    /// The model at work, and Ctrl-C.
    pub loaded: Loaded,
    /// `[channels, height, width]` of its images.
    pub shape: [usize; 3],
    /// Fingerprint of its three files.
    pub fingerprint: String,
    /// The classifier, where one was given.
    pub classifier: Option<Classifier>,
    /// The folder of the real images.
    pub images: Images,
    /// Those that no model is trained on; the same as `images` when there are none.
    pub test: Images,
    /// Pictures of both that could not be read.
    pub skipped: usize,
    /// Seed of everything that is drawn.
    pub seed: u64,
    /// Shows the image-steps done and to do.
    pub bar: ProgressBar,
    reference: OnceLock<(FeatureSet, Reference)>,
}

impl Evaluation {
    /// Opens the model, the images and the classifier, and checks that they fit each other.
    ///
    /// # Errors
    /// The file that cannot be used, or the shape that does not fit.
    pub fn open(
        inputs: &Inputs,
        machine: Machine,
        seed: u64,
        bar: ProgressBar,
    ) -> Result<Self, CliError> {
        let &Inputs {
            model,
            data,
            test,
            network,
            background,
            condition,
        } = inputs;
        let stop = Stop::watch()?;
        let fingerprint = {
            let files = ModelFiles::read(model)?;
            hex(fingerprint([
                files.config.as_bytes(),
                files.scheduler.as_bytes(),
                &files.weights,
            ]))
        };
        let mut loaded = Loaded::open(model, machine, stop)?;
        loaded.asked = condition.of(loaded.model.info(), &loaded.labels)?;
        let shape = loaded.model.image_shape(None)?;
        let classifier = network
            .map(|path| Classifier::open(path, shape))
            .transpose()?;
        let side = u32::try_from(shape[1]).ok();
        let read = dataset::read(data, side, background)?;
        let mut skipped = read.skipped;
        let images = Images::of(read.images, data, shape, false)?;
        let held_out = match test {
            Some(folder) => {
                let read = dataset::read(folder, side, background)?;
                skipped += read.skipped;
                Some((read.images, folder))
            }
            None => dataset::read_test(data, side)?.map(|set| (set, data)),
        };
        let test = match held_out {
            Some((set, folder)) => Images::of(set, folder, shape, true)?,
            None => Images {
                set: images.set.clone(),
                fingerprint: images.fingerprint.clone(),
                held_out: false,
            },
        };
        Ok(Self {
            loaded,
            shape,
            fingerprint,
            classifier,
            images,
            test,
            skipped,
            seed,
            bar,
            reference: OnceLock::new(),
        })
    }

    /// Settings of a cell of `section`: those of every cell that the model takes part in, and `more`.
    pub fn settings(&self, section: &str, more: &[(&str, Value)]) -> Settings {
        let mut all = self.settings_without_model(section, more);
        all.insert("model".into(), json!(self.fingerprint));
        all.insert("device".into(), json!(self.loaded.model.info().adapter));
        let asked = &self.loaded.asked;
        if let Some(class) = asked.class {
            all.insert("class".into(), json!(class));
        }
        if let Some(guidance) = &asked.guidance {
            all.insert("guidance".into(), json!(guidance.weight));
        }
        all
    }

    /// `count` images along `trajectory`, as the model is asked for them.
    pub fn job(&self, trajectory: TrajectoryOptions, count: usize) -> Job {
        Job {
            class: self.loaded.asked.class,
            guidance: self.loaded.asked.guidance,
            ..Job::new(trajectory, self.seed, count)
        }
    }

    /// Settings of a cell of `section` that is about real images only.
    pub fn settings_without_model(&self, section: &str, more: &[(&str, Value)]) -> Settings {
        let base = [("section", json!(section)), ("seed", json!(self.seed))];
        let all = base.iter().chain(more);
        all.map(|(name, value)| ((*name).to_string(), value.clone()))
            .collect()
    }

    /// The classifier.
    ///
    /// # Errors
    /// [`CliError::Usage`] when none was given.
    pub fn classifier(&self) -> Result<&Classifier, CliError> {
        self.classifier.as_ref().ok_or_else(|| {
            CliError::Usage(
                "network: --frechet and --consistency need a classifier: add --network FILE".into(),
            )
        })
    }

    /// Runs `job`; the bar moves by one for each image and step.
    ///
    /// # Errors
    /// As [`Loaded::run`].
    pub fn run(&self, job: &Job) -> Result<Vec<f32>, CliError> {
        self.loaded
            .run(job, &mut |event| self.bar.inc(event.batch as u64))
    }

    /// The features of `count` images of this model's shape, of which `images` gives a range.
    ///
    /// # Errors
    /// [`CliError::Stopped`] after Ctrl-C; [`CliError::Failed`] when they do not fit the classifier.
    pub fn features(
        &self,
        count: usize,
        images: &(dyn Fn(std::ops::Range<usize>) -> Vec<f32> + Sync),
    ) -> Result<Vec<f32>, CliError> {
        let network = &self.classifier()?.network;
        let [channels, height, width] = self.shape;
        let go_on = || !self.loaded.stop.requested();
        let chunks = parallel::map(count, CHUNK, &go_on, &|range| {
            let shape = [range.len(), channels, height, width];
            network.features(&images(range), shape)
        });
        let chunks: Result<Vec<_>, _> = chunks.ok_or(CliError::Stopped)?.into_iter().collect();
        Ok(chunks.map_err(CliError::failed)?.concat())
    }

    /// Features of all real images and their statistics; the features are kept in the folder of `store`.
    ///
    /// # Errors
    /// As [`Evaluation::features`], and when a file cannot be read or written.
    pub fn reference(&self, store: &Store) -> Result<&(FeatureSet, Reference), CliError> {
        if let Some(reference) = self.reference.get() {
            return Ok(reference);
        }
        let classifier = self.classifier()?;
        let name = format!(
            "real-{}-{}.safetensors",
            self.images.fingerprint, classifier.fingerprint
        );
        let path = store.path(&name);
        let failed =
            |e: &dyn std::fmt::Display| CliError::Failed(format!("{}: {e}", path.display()));
        let real = if path.exists() {
            let bytes = whole::read(&path)?;
            file::read(&bytes).map_err(|e| failed(&e))?.0
        } else {
            let set = &self.images.set;
            let values =
                self.features(set.count(), &|range| set.scaled(&range.collect::<Vec<_>>()))?;
            let real = FeatureSet::new(values, classifier.network.dimension())
                .map_err(CliError::failed)?;
            let bytes = file::write(&real).map_err(|e| failed(&e))?;
            write_atomically(&path, &bytes)?;
            real
        };
        let reference = Reference::new(Statistics::of(&real)).map_err(CliError::failed)?;
        Ok(self.reference.get_or_init(|| (real, reference)))
    }
}

impl Images {
    fn of(
        set: ImageSet,
        folder: &Path,
        shape: [usize; 3],
        held_out: bool,
    ) -> Result<Self, CliError> {
        let set = dataset::fitted(set, folder, shape)?;
        Ok(Self {
            fingerprint: hex(set.fingerprint()),
            set: Arc::new(set),
            held_out,
        })
    }

    /// The first `count` images (all, when there are fewer) `[_, C, H, W]` in -1…1.
    pub fn first(&self, count: usize) -> Vec<f32> {
        let indices: Vec<usize> = (0..count.min(self.set.count())).collect();
        self.set.scaled(&indices)
    }
}

fn hex(number: u64) -> String {
    format!("{number:016x}")
}
