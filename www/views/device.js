export function mount() { throw new Error('x'); }
