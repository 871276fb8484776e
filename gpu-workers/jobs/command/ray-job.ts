import { networkInterfaces } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { request } from "undici";
import { z } from "zod";
import { AppError, parseOrThrow } from "@/contracts/errors";
import { isLoopbackName, isLoopbackUrl } from "@/contracts/formats/loopback";
import { retry, waitFor } from "@/lib/retry";
import type { CommandFailure, StartedCommand } from "./started-command";

/** Ray's REST API of jobs. https://docs.ray.io/en/latest/cluster/running-applications/job-submission/rest.html */

const POLL_MS = 2_000;
const REQUEST_MS = 30_000;
/** Time without an answer after which Ray is taken for gone. */
const SILENCE_MS = 120_000;
/** Times that a job is submitted where no answer comes. */
const SUBMISSIONS = 4;

const nodesSchema = z.object({
  data: z.object({
    result: z.object({ result: z.array(z.object({ state: z.string(), node_ip: z.string() })) }),
  }),
});
const jobSchema = z.object({ status: z.string(), message: z.string().nullish() });
const logsSchema = z.object({ logs: z.string().nullable().default("") });

/** What Ray's own clients authenticate with; newer versions of Ray want a token by default. */
const TOKEN_VARIABLE = "RAY_AUTH_TOKEN";

/** Ray's answer to a second job of the same submission id, in a trace. */
const ALREADY_THERE = /submission_id \S+ already exists/;

/** States that a job does not leave. */
const ENDS: Readonly<Record<string, (message: string) => CommandFailure>> = {
  SUCCEEDED: () => null,
  FAILED: (message) => `The job of Ray failed: ${message || "it gives no reason"}`,
  STOPPED: (message) => `The job of Ray was stopped: ${message || "it gives no reason"}`,
};

/** No answer came: Ray may have done what it was asked. */
class NoAnswerError extends AppError {
  constructor(url: string, cause: unknown) {
    super("internal", `Ray at ${new URL(url).origin} is not reached.`, { cause });
  }
}

/** What a job of Ray is started with. */
interface RayJob extends StartedCommand {
  address: string;
  /** The job is named after them, so that one whose answer was lost is found again. */
  runId: string;
  attempt: number;
}

/**
 * Runs a command as a job of Ray and follows it to its end. It is stopped where the signal is aborted; one that an
 * earlier attempt at the run left, whose worker was lost, is stopped first.
 *
 * @returns why it failed; null: it succeeded
 * @throws AppError "invalid-input" where Ray refuses it, "internal" where Ray is gone
 */
