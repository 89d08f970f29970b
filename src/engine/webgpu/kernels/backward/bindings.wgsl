@group(0) @binding(0) var<storage, read_write> arena: array<vec4f>;
@group(0) @binding(1) var<storage, read> state: array<f32>;
@group(0) @binding(2) var<uniform> op: Op;
@group(0) @binding(3) var<storage, read_write> gradients: array<vec4f>;

// Puts a sum in its place, or adds it to that of the images before.
fn put(at: u32, sum: vec4f) {
  if (state[op.adds] != 0.0) {
    gradients[at] += sum;
  } else {
    gradients[at] = sum;
  }
}

