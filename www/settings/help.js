// What the settings of single views mean. A view brings it along, for the first visit does without.

import { OF_VIEWS } from './views.js';

/** @type {Record<string, string>} */
const HELP = {
  corners: 'What stands at the corners: the first noise of a seed, or the noise that a sample of the model would have come from (s0, s1 …).',
  at: 'Where the handle is: how far across, and how far down.',
  frames: 'How many pictures there are from one corner to the next, both corners among them. A square has as many rows.',
  path: 'DDIM goes from one noise to the other over a sphere; DDPM mixes two pictures after part of the noise has been added.',
  mix: 'After how many steps of noise two pictures are mixed: 0 mixes their pixels, T mixes nothing but noise.',
  mix_eta: 'The DDPM paper goes back with as much fresh noise as its sampler has (1). At 0 the mixed noisy picture alone decides.',
  drag: 'So few steps are taken while the handle moves, so that the picture keeps up. When you let go it gets all S.',
  card: 'The model whose card is on show.',
  task: 'What is done with the picture.',
  picture: 'Which of the pictures that come with the model, counted from 0.',
  t0: 'How much noise is put over the picture before the network cleans it. Little keeps every stroke; much leaves only the large shapes, and more to the network.',
  mask: 'Which part of the picture is made anew.',
  other: 'The picture at the other end of the mixture.',
  lambda: 'Where between the two noises the mixture lies: 0 is this picture, 1 the other one.',
  t: 'How far the picture is on its way to noise: hardly at 0, entirely at the last one, T − 1.',
  schedule: 'How much noise each step adds. A model knows only the schedule that it was trained with; the others show what another choice would have meant.',
  subject: 'Which picture becomes noise: one of those that come with the model, from 1, or at 0 one that the model makes from the seed.',
  preset: 'What is compared. Each choice fills the rows and columns; they can be changed afterwards.',
  rows: 'Numbers of steps S, one row each. In a race, how many steps each of them takes; of many pictures from one, the time steps t that they part at.',
  columns: 'What differs from column to column. Everything else is the same for all of them.',
  across: 'One value for each column: an η or sigma_hat; a spacing such as leading or quad; a sampler such as ddim or ddpm_fixed_large; the number of a picture or of a draw.',
  from: 'A new network knows nothing, is small and makes its steps quickly. A model that is there knows how to draw already, and learns your pictures in its own size and colours.',
  size: 'Pictures are cut to the square in their middle and made this small. Twice the size takes four times as long; by their number means 16 for fewer than 200 pictures and 32 for more.',
  colours: 'Grey has less to learn. As in the pictures means grey where none of them has a colour.',
  flips: 'Twice as many pictures for nothing, where left and right do not matter. Not for letters and digits.',
  kinds: 'Of pictures from several folders the network can be told which one each is from. Afterwards one asks it for a picture of one folder, by its name.',
  train_batch: 'Each step looks at so many pictures, drawn by chance. More make a step steadier, and slower in proportion.',
  lr: 'How far a step changes the weights (Adam). Too large a rate makes the loss jump and grow; a small one takes longer. A run that is stopped goes on with another one.',
  train_steps: 'After so many steps it stops by itself. 0 means by the rule: 25 steps for each picture and at least 1,000, since a network begins to learn its pictures by heart after a number of steps that grows with their number (Bonnaire et al. 2025, arXiv 2505.17638).',
};

for (const setting of OF_VIEWS) setting.help ??= HELP[setting.key];
