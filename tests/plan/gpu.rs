//! The engine on the graphics card, where there is one (or a program that stands in for one, such as lavapipe).

use ddim_web::engine::{BatchSpec, CpuEngine, Denoiser, EngineError, Gpu, GpuEngine};
use ddim_web::step::{Clip, EpsFrom, StepCoefficients};
use ddim_web::unet::config::UnetConfig;

use crate::fixture::{
    CIFAR10, CLASSES, FOURIER, Fixture, GREY_28, NO_MIDDLE, SCALE_SHIFT, THREE_LEVELS, assert_close,
};
use crate::{parity, rule, test};

/// The device, or `None` with a word about why there is nothing to test on.
async fn gpu() -> Option<Gpu> {
    match Gpu::open().await {
        Ok(gpu) => Some(gpu),
        Err(EngineError::NoGpu(why)) => {
            eprintln!("skipped: no GPU on this machine: {why}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

const ALL: [Fixture; 7] = [
    CIFAR10,
    THREE_LEVELS,
    SCALE_SHIFT,
    GREY_28,
    FOURIER,
    CLASSES,
    NO_MIDDLE,
];

test!(the_gpu_engine_equals_diffusers, async {
    let Some(gpu) = gpu().await else { return };
    let make = async |config: &str, weights: &[u8]| GpuEngine::on(&gpu, config, weights).unwrap();
    parity::equals_diffusers(&ALL, make).await;
});

test!(the_gpu_engine_equals_burn_on_random_networks, async {
    let Some(gpu) = gpu().await else { return };
    let make = async |config: &str, weights: &[u8]| GpuEngine::on(&gpu, config, weights).unwrap();
    parity::equals_burn(make).await;
});

test!(runs_on_the_gpu_engine_equal_burn, async {
    let Some(gpu) = gpu().await else { return };
    let make = async |config: &str, weights: &[u8]| GpuEngine::on(&gpu, config, weights).unwrap();
    parity::runs_equal_burn(make).await;
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

fn noise(name: &str, spec: &BatchSpec) -> Vec<f32> {
    let count = spec.shape.iter().product();
    rule::unit(name).take(count).map(|v| v as f32).collect()
}

test!(a_step_is_few_dispatches_and_one_submission, async {
    let Some(gpu) = gpu().await else { return };
    for (json, most) in [(CIFAR10.config, 140), (FASHION_MNIST, 110)] {
        let config = UnetConfig::from_json(json).unwrap();
        let engine = GpuEngine::on(&gpu, json, &rule::weights(&config)).unwrap();
        let spec = spec(&config, 1);
        let mut batch = engine.begin(&spec, noise("x", &spec)).unwrap();
        let dispatches = engine.dispatches(&batch);
        assert!(
            dispatches <= most,
            "{dispatches} dispatches, allowed {most}"
        );
        for step in 1..=3 {
            let z = Some(noise("z", &spec));
            let c = coefficients(Clip::Range(1.0));
            engine.step(&mut batch, 100, &c, z).await.unwrap();
            engine.x0_hat(&batch).await.unwrap();
            engine.x_t(&batch).await.unwrap();
            assert_eq!(engine.submissions(), step);
        }
    }
});

test!(every_kind_of_step_equals_the_cpu_engine, async {
    let Some(gpu) = gpu().await else { return };
    let json = GREY_28.config;
    let weights = GREY_28.weights();
    let config = UnetConfig::from_json(json).unwrap();
    let spec = spec(&config, 2);
    let on_gpu = GpuEngine::on(&gpu, json, &weights).unwrap();
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
                assert_close(
                    &on_gpu.x0_hat(&a).await.unwrap(),
                    &on_cpu.x0_hat(&b).await.unwrap(),
                    1e-4,
                );
                assert_close(
                    &on_gpu.x_t(&a).await.unwrap(),
                    &on_cpu.x_t(&b).await.unwrap(),
                    1e-4,
                );
            }
        }
    }
});

test!(two_batches_on_one_engine_do_not_disturb_each_other, async {
    let Some(gpu) = gpu().await else { return };
    let json = GREY_28.config;
    let config = UnetConfig::from_json(json).unwrap();
    let engine = GpuEngine::on(&gpu, json, &GREY_28.weights()).unwrap();
    let spec = spec(&config, 1);
    let c = coefficients(Clip::None);
    let mut alone = engine.begin(&spec, noise("x", &spec)).unwrap();
    engine.step(&mut alone, 500, &c, None).await.unwrap();
    engine.step(&mut alone, 250, &c, None).await.unwrap();
    let expected = engine.x_t(&alone).await.unwrap();
    let mut first = engine.begin(&spec, noise("x", &spec)).unwrap();
    let mut second = engine.begin(&spec, noise("y", &spec)).unwrap();
    engine.step(&mut first, 500, &c, None).await.unwrap();
    engine.step(&mut second, 900, &c, None).await.unwrap();
    engine.step(&mut first, 250, &c, None).await.unwrap();
    assert_eq!(engine.x_t(&first).await.unwrap(), expected);
});

test!(a_device_that_is_lost_says_so, async {
    let Some(gpu) = gpu().await else { return };
    let json = GREY_28.config;
    let config = UnetConfig::from_json(json).unwrap();
    let engine = GpuEngine::on(&gpu, json, &GREY_28.weights()).unwrap();
    let spec = spec(&config, 1);
    let c = coefficients(Clip::None);
    let mut batch = engine.begin(&spec, noise("x", &spec)).unwrap();
    engine.step(&mut batch, 500, &c, None).await.unwrap();
    gpu.destroy();
    let lost = |result: Result<(), EngineError>| matches!(result, Err(EngineError::Lost(_)));
    assert!(lost(engine.x0_hat(&batch).await.map(drop)));
    assert!(lost(engine.step(&mut batch, 400, &c, None).await));
    assert!(lost(engine.begin(&spec, noise("x", &spec)).map(drop)));
});

test!(
    what_does_not_fit_on_the_device_is_refused_and_the_engine_goes_on,
    async {
        let Some(gpu) = gpu().await else { return };
        let json = NO_MIDDLE.config;
        let config = UnetConfig::from_json(json).unwrap();
        let engine = GpuEngine::on(&gpu, json, &NO_MIDDLE.weights()).unwrap();
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
        let json = GREY_28.config;
        let config = UnetConfig::from_json(json).unwrap();
        let engine = GpuEngine::on(&gpu, json, &GREY_28.weights()).unwrap();
        let spec = spec(&config, 1);
        let c = coefficients(Clip::None);
        let mut batch = engine.begin(&spec, noise("x", &spec)).unwrap();
        engine.step(&mut batch, 500, &c, None).await.unwrap();
        {
            let mut given_up = std::pin::pin!(engine.x0_hat(&batch));
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            let _ = given_up.as_mut().poll(&mut context);
        }
        engine.step(&mut batch, 250, &c, None).await.unwrap();
        assert!(
            engine
                .x_t(&batch)
                .await
                .unwrap()
                .iter()
                .all(|v| v.is_finite())
        );
    }
);
