// What the letters mean: one sentence for each, with its equation and where the papers have it. Equations are MathML;
// x̂₀, x_t and ε have one colour each wherever they stand.

/**
 * @typedef {object} Term
 * @property {string} name
 * @property {string} sentence
 * @property {string} math  MathML, the inside of a `math` element
 * @property {string} source  paper and equation
 */

const mi = (/** @type {string} */ letter) => `<mi>${letter}</mi>`;
const mo = (/** @type {string} */ sign) => `<mo>${sign}</mo>`;
const mn = (/** @type {number|string} */ number) => `<mn>${number}</mn>`;
const row = (/** @type {string[]} */ ...parts) => `<mrow>${parts.join('')}</mrow>`;
const sub = (/** @type {string} */ base, /** @type {string} */ index, kind = '') => `<msub${kind && ` class="${kind}"`}>${base}${index}</msub>`;
const sup = (/** @type {string} */ base, /** @type {string} */ power) => `<msup>${base}${power}</msup>`;
const sqrt = (/** @type {string[]} */ ...parts) => `<msqrt>${parts.join('')}</msqrt>`;
const frac = (/** @type {string} */ above, /** @type {string} */ below) => `<mfrac>${above}${below}</mfrac>`;
const hat = (/** @type {string} */ base, sign = 'ˆ') => `<mover accent="true">${base}<mo>${sign}</mo></mover>`;
/** In brackets, which are no taller than letters. */
const inside = (/** @type {string[]} */ ...parts) => row('<mo stretchy="false">(</mo>', ...parts, '<mo stretchy="false">)</mo>');

const t = mi('t');
const before = row(t, mo('−'), mn(1));
const one = mn(1);

/** Parts of equations, for those that views put together themselves. */
export const M = {
  mi, mo, mn, row, sub, sup, sqrt, frac, hat, inside,
  /** The picture itself. */
  x0: sub(mi('x'), mn(0), 'x0'),
  /** The network's guess of it. */
  x0Hat: sub(hat(mi('x')), mn(0), 'x0'),
  xt: sub(mi('x'), t, 'xt'),
  xBefore: sub(mi('x'), before, 'xt'),
  xT: sub(mi('x'), mi('T'), 'xt'),
  eps: '<mi class="eps">ε</mi>',
  epsHat: sub('<mi class="eps">ε</mi>', mi('θ'), 'eps'),
  z: mi('z'),
  alphaBar: sub(hat(mi('α'), '¯'), t),
  alphaBarBefore: sub(hat(mi('α'), '¯'), before),
  beta: sub(mi('β'), t),
  sigma: sub(mi('σ'), t),
};

const { x0, x0Hat, xt, xBefore, xT, eps, epsHat, z, alphaBar, alphaBarBefore, beta, sigma } = M;
const eq = mo('=');
const plus = mo('+');
const minus = mo('−');
const times = mo('⁢');
const dots = mi('…');
const sine = `${mi('sin')}<mspace width="0.15em"></mspace>`;

/** x_T at a place between two. */
const onWay = (/** @type {string} */ place) => `<msubsup class="xt">${mi('x')}${mi('T')}${inside(place)}</msubsup>`;

/** The step of DDIM, as three terms. */
const STEP = row(
  xBefore, eq, sqrt(alphaBarBefore), times, x0Hat, plus,
  sqrt(one, minus, alphaBarBefore, minus, `<msubsup>${mi('σ')}${t}${mn(2)}</msubsup>`), times, epsHat, plus, sigma, times, z,
);

