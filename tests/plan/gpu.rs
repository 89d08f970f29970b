//! The engine on the graphics card, where there is one (or a program that stands in for one, such as lavapipe).

use ddim_web::engine::{BatchSpec, CpuEngine, Denoiser, EngineError, Gpu, GpuEngine, Storage};
use ddim_web::sampler::{SampleOptions, Sampler};
use ddim_web::scheduler::{SchedulerConfig, TrajectoryOptions};
use ddim_web::step::{Clip, EpsFrom, Method, StepCoefficients};
use ddim_web::unet::config::UnetConfig;

use crate::fixture::{GREY_28, NO_MIDDLE, assert_close};
#[cfg(not(target_arch = "wasm32"))]
use crate::{fixture::CIFAR10, subjects::FIXTURES};
use crate::{parity, rule, test};

/// The device, or `None` with a word about why there is nothing to test on.
pub async fn gpu() -> Option<Gpu> {
    match Gpu::open().await {
        Ok(gpu) => Some(gpu),
        Err(EngineError::NoGpu(why)) => {
            eprintln!("skipped: no GPU on this machine: {why}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

async fn load(gpu: &Gpu, config: &str, weights: &[u8]) -> GpuEngine {
    GpuEngine::on(gpu, config, weights.to_vec(), Storage::F32, &mut |_, _| {})
        .await
        .unwrap()
}

#[cfg(not(target_arch = "wasm32"))]
test!(the_gpu_engine_equals_diffusers, async {
    let Some(gpu) = gpu().await else { return };
    let make = async |config: &str, weights: &[u8]| load(&gpu, config, weights).await;
    // The first one is too much for a program in place of a graphics card.
    parity::equals_diffusers(&FIXTURES[1..], make).await;
});

test!(
    the_gpu_engine_equals_the_reference_on_random_networks,
    async {
        let Some(gpu) = gpu().await else { return };
        let make = async |config: &str, weights: &[u8]| load(&gpu, config, weights).await;
        parity::equals_reference(make).await;
    }
);

test!(runs_on_the_gpu_engine_equal_the_reference, async {
    let Some(gpu) = gpu().await else { return };
    let make = async |config: &str, weights: &[u8]| load(&gpu, config, weights).await;
    parity::runs_equal_reference(make).await;
});

/// The network that `ddim-web train` makes for Fashion-MNIST.
const FASHION_MNIST: &str = include_str!("../../www/models/fashion-mnist/config.json");

/// A step without noise that holds x0_hat within `clip`.
fn coefficients(clip: Clip) -> StepCoefficients {
    StepCoefficients {
        p: 2.0,
        q: -1.7,
        clip,
        r: 0.3,
        s: 0.8,
        eps_from: EpsFrom::X0Hat,
        a: 0.9,
        b: 0.4,
        sigma: 0.1,
    }
}

fn spec(config: &UnetConfig, batch: usize) -> BatchSpec {
    let [height, width] = config.sample_size.unwrap();
    BatchSpec {
        shape: [batch, config.in_channels, height, width],
        labels: None,
    }
}

/// A small grey network, and a batch of one image for it.
async fn grey(gpu: &Gpu) -> (GpuEngine, BatchSpec) {
    let engine = load(gpu, GREY_28.config, &GREY_28.weights()).await;
    (engine, spec(&GREY_28.unet_config(), 1))
}

fn noise(name: &str, spec: &BatchSpec) -> Vec<f32> {
    let count = spec.shape.iter().product();
    rule::unit(name).take(count).map(|v| v as f32).collect()
}

async fn with_dispatches(gpu: &Gpu, json: &str, most: usize) -> (GpuEngine, BatchSpec) {
    let config = UnetConfig::from_json(json).unwrap();
    let engine = load(gpu, json, &rule::weights(&config)).await;
    let spec = spec(&config, 1);
    let dispatches = engine.dispatches(&engine.begin(&spec, noise("x", &spec)).unwrap());
    assert!(
        dispatches <= most,
        "{dispatches} dispatches, allowed {most}"
    );
    (engine, spec)
}

test!(a_step_is_few_dispatches_and_one_submission, async {
    let Some(gpu) = gpu().await else { return };
    // Its weights are too many for a browser's test, and its steps too long for a program in place of a card.
    #[cfg(not(target_arch = "wasm32"))]
    with_dispatches(&gpu, CIFAR10.config, 140).await;
    let (engine, spec) = with_dispatches(&gpu, FASHION_MNIST, 110).await;
    let mut batch = engine.begin(&spec, noise("x", &spec)).unwrap();
    for step in 1..=3 {
        let z = Some(noise("z", &spec));
        let c = coefficients(Clip::Range(1.0));
        engine.step(&mut batch, 100, &c, z).await.unwrap();
        engine.results(&mut batch).await.unwrap();
        assert_eq!(engine.submissions(), step);
    }
});

test!(every_kind_of_step_equals_the_cpu_engine, async {
    let Some(gpu) = gpu().await else { return };
    let json = GREY_28.config;
    let weights = GREY_28.weights();
    let config = UnetConfig::from_json(json).unwrap();
    let spec = spec(&config, 2);
    let on_gpu = load(&gpu, json, &weights).await;
    let on_cpu = CpuEngine::load(json, &weights).unwrap();
    let dynamic = Clip::Dynamic {
        ratio: 0.9,
        max: 1.5,
    };
    for clip in [Clip::None, Clip::Range(0.7), dynamic] {
        for eps_from in [EpsFrom::Out, EpsFrom::X0Hat] {
            for z in [None, Some(noise("z", &spec))] {
                let c = StepCoefficients {
                    eps_from,
                    ..coefficients(clip)
                };
                let x = noise("x", &spec);
                let mut a = on_gpu.begin(&spec, x.clone()).unwrap();
                let mut b = on_cpu.begin(&spec, x).unwrap();
                for t in [800, 30] {
                    on_gpu.step(&mut a, t, &c, z.clone()).await.unwrap();
                    on_cpu.step(&mut b, t, &c, z.clone()).await.unwrap();
                }
                let a = on_gpu.results(&mut a).await.unwrap();
                let b = on_cpu.results(&mut b).await.unwrap();
                assert_close(&a.x0_hat, &b.x0_hat, 1e-4);
                assert_close(&a.x_t, &b.x_t, 1e-4);
            }
        }
    }
});

test!(two_batches_on_one_engine_do_not_disturb_each_other, async {
    let Some(gpu) = gpu().await else { return };
    let (engine, spec) = grey(&gpu).await;
    let c = coefficients(Clip::None);
    let mut alone = engine.begin(&spec, noise("x", &spec)).unwrap();
    engine.step(&mut alone, 500, &c, None).await.unwrap();
    engine.step(&mut alone, 250, &c, None).await.unwrap();
    let expected = engine.results(&mut alone).await.unwrap();
    let mut first = engine.begin(&spec, noise("x", &spec)).unwrap();
    let mut second = engine.begin(&spec, noise("y", &spec)).unwrap();
    engine.step(&mut first, 500, &c, None).await.unwrap();
    engine.step(&mut second, 900, &c, None).await.unwrap();
    engine.step(&mut first, 250, &c, None).await.unwrap();
    assert_eq!(engine.results(&mut first).await.unwrap(), expected);
});

test!(a_device_that_is_lost_says_so, async {
    let Some(gpu) = gpu().await else { return };
    let (engine, spec) = grey(&gpu).await;
    let c = coefficients(Clip::None);
    let mut batch = engine.begin(&spec, noise("x", &spec)).unwrap();
    engine.step(&mut batch, 500, &c, None).await.unwrap();
    gpu.destroy();
    let lost = |result: Result<(), EngineError>| matches!(result, Err(EngineError::Lost(_)));
    assert!(lost(engine.results(&mut batch).await.map(drop)));
    assert!(lost(engine.step(&mut batch, 400, &c, None).await));
    assert!(lost(engine.begin(&spec, noise("x", &spec)).map(drop)));
});

test!(
    what_does_not_fit_on_the_device_is_refused_and_the_engine_goes_on,
    async {
        let Some(gpu) = gpu().await else { return };
        let json = NO_MIDDLE.config;
        let config = UnetConfig::from_json(json).unwrap();
        let engine = load(&gpu, json, &NO_MIDDLE.weights()).await;
        // One more than WebGPU has workgroups in a row.
        let large = spec(&config, 65_536);
        let refused = engine.begin(&large, noise("x", &large)).err().unwrap();
        let text = refused.to_string();
        assert!(
            matches!(refused, EngineError::Device(_)) && text.contains("batch"),
            "{text}"
        );
        let spec = spec(&config, 1);
        let x = noise("x", &spec);
        assert!(engine.predict(&spec, x, &[3.0]).await.is_ok());
    }
);

test!(
    a_readback_that_is_given_up_does_not_disturb_the_next_step,
    async {
        let Some(gpu) = gpu().await else { return };
        let (engine, spec) = grey(&gpu).await;
        let c = coefficients(Clip::None);
        let mut batch = engine.begin(&spec, noise("x", &spec)).unwrap();
        engine.step(&mut batch, 500, &c, None).await.unwrap();
        {
            let mut given_up = std::pin::pin!(engine.results(&mut batch));
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            let _ = given_up.as_mut().poll(&mut context);
        }
        engine.step(&mut batch, 250, &c, None).await.unwrap();
        let results = engine.results(&mut batch).await.unwrap();
        assert!(results.x_t.iter().all(|v| v.is_finite()));
    }
);

test!(
    results_are_those_of_their_step_whatever_is_started_after_it,
    async {
        let Some(gpu) = gpu().await else { return };
        let (engine, spec) = grey(&gpu).await;
        let c = coefficients(Clip::None);
        let mut one_by_one = Vec::new();
        let mut batch = engine.begin(&spec, noise("x", &spec)).unwrap();
        for t in [900, 600, 300] {
            engine.step(&mut batch, t, &c, None).await.unwrap();
            one_by_one.push(engine.results(&mut batch).await.unwrap());
        }
        let mut batch = engine.begin(&spec, noise("x", &spec)).unwrap();
        let mut pending = Vec::new();
        for t in [900, 600, 300] {
            engine.step(&mut batch, t, &c, None).await.unwrap();
            pending.push(engine.results(&mut batch));
        }
        for (expected, pending) in one_by_one.into_iter().zip(pending) {
            assert_eq!(pending.await.unwrap(), expected);
        }
        // Asked for once more, and before any step.
        assert_eq!(
            engine.results(&mut batch).await.unwrap(),
            engine.results(&mut batch).await.unwrap()
        );
        let mut fresh = engine.begin(&spec, noise("x", &spec)).unwrap();
        let known = engine.results(&mut fresh).await.unwrap();
        assert_eq!(known.x_t, noise("x", &spec));
        assert_eq!(known.x0_hat, known.x_t);
    }
);

test!(
    a_run_goes_on_when_its_device_is_lost_in_it_or_before_it,
    async {
        let Some(gpu) = gpu().await else { return };
        let json = GREY_28.config;
        let engine = load(&gpu, json, &GREY_28.weights()).await;
        let scheduler = SchedulerConfig::from_json("{}").unwrap();
        let options = || SampleOptions {
            trajectory: TrajectoryOptions::new(Method::Ddim { eta: 1.0 }, 6),
            seed: 5,
            first_image: 0,
            same_noise: false,
            batch: 2,
            size: None,
            labels: None,
            latents: None,
            known: None,
            guidance: None,
        };
        let mut expected = Vec::new();
        let mut sampler = Sampler::new(&engine, &scheduler, options()).unwrap();
        while expected.len() < sampler.total() {
            expected.push(sampler.next(&engine).await.unwrap());
        }
        assert_eq!(sampler.recoveries(), 0);

        let mut sampler = Sampler::new(&engine, &scheduler, options()).unwrap();
        for (i, expected) in expected.iter().enumerate() {
            if i == 3 {
                gpu.destroy();
            }
            assert_eq!(&sampler.next(&engine).await.unwrap(), expected, "step {i}");
        }
        assert_eq!(sampler.recoveries(), 1);

        let gpu = Gpu::open().await.unwrap();
        let engine = load(&gpu, json, &GREY_28.weights()).await;
        gpu.destroy();
        let mut sampler = Sampler::new(&engine, &scheduler, options()).unwrap();
        for expected in &expected {
            assert_eq!(&sampler.next(&engine).await.unwrap(), expected);
        }
        assert_eq!(sampler.recoveries(), 1);
    }
);
