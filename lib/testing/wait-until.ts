import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 20;

/**
 * Waits until a condition holds.
 *
 * @param what is said in the error, e.g. "the run ends"
 * @throws Error where it does not hold within the time
 */
export async function waitUntil(
  what: string,
  condition: () => boolean | Promise<boolean>,
  limitMs = 15_000,
): Promise<void> {
  const end = Date.now() + limitMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`${what}: did not happen within ${limitMs} ms`);
    await sleep(POLL_MS);
  }
}
