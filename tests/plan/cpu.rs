//! The engine on the processor.

use ddim_web::engine::{BatchSpec, CpuEngine, Denoiser};
use ddim_web::unet::config::UnetConfig;
use serde_json::json;

use crate::fixture::assert_close;
use crate::replay::Replay;
use crate::{parity, rule, test};

async fn cpu(config: &str, weights: &[u8]) -> CpuEngine {
    CpuEngine::load(config, weights).unwrap()
}

#[cfg(not(target_arch = "wasm32"))]
test!(
    the_cpu_engine_equals_diffusers,
    parity::equals_diffusers(&crate::subjects::FIXTURES, cpu)
);
test!(
    the_cpu_engine_equals_the_reference_on_random_networks,
    parity::equals_reference(cpu)
);
test!(
    runs_on_the_cpu_engine_equal_the_reference,
    parity::runs_equal_reference(cpu)
);

/// Networks wide enough for convolutions over tiles of 2×2 pixels: the networks drawn at random are too narrow. Odd
/// sizes cut the last tiles; the network of two levels is run at a size that it was not packed for, too.
async fn wide_networks_equal_the_plain_loops() {
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
        let loops = Replay::load(&json, &weights);
        for [height, width] in sizes {
            let spec = BatchSpec {
                shape: [1, 2, *height, *width],
                labels: None,
            };
            let x: Vec<f32> = rule::unit("x")
                .take(2 * height * width)
                .map(|v| v as f32)
                .collect();
            let expected = loops.predict(&spec, x.clone(), &[300.0]).await.unwrap();
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
    wide_networks_with_odd_sizes_equal_the_plain_loops,
    wide_networks_equal_the_plain_loops()
);
