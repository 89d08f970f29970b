//! The JavaScript surface: thin, typed, every call fallible.
//!
//! Types here convert and forward; errors become JavaScript `Error`s with the Rust message and a `kind`.

#[cfg(feature = "gpu")]
mod adapter;
mod denoiser;
mod error;
mod figures;
mod load;
mod options;
mod panic;
mod paths;
mod rate;
mod sampler;

#[cfg(feature = "gpu")]
pub use adapter::is_software_adapter;
pub use denoiser::{WebDenoiser, expected_tensors, scheduler_info};
use error::js_error;
pub use error::{Kind, WebError};
pub use figures::{mixed, nearest, noised, run_numbers};
pub use panic::on_panic;
pub use paths::between;
pub use rate::WebRate;
pub use sampler::WebSampler;

use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/**
 * What every `Error` that this package throws says of itself in `kind`; the message is for people.
 *
 * - `config`: config.json cannot be used
 * - `scheduler`: scheduler_config.json cannot be used
 * - `weights`: the weights are damaged, or those of another network
 * - `options`: an option of the call cannot be used
 * - `input`: the numbers or the size do not fit the network
 * - `device`: there is no usable graphics card, or it failed or has no room
 * - `lost`: the graphics card is gone and was not found again; another call may find it
 * - `diverged`: the network's answer holds numbers that are not finite
 * - `over`: the run has ended before
 *
 * A panic throws nothing: see `on_panic`.
 */
