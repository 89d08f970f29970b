//! A plan with everything that does not change from step to step.

use std::sync::{Arc, Mutex, PoisonError};

use super::attention::AttentionTask;
use super::conv::ConvTask;
use super::kernels::Kernels;
use super::memory::{Memory, Places, Room, Workspace};
use super::pack::Packed;
use super::threads;
use super::winograd::WinogradTask;
use crate::engine::plan::{Op, Plan, View};

/// One network for one image size.
#[derive(Debug)]
pub struct Program {
    /// The list.
    pub plan: Plan,
    packed: Arc<Vec<Packed>>,
    tasks: Vec<Task>,
    pub(super) kernels: Kernels,
    places: Places,
    /// Threads that there is room for.
    pub(super) threads: usize,
    /// Memory that was used before.
    spare: Mutex<Vec<Workspace>>,
}

/// What an operation needs besides its weights.
#[derive(Debug)]
enum Task {
    Vector,
    Conv(ConvTask),
    Winograd(WinogradTask),
    Attention(AttentionTask),
}

/// One image on its way through the list, and how many threads work on it.
///
/// Its memory is a workspace of its program, so that every view of the plan and every operation's room lies in it, and
/// there is something behind each of them to be read ([`Places`]). What is alive at the same time lies apart. No
/// operation reads what it writes.
#[derive(Clone, Copy)]
pub(super) struct Image<'a> {
    pub program: &'a Program,
    pub memory: Memory,
    /// Not more than the program has room for.
    pub threads: usize,
}

impl Program {
    /// `plan` with the weights that were packed for its network.
    pub fn new(plan: Plan, packed: Arc<Vec<Packed>>, kernels: Kernels) -> Self {
        let threads = threads::available();
        let mut rooms = Vec::new();
        let mut tasks = Vec::new();
        for (op, packed) in plan.ops.iter().zip(packed.iter()) {
            let mut room = Room::new(threads);
            tasks.push(match (op, packed) {
                (Op::Conv(conv), Packed::Product(_)) => {
                    Task::Conv(ConvTask::new(&plan, conv, kernels.lanes, &mut room))
                }
                (Op::Conv(conv), Packed::Winograd(_)) => {
                    Task::Winograd(WinogradTask::new(&plan, conv, kernels, &mut room))
                }
                (
                    Op::Attention {
                        qkv,
                        heads,
                        head_dim,
                        ..
                    },
                    _,
                ) => {
                    let pixels = plan.buffer(*qkv).height * plan.buffer(*qkv).width;
                    let task = AttentionTask::new(pixels, *heads, *head_dim, kernels, &mut room);
                    Task::Attention(task)
                }
                (Op::Conv(conv), _) => {
                    room.take(conv.source.view.channels);
                    Task::Vector
                }
                (Op::Normalise { .. }, _) => Task::Vector,
            });
            rooms.push(room.length);
        }
        Self {
            places: Places::new(&plan, &rooms),
            plan,
            packed,
            tasks,
            kernels,
            threads,
            spare: Mutex::default(),
        }
    }

    /// Memory for one image: some that was given back, if there is any.
    pub fn workspace(&self) -> Workspace {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        spare.pop().unwrap_or_else(|| self.places.workspace())
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
            program: self,
            memory: self.places.memory(workspace),
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
        for at in 0..self.tasks.len() {
            // SAFETY: one operation after the other, and nobody else uses the workspace.
            unsafe { image.carry_out(at, class) };
        }
        // SAFETY: all operations are done.
        out.copy_from_slice(unsafe { image.read(plan.output) });
    }
}

impl Image<'_> {
    /// # Safety
    /// Nothing else may use the image's memory meanwhile.
    unsafe fn carry_out(&self, at: usize, class: Option<usize>) {
        let program = self.program;
        let room = self.memory.from(program.places.room(at));
        // SAFETY: all of operation `at`: its weights, its task, its room.
        unsafe {
            match (
                &program.plan.ops[at],
                &program.packed[at],
                &program.tasks[at],
            ) {
                (
                    Op::Normalise {
                        input,
                        eps,
                        modulation,
                        output,
                        groups,
                        ..
                    },
                    Packed::Norm(affine),
                    _,
                ) => self.normalise(*input, *groups, *eps, affine, *modulation, *output),
                (Op::Conv(conv), Packed::Single(weights), _) => {
                    self.single(conv, weights, class, room);
                }
                (Op::Conv(conv), Packed::Product(weights), Task::Conv(task)) => {
                    self.conv(conv, weights, task, room);
                }
                (Op::Conv(conv), Packed::Winograd(weights), Task::Winograd(task)) => {
                    self.winograd(conv, weights, task, room);
                }
                (Op::Attention { qkv, output, .. }, _, Task::Attention(task)) => {
                    self.attention(*qkv, *output, task, room);
                }
                _ => unreachable!("pack and Program::new go by the same list"),
            }
        }
    }

    /// Planes are whole and channels follow each other, so that a view is one piece.
    pub(super) fn offset(&self, view: View) -> usize {
        self.program.places.buffer(view.buffer) + view.first * self.pixels(view)
    }

    /// Pixels of one channel.
    pub(super) fn pixels(&self, view: View) -> usize {
        let buffer = self.program.plan.buffer(view);
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
