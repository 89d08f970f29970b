//! A network on one device: its weights, and the program of the size that was asked for last.

use std::sync::{Arc, Mutex, PoisonError};

use super::device::Gpu;
use super::draft::Style;
use super::layout::Lanes;
use super::measure;
use super::pack::{self, Slot};
use super::program::{self, Program};
use crate::allocate;
use crate::engine::Storage;
use crate::engine::WEIGHTS;
use crate::engine::plan::Plan;
use crate::engine::{EngineError, Progress};
use crate::unet::config::{TimeEmbedding, UnetConfig};
use crate::unet::weights;

/// What is gone when the device is.
pub struct Network {
    /// The device.
    pub gpu: Gpu,
    /// The weights, in as few pieces as the device allows.
    pub weights: Vec<wgpu::Buffer>,
    /// `time_proj.weight` of a network with Fourier features.
    pub frequencies: Option<Vec<f32>>,
    /// Number of trained numbers.
    pub parameters: usize,
    config: UnetConfig,
    lanes: Lanes,
    ops: Vec<Slot>,
    style: Style,
    program: Mutex<Option<Arc<Program>>>,
}

impl Network {
    /// The network of `config` with the weights in `safetensors` on `gpu`, its kernels compiled.
    ///
    /// # Errors
    /// [`EngineError`] says what is wrong with the weights, or what the device lacks.
    pub async fn new(
        gpu: &Gpu,
        config: &UnetConfig,
        safetensors: &[u8],
        storage: Storage,
        progress: Progress<'_>,
    ) -> Result<Self, EngineError> {
        if !gpu.stores(storage) {
            return Err(EngineError::Device(format!(
                "storage: {} cannot store numbers as {storage}: choose f32",
                gpu.name()
            )));
        }
        let plan = Plan::trained(config)?;
        allocate::room(WEIGHTS, allocate::bytes::<f32>(plan.parameters() as u64))?;
        let mut tensors = weights::tensors(&plan.params, safetensors)?;
        let lanes = Lanes::new(&plan);
        let most = gpu.most() / storage.size() as u64;
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let packed = pack::pack(&plan, &lanes, &tensors, most)?;
        let frequencies = tensors
            .remove("time_proj.weight")
            .filter(|_| config.time_embedding == TimeEmbedding::Fourier);
        drop(tensors);
        let style = measure::style(gpu, &plan, storage).await?;
        program::compile(gpu, &plan, &lanes, &packed.ops, style, progress).await?;
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
        let weights = packed
            .pieces
            .iter()
            .map(|piece| {
                let bytes = storage.encode(piece)?;
                let buffer = gpu.buffer("weights", bytes.len() as u64, usage)?;
                gpu.queue().write_buffer(&buffer, 0, &bytes);
                Ok(buffer)
            })
            .collect::<Result<_, EngineError>>()?;
        Ok(Self {
            gpu: gpu.clone(),
            weights,
            frequencies,
            parameters: plan.parameters(),
            config: config.clone(),
            lanes,
            ops: packed.ops,
            style,
            program: Mutex::default(),
        })
    }

    /// The program for `batch` images of `size`.
    ///
    /// # Errors
    /// [`EngineError`] when the network or the device does not take them.
    pub fn program(&self, size: [usize; 2], batch: usize) -> Result<Arc<Program>, EngineError> {
        let mut last = self.program.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(program) = last
            .as_ref()
            .filter(|p| p.plan.size == size && p.shape.batch == batch)
        {
            return Ok(program.clone());
        }
        // Its memory is free before the next one's is asked for, unless a batch still runs on it.
        *last = None;
        let plan = Plan::new(&self.config, size)?;
        let program = Program::new(&self.gpu, plan, batch, &self.lanes, &self.ops, self.style)?;
        let program = Arc::new(program);
        *last = Some(program.clone());
        Ok(program)
    }
}
