//! tau: the timesteps at which the network is run.
//!
//! Always an explicit list, strictly ascending, within `0..T`. The step before `tau[i]` is `tau[i-1]`,
//! read from the list: computing it as `t - T/S`, as diffusers does, is wrong for every rule that is
//! not an exact stride.
//!
//! # Text forms
//! | text | list |
//! |---|---|
//! | `leading`, `trailing`, `linspace` | diffusers' `timestep_spacing` (Lin et al. 2023, table 2) |
//! | `uniform`, `quad` | `--skip_type` of ermongroup/ddim |
//! | `paper-linear`, `paper-quadratic` | DDIM paper, appendix D.2 |
//! | `ddim25` | guided-diffusion: the integer stride from 0 that gives exactly 25 steps |
//! | `10,15,20` | guided-diffusion: T cut into 3 equal sections with 10, 15 and 20 steps |
//! | `list:0,5,10` | exactly these timesteps, ascending |
//!
//! The last three say how many steps they have; the separate number of steps S is then ignored
//! ([`Tau::fixed_steps`] tells which number holds).

use std::{fmt, str::FromStr};

use thiserror::Error;

use crate::schedule::{MAX_TRAIN_TIMESTEPS, linspace, quoted};

/// Why a list of timesteps cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TimestepsError {
    /// None of the text forms in the [module documentation](self).
    #[error(
        "tau: expected leading, trailing, linspace, uniform, quad, paper-linear, paper-quadratic, ddimN, \
         section counts such as 10,15,20 or list:0,5,10, found {found}"
    )]
    UnknownName {
        /// The text given, quoted and cut to 60 characters.
        found: String,
    },
    /// A training chain with no steps, or with more than [`MAX_TRAIN_TIMESTEPS`].
    #[error("num_train_timesteps: expected 1 to {MAX_TRAIN_TIMESTEPS} steps, found {found}")]
    TrainTimesteps {
        /// The length given.
        found: usize,
    },
    /// No steps, or more of them than the training chain has.
    #[error(
        "steps: expected 1 to {num_train_timesteps} (the length of the training chain), found {found}"
    )]
    Steps {
        /// The length of the training chain, T.
        num_train_timesteps: usize,
        /// The number of steps given, or the one that the rule itself says ([`Tau::fixed_steps`]).
        found: usize,
    },
    /// `steps_offset` moves the last timestep past the end of the training chain.
    #[error("steps_offset: expected at most {most} for {steps} steps, found {found}")]
    Offset {
        /// The largest that fits.
        most: usize,
        /// The number of steps.
        steps: usize,
        /// The offset.
        found: usize,
    },
    /// A timestep past the end of the training chain.
    #[error("tau: expected timesteps below {num_train_timesteps}, found {found}")]
    OutOfRange {
        /// The length of the training chain, T.
        num_train_timesteps: usize,
        /// The first timestep of the list that is T or more.
        found: usize,
    },
    /// A list in which a timestep is repeated or falls.
    #[error("tau: the list must rise strictly, but {previous} is followed by {found}")]
    NotAscending {
        /// The timestep before the break.
        previous: usize,
        /// The one after it, not above `previous`.
        found: usize,
    },
    /// [`Tau::DdimStride`] cannot give this number of steps.
    #[error(
        "tau: no integer stride over {num_train_timesteps} timesteps gives exactly {steps} steps"
    )]
    NoStride {
        /// The length of the training chain, T.
        num_train_timesteps: usize,
        /// N of `ddimN`.
        steps: usize,
    },
    /// One of [`Tau::Sections`] has more steps than timesteps.
    #[error("tau: a section of {size} timesteps cannot hold {count} steps")]
    Section {
        /// The number of timesteps in the section.
        size: usize,
        /// The number of steps asked of it.
        count: usize,
    },
}

