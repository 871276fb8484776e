import { z } from "zod";
import type { compareRunsResponseSchema, ComparedRun } from "@/contracts/api/run-comparison";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { hardwareSchema } from "@/contracts/worker-protocol/attach";
import { listLeftOut } from "@/core/run/settings";
import type { Metrics } from "@/server/features/metrics/metrics";
import type { Database } from "@/server/platform/db/database";
import { readExtremes } from "./column-values";
import { selectComparedRuns } from "./reader-queries";

/** What a worker was when it took an attempt: attempts.environment. */
const environmentSchema = z.object({
  worker: z.string(),
  hardware: hardwareSchema,
  device: z.string(),
  dtype: z.string(),
  vllm: z.string().nullish(),
  software: z.record(z.string(), z.string()).nullish(),
});

/** Names and texts of an environment, as the comparison shows them. */
function describeEnvironment(stored: unknown): Record<string, string> | null {
  const parsed = environmentSchema.safeParse(stored);
  if (!parsed.success) return null;
  const { worker, hardware, device, dtype, vllm, software } = parsed.data;
  return {
    worker,
    host: hardware.hostname,
    platform: hardware.platform,
    cpu: hardware.cpuModel,
    cores: String(hardware.cores),
    "memory, GiB": (hardware.memoryMb / 1024).toFixed(1),
    gpus: hardware.gpus.map(({ name }) => name).join(", ") || "none",
    device,
    dtype,
    ...(vllm ? { vllm } : {}),
    ...software,
  };
}

/** Any runs beside each other. */
export class RunComparison {
  constructor(
    private readonly database: Database,
    private readonly metrics: Metrics,
  ) {}

  async read(ids: readonly string[]): Promise<z.infer<typeof compareRunsResponseSchema>> {
    const { db } = this.database;
    const asked = [...new Set(ids)];
    const [rows, extremes] = await Promise.all([
      selectComparedRuns(db, asked),
      readExtremes(db, this.metrics, asked, null),
    ]);
    const byRun = new Map<string, ComparedRun["metrics"]>();
    for (const { runId, name, last, least, greatest } of extremes)
      byRun.set(runId, { ...byRun.get(runId), [name]: { last, least, greatest } });
    const found = new Map(rows.map((row) => [row.id, row]));
    const runs = asked.flatMap((id) => {
      const row = found.get(id);
      if (!row) return [];
      const config = runConfigSchema.parse(row.config);
      return [
        {
          ...row,
          config,
          leftOut: listLeftOut(config),
          environment: describeEnvironment(row.environment),
          metrics: byRun.get(id) ?? {},
        },
      ];
    });
    return { runs, missing: asked.length - runs.length };
  }
}
