//! A network on one device: its weights, and the program of the size that was asked for last.

use std::sync::{Arc, Mutex, PoisonError};

use super::device::Gpu;
use super::draft::Style;
use super::layout::{Lanes, Shelves, Slot};
use super::measure;
use super::pack::Packer;
use super::program::{self, Program};
use crate::allocate::{self, OutOfMemory};
use crate::engine::Storage;
use crate::engine::WEIGHTS;
use crate::engine::plan::{Param, Plan};
use crate::engine::{EngineError, Progress};
use crate::unet::config::UnetConfig;
use crate::unet::weights_file::WeightsFile;

/// What is gone when the device is.
pub struct Network {
    /// The device.
    pub gpu: Gpu,
    /// The weights, in as few pieces as the device allows.
    pub weights: Vec<wgpu::Buffer>,
    /// The tensor [`Plan::frequencies`], where there is one.
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
        let file = WeightsFile::new(&plan.params, safetensors.into())?;
        let stacked = |params: &[Param]| {
            let counts = params.iter().map(|param| file.count(param.0));
            let mut all = allocate::zeros(WEIGHTS, counts.sum::<usize>() as u64)?;
            let mut rest = all.as_mut_slice();
            for param in params {
                let (tensor, after) = rest.split_at_mut(file.count(param.0));
                file.read(param.0, 0, tensor);
                rest = after;
            }
            Ok(all)
        };
        let frequencies = plan.frequencies.map(|at| stacked(&[at])).transpose()?;
        let lanes = Lanes::new(&plan);
        let most = gpu.most() / storage.size() as u64;
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let shelves = Shelves::new(&plan, &lanes, most);
        let style = measure::style(gpu, &plan, storage).await?;
        program::compile(gpu, &plan, &lanes, &shelves.ops, style, progress).await?;
        let packer = Packer {
            plan: &plan,
            lanes: &lanes,
            tensors: stacked,
        };
        let weights = upload(gpu, &packer, &shelves, storage)?;
        Ok(Self {
            gpu: gpu.clone(),
            weights,
            frequencies,
            parameters: plan.parameters(),
            config: config.clone(),
            lanes,
            ops: shelves.ops,
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

/// Bytes of weights that are on their way to the device at once: what is written is copied first, and the copies stay
/// until the device has them.
const AT_ONCE: u64 = 16 << 20;

/// The pieces of the weights on the device; one operation's at a time are packed.
///
/// # Errors
/// [`EngineError`] when there is no room, or a number is too large for its format.
pub(super) fn upload<T: Fn(&[Param]) -> Result<Vec<f32>, OutOfMemory>>(
    gpu: &Gpu,
    packer: &Packer<'_, T>,
    shelves: &Shelves,
    storage: Storage,
) -> Result<Vec<wgpu::Buffer>, EngineError> {
    let number = storage.size() as u64;
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
    let pieces = shelves.pieces.iter().map(|numbers| {
        // A binding is never empty.
        let numbers = (*numbers as u64).max(4);
        gpu.buffer("weights", numbers.saturating_mul(number), usage)
    });
    let pieces = pieces.collect::<Result<Vec<_>, _>>()?;
    let mut on_their_way = 0;
    for (op, slot) in packer.plan.ops.iter().zip(&shelves.ops) {
        let places = [slot.bias, slot.weight, slot.table];
        for (at, mut numbers) in places.into_iter().zip(packer.pack(op)?) {
            numbers.resize(numbers.len().next_multiple_of(4), 0.0);
            let bytes = storage.encode(&numbers)?;
            gpu.queue()
                .write_buffer(&pieces[slot.piece], 4 * number * at as u64, &bytes);
            on_their_way += bytes.len() as u64;
        }
        if on_their_way >= AT_ONCE {
            on_their_way = 0;
            gpu.wait(gpu.queue().submit([]))?;
        }
    }
    gpu.check()?;
    Ok(pieces)
}
