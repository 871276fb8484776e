import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { RunContext } from "../run-context";

/** Listens; a later attempt waits for its port, which the attempt before it may be about to let go. */
export async function listenPatiently<T>(context: Pick<RunContext, "attempt" | "signal">, listen: () => Promise<T>, portMs: number): Promise<T> {
  for (const until = Date.now() + (context.attempt > 1 ? portMs : 0); ; ) {
    try {
      return await listen();
    } catch (error) {
      if (Date.now() >= until) throw error;
      await sleep(250, undefined, { signal: context.signal });
    }
  }
}

/** How others reach a service that listens at `url`: every address of the machine is written by its name. */
export function reachedAt({ advertise, host }: { advertise: string | null; host: string }, url: string): string {
  if (advertise !== null) return advertise.replace(/\/+$/, "");
  if (host !== "0.0.0.0" && host !== "::") return url;
  return `http://${hostname()}:${new URL(url).port}`;
}
