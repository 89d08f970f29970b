#names THREADS ACROSS ALONG VO VI FOUR DEPTH PITCH GRADIENTS SOURCES GRADIENTLOADS SOURCELOADS
// weights[tap][i][o] = Σ_pixels source[i][pixel + tap] gradient[o][pixel], over all images: a product of matrices whose
// sum is long. Every workgroup makes a part of the sum for one tap, $ACROSS times $VO blocks of outputs and $ALONG
// times $VI blocks of inputs; kernels/backward/gather.wgsl adds the parts.

var<workgroup> left: array<vec4f, $GRADIENTS>;  // [blocks][$DEPTH pixels], rows $PITCH apart
var<workgroup> right: array<vec4f, $SOURCES>;

@compute @workgroup_size($THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let tap = group.y / op.tiles;
  let output = group.x * ($ACROSSu * $VOu);
  let input = group.y % op.tiles * ($ALONGu * $VIu);
  let across = index % $ACROSSu;
  let along = min(index / $ACROSSu, $ALONGu - 1u);
  let offset = vec2u(tap / op.side, tap % op.side) - op.padding;
  let start = group.z * op.chunk;
  let end = min(start + op.chunk, op.count);
#for v in VI
#for j in FOUR
#for o in VO
  var s$v_$j_$o = vec4f();
#end
#end
#end

  // Every invocation brings blocks of one pixel.
  let own = index % $DEPTHu;
  var pixel = start + own;
  var inner = pixel % op.pixels;
  var image = pixel / op.pixels * op.image + op.base;
  // While the last pixels are multiplied the next ones are on their way.
  for (var first = start; first < end + $DEPTHu; first += $DEPTHu) {
    let real = pixel < end;
    let row = inner / op.width;
    let at = vec2u(row, inner - row * op.width) * op.stride + offset;
    let inside = real && all(at < vec2u(op.rows, op.columns));
    let begin = image + op.source + (at.x >> op.shift) * (op.columns >> op.shift) + (at.y >> op.shift);
#for l in GRADIENTLOADS
    let g$l = index / $DEPTHu + $lu * ($THREADSu / $DEPTHu);
    let i$l = image + op.gradient + min(output + g$l, op.outputs - 1u) * op.pixels + inner;
    let n$l = arena[select(0u, i$l, real)];
#end
#for l in SOURCELOADS
    let b$l = index / $DEPTHu + $lu * ($THREADSu / $DEPTHu);
    let k$l = begin + min(input + b$l, op.inputs - 1u) * op.plane;
    let m$l = arena[select(0u, k$l, inside)];
#end
    if (first > start) {
      for (var d = 0u; d < $DEPTHu; d++) {
#for o in VO
        let y$o = left[(across + $ou * $ACROSSu) * $PITCHu + d];
#end
#for v in VI
        let x$v = right[(along + $vu * $ALONGu) * $PITCHu + d];
#for o in VO
        s$v_0_$o = fma(vec4f(x$v.x), y$o, s$v_0_$o);
        s$v_1_$o = fma(vec4f(x$v.y), y$o, s$v_1_$o);
        s$v_2_$o = fma(vec4f(x$v.z), y$o, s$v_2_$o);
        s$v_3_$o = fma(vec4f(x$v.w), y$o, s$v_3_$o);
#end
#end
      }
    }
    workgroupBarrier();
#for l in GRADIENTLOADS
    if (g$l < $ACROSSu * $VOu) { left[g$l * $PITCHu + own] = n$l; }
#end
#for l in SOURCELOADS
    if (b$l < $ALONGu * $VIu) { right[b$l * $PITCHu + own] = act(m$l); }
#end
    workgroupBarrier();
    pixel += $DEPTHu;
    inner += $DEPTHu;
    while (inner >= op.pixels) {
      inner -= op.pixels;
      image += op.image;
    }
  }

  if (index >= $ACROSSu * $ALONGu) { return; }
  let part = op.output + (group.z * op.taps + tap) * 4u * op.inputs * op.outputs;
#for v in VI
#for o in VO
  if (input + along + $vu * $ALONGu < op.inputs && output + across + $ou * $ACROSSu < op.outputs) {
    let to = part + 4u * (input + along + $vu * $ALONGu) * op.outputs + output + across + $ou * $ACROSSu;
#for j in FOUR
    arena[to + $ju * op.outputs] = s$v_$j_$o;
#end
  }
#end
#end
}
