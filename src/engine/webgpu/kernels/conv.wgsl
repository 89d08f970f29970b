// output = scale (weight * source + bias + time + residual): a convolution as a matrix product.
//
// One invocation: $P consecutive pixels times $V blocks of four channels, all in registers; no workgroup memory and
// no barriers. op.lanes neighbours have neighbouring channels, so that they read neighbouring weights and one picture.
// What lies outside the picture is read from the arena's first vector, which is always zero.

@compute @workgroup_size($THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let tiles = $THREADSu / op.lanes;
  let first = (group.y * tiles + index / op.lanes) * $Pu;
  let lane = group.x * $Vu * op.lanes + index % op.lanes;
  if (first >= op.pixels || index >= tiles * op.lanes) { return; }
#if PHASES
  // The four kinds of pixels of an upsampled picture, by row and column remainder.
  let image = group.z / 4u * op.image + op.base;
  let row = group.z / 2u % 2u;
  let column = group.z % 2u;
  var w = op.weights + group.z % 4u * op.phase;
  let above = 1u - row;
  let left = 1u - column;
#else
  let image = group.z * op.image + op.base;
  var w = op.weights;
  let above = op.padding;
  let left = op.padding;
#end
#for v in V
  let o$v = min(lane + $vu * op.lanes, op.outputs - 1u);
  var start$v = weights[op.bias + o$v];
#if TIME
  start$v += arena[image + op.time + o$v];
#end
#for p in P
  var s$p_$v = start$v;
#end
#end
#for p in P
  let y$p = (first + $pu) / op.width;
  let x$p = (first + $pu) % op.width;
#end

  for (var tap = 0u; tap < op.taps + op.more; tap++) {
    var source = image + op.source;
    var plane = op.plane;
    var size = vec2u(op.rows, op.columns);
    var stride = op.stride;
    var offset = vec2u(tap / op.side - above, tap % op.side - left);
    var shift = op.shift;
    var blocks = op.blocks;
#if PROJECT
    if (tap >= op.taps) {
      let i = tap - op.taps;
      source = image + op.rest;
      plane = op.restplane;
      size = vec2u(op.restrows, op.restcolumns);
      stride = op.reststride;
      offset = vec2u(i / 2u, i % 2u);
      shift = op.restshift;
      blocks = op.restblocks;
    }
#end
#for p in P
    // Below zero is beyond the picture too, as an unsigned number.
    let at$p_ = vec2u(y$p, x$p) * stride + offset;
    let inside$p = all(at$p_ < size);
    var i$p = select(0u, source + (at$p_.x >> shift) * (size.y >> shift) + (at$p_.y >> shift), inside$p);
    let next$p = select(0u, plane, inside$p);
#end
    for (var block = 0u; block < blocks; block++) {
#for p in P
      let a$p = arena[i$p];
      i$p += next$p;
#end
#for v in V
#for j in FOUR
      let k$v_$j = weights[w + $ju * op.outputs + o$v];
#end
#for p in P
      s$p_$v += mat4x4f(k$v_0, k$v_1, k$v_2, k$v_3) * a$p;
#end
#end
      w += 4u * op.outputs;
    }
  }

#for p in P
  if (first + $pu < op.pixels) {
#if PHASES
    let place = (2u * y$p + row) * 2u * op.width + 2u * x$p + column;
#else
    let place = first + $pu;
#end
#if AVERAGE
    let corner = 2u * y$p * op.restcolumns + 2u * x$p;
#end
#for v in V
    if (lane + $vu * op.lanes < op.outputs) {
      var r = s$p_$v;
#if ADD
      let rest = image + op.rest + o$v * op.restplane;
#if AVERAGE
      r += 0.25 * (arena[rest + corner] + arena[rest + corner + 1u]
        + arena[rest + corner + op.restcolumns] + arena[rest + corner + op.restcolumns + 1u]);
#else
      r += arena[rest + (y$p >> op.restshift) * op.restcolumns + (x$p >> op.restshift)];
#end
#end
      arena[image + op.output + o$v * op.outplane + place] = r * bitcast<f32>(op.scale);
    }
#end
  }
#end
}
