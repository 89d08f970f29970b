/* tslint:disable */
/* eslint-disable */

/**
 * What every `Error` that this package throws says of itself in `kind`; the message is for people.
 *
 * - `config`: config.json cannot be used
 * - `scheduler`: scheduler_config.json cannot be used
 * - `weights`: the weights are damaged, or those of another network
 * - `options`: an option of the call cannot be used
 * - `input`: the numbers or the size do not fit the network
 * - `memory`: there is not enough memory: a smaller batch or size may do. What was there before is as it was
 * - `device`: there is no usable graphics card, or it failed or has no room
 * - `lost`: the graphics card is gone and was not found again; another call may find it
 * - `diverged`: the network's answer holds numbers that are not finite
 * - `over`: the run has ended before
 *
 * A panic throws nothing: see `on_panic`.
 */
export type ErrorKind = "config" | "scheduler" | "weights" | "options" | "input" | "memory" | "device" | "lost" | "diverged" | "over";



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
    /**
     * Pictures of which a part is kept and the rest made to match, [1 or batch, channels, height, width]: inpainting. The
     * known part of every state, the first one too, is drawn from q(x_t | x_0) (DDPM, eq. 4), with seeded noise that
     * no step uses; the result has the pictures' own pixels there. Needs `mask`; not for inversion.
     */
    known?: Float32Array;
    /** [height, width]: 1 where pixels are known, 0 where they are to be made; numbers in between mix both. */
    mask?: Float32Array | Uint8Array;
    /**
     * w of classifier-free guidance (Ho & Salimans 2022): the network's output is (1 + w) times that with the labels less w
     * times that with `null_label`. 0 is the run without it, and takes twice as long.
     */
    guidance?: number;
    /** The class that stands for none, for guidance. */
    null_label?: number;
}



/** What `from_safetensors()` gives. */
export interface Sample {
    /** [batch, channels, height, width]. */
    shape: [number, number, number, number];
    values: Float32Array;
    metadata: Record<string, string>;
}



