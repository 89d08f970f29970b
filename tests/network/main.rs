//! The network, the engine and the sampler against diffusers, natively and in the browser.
//!
//! In the browser every comparison also runs on WebGPU.

mod fixture;
mod on_burn;
mod platform;
mod refusals;
mod rule;
mod sampling;
mod surface;

use ddim_web::engine::DeviceKind;
use fixture::{CIFAR10, CLASSES, FOURIER, GREY_28, NO_MIDDLE, SCALE_SHIFT, THREE_LEVELS};

#[cfg(target_arch = "wasm32")]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// Makes an async block that takes a device a test on the CPU, and in the browser also on WebGPU.
#[macro_export]
macro_rules! test_on_devices {
    ($cpu:ident, $gpu:ident, $body:expr) => {
        $crate::test!($cpu, $body(ddim_web::engine::DeviceKind::Cpu));
        #[cfg(target_arch = "wasm32")]
        $crate::test!($gpu, $body(ddim_web::engine::DeviceKind::Gpu));
    };
}

test_on_devices!(
    cifar10_equals_diffusers_on_cpu,
    cifar10_equals_diffusers_on_webgpu,
    |d| CIFAR10.assert_parity(d)
);
test_on_devices!(
    three_levels_equal_diffusers_on_cpu,
    three_levels_equal_diffusers_on_webgpu,
    |d| THREE_LEVELS.assert_parity(d)
);
test_on_devices!(
    scale_shift_and_heads_equal_diffusers_on_cpu,
    scale_shift_and_heads_equal_diffusers_on_webgpu,
    |d| SCALE_SHIFT.assert_parity(d)
);
test_on_devices!(
    grey_28_equals_diffusers_on_cpu,
    grey_28_equals_diffusers_on_webgpu,
    |d| GREY_28.assert_parity(d)
);
test_on_devices!(
    fourier_time_equals_diffusers_on_cpu,
    fourier_time_equals_diffusers_on_webgpu,
    |d| FOURIER.assert_parity(d)
);
test_on_devices!(
    class_embedding_equals_diffusers_on_cpu,
    class_embedding_equals_diffusers_on_webgpu,
    |d| CLASSES.assert_parity(d)
);
test_on_devices!(
    one_level_without_middle_equals_diffusers_on_cpu,
    one_level_without_middle_equals_diffusers_on_webgpu,
    |d| NO_MIDDLE.assert_parity(d)
);

test!(cifar10_has_as_many_parameters_as_diffusers_says, async {
    use ddim_web::engine::Denoiser;
    assert_eq!(
        CIFAR10.engine(DeviceKind::Cpu).await.info().parameters,
        35_746_307
    );
});
