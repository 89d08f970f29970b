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
    /** What is worth knowing of how the weights were read, a sentence each. */
    notes: string[];
}



/** What `Denoiser.load()` takes beside the files and the device. */
export interface LoadOptions {
    /** plan, or burn in a build that has it. Default plan. */
    engine?: "plan" | "burn";
    /**
     * How the graphics card stores weights and feature maps: f16 needs its feature shader-f16. On the CPU, how the weights of
     * a large network are stored. Default f32.
     */
    storage?: "f32" | "f16";
    /** What `Denoiser.tuning()` said on the same graphics card before; without it, it is measured for up to 0.2 s. */
    tuning?: string;
    /** Hears how many of how many kernels are compiled. */
    progress?: (done: number, total: number) => void;
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



/**
 * A network on a device.
 */
export class Denoiser {
    private constructor();
    free(): void;
    [Symbol.dispose](): void;
    /**
     * What the network is and runs on.
     */
    info(): Info;
    /**
     * Builds the network of `config_json` (diffusers' config.json) with a .safetensors file on
     * `device`, "webgpu" or "cpu". A Blob is read piece by piece, so that nobody else has its bytes in
     * memory.
     */
    static load(config_json: string, weights: Uint8Array | Blob, device: string, options?: LoadOptions | null): Promise<Denoiser>;
    /**
     * The network's raw output at `x` ([batch, in_channels, height, width] of config.json's
     * sample_size) and time step `t`; `labels` has one class per image of a conditional model.
     */
    predict(x: Float32Array, batch: number, t: number, labels?: Uint32Array | null): Promise<Float32Array>;
    /**
     * Prepares the rate-distortion curve of a picture; nothing is computed before its `next()`.
     */
    rate_distortion(options: RateOptions): RateDistortion;
    /**
     * Prepares a run; nothing is computed before its `next()`.
     */
    sampler(options: SampleOptions): Sampler;
    /**
     * How the device keeps the network's weights, "f32" or "f16", whatever was asked for.
     */
    storage(): string;
    /**
     * Which kernels were the fastest on this graphics card, to be kept and handed to the next `load` as `tuning`;
     * nothing where that was not measured.
     */
    tuning(): string | undefined;
}

/**
 * The rate-distortion curve of one picture (DDPM, figure 5), in pieces from x_T down to x_0. `free()` gives its memory
 * back.
 */
export class RateDistortion {
    private constructor();
    free(): void;
    [Symbol.dispose](): void;
    /**
     * The next few points, in falling order of t; an empty list after the last.
     */
    next(): Promise<RatePoint[]>;
    /**
     * Number of points of the whole curve.
     */
    readonly total: number;
}

/**
 * One run. Stop by not asking for the next step; `free()` gives its memory back.
 */
export class Sampler {
    private constructor();
    free(): void;
    [Symbol.dispose](): void;
    /**
     * The last step that `next` gave, as the three terms that it adds up (DDIM, eq. 12); nothing before the first.
     */
    dissect(): Dissection | undefined;
    /**
     * Makes the next `count` steps (default 1), or as many as are left, and gives the last one.
     */
    next(count?: number | null): Promise<Step>;
    /**
     * How often the graphics card was lost and found again.
     */
    readonly recoveries: number;
    /**
     * [batch, channels, height, width].
     */
    readonly shape: Uint32Array;
    /**
     * Number of steps of the whole run.
     */
    readonly total: number;
    /**
     * Keys of scheduler_config.json that were ignored.
     */
    readonly unknown_keys: string[];
}

/**
 * Name and shape of every tensor that a weights file for this config.json holds.
 */
export function expected_tensors(config_json: string): {name: string, shape: number[]}[];

/**
 * Calls `listener` with the message of every panic from now on, in place of the listener before. After a panic the
 * module is of no further use, and calls that were under way never end.
 */
export function on_panic(listener: (message: string) => void): void;

/**
 * What a scheduler_config.json says, or why it cannot be used.
 */
export function scheduler_info(scheduler_json: string): SchedulerInfo;

/**
 * Runs the module's static constructors, sends panics to the console and to [`on_panic`]'s listener, and completes
 * what older browsers leave out of WebGPU. Idempotent.
 *
 * cubecl registers its kernels in static constructors. Unless the module calls them itself,
 * wasm-ld wraps every export in code that runs them again at each call from JavaScript.
 */
export function start(): void;

export type InitInput = RequestInfo | URL | Response | BufferSource | WebAssembly.Module;

export interface InitOutput {
    readonly memory: WebAssembly.Memory;
    readonly __wbg_denoiser_free: (a: number, b: number) => void;
    readonly __wbg_ratedistortion_free: (a: number, b: number) => void;
    readonly __wbg_sampler_free: (a: number, b: number) => void;
    readonly denoiser_info: (a: number) => [number, number, number];
    readonly denoiser_load: (a: number, b: number, c: any, d: number, e: number, f: number) => any;
    readonly denoiser_predict: (a: number, b: any, c: number, d: number, e: number) => any;
    readonly denoiser_rate_distortion: (a: number, b: any) => [number, number, number];
    readonly denoiser_sampler: (a: number, b: any) => [number, number, number];
    readonly denoiser_storage: (a: number) => [number, number];
    readonly denoiser_tuning: (a: number) => [number, number];
    readonly expected_tensors: (a: number, b: number) => [number, number, number];
    readonly on_panic: (a: any) => void;
    readonly ratedistortion_next: (a: number) => any;
    readonly ratedistortion_total: (a: number) => number;
    readonly sampler_dissect: (a: number) => [number, number, number];
    readonly sampler_next: (a: number, b: number, c: number) => any;
    readonly sampler_recoveries: (a: number) => number;
    readonly sampler_shape: (a: number) => [number, number];
    readonly sampler_total: (a: number) => number;
    readonly sampler_unknown_keys: (a: number) => [number, number];
    readonly scheduler_info: (a: number, b: number) => [number, number, number];
    readonly start: () => void;
    readonly wasm_bindgen__convert__closures_____invoke__h2646e6c76f63eac3: (a: number, b: number, c: any) => [number, number];
    readonly wasm_bindgen__convert__closures_____invoke__h2646e6c76f63eac3_25: (a: number, b: number, c: any) => [number, number];
    readonly wasm_bindgen__convert__closures_____invoke__h2646e6c76f63eac3_26: (a: number, b: number, c: any) => [number, number];
    readonly wasm_bindgen__convert__closures_____invoke__h4b85538d5163829d: (a: number, b: number, c: any, d: any) => void;
    readonly wasm_bindgen__convert__closures_____invoke__h52bd05326e1eeeb5: (a: number, b: number, c: any) => [number, number];
    readonly wasm_bindgen__convert__closures_____invoke__ha3ecd991ccd5086e: (a: number, b: number, c: any) => [number, number];
    readonly wasm_bindgen__convert__closures_____invoke__hab3c86ab7feba60a: (a: number, b: number, c: any) => void;
    readonly wasm_bindgen__convert__closures_____invoke__hab3c86ab7feba60a_24: (a: number, b: number, c: any) => void;
    readonly __wbindgen_malloc: (a: number, b: number) => number;
    readonly __wbindgen_realloc: (a: number, b: number, c: number, d: number) => number;
    readonly __wbindgen_free: (a: number, b: number, c: number) => void;
    readonly __wbindgen_exn_store: (a: number) => void;
    readonly __externref_table_alloc: () => number;
    readonly __wbindgen_externrefs: WebAssembly.Table;
    readonly __wbindgen_destroy_closure: (a: number, b: number) => void;
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
