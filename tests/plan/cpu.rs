//! The engine on the processor.

use ddim_web::engine::{BatchSpec, BurnEngine, CpuEngine, Denoiser, DeviceKind};
use ddim_web::unet::config::UnetConfig;
use serde_json::json;

use crate::fixture::{
    CIFAR10, CLASSES, FOURIER, GREY_28, NO_MIDDLE, SCALE_SHIFT, THREE_LEVELS, assert_close,
};
use crate::test;
use crate::{parity, rule};

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

/// Networks wide enough for convolutions over tiles of 2×2 pixels: the networks drawn at random are too narrow. Odd
/// sizes cut the last tiles; the network of two levels is run at a size that it was not packed for, too.
async fn wide_networks_equal_burn() {
    for (sizes, channels, down, up) in [
        (
            &[[33, 47]][..],
            vec![16],
            vec!["AttnDownBlock2D"],
            vec!["UpBlock2D"],
        ),
        (
            &[[14, 22], [2, 6], [30, 10]],
            vec![17, 34],
            vec!["ResnetDownsampleBlock2D", "DownBlock2D"],
            vec!["UpBlock2D", "ResnetUpsampleBlock2D"],
        ),
    ] {
        let json = json!({
            "_class_name": "UNet2DModel", "sample_size": sizes[0], "in_channels": 2, "out_channels": 1,
            "block_out_channels": channels, "down_block_types": down, "up_block_types": up, "layers_per_block": 1,
            "norm_num_groups": channels[0].min(17), "attention_head_dim": null,
        })
        .to_string();
        let weights = rule::weights(&UnetConfig::from_json(&json).unwrap());
        let engine = cpu(&json, &weights).await;
        let burn = BurnEngine::load(&json, &weights, DeviceKind::Cpu)
            .await
            .unwrap();
        for [height, width] in sizes {
            let spec = BatchSpec {
                shape: [1, 2, *height, *width],
                labels: None,
            };
            let x: Vec<f32> = rule::unit("x")
                .take(2 * height * width)
                .map(|v| v as f32)
                .collect();
            let expected = burn.predict(&spec, x.clone(), &[300.0]).await.unwrap();
            let found = engine.predict(&spec, x, &[300.0]).await.unwrap();
            assert!(
                expected.iter().any(|v| v.abs() > 0.1),
                "too small to tell engines apart"
            );
            assert_close(&found, &expected, 2e-5);
        }
    }
}

test!(
    wide_networks_with_odd_sizes_equal_burn,
    wide_networks_equal_burn()
);
