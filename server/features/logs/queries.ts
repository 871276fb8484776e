import type { LogLine } from "@/contracts/worker-protocol/reports";
import type { Queries } from "@/server/platform/db/database";
import { toJson } from "@/server/platform/db/json";

/** Levels of log lines; their places in this list are stored. */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;

/** Where a line comes from: a worker itself, an attempt that it works on, or the server, of an attempt. */
export interface LogOrigin {
  workerId: string | null;
  run: { runId: string; attempt: number } | null;
}

/** Inserts lines in one statement, in their order. */
export function insertLogLines(
  db: Queries,
  { workerId, run }: LogOrigin,
  lines: readonly LogLine[],
): Promise<number> {
  const rows = lines.map((line) => ({
    at: new Date(line.at).toISOString(),
    level: LOG_LEVELS.indexOf(line.level),
    source: line.source,
    message: line.message,
  }));
  return db.$executeRaw`
    INSERT INTO logs (run_id, attempt, worker_id, at, level, source, message)
    SELECT ${run?.runId ?? null}::uuid, ${run?.attempt ?? null}::int, ${workerId}::uuid, l.at, l.level, l.source, l.message
    FROM jsonb_to_recordset(${toJson(rows)}::jsonb) AS l(at timestamptz, level smallint, source text, message text)`;
}

/** Deletes lines of workers and of runs that are older than their retention. @returns how many */
export const deleteOldLogLines = (
  db: Queries,
  {
    workerLogRetentionMs,
    runLogRetentionMs,
  }: { workerLogRetentionMs: number; runLogRetentionMs: number },
): Promise<number> =>
  db.$executeRaw`
    DELETE FROM logs WHERE
      at < clock_timestamp() - ${Math.min(workerLogRetentionMs, runLogRetentionMs)} * interval '1 millisecond'
      AND at < clock_timestamp() - CASE WHEN run_id IS NULL THEN ${workerLogRetentionMs}::float8 ELSE ${runLogRetentionMs}::float8 END * interval '1 millisecond'`;
