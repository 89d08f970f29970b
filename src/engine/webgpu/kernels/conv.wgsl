#names P V GATHERED ACROSS THREADS FOUR FMA PHASES TIME PROJECT ADD AVERAGE TO REST BY SPLIT
#names SHARED AHEAD ALONG DEPTH PIXELS BLOCKS PICTURE PICTURELOADS STEP FACTORS FACTORLOADS TRANSPOSED INSERT SECOND
// output = scale (weight * source + bias + time + residual): a convolution as a matrix product.
//
// Rows are the pixels of all images of the batch, one after the other; columns are blocks of four output channels.
// One invocation makes $P pixels times $V blocks, all sums in registers. What lies outside the picture is read from
// the arena's first vector, which is always zero.
//
// Two ways to feed the sums, which add the same products in the same order, so that they give the same bits:
//   alone    the pixels are consecutive and read from the arena; op.lanes neighbours have neighbouring channels, so
//            that they read neighbouring weights and one picture. No workgroup memory, no barriers.
//   SHARED   a workgroup is $ACROSS invocations along the pixels times op.lanes along the blocks; it brings DEPTH
//            blocks of the source of all its pixels and the weights of all its channels into workgroup memory at a
//            time. With AHEAD the next ones are on their way while these are multiplied.
#if TRANSPOSED
//
// TRANSPOSED is the gradient of a convolution's source out of that of its result: inputs and outputs of the same weights
// change places, kernels are turned by half a circle, and INSERT reads what has zeros between.
#end

#if SHARED
var<workgroup> picture: array<vec4f, $PICTURE>;  // [$DEPTH][pixels]
var<workgroup> factors: array<vec4f, $FACTORS>;  // [$DEPTH][4][blocks]
#end

// Of a pixel of the batch: where its image begins in the arena, its row and its column.
fn locate(pixel: u32) -> vec3u {
  let inner = pixel % op.pixels;
  return vec3u(pixel / op.pixels * op.image + op.base, inner / op.width, inner % op.width);
}

#if SPLIT
// A projection's source lies in another bank of the arena.
fn picked(tap: u32, i: u32) -> vec4f {
  if (tap < op.taps) { return vec4f(arena[i]); }
  return vec4f(arena$REST[i]);
}

