#names ACTS ADD
// output = add + scale d(act(x))/dx gradient, through a change of resolution.

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= op.size) { return; }
  let image = op.base + id.z * op.image;
  var r = incoming(image, id.x / op.plane, 0u, id.x % op.plane);
#if ACTS
  r *= slope(arena[image + op.source + id.x]);
#end
  r *= bitcast<f32>(op.scale);
#if ADD
  r += arena[image + op.add + id.x];
#end
  arena[image + op.output + id.x] = r;
}
