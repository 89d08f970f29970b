#names THREADS V FOUR
// The gradient of attention, of its keys or values: output[key] = Σ_queries share[query][key] source[query].
//
// One invocation: four keys times $V blocks of four channels of one head.

@compute @workgroup_size($THREADS)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let tiles = (op.pixels + 3u) / 4u;
  if (id.x >= tiles) { return; }
  let image = id.z * op.image + op.base;
  let groups = (op.depth + $Vu - 1u) / $Vu;
  let head = id.y / groups;
  let first = id.y % groups * $Vu;
  let source = image + op.source + head * op.depth * op.pixels;
#for k in FOUR
  let shares$k = image + op.shares + (head * op.pixels + min(4u * id.x + $ku, op.pixels - 1u)) * tiles;
#end
#for v in V
  let v$v = min(first + $vu, op.depth - 1u) * op.pixels;
#for k in FOUR
  var s$v_$k = vec4f();
#end
#end
  for (var tile = 0u; tile < tiles; tile++) {
#for k in FOUR
    let share$k = arena[shares$k + tile];
    let query$k = source + min(4u * tile + $ku, op.pixels - 1u);
#end
#for v in V
    let x$v = mat4x4f(arena[query0 + v$v], arena[query1 + v$v], arena[query2 + v$v], arena[query3 + v$v]);
#for k in FOUR
    s$v_$k += x$v * share$k;
#end
#end
  }
  let output = image + op.output + head * op.depth * op.pixels;
#for v in V
  if (first + $vu < op.depth) {
#for k in FOUR
    if (4u * id.x + $ku < op.pixels) { arena[output + v$v + 4u * id.x + $ku] = s$v_$k; }
#end
  }
#end
}
