// <ddim-sampler>: pictures that form on any page or slide, in three lines:
//
//     <script type="module" src="…/www/embed/sampler.js"></script>
//     <ddim-sampler src="…/www/models/avatars" steps="20" seed="1" pace="watch" controls></ddim-sampler>
//
// Attributes, which are properties of the same name, too:
//
// - `src`: folder of a model: config.json, scheduler_config.json and diffusion_pytorch_model.safetensors
// - `steps`: how many, 1 or more (20); `seed`: a whole number from 0 (1); `batch`: pictures, 1 to 16 (4); `eta`: fresh noise
//   of DDIM, 0 to 1 (0); `label`: the class, for a conditional model (0)
// - `device`: `auto`, `webgpu` or `cpu` (`auto`)
// - `pace`: `watch`, slow enough to follow, or `fast` (`watch`)
// - `show`: `x0`, what the network believes the pictures to be, or `xt`, what it works on (`x0`)
// - `controls`: whether there is a button and a line that says what happens
//
// It does nothing before it is seen. Then it loads the model and runs once; where a visitor wants less motion, or data
// saved, it waits for the button (or for `run()`) and shows the end alone. Properties: `state` (`idle`, `loading`,
// `ready`, `running`, `done`, `stopped` or `error`), `images` (the pictures of the last run, once it is done: [batch, channels,
// height, width], -1 to 1). Methods: `run()`, which resolves at the end, and `stop()`. Events: `ddim-ready`, `ddim-step`
// (`detail`: `index`, `total`, `t`), `ddim-done` (`detail.images`), `ddim-error` (`detail`: `kind`, `message`).
//
// It looks as the page around it says by `color`, `font`, and the custom properties `--ddim-line` and `--ddim-gap`.

import { Client } from '../engine/client.js';
import { Failure } from '../engine/errors.js';
import { Pacer } from '../pace.js';
import { paint } from '../ui/pixels.js';
import { Picture } from './picture.js';
import { read } from './settings.js';

/** Times of one step that an eye follows, ms; a run of many steps does not last longer than WATCHED. */
const SLOWEST = 150;
const WATCHED = 6000;

/** @typedef {'idle'|'loading'|'ready'|'running'|'done'|'stopped'|'error'} State */

/** Whether motion is welcome, and downloads that nobody has asked for. */
function mayPlay() {
  const connection = 'connection' in navigator ? /** @type {{saveData?: boolean}} */ (navigator.connection) : {};
  return !connection.saveData && !calm();
}

const calm = () => matchMedia('(prefers-reduced-motion: reduce)').matches;

export class DdimSampler extends HTMLElement {
  static observedAttributes = ['src', 'steps', 'seed', 'batch', 'eta', 'label', 'device', 'pace', 'show', 'controls'];

  /** @type {State} */
  state = 'idle';
  /** @type {Float32Array|null} */
  images = null;
  #view = new Picture(this.attachShadow({ mode: 'open' }), () => this.#press());
  /** @type {Client|null} */
  #client = null;
  /** The model that is loaded or on its way, and where it runs. */
  #loaded = '';
  /** @type {Promise<import('../engine/client.js').Loaded>|null} */
  #loading = null;
  /** @type {import('../engine/client.js').Run|null} */
  #run = null;
  /** @type {Pacer<import('../engine/client.js').Step>|null} */
  #pacer = null;
  /** Number of the run; what an older one still brings is not wanted. */
  #number = 0;
  /** Whether an attribute has been changed just now. */
  #changed = false;
  /** @type {IntersectionObserver|null} */
  #sight = null;

