//! Which kernels a device uses: what was measured can be kept as a text, and does not change the results.

use ddim_web::engine::{BatchSpec, Denoiser, Gpu, GpuEngine, Storage, Tuning};

use crate::fixture::NO_MIDDLE;
use crate::gpu::gpu;
use crate::test;

async fn load(gpu: &Gpu, config: &str, weights: Vec<u8>) -> GpuEngine {
    GpuEngine::on(gpu, config, weights, Storage::F32, &mut |_, _| {})
        .await
        .unwrap()
}

test!(a_network_of_little_work_is_not_worth_a_measurement, async {
    let Some(gpu) = gpu().await else { return };
    let engine = load(&gpu, NO_MIDDLE.config, NO_MIDDLE.weights()).await;
    assert_eq!(engine.tuning(), None);
    assert_eq!(gpu.tuning(), None);
});

test!(
    a_tuning_that_is_handed_back_is_used_and_changes_no_bit,
    async {
        let Some(_) = gpu().await else { return };
        let weights = NO_MIDDLE.weights();
        let (shape, x) = NO_MIDDLE.tensor("x3");
        let (_, t) = NO_MIDDLE.tensor("t3");
        let spec = BatchSpec {
            shape: shape.try_into().unwrap(),
            labels: None,
        };
        let mut outputs = Vec::new();
        for text in [
            "large=r4x2 small=r4x2",
            "large=b32x32 small=b16x32",
            "large=r4x1 small=r1x1",
        ] {
            let tuning: Tuning = text.parse().unwrap();
            let gpu = Gpu::open_tuned(Some(tuning)).await.unwrap();
            assert_eq!(gpu.tuning(), Some(tuning));
            let engine = load(&gpu, NO_MIDDLE.config, weights.clone()).await;
            let output = engine.predict(&spec, x.clone(), &t).await.unwrap();
            outputs.push(output.iter().map(|v| v.to_bits()).collect::<Vec<u32>>());
        }
        assert!(outputs.iter().all(|bits| *bits == outputs[0]));
    }
);
