//! Networks whose intermediate results are more than a device binds in one piece.

use std::collections::BTreeSet;

use ddim_web::engine::plan::Plan;
use ddim_web::engine::{BatchSpec, Denoiser, EngineError, Gpu, GpuEngine, Storage};
use ddim_web::unet::config::UnetConfig;

use crate::gpu::gpu;
use crate::{rule, test};

/// Whole blocks of four channels, down and up by convolutions; and groups that begin anywhere, down and up in residual
/// blocks, modulated by time. Attention and joined inputs are in both.
const CONFIGS: [&str; 2] = [
    r#"{"sample_size": 24, "in_channels": 3, "out_channels": 3, "layers_per_block": 2, "norm_num_groups": 4,
        "block_out_channels": [8, 8, 16], "attention_head_dim": 8,
        "down_block_types": ["DownBlock2D", "DownBlock2D", "AttnDownBlock2D"],
        "up_block_types": ["AttnUpBlock2D", "UpBlock2D", "UpBlock2D"]}"#,
    r#"{"sample_size": [20, 24], "in_channels": 1, "out_channels": 1, "layers_per_block": 1, "norm_num_groups": 3,
        "block_out_channels": [6, 9], "attention_head_dim": null, "resnet_time_scale_shift": "scale_shift",
        "down_block_types": ["ResnetDownsampleBlock2D", "AttnDownBlock2D"],
        "up_block_types": ["AttnUpBlock2D", "ResnetUpsampleBlock2D"]}"#,
];

struct Case {
    config: UnetConfig,
    json: &'static str,
    storage: Storage,
    tuning: &'static str,
    spec: BatchSpec,
}

impl Case {
    fn new(json: &'static str, storage: Storage, tuning: &'static str, batch: usize) -> Self {
        let config = UnetConfig::from_json(json).unwrap();
        let [height, width] = config.sample_size.unwrap();
        let shape = [batch, config.in_channels, height, width];
        let labels = None;
        Self {
            config,
            json,
            storage,
            tuning,
            spec: BatchSpec { shape, labels },
        }
    }

    fn x(&self) -> Vec<f32> {
        let count = self.spec.shape.iter().product();
        rule::unit("x").take(count).map(|v| v as f32).collect()
    }

    /// On a device whose buffers have at most `most` bytes.
    async fn load(&self, most: u64) -> Result<GpuEngine, EngineError> {
        let tuning = self.tuning.parse().ok();
        let gpu = Gpu::open_small(tuning, most).await?;
        let weights = rule::weights(&self.config);
        GpuEngine::on(&gpu, self.json, weights, self.storage, &mut |_, _| {}).await
    }

    fn banks(&self, engine: &GpuEngine) -> Result<Vec<u64>, EngineError> {
        let batch = engine.begin(&self.spec, self.x())?;
        let [_, banks] = engine.buffers(&batch);
        Ok(banks)
    }

    async fn bits(&self, engine: &GpuEngine) -> Vec<u32> {
        let timesteps = [3.0, 500.0, 999.0];
        let timesteps = &timesteps[..self.spec.shape[0]];
        let out = engine.predict(&self.spec, self.x(), timesteps).await;
        out.unwrap().iter().map(|v| v.to_bits()).collect()
    }
}

test!(several_banks_give_the_bits_of_one, async {
    let Some(gpu) = gpu().await else { return };
    let mut counts = BTreeSet::new();
    for (json, storage, tuning, batch) in [
        (CONFIGS[0], Storage::F32, "", 1),
        (CONFIGS[0], Storage::F16, "large=a128x32 small=b16x16", 3),
        (CONFIGS[1], Storage::F32, "large=b32x32 small=r2x1", 3),
        (CONFIGS[1], Storage::F16, "", 1),
    ] {
        if !gpu.stores(storage) {
            eprintln!("skipped: {} has no shader-f16", gpu.name());
            continue;
        }
        let case = Case::new(json, storage, tuning, batch);
        let engine = case.load(u64::MAX).await.unwrap();
        let whole = case.banks(&engine).unwrap();
        assert_eq!(whole.len(), 1);
        let expected = case.bits(&engine).await;
        for parts in [2, 3, 5, 8] {
            let most = whole[0] * 10 / (8 * parts);
            let small = match case.load(most).await {
                Ok(engine) => case.banks(&engine).map(|banks| (engine, banks)),
                Err(refused) => Err(refused),
            };
            match small {
                Ok((engine, banks)) => {
                    assert!(banks.iter().all(|bank| *bank <= most), "{banks:?}");
                    counts.insert(banks.len());
                    assert!(
                        case.bits(&engine).await == expected,
                        "{} banks, {storage}, {batch} images: other bits\n{json}",
                        banks.len()
                    );
                }
                // A single room is longer.
                Err(refused) => {
                    let text = refused.to_string();
                    assert!(text.contains("MiB in one piece, and "), "{text}");
                    assert!(text.contains("offers 0 MiB"), "{text}");
                    break;
                }
            }
        }
    }
    assert!(counts.contains(&2) && counts.contains(&3), "{counts:?}");
    assert!(counts.last() > Some(&3), "{counts:?}");
});

test!(what_a_network_is_said_to_take_is_what_it_takes, async {
    let Some(gpu) = gpu().await else { return };
    for json in CONFIGS {
        for storage in [Storage::F32, Storage::F16] {
            if !gpu.stores(storage) {
                continue;
            }
            let case = Case::new(json, storage, "", 1);
            let engine = case.load(u64::MAX).await.unwrap();
            let batch = engine.begin(&case.spec, case.x()).unwrap();
            let bytes = if storage == Storage::F32 { 4 } else { 2 };
            let plan = Plan::new(&case.config, case.config.sample_size.unwrap()).unwrap();
            let said = plan.on_card(bytes);
            let taken = engine.buffers(&batch).map(|all| all.iter().sum::<u64>());
            assert_eq!([said.weights, said.features], taken, "{json}");
        }
    }
});
