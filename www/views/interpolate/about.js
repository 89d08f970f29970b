// What this view shows, in the words of the two papers.

import { element } from '../../ui/dom.js';
import { M, equation, explanation } from '../../ui/terms.js';

/** @param {string} mode  which it is about @param {string} title @param {...Node} parts */
const card = (mode, title, ...parts) => element('section', { className: `card about-${mode}` }, element('h3', {}, title), element('div', { className: 'about-columns' }, ...parts));

/** @param {...(string|Node)} content */
const text = (...content) => element('p', {}, ...content);

/** @param {string} source @param {...(string|Node)} words */
const quote = (source, ...words) => element('blockquote', {}, text(...words), element('p', { className: 'source' }, source));

const xT = () => equation(M.xT, 'inline');

/** Two cards; the style sheet shows the one that belongs to what is on show. */
export function aboutPaths() {
  return [
    card('noise', 'From one noise to the other',
      explanation('slerp'),
      element('div', {},
        text('Noises with this many pixels are all about equally long: they lie near a sphere. Half-way along a straight line the noise would be too weak by a factor of √2, and the network, which never saw such noise, makes a flat and grainy picture of it: choose the straight line and look. The way over the sphere keeps the length.'),
        text('With four corners the same is done twice: along the upper and the lower side, then from one to the other.'),
        text('A corner may be a picture: the steps are walked backwards from it to the noise that it would have come from.')),
      quote('DDIM, section 5.3', '“The high level features of the DDIM sample is encoded by ', xT(), '”, so a way between two ', xT(), ' is a way between what two pictures show. This “is different from the interpolation procedure in Ho et al. (2020), since in DDPM the same ', xT(), ' would lead to highly diverse ', equation(M.x0, 'inline'), '”.')),
    card('mix', 'Mixed with noise in it, coarse to fine',
      explanation('mixing'),
      element('div', {},
        text('The two pictures at the sides get as many steps of noise as the row says, each its own. Then they are mixed, and the network takes the noise out again. The bottom row has no noise: it is what plain mixing of pixels gives, with both pictures shining through.'),
        text('The higher the row, the less of the two pictures is left before they are mixed. All pictures of a row get the same fresh noise on the way back, so that they differ by the mixing alone. In the top row nothing is left of either: the pictures are new.')),
      quote('DDPM, section 4.3', '“In effect, we use the reverse process to remove artifacts from linearly interpolating corrupted versions of the source images … Larger ', element('var', {}, 't'), ' results in coarser and more varied interpolations, with novel samples at ', element('var', {}, 't'), ' = 1000.”')),
  ];
}
