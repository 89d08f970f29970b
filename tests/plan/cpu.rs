//! The engine on the processor.

use ddim_web::engine::CpuEngine;

use crate::fixture::{CIFAR10, CLASSES, FOURIER, GREY_28, NO_MIDDLE, SCALE_SHIFT, THREE_LEVELS};
use crate::parity;
use crate::test;

async fn cpu(config: &str, weights: &[u8]) -> CpuEngine {
    CpuEngine::load(config, weights).unwrap()
}

test!(
    the_cpu_engine_equals_diffusers,
    parity::equals_diffusers(
        &[
            CIFAR10,
            THREE_LEVELS,
            SCALE_SHIFT,
            GREY_28,
            FOURIER,
            CLASSES,
            NO_MIDDLE
        ],
        cpu
    )
);
test!(
    the_cpu_engine_equals_burn_on_random_networks,
    parity::equals_burn(cpu)
);
test!(
    runs_on_the_cpu_engine_equal_burn,
    parity::runs_equal_burn(cpu)
);
