//! Text and lines on a picture.

use std::convert::Infallible;

use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::prelude::{
    DrawTarget, Drawable, OriginDimensions, Pixel, Point, Primitive, Size,
};
use embedded_graphics::primitives::{Line, PrimitiveStyle};
use embedded_graphics::text::{Alignment, Baseline, Text, TextStyleBuilder};
use image::{Rgb, RgbImage};

/// Lines and letters: a grey that any palette of greys holds, so that text costs an animation no colour.
pub const INK: Rgb888 = Rgb888::new(0x33, 0x33, 0x33);

/// A picture that can be drawn on.
pub struct Canvas(pub RgbImage);

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        Size::new(self.0.width(), self.0.height())
    }
}

impl DrawTarget for Canvas {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(
        &mut self,
        pixels: I,
    ) -> Result<(), Infallible> {
        for Pixel(Point { x, y }, colour) in pixels {
            if let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y))
                && let Some(pixel) = self.0.get_pixel_mut_checked(x, y)
            {
                *pixel = Rgb([colour.r(), colour.g(), colour.b()]);
            }
        }
        Ok(())
    }
}

impl Canvas {
    /// A straight line, `width` pixels wide.
    pub fn line(&mut self, from: (i32, i32), to: (i32, i32), colour: Rgb888, width: u32) {
        let line = Line::new(from.into(), to.into())
            .into_styled(PrimitiveStyle::with_stroke(colour, width));
        let Ok(()) = line.draw(self);
    }

    /// A line of text; `at` is its left end, middle or right end (`alignment`), half way up. Letters outside
    /// ASCII become question marks.
    pub fn text(
        &mut self,
        text: &str,
        style: MonoTextStyle<'_, Rgb888>,
        at: (i32, i32),
        alignment: Alignment,
    ) {
        let placed = TextStyleBuilder::new()
            .alignment(alignment)
            .baseline(Baseline::Middle)
            .build();
        let ascii: String = text
            .chars()
            .map(|c| if c.is_ascii() { c } else { '?' })
            .collect();
        let Ok(_) = Text::with_text_style(&ascii, at.into(), style, placed).draw(self);
    }
}
