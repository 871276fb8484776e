import { writeFile } from "node:fs/promises";
import { isAlive } from "./lock.mjs";

/**
 * What the supervisor (scripts/start.mjs) and the processes it starts agree on.
 *
 * A supervisor that is killed outright cannot stop its children, so each child watches it.
 */

/** Environment variable that tells a child the process id of its supervisor. */
export const SUPERVISOR_PID_VARIABLE = "S3_SUPERVISOR_PID";

/** Environment variable that names the file in which a child says that it works, and how often it does. */
const HEARTBEAT_FILE_VARIABLE = "S3_HEARTBEAT_FILE";
const HEARTBEAT_MS = 1_000;

/** File in the data directory in which the server leaves the token of the local worker (mode 600). */
export const LOCAL_WORKER_TOKEN_FILE = "local-worker.token";

const WATCH_INTERVAL_MS = 1_000;

/**
 * Ends this process soon after its supervisor has died, so that nothing is left behind.
 * Does nothing where the process was not started by a supervisor.
 *
 * @param onOrphaned called once when the supervisor is gone; by default the process exits with code 1
 * @returns a function that ends the watch
 */
export function exitWithParent(onOrphaned: () => void = () => process.exit(1)): () => void {
  const value = process.env[SUPERVISOR_PID_VARIABLE];
  if (value === undefined || value === "") return () => {};
  const pid = Number(value);
  if (!Number.isInteger(pid) || pid <= 0) {
    throw new Error(
      `${SUPERVISOR_PID_VARIABLE} must be a process id, not "${value}". Start with \`npm start\`.`,
    );
  }
  // A direct child is also handed to another parent when its own dies: that shows even where the id is used again.
  const isDirectChild = process.ppid === pid;
  const timer = setInterval(() => {
    if (isAlive(pid) && !(isDirectChild && process.ppid !== pid)) return;
    clearInterval(timer);
    onOrphaned();
  }, WATCH_INTERVAL_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/**
 * Says again and again that this process not only lives but works, so that the supervisor ends one that hangs and starts
 * another. Does nothing where the process was not started by a supervisor.
 */
export function sendHeartbeats(): void {
  const file = process.env[HEARTBEAT_FILE_VARIABLE];
  if (file === undefined || file === "") return;
  const beat = (): void => void writeFile(file, String(Date.now())).catch(() => undefined);
  beat();
  setInterval(beat, HEARTBEAT_MS).unref();
}
