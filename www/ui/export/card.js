// The picture for those who show a link to a page: a model's pictures in the middle. As `ddim-web publish` draws it, pixel
// by pixel where they are not made smaller; another program packs the PNG.

/** The size that sites which show links ask for. */
const [WIDTH, HEIGHT] = [1200, 630];

/** Free pixels around the pictures. */
const MARGIN = 30;

/** The page's background in the dark. */
const BACKGROUND = 'rgb(18, 22, 21)';

/** @param {Blob} preview @returns {Promise<Blob>} a PNG */
export async function cardOf(preview) {
  const sheet = await createImageBitmap(preview, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' });
  const canvas = Object.assign(document.createElement('canvas'), { width: WIDTH, height: HEIGHT });
  const context = canvas.getContext('2d');
  if (!context) throw new Error('this browser draws no more pictures');
  context.fillStyle = BACKGROUND;
  context.fillRect(0, 0, WIDTH, HEIGHT);
  const fits = Math.min((WIDTH - 2 * MARGIN) / sheet.width, (HEIGHT - 2 * MARGIN) / sheet.height);
  // Whole factors keep the pixels of small pictures squares.
  const scale = fits >= 1 ? Math.floor(fits) : fits;
  context.imageSmoothingEnabled = fits < 1;
  const [width, height] = [sheet.width, sheet.height].map((side) => Math.max(Math.trunc(side * scale), 1));
  const [x, y] = [Math.floor((WIDTH - width) / 2), Math.floor((HEIGHT - height) / 2)];
  // What is between the pictures may be transparent.
  context.fillStyle = 'black';
  context.fillRect(x, y, width, height);
  context.drawImage(sheet, x, y, width, height);
  sheet.close();
  return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('this browser packs no PNG'))), 'image/png'));
}
