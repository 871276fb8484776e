import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 20;
/** Long: it is only waited for in full where a test fails, and a busy machine takes many times as long as an idle one. */
const LIMIT_MS = 45_000;

type Missing = false | null | undefined;

/**
 * Waits until a condition holds.
 *
 * @param what is said in the error, e.g. "the run ends"
 * @returns what the condition gave, which is neither false nor null nor undefined
 * @throws Error where it does not hold within the time
 */
export async function waitUntil<T>(
  what: string,
  condition: () => T | Missing | Promise<T | Missing>,
  limitMs = LIMIT_MS,
): Promise<T> {
  const end = Date.now() + limitMs;
  for (;;) {
    const value = await condition();
    if (value !== false && value !== null && value !== undefined) return value;
    if (Date.now() > end) throw new Error(`${what}: did not happen within ${limitMs} ms`);
    await sleep(POLL_MS);
  }
}
