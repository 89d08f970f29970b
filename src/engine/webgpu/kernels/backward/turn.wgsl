// Muon, last part: the matrices along x, and their average.

@group(0) @binding(0) var<storage, read_write> trained: array<f32>;  // values, average, both moments
@group(0) @binding(2) var<uniform> op: Op;
@group(0) @binding(3) var<storage, read_write> state: array<f32>;

@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) id: vec3u) {
  let tile = group.y * op.row + group.x;
  if (tile >= op.tiles || state[op.results + 2u] != 0.0) { return; }
  let at = op.list + 4u * tile;
  let row = op.table + 12u * u32(state[at]);
  let columns = place(row + 6u);
  let i = 16u * u32(state[at + 1u]) + id.y;
  let j = 16u * u32(state[at + 2u]) + id.x;
  if (i >= place(row + 4u) || j >= columns) { return; }
  let to = place(row) + i * place(row + 2u) + j;
  let rate = state[op.rate] * state[at + 3u];
  let value = trained[to] - rate * state[op.x + place(row + 8u) + i * columns + j];
  trained[to] = value;
  trained[to + op.average] = state[op.update + 2u] * trained[to + op.average] + state[op.update + 3u] * value;
}