/** @satisfies {Record<string, Term>} */
export const TERMS = {
  x0_hat: {
    name: 'guess',
    sentence: 'What the network believes the finished picture to be. Some networks say it themselves; where one says the noise, it is worked out from that.',
    math: row(x0Hat, eq, frac(row(xt, minus, sqrt(one, minus, alphaBar), times, epsHat), sqrt(alphaBar))),
    source: 'DDIM, eq. 9',
  },
  x_t: {
    name: 'noisy picture',
    sentence: 'A picture with noise mixed in: hardly any at t = 0, nothing but noise at t = T.',
    math: row(xt, eq, sqrt(alphaBar), times, x0, plus, sqrt(one, minus, alphaBar), times, eps),
    source: 'DDPM, eq. 4',
  },
  eps: {
    name: 'noise',
    sentence: 'Independent standard normal numbers, one for each pixel and colour. The network is trained to tell them from the picture; whichever of the two it says, the other one follows.',
    math: row(eps, mo('∼'), mi('𝒩'), inside(mn(0), mo(','), mi('I'))),
    source: 'DDPM, eq. 4',
  },
  alpha_bar: {
    name: 'signal',
    sentence: 'How much of the picture is left at t: 1 is the picture itself, 0 is pure noise. The DDIM paper writes α for it.',
    math: row(alphaBar, eq, '<munderover><mo>∏</mo><mrow><mi>s</mi><mo>=</mo><mn>1</mn></mrow><mi>t</mi></munderover>', inside(one, minus, sub(mi('β'), mi('s')))),
    source: 'DDPM, eq. 4',
  },
  beta: {
    name: 'noise added',
    sentence: 'The variance of the noise that one single step forward adds.',
    math: row(xt, eq, sqrt(one, minus, beta), times, xBefore, plus, sqrt(beta), times, eps),
    source: 'DDPM, eq. 2',
  },
  snr: {
    name: 'signal-to-noise ratio',
    sentence: 'How much stronger the picture is than the noise; it falls from t = 0 to T.',
    math: row('<mi>SNR</mi>', inside(t), eq, frac(alphaBar, row(one, minus, alphaBar))),
    source: 'Kingma et al. 2021, section 3.1',
  },
  step: {
    name: 'one step',
    sentence: 'A step adds up three terms: the picture that the network predicts, the direction pointing back to the noisy one, and fresh noise.',
    math: STEP,
    source: 'DDIM, eq. 12',
  },
  eta: {
    name: 'fresh noise',
    sentence: 'How much new noise is added after each step: 0 is DDIM, where the first noise alone decides; 1 is DDPM.',
    math: row(sigma, eq, mi('η'), times, sqrt(frac(row(one, minus, alphaBarBefore), row(one, minus, alphaBar))), times, sqrt(one, minus, frac(alphaBar, alphaBarBefore))),
    source: 'DDIM, eq. 16',
  },
  sigma_hat: {
    name: 'more noise',
    sentence: 'The larger noise of the DDPM paper, which hurts when there are few steps.',
    math: row(sub(hat(mi('σ')), t), eq, sqrt(one, minus, frac(alphaBar, alphaBarBefore))),
    source: 'DDIM, section 5',
  },
  tau: {
    name: 'step spacing',
    sentence: 'Which S of the T noise levels a run visits, from the noisiest down.',
    math: row(mi('τ'), eq, inside(sub(mi('τ'), mn(1)), mo(','), dots, mo(','), sub(mi('τ'), mi('S'))), mo('⊂'), inside(mn(1), mo(','), dots, mo(','), mi('T'))),
    source: 'DDIM, section 4.2',
  },
  posterior: {
    name: 'posterior',
    sentence: 'Where the picture one level down must be, if one knew the finished picture and this noisy one.',
    math: row(mi('q'), inside(xBefore, mo('|'), xt, mo(','), x0), eq, mi('𝒩'), inside(sub(hat(mi('μ'), '˜'), t), mo(','), sub(hat(mi('β'), '˜'), t), times, mi('I'))),
    source: 'DDPM, eqs. 6 and 7; DDIM, eq. 7',
  },
  slerp: {
    name: 'spherical interpolation',
    sentence: 'The way from one noise to another over the sphere on which noises lie; a straight line would leave it and give pale pictures.',
    math: row(onWay(mi('λ')), eq, frac(row(mi('sin'), inside(inside(one, minus, mi('λ')), mi('θ'))), row(sine, mi('θ'))), times, onWay(mn(0)), plus, frac(row(mi('sin'), inside(mi('λ'), mi('θ'))), row(sine, mi('θ'))), times, onWay(one)),
    source: 'DDIM, eq. 67',
  },
  mixing: {
    name: 'mixing noisy pictures',
    sentence: 'Two pictures with the same amount of noise in them are mixed on a straight line; going back from there removes the traces of mixing.',
    math: row(sub(hat(mi('x'), '¯'), t, 'xt'), eq, inside(one, minus, mi('λ')), times, xt, plus, mi('λ'), times, `<msubsup class="xt">${mi('x')}${t}${mo('′')}</msubsup>`),
    source: 'DDPM, section 4.3, figures 8 and 9',
  },
  inversion: {
    name: 'inversion',
    sentence: 'With η = 0 the steps can be walked backwards, so a picture has its own noise x_T, from which it can be made again.',
    math: row(sub(mi('x'), row(t, plus, one), 'xt'), eq, sqrt(sub(hat(mi('α'), '¯'), row(t, plus, one))), times, x0Hat, plus, sqrt(one, minus, sub(hat(mi('α'), '¯'), row(t, plus, one))), times, epsHat),
    source: 'DDIM, section 4.3',
  },
  probability_flow: {
    name: 'probability flow',
    sentence: 'The differential equation of Song et al., in steps of time rather than of noise; it agrees with DDIM in the limit of many steps.',
    math: row(
      frac(xBefore, sqrt(alphaBarBefore)), eq, frac(xt, sqrt(alphaBar)), plus, frac(one, mn(2)),
      row('<mo stretchy="true">(</mo>', frac(row(one, minus, alphaBarBefore), alphaBarBefore), minus, frac(row(one, minus, alphaBar), alphaBar), '<mo stretchy="true">)</mo>'),
      sqrt(frac(alphaBar, row(one, minus, alphaBar))), times, epsHat,
    ),
    source: 'DDIM, eq. 15',
  },
  guidance: {
    name: 'guidance',
    sentence: 'How far the step goes beyond what the network says with the class, away from what it says without.',
    math: row(sub(hat(eps, '˜'), mi('θ'), 'eps'), eq, inside(one, plus, mi('w')), times, epsHat, inside(xt, mo(','), mi('c')), minus, mi('w'), times, epsHat, inside(xt)),
    source: 'Ho and Salimans 2022, eq. 6',
  },
  bound: {
    name: 'variational bound',
    sentence: 'What it costs at most to send this picture with the model, in bits for each of its numbers.',
    math: row(sub(mi('L'), mi('T')), plus, '<munder><mo>∑</mo><mrow><mi>t</mi><mo>&gt;</mo><mn>1</mn></mrow></munder>', sub(mi('L'), before), plus, sub(mi('L'), mn(0))),
    source: 'DDPM, eq. 5',
  },
  rate: {
    name: 'rate and distortion',
    sentence: 'How many bits have arrived when t is reached, and how far the guess is from the picture then: the root mean square over its D numbers.',
    math: sqrt(frac(sup(row(mo('‖'), x0, minus, x0Hat, mo('‖')), mn(2)), mi('D'))),
    source: 'DDPM, section 4.3 and figure 5',
  },
  gamma: {
    name: 'weight of an error',
    sentence: 'How much an error of the predicted noise at t counts in a loss.',
    math: row(sub(mi('L'), mi('γ')), eq, '<munder><mo>∑</mo><mi>t</mi></munder>', sub(mi('γ'), t), times, sup(row(mo('‖'), epsHat, minus, eps, mo('‖')), mn(2))),
    source: 'DDIM, eq. 5',
  },
  training_loss: {
    name: 'loss of training',
    sentence: 'The mean squared error of the picture that the network sees in a noisy one. It weighs as much as the signal-to-noise ratio, and 5 at most. A network from nothing says the picture itself; where one says v or ε, it is the picture that follows from it. The simple loss of DDPM is that of the noise, unweighted.',
    math: row(mi('L'), eq, '<mi>min</mi>', inside('<mi>SNR</mi>', inside(t), mo(','), mn(5)), times, sup(row(mo('‖'), x0, minus, x0Hat, mo('‖')), mn(2))),
    source: 'DDPM, eq. 14, with x₀ for ε; weights: min-SNR (Hang et al. 2023, section 3.4)',
  },
  marginals: {
    name: 'same marginals',
    sentence: 'However large the fresh noise, the points at each t are spread alike: only their paths differ.',
    math: row(sub(mi('q'), mi('σ')), inside(xt, mo('|'), x0), eq, mi('𝒩'), inside(sqrt(alphaBar), times, x0, mo(','), inside(one, minus, alphaBar), mi('I'))),
    source: 'DDIM, lemma 1',
  },
};

