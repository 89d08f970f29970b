//! The network, the engines, the sampler and what is done with it, against diffusers, natively and in the browser.
//!
//! In the browser every comparison also runs on WebGPU. What native runs prove for burn on every architecture needs
//! one network there.
#![cfg(any(
    not(target_arch = "wasm32"),
    all(feature = "network", feature = "figures")
))]

mod conditions;
mod engine;
mod fixture;
mod platform;
mod refusals;
mod rule;
mod runs;
mod sampling;
mod surface;
mod views;

#[cfg(target_arch = "wasm32")]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// Makes an async block that takes a device a test on the CPU, and in the browser also on WebGPU.
#[macro_export]
macro_rules! test_on_devices {
    ($cpu:ident, $gpu:ident, $body:expr) => {
        $crate::test!($cpu, $body(ddim_web::engine::DeviceKind::Cpu));
        #[cfg(all(target_arch = "wasm32", feature = "gpu"))]
        $crate::test!($gpu, $body(ddim_web::engine::DeviceKind::Gpu));
    };
}

/// Our engine.
mod plan {
    use ddim_web::engine::EngineKind::Plan;

    use crate::fixture::{CLASSES, FOURIER, GREY_28, NO_MIDDLE, SCALE_SHIFT, THREE_LEVELS};

    test_on_devices!(
        three_levels_equal_diffusers_on_cpu,
        three_levels_equal_diffusers_on_webgpu,
        |d| THREE_LEVELS.assert_parity(Plan, d)
    );
    test_on_devices!(
        scale_shift_and_heads_equal_diffusers_on_cpu,
        scale_shift_and_heads_equal_diffusers_on_webgpu,
        |d| SCALE_SHIFT.assert_parity(Plan, d)
    );
    test_on_devices!(
        grey_28_equals_diffusers_on_cpu,
        grey_28_equals_diffusers_on_webgpu,
        |d| GREY_28.assert_parity(Plan, d)
    );
    test_on_devices!(
        fourier_time_equals_diffusers_on_cpu,
        fourier_time_equals_diffusers_on_webgpu,
        |d| FOURIER.assert_parity(Plan, d)
    );
    test_on_devices!(
        class_embedding_equals_diffusers_on_cpu,
        class_embedding_equals_diffusers_on_webgpu,
        |d| CLASSES.assert_parity(Plan, d)
    );
    test_on_devices!(
        one_level_without_middle_equals_diffusers_on_cpu,
        one_level_without_middle_equals_diffusers_on_webgpu,
        |d| NO_MIDDLE.assert_parity(Plan, d)
    );
}

/// burn, all of it natively.
#[cfg(feature = "burn")]
mod burn {
    use ddim_web::engine::EngineKind::Burn;

    use crate::fixture::NO_MIDDLE;
    #[cfg(not(target_arch = "wasm32"))]
    use crate::fixture::{CIFAR10, CLASSES, FOURIER, GREY_28, SCALE_SHIFT, THREE_LEVELS};

    test_on_devices!(
        one_level_without_middle_equals_diffusers_on_cpu,
        one_level_without_middle_equals_diffusers_on_webgpu,
        |d| NO_MIDDLE.assert_parity(Burn, d)
    );

    #[cfg(not(target_arch = "wasm32"))]
    #[test]
    fn every_architecture_equals_diffusers_on_cpu() {
        use ddim_web::engine::DeviceKind;
        for fixture in [
            CIFAR10,
            THREE_LEVELS,
            SCALE_SHIFT,
            GREY_28,
            FOURIER,
            CLASSES,
        ] {
            pollster::block_on(fixture.assert_parity(Burn, DeviceKind::Cpu));
        }
    }
}

test!(cifar10_has_as_many_parameters_as_diffusers_says, async {
    let config = fixture::CIFAR10.unet_config();
    let tensors = ddim_web::engine::plan::Plan::expected_tensors(&config).unwrap();
    let numbers = tensors.iter().map(|t| t.shape.iter().product::<usize>());
    assert_eq!(numbers.sum::<usize>(), 35_746_307);
});
