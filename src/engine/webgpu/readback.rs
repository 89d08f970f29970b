//! Buffers that the host reads, used in turn: while one is being read, the next step fills another.

use std::sync::{Arc, Mutex, PoisonError};

use super::device::Gpu;
use super::signal::Signal;
use crate::allocate;
use crate::engine::EngineError;

/// Buffers of one size.
#[derive(Clone)]
pub struct Readback {
    gpu: Gpu,
    numbers: usize,
    spare: Arc<Mutex<Vec<wgpu::Buffer>>>,
}

/// A buffer that a submitted copy ends in.
pub struct Filled {
    /// The buffer.
    pub buffer: wgpu::Buffer,
    /// The submission that fills it.
    pub submission: wgpu::SubmissionIndex,
}

impl Readback {
    /// Buffers of `numbers` f32.
    pub fn new(gpu: &Gpu, numbers: usize) -> Self {
        Self {
            gpu: gpu.clone(),
            numbers,
            spare: Arc::default(),
        }
    }

    /// A buffer that nobody uses.
    ///
    /// # Errors
    /// [`EngineError::Device`] when the device has no room for another one.
    pub fn take(&self) -> Result<wgpu::Buffer, EngineError> {
        let spare = self
            .spare
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        match spare {
            Some(buffer) => Ok(buffer),
            None => self
                .gpu
                .buffer("a batch's results", 4 * self.numbers as u64, usage),
        }
    }

    /// Gives a buffer back that was taken and is not mapped.
    pub fn give(&self, buffer: wgpu::Buffer) {
        self.spare
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(buffer);
    }

    /// What a buffer holds. The reading begins with this call; a future that is dropped takes its buffer with it.
    pub fn read(
        &self,
        Filled { buffer, submission }: Filled,
    ) -> impl Future<Output = Result<Vec<f32>, EngineError>> + use<> {
        let done = Signal::new();
        let sent = done.clone();
        buffer.map_async(wgpu::MapMode::Read, .., move |result| sent.send(result));
        let this = self.clone();
        async move {
            this.gpu.wait(submission)?;
            let mapped = done.receive().await;
            this.gpu.check()?;
            // A buffer that is free and large enough can always be mapped, unless its device is gone.
            mapped.map_err(|error| this.gpu.lose(error.to_string()))?;
            let view = buffer
                .get_mapped_range(..)
                .map_err(|error| EngineError::Device(error.to_string()))?;
            let numbers = allocate::reserved("the results of a step", view.len() as u64 / 4);
            let numbers = numbers.map(|mut numbers: Vec<f32>| {
                let read = view.chunks_exact(4);
                numbers.extend(read.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])));
                numbers
            });
            drop(view);
            buffer.unmap();
            this.give(buffer);
            Ok(numbers?)
        }
    }
}
