/** A signal looks through all of its listeners for each that comes or goes: many who wait for one share a listener. */
const waiting = new WeakMap<AbortSignal, Set<() => void>>();

/** Calls `act` once the signal, which is not aborted yet, is aborted. The returned function takes that back. */
export function onAbort(signal: AbortSignal, act: () => void): () => void {
  let acts = waiting.get(signal);
  if (!acts) {
    const all = new Set<() => void>();
    signal.addEventListener("abort", () => all.forEach((each) => each()), { once: true });
    waiting.set(signal, (acts = all));
  }
  const kept = acts.add(act);
  return () => void kept.delete(act);
}
