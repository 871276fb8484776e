/**
 * numpy's legacy generator (`numpy.random.RandomState`), value for value: the Mersenne Twister MT19937 (Matsumoto and
 * Nishimura 1998) seeded by one number, and what `choice` without replacement makes of it. pandas' `DataFrame.sample`
 * draws by it, so a sample that was taken there can be taken again here.
 */

const N = 624;
const M = 397;

/** The 32-bit numbers of MT19937 after `init_genrand(seed)`. @param seed from 0 to 2^32 - 1 */
function* generateWords(seed: number): Generator<number, never> {
  const state = new Uint32Array(N);
  state[0] = seed;
  for (let i = 1; i < N; i++) {
    const before = state[i - 1]! ^ (state[i - 1]! >>> 30);
    state[i] = Math.imul(1_812_433_253, before) + i;
  }
  for (;;) {
    for (let i = 0; i < N; i++) {
      const joined = (state[i]! & 0x80000000) | (state[(i + 1) % N]! & 0x7fffffff);
      state[i] = state[(i + M) % N]! ^ (joined >>> 1) ^ (joined & 1 ? 0x9908b0df : 0);
    }
    for (const word of state) yield temper(word);
  }
}

function temper(word: number): number {
  let y = word ^ (word >>> 11);
  y ^= (y << 7) & 0x9d2c5680;
  y ^= (y << 15) & 0xefc60000;
  return (y ^ (y >>> 18)) >>> 0;
}

/**
 * Indices of a sample without replacement, as `numpy.random.RandomState(seed).choice(total, size, replace=False)` gives
 * them: the beginning of a shuffled range, whose places are drawn by rejection under a mask of bits.
 *
 * @param total how many there are to choose from, below 2^32
 * @param size how many are chosen, at most `total`
 * @param seed from 0 to 2^32 - 1
 */
export function drawNumpySample(total: number, size: number, seed: number): number[] {
  const words = generateWords(seed);
  const order = Array.from({ length: total }, (_, i) => i);
  for (let i = total - 1; i > 0; i--) {
    const mask = 2 ** (32 - Math.clz32(i)) - 1;
    let j = Infinity;
    while (j > i) j = (words.next().value & mask) >>> 0;
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order.slice(0, size);
}
