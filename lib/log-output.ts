import { pino, type DestinationStream } from "pino";

/** What waits in memory while nothing can be written; newer lines are dropped beyond it. */
const KEPT_BYTES = 2 ** 20;

/**
 * Where a process logs to. While nothing can be written there, as on a full disk, lines wait in memory: a server or worker
 * that cannot log still works.
 *
 * @param to a file descriptor or path; by default standard output
 */
export function openLogOutput(to: number | string = 1): DestinationStream {
  const output = pino.destination({ dest: to, sync: true, maxLength: KEPT_BYTES });
  output.on("error", () => undefined);
  return output;
}
