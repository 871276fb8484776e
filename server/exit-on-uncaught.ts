import type { Logger } from "pino";

/**
 * Ends the process at an error that nobody caught, as nobody knows what state it left: the supervisor starts another.
 * Next.js listens too, but only logs them.
 */
export function exitOnUncaught(log: Pick<Logger, "fatal">): void {
  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    process.removeAllListeners(event);
    process.on(event, (error: unknown) => {
      // A page that is left while it is rendered leaves a rejection behind, and no state.
      if (error instanceof Error && /^(?:AbortError|ResponseAborted)$/.test(error.name)) return;
      log.fatal({ error }, `${event}: the server ends, to be started again`);
      process.exit(1);
    });
  }
}