/// How tau is chosen. The text forms are in the [module documentation](self).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Tau {
    /// `i * (T // S) + steps_offset`.
    Leading,
    /// `round(T - i * T / S) - 1`: always ends on `T - 1`.
    Trailing,
    /// `round` of S evenly spaced numbers from 0 to `T - 1`; only 0 when S is 1.
    Linspace,
    /// Every `T // S`-th timestep from 0. As in ermongroup/ddim the list is longer than S when S does
    /// not divide T.
    Uniform,
    /// `floor` of the squares of S evenly spaced numbers from 0 to `sqrt(0.8 T)` (ermongroup/ddim).
    /// Repeats are dropped: stepping from `t` to `t` changes nothing (eq. 12 with equal `alpha_bar`).
    Quad,
    /// `tau_i = floor(c i)`, i = 1..S, with `c = T / S`, so that `tau_S = T` (counted from 1).
    PaperLinear,
    /// `tau_i = floor(c i^2)`, i = 1..S, with `c = T / S^2`, so that `tau_S = T` (counted from 1).
    /// Repeats and `tau_i = 0` (which is x_0 itself) are dropped.
    PaperQuadratic,
    /// guided-diffusion's `ddimN`: the smallest integer stride from 0 that gives exactly this many steps.
    DdimStride(usize),
    /// guided-diffusion's section counts: T is cut into as many sections as there are numbers.
    Sections(Vec<usize>),
    /// Exactly these timesteps, strictly ascending.
    Custom(Vec<usize>),
}

impl Tau {
    const NAMED: [Self; 7] = [
        Self::Leading,
        Self::Trailing,
        Self::Linspace,
        Self::Uniform,
        Self::Quad,
        Self::PaperLinear,
        Self::PaperQuadratic,
    ];

    /// The number of steps, where the rule itself says it; the `steps` argument is ignored then.
    pub fn fixed_steps(&self) -> Option<usize> {
        match self {
            Self::DdimStride(steps) => Some(*steps),
            Self::Sections(counts) => Some(counts.iter().fold(0, |sum, n| sum.saturating_add(*n))),
            Self::Custom(list) => Some(list.len()),
            _ => None,
        }
    }
}

impl fmt::Display for Tau {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let comma = |list: &[usize]| {
            list.iter()
                .map(usize::to_string)
                .collect::<Vec<_>>()
                .join(",")
        };
        match self {
            Self::Leading => f.write_str("leading"),
            Self::Trailing => f.write_str("trailing"),
            Self::Linspace => f.write_str("linspace"),
            Self::Uniform => f.write_str("uniform"),
            Self::Quad => f.write_str("quad"),
            Self::PaperLinear => f.write_str("paper-linear"),
            Self::PaperQuadratic => f.write_str("paper-quadratic"),
            Self::DdimStride(steps) => write!(f, "ddim{steps}"),
            Self::Sections(counts) => f.write_str(&comma(counts)),
            Self::Custom(list) => write!(f, "list:{}", comma(list)),
        }
    }
}

impl FromStr for Tau {
    type Err = TimestepsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers = |list: &str| -> Option<Vec<usize>> {
            list.split(',').map(|n| n.trim().parse().ok()).collect()
        };
        let named = Self::NAMED
            .into_iter()
            .find(|rule| rule.to_string() == text);
        let rule = if named.is_some() {
            named
        } else if let Some(steps) = text.strip_prefix("ddim") {
            steps.parse().ok().map(Self::DdimStride)
        } else if let Some(list) = text.strip_prefix("list:") {
            numbers(list).map(Self::Custom)
        } else {
            numbers(text).map(Self::Sections)
        };
        rule.ok_or_else(|| TimestepsError::UnknownName {
            found: quoted(text),
        })
    }
}

