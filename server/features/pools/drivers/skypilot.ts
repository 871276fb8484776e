import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { AppError, parseOrThrow } from "@/contracts/errors";
import { parseJsonOrNull } from "@/lib/json";
import { keepLogTail, type JobStatus, type PoolDriver } from "./driver";
import { runProgram } from "./shell";

const LONGEST_MS = 5 * 60_000;

const clustersSchema = z.array(
  z.object({
    name: z.string(),
    status: z.string(),
    /** Seconds since the epoch. */
    launched_at: z.number().nullish(),
    init_status_reason: z.string().nullish(),
  }),
);

/** Reads what `sky status --output json` writes; lines of its own may stand before. */
export function parseClusters(output: string): Map<string, JobStatus> {
  const json = output.slice(Math.max(0, output.search(/^\[/m)));
  const clusters = parseOrThrow(clustersSchema, parseJsonOrNull(json), "The answer of sky status");
  return new Map(
    clusters.map(({ name, status, launched_at, init_status_reason }) => {
      const detail = init_status_reason ? `${status}: ${init_status_reason}` : status;
      // A machine that is stopped or made ready costs as one that runs.
      const phase = status === "INIT" || status === "PENDING" ? "queued" : "running";
      const startedAt = launched_at ? new Date(launched_at * 1_000) : undefined;
      return [name, { phase, detail, ...(phase === "running" && { startedAt }) }];
    }),
  );
}

/**
 * Clusters of one job each, by SkyPilot's program `sky`, which takes itself down once the job is over. A cluster of this
 * name that is there is not launched again.
 */
export function createSkypilotDriver(): PoolDriver {
  const runSky = (args: readonly string[], environment?: Record<string, string>) =>
    runProgram("sky", args, { timeoutMs: LONGEST_MS, environment });
  const listClusters = async (names: readonly string[]) =>
    parseClusters(await runSky(["status", "--output", "json", ...names]));
  /** Calls `sky launch` with the template as file. */
  const launch = async (script: string, args: readonly string[], environment = {}) => {
    const folder = await mkdtemp(join(tmpdir(), "s3-sky-"));
    try {
      const file = join(folder, "task.yaml");
      await writeFile(file, script, { mode: 0o600 });
      return await runSky(["launch", "--yes", ...args, file], environment);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  };
  return {
    appearsWithinMs: 10 * 60_000,
    async check({ name, script }) {
      const said = await launch(script, ["--dryrun", "--cluster", name]);
      return said.trim().split("\n").slice(-5).join("\n") || "sky would launch it";
    },
    async submit({ name, script, token }) {
      if ((await listClusters([name])).has(name)) return name;
      // With a name alone the value is taken from the environment.
      await launch(
        script,
        [
          ...["--async", "--detach-run", "--down", "--cluster", name],
          ...["--secret", "S3_WORKER_TOKEN"],
        ],
        { S3_WORKER_TOKEN: token },
      );
      return name;
    },
    list: listClusters,
    async cancel(name) {
      if ((await listClusters([name])).has(name)) await runSky(["down", "--yes", name]);
    },
    async readLog(name) {
      if (!(await listClusters([name])).has(name)) return "";
      return keepLogTail(await runSky(["logs", "--no-follow", "--tail", "100", name]));
    },
    async release(name) {
      // Where set-up failed, the cluster does not take itself down.
      if (!(await listClusters([name])).has(name)) return;
      await runSky(["down", "--yes", name]);
      if ((await listClusters([name])).has(name))
        throw new AppError("unsupported", `sky down left the cluster ${name} there.`);
    },
  };
}
