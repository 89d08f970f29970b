//! A plan with everything that does not change from step to step.

use std::sync::{Arc, Mutex, PoisonError};

use super::kernels::Kernels;
use super::memory::{Memory, Places, Room, Workspace};
use super::pack::Weights;
use super::task::Task;
use super::threads;
use crate::allocate::{OutOfMemory, bytes, volume};
use crate::engine::plan::{Plan, View};
use crate::unet::weights_file::WeightsFile;

/// One network for one image size.
#[derive(Debug)]
pub struct Program {
    /// The list.
    pub plan: Plan,
    weights: Arc<Weights>,
    tasks: Vec<Task>,
    pub(super) kernels: Kernels,
    places: Places,
    /// Threads that there is room for.
    pub(super) threads: usize,
    /// Memory that was used before.
    spare: Mutex<Vec<Workspace>>,
}

/// One image on its way through a list, and how many threads work on it.
///
/// Its memory is a workspace in which every view of the plan has its place and something behind it to be read
/// ([`Places`]). What is alive at the same time lies apart. No operation reads what it writes.
#[derive(Clone, Copy)]
pub(super) struct Image<'a> {
    pub plan: &'a Plan,
    pub places: &'a Places,
    pub kernels: Kernels,
    pub memory: Memory,
    /// What weights are unpacked from, where they are.
    pub file: Option<&'a WeightsFile<'static>>,
    /// Not more than there is room for.
    pub threads: usize,
}

impl Program {
    /// `plan` with the weights that were packed for its network.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn new(plan: Plan, weights: Arc<Weights>, kernels: Kernels) -> Result<Self, OutOfMemory> {
        let threads = threads::available();
        let mut rooms = Vec::new();
        let mut tasks = Vec::new();
        for (op, packed) in plan.ops.iter().zip(&weights.ops) {
            let mut room = Room::new(threads);
            tasks.push(Task::new(&plan, op, packed, kernels, &mut room)?);
            rooms.push(room.length);
        }
        Ok(Self {
            places: Places::new(&plan, &rooms)?,
            plan,
            weights,
            tasks,
            kernels,
            threads,
            spare: Mutex::default(),
        })
    }

    /// Memory for one image: some that was given back, if there is any.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn workspace(&self) -> Result<Workspace, OutOfMemory> {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        spare.pop().map_or_else(|| self.places.workspace(), Ok)
    }

    /// Bytes that `count` workspaces take beside those that were given back.
    pub fn missing(&self, count: usize) -> u64 {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = count.saturating_sub(spare.len());
        bytes::<f32>(volume(&[missing, self.places.length()]))
    }

    /// Keeps `workspaces`, which were this program's, for [`Self::workspace`]: as many as there are threads.
    pub fn give_back(&self, workspaces: Vec<Workspace>) {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        spare.extend(workspaces);
        spare.truncate(threads::available());
    }

    /// The network's output for one image `x` `[C, H, W]` with the time features `features`, into `out`. The workspace
    /// must be one of this program's; no more than its number of `threads` work on it.
    pub fn run(
        &self,
        workspace: &mut Workspace,
        features: &[f32],
        class: Option<usize>,
        x: &[f32],
        out: &mut [f32],
        threads: usize,
    ) {
        let image = Image {
            plan: &self.plan,
            places: &self.places,
            kernels: self.kernels,
            memory: self.places.memory(workspace),
            file: self.weights.file.as_ref(),
            threads: threads.min(self.threads),
        };
        let plan = &self.plan;
        // SAFETY: the workspace is borrowed for as long as the image is there, and until the first operation nobody
        // else uses it. Features and input are both alive then, so that they lie apart.
        let (to_features, input) = unsafe { (image.write(plan.features), image.write(plan.input)) };
        to_features.copy_from_slice(features);
        if plan.config.center_input_sample {
            for (input, x) in input.iter_mut().zip(x) {
                *input = x * 2.0 - 1.0;
            }
        } else {
            input.copy_from_slice(x);
        }
        for (at, ((op, packed), task)) in plan
            .ops
            .iter()
            .zip(&self.weights.ops)
            .zip(&self.tasks)
            .enumerate()
        {
            let room = image.memory.from(self.places.room(at));
            // SAFETY: one operation after the other, and nobody else uses the workspace. All of this is operation
            // `at`'s: its weights, its task, its room.
            unsafe { image.carry_out(op, packed, task, class, room) };
        }
        // SAFETY: all operations are done.
        out.copy_from_slice(unsafe { image.read(plan.output) });
    }
}

impl Image<'_> {
    /// Planes are whole and channels follow each other, so that a view is one piece.
    pub(super) fn offset(&self, view: View) -> usize {
        self.places.buffer(view.buffer) + view.first * self.pixels(view)
    }

    /// Pixels of one channel.
    pub(super) fn pixels(&self, view: View) -> usize {
        let buffer = self.plan.buffer(view);
        buffer.height * buffer.width
    }

    /// The numbers of `view`, channel by channel.
    ///
    /// # Safety
    /// Nothing may write them meanwhile, and they must be alive: written, and to be read by this operation or a later
    /// one.
    pub(super) unsafe fn read(&self, view: View) -> &[f32] {
        let length = view.channels * self.pixels(view);
        // SAFETY: a view lies in the workspace; the caller answers for who writes there.
        unsafe { self.memory.read(self.offset(view), length) }
    }

    /// The numbers of `view`, channel by channel, to be written.
    ///
    /// # Safety
    /// Nothing else may use them meanwhile, and this operation or an earlier one must be the one that writes them.
    #[expect(clippy::mut_from_ref, reason = "the workspace is not in the image")]
    pub(super) unsafe fn write(&self, view: View) -> &mut [f32] {
        let length = view.channels * self.pixels(view);
        // SAFETY: a view lies in the workspace; the caller answers for who else uses it.
        unsafe { self.memory.write(self.offset(view), length) }
    }
}
