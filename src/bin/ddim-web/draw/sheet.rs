//! A sheet: images in labelled blocks.
//!
//! All blocks have the same rows and as many columns; they stand side by side and continue below where a line
//! is full. The names of the rows stand once, at the left of each line.

use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::mono_font::ascii::{FONT_8X13, FONT_8X13_BOLD};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::text::Alignment;
use image::{Rgb, RgbImage, imageops};

use crate::draw::canvas::{Canvas, INK};
use crate::draw::picture::{self, GAP};
use crate::error::CliError;

/// Most images on one sheet.
pub const MAX_TILES: usize = 1024;
/// Most pixels on one sheet: 384 MiB.
const MAX_PIXELS: u128 = 1 << 27;
/// Longest side of an image on a sheet.
const MAX_SIDE: usize = 4096;

/// Smaller images are enlarged until they are at least this high and wide: labels fit above them.
const MIN_SIDE: u32 = 96;
/// A line is as wide as this allows, or one block.
const LINE_WIDTH: u32 = 1040;
const MARGIN: u32 = 12;
/// Between two lines of blocks.
const LINE_GAP: u32 = 16;
const LABEL: MonoTextStyle<'_, Rgb888> = MonoTextStyle::new(&FONT_8X13, INK);
const TITLE: MonoTextStyle<'_, Rgb888> = MonoTextStyle::new(&FONT_8X13_BOLD, INK);
const LABEL_HEIGHT: u32 = 20;

/// What stands where.
#[derive(Debug, Clone, Default)]
pub struct Sheet {
    /// Names of the rows, from top to bottom.
    pub rows: Vec<String>,
    /// The blocks, each with the same number of columns.
    pub blocks: Vec<Block>,
    /// Texts under single images: number of the image, text.
    pub captions: Vec<(usize, String)>,
    /// Pixels between two blocks of a line.
    pub gap: u32,
}

/// Images that belong together.
#[derive(Debug, Clone, Default)]
pub struct Block {
    /// Stands above all its columns; may be empty.
    pub title: String,
    /// Names of the columns, from left to right; each may be empty.
    pub columns: Vec<String>,
}

/// Refuses sheets that are too large to draw, before anything is made for them.
///
/// # Errors
/// [`CliError::Usage`] says what is allowed.
pub fn check(tiles: usize, [height, width]: [usize; 2]) -> Result<(), CliError> {
    if !(1..=MAX_TILES).contains(&tiles) {
        return Err(CliError::Usage(format!(
            "sheet: expected 1 to {MAX_TILES} images, found {tiles}"
        )));
    }
    for (name, side) in [("height", height), ("width", width)] {
        if !(1..=MAX_SIDE).contains(&side) {
            return Err(CliError::Usage(format!(
                "size: expected a {name} of 1 to {MAX_SIDE}, found {side}"
            )));
        }
    }
    let scale = u128::from(picture::enlargement([height, width], MIN_SIDE));
    let pixels = tiles as u128 * height as u128 * width as u128 * scale * scale;
    if pixels > MAX_PIXELS {
        return Err(CliError::Usage(format!(
            "sheet: expected at most {MAX_PIXELS} pixels, found {pixels} for {tiles} images of {height} × {width}"
        )));
    }
    picture::check_room([pixels as u64, 1])
}

impl Sheet {
    /// One block without a title: names of its rows and columns.
    pub fn table(rows: Vec<String>, columns: Vec<String>) -> Self {
        Self {
            rows,
            blocks: vec![Block {
                title: String::new(),
                columns,
            }],
            gap: GAP,
            ..Self::default()
        }
    }

    fn columns(&self) -> usize {
        self.blocks.first().map_or(0, |block| block.columns.len())
    }

    /// Width and height of the picture of images of `shape` `[C, H, W]`.
    pub fn size(&self, shape: [usize; 3]) -> [u64; 2] {
        let geometry = Geometry::new(self, shape);
        [geometry.width(), geometry.height()].map(u64::from)
    }

    /// The picture. `values` are the images `[B, C, H, W]`, block by block and in each row by row;
    /// `shape` is `[C, H, W]`, of a size that [`check`] allows.
    pub fn draw(&self, values: &[f32], shape: [usize; 3]) -> RgbImage {
        let geometry = Geometry::new(self, shape);
        let mut canvas = Canvas(RgbImage::from_pixel(
            geometry.width(),
            geometry.height(),
            Rgb([255; 3]),
        ));
        for line in 0..geometry.lines {
            for (row, name) in self.rows.iter().enumerate() {
                let middle = geometry.tile_top(line, row) + geometry.tile[1] / 2;
                let right = geometry.left - 10;
                canvas.text(name, LABEL, point(right, middle), Alignment::Right);
            }
        }
        for (b, block) in self.blocks.iter().enumerate() {
            let (line, left) = (geometry.line_of(b), geometry.block_left(b));
            let top = geometry.line_top(line);
            let title = fitted(&block.title, geometry.block_width);
            let middle = point(left + geometry.block_width / 2, top + LABEL_HEIGHT / 2);
            canvas.text(&title, TITLE, middle, Alignment::Center);
            for (c, name) in block.columns.iter().enumerate() {
                let middle = geometry.tile_left(b, c) + geometry.tile[0] / 2;
                let label = fitted(name, geometry.tile[0]);
                let at = point(middle, top + geometry.title + LABEL_HEIGHT / 2);
                canvas.text(&label, LABEL, at, Alignment::Center);
            }
        }
        for (i, image) in values.chunks_exact(shape.iter().product()).enumerate() {
            let (left, top) = geometry.place(self, i);
            let tile = picture::tile(image, shape, geometry.scale);
            imageops::replace(&mut canvas.0, &tile, i64::from(left), i64::from(top));
        }
        for (i, text) in &self.captions {
            let (left, top) = geometry.place(self, *i);
            let [width, height] = geometry.tile;
            let at = point(left + width / 2, top + height + LABEL_HEIGHT / 2);
            canvas.text(&fitted(text, width), LABEL, at, Alignment::Center);
        }
        canvas.0
    }
}

