//! One kernel's run in a training step, before it is compiled.

use super::super::draft::Draft;
use super::super::template::Template;
use super::kernels;
use crate::engine::EngineError;

/// What a kernel is bound to, for one piece of the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// Arena, values, parameters, state: what an operation of the network is.
    Network,
    /// Arena, state, parameters, gradients: what sums over the batch.
    Gradients,
    /// Everything trained, gradients, parameters, state: what changes the weights.
    Update,
}

/// One kernel's run.
pub struct Task {
    /// Its text.
    pub code: String,
    /// The values of `Op`.
    pub parameters: Vec<u32>,
    /// Workgroups.
    pub groups: [usize; 3],
    /// What it sees.
    pub bound: Bound,
    /// Which piece of the weights.
    pub piece: usize,
    /// What measurements call it.
    pub name: String,
}

/// A template and what is filled in.
pub type Part<'a> = (&'static Template, &'a [(&'a str, usize)]);

impl Task {
    /// A kernel that training alone has.
    ///
    /// # Errors
    /// [`EngineError::Kernel`] when a template and its names do not fit each other.
    pub fn new(
        parts: &[Part<'_>],
        fields: &[(&'static str, usize)],
        groups: [usize; 3],
        bound: Bound,
        piece: usize,
    ) -> Result<Self, EngineError> {
        let mut code = String::from("struct Op {\n");
        for (name, _) in fields {
            code += &format!("  {name}: u32,\n");
        }
        code += "}\n\n";
        for (template, numbers) in parts {
            code += &template.render(numbers)?;
        }
        Ok(Self {
            code,
            parameters: fields.iter().map(|(_, value)| *value as u32).collect(),
            groups,
            bound,
            piece,
            name: parts
                .iter()
                .map(|(template, _)| template.file)
                .rfind(|file| kernels::PARTS.iter().all(|part| part.file != *file))
                .unwrap_or_default()
                .into(),
        })
    }

    /// A kernel of the network.
    ///
    /// # Errors
    /// [`EngineError::Kernel`] when its template and its names do not fit each other.
    pub fn of(draft: &Draft) -> Result<Self, EngineError> {
        Ok(Self {
            code: draft.code()?,
            parameters: draft.parameters().collect(),
            groups: draft.groups,
            bound: Bound::Network,
            piece: draft.piece,
            name: draft.name(),
        })
    }
}