export type ErrorKind = "config" | "scheduler" | "weights" | "options" | "input" | "device" | "lost" | "diverged" | "over";
/** A `GPUAdapterInfo`, or what a browser has of it. */
export interface AdapterDescription {
  vendor?: string;
  architecture?: string;
  device?: string;
  description?: string;
  isFallbackAdapter?: boolean;
}
/** What `Denoiser.info()` gives. */
export interface Info {
  /** The program that runs the network. */
  engine: "plan" | "burn";
  device: "cpu" | "webgpu";
  /** The adapter's own name, or the name of the CPU backend. */
  adapter: string;
  parameters: number;
  in_channels: number;
  out_channels: number;
  /** [height, width], or null where config.json does not say. */
  sample_size: [number, number] | null;
  /** Number of classes of a conditional model, or null. */
  classes: number | null;
  /** Keys of config.json that were ignored. */
  unknown_keys: string[];
}
/** What `Denoiser.load()` takes beside the files and the device. */
export interface LoadOptions {
  /** plan, or burn in a build that has it. Default plan. */
  engine?: "plan" | "burn";
  /** How the graphics card stores weights and feature maps: f16 needs its feature shader-f16. Default f32. */
  storage?: "f32" | "f16";
  /** What `Denoiser.tuning()` said on the same graphics card before; without it, it is measured for up to 0.2 s. */
  tuning?: string;
  /** Hears how many of how many kernels are compiled. */
  progress?: (done: number, total: number) => void;
}
/** What `scheduler_info()` gives. */
export interface SchedulerInfo {
  /** Length T of the chain the model was trained on. */
  num_train_timesteps: number;
  /** The spacing of time steps that a run takes when it is given no tau. */
  timestep_spacing: string;
  /** Keys of scheduler_config.json that are ignored. */
  unknown_keys: string[];
}
/** What `Denoiser.sampler()` takes. */
export interface SampleOptions {
  /** The text of scheduler_config.json. */
  scheduler: string;
  /** Number of steps S. Default 50, or T where that is less. */
  steps?: number;
  /** 0 (deterministic) to 1 (DDPM); used by the method "ddim". Default 0. */
  eta?: number;
  /** leading, trailing, linspace, uniform, quad, paper-linear, paper-quadratic, ddimN, "10,15,20" or "list:0,5,10". Default: the scheduler's own. */
  tau?: string;
  /**
   * ddim, sigma_hat, ddpm_noisy, ddpm_fixed_small, ddpm_fixed_large or probability_flow; inversion goes from the
   * images given as latents to noise, and inversion_strict does so by Euler steps of the DDIM paper's eq. 14 taken
   * literally, which lose more in few steps. Default ddim.
   */
  method?: string;
  /** 0 to 2^53 - 1. Default 0. */
  seed?: number;
  /** Number of images. Default 1. */
  batch?: number;
  /** The noise of image i of the batch is that of image first_image + i, however images are cut into batches. Default 0. */
  first_image?: number;
  /** All images get the noise of the first, so that only their latents and labels differ. Default false. */
  same_noise?: boolean;
  /** false leaves x0_hat as it is where the scheduler would clip it; inversion needs that, since a clipped step cannot be undone. Default true: as the scheduler says. */
  clip?: boolean;
  /** One class per image, for a conditional model. */
  labels?: number[];
  /** Height and width; default: those of config.json. */
  size?: [number, number];
  /** x_T, [batch, channels, height, width] row by row, instead of seeded noise; with `from`, x_t. */
  latents?: Float32Array;
  /** Begin at this time step, 0 to T - 1, with the images given as latents: the run visits it and what tau has beyond. */
  from?: number;
  /** End at this time step instead of at x_0 (in an inversion, of x_T). */
  to?: number;
}
/** What `Sampler.next()` gives; images are [batch, channels, height, width], about -1 to 1. */
export interface Step {
  /** Whether this was the last step; x_t is the result then. */
  done: boolean;
  /** Which step, from 0. */
  index: number;
  /** The time step the network was run at. */
  t: number;
  x0_hat: Float32Array;
  x_t: Float32Array;
}
/** What `Sampler.dissect()` gives: a step's result is `predicted + direction + noise` (DDIM, eq. 12). */
export interface Dissection {
  /** Which step, from 0. */
  index: number;
  /** The time step the network was run at. */
  t: number;
  /** The time step of the result; null is the image. */
  t_next: number | null;
  /** Factor of x0_hat. */
  a: number;
  /** Factor of eps. */
  b: number;
  /** Factor of fresh noise. */
  sigma: number;
  x0_hat: Float32Array;
  /** a x0_hat, the "predicted x_0". */
  predicted: Float32Array;
  /** b eps, the "direction pointing to x_t". */
  direction: Float32Array;
  /** sigma z, the "random noise". */
  noise: Float32Array;
}
/** What `numbers()` gives for each step. */
export interface StepNumbers {
  /** The time step the network is told. */
  t: number;
  /** The time step of the result; null is the image. */
  t_next: number | null;
  /** Of the level the network is told: the DDIM paper's α. */
  alpha_bar: number;
  /** sqrt((1 - alpha_bar) / alpha_bar), the noise in the variance-exploding view; null where it is infinite. */
  noise_level: number | null;
  /** Factors of DDIM, eq. 12: of x0_hat, of eps, of fresh noise. */
  a: number;
  b: number;
  sigma: number;
  /**
   * The weight of theorem 1, in nats, with the method's eta (1 for the larger noises); null where the bound is infinite.
   * In the step to x_0 it is that of a decoder with the variance of the step before, times eta squared.
   */
  gamma: number | null;
  /** q(x_next | x_t, x_0), DDIM, eq. 7; null in an inversion. */
  posterior: { of_x0: number; of_x_t: number; variance: number } | null;
  /** q(x_t | x_next, x_0), DDIM, eq. 8; null in an inversion. */
  forward: { of_x0: number; of_x_next: number; variance: number } | null;
}
/** What `Denoiser.rate_distortion()` takes. */
export interface RateOptions {
  /** The text of scheduler_config.json. */
  scheduler: string;
  /** The picture, [channels, height, width] of config.json, -1 to 1. */
  image: Float32Array;
  /** How many time steps, 2 to T; fewer than all are drawn from equal parts of the chain. Default: all. */
  terms?: number;
  /** Seed of the noise. Default 0. */
  seed?: number;
  /** The picture's class, for a conditional model. */
  label?: number;
}
/** A point of the curve (DDPM, figure 5, algorithms 3 and 4). */
export interface RatePoint {
  /** The time step of the state that has arrived. */
  t: number;
  /** Bits per dimension sent so far. */
  rate: number;
  /** Root mean squared error of the picture predicted from that state, on the scale 0 to 255. */
  distortion: number;
  /** Bits per dimension of the part of the chain that this point stands for: with all time steps, of what is sent next. */
  cost: number;
}
"#;

#[cfg(feature = "burn")]
unsafe extern "C" {
    fn __wasm_call_ctors();
}

/// Runs the module's static constructors, sends panics to the console and to [`on_panic`]'s listener, and completes
/// what older browsers leave out of WebGPU. Idempotent.
///
/// cubecl registers its kernels in static constructors. Unless the module calls them itself,
/// wasm-ld wraps every export in code that runs them again at each call from JavaScript.
#[wasm_bindgen(start)]
pub fn start() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        panic::install();
        #[cfg(feature = "gpu")]
        adapter::complete_descriptions();
        #[cfg(feature = "burn")]
        // SAFETY: the linker's own function, without arguments; `Once` keeps it from running twice.
        unsafe {
            __wasm_call_ctors()
        };
    });
}
