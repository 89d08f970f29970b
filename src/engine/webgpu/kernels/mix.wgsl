#names THREADS V FOUR SHARES TO
// Attention, second half: the mean of all values with the weights of kernels/scores.wgsl.
//
// One invocation: four queries times $V blocks of four channels of one head.

@compute @workgroup_size($THREADS)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let tiles = (op.pixels + 3u) / 4u;
  if (id.x >= tiles) { return; }
  let image = id.z * op.image + op.base;
  let groups = (op.depth + $Vu - 1u) / $Vu;
  let head = id.y / groups;
  let first = id.y % groups * $Vu;
  let values = image + op.source + (2u * op.heads + head) * op.depth * op.pixels;
  let shares = image + op.shares + head * op.pixels * tiles + id.x;
  var total = vec4f();
#for v in V
  let v$v = min(first + $vu, op.depth - 1u) * op.pixels;
#for q in FOUR
  var s$v_$q = vec4f();
#end
#end
  for (var key = 0u; key < op.pixels; key++) {
    let share = vec4f(arena$SHARES[shares + key * tiles]);
    total += share;
#for v in V
    let x$v = vec4f(arena[values + v$v + key]);
    s$v_0 = fma(vec4f(share.x), x$v, s$v_0);
    s$v_1 = fma(vec4f(share.y), x$v, s$v_1);
    s$v_2 = fma(vec4f(share.z), x$v, s$v_2);
    s$v_3 = fma(vec4f(share.w), x$v, s$v_3);
#end
  }
  let output = image + op.output + head * op.depth * op.pixels;
#for v in V
  if (first + $vu < op.depth) {
#for q in FOUR
    if (4u * id.x + $qu < op.pixels) {
      arena$TO[output + v$v + 4u * id.x + $qu] = Stored(s$v_$q / total[$q]);
    }
#end
  }
#end
}