export async function runRayJob(started: RayJob): Promise<CommandFailure> {
  const { signal, onLine, address, runId, attempt } = started;
  const base = `${address.replace(/\/$/, "")}/api/jobs/`;
  const id = nameJob(runId, attempt);
  const job = `${base}${id}`;
  if (attempt > 1) await stopJob(base, nameJob(runId, attempt - 1), onLine);
  signal.throwIfAborted();
  try {
    await submit(base, id, started);
  } catch (error) {
    if (error instanceof NoAnswerError) await stopJob(base, id, onLine);
    signal.throwIfAborted();
    throw error;
  }
  const log = new GrowingLog(onLine);
  let heardAt = Date.now();
  for (;;) {
    if (signal.aborted) {
      await stopJob(base, id, onLine);
      throw signal.reason;
    }
    try {
      const { status, message } = parseOrThrow(jobSchema, await ask(job), "Ray's answer");
      const { logs } = parseOrThrow(logsSchema, await ask(`${job}/logs`), "Ray's log");
      heardAt = Date.now();
      log.take(logs ?? "");
      const end = ENDS[status];
      if (end) return (log.finish(), end(message ?? ""));
    } catch (error) {
      if (Date.now() - heardAt > SILENCE_MS) throw error;
    }
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
}

/**
 * Whether a cluster has nodes on other machines than this one, where its jobs do not reach this one's loopback. What does
 * not list its nodes is judged by its address.
 */
export async function hasOtherMachines(address: string): Promise<boolean> {
  const url = `${address.replace(/\/$/, "")}/api/v0/nodes`;
  const answer = nodesSchema.safeParse(await ask(url).catch(() => null));
  if (!answer.success) return !isLoopbackUrl(address);
  const own = Object.values(networkInterfaces()).flatMap((all) => all?.map((one) => one.address));
  return answer.data.data.result.result.some(
    ({ state, node_ip }) => state === "ALIVE" && !isLoopbackName(node_ip) && !own.includes(node_ip),
  );
}

const nameJob = (runId: string, attempt: number): string => `s3-${runId}-${attempt}`;

/** Submits a job; where no answer comes it is sent again, and one that Ray has by this name is the same. */
async function submit(
  base: string,
  id: string,
  { command, folder, isGivenFolder, environment, signal }: StartedCommand,
): Promise<void> {
  const entrypoint = `${isGivenFolder ? `cd ${quote(folder)} &&` : `cd ${quote(folder)} 2>/dev/null;`} bash -c ${quote(command)}`;
  const body = { submission_id: id, entrypoint, runtime_env: { env_vars: environment } };
  await retry(
    () =>
      ask(base, { method: "POST", body }).catch((error: unknown) => {
        if (!(error instanceof AppError && ALREADY_THERE.test(error.message))) throw error;
      }),
    {
      attempts: SUBMISSIONS,
      backoff: waitFor(POLL_MS),
      // An answer that is under way is awaited, as what it says must be stopped.
      shouldRetry: (error) => error instanceof NoAnswerError && !signal.aborted,
    },
  );
}

/** Stops a job; one that is over, or was never there, is none to stop. */
async function stopJob(base: string, id: string, onLine: (line: string) => void): Promise<void> {
  await ask(`${base}${id}/stop`, { method: "POST" }).catch((error: unknown) => {
    if (error instanceof AppError && error.code === "not-found") return;
    const why = error instanceof Error ? error.message : String(error);
    onLine(`The job ${id} of Ray could not be stopped and may go on: ${why}`);
  });
}

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

async function ask(
  url: string,
  { method = "GET", body }: { method?: "GET" | "POST"; body?: object } = {},
): Promise<unknown> {
  const token = process.env[TOKEN_VARIABLE];
  let answer: { status: number; text: string };
  try {
    // Not by fetch, whose sec-fetch-mode Ray takes for a browser's and refuses.
    const { statusCode, body: received } = await request(url, {
      method,
      ...(body && { body: JSON.stringify(body) }),
      headers: {
        ...(body && { "content-type": "application/json" }),
        ...(token && { authorization: `Bearer ${token}` }),
      },
      signal: AbortSignal.timeout(REQUEST_MS),
    });
    answer = { status: statusCode, text: await received.text() };
  } catch (cause) {
    throw new NoAnswerError(url, cause);
  }
  const { status, text } = answer;
  if (status === 401 || status === 403)
    throw new AppError(
      "invalid-input",
      `Ray at ${new URL(url).origin} wants ${token ? "another" : "a"} token: start the worker with Ray's token in ${TOKEN_VARIABLE}.`,
    );
  if (status >= 300)
    throw new AppError(
      status === 404 ? "not-found" : status < 500 ? "invalid-input" : "internal",
      // A trace says at its end what failed.
      `Ray answered ${status}: ${text.trim().slice(-1_000)}`,
    );
  return JSON.parse(text) as unknown;
}

/** A log that is read as a whole each time: what is new of it, by whole lines. */
class GrowingLog {
  private seen = 0;

  private rest = "";

  constructor(private readonly onLine: (line: string) => void) {}

  take(whole: string): void {
    // It was cut at its beginning, or begun anew.
    const lines = (this.rest + whole.slice(Math.min(this.seen, whole.length))).split("\n");
    this.seen = whole.length;
    this.rest = lines.pop() ?? "";
    for (const line of lines) this.onLine(line);
  }

  finish(): void {
    if (this.rest !== "") this.onLine(this.rest);
    this.rest = "";
  }
}
