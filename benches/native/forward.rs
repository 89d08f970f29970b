//! Forward passes natively: one JSON line with the median and the smallest time of a batch.
//!
//! `cargo bench --bench forward -- ARCHITECTURE BATCH RUNS cpu|gpu plan|burn f32|f16 [INSTRUCTIONS]`; scripts/bench calls
//! it. INSTRUCTIONS are vector instructions of the processor, the best ones if not given.

#[cfg(not(target_arch = "wasm32"))]
mod weights;

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use std::time::Instant;

    use super::weights;

    use ddim_web::engine::{
        BatchSpec, CpuEngine, Denoiser, DeviceKind, Engine, EngineKind, GpuOptions, LoadOptions,
        Storage,
    };
    use ddim_web::noise::gaussian;
    use ddim_web::unet::config::UnetConfig;

    pub fn main() {
        // Cargo puts --bench before or after them.
        let args: Vec<String> = std::env::args()
            .skip(1)
            .filter(|a| a != "--bench")
            .collect();
        let [
            name,
            batch,
            runs,
            device,
            engine,
            storage,
            instructions @ ..,
        ] = args.as_slice()
        else {
            // `cargo test --benches` and `cargo bench` alone run every bench without arguments.
            println!("forward: ARCHITECTURE BATCH RUNS cpu|gpu plan|burn f32|f16 [INSTRUCTIONS]");
            return;
        };
        let number = |text: &str| text.parse::<usize>().expect("BATCH and RUNS are numbers");
        let (batch, runs) = (number(batch), number(runs).max(1));
        let device = match device.as_str() {
            "cpu" => DeviceKind::Cpu,
            "gpu" => DeviceKind::Gpu,
            other => panic!("expected cpu or gpu, found {other}"),
        };
        let engine: EngineKind = engine.parse().expect("plan or burn");
        let storage: Storage = storage.parse().expect("f32 or f16");

        let instructions = instructions.first().map(|name| {
            let mut there = CpuEngine::instructions().into_iter();
            there
                .find(|set| set == name)
                .unwrap_or_else(|| panic!("this processor has no {name}"))
        });

        let path = format!(
            "{}/benches/architectures/{name}.json",
            env!("CARGO_MANIFEST_DIR")
        );
        let json = std::fs::read_to_string(path).expect("one of benches/architectures");
        let config = UnetConfig::from_json(&json).expect("a valid config.json");
        let [height, width] = config.sample_size.expect("a size");
        let spec = BatchSpec {
            shape: [batch, config.in_channels, height, width],
            labels: None,
        };
        let mut x = vec![0.0; spec.shape.iter().product()];
        gaussian(2, 0, 0, &mut x);
        let times = vec![500.0; batch];

        let weights = weights::file(&config, &weights::random(&config));
        let options = LoadOptions {
            engine,
            device,
            instructions,
            weights: Storage::F32,
            gpu: GpuOptions {
                tuning: None,
                storage,
            },
        };
        let engine = pollster::block_on(Engine::load(&json, weights, &options, &mut |_, _| {}))
            .expect("an engine");
        let forward = || {
            let start = Instant::now();
            let out =
                pollster::block_on(engine.predict(&spec, x.clone(), &times)).expect("a result");
            assert!(out.iter().all(|v| v.is_finite()));
            start.elapsed().as_secs_f64() * 1e3
        };
        forward();
        forward();
        let mut ms: Vec<f64> = (0..runs).map(|_| forward()).collect();
        ms.sort_by(f64::total_cmp);
        let median = (ms[(runs - 1) / 2] + ms[runs / 2]) / 2.0;
        println!(
            "{{\"adapter\":{:?},\"parameters\":{},\"minMs\":{},\"medianMs\":{median}}}",
            engine.info().adapter,
            engine.info().parameters,
            ms[0],
        );
    }
}

#[cfg(not(target_arch = "wasm32"))]
use native::main;

/// The lints of the WebAssembly build look at every target of the package; in a browser benches/browser measures.
#[cfg(target_arch = "wasm32")]
fn main() {}