  connectedCallback() {
    this.#view.controls(this.hasAttribute('controls'));
    this.#sight = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      this.#sight?.disconnect();
      // A visitor who wants no motion asks for it with the button; where there is none, the end alone is shown.
      if (mayPlay() || !this.hasAttribute('controls')) this.run();
    });
    this.#sight.observe(this);
  }

  /** A page that takes the element away gets all its memory back. */
  disconnectedCallback() {
    this.#sight?.disconnect();
    this.#number += 1;
    this.#end();
    this.#enter('idle', '');
  }

  /** @param {string} name @param {string|null} before @param {string|null} after */
  attributeChangedCallback(name, before, after) {
    if (before === after) return;
    if (name === 'controls') this.#view.controls(after !== null);
    // Somebody has seen pictures, so they are to be what the attributes say, once all are set.
    else if (this.isConnected && this.state !== 'idle' && !this.#changed) {
      this.#changed = true;
      queueMicrotask(() => {
        this.#changed = false;
        if (this.isConnected) this.run();
      });
    }
  }

  /** Makes the pictures that the attributes ask for; a run that is under way ends. @returns {Promise<void>} never fails: see `state` */
  async run() {
    this.#number += 1;
    const number = this.#number;
    const current = () => number === this.#number;
    this.#run?.stop(true);
    this.#pacer?.drop();
    try {
      const { values, fault } = read(this);
      if (!values) throw new Failure('options', fault);
      const { info } = await this.#load(values);
      if (current()) await this.#sample(values, info, current);
    } catch (error) {
      if (current()) this.#fail(error);
    }
  }

  /** Ends the run after the step that is being computed. */
  stop() {
    if (this.state !== 'running') return;
    this.#run?.stop();
    this.#pacer?.drop();
  }

  /** What the button does. */
  #press() {
    if (this.state === 'running') this.stop();
    else if (this.state !== 'loading') this.run();
  }

  /** @param {import('./settings.js').Values} values */
  async #load({ src, device }) {
    const wanted = `${device} ${src.href}`;
    if (this.#loading && wanted === this.#loaded) return this.#loading;
    this.#end();
    this.#loaded = wanted;
    this.#enter('loading', 'Loading the model…');
    const client = new Client((event) => {
      if (client !== this.#client) return;
      if (event.type === 'bytes' && event.total > 0) this.#view.say(`Loading the model: ${Math.round((100 * event.loaded) / event.total)} %`);
      else if (event.type === 'crashed') {
        this.#number += 1;
        this.#fail(event.failure);
      }
    });
    this.#client = client;
    this.#loading = client.load(src, { device, engine: 'plan', storage: 'f32' });
    const loaded = await this.#loading;
    if (client === this.#client) {
      this.#enter('ready', '');
      this.#tell('ready', {});
    }
    return loaded;
  }

  /**
   * @param {import('./settings.js').Values} values @param {import('../../pkg/ddim_web.js').Info} info
   * @param {() => boolean} current  whether no other run has taken the place of this one
   */
  async #sample({ steps, seed, batch, eta, label, pace, show }, info, current) {
    const { out_channels: channels, sample_size: size, classes } = info;
    if (![1, 3].includes(channels)) throw new Failure('config', `The model makes pictures with ${channels} channels; only 1 (grey) and 3 (colour) can be shown.`);
    if (!size) throw new Failure('config', 'config.json does not say how large the pictures are (sample_size).');
    const client = this.#client;
    if (!client) return;
    const shape = { channels, height: size[0], width: size[1] };
    const canvases = this.#view.room(batch, shape);
    this.images = null;
    let total = steps;
    const watched = pace === 'watch' && !calm();
    const pacer = new Pacer(watched ? Math.min(SLOWEST, WATCHED / steps) : 0, (/** @type {import('../engine/client.js').Step} */ step) => {
      if (!current()) return;
      this.#run?.taken(step.index + 1);
      // Without motion only the end is on show.
      if (!calm() || step.index + 1 === total) canvases.forEach((canvas, i) => paint(canvas, show === 'x0' ? step.x0 : step.xt, i, shape));
      this.#view.say(`Step ${step.index + 1} of ${total}`);
      this.#tell('step', { index: step.index, total, t: step.t });
    });
    this.#pacer = pacer;
    this.#enter('running', 'Starting…');
    const condition = classes ? { labels: new Array(batch).fill(label) } : {};
    const run = client.sample({ steps, seed, batch, eta, ...condition }, (event) => {
      if (event.type === 'started') total = event.total;
      else if (current()) pacer.add(event);
    }, { paced: true });
    this.#run = run;
    const { stopped, values } = await run.ended;
    if (!current()) return;
    await pacer.empty();
    if (!current()) return;
    this.images = values ?? null;
    this.#enter(stopped ? 'stopped' : 'done', stopped ? 'Stopped.' : '');
    this.#view.describe(`${batch === 1 ? 'A picture' : `${batch} pictures`} that a diffusion model drew in ${total} steps from noise ${seed}`);
    if (!stopped) this.#tell('done', { images: this.images });
  }

  /** @param {unknown} error */
  #fail(error) {
    const failure = Failure.from(error);
    // After any of them another client is tried.
    this.#end();
    this.#enter('error', failure.message);
    this.#tell('error', { kind: failure.kind, message: failure.message });
  }

  /** Gives back all that it holds. */
  #end() {
    this.#pacer?.drop();
    this.#client?.terminate();
    this.#client = null;
    this.#loading = null;
    this.#run = null;
    this.#loaded = '';
  }

  /** @param {State} state @param {string} text */
  #enter(state, text) {
    this.state = state;
    this.dataset.state = state;
    this.#view.enter(state, text);
  }

  /** @param {string} name @param {object} detail */
  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(`ddim-${name}`, { detail, bubbles: true, composed: true }));
  }
}

for (const name of DdimSampler.observedAttributes) {
  const flag = name === 'controls';
  Object.defineProperty(DdimSampler.prototype, name, {
    /** @this {DdimSampler} */
    get() {
      return flag ? this.hasAttribute(name) : this.getAttribute(name);
    },
    /** @this {DdimSampler} @param {unknown} value */
    set(value) {
      if (flag) this.toggleAttribute(name, Boolean(value));
      else if (value === null || value === undefined) this.removeAttribute(name);
      else this.setAttribute(name, String(value));
    },
  });
}

customElements.define('ddim-sampler', DdimSampler);
