// The network drawn small: a bar for each level of the U-Net, as high as its pictures and as wide as it has channels;
// what goes in comes down on the left and up again on the right, with a shortcut from each level to its twin.

const SVG = 'http://www.w3.org/2000/svg';

/** More levels than any network for pictures has. */
const MOST_LEVELS = 8;

const HEIGHT = 120;
const WIDEST = 72;
const GAP = 28;

/** @param {string} tag @param {Record<string, string|number>} attributes @param {string} [text] */
function draw(tag, attributes, text = '') {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.textContent = text;
  return node;
}

/** @param {unknown} list @returns {list is number[]} */
function areChannels(list) {
  return Array.isArray(list) && list.length > 0 && list.length <= MOST_LEVELS && list.every((n) => Number.isInteger(n) && n > 0 && n < 1e6);
}

/** @param {unknown} list @param {number} i */
function attends(list, i) {
  return Array.isArray(list) && typeof list[i] === 'string' && list[i].includes('Attn');
}

/**
 * @param {import('./files.js').Json} config
 * @returns {SVGSVGElement|null} null where it cannot be drawn from what the file says
 */
export function drawNetwork({ block_out_channels: channels, sample_size: sampleSize, down_block_types: down, up_block_types: up, add_attention: middle }) {
  const size = Array.isArray(sampleSize) ? sampleSize[0] : sampleSize;
  if (!areChannels(channels) || !Number.isInteger(size) || size < 1) return null;
  const last = channels.length - 1;
  const most = Math.max(...channels);
  /** @param {number} level @param {boolean} attention */
  const bar = (level, attention) => ({ level, attention, width: Math.max(6, (WIDEST * channels[level]) / most), height: Math.max(12, HEIGHT / 2 ** level) });
  const bars = [
    ...channels.map((_, i) => bar(i, attends(down, i))),
    bar(last, middle !== false),
    ...channels.map((_, i) => bar(last - i, attends(up, i))),
  ];
  const across = bars.reduce((sum, { width }) => sum + width + GAP, GAP);
  const svg = /** @type {SVGSVGElement} */ (draw('svg', { viewBox: `0 0 ${across} ${HEIGHT + 42}`, class: 'network', role: 'img' }));
  const levels = channels.map((n, i) => `${n} at ${Math.max(1, size >> i)}×${Math.max(1, size >> i)}`).join(', ');
  svg.setAttribute('aria-label', `A U-Net of ${channels.length} levels; channels: ${levels}.`);

  let left = GAP;
  /** @type {{x: number, y: number}[]} */
  const tops = [];
  bars.forEach(({ level, attention, width, height }, i) => {
    const top = HEIGHT - height + 20;
    const x = left + width / 2;
    svg.append(draw('rect', { x: left, y: top, width, height, rx: 3, class: attention ? 'bar attention' : 'bar' }));
    if (i <= last) svg.append(draw('text', { x, y: HEIGHT + 35, class: 'size' }, String(Math.max(1, size >> level))));
    tops.push({ x, y: top + height / 2 });
    if (i <= last || i === last + 1) svg.append(draw('text', { x, y: top - 5, class: 'channels' }, String(channels[level])));
    left += width + GAP;
  });
  // Below the bars: a shortcut passes behind what it skips.
  for (let i = 0; i <= last; i++) {
    const y = HEIGHT + 20 - bars[i].height + 6;
    svg.prepend(draw('line', { x1: tops[i].x, x2: tops[bars.length - 1 - i].x, y1: y, y2: y, class: 'shortcut' }));
  }
  return svg;
}