/// The list tau for a chain of `num_train_timesteps` (T), thinned to `steps` (S).
///
/// `steps_offset` is diffusers' and is added by [`Tau::Leading`] only. Returns a strictly ascending,
/// non-empty list within `0..T`, or says which number is impossible.
pub fn timesteps(
    rule: &Tau,
    num_train_timesteps: usize,
    steps: usize,
    steps_offset: usize,
) -> Result<Vec<usize>, TimestepsError> {
    let len = num_train_timesteps;
    if !(1..=MAX_TRAIN_TIMESTEPS).contains(&len) {
        return Err(TimestepsError::TrainTimesteps { found: len });
    }
    let count = rule.fixed_steps().unwrap_or(steps);
    if !(1..=len).contains(&count) {
        return Err(TimestepsError::Steps {
            num_train_timesteps: len,
            found: count,
        });
    }
    let list = match rule {
        Tau::Leading => {
            let most = len - 1 - (count - 1) * (len / count);
            if steps_offset > most {
                return Err(TimestepsError::Offset {
                    most,
                    steps: count,
                    found: steps_offset,
                });
            }
            let timestep = |i| i * (len / count) + steps_offset;
            (0..count).map(timestep).collect()
        }
        Tau::Trailing => trailing(len, count),
        Tau::Linspace => linspace(0.0, (len - 1) as f64, count)
            .map(|t| t.round_ties_even() as usize)
            .collect(),
        Tau::Uniform => (0..len).step_by(len / count).collect(),
        Tau::Quad => {
            let roots = linspace(0.0, (len as f64 * 0.8).sqrt(), count);
            deduplicated(roots.map(|root| (root * root) as usize))
        }
        Tau::PaperLinear => paper(len, count, 1),
        Tau::PaperQuadratic => paper(len, count, 2),
        Tau::DdimStride(steps) => ddim_stride(len, *steps)?,
        Tau::Sections(counts) => sections(len, counts)?,
        Tau::Custom(list) => list.clone(),
    };
    checked(list, len)
}

fn checked(list: Vec<usize>, len: usize) -> Result<Vec<usize>, TimestepsError> {
    if let Some(&found) = list.iter().find(|t| **t >= len) {
        return Err(TimestepsError::OutOfRange {
            num_train_timesteps: len,
            found,
        });
    }
    if let Some(pair) = list.windows(2).find(|pair| pair[0] >= pair[1]) {
        return Err(TimestepsError::NotAscending {
            previous: pair[0],
            found: pair[1],
        });
    }
    Ok(list)
}

fn deduplicated(list: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut list: Vec<usize> = list.collect();
    list.dedup();
    list
}

/// The halves that are rounded here depend on the last bit of the stride, so it is taken as NumPy's `arange`
/// takes it. (For some S, such as 61 of 1000, diffusers' own list has one more entry, -1; this one has S.)
fn trailing(len: usize, count: usize) -> Vec<usize> {
    let len = len as f64;
    let stride = len - (len - len / count as f64);
    let from_end = (0..count).rev();
    from_end
        .map(|i| (len - i as f64 * stride).round_ties_even() as usize - 1)
        .collect()
}

/// DDIM paper, appendix D.2: `tau_i = floor(T (i / S)^power)` for i = 1..S, counted from 1 there.
fn paper(len: usize, count: usize, power: u32) -> Vec<usize> {
    let tau = |i: usize| (len as u64 * (i as u64).pow(power) / (count as u64).pow(power)) as usize;
    deduplicated(
        (1..=count)
            .map(tau)
            .filter(|tau| *tau > 0)
            .map(|tau| tau - 1),
    )
}

fn ddim_stride(len: usize, steps: usize) -> Result<Vec<usize>, TimestepsError> {
    (1..=len)
        .find(|stride| len.div_ceil(*stride) == steps)
        .map(|stride| (0..len).step_by(stride).collect())
        .ok_or(TimestepsError::NoStride {
            num_train_timesteps: len,
            steps,
        })
}

fn sections(len: usize, counts: &[usize]) -> Result<Vec<usize>, TimestepsError> {
    let mut list = Vec::new();
    let mut start = 0;
    for (index, &count) in counts.iter().enumerate() {
        let size = len / counts.len() + usize::from(index < len % counts.len());
        if count > size {
            return Err(TimestepsError::Section { size, count });
        }
        let stride = size.saturating_sub(1) as f64 / (count.max(2) - 1) as f64;
        let mut position = 0.0_f64;
        for _ in 0..count {
            list.push(start + position.round_ties_even() as usize);
            position += stride;
        }
        start += size;
    }
    Ok(list)
}
