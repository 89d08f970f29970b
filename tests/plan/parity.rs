//! What every engine that replays a plan has to equal: diffusers' answers, and another engine on networks drawn at
//! random. Natively that is burn; where there is none (in the browser's tests) it is the plan's plain loops, which
//! equal burn natively.

use ddim_web::engine::{BatchSpec, Denoiser};
use ddim_web::sampler::{SampleOptions, Sampler};
use ddim_web::scheduler::{SchedulerConfig, TrajectoryOptions};
use ddim_web::step::Method;
use ddim_web::unet::config::TimeEmbedding;

use crate::fixture::{Fixture, largest_difference};
use crate::random::{Drawn, draw};
use crate::rule;

/// How many networks are drawn.
pub const NETWORKS: u32 = 50;

/// How many of them are compared; in the browser a handful, as native runs prove the rest.
const COMPARED: u32 = if cfg!(target_arch = "wasm32") {
    6
} else {
    NETWORKS
};

/// How many of them are run for several steps.
const RUNS: usize = if cfg!(target_arch = "wasm32") { 1 } else { 4 };

/// Largest difference of two outputs, whose numbers are about 1.
const TOLERANCE: f32 = 1e-4;

/// Largest difference after a run, where every step multiplies the networks' difference by up to
/// sqrt(1 / alpha_bar - 1) ≈ 10 before x0_hat is clipped.
const RUN_TOLERANCE: f32 = 3e-4;

/// `make` loads an engine from a config.json and the bytes of a weights file. It answers as diffusers does.
pub async fn equals_diffusers<D: Denoiser>(
    fixtures: &[Fixture],
    make: impl AsyncFn(&str, &[u8]) -> D,
) {
    for fixture in fixtures {
        let engine = make(fixture.config, &fixture.weights()).await;
        fixture.assert_answers(&engine).await;
    }
}

/// It answers as the reference does, for one image and for three at time steps of their own.
pub async fn equals_reference<D: Denoiser>(make: impl AsyncFn(&str, &[u8]) -> D) {
    for seed in 0..COMPARED {
        let drawn = draw(seed);
        let weights = rule::weights(&drawn.config);
        let reference = reference(&drawn, &weights).await;
        let engine = make(&drawn.json, &weights).await;
        let timesteps: [&[f32]; 2] = match drawn.config.time_embedding {
            TimeEmbedding::Positional { .. } => [&[500.0], &[0.0, 37.0, 999.0]],
            // The output is divided by it.
            TimeEmbedding::Fourier => [&[1.5], &[0.5, 1.0, 2.5]],
        };
        for timesteps in timesteps {
            let spec = spec(&drawn, timesteps.len());
            let x = noise("x", spec.shape.iter().product());
            let expected = reference
                .predict(&spec, x.clone(), timesteps)
                .await
                .unwrap();
            let found = engine.predict(&spec, x, timesteps).await.unwrap();
            assert!(
                expected.iter().any(|v| v.abs() > 0.1),
                "too small to tell engines apart: {}",
                drawn.json
            );
            assert_equal(&found, &expected, TOLERANCE, &drawn, timesteps.len());
        }
    }
}

/// Five steps of DDIM with eta 1, clipping and the same noise end where the reference's end.
pub async fn runs_equal_reference<D: Denoiser>(make: impl AsyncFn(&str, &[u8]) -> D) {
    let images = |drawn: &Drawn| {
        drawn.config.in_channels == drawn.config.out_channels
            && matches!(
                drawn.config.time_embedding,
                TimeEmbedding::Positional { .. }
            )
    };
    for drawn in (0..NETWORKS).map(draw).filter(images).take(RUNS) {
        let weights = rule::weights(&drawn.config);
        let expected = run(&reference(&drawn, &weights).await, &drawn).await;
        let found = run(&make(&drawn.json, &weights).await, &drawn).await;
        for (found, expected) in found.iter().zip(&expected) {
            assert_equal(found, expected, RUN_TOLERANCE, &drawn, 2);
        }
    }
}

#[cfg(all(feature = "burn", not(target_arch = "wasm32")))]
async fn reference(drawn: &Drawn, weights: &[u8]) -> ddim_web::engine::BurnEngine {
    use ddim_web::engine::{BurnEngine, DeviceKind};
    BurnEngine::load(&drawn.json, weights, DeviceKind::Cpu)
        .await
        .unwrap()
}

#[cfg(not(all(feature = "burn", not(target_arch = "wasm32"))))]
async fn reference(drawn: &Drawn, weights: &[u8]) -> crate::replay::Replay {
    crate::replay::Replay::load(&drawn.json, weights)
}

fn spec(drawn: &Drawn, batch: usize) -> BatchSpec {
    let [height, width] = drawn.size;
    let classes = drawn.config.num_class_embeds;
    BatchSpec {
        shape: [batch, drawn.config.in_channels, height, width],
        labels: classes.map(|classes| (0..batch).map(|i| (i + 1) % classes).collect()),
    }
}

/// `count` numbers of variance 1.
fn noise(name: &str, count: usize) -> Vec<f32> {
    let numbers = rule::unit(name).take(count);
    numbers.map(|v| (v * 3f64.sqrt()) as f32).collect()
}

/// Two images: x0_hat of every step, and the last x_t.
async fn run<D: Denoiser>(engine: &D, drawn: &Drawn) -> Vec<Vec<f32>> {
    let scheduler = SchedulerConfig::from_json(r#"{"_class_name": "DDIMScheduler"}"#).unwrap();
    let spec = spec(drawn, 2);
    let count = spec.shape.iter().product();
    let options = SampleOptions {
        trajectory: TrajectoryOptions::new(Method::Ddim { eta: 1.0 }, 5),
        seed: 0,
        first_image: 0,
        same_noise: false,
        batch: 2,
        size: Some(drawn.size),
        labels: spec.labels,
        latents: Some(noise("x_T", count)),
        known: None,
        guidance: None,
    };
    let sampler = Sampler::new(engine, &scheduler, options).unwrap();
    let mut sampler =
        sampler.with_noise(Box::new(move |draw| noise(&format!("noise {draw}"), count)));
    let mut states = Vec::new();
    loop {
        let step = sampler.next(engine).await.unwrap();
        states.push(step.x0_hat);
        if step.done {
            states.push(step.x_t);
            return states;
        }
    }
}

fn assert_equal(found: &[f32], expected: &[f32], tolerance: f32, drawn: &Drawn, batch: usize) {
    let worst = largest_difference(found, expected);
    assert!(
        worst <= tolerance,
        "max abs error {worst}, allowed {tolerance}: batch of {batch}, network {}: {}",
        drawn.seed,
        drawn.json
    );
}
