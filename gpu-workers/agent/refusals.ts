import { toWireError } from "@/contracts/errors";
import type { AgentLog } from "./log";
import { ServerRefusal } from "./connection";

/**
 * Says what the server refuses of what the worker repeats by itself (heartbeats, corpora, log lines): once until it is
 * taken again, to the worker's log and to those of its runs. Without a word, a refused worker looks like a dead one.
 */
export class Refusals {
  private readonly standing = new Map<string, ServerRefusal>();

  constructor(private readonly log: AgentLog) {}

  /** The refusal of this kind of message that was the last answer to it; null where the last one was taken. */
  get(what: string): ServerRefusal | null {
    return this.standing.get(what) ?? null;
  }

  noteTaken(what: string): void {
    this.standing.delete(what);
  }

  /** @param runs whose logs are told, too. @returns whether the server refused it, and would again */
  noteFailure(
    what: string,
    error: unknown,
    runs: Iterable<{ log(level: "error", message: string): void }> = [],
  ): boolean {
    const { message } = toWireError(error);
    if (!(error instanceof ServerRefusal) || error.mayPass) {
      this.log.writeLocally("debug", `${what} failed: ${message}`);
      return false;
    }
    const isNew = this.standing.get(what)?.message !== message;
    this.standing.set(what, error);
    if (!isNew) return !error.isOutage;
    const text = `The server refuses this worker's ${what}: ${message}`;
    this.log.write("error", text);
    for (const run of runs) run.log("error", text);
    return !error.isOutage;
  }
}
