//! The numbers of a view of one image.

/// `[height, width, channels]`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Map {
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    pub values: Vec<f64>,
}

impl Map {
    /// `of(y, x, c)` everywhere.
    pub fn make(
        [height, width, channels]: [usize; 3],
        of: impl Fn(usize, usize, usize) -> f64,
    ) -> Self {
        let mut values = Vec::with_capacity(height * width * channels);
        for y in 0..height {
            for x in 0..width {
                values.extend((0..channels).map(|c| of(y, x, c)));
            }
        }
        Self {
            height,
            width,
            channels,
            values,
        }
    }

    pub fn zeros(size: [usize; 3]) -> Self {
        Self::make(size, |_, _, _| 0.0)
    }

    pub fn size(&self) -> [usize; 3] {
        [self.height, self.width, self.channels]
    }

    pub fn pixels(&self) -> usize {
        self.height * self.width
    }

    pub fn at(&self, y: usize, x: usize, c: usize) -> f64 {
        self.values[(y * self.width + x) * self.channels + c]
    }

    /// All channels of a pixel.
    pub fn pixel(&self, y: usize, x: usize) -> &[f64] {
        &self.values[(y * self.width + x) * self.channels..][..self.channels]
    }

    /// `of(value, c)` everywhere.
    pub fn map(mut self, of: impl Fn(f64, usize) -> f64) -> Self {
        let channels = self.channels;
        let values = self.values.iter_mut().enumerate();
        values.for_each(|(i, v)| *v = of(*v, i % channels));
        self
    }

    /// Sum over all pixels, for each channel.
    #[cfg(feature = "train")]
    pub fn sums(&self) -> Vec<f64> {
        let mut sums = vec![0.0; self.channels];
        for pixel in self.values.chunks_exact(self.channels) {
            sums.iter_mut().zip(pixel).for_each(|(sum, v)| *sum += v);
        }
        sums
    }
}