/** What `marginals()` gives. */
export interface Marginals {
    /** The time steps, falling. */
    t: number[];
    /** x_t of every point, an array for each time step. */
    x: Float64Array[];
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
/** What `levels()` gives: one number for each time step of the chain. */
export interface Levels {
    /** Variance of the step's noise (DDPM, eq. 2). */
    beta: Float64Array;
    /** What of the image's variance is left (DDPM, eq. 4). */
    alpha_bar: Float64Array;
    /** alpha_bar / (1 - alpha_bar). */
    snr: Float64Array;
}
/** What `weights()` gives: what a squared error of eps weighs in each loss, for each time step of the chain. */
export interface Weights {
    /** L_simple of a network that predicts eps: 1 (DDPM, eq. 14). */
    simple: Float64Array;
    /**
     * gamma of the variational bound, in nats: without eta that of DDPM, eq. 12, with the scheduler's variance; with an
     * eta that of DDIM, theorem 1. Infinite where eta or alpha_bar is 0; at t = 0 it is that of a decoder.
     */
    bound: Float64Array;
    /** min(SNR, 5) / SNR (Hang et al. 2023). */
    min_snr: Float64Array;
    /** L_simple of a network that predicts x_0: 1 / SNR. */
    x0: Float64Array;
    /** L_simple of a network that predicts v: 1 + 1 / SNR. */
    v: Float64Array;
}



/** What `read_model()` gives. */
export interface ReadModel {
    /** The text of config.json. */
    config: string;
    /** The text of scheduler_config.json; null where there is none: see `proposed_scheduler()`. */
    scheduler: string | null;
    /** The bytes of a .safetensors file. */
    weights: Uint8Array<ArrayBuffer>;
    /** Names of the network's classes, from class 0 on, empty texts for those without one; none where nobody gives them names. */
    labels: string[];
    /** The class that stands for none, which guidance needs; null where nobody says it. */
    null_label: number | null;
    /** What is worth knowing of how all of it was read, a sentence each. */
    notes: string[];
}

/** What `outline_model()` gives: all of a model but its weights. */
export interface ModelOutline extends Omit<ReadModel, "weights"> {
    /** Names of the files that hold the weights: one, or several shards. */
    weights: string[];
}

/** What `network_needs()` gives. */
export interface NetworkNeeds {
    /** Trained numbers. */
    parameters: number;
    /** Multiply-adds of one step of one picture. */
    multiply_adds: number;
    /** Channels, height and width of a picture; null where config.json does not say how large pictures are. */
    picture: [number, number, number] | null;
    /** Classes of a conditional network, null of another one. */
    classes: number | null;
    /** Bytes that an instance takes on the processor to make one picture at a time, with a file of 32-bit weights. */
    memory_cpu_f32: number;
    /** The same with weights of 16 bits. */
    memory_cpu_f16: number;
    /** Bytes that it takes on the graphics card, in numbers of 32 bits. */
    memory_gpu_f32: number;
    /** The same in numbers of 16 bits. */
    memory_gpu_f16: number;
}

/** The beginning of a file of weights. */
export interface WeightsStart {
    /** The first bytes, the header of the .safetensors file among them. */
    start: Uint8Array;
    /** Bytes of the whole file, where they are known. */
    size?: number;
}



/** What `scheduler_info()` gives. */
export interface SchedulerInfo {
    /** Length T of the chain the model was trained on. */
    num_train_timesteps: number;
    /** The spacing of time steps that a run takes when it is given no tau. */
    timestep_spacing: string;
    /** Keys of scheduler_config.json that are ignored. */
    unknown_keys: string[];
    /** What is worth knowing of how it was read, a sentence each. */
    notes: string[];
}



/** What `site_texts()` gives. */
export interface SiteTexts {
    /** index.html. */
    index: string;
    /** www/manifest.webmanifest. */
    manifest: string;
    /** www/models/index.json. */
    models: string;
    /** README.md. */
    readme: string;
    /** Folders of the models in www/models/, with a slash at their ends. */
    paths: string[];
}



/** What `statistics()` gives; standard normal noise has mean 0, variance 1 and norm 1, and about 0 in what can be null. */
export interface Statistics {
    /** How many values. */
    count: number;
    mean: number;
    /** The mean of the squared deviations from the mean. */
    variance: number;
    /** The third standardised moment; null where all values are the same. */
    skewness: number | null;
    /** The fourth standardised moment less 3; null where all values are the same. */
    excess_kurtosis: number | null;
    /** Pearson's correlation of pixels with their right neighbours; null where there are none, or all are the same. */
    correlation_right: number | null;
    /** The same with the neighbours below. */
    correlation_down: number | null;
    /** The Kolmogorov–Smirnov distance from N(0, 1), 0 to 1. */
    ks: number;
    /** How probable so large a distance is for as many independent values of N(0, 1) (its limit for many values). */
    ks_p: number;
    /** |x| / sqrt(n). */
    norm: number;
}



/**
 * A picture that becomes noise step by step (DDPM, eq. 2). The noise of every step is independent of that of all others
 * and of every run's. `free()` gives its memory back.
 */
export class Chain {
    free(): void;
    [Symbol.dispose](): void;
    /**
     * x_t, by single steps from the last one asked for, or from the picture where that lies beyond `t` (0 to T - 1). One
     * `t` has one x_t, whatever was asked for before.
     */
    advance(t: number): Float32Array;
    /**
     * Begins at `image`, one picture, -1 to 1. Pictures of other seeds or numbers have other noise.
     */
    constructor(scheduler_json: string, image: Float32Array, seed: number, first_image?: number | null);
}

/**
 * The x_T that the grid of `between` has at the place `u` (from left to right) and `v` (from top to bottom), both from 0
 * to 1; between two `ends`, `v` is left out.
 */
export function at(ends: Float32Array[], u: number, v?: number | null): Float32Array;

/**
 * The names that `beta_schedule` may have in a scheduler_config.json.
 */
export function beta_schedules(): string[];

/**
 * All x_T between `ends`, row by row ([rows * columns, channels, height, width]): between two in one row, between four
 * (top left, top right, bottom left, bottom right) in a grid. Spherical (DDIM, eq. 67).
 */
export function between(ends: Float32Array[], rows: number, columns: number): Float32Array;

/**
 * Whether weights that are announced like this are those of the network of this config.json, in one .safetensors file or
 * in shards; what is worth knowing of how they will be read, a sentence each.
 */
export function check_weights(config_json: string, files: WeightsStart[]): string[];

/**
 * Reads `class_labels.json` of a network of `classes` classes: the name of each, null for one without, and the class that
 * stands for none of them.
 */
export function class_labels(text: string, classes: number): {labels: (string|null)[], null_label: number|null};

/**
 * What a .safetensors file with one tensor, `sample` [batch, channels, height, width] of f32, holds.
 */
export function from_safetensors(bytes: Uint8Array): Sample;

/**
 * The chain of a scheduler_config.json: beta, alpha_bar and the signal-to-noise ratio of every time step.
 */
export function levels(scheduler_json: string): Levels;

/**
 * The points `x_0` at every time step of the run of `options` (its scheduler, tau, eta …), drawn downwards: x_T of
 * q(x_T | x_0), then each state of q_sigma(x_next | x_t, x_0) (DDIM, eq. 7). By lemma 1 every eta gives the marginals
 * N(sqrt(alpha_bar) x_0, 1 - alpha_bar), along other paths. Needs no network.
 */
export function marginals(options: SampleOptions, x_0: Float64Array, seed: number): Marginals;

/**
 * `frames` mixtures of two noised pictures on the straight line between them, both ends among them (DDPM, figure 8).
 */
export function mixed(a: Float32Array, b: Float32Array, frames: number): Float32Array;

/**
 * For each of `images` the nearest of `pictures` by Euclidean distance, both rows of `width` values (pixels or
 * features) one after the other (DDPM, appendix D).
 */
export function nearest(images: Float32Array, pictures: Float32Array, width: number, neighbours: number): {index: number, distance: number}[][];

/**
 * What the network of this config.json needs of a computer.
 */
export function network_needs(config_json: string): NetworkNeeds;

/**
 * x_T of the pictures `first_image`, `first_image + 1` … of a run with this seed, `count` of them with `image` values
 * each ([count, channels, height, width]).
 */
export function noise(seed: number, first_image: number, count: number, image: number): Float32Array;

/**
 * x_t of `images` (several of `image` values each, -1 to 1), drawn from q(x_t | x_0) (DDPM, eq. 4). `from: t` in the
 * options of a run begins there. The noise of image i is that of image first_image + i of a run with this seed.
 */
export function noised(scheduler_json: string, t: number, images: Float32Array, image: number, seed: number, first_image?: number | null): Float32Array;

/**
 * The numbers of every step of the run that `sampler(options)` would make: noise levels and factors. Needs no network.
 */
export function numbers(options: SampleOptions): StepNumbers[];

/**
 * Calls `listener` with the message of every panic from now on, in place of the listener before. After a panic the
 * module is of no further use, and calls that were under way never end.
 */
export function on_panic(listener: (message: string) => void): void;

/**
 * What is known of the model in files with these names before its weights are there. Where a file is needed that is not
 * among `files` yet, its name comes back as `wanted`: add it, and ask again. Of a .safetensors file the first bytes will
 * do, its header among them.
 */
export function outline_model(names: string[], files: Record<string, Uint8Array>): ModelOutline | { wanted: string };

/**
 * The mean of q(x_{t-1} | x_t, x_0) (DDPM, eq. 7) for pictures `x_t` and `x_0` of one size: x_0 itself at t = 0.
 */
export function posterior_mean(scheduler_json: string, t: number, x_t: Float32Array, x_0: Float32Array): Float32Array;

/**
 * The text of the scheduler_config.json to propose for a model that has none: linear betas from 0.0001 to 0.02 in 1000
 * steps, as DDPM's own models have.
 */
export function proposed_scheduler(): string;

/**
 * The model in files by their names (paths with slashes, as a dropped folder has them), or in one .zip archive: a folder
 * of diffusers in any of its layouts, .safetensors or PyTorch's .bin and .pt, in one file or in shards. Nothing in a file
 * is run; what is no model of this program's is refused with the reason.
 */
export function read_model(files: Record<string, Uint8Array>): ReadModel;

/**
 * The reconstruction error of a picture (DDIM, table 2): the mean squared error per value, the values (-1 to 1) scaled
 * to 0 to 1, as the terminal's `evaluate --reconstruction` has it.
 */
export function reconstruction_error(a: Float32Array, b: Float32Array): number;

/**
 * What a scheduler_config.json says, or why it cannot be used.
 */
export function scheduler_info(scheduler_json: string): SchedulerInfo;

/**
 * The service worker of a site, sw.js: see `site_version`.
 */
export function site_script(version: string, sums: string, script: string): string;

/**
 * The texts of a site with `models`, a list as in models/index.json, made of the page's index.html and
 * manifest.webmanifest. `shown` tells whether the picture beside a link is one of theirs. As `ddim-web publish` writes them.
 */
export function site_texts(index: string, manifest: string, models: string, shown: boolean): SiteTexts;

/**
 * The bytes whose SHA-256 names the version of a site: 16 hexadecimal digits of it. `sums` are the checksums of all its
 * files (`sha256-` and base64) by their paths, as JSON; `script` is the page's service worker.
 */
export function site_version(sums: string, script: string): Uint8Array;

/**
 * Runs the module's static constructors, sends panics to the console and to [`on_panic`]'s listener, and completes
 * what older browsers leave out of WebGPU. Idempotent.
 *
 * cubecl registers its kernels in static constructors. Unless the module calls them itself,
 * wasm-ld wraps every export in code that runs them again at each call from JavaScript.
 */
export function start(): void;

/**
 * How much `values`, one or several pictures [channels, height, width], look like independent standard normal noise.
 */
export function statistics(values: Float32Array, channels: number, height: number, width: number): Statistics;

/**
 * The bytes of a .safetensors file with `values` as its one tensor, `sample`, of `shape`
 * [batch, channels, height, width]: what the terminal's `--latents` reads and its `--save` writes.
 */
export function to_safetensors(values: Float32Array, shape: number[], metadata?: Record<string, string> | null): Uint8Array;

/**
 * What a squared error of eps weighs in each loss, for every time step; see `Weights` for what `eta` (0 to 1) does.
 */
export function weights(scheduler_json: string, eta?: number | null): Weights;

export type InitInput = RequestInfo | URL | Response | BufferSource | WebAssembly.Module;

export interface InitOutput {
    readonly memory: WebAssembly.Memory;
    readonly __wbg_chain_free: (a: number, b: number) => void;
    readonly at: (a: any, b: number, c: number, d: number) => [number, number, number];
    readonly beta_schedules: () => [number, number];
    readonly between: (a: any, b: number, c: number) => [number, number, number];
    readonly chain_advance: (a: number, b: number) => [number, number, number];
    readonly chain_new: (a: number, b: number, c: any, d: number, e: number, f: number) => [number, number, number];
    readonly check_weights: (a: number, b: number, c: any) => [number, number, number, number];
    readonly class_labels: (a: number, b: number, c: number) => [number, number, number];
    readonly from_safetensors: (a: any) => [number, number, number];
    readonly levels: (a: number, b: number) => [number, number, number];
    readonly marginals: (a: any, b: any, c: number) => [number, number, number];
    readonly mixed: (a: any, b: any, c: number) => [number, number, number];
    readonly nearest: (a: any, b: any, c: number, d: number) => [number, number, number];
    readonly network_needs: (a: number, b: number) => [number, number, number];
    readonly noise: (a: number, b: number, c: number, d: number) => [number, number, number];
    readonly noised: (a: number, b: number, c: number, d: any, e: number, f: number, g: number, h: number) => [number, number, number];
    readonly numbers: (a: any) => [number, number, number];
    readonly on_panic: (a: any) => void;
    readonly outline_model: (a: number, b: number, c: any) => [number, number, number];
    readonly posterior_mean: (a: number, b: number, c: number, d: any, e: any) => [number, number, number];
    readonly proposed_scheduler: () => [number, number];
    readonly read_model: (a: any) => [number, number, number];
    readonly reconstruction_error: (a: any, b: any) => [number, number, number];
    readonly scheduler_info: (a: number, b: number) => [number, number, number];
    readonly site_script: (a: number, b: number, c: number, d: number, e: number, f: number) => [number, number, number, number];
    readonly site_texts: (a: number, b: number, c: number, d: number, e: number, f: number, g: number) => [number, number, number];
    readonly site_version: (a: number, b: number, c: number, d: number) => [number, number, number];
    readonly start: () => void;
    readonly statistics: (a: any, b: number, c: number, d: number) => [number, number, number];
    readonly to_safetensors: (a: any, b: any, c: number) => [number, number, number];
    readonly weights: (a: number, b: number, c: number, d: number) => [number, number, number];
    readonly __wbindgen_malloc: (a: number, b: number) => number;
    readonly __wbindgen_realloc: (a: number, b: number, c: number, d: number) => number;
    readonly __wbindgen_free: (a: number, b: number, c: number) => void;
    readonly __wbindgen_exn_store: (a: number) => void;
    readonly __externref_table_alloc: () => number;
    readonly __wbindgen_externrefs: WebAssembly.Table;
    readonly __externref_table_dealloc: (a: number) => void;
    readonly __externref_drop_slice: (a: number, b: number) => void;
    readonly __wbindgen_start: () => void;
}

export type SyncInitInput = BufferSource | WebAssembly.Module;

/**
 * Instantiates the given `module`, which can either be bytes or
 * a precompiled `WebAssembly.Module`.
 *
 * @param {{ module: SyncInitInput }} module - Passing `SyncInitInput` directly is deprecated.
 *
 * @returns {InitOutput}
 */
export function initSync(module: { module: SyncInitInput } | SyncInitInput): InitOutput;

/**
 * If `module_or_path` is {RequestInfo} or {URL}, makes a request and
 * for everything else, calls `WebAssembly.instantiate` directly.
 *
 * @param {{ module_or_path: InitInput | Promise<InitInput> }} module_or_path - Passing `InitInput` directly is deprecated.
 *
 * @returns {Promise<InitOutput>}
 */
export default function __wbg_init (module_or_path?: { module_or_path: InitInput | Promise<InitInput> } | InitInput | Promise<InitInput>): Promise<InitOutput>;
