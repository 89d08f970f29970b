//! A convolution as its kernel sees it.

use super::draft::{Draft, Drafter};
use super::layout::Slot;
use super::template::{Template, template};
use crate::engine::plan::{Conv, Resample, Residual, Source, View, upsamples};

pub(super) static CONV: Template = template!("conv.wgsl");

impl Drafter<'_> {
    /// A convolution of feature maps.
    pub(super) fn conv(&self, conv: &Conv, slot: &Slot) -> Draft {
        let phases = upsamples(conv) && !self.masters;
        let from = self.plan.buffer(conv.source.view);
        let to = self.plan.buffer(conv.output);
        // A normalised source was written in a place of its own.
        let (source, plane) = match conv.source.norm {
            Some(norm) => {
                let (staged, at) = self.places.buffer(norm);
                (at, staged.height * staged.width)
            }
            None => self.view(conv.source.view),
        };
        let (output, outplane) = self.view(conv.output);
        let outputs = self.lanes.blocks(conv.output);
        let [rows, columns] = match conv.source.resample {
            Resample::Nearest2x if phases => [from.height, from.width],
            Resample::Nearest2x | Resample::Insert2x { .. } => [2 * from.height, 2 * from.width],
            Resample::Average2x => [from.height / 2, from.width / 2],
            Resample::Keep => [from.height, from.width],
        };
        let insert = match conv.source.resample {
            Resample::Insert2x { odd } => Some(usize::from(odd)),
            Resample::Keep | Resample::Nearest2x | Resample::Average2x => None,
        };
        let half = insert.is_some() || conv.source.resample == Resample::Nearest2x && !phases;
        let (pixels, width) = if phases {
            (plane, from.width)
        } else {
            (outplane, to.width)
        };
        let side = if phases { 2 } else { conv.kernel };
        let rest = self.residual(conv);
        let inputs = self.lanes.blocks(conv.source.view);
        let count = self.batch * pixels;
        let kinds = if phases { 4 } else { 1 };
        let tile = self.style.tuning.tile(inputs, outputs, kinds * count);
        let cut = tile.cut(outputs, count);
        let mut fields = vec![
            ("source", source),
            ("plane", plane),
            ("rows", rows),
            ("columns", columns),
            ("shift", usize::from(half)),
            ("blocks", inputs),
            ("side", side),
            ("taps", side * side),
            ("stride", conv.stride),
            ("padding", conv.padding),
            ("weights", slot.weight),
            ("phase", slot.phase),
            ("bias", slot.bias),
            ("time", conv.time.map_or(0, |view| self.view(view).0)),
            ("more", rest.positions),
            ("rest", rest.at),
            ("restplane", rest.plane),
            ("restrows", rest.rows),
            ("restcolumns", rest.columns),
            ("reststride", rest.stride),
            ("restshift", rest.half),
            ("restblocks", rest.blocks),
            ("width", width),
            ("pixels", pixels),
            ("count", count),
            ("output", output),
            ("outplane", outplane),
            ("outputs", outputs),
            ("lanes", cut.lanes),
            ("scale", conv.scale.to_bits() as usize),
        ];
        let residual = |holds: bool| usize::from(holds);
        let projects = matches!(conv.residual, Residual::Project { .. });
        let second = self.masters && projects;
        if second {
            fields.push(("second", slot.second));
        }
        if let Some(odd) = insert {
            fields.push(("odd", odd));
        }
        let mut names = cut.names;
        names.extend([
            ("FOUR", 4),
            ("FMA", usize::from(self.style.fma)),
            ("PHASES", usize::from(phases)),
            ("TIME", usize::from(conv.time.is_some())),
            ("TRANSPOSED", usize::from(conv.transposed)),
            ("INSERT", usize::from(insert.is_some())),
            ("SECOND", usize::from(second)),
            ("PROJECT", residual(projects)),
            ("ADD", residual(matches!(conv.residual, Residual::Add(_)))),
            (
                "AVERAGE",
                residual(matches!(
                    conv.residual,
                    Residual::Add(Source {
                        resample: Resample::Average2x,
                        ..
                    })
                )),
            ),
        ]);
        let groups = [cut.groups[0], cut.groups[1], kinds];
        let bank = |view| self.places.bank(view);
        // What is not there is where the source is.
        let from = bank(conv.source.norm.unwrap_or(conv.source.view));
        let added = rest.view.map_or(from, bank);
        names.push(("SPLIT", usize::from(projects && added != from)));
        let others = [
            ("TO", bank(conv.output)),
            ("REST", added),
            ("BY", conv.time.map_or(from, bank)),
        ];
        self.draft(&CONV, names, &fields, groups)
            .seeing(from, &others)
            .with(slot)
    }

    fn residual(&self, conv: &Conv) -> Rest {
        let (source, projects) = match conv.residual {
            Residual::Add(source) => (source, false),
            Residual::Project { source, .. } => (source, true),
            Residual::None | Residual::Class(_) => return Rest::default(),
        };
        let from = self.plan.buffer(source.view);
        let (at, plane) = self.view(source.view);
        let average = source.resample == Resample::Average2x;
        let nearest = source.resample == Resample::Nearest2x;
        // A projection sees the picture after it was enlarged, a sum as it lies there.
        let times = if nearest && projects { 2 } else { 1 };
        Rest {
            view: Some(source.view),
            at,
            plane,
            rows: times * from.height,
            columns: times * from.width,
            stride: if average { 2 } else { 1 },
            half: usize::from(nearest),
            blocks: self.lanes.blocks(source.view),
            positions: match (projects, average) {
                (false, _) => 0,
                (true, false) => 1,
                (true, true) => 4,
            },
        }
    }
}

/// What is added to a convolution's result, as its kernel sees it.
#[derive(Default)]
struct Rest {
    view: Option<View>,
    at: usize,
    plane: usize,
    rows: usize,
    columns: usize,
    stride: usize,
    half: usize,
    blocks: usize,
    positions: usize,
}
