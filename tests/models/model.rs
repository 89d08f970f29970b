//! A shipped model, beside the fixture that tells what its peers make of it.

use std::fs;
use std::path::{Path, PathBuf};

use ddim_web::engine::{BatchSpec, CpuEngine, Denoiser};
use ddim_web::sampler::{SampleOptions, Sampler};
use ddim_web::scheduler::{SchedulerConfig, TrajectoryOptions};
use ddim_web::step::Step;
use half::f16;
use safetensors::{Dtype, SafeTensors};

/// Largest difference from a peer, in units of x (images go from -1 to 1).
const TOLERANCE: f32 = 1e-3;

/// The fixture has noise for this many steps.
pub const NOISY_STEPS: usize = 10;

/// What the fixture is made from: its metadata holds a checksum of each.
const MADE_FROM: [&str; 3] = [
    "config.json",
    "scheduler_config.json",
    "diffusion_pytorch_model.safetensors",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn models() -> PathBuf {
    root().join("www/models")
}

/// The names of the models that the page offers.
pub fn folders() -> Vec<String> {
    let index = fs::read_to_string(models().join("index.json")).unwrap();
    let index: Vec<serde_json::Value> = serde_json::from_str(&index).unwrap();
    let path = |model: &serde_json::Value| model["path"].as_str().unwrap().to_owned();
    let paths = index.iter().map(path);
    paths.map(|p| p.trim_end_matches('/').to_owned()).collect()
}

/// Runs `check` on every model of the page.
pub fn on_every_model(check: impl Fn(&Model)) {
    folders().iter().for_each(|name| check(&Model::open(name)));
}

/// Where a run starts.
pub enum From {
    /// The fixture's x_T.
    Noise,
    /// The fixture's pictures, x_0.
    Pictures,
    /// As many of the fixture's images as these are.
    These(Vec<f32>),
}

pub struct Model {
    name: String,
    engine: CpuEngine,
    scheduler: SchedulerConfig,
    fixture: Vec<u8>,
}

impl Model {
    fn open(name: &str) -> Self {
        let file = |file: &str| fs::read(models().join(name).join(file)).unwrap();
        let text = |name: &str| String::from_utf8(file(name)).unwrap();
        let fixture = read_fixture(name, file);
        let [config, scheduler, weights] = MADE_FROM;
        let (config, weights) = (text(config), file(weights));
        Self {
            name: name.to_owned(),
            engine: CpuEngine::load(&config, &weights).unwrap(),
            scheduler: SchedulerConfig::from_json(&text(scheduler)).unwrap(),
            fixture,
        }
    }

    /// Image i is of class i, where the model is conditional.
    fn labels(&self, images: usize) -> Option<Vec<usize>> {
        let conditional = self.engine.info().classes.is_some();
        conditional.then(|| (0..images).collect())
    }

    /// The same model with another schedule.
    pub fn with_scheduler(&self, change: impl FnOnce(&mut SchedulerConfig)) -> SchedulerConfig {
        let mut scheduler = self.scheduler.clone();
        change(&mut scheduler);
        scheduler
    }

    /// Runs `trajectory` on the folder's own schedule: the last state `[B, C, H, W]`.
    pub fn run(&self, from: From, trajectory: TrajectoryOptions) -> Vec<f32> {
        self.run_on(&self.scheduler, from, trajectory)
    }

    /// Runs `trajectory` on `scheduler`. The k-th step gets the fixture's k-th noise. Runs of more than
    /// [`NOISY_STEPS`] take the first image only, here and in the fixture, since they take long.
    pub fn run_on(
        &self,
        scheduler: &SchedulerConfig,
        from: From,
        trajectory: TrajectoryOptions,
    ) -> Vec<f32> {
        let (mut shape, mut latents) = match from {
            From::Noise => self.tensor("x_T"),
            From::Pictures => self.tensor("x_0"),
            From::These(values) => (self.tensor("x_0").0, values),
        };
        let (_, noise) = self.tensor("noise"); // [steps, B, C, H, W]
        if trajectory.steps > NOISY_STEPS {
            shape[0] = 1;
        }
        let labels = self.labels(shape[0]);
        let values = shape.iter().product::<usize>();
        latents.truncate(values);
        let options = SampleOptions {
            trajectory,
            seed: 0,
            first_image: 0,
            same_noise: false,
            batch: shape[0],
            size: Some([shape[2], shape[3]]),
            labels,
            latents: Some(latents),
            known: None,
            guidance: None,
        };
        let sampler = Sampler::new(&self.engine, scheduler, options).unwrap();
        let mut sampler = sampler.with_noise(Box::new(move |draw| {
            let kth = noise.chunks_exact(values).nth(draw as usize - 1);
            kth.expect("the fixture has noise for ten steps").to_vec()
        }));
        loop {
            let step = pollster::block_on(sampler.next(&self.engine)).unwrap();
            if step.done {
                return step.x_t;
            }
        }
    }

    /// Inverts the fixture's pictures with the network's answers read at the level of the state, which is what
    /// `DDIMInverseScheduler` does. As many pictures as [`Self::run_on`] takes.
    pub fn read_at_the_state(&self, trajectory: TrajectoryOptions) -> Vec<f32> {
        let schedule = self.scheduler.schedule().unwrap();
        let (mut shape, mut x) = self.tensor("x_0");
        if trajectory.steps > NOISY_STEPS {
            shape[0] = 1;
        }
        x.truncate(shape.iter().product());
        let spec = BatchSpec {
            shape: shape.clone().try_into().unwrap(),
            labels: self.labels(shape[0]),
        };
        let method = trajectory.method;
        let mut alpha_bar = if self.scheduler.set_alpha_to_one {
            1.0
        } else {
            schedule.alpha_bar(0)
        };
        for step in self.scheduler.trajectory(&trajectory).unwrap().steps {
            let times = vec![step.t as f32; shape[0]];
            let out = self.engine.predict(&spec, x.clone(), &times);
            let out = pollster::block_on(out).unwrap();
            let next = schedule.alpha_bar(step.t);
            let step = Step {
                alpha_bar,
                alpha_bar_told: alpha_bar,
                alpha_bar_next: next,
                last: false,
                prediction: self.scheduler.prediction_type,
                clip: trajectory.clip.unwrap_or(self.scheduler.clip(method)),
                use_clipped_model_output: false,
            };
            let c = step.coefficients(method).unwrap();
            for (x, out) in x.iter_mut().zip(out) {
                let (x_t, out) = (f64::from(*x), f64::from(out));
                let mut x0_hat = [(c.p * x_t + c.q * out) as f32];
                c.clip.apply(&mut x0_hat);
                *x = (c.a * f64::from(x0_hat[0]) + c.b * (c.r * x_t + c.s * out)) as f32;
            }
            alpha_bar = next;
        }
        x
    }

    /// Compares a run's last state with the peer's result of that name.
    #[track_caller]
    pub fn assert_equals(&self, ours: &[f32], peer: &str) {
        let (_, theirs) = self.tensor(peer);
        assert_eq!(ours.len(), theirs.len(), "{}, {peer}", self.name);
        let differences = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs());
        let worst = differences.fold(0.0, f32::max);
        println!("{}, {peer}: max abs difference {worst:.1e}", self.name);
        assert!(
            worst <= TOLERANCE && ours.iter().all(|v| v.is_finite()),
            "{}, {peer}: max abs difference {worst:e}, expected at most {TOLERANCE:e}",
            self.name
        );
    }

    /// The fixture's tensor of that name.
    pub fn tensor(&self, name: &str) -> (Vec<usize>, Vec<f32>) {
        let file = SafeTensors::deserialize(&self.fixture).unwrap();
        let view = file
            .tensor(name)
            .unwrap_or_else(|e| panic!("{}: {name}: {e}: {}", self.name, remedy(&self.name)));
        let bytes = view.data();
        let values = match view.dtype() {
            Dtype::F16 => bytes
                .as_chunks()
                .0
                .iter()
                .map(|b| f16::from_le_bytes(*b).to_f32())
                .collect(),
            Dtype::F32 => bytes
                .as_chunks()
                .0
                .iter()
                .map(|b| f32::from_le_bytes(*b))
                .collect(),
            other => panic!("{name}: unexpected {other:?}"),
        };
        (view.shape().to_vec(), values)
    }
}

/// The fixture's bytes, once it is sure that they belong to the files that are there now.
fn read_fixture(name: &str, file: impl Fn(&str) -> Vec<u8>) -> Vec<u8> {
    let path = root().join(format!("tests/fixtures/model/{name}.safetensors"));
    let bytes =
        fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}: {}", path.display(), remedy(name)));
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let made = header.metadata().as_ref().and_then(|m| m.get("made"));
    let made: serde_json::Value = made.map_or_else(Default::default, |json| {
        serde_json::from_str(json).expect("the fixture's metadata is JSON")
    });
    for made_from in MADE_FROM {
        let mut crc = flate2::Crc::new();
        crc.update(&file(made_from));
        let now = format!("{:08x}", crc.sum());
        let then = &made["from crc32"][made_from];
        assert!(
            *then == now,
            "{}: made from another {made_from} (crc32 {then}, now {now}): {}",
            path.display(),
            remedy(name)
        );
    }
    bytes
}

fn remedy(name: &str) -> String {
    format!("run tools/make_model_fixture.py www/models/{name}")
}
