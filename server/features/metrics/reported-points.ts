import type { ReportedPointsQuery } from "@/contracts/api/metrics";
import { AppError } from "@/contracts/errors";
import { escapeCsvField } from "@/core/comparability/results-table";
import { BYTE_ORDER_MARK } from "@/core/metrics/csv";
import { chunk } from "@/lib/chunk";
import type { Database } from "@/server/platform/db/database";
import type { Metrics } from "./metrics";

const HEAD = ["run_id", "run", "metric", "step", "reported_at", "value"];
/** Lines that are sent together. */
const LINES = 2_000;

/**
 * Every reported point of metrics of runs as comma-separated values (RFC 4180, UTF-8), a line a point: those of the
 * surviving lineage, by run, metric and step. One series is in memory at a time.
 *
 * @param names none: all that a run has reported
 * @throws AppError "not-found" before the first line, where there is no such run
 */
export async function writePointsCsv(
  { database, metrics }: { database: Database; metrics: Metrics },
  { runIds, names }: ReportedPointsQuery,
): Promise<AsyncGenerator<string>> {
  const found = await database.db.run.findMany({
    where: { id: { in: runIds } },
    select: { id: true, name: true },
  });
  const runNames = new Map(found.map(({ id, name }) => [id, name]));
  const missing = runIds.find((id) => !runNames.has(id));
  if (missing !== undefined) throw new AppError("not-found", `There is no run ${missing}.`);
  return writeLines(metrics, runNames, { runIds, names });
}

async function* writeLines(
  metrics: Metrics,
  runNames: ReadonlyMap<string, string>,
  { runIds, names }: ReportedPointsQuery,
): AsyncGenerator<string> {
  yield `${BYTE_ORDER_MARK}${HEAD.join(",")}\r\n`;
  for (const runId of runIds) {
    const own =
      names.length > 0 ? names : (await metrics.listMetrics(runId)).map(({ name }) => name);
    for (const name of own) {
      const begin = [runId, escapeCsvField(runNames.get(runId)!), escapeCsvField(name)].join(",");
      for (const points of chunk(await metrics.readReported(runId, name), LINES))
        yield points
          .map(
            ({ step, at, value }) => `${begin},${step},${new Date(at).toISOString()},${value}\r\n`,
          )
          .join("");
    }
  }
}
