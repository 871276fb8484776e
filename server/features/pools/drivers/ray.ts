import type { RequestInit } from "undici";
import { z } from "zod";
import { AppError, parseOrThrow } from "@/contracts/errors";
import { parseJsonOrNull } from "@/lib/json";
import { fetchGuarded } from "@/server/platform/guarded-agent";
import { keepLogTail, type JobStatus, type PoolDriver } from "./driver";

const LONGEST_MS = 30_000;

const jobSchema = z.object({
  status: z.enum(["PENDING", "RUNNING", "STOPPED", "SUCCEEDED", "FAILED"]),
  message: z.string().nullish(),
  /** Milliseconds since the epoch. */
  start_time: z.number().nullish(),
  driver_exit_code: z.int().nullish(),
});

const PHASES: Readonly<Record<z.output<typeof jobSchema>["status"], JobStatus["phase"]>> = {
  PENDING: "queued",
  RUNNING: "running",
  STOPPED: "ended",
  SUCCEEDED: "ended",
  FAILED: "failed",
};

/** Jobs of a Ray cluster, by the REST API of its head (docs.ray.io, "Ray Jobs REST API"). Their submission id is the name. */
export function createRayDriver(url: string, secret: string): PoolDriver {
  const base = url.replace(/\/+$/, "");
  /** @returns null for 404 */
  const ask = async (
    path: string,
    init: RequestInit = {},
  ): Promise<{ status: number; text: string } | null> => {
    const response = await fetchGuarded(`${base}${path}`, {
      ...init,
      redirect: "error",
      signal: AbortSignal.timeout(LONGEST_MS),
      headers: {
        ...(secret !== "" && { authorization: `Bearer ${secret}` }),
        ...(init.body != null && { "content-type": "application/json" }),
      },
    }).catch((cause: unknown) => {
      if (cause instanceof AppError) throw cause;
      const reason = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
      const said = reason instanceof Error ? reason.message : String(reason);
      throw new AppError("unsupported", `Ray at ${base} does not answer: ${said}`, { cause });
    });
    const text = await response.text();
    if (response.status === 404) return null;
    if (response.ok) return { status: response.status, text };
    if (/already exists/i.test(text)) return { status: 409, text };
    throw new AppError(
      "unsupported",
      `Ray at ${base} answered ${response.status}: ${text.trim().split("\n").at(-1)?.slice(0, 500)}`,
    );
  };
  const read = async (path: string): Promise<unknown> => {
    const answer = await ask(path);
    return answer === null ? null : parseJsonOrNull(answer.text);
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
      const answer = await ask("/api/jobs/", {
        method: "POST",
        body: JSON.stringify({
          submission_id: name,
          entrypoint: script,
          entrypoint_num_gpus: gpus,
          runtime_env: { env_vars: { S3_WORKER_TOKEN: token } },
        }),
      });
      if (answer === null)
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
