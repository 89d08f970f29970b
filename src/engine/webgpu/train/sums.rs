//! The sums over the images of a batch of what has no pixels, such as biases' gradients: all of them in one dispatch at
//! the end, because each alone is over before the device is busy.

use super::kernels;
use super::layout::Layout;
use super::state::halves;
use super::steps::Steps;
use super::task::Task;
use crate::engine::EngineError;
use crate::engine::plan::{Back, Param, Step, TrainingPlan, View};

/// Numbers of the table for a block: two halves of either place.
const ROW: usize = 4;

/// Workgroups of a dispatch.
const MOST: usize = 32_768;

/// What is summed, and which tensor's gradient that is.
pub fn reduced(training: &TrainingPlan) -> impl Iterator<Item = (View, Param)> {
    training.steps.iter().filter_map(|step| match step {
        Step::Back(Back::Reduce { source, params }) => Some((*source, params[0])),
        _ => None,
    })
}

/// Numbers in the table.
pub fn length(training: &TrainingPlan, layout: &Layout) -> usize {
    let blocks = reduced(training).map(|(source, _)| layout.lanes.blocks(source));
    ROW * blocks.sum::<usize>()
}

impl Steps<'_> {
    /// For every block the piece that its gradient is in, and where it is read and written.
    fn rows(&self) -> Vec<(usize, [usize; 2])> {
        let mut rows: Vec<_> = reduced(self.training)
            .flat_map(|(source, param)| {
                let (piece, to) = self.masters.at(param);
                let from = self.drafter.view(source).0;
                let blocks = 0..self.drafter.lanes.blocks(source);
                blocks.map(move |block| (piece, [from + block, to + block]))
            })
            .collect();
        rows.sort_by_key(|(piece, _)| *piece);
        rows
    }

    /// What the state holds for them.
    pub fn table(&self) -> Vec<f32> {
        let rows = self.rows().into_iter();
        rows.flat_map(|(_, places)| places)
            .flat_map(halves)
            .collect()
    }

    /// All sums.
    pub(super) fn reduce(&self) -> Result<Vec<Task>, EngineError> {
        let rows = self.rows();
        let mut first = 0;
        let mut tasks = Vec::new();
        for rows in rows.chunk_by(|(a, _), (b, _)| a == b) {
            for rows in rows.chunks(MOST) {
                tasks.push(self.summed(
                    &[
                        (&kernels::REDUCE, &[("THREADS", 64)]),
                        (&kernels::PLACE, &[]),
                        (&kernels::TOTAL, &[("THREADS", 64)]),
                    ],
                    &[("table", self.state.table() + ROW * first)],
                    [rows.len(), 1, 1],
                    rows[0].0,
                )?);
                first += rows.len();
            }
        }
        Ok(tasks)
    }
}
