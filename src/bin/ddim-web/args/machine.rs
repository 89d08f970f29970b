//! Where a model runs, and how.

use clap::ValueEnum;
use ddim_web::engine::{DeviceKind, EngineKind, GpuOptions, LoadOptions};

use crate::error::CliError;

/// Where the network runs.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Device {
    /// The processor
    Cpu,
    /// The graphics card (Vulkan, Metal or DirectX)
    Gpu,
}

impl From<Device> for DeviceKind {
    fn from(device: Device) -> Self {
        match device {
            Device::Cpu => Self::Cpu,
            Device::Gpu => Self::Gpu,
        }
    }
}

/// Which program runs the network.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Engine {
    /// This project's own: a list of fused operations
    Plan,
    /// Layer by layer in burn; slower, for comparison
    Burn,
}

impl From<Engine> for EngineKind {
    fn from(engine: Engine) -> Self {
        match engine {
            Engine::Plan => Self::Plan,
            Engine::Burn => Self::Burn,
        }
    }
}

/// How the graphics card stores numbers.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Storage {
    /// 32 bits
    F32,
    /// 16 bits
    F16,
}

/// Where a model runs, and how.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Machine {
    /// Where the network runs
    #[arg(long, value_enum, default_value_t = Device::Cpu)]
    pub device: Device,
    /// Which program runs the network
    #[arg(long, value_enum, default_value_t = Engine::Plan)]
    pub engine: Engine,
    /// How the graphics card stores weights and feature maps; f16 takes half the memory and rounds to 3 digits
    #[arg(long, value_enum, default_value_t = Storage::F32)]
    pub storage: Storage,
}

impl Machine {
    /// How a model is loaded for it.
    ///
    /// # Errors
    /// [`CliError::Usage`] when it stores numbers in a way of the graphics card elsewhere.
    pub fn options(self) -> Result<LoadOptions, CliError> {
        let Self {
            device,
            engine,
            storage,
        } = self;
        let plan_on_gpu = matches!((device, engine), (Device::Gpu, Engine::Plan));
        if matches!(storage, Storage::F16) && !plan_on_gpu {
            return Err(CliError::Usage(
                "storage: f16 needs --device gpu and --engine plan".into(),
            ));
        }
        Ok(LoadOptions {
            engine: engine.into(),
            device: device.into(),
            gpu: GpuOptions {
                tuning: None,
                storage: match storage {
                    Storage::F32 => ddim_web::engine::Storage::F32,
                    Storage::F16 => ddim_web::engine::Storage::F16,
                },
            },
        })
    }
}
