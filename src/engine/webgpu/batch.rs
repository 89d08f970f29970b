//! A batch whose x_t is on the device.

use std::sync::Arc;

use super::network::Network;
use super::program::Program;
use super::readback::{Filled, Readback};
use super::state::Shape;
use super::storage::bytes;
use crate::allocate;
use crate::engine::{BatchSpec, EngineError, Results};

/// A batch whose x_t is on the device.
pub struct GpuBatch {
    /// Shape and labels.
    pub spec: BatchSpec,
    /// The network that the batch was begun on; another one may have taken its place since.
    pub network: Arc<Network>,
    /// What a step runs.
    pub program: Arc<Program>,
    /// Where everything is in `state`.
    pub shape: Shape,
    state: wgpu::Buffer,
    /// What the program binds.
    groups: Vec<wgpu::BindGroup>,
    readback: Readback,
    /// x_t and x0_hat of the last step, until they are read or the next step is submitted.
    filled: Option<Filled>,
}

impl GpuBatch {
    /// A batch of `spec` that begins at `x_t`.
    ///
    /// # Errors
    /// [`EngineError`] when the network or the device does not take it.
    pub fn new(network: &Arc<Network>, spec: &BatchSpec, x_t: &[f32]) -> Result<Self, EngineError> {
        let gpu = &network.gpu;
        let [count, _, height, width] = spec.shape;
        let program = network.program([height, width], count)?;
        let shape = program.shape;
        let usage = wgpu::BufferUsages::STORAGE
            | wgpu::BufferUsages::COPY_DST
            | wgpu::BufferUsages::COPY_SRC;
        let state = gpu.buffer("a batch", 4 * shape.len() as u64, usage)?;
        let groups = program.bind(gpu, &network.weights, &state);
        let batch = Self {
            spec: spec.clone(),
            network: network.clone(),
            program,
            shape,
            state,
            groups,
            readback: Readback::new(gpu, shape.input() + shape.output()),
            filled: None,
        };
        if let Some(labels) = &spec.labels {
            let labels: Vec<f32> = labels.iter().map(|label| *label as f32).collect();
            batch.write(shape.labels(), &labels);
        }
        batch.write(shape.x_t(), x_t);
        // Before the first step x0_hat is x_t, as far as there are channels.
        batch.write(shape.x0_hat(), &x_t[..x_t.len().min(shape.output())]);
        gpu.check()?;
        Ok(batch)
    }

    /// Puts `numbers` at `place` of the state before the next step.
    pub fn write(&self, place: usize, numbers: &[f32]) {
        let queue = self.network.gpu.queue();
        queue.write_buffer(&self.state, place as u64 * 4, &bytes(numbers));
    }

    /// One submission: the kernels from `first` on, and the copy that the host may read.
    ///
    /// # Errors
    /// [`EngineError`] when the device failed or is gone.
    pub fn submit(&mut self, first: usize) -> Result<(), EngineError> {
        let gpu = &self.network.gpu;
        gpu.check()?;
        if let Some(unread) = self.filled.take() {
            self.readback.give(unread.buffer);
        }
        let buffer = self.readback.take()?;
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        let which = first..self.program.dispatches();
        self.program.encode(which, 1, &mut encoder, &self.groups);
        self.copy(&mut encoder, &buffer);
        let submission = gpu.queue().submit([encoder.finish()]);
        self.filled = Some(Filled { buffer, submission });
        Ok(())
    }

    fn copy(&self, encoder: &mut wgpu::CommandEncoder, to: &wgpu::Buffer) {
        let from = self.shape.x_t() as u64 * 4;
        encoder.copy_buffer_to_buffer(&self.state, from, to, 0, to.size());
    }

    /// What the last step left.
    pub fn results(&mut self) -> impl Future<Output = Result<Results, EngineError>> + use<> {
        let filled = match self.filled.take() {
            Some(filled) => Ok(filled),
            None => self.copied(),
        };
        let inputs = self.shape.input();
        let reading = filled.map(|filled| self.readback.read(filled));
        async move {
            let mut x_t = reading?.await?;
            let x0_hat = allocate::copied("the results of a step", &x_t[inputs..])?;
            x_t.truncate(inputs);
            Ok(Results { x0_hat, x_t })
        }
    }

    /// The state as it is now: before the first step, or asked for once more.
    fn copied(&self) -> Result<Filled, EngineError> {
        let gpu = &self.network.gpu;
        let buffer = self.readback.take()?;
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        self.copy(&mut encoder, &buffer);
        let submission = gpu.queue().submit([encoder.finish()]);
        Ok(Filled { buffer, submission })
    }
}
