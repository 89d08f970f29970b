//! Training steps natively: one JSON line with the median time of a step, of three forward passes of the same batch,
//! and their ratio; both run in turn.
//!
//! `cargo bench --bench train -- ARCHITECTURE BATCH RUNS [INSTRUCTIONS]`.

#[cfg(not(target_arch = "wasm32"))]
mod weights;

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use std::time::Instant;

    use super::weights;

    use ddim_web::engine::{
        BatchSpec, CpuEngine, CpuLearner, Denoiser, Learner, LearnerState, Level, Optimizer,
        TrainBatch, Update,
    };
    use ddim_web::noise::gaussian;
    use ddim_web::unet::config::UnetConfig;
    use pollster::block_on;

    fn median(ms: &mut [f64]) -> f64 {
        ms.sort_by(f64::total_cmp);
        (ms[(ms.len() - 1) / 2] + ms[ms.len() / 2]) / 2.0
    }

    fn milliseconds(work: impl FnOnce()) -> f64 {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64() * 1e3
    }

    pub fn main() {
        // Cargo puts --bench before or after them.
        let args: Vec<String> = std::env::args()
            .skip(1)
            .filter(|a| a != "--bench")
            .collect();
        let (name, batch, runs, instructions) = match args.as_slice() {
            [name, batch, runs] => (name, batch, runs, CpuEngine::instructions()[0]),
            [name, batch, runs, instructions] => (name, batch, runs, instructions.as_str()),
            _ => {
                // `cargo test --benches` and `cargo bench` alone run every bench without arguments.
                println!("train: ARCHITECTURE BATCH RUNS [INSTRUCTIONS]");
                return;
            }
        };
        let number = |text: &str| text.parse::<usize>().expect("BATCH and RUNS are numbers");
        let (batch, runs) = (number(batch), number(runs).max(1));
        let path = format!(
            "{}/benches/architectures/{name}.json",
            env!("CARGO_MANIFEST_DIR")
        );
        let json = std::fs::read_to_string(path).expect("one of benches/architectures");
        let config = UnetConfig::from_json(&json).expect("a valid config.json");
        let [height, width] = config.sample_size.expect("a size");
        let shape = [batch, config.in_channels, height, width];
        let numbers = |draw: u32| {
            let mut numbers = vec![0.0; shape.iter().product()];
            gaussian(2, 0, draw, &mut numbers);
            numbers
        };
        let level = Level {
            signal: 0.6,
            noise: 0.8,
            c_x0: 0.0,
            c_eps: 1.0,
            weight: 1.0,
        };
        let train = TrainBatch {
            shape,
            x0: numbers(0),
            eps: numbers(1),
            timesteps: vec![500.0; batch],
            levels: vec![level; batch],
            labels: None,
            drop_seed: 0,
        };
        let spec = BatchSpec {
            shape,
            labels: None,
        };

        let values = weights::random(&config);
        let file = weights::file(&config, &values);
        let engine = CpuEngine::load_with_instructions(&json, &file, instructions);
        let engine = engine.expect("an engine");
        let state = LearnerState::new(values);
        let learner = CpuLearner::with_instructions(config, &state, instructions);
        let mut learner = learner.expect("a learner");

        let mut done = 0;
        let mut step = || {
            milliseconds(|| {
                let update = Update {
                    optimizer: Optimizer::Adam,
                    done,
                    lr: 1e-4,
                    clip: 1.0,
                    decay: 0.999,
                };
                let numbers = block_on(learner.step(&train, &update)).expect("a step");
                assert!(numbers.finite());
                done += 1;
            })
        };
        let x = numbers(2);
        let forward = || {
            milliseconds(|| {
                block_on(engine.predict(&spec, x.clone(), &train.timesteps)).expect("a result");
            })
        };
        step();
        forward();
        let (mut steps, mut forwards) = (Vec::new(), Vec::new());
        for _ in 0..runs {
            forwards.push((0..3).map(|_| forward()).sum());
            steps.push(step());
        }
        let (steps_median, forwards) = (median(&mut steps), median(&mut forwards));
        println!(
            "{{\"adapter\":{:?},\"stepMs\":{steps_median:.1},\"stepMinMs\":{:.1},\"threeForwardsMs\":{forwards:.1},\"ratio\":{:.3}}}",
            engine.info().adapter,
            steps[0],
            steps_median / forwards
        );
    }
}

#[cfg(not(target_arch = "wasm32"))]
use native::main;

/// The lints of the WebAssembly build look at every target of the package; in a browser benches/browser measures.
#[cfg(target_arch = "wasm32")]
fn main() {}
