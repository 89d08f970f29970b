//! Training steps on the graphics card: one JSON line with the median and the smallest time of a step, of its host part
//! and of a forward pass of the same batch.
//!
//! `cargo bench --bench train_gpu -- CONFIG.json BATCH STEPS [checked] [kernels[=FILE]] [tuning='large=… small=… huge=…']`:
//! `checked` with the bounds checks that a browser makes, `kernels` also measures every kernel alone and prints the sums
//! by name, and writes all of them to FILE, `tuning` takes these tiles instead of those that are fastest.

#[cfg(not(target_arch = "wasm32"))]
mod weights;

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use std::collections::BTreeMap;
    use std::time::Instant;

    use super::weights;

    use ddim_web::engine::{
        BatchSpec, Denoiser, Gpu, GpuEngine, GpuLearner, Learner, LearnerState, Level, Optimizer,
        Storage, TrainBatch, Update,
    };
    use ddim_web::noise::gaussian;
    use ddim_web::unet::config::UnetConfig;

    fn normal(stream: u32, count: usize) -> Vec<f32> {
        let mut values = vec![0.0; count];
        gaussian(1, stream, 0, &mut values);
        values
    }

    /// The median and the smallest.
    fn times(mut ms: Vec<f64>) -> [f64; 2] {
        ms.sort_by(f64::total_cmp);
        [(ms[(ms.len() - 1) / 2] + ms[ms.len() / 2]) / 2.0, ms[0]]
    }

    /// The time of every kernel alone: its sum by name, and one by one in `file`.
    fn kernels(learner: &GpuLearner, file: Option<&str>) {
        let all = pollster::block_on(learner.times(10)).expect("times");
        let mut sums: BTreeMap<&str, (usize, f64)> = BTreeMap::new();
        let mut lines = String::new();
        for (name, groups, seconds) in &all {
            let (count, sum) = sums.entry(name).or_default();
            (*count, *sum) = (*count + 1, *sum + seconds);
            lines += &format!("{:.4}\t{name}\t{groups:?}\n", 1e3 * seconds);
        }
        let mut sums: Vec<_> = sums.into_iter().collect();
        sums.sort_by(|a, b| b.1.1.total_cmp(&a.1.1));
        for (name, (count, sum)) in sums {
            println!("{:9.3} ms {count:4} {name}", 1e3 * sum);
        }
        if let Some(file) = file {
            std::fs::write(file, lines).expect("a file that can be written");
        }
    }

    pub fn main() {
        // Cargo puts --bench before or after them.
        let args: Vec<String> = std::env::args()
            .skip(1)
            .filter(|a| a != "--bench")
            .collect();
        let [path, batch, steps, more @ ..] = args.as_slice() else {
            // `cargo test --benches` and `cargo bench` alone run every bench without arguments.
            println!(
                "train_gpu: CONFIG.json BATCH STEPS [checked] [kernels[=FILE]] [tuning=TILES]"
            );
            return;
        };
        let number = |text: &str| text.parse::<usize>().expect("BATCH and STEPS are numbers");
        let (batch, steps) = (number(batch), number(steps).max(1));
        let json = std::fs::read_to_string(path).expect("a config.json");
        let config = UnetConfig::from_json(&json).expect("a valid config.json");
        let [height, width] = config.sample_size.expect("a size");
        let shape = [batch, config.in_channels, height, width];
        let numbers: usize = shape.iter().product();
        let given = TrainBatch {
            shape,
            x0: normal(1000, numbers),
            eps: normal(1001, numbers),
            timesteps: (0..batch).map(|i| (i * 1000 / batch) as f32).collect(),
            levels: vec![
                Level {
                    signal: 0.8,
                    noise: 0.6,
                    c_x0: 0.0,
                    c_eps: 1.0,
                    weight: 1.0,
                };
                batch
            ],
            labels: None,
            drop_seed: 1,
        };
        let values = weights::random(&config);
        let file = weights::file(&config, &values);
        let option = |name: &str| more.iter().find_map(|text| text.strip_prefix(name));
        let tuning = option("tuning=").map(|text| text.parse().expect("names of tiles"));
        let gpu = match option("checked") {
            Some(_) => pollster::block_on(Gpu::open_checked(tuning)),
            None => pollster::block_on(Gpu::open_tuned(tuning)),
        };
        let gpu = gpu.expect("a GPU");
        let mut silent = |_, _| {};
        let engine = GpuEngine::on(&gpu, &json, file, Storage::F32, &mut silent);
        let engine = pollster::block_on(engine).expect("an engine");
        let state = LearnerState::new(values);
        let learner = GpuLearner::new(&gpu, &config, &state);
        let mut learner = pollster::block_on(learner).expect("a learner");

        let spec = BatchSpec {
            shape,
            labels: None,
        };
        let forward = || {
            let start = Instant::now();
            let out = engine.predict(&spec, given.x0.clone(), &given.timesteps);
            pollster::block_on(out).expect("a result");
            start.elapsed().as_secs_f64() * 1e3
        };
        forward();
        let forward = times((0..steps).map(|_| forward()).collect());

        // The first one compiles.
        let start = Instant::now();
        let mut update = Update {
            optimizer: Optimizer::Adam,
            done: 0,
            lr: 2e-4,
            clip: 1.0,
            decay: 0.999,
        };
        let first = pollster::block_on(learner.step(&given, &update)).expect("a step");
        let ready = start.elapsed().as_secs_f64();
        let (mut whole, mut host) = (Vec::new(), Vec::new());
        let mut last = first;
        // As a run does it: a step is begun before the numbers of the one before are read.
        update.done += 1;
        let mut pending = learner.step(&given, &update);
        for _ in 0..steps {
            let start = Instant::now();
            update.done += 1;
            let next = learner.step(&given, &update);
            host.push(start.elapsed().as_secs_f64() * 1e3);
            last = pollster::block_on(pending).expect("a step");
            pending = next;
            whole.push(start.elapsed().as_secs_f64() * 1e3);
        }
        last = pollster::block_on(pending).unwrap_or(last);
        assert!(last.finite());
        let [median, min] = times(whole);
        println!(
            "{{\"adapter\":{:?},\"batch\":{batch},\"kernels\":{},\"firstSeconds\":{ready:.2},\"stepMs\":{median:.3},\
             \"minMs\":{min:.3},\"hostMs\":{:.3},\"forwardMs\":{:.3},\"lossBefore\":{},\"lossAfter\":{},\"tuning\":\"{}\"}}",
            gpu.name(),
            learner.dispatches(),
            times(host)[0],
            forward[0],
            first.loss,
            last.loss,
            learner.tuning(),
        );
        if let Some(file) = option("kernels") {
            kernels(&learner, file.strip_prefix('='));
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
use native::main;

/// The lints of the WebAssembly build look at every target of the package.
#[cfg(target_arch = "wasm32")]
fn main() {}