/// A place on the sheet, as the canvas counts.
fn point(x: u32, y: u32) -> (i32, i32) {
    (x as i32, y as i32)
}

/// Sizes and places in pixels.
struct Geometry {
    scale: u32,
    /// Width and height of an image.
    tile: [u32; 2],
    /// Height of the titles and of the names of the columns; 0 where there are none.
    title: u32,
    head: u32,
    /// Where each row begins, counted from the top of its line, and where the last one ends.
    rows: Vec<u32>,
    /// Where the first block begins.
    left: u32,
    block_width: u32,
    gap: u32,
    blocks_per_line: usize,
    lines: usize,
}

impl Geometry {
    fn new(sheet: &Sheet, [_, height, width]: [usize; 3]) -> Self {
        let scale = picture::enlargement([height, width], MIN_SIDE);
        let tile = [width as u32 * scale, height as u32 * scale];
        let height_if = |any: bool| if any { LABEL_HEIGHT } else { 0 };
        let columns = sheet.columns();
        let title = height_if(sheet.blocks.iter().any(|b| !b.title.is_empty()));
        let named = |block: &Block| block.columns.iter().any(|name| !name.is_empty());
        let head = height_if(sheet.blocks.iter().any(named));
        let mut rows = vec![title + head];
        for row in 0..sheet.rows.len() {
            let captioned = |(i, _): &(usize, String)| i / columns % sheet.rows.len() == row;
            let caption = height_if(sheet.captions.iter().any(captioned));
            rows.push(rows[row] + tile[1] + GAP + caption);
        }
        let letters = sheet.rows.iter().map(|name| name.chars().count()).max();
        let left = match letters.unwrap_or(0) as u32 {
            0 => MARGIN,
            letters => MARGIN + letters * LABEL.font.character_size.width + 10,
        };
        let block_width = columns as u32 * (tile[0] + GAP) - GAP;
        let space = (LINE_WIDTH + sheet.gap).saturating_sub(left + MARGIN);
        let fit = (space / (block_width + sheet.gap)).max(1) as usize;
        let lines = sheet.blocks.len().div_ceil(fit);
        Self {
            scale,
            tile,
            title,
            head: title + head,
            rows,
            left,
            block_width,
            gap: sheet.gap,
            blocks_per_line: sheet.blocks.len().div_ceil(lines),
            lines,
        }
    }

    fn line_height(&self) -> u32 {
        self.rows.last().copied().unwrap_or(self.head) - GAP
    }

    fn width(&self) -> u32 {
        self.left + self.blocks_per_line as u32 * (self.block_width + self.gap) - self.gap + MARGIN
    }

    fn height(&self) -> u32 {
        2 * MARGIN + self.lines as u32 * (self.line_height() + LINE_GAP) - LINE_GAP
    }

    fn line_of(&self, block: usize) -> usize {
        block / self.blocks_per_line
    }

    fn line_top(&self, line: usize) -> u32 {
        MARGIN + line as u32 * (self.line_height() + LINE_GAP)
    }

    fn block_left(&self, block: usize) -> u32 {
        self.left + (block % self.blocks_per_line) as u32 * (self.block_width + self.gap)
    }

    fn tile_left(&self, block: usize, column: usize) -> u32 {
        self.block_left(block) + column as u32 * (self.tile[0] + GAP)
    }

    fn tile_top(&self, line: usize, row: usize) -> u32 {
        self.line_top(line) + self.rows[row]
    }

    /// Left and top of image `i` of `sheet`.
    fn place(&self, sheet: &Sheet, i: usize) -> (u32, u32) {
        let columns = sheet.columns();
        let (block, within) = (
            i / (columns * sheet.rows.len()),
            i % (columns * sheet.rows.len()),
        );
        (
            self.tile_left(block, within % columns),
            self.tile_top(self.line_of(block), within / columns),
        )
    }
}

/// As much of `text` as fits into `width` pixels.
fn fitted(text: &str, width: u32) -> String {
    let letters = (width / LABEL.font.character_size.width) as usize;
    if text.chars().count() <= letters {
        return text.into();
    }
    let start: String = text.chars().take(letters.saturating_sub(2)).collect();
    start + ".."
}
