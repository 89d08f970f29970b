//! A plan as a list of dispatches over an arena.

use std::ops::Range;

use super::device::{Gpu, STRIDE};
use super::draft::{Drafter, Style};
use super::layout::{Lanes, Places, Slot, ZEROS};
use super::state::Shape;
use super::tuning::FEW;
use crate::allocate::volume;
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
    /// All intermediate results of all images, in as few banks as the device allows.
    arena: Vec<wgpu::Buffer>,
    /// The parameters of every dispatch, [`STRIDE`] bytes apart.
    parameters: wgpu::Buffer,
    dispatches: Vec<Dispatch>,
    /// Everything that a dispatch sees, each once: a piece of the weights, and banks.
    views: Vec<(usize, Vec<usize>)>,
}

/// One kernel's run.
struct Dispatch {
    pipeline: wgpu::ComputePipeline,
    groups: [u32; 3],
    /// Which of the program's views it has.
    view: usize,
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
        let places = places(gpu, &plan, lanes, batch, style)?;
        let number = style.storage.size() as u64;
        let drafter = Drafter {
            plan: &plan,
            lanes,
            places: &places,
            batch,
            style,
            masters: false,
        };
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
        let arena = places
            .vectors(batch)
            .map(|vectors| gpu.buffer(ARENA, vectors.saturating_mul(4 * number), storage))
            .collect::<Result<_, _>>()?;
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
        let mut views = Vec::new();
        let mut dispatches = Vec::new();
        for draft in drafts {
            let pipeline = gpu.pipeline(&draft.code()?);
            let groups = draft.groups.map(|n| n as u32);
            let seen = (draft.piece, draft.banks);
            let known = views.iter().position(|view| *view == seen);
            let view = known.unwrap_or(views.len());
            if known.is_none() {
                views.push(seen);
            }
            dispatches.push(Dispatch {
                pipeline,
                groups,
                view,
            });
        }
        gpu.check()?;
        let shape = drafter.shape();
        Ok(Self {
            plan,
            shape,
            arena,
            parameters,
            dispatches,
            views,
        })
    }

    /// What [`Self::encode`] binds for the weights in `pieces` and a batch's `state`.
    pub fn bind(
        &self,
        gpu: &Gpu,
        pieces: &[wgpu::Buffer],
        state: &wgpu::Buffer,
    ) -> Vec<wgpu::BindGroup> {
        let group = |(piece, banks): &(usize, Vec<usize>)| {
            let banks: Vec<_> = banks.iter().map(|bank| &self.arena[*bank]).collect();
            gpu.bind(&banks, [&pieces[*piece], &self.parameters, state])
        };
        self.views.iter().map(group).collect()
    }

    /// Bytes of every bank of the arena.
    pub fn banks(&self) -> Vec<u64> {
        self.arena.iter().map(wgpu::Buffer::size).collect()
    }

    /// Number of kernels that a step starts.
    pub fn dispatches(&self) -> usize {
        self.dispatches.len()
    }

    /// Puts some of the kernels into `encoder`, `times` times: all of them are the network and the sampler's step, the
    /// last one is the step alone. `groups` is what [`Self::bind`] gave.
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
                pass.set_bind_group(0, &groups[dispatch.view], &[i as u32 * STRIDE as u32]);
                let [x, y, z] = dispatch.groups;
                pass.dispatch_workgroups(x, y, z);
            }
        }
    }
}

/// Where everything lies for `batch` images.
fn places(
    gpu: &Gpu,
    plan: &Plan,
    lanes: &Lanes,
    batch: usize,
    style: Style,
) -> Result<Places, EngineError> {
    let number = style.storage.size() as u64;
    let of_image = (gpu.most() / number).saturating_sub(4 * ZEROS as u64) / batch as u64;
    let of_image = usize::try_from(of_image).unwrap_or(usize::MAX);
    Places::new(plan, lanes, of_image).map_err(|room| {
        // Of what no memory is long enough for there is no figure.
        let figure = match room {
            usize::MAX => u64::MAX,
            _ => volume(&[batch, room]).saturating_add(4 * ZEROS as u64),
        };
        gpu.refusal(ARENA, figure.saturating_mul(number))
    })
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
    let places = places(gpu, plan, lanes, 1, style)?;
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
