//! What a device refuses, and what becomes of a lost one.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use pollster::block_on;

use super::gpu;
use crate::engine::cpu::tests::{CONFIG, weights};
use crate::engine::webgpu::device::Gpu;
use crate::engine::webgpu::{GpuEngine, Storage};
use crate::engine::{BatchSpec, Denoiser, EngineError};

fn engine(gpu: &Gpu) -> GpuEngine {
    let progress = &mut |_, _| {};
    block_on(GpuEngine::on(
        gpu,
        CONFIG,
        weights(),
        Storage::F32,
        progress,
    ))
    .unwrap()
}

#[test]
fn a_buffer_for_which_there_is_no_room_is_refused_with_how_much_there_is() {
    let Some(gpu) = block_on(gpu()) else { return };
    let most = gpu.most();
    let offered = format!("offers {} MiB", most >> 20);
    for (size, needed) in [
        (most + 1, format!("{} MiB", (most + 1).div_ceil(1 << 20))),
        (1 << 62, "4398046511104 MiB".into()),
        (u64::MAX, "more than any device has".into()),
    ] {
        let refused = gpu.buffer("a test", size, wgpu::BufferUsages::STORAGE);
        let Err(EngineError::Device(text)) = refused else {
            panic!("{size} bytes: {refused:?}");
        };
        let wanted = format!("a test needs {needed} in one piece, and ");
        assert!(text.contains(&wanted) && text.contains(&offered), "{text}");
    }
    assert!(
        gpu.buffer("a test", 256, wgpu::BufferUsages::STORAGE)
            .is_ok()
    );
}

#[test]
fn a_batch_for_which_there_is_no_room_is_refused_before_a_kernel_is_told_of_it() {
    let Some(gpu) = block_on(gpu()) else { return };
    let engine = engine(&gpu);
    let network = engine.network();
    // 2^60 images: their places are beyond what 64 bits count in bytes.
    for batch in [1 << 60, usize::MAX] {
        let refused = network.program([16, 16], batch).err().unwrap();
        let text = refused.to_string();
        assert!(text.contains("MiB; use a smaller batch or size"), "{text}");
    }
    let spec = BatchSpec {
        shape: [1, 3, 16, 16],
        labels: None,
    };
    let out = block_on(engine.predict(&spec, vec![0.5; 768], &[3.0])).unwrap();
    assert!(out.iter().any(|v| v.abs() > 1e-3));
}

#[test]
fn runs_that_lose_a_device_together_get_one_new_one() {
    let Some(gpu) = block_on(gpu()) else { return };
    let engine = engine(&gpu);
    let lost = engine.network();
    gpu.destroy();
    let (mut one, mut other) = (pin!(engine.recover()), pin!(engine.recover()));
    let mut ends = [None, None];
    let mut first = None;
    block_on(std::future::poll_fn(|context| {
        for (end, run) in ends.iter_mut().zip([one.as_mut(), other.as_mut()]) {
            if end.is_none()
                && let Poll::Ready(recovered) = run.poll(context)
            {
                *end = Some(recovered);
                first.get_or_insert_with(|| engine.network());
            }
        }
        if ends.iter().all(Option::is_some) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }));
    assert_eq!(ends, [Some(Ok(())), Some(Ok(()))]);
    let first = first.unwrap();
    assert!(!Arc::ptr_eq(&first, &lost) && Arc::ptr_eq(&first, &engine.network()));
    // And one that hears of the loss only now.
    block_on(engine.recover()).unwrap();
    assert!(Arc::ptr_eq(&first, &engine.network()));
}
