#names GRAM FACTOR
// Muon's products, for all matrices of a piece at once: a workgroup makes a tile of 16 × 16 numbers of one of them. Of a
// matrix x [rows][columns] the shorter side has n numbers.
// GRAM: xᵀ x or x xᵀ, [n][n]. FACTOR: a + b gram + c gram². Otherwise y = x factor or factor x.

@group(0) @binding(2) var<uniform> op: Op;
@group(0) @binding(3) var<storage, read_write> state: array<f32>;

var<workgroup> lefts: array<f32, 256>;
var<workgroup> rights: array<f32, 256>;
var<workgroup> length: u32;

@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) id: vec3u) {
  let tile = group.y * op.row + group.x;
  if (tile >= op.tiles) { return; }
  let at = op.list + 4u * tile;
  let row = op.table + 12u * u32(state[at]);
  let rows = place(row + 4u);
  let columns = place(row + 6u);
  let x = op.x + place(row + 8u);
  let gram = op.gram + place(row + 10u);
  let stands = columns < rows;
  let n = min(rows, columns);
  let i = 16u * u32(state[at + 1u]) + id.y;
  let j = 16u * u32(state[at + 2u]) + id.x;
  // left(i, k) right(k, j): where they begin, and the distances of their neighbours.
#if GRAM
  let height = n;
  let width = n;
  let depth = max(rows, columns);
  let left = vec3u(x, select(columns, 1u, stands), select(1u, columns, stands));
  let right = left.xzy;
#else
  let square = vec3u(gram, n, 1u);
#if FACTOR
  let height = n;
  let width = n;
  let depth = n;
  let left = square;
  let right = square;
#else
  let height = rows;
  let width = columns;
  let depth = n;
  let factor = vec3u(op.factor + place(row + 10u), n, 1u);
  let all = vec3u(x, columns, 1u);
  let left = select(factor, all, stands);
  let right = select(all, factor, stands);
#end
#end
  if (id.x + id.y == 0u) { length = depth; }
  // The same for all, which a browser does not see of what comes out of the state.
  let end = workgroupUniformLoad(&length);
  var sum = 0.0;
  for (var k = 0u; k < end; k += 16u) {
    var a = 0.0;
    var b = 0.0;
    if (i < height && k + id.x < depth) { a = state[left.x + i * left.y + (k + id.x) * left.z]; }
    if (j < width && k + id.y < depth) { b = state[right.x + (k + id.y) * right.y + j * right.z]; }
    lefts[16u * id.y + id.x] = a;
    rights[16u * id.y + id.x] = b;
    workgroupBarrier();
    for (var l = 0u; l < 16u; l += 1u) { sum = fma(lefts[16u * id.y + l], rights[16u * l + id.x], sum); }
    workgroupBarrier();
  }
  if (i >= height || j >= width) { return; }
#if GRAM
  state[gram + i * n + j] = sum;
#else
#if FACTOR
  let linear = bitcast<f32>(op.b) * state[gram + i * n + j];
  let one = select(0.0, bitcast<f32>(op.a), i == j);
  state[op.factor + place(row + 10u) + i * n + j] = fma(bitcast<f32>(op.c), sum, linear) + one;
#else
  state[op.y + place(row + 8u) + i * columns + j] = sum;
#end
#end
}
