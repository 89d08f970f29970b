//! A plan as a list of dispatches over one arena.

use std::ops::Range;

use super::device::{Gpu, STRIDE};
use super::draft::{Drafter, Style};
use super::layout::{Lanes, Places};
use super::pack::Slot;
use super::state::Shape;
use super::tuning::FEW;
use crate::engine::plan::Plan;
use crate::engine::{EngineError, Progress};

/// What a device may have no room for.
const ARENA: &str = "a network's intermediate results";

/// One network for one size of images and batch: everything that does not change from step to step.
pub struct Program {
    /// The list.
    pub plan: Plan,
    /// What the state of a batch holds.
    pub shape: Shape,
    /// All intermediate results of all images.
    pub arena: wgpu::Buffer,
    /// The parameters of every dispatch, [`STRIDE`] bytes apart.
    pub parameters: wgpu::Buffer,
    dispatches: Vec<Dispatch>,
}

/// One kernel's run.
struct Dispatch {
    pipeline: wgpu::ComputePipeline,
    groups: [u32; 3],
    /// Which of the weights' pieces it reads.
    piece: usize,
}

impl Program {
    /// `plan` for `batch` images, with the weights that were packed for its network.
    ///
    /// # Errors
    /// [`EngineError::Device`] when the device is too small for it, [`EngineError::Kernel`] for a kernel of ours.
    pub fn new(
        gpu: &Gpu,
        plan: Plan,
        batch: usize,
        lanes: &Lanes,
        ops: &[Slot],
        style: Style,
    ) -> Result<Self, EngineError> {
        let places = Places::new(&plan, lanes);
        let places = places.ok_or_else(|| gpu.refusal(ARENA, u64::MAX))?;
        let drafter = Drafter {
            plan: &plan,
            lanes,
            places: &places,
            batch,
            style,
            masters: false,
        };
        let size = drafter
            .vectors()
            .saturating_mul(4 * style.storage.size() as u64);
        gpu.fits(ARENA, size)?;
        let drafts = drafter.all(ops);
        let most = gpu.limits().max_compute_workgroups_per_dimension as usize;
        if let Some(draft) = drafts.iter().find(|d| d.groups.iter().any(|n| *n > most)) {
            return Err(EngineError::Device(format!(
                "batch or size too large: a step would take {:?} workgroups, {} takes {most} in a row",
                draft.groups,
                gpu.name()
            )));
        }
        let storage = wgpu::BufferUsages::STORAGE;
        let arena = gpu.buffer(ARENA, size, storage)?;
        let uniform = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let stride = STRIDE as usize;
        let parameters = gpu.buffer("parameters", drafts.len() as u64 * STRIDE, uniform)?;
        let mut bytes = vec![0; drafts.len() * stride];
        for (draft, bytes) in drafts.iter().zip(bytes.chunks_exact_mut(stride)) {
            for (value, bytes) in draft.parameters().zip(bytes.chunks_exact_mut(4)) {
                bytes.copy_from_slice(&value.to_le_bytes());
            }
        }
        gpu.queue().write_buffer(&parameters, 0, &bytes);
        let dispatches = drafts
            .iter()
            .map(|draft| {
                Ok(Dispatch {
                    pipeline: gpu.pipeline(&draft.code()?),
                    groups: draft.groups.map(|n| n as u32),
                    piece: draft.piece,
                })
            })
            .collect::<Result<_, EngineError>>()?;
        gpu.check()?;
        let shape = drafter.shape();
        Ok(Self {
            plan,
            shape,
            arena,
            parameters,
            dispatches,
        })
    }

    /// Number of kernels that a step starts.
    pub fn dispatches(&self) -> usize {
        self.dispatches.len()
    }

    /// Puts some of the kernels into `encoder`, `times` times: all of them are the network and the sampler's step, the
    /// last one is the step alone. `groups` has one binding for each piece of the weights.
    pub fn encode(
        &self,
        which: Range<usize>,
        times: usize,
        encoder: &mut wgpu::CommandEncoder,
        groups: &[wgpu::BindGroup],
    ) {
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        for _ in 0..times {
            for i in which.clone() {
                let dispatch = &self.dispatches[i];
                pass.set_pipeline(&dispatch.pipeline);
                pass.set_bind_group(0, &groups[dispatch.piece], &[i as u32 * STRIDE as u32]);
                let [x, y, z] = dispatch.groups;
                pass.dispatch_workgroups(x, y, z);
            }
        }
    }
}

/// Every kernel that a network uses is compiled while it is loaded, not in its first step.
///
/// # Errors
/// [`EngineError::Device`] says what the device's compiler found, [`EngineError::Kernel`] what we did.
pub async fn compile(
    gpu: &Gpu,
    plan: &Plan,
    lanes: &Lanes,
    ops: &[Slot],
    style: Style,
    progress: Progress<'_>,
) -> Result<(), EngineError> {
    let places = Places::new(plan, lanes);
    let places = places.ok_or_else(|| gpu.refusal(ARENA, u64::MAX))?;
    // Those of one image, and those of a batch in which no feature map is small.
    let mut codes: Vec<String> = Vec::new();
    for batch in [1, FEW + 1] {
        let drafter = Drafter {
            plan,
            lanes,
            places: &places,
            batch,
            style,
            masters: false,
        };
        for draft in drafter.all(ops) {
            let code = draft.code()?;
            if let Err(at) = codes.binary_search(&code) {
                codes.insert(at, code);
            }
        }
    }
    gpu.compile(&codes, progress).await
}
