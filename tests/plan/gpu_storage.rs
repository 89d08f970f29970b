//! Half precision on the graphics card: how far the results are from those of single precision.

use ddim_web::engine::{BatchSpec, Denoiser, EngineError, Gpu, GpuEngine, Storage};
use ddim_web::sampler::{SampleOptions, Sampler};
use ddim_web::scheduler::{SchedulerConfig, TrajectoryOptions};
use ddim_web::step::Method;
use ddim_web::unet::config::UnetConfig;

use crate::fixture::{
    CLASSES, FOURIER, Fixture, GREY_28, NO_MIDDLE, SCALE_SHIFT, THREE_LEVELS, largest_difference,
};
use crate::gpu::gpu;
use crate::{rule, test};

/// A device that has f16, or `None` with a word about why there is nothing to test on.
async fn half() -> Option<Gpu> {
    let gpu = gpu().await?;
    if !gpu.stores(Storage::F16) {
        eprintln!("skipped: {} has no shader-f16", gpu.name());
        return None;
    }
    Some(gpu)
}

async fn load(gpu: &Gpu, config: &str, weights: &[u8], storage: Storage) -> GpuEngine {
    GpuEngine::on(gpu, config, weights.to_vec(), storage, &mut |_, _| {})
        .await
        .unwrap()
}

/// Largest difference of two outputs, whose numbers are about 1.
const TOLERANCE: f32 = 5e-3;

test!(networks_in_f16_are_close_to_f32, async {
    let Some(gpu) = half().await else { return };
    let fixtures: [(&str, Fixture); 6] = [
        ("three levels", THREE_LEVELS),
        ("scale shift", SCALE_SHIFT),
        ("grey", GREY_28),
        ("fourier", FOURIER),
        ("classes", CLASSES),
        ("no middle", NO_MIDDLE),
    ];
    for (name, fixture) in fixtures {
        let (shape, x) = fixture.tensor("x3");
        let (_, t) = fixture.tensor("t3");
        let classes = fixture.unet_config().num_class_embeds;
        let spec = BatchSpec {
            shape: shape.try_into().unwrap(),
            labels: classes.map(|classes| (0..3).map(|i| i % classes).collect()),
        };
        let weights = fixture.weights();
        let mut outputs = Vec::new();
        for storage in [Storage::F32, Storage::F16] {
            let engine = load(&gpu, fixture.config, &weights, storage).await;
            outputs.push(engine.predict(&spec, x.clone(), &t).await.unwrap());
        }
        let worst = largest_difference(&outputs[1], &outputs[0]);
        assert!(worst <= TOLERANCE, "{name}: max abs error {worst}");
        // Really stored as f16: f32 is not that far off.
        assert!(worst > 1e-5, "{name}: max abs error {worst}");
    }
});

const MODEL: [&str; 2] = [
    include_str!("../../www/models/fashion-mnist/config.json"),
    include_str!("../../www/models/fashion-mnist/scheduler_config.json"),
];
const WEIGHTS: &[u8] =
    include_bytes!("../../www/models/fashion-mnist/diffusion_pytorch_model.safetensors");

/// Largest and mean difference of two pictures in grey levels, of which there are 256.
const LEVELS: [f32; 2] = [1.0, 0.05];

test!(pictures_in_f16_are_close_to_f32, async {
    let Some(gpu) = half().await else { return };
    let [config, scheduler] = MODEL;
    let scheduler = SchedulerConfig::from_json(scheduler).unwrap();
    let mut pictures = Vec::new();
    for storage in [Storage::F32, Storage::F16] {
        let engine = load(&gpu, config, WEIGHTS, storage).await;
        let options = SampleOptions {
            trajectory: TrajectoryOptions::new(Method::Ddim { eta: 0.0 }, 10),
            seed: 7,
            first_image: 0,
            same_noise: false,
            batch: 4,
            size: None,
            labels: None,
            latents: None,
            known: None,
            guidance: None,
        };
        let mut sampler = Sampler::new(&engine, &scheduler, options).unwrap();
        let steps = sampler.total();
        pictures.push(sampler.advance(&engine, steps).await.unwrap().x_t);
    }
    // -1 to 1 is 0 to 255.
    let levels: Vec<f32> = pictures[0]
        .iter()
        .zip(&pictures[1])
        .map(|(a, b)| (a.clamp(-1.0, 1.0) - b.clamp(-1.0, 1.0)).abs() * 127.5)
        .collect();
    let worst = levels.iter().copied().fold(0.0, f32::max);
    let mean = levels.iter().sum::<f32>() / levels.len() as f32;
    assert!(
        worst <= LEVELS[0] && mean <= LEVELS[1],
        "largest {worst}, mean {mean}"
    );
});

/// The weights of a network, the first convolution's multiplied by `factor`.
fn scaled(config: &UnetConfig, factor: f32) -> Vec<u8> {
    let mut tensors = rule::tensors(config);
    for tensor in tensors.iter_mut().filter(|t| t.name == "conv_in.weight") {
        for number in tensor.bytes.chunks_exact_mut(4) {
            let value = f32::from_le_bytes([number[0], number[1], number[2], number[3]]);
            number.copy_from_slice(&(value * factor).to_le_bytes());
        }
    }
    rule::file(&tensors)
}

test!(what_f16_cannot_hold_is_said_and_never_drawn, async {
    let Some(gpu) = half().await else { return };
    let config = GREY_28.unet_config();
    let (shape, x) = GREY_28.tensor("x1");
    let spec = BatchSpec {
        shape: shape.try_into().unwrap(),
        labels: None,
    };
    // The weights still fit, their sums do not.
    let large = scaled(&config, 5e4);
    let engine = load(&gpu, GREY_28.config, &large, Storage::F32).await;
    let output = engine.predict(&spec, x.clone(), &[3.0]).await.unwrap();
    assert!(output.iter().all(|v| v.is_finite()));
    let engine = load(&gpu, GREY_28.config, &large, Storage::F16).await;
    let output = engine.predict(&spec, x, &[3.0]).await.unwrap();
    assert!(output.iter().any(|v| !v.is_finite()));
    // The weights themselves do not fit.
    let refused = GpuEngine::on(
        &gpu,
        GREY_28.config,
        scaled(&config, 1e6),
        Storage::F16,
        &mut |_, _| {},
    )
    .await
    .err()
    .unwrap();
    assert!(
        matches!(&refused, EngineError::Device(text) if text.contains("f32")),
        "{refused}"
    );
});

test!(a_device_without_f16_refuses_it, async {
    let Some(gpu) = gpu().await else { return };
    if gpu.stores(Storage::F16) {
        eprintln!("skipped: {} has shader-f16", gpu.name());
        return;
    }
    let weights = NO_MIDDLE.weights();
    let refused = GpuEngine::on(
        &gpu,
        NO_MIDDLE.config,
        weights,
        Storage::F16,
        &mut |_, _| {},
    )
    .await
    .err()
    .unwrap();
    assert!(refused.to_string().contains("f16"), "{refused}");
});
