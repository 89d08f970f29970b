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



/** The pictures that a run learns from. */
export interface TrainingImages {
    /** Where it runs; without WebGPU in this browser, "cpu". Default cpu. */
    device?: "webgpu" | "cpu";
    /** Pixels of 8 bits, [count, channels, height, width] row by row. */
    images: Uint8Array;
    /** Default: as many as fill the pixels. */
    count?: number;
    /** 1 (grey) or 3 (red, green, blue). Default: config.json's in_channels. */
    channels?: number;
    /** Default: that of config.json. */
    height?: number;
    /** Default: that of config.json. */
    width?: number;
    /** The class of each picture, 0 to num_class_embeds - 1, for a network with classes. */
    labels?: number[];
}
/** How a run changes the weights; of a run that is resumed, what is not given stays as it was. */
export interface TrainingSteps {
    /** Steps of the whole run. Default 10000. */
    steps?: number;
    /** Learning rate, above 0 and at most 1. Default 0.001. */
    lr?: number;
    /** The first steps, over which the learning rate rises linearly. Default 100. */
    warmup?: number;
    /** The last steps, over which the learning rate falls linearly to 0. Default: seven tenths of all. */
    decay_steps?: number;
    /** Decay of the average of the weights, which is what a model is made of. Default 0.999. */
    ema?: number;
    /** Largest norm of the gradient; 0 turns clipping off. Default 1. */
    clip?: number;
}
/** What `Trainer.create()` takes. */
export interface TrainingOptions extends TrainingImages, TrainingSteps {
    /** The text of config.json: any network that can be sampled from. */
    config: string;
    /** The text of scheduler_config.json: the chain, and what the network's output means. */
    scheduler: string;
    /** The bytes of a .safetensors file to begin with. Default: new weights, drawn from the seed. */
    weights?: Uint8Array;
    /** Pictures per step, 1 to 4096. Default 16. */
    batch?: number;
    /** By which rule the weights change: Muon for the matrices inside the network and Adam for the rest, or Adam. Default muon; with weights adam. */
    optimizer?: "muon" | "adam";
    /** What a time step's error weighs: simple, bound, min-snr or min-snr=LIMIT. Default min-snr. */
    loss?: string;
    /** 0 to 2^53 - 1. Default 0. */
    seed?: number;
    /**
     * The text of class_labels.json: what the classes are called, and which one stands for none (null_class_id). Default:
     * their numbers; the last one stands for none where only it has no pictures.
     */
    class_labels?: string;
    /** The share of the pictures whose class is not told, so that the model can be guided. Default 0.1 with a null_class_id. */
    label_dropout?: number;
}
/** What `Trainer.resume()` takes: the pictures and labels that the run began with, and what is to be different from now on. */
export interface ResumeOptions extends TrainingImages, TrainingSteps {}



