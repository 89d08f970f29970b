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

/// Vector instructions of the processor.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Simd {
    /// 16 numbers at once
    Avx512,
    /// 8 numbers at once
    Avx2,
    /// 4 numbers at once, on ARM
    Neon,
    /// None of them by name
    Portable,
}

impl Simd {
    /// What the engine calls them.
    fn name(self) -> &'static str {
        match self {
            Self::Avx512 => "AVX-512",
            Self::Avx2 => "AVX2",
            Self::Neon => "NEON",
            Self::Portable => "portable",
        }
    }
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
    /// Vector instructions of the processor, for measurements [default: the best that it has]
    #[arg(long, value_enum)]
    pub simd: Option<Simd>,
}

impl Machine {
    /// How a model is loaded for it.
    ///
    /// # Errors
    /// [`CliError::Usage`] when it has an option of another machine.
    pub fn options(self) -> Result<LoadOptions, CliError> {
        let Self {
            device,
            engine,
            storage,
            simd,
        } = self;
        if matches!(engine, Engine::Burn) && !cfg!(feature = "burn") {
            return Err(CliError::Usage(
                "engine: this program was built without burn; build it with --features burn (for --device gpu: burn-gpu)"
                    .into(),
            ));
        }
        let plan_on_gpu = matches!((device, engine), (Device::Gpu, Engine::Plan));
        if matches!(storage, Storage::F16) && !plan_on_gpu {
            return Err(CliError::Usage(
                "storage: f16 needs --device gpu and --engine plan".into(),
            ));
        }
        if simd.is_some() && !matches!((device, engine), (Device::Cpu, Engine::Plan)) {
            return Err(CliError::Usage(
                "simd: needs --device cpu and --engine plan".into(),
            ));
        }
        Ok(LoadOptions {
            engine: engine.into(),
            device: device.into(),
            instructions: simd.map(Simd::name),
            weights: ddim_web::engine::Storage::F32,
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