#end
@compute @workgroup_size($THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
#if SHARED
  let first = group.y * $PIXELSu + index % $ACROSSu;
  let lane = group.x * $BLOCKSu + index / $ACROSSu;
#else
  let tiles = $THREADSu / op.lanes;
  let first = (group.y * tiles + index / op.lanes) * $Pu;
  let lane = group.x * $Vu * op.lanes + index % op.lanes;
  if (first >= op.count || index >= tiles * op.lanes) { return; }
#end
#if PHASES
  // The four kinds of pixels of an upsampled picture, by row and column remainder.
  let row = group.z / 2u;
  let column = group.z % 2u;
  var w = op.weights + group.z * op.phase;
  let above = 1u - row;
  let left = 1u - column;
#else
  var w = op.weights;
  let above = op.padding;
  let left = op.padding;
#end
#for p in P
  let pixel$p = locate(min(first + $pu * $ACROSSu, op.count - 1u));
#end
#for v in V
  let o$v = min(lane + $vu * op.lanes, op.outputs - 1u);
#for p in P
#if TRANSPOSED
  var s$p_$v = vec4f();
#else
  var s$p_$v = vec4f(weights[op.bias + o$v]);
#end
#if SECOND
  s$p_$v += vec4f(weights[op.second + o$v]);
#end
#if TIME
  s$p_$v += vec4f(arena$BY[pixel$p.x + op.time + o$v]);
#end
#end
#end
#if SHARED
  // Every invocation brings blocks of the same pixels.
#for g in GATHERED
  let from$g = locate(min(group.y * $PIXELSu + index % $PIXELSu + $gu * $THREADSu, op.count - 1u));
#end
#else
#for p in P
  let from$p = pixel$p;
#end
#end

#if AHEAD
  var ready = false;
  let positions = op.taps + op.more + 1u;
#else
  let positions = op.taps + op.more;
#end
  for (var tap = 0u; tap < positions; tap++) {
    var source = op.source;
    var plane = op.plane;
    var size = vec2u(op.rows, op.columns);
    var stride = op.stride;
    var offset = vec2u(tap / op.side - above, tap % op.side - left);
    var shift = op.shift;
    var blocks = op.blocks;
#if TRANSPOSED
    w = op.weights + (op.taps - 1u - tap) * 4u * op.outputs * op.blocks;
#end
#if AHEAD
    if (tap + 1u == positions) {
      // Only what was brought before is multiplied; what is brought now need only exist.
      blocks = 1u;
      w = op.weights;
    }
#end
#if PROJECT
    if (tap >= op.taps) {
      let i = tap - op.taps;
      source = op.rest;
      plane = op.restplane;
      size = vec2u(op.restrows, op.restcolumns);
      stride = op.reststride;
      offset = vec2u(i / 2u, i % 2u);
      shift = op.restshift;
#if AHEAD
      blocks = select(op.restblocks, 1u, tap + 1u == positions);
#else
      blocks = op.restblocks;
#end
    }
#end
#for g in GATHERED
    // Below zero is beyond the picture too, as an unsigned number.
    let at$g = from$g.yz * stride + offset;
#if INSERT
    let inside$g = all(at$g < size) && all((at$g & vec2u(1u)) == vec2u(op.odd));
#else
    let inside$g = all(at$g < size);
#end
    var i$g = select(0u, from$g.x + source + (at$g.x >> shift) * (size.y >> shift) + (at$g.y >> shift), inside$g);
    let next$g = select(0u, plane, inside$g);
#end
#if SHARED
    for (var block = 0u; block < blocks; block += $DEPTHu) {
      let remain = blocks - block;
#for g in GATHERED
#for l in PICTURELOADS
      let block$g_$l = index / $PIXELSu + $lu * $STEPu;
#if SPLIT
      let n$g_$l = picked(tap, select(0u, i$g + block$g_$l * next$g, block$g_$l < remain));
#else
      let n$g_$l = vec4f(arena[select(0u, i$g + block$g_$l * next$g, block$g_$l < remain)]);
#end
#end
      i$g += $DEPTHu * next$g;
#end
#if TRANSPOSED
      // Every invocation turns the square of one block of either.
      var square = mat4x4f();
      if (index < $DEPTHu * $BLOCKSu) {
        let o = min(group.x * $BLOCKSu + index / $DEPTHu, op.outputs - 1u);
        let begin = w + 4u * o * op.blocks + min(index % $DEPTHu, remain - 1u);
        square = transpose(mat4x4f(vec4f(weights[begin]), vec4f(weights[begin + op.blocks]),
          vec4f(weights[begin + 2u * op.blocks]), vec4f(weights[begin + 3u * op.blocks])));
      }
#else
#for l in FACTORLOADS
      let row$l = (index + $lu * $THREADSu) / $BLOCKSu;
      let column$l = min(group.x * $BLOCKSu + (index + $lu * $THREADSu) % $BLOCKSu, op.outputs - 1u);
      // Beyond the last block the picture is zero; weights need only be numbers.
      let m$l = vec4f(weights[w + min(row$l, 4u * remain - 1u) * op.outputs + column$l]);
#end
#end
#if !AHEAD
      workgroupBarrier();
#for g in GATHERED
#for l in PICTURELOADS
      picture[block$g_$l * $PIXELSu + index % $PIXELSu + $gu * $THREADSu] = n$g_$l;
#end
#end
#if TRANSPOSED
      if (index < $DEPTHu * $BLOCKSu) {
        let to = 4u * (index % $DEPTHu) * $BLOCKSu + index / $DEPTHu;
#for j in FOUR
        factors[to + $ju * $BLOCKSu] = square[$j];
#end
      }
#else
#for l in FACTORLOADS
      factors[index + $lu * $THREADSu] = m$l;
#end
#end
      workgroupBarrier();
#end
#if AHEAD
      if (ready) {
#end
      for (var d = 0u; d < $DEPTHu; d++) {
        let i = d * $PIXELSu + index % $ACROSSu;
        let f = 4u * d * $BLOCKSu + index / $ACROSSu;
#for p in P
        let a$p = picture[i + $pu * $ACROSSu];
#end
#for v in V
#for j in FOUR
        let k$v_$j = factors[f + $ju * $BLOCKSu + $vu * $ALONGu];
#end
#for p in P
#if FMA
        s$p_$v = fma(vec4f(a$p.x), k$v_0, s$p_$v);
        s$p_$v = fma(vec4f(a$p.y), k$v_1, s$p_$v);
        s$p_$v = fma(vec4f(a$p.z), k$v_2, s$p_$v);
        s$p_$v = fma(vec4f(a$p.w), k$v_3, s$p_$v);
#else
        s$p_$v += mat4x4f(k$v_0, k$v_1, k$v_2, k$v_3) * a$p;
#end
#end
#end
      }
#if AHEAD
      }
      ready = true;
      workgroupBarrier();
#for g in GATHERED
#for l in PICTURELOADS
      picture[block$g_$l * $PIXELSu + index % $PIXELSu + $gu * $THREADSu] = n$g_$l;
#end
#end
#if TRANSPOSED
      if (index < $DEPTHu * $BLOCKSu) {
        let to = 4u * (index % $DEPTHu) * $BLOCKSu + index / $DEPTHu;
#for j in FOUR
        factors[to + $ju * $BLOCKSu] = square[$j];
#end
      }
#else
#for l in FACTORLOADS
      factors[index + $lu * $THREADSu] = m$l;
#end
#end
      workgroupBarrier();
#end
#if TRANSPOSED
      w += $DEPTHu;
#else
      w += 4u * min($DEPTHu, remain) * op.outputs;
#end
    }
#else
    for (var block = 0u; block < blocks; block++) {
#for p in P
#if SPLIT
      let a$p = picked(tap, i$p);
#else
      let a$p = vec4f(arena[i$p]);
#end
      i$p += next$p;
#end
#for v in V
#if TRANSPOSED
#for j in FOUR
      let r$v_$j = vec4f(weights[w + (4u * o$v + $ju) * op.blocks]);
#end
      let k$v_0 = vec4f(r$v_0.x, r$v_1.x, r$v_2.x, r$v_3.x);
      let k$v_1 = vec4f(r$v_0.y, r$v_1.y, r$v_2.y, r$v_3.y);
      let k$v_2 = vec4f(r$v_0.z, r$v_1.z, r$v_2.z, r$v_3.z);
      let k$v_3 = vec4f(r$v_0.w, r$v_1.w, r$v_2.w, r$v_3.w);
#else
#for j in FOUR
      let k$v_$j = vec4f(weights[w + $ju * op.outputs + o$v]);
#end
#end
#for p in P
#if FMA
      s$p_$v = fma(vec4f(a$p.x), k$v_0, s$p_$v);
      s$p_$v = fma(vec4f(a$p.y), k$v_1, s$p_$v);
      s$p_$v = fma(vec4f(a$p.z), k$v_2, s$p_$v);
      s$p_$v = fma(vec4f(a$p.w), k$v_3, s$p_$v);
#else
      s$p_$v += mat4x4f(k$v_0, k$v_1, k$v_2, k$v_3) * a$p;
#end
#end
#end
#if TRANSPOSED
      w++;
#else
      w += 4u * op.outputs;
#end
    }
#end
  }

#for p in P
  if (first + $pu * $ACROSSu < op.count) {
#if SHARED
    // Found once more, so that nobody keeps it all the time.
    let here$p = locate(first + $pu * $ACROSSu);
#else
    let here$p = pixel$p;
#end
    let image = here$p.x;
    let y = here$p.y;
    let x = here$p.z;
#if PHASES
    let place = (2u * y + row) * 2u * op.width + 2u * x + column;
#else
    let place = y * op.width + x;
#end
#if AVERAGE
    let corner = 2u * y * op.restcolumns + 2u * x;
#end
#for v in V
    if (lane + $vu * op.lanes < op.outputs) {
      var r = s$p_$v;
#if ADD
      let rest = image + op.rest + o$v * op.restplane;
#if AVERAGE
      r += 0.25 * (vec4f(arena$REST[rest + corner]) + vec4f(arena$REST[rest + corner + 1u])
        + vec4f(arena$REST[rest + corner + op.restcolumns]) + vec4f(arena$REST[rest + corner + op.restcolumns + 1u]));
#else
      r += vec4f(arena$REST[rest + (y >> op.restshift) * op.restcolumns + (x >> op.restshift)]);
#end
#end
      arena$TO[image + op.output + o$v * op.outplane + place] = Stored(r * bitcast<f32>(op.scale));
    }
#end
  }
#end
}
