// The place that the state holds from `at` on, in two halves.
fn place(at: u32) -> u32 {
  return (u32(state[at]) << 16u) | u32(state[at + 1u]);
}

