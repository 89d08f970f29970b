//! The engine on the graphics card, where there is one (or a program that stands in for one, such as lavapipe).

use ddim_web::engine::{EngineError, Gpu, GpuEngine};

use crate::fixture::{
    CIFAR10, CLASSES, FOURIER, Fixture, GREY_28, NO_MIDDLE, SCALE_SHIFT, THREE_LEVELS,
};
use crate::{parity, test};

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
