//! Scaled dot-product attention: `output_i = Σ_j P_ij v_j`, `P_ij = softmax_j(q_i · k_j / √head_dim)`, head by head.

use super::map::Map;

/// Queries, keys and values of every pixel: `[3, heads, head_dim]`.
pub(super) struct Heads {
    pub heads: usize,
    pub head_dim: usize,
}

const QUERY: usize = 0;
const KEY: usize = 1;
const VALUE: usize = 2;

impl Heads {
    /// Where `part` of `head` lies in the numbers of `qkv`, at one pixel.
    fn place(&self, pixel: usize, part: usize, head: usize) -> std::ops::Range<usize> {
        let first = ((3 * pixel + part) * self.heads + head) * self.head_dim;
        first..first + self.head_dim
    }

    /// The same for a map with nothing but `[heads, head_dim]`.
    fn alone(&self, pixel: usize, head: usize) -> std::ops::Range<usize> {
        let first = (pixel * self.heads + head) * self.head_dim;
        first..first + self.head_dim
    }

    /// `P_i` of a pixel.
    fn weights(&self, qkv: &Map, head: usize, i: usize) -> Vec<f64> {
        let q = &qkv.values[self.place(i, QUERY, head)];
        let scores: Vec<f64> = (0..qkv.pixels())
            .map(|j| dot(q, &qkv.values[self.place(j, KEY, head)]) * self.scale())
            .collect();
        let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = scores.iter().map(|s| (s - largest).exp()).collect();
        let total: f64 = weights.iter().sum();
        weights.iter().map(|w| w / total).collect()
    }

    fn scale(&self) -> f64 {
        1.0 / (self.head_dim as f64).sqrt()
    }

    pub fn forward(&self, qkv: &Map) -> Map {
        let mut output = Map::zeros([qkv.height, qkv.width, self.heads * self.head_dim]);
        for (i, head) in self.all(qkv) {
            let to = self.alone(i, head);
            for (j, p) in self.weights(qkv, head, i).into_iter().enumerate() {
                let v = &qkv.values[self.place(j, VALUE, head)];
                add(&mut output.values[to.clone()], p, v);
            }
        }
        output
    }

    /// The gradient of `qkv` out of that of the output.
    #[cfg(feature = "train")]
    pub fn backward(&self, qkv: &Map, gradient: &Map) -> Map {
        let mut to = Map::zeros(qkv.size());
        for (i, head) in self.all(qkv) {
            let p = self.weights(qkv, head, i);
            let g = &gradient.values[self.alone(i, head)];
            // Of P_ij, and what the softmax takes from all of them.
            let of_p: Vec<f64> = (0..p.len())
                .map(|j| dot(g, &qkv.values[self.place(j, VALUE, head)]))
                .collect();
            let mean = dot(&p, &of_p);
            for (j, p) in p.iter().enumerate() {
                let of_score = p * (of_p[j] - mean) * self.scale();
                let (q, k) = (self.place(i, QUERY, head), self.place(j, KEY, head));
                add(&mut to.values[q.clone()], of_score, &qkv.values[k.clone()]);
                add(&mut to.values[k], of_score, &qkv.values[q]);
                add(&mut to.values[self.place(j, VALUE, head)], *p, g);
            }
        }
        to
    }

    /// Every pixel and head.
    fn all(&self, qkv: &Map) -> impl Iterator<Item = (usize, usize)> + use<> {
        let (pixels, heads) = (qkv.pixels(), self.heads);
        (0..pixels).flat_map(move |i| (0..heads).map(move |head| (i, head)))
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// `to += factor of`.
fn add(to: &mut [f64], factor: f64, of: &[f64]) {
    to.iter_mut().zip(of).for_each(|(to, v)| *to += factor * v);
}
