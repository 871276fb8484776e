import type { Server } from "node:http";

/** Without a request for so long, nobody waits for an answer. */
const IDLE_MS = 15_000;

/**
 * Collects garbage once no request came for a while: V8 does so when memory is asked for, and an idle server would hold
 * what its last pages left behind until then. Does nothing where Node.js runs without `--expose-gc`.
 */
export function collectWhenIdle(server: Server, idleMs = IDLE_MS): void {
  const { gc } = globalThis;
  if (gc === undefined) return;
  const timer = setTimeout(() => void gc({ type: "major", execution: "async" }), idleMs).unref();
  server.on("request", () => timer.refresh());
}
