//! What an engine is and runs on.

use std::fmt;
use std::str::FromStr;

use crate::unet::config::UnetConfig;

/// Where a network runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceKind {
    /// The processor.
    Cpu,
    /// WebGPU in the browser, Vulkan, Metal or DirectX elsewhere.
    Gpu,
}

impl fmt::Display for DeviceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "the CPU",
            Self::Gpu => "the graphics card",
        })
    }
}

/// Which program runs the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EngineKind {
    /// The list of fused operations of [`crate::engine::plan`].
    #[default]
    Plan,
    /// Layer by layer in burn; only where the crate's feature `burn` is on.
    Burn,
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plan => "plan",
            Self::Burn => "burn",
        })
    }
}

/// A name that no engine has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("engine: expected plan or burn, found {0}")]
pub struct UnknownEngine(String);

impl FromStr for EngineKind {
    type Err = UnknownEngine;

    fn from_str(name: &str) -> Result<Self, UnknownEngine> {
        [Self::Plan, Self::Burn]
            .into_iter()
            .find(|kind| kind.to_string() == name)
            .ok_or_else(|| UnknownEngine(name.into()))
    }
}

/// What an engine is and runs on.
#[derive(Debug, Clone, PartialEq)]
pub struct EngineInfo {
    /// Which program it is.
    pub engine: EngineKind,
    /// Where it runs.
    pub device: DeviceKind,
    /// The adapter's own name, or the name of the CPU backend.
    pub adapter: String,
    /// Number of trained numbers in the network.
    pub parameters: usize,
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Height and width, where `config.json` says so.
    pub sample_size: Option<[usize; 2]>,
    /// Number of classes of a conditional model.
    pub classes: Option<usize>,
    /// Keys of `config.json` that were ignored.
    pub unknown_keys: Vec<String>,
}

impl EngineInfo {
    /// Of the network of `config` with `parameters` trained numbers.
    pub fn new(
        engine: EngineKind,
        device: DeviceKind,
        adapter: String,
        config: &UnetConfig,
        parameters: usize,
    ) -> Self {
        Self {
            engine,
            device,
            adapter,
            parameters,
            in_channels: config.in_channels,
            out_channels: config.out_channels,
            sample_size: config.sample_size,
            classes: config.num_class_embeds,
            unknown_keys: config.unknown_keys.clone(),
        }
    }
}
