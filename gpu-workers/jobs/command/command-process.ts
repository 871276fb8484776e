import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { AppError } from "@/contracts/errors";
import { onAbort } from "@/lib/on-abort";
import { killGroup } from "@/lib/process-group.mjs";
import type { CommandFailure, StartedCommand } from "./started-command";

/** Time that a group gets to end by itself. */
const GRACE_MS = 10_000;
/** Time for what was written before the end to arrive; what else holds the pipes is ended with the group. */
const DRAIN_MS = 1_000;
/** Exit codes above it stand for a signal. */
const SIGNAL_CODES = 128;
/** The worker's and the server's own: a local worker has the server's environment, with the address of its database. */
const LEFT_OUT = /^S3_|^DATABASE_URL$|^MLFLOW_TRACKING_(?:TOKEN|USERNAME|PASSWORD)$/;

/**
 * The command, under a watch that ends its whole group where the worker itself is gone: a worker that is killed can stop
 * nothing. A signal to the group does not end this shell before the command, which would lose its time to end.
 * Disowned, as bash may else write into the command's output that it was killed.
 * $1: the command, $2: the worker's process id.
 */
const SUPERVISOR = `
trap : TERM INT
( trap '' TERM INT
  while kill -0 "$2" 2>/dev/null; do sleep 1; done
  kill -TERM -- "-$$"; sleep 10; kill -KILL -- "-$$" ) >/dev/null 2>&1 &
watch=$!
disown "$watch"
bash -c "$1"
code=$?
kill -KILL "$watch" 2>/dev/null
exit $code`;

/**
 * Runs a command by bash in a process group of its own, and ends the group with it.
 *
 * @returns why it failed; null: its exit code was 0
 * @throws the signal's reason where it was aborted, AppError "unsupported" where bash cannot be started
 */
export async function runProcess({
  command,
  folder,
  environment,
  signal,
  onLine,
}: StartedCommand): Promise<CommandFailure> {
  signal.throwIfAborted();
  const child = spawn("bash", ["-c", SUPERVISOR, "s3", command, String(process.pid)], {
    cwd: folder,
    env: { ...listInherited(), ...environment } as NodeJS.ProcessEnv,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const reading = Promise.all([readLines(child.stdout, onLine), readLines(child.stderr, onLine)]);
  let force: NodeJS.Timeout | undefined;
  const forget = onAbort(signal, () => {
    killGroup(child.pid, "SIGTERM");
    force = setTimeout(() => killGroup(child.pid, "SIGKILL"), GRACE_MS);
  });
  try {
    const code = await waitForExit(child);
    await Promise.race([reading, new Promise((done) => setTimeout(done, DRAIN_MS))]);
    signal.throwIfAborted();
    return describeExit(code);
  } finally {
    forget();
    clearTimeout(force);
    killGroup(child.pid, "SIGKILL");
    child.stdout.destroy();
    child.stderr.destroy();
  }
}

/** The worker's environment without what is the worker's own. */
const listInherited = (): Record<string, string> =>
  Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      value === undefined || LEFT_OUT.test(name) ? [] : [[name, value]],
    ),
  );

const waitForExit = (child: ChildProcess): Promise<number> =>
  new Promise((resolve, reject) => {
    child.once("error", (cause) =>
      reject(new AppError("unsupported", `bash could not be started: ${cause.message}`, { cause })),
    );
    child.once("exit", (code, ended) => resolve(code ?? (ended === "SIGKILL" ? 137 : 143)));
  });

async function readLines(stream: Readable, onLine: (line: string) => void): Promise<void> {
  // An end of the group closes the pipe within a line.
  stream.on("error", () => undefined);
  for await (const line of createInterface({ input: stream })) onLine(line);
}

/** Why a command with this exit code failed; null for 0. */
export function describeExit(code: number): CommandFailure {
  if (code === 0) return null;
  if (code === 126 || code === 127)
    return `The command could not be started (exit code ${code}): see the last lines of the log.`;
  if (code === 137)
    return "The command was killed (exit code 137): on Linux mostly as the memory of the machine was full.";
  if (code > SIGNAL_CODES)
    return `The command was ended by signal ${code - SIGNAL_CODES} (exit code ${code}).`;
  return `The command ended with exit code ${code}: see the last lines of the log.`;
}
