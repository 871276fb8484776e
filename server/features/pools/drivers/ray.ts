import { strToU8, zipSync } from "fflate";
import { z } from "zod";
import { AppError, parseOrThrow } from "@/contracts/errors";
import { hashText } from "@/lib/hash";
import { parseJsonOrNull } from "@/lib/json";
import { requestGuarded } from "@/server/platform/guarded-agent";
import { keepLogTail, type JobStatus, type PoolDriver } from "./driver";

const LONGEST_MS = 30_000;

const jobSchema = z.object({
  status: z.enum(["PENDING", "RUNNING", "STOPPED", "SUCCEEDED", "FAILED"]),
  message: z.string().nullish(),
  /** Milliseconds since the epoch. */
  start_time: z.number().nullish(),
  end_time: z.number().nullish(),
  driver_exit_code: z.int().nullish(),
});

const PHASES: Readonly<Record<z.output<typeof jobSchema>["status"], JobStatus["phase"]>> = {
  PENDING: "queued",
  RUNNING: "running",
  STOPPED: "ended",
  SUCCEEDED: "ended",
  FAILED: "failed",
};

const TOKEN_FILE = "s3-worker-token";
/**
 * Ray writes a job's environment variables into a log and, for a moment, into the process list. So the token comes as a
 * file of the job's working folder, which the job takes away before anything else.
 */
const TAKE_TOKEN = `S3_WORKER_TOKEN="$(cat ./${TOKEN_FILE})" && rm -f ./${TOKEN_FILE} && export S3_WORKER_TOKEN || exit 1`;

/** Jobs of a Ray cluster, by the REST API of its head (docs.ray.io, "Ray Jobs REST API"). Their submission id is the name. */
export function createRayDriver(url: string, secret: string): PoolDriver {
  const base = url.replace(/\/+$/, "");
  /** @returns the text; null for 404 */
  const ask = async (
    path: string,
    {
      method = "GET",
      body,
    }: { method?: "GET" | "POST" | "PUT" | "DELETE"; body?: string | Uint8Array } = {},
  ): Promise<string | null> => {
    // By no `fetch`: Ray takes its headers for a browser's, from which it accepts no change.
    const { statusCode, text } = await requestGuarded(`${base}${path}`, {
      method,
      body: body ?? null,
      signal: AbortSignal.timeout(LONGEST_MS),
      headers: {
        ...(secret !== "" && { authorization: `Bearer ${secret}` }),
        ...(typeof body === "string" && { "content-type": "application/json" }),
      },
    })
      .then(async (answer) => ({
        statusCode: answer.statusCode,
        text: await answer.body.text(),
      }))
      .catch((cause: unknown) => {
        if (cause instanceof AppError) throw cause;
        const said = cause instanceof Error ? cause.message : String(cause);
        throw new AppError("unsupported", `Ray at ${base} does not answer: ${said}`, { cause });
      });
    if (statusCode === 404) return null;
    if (statusCode >= 200 && statusCode < 300) return text;
    // Somebody else has submitted it meanwhile: the same job.
    if (/submission_id \S+ already exists/.test(text)) return text;
    const said = text.trim().split("\n").at(-1)?.slice(0, 500) ?? "";
    const advice =
      statusCode === 401 ? " Give the pool the token of Ray's head as its secret." : "";
    throw new AppError("unsupported", `Ray at ${base} answered ${statusCode}: ${said}.${advice}`);
  };
  /** @returns null for 404 alone: what is no JSON comes from something else, e.g. a proxy's page */
  const read = async (path: string): Promise<unknown> => {
    const answer = await ask(path);
    if (answer === null) return null;
    const parsed = parseJsonOrNull(answer);
    if (parsed === null)
      throw new AppError(
        "unsupported",
        `${base}${path} answered no JSON, so it is no Ray head: ${answer.trim().slice(0, 200)}`,
      );
    return parsed;
  };
  return {
    async check() {
      const version = await read("/api/version");
      const parsed = z.object({ ray_version: z.string() }).safeParse(version);
      if (!parsed.success)
        throw new AppError("unsupported", `${base} is no Ray head: /api/version is not there.`);
      await read("/api/jobs/");
      return `Ray ${parsed.data.ray_version}`;
    },
    async submit({ name, script, gpus, token }) {
      if ((await ask(`/api/jobs/${name}`)) !== null) return name;
      const folder = `_ray_pkg_${hashText(`${name} ${token}`).slice(0, 32)}.zip`;
      const body = zipSync({ [TOKEN_FILE]: [strToU8(token), { os: 3, attrs: 0o600 << 16 }] });
      const uploaded = await ask(`/api/packages/gcs/${folder}`, { method: "PUT", body });
      const answer = await ask("/api/jobs/", {
        method: "POST",
        body: JSON.stringify({
          submission_id: name,
          entrypoint: `${TAKE_TOKEN}\n${script}`,
          entrypoint_num_gpus: gpus,
          runtime_env: { working_dir: `gcs://${folder}` },
        }),
      });
      if (uploaded === null || answer === null)
        throw new AppError("unsupported", `${base} has no Jobs API: /api/jobs/ is not there.`);
      return name;
    },
    async list(names) {
      const jobs = new Map<string, JobStatus>();
      for (const name of names) {
        const found = await read(`/api/jobs/${name}`);
        if (found === null) continue;
        const job = parseOrThrow(jobSchema, found, `Ray's answer about ${name}`);
        const code = job.driver_exit_code;
        const detail = [job.status, code ? `code ${code}` : "", job.message?.slice(0, 500)];
        jobs.set(name, {
          phase: PHASES[job.status],
          detail: detail.filter(Boolean).join(": "),
          ...(job.start_time != null &&
            job.status !== "PENDING" && { startedAt: new Date(job.start_time) }),
          ...(job.end_time != null && { endedAt: new Date(job.end_time) }),
        });
      }
      return jobs;
    },
    async cancel(name) {
      await ask(`/api/jobs/${name}/stop`, { method: "POST" });
    },
    async readLog(name) {
      const answer = z.object({ logs: z.string() }).safeParse(await read(`/api/jobs/${name}/logs`));
      return answer.success ? keepLogTail(answer.data.logs) : "";
    },
    async release(name) {
      await ask(`/api/jobs/${name}`, { method: "DELETE" });
    },
  };
}
