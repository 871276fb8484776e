import { toWireError } from "@/contracts/errors";
import type { PreflightItem } from "@/contracts/worker-protocol/reports";
import type { AttemptContext } from "@/gpu-workers/runtime/attempt-context";

/**
 * What a run needs before it runs: each need is brought up beside the others and reported with state, seconds and
 * error, so that a run that cannot start says on its page what is missing.
 */
export class Preflight {
  private readonly items = new Map<PreflightItem["name"], PreflightItem>();

  constructor(
    private readonly context: Pick<AttemptContext, "reportPreflight">,
    names: readonly PreflightItem["name"][],
  ) {
    for (const name of names)
      this.items.set(name, { name, state: "waiting", seconds: null, detail: "", error: null });
  }

  /** Runs one check; `say` reports what it is doing. The error is reported and thrown on. */
  async check<T>(
    name: PreflightItem["name"],
    work: (say: (detail: string) => void) => Promise<T>,
    summary: (value: T) => string,
  ): Promise<T> {
    const start = performance.now();
    const set = (change: Partial<PreflightItem>): Promise<void> => {
      const seconds = (performance.now() - start) / 1000;
      this.items.set(name, { name, state: "running", detail: "", error: null, ...change, seconds });
      return this.context.reportPreflight([...this.items.values()]);
    };
    // A detail that cannot be reported must not fail the check; the report at its end will.
    const say = (detail: string): void => void set({ detail }).catch(() => undefined);
    await set({});
    try {
      const value = await work(say);
      await set({ state: "ready", detail: summary(value) });
      return value;
    } catch (error) {
      await set({ state: "failed", error: toWireError(error).message });
      throw error;
    }
  }
}

/** Waits for all, so that every need has been reported, then throws the first failure. */
export async function waitForAll<T extends readonly unknown[]>(work: {
  [K in keyof T]: Promise<T[K]>;
}): Promise<T> {
  const settled = await Promise.allSettled(work);
  const failed = settled.find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
  return settled.map((result) => (result as PromiseFulfilledResult<unknown>).value) as unknown as T;
}