/** @type {ResizeObserver|undefined} */
let widths;

/** What is wider than its place is scrolled, with the keyboard too. @param {HTMLElement} place */
function followWidth(place) {
  widths ??= new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth) target.setAttribute('tabindex', '0');
      else target.removeAttribute('tabindex');
    }
  });
  widths.observe(place);
}

/** @param {string} inner  the inside of a `math` element @param {'block'|'inline'} [display] @returns {HTMLElement} */
export function equation(inner, display = 'block') {
  const place = document.createElement(display === 'block' ? 'div' : 'span');
  place.className = 'equation';
  place.innerHTML = `<math display="${display}">${inner}</math>`;
  if (display === 'block') followWidth(place);
  return place;
}

/** @typedef {keyof typeof TERMS} TermName */

/** A term in full: sentence, equation and source. @param {TermName} name @returns {HTMLElement} */
export function explanation(name) {
  const text = document.createElement('p');
  text.textContent = TERMS[name].sentence;
  const place = formula(name);
  place.prepend(text);
  return place;
}

/** Equation and source of a term, below what says the sentence in other words. @param {TermName} name @returns {HTMLElement} */
export function formula(name) {
  const { math, source } = TERMS[name];
  const place = document.createElement('div');
  place.className = 'explanation';
  const line = document.createElement('p');
  line.className = 'source';
  line.textContent = source;
  place.append(equation(math), line);
  return place;
}

/**
 * A button that explains a term, and the explanation that it opens.
 * @param {TermName} name @param {boolean} [named]  whether it bears the name: where several stand side by side
 * @returns {HTMLDetailsElement}
 */
export function termButton(name, named = false) {
  const details = document.createElement('details');
  details.className = named ? 'term named' : 'term';
  const summary = document.createElement('summary');
  summary.textContent = named ? `${TERMS[name].name} ?` : '?';
  summary.setAttribute('aria-label', `What is “${TERMS[name].name}”?`);
  details.append(summary, explanation(name));
  return details;
}