/** What `Trainer.step()` gives. */
export interface TrainingStep {
    /** Steps done. */
    step: number;
    /** Number of the pass over the pictures, from 0. */
    epoch: number;
    /** Mean loss of the steps that were asked for, each before its change. */
    loss: number;
    /** Norm of the last one's gradient, before clipping. */
    grad_norm: number;
    /** Learning rate of the last one. */
    lr: number;
    /** Milliseconds per step. */
    ms: number;
}
/** What `Trainer.info()` gives. */
export interface TrainingInfo {
    device: "cpu" | "webgpu";
    /** The adapter's own name, or the name of the instructions. */
    adapter: string;
    parameters: number;
    /** Steps done. */
    step: number;
    /** Steps of the whole run. */
    steps: number;
    batch: number;
    /** Number of pictures. */
    images: number;
    /** [channels, height, width] of a picture. */
    shape: [number, number, number];
    /** The loss of every step done. */
    losses: number[];
}
/** What `Trainer.model()` gives: the files of a folder that diffusers and `Denoiser.load()` load. */
export interface TrainedModel {
    /** config.json. */
    config: string;
    /** scheduler_config.json. */
    scheduler: string;
    /** diffusion_pytorch_model.safetensors, with the averaged weights. */
    weights: Uint8Array<ArrayBuffer>;
    /** class_labels.json, of a network with classes. */
    class_labels?: string;
}
/** What a training step does with a picture: x_t = signal x0 + noise eps, and (c_x0 x0 + c_eps eps) is what the network should say. */
export interface TrainingLevel {
    signal: number;
    noise: number;
    c_x0: number;
    c_eps: number;
    /** Factor of the mean squared error. */
    weight: number;
}
/** What `Trainer.gradients()` takes. */
export interface GradientOptions {
    /** [batch, channels, height, width], -1 to 1. */
    x0: Float32Array;
    /** As many numbers of noise. */
    eps: Float32Array;
    /** A time step for each picture, 0 to T - 1. */
    t: number[];
    /** What happens to each picture, in place of what the scheduler and the loss say of its time step. */
    levels?: TrainingLevel[];
    /** The class of each picture, for a network with classes. */
    labels?: number[];
}
/** What `Trainer.gradients()` gives. */
export interface TrainingGradients {
    loss: number;
    /** A .safetensors file with a tensor for each parameter, named as in the weights file. */
    gradients: Uint8Array<ArrayBuffer>;
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
 * A network in training on a device. One call at a time; `free()` gives its memory back.
 */
export class Trainer {
    private constructor();
    free(): void;
    [Symbol.dispose](): void;
    /**
     * Everything that the run needs to go on: a .safetensors file.
     */
    checkpoint(): Promise<Uint8Array>;
    /**
     * A new run, from new weights or from those of a model.
     */
    static create(options: TrainingOptions): Promise<Trainer>;
    /**
     * The loss and the gradient of every parameter for pictures, noise and time steps of one's own; nothing changes.
     */
    gradients(options: GradientOptions): Promise<TrainingGradients>;
    /**
     * What the network is trained on, with what, and how far it is.
     */
    info(): TrainingInfo;
    /**
     * The model as it is now, with the averaged weights in f16 (the default) or f32.
     */
    model(precision?: string | null): Promise<TrainedModel>;
    /**
     * Goes on from the bytes that `checkpoint()` gave, with the pictures that the run began with: it goes on as if it had
     * not been interrupted.
     */
    static resume(checkpoint: Uint8Array, options: ResumeOptions): Promise<Trainer>;
    /**
     * Makes the next `count` steps (default 1), or as many as are left. After an error the run is as it was after the last
     * good one.
     */
    step(count?: number | null): Promise<TrainingStep>;
}

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
    readonly __wbg_trainer_free: (a: number, b: number) => void;
    readonly on_panic: (a: any) => void;
    readonly scheduler_info: (a: number, b: number) => [number, number, number];
    readonly start: () => void;
    readonly trainer_checkpoint: (a: number) => any;
    readonly trainer_create: (a: any) => any;
    readonly trainer_gradients: (a: number, b: any) => any;
    readonly trainer_info: (a: number) => [number, number, number];
    readonly trainer_model: (a: number, b: number, c: number) => any;
    readonly trainer_resume: (a: any, b: any) => any;
    readonly trainer_step: (a: number, b: number, c: number) => any;
    readonly wasm_bindgen__convert__closures_____invoke__h2646e6c76f63eac3: (a: number, b: number, c: any) => [number, number];
    readonly wasm_bindgen__convert__closures_____invoke__h2646e6c76f63eac3_15: (a: number, b: number, c: any) => [number, number];
    readonly wasm_bindgen__convert__closures_____invoke__h2646e6c76f63eac3_16: (a: number, b: number, c: any) => [number, number];
    readonly wasm_bindgen__convert__closures_____invoke__h4b85538d5163829d: (a: number, b: number, c: any, d: any) => void;
    readonly wasm_bindgen__convert__closures_____invoke__ha3ecd991ccd5086e: (a: number, b: number, c: any) => [number, number];
    readonly wasm_bindgen__convert__closures_____invoke__hab3c86ab7feba60a: (a: number, b: number, c: any) => void;
    readonly wasm_bindgen__convert__closures_____invoke__hab3c86ab7feba60a_14: (a: number, b: number, c: any) => void;
    readonly __wbindgen_malloc: (a: number, b: number) => number;
    readonly __wbindgen_realloc: (a: number, b: number, c: number, d: number) => number;
    readonly __wbindgen_free: (a: number, b: number, c: number) => void;
    readonly __wbindgen_exn_store: (a: number) => void;
    readonly __externref_table_alloc: () => number;
    readonly __wbindgen_externrefs: WebAssembly.Table;
    readonly __wbindgen_destroy_closure: (a: number, b: number) => void;
    readonly __externref_table_dealloc: (a: number) => void;
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
