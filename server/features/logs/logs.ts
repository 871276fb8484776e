import type { LogLine } from "@/contracts/worker-protocol/worker-protocol";
import type { z } from "zod";
import type { runLogsResponseSchema } from "@/contracts/api/runs";
import type { Database, Queries } from "@/server/platform/db/database";
import { toJson } from "@/server/platform/db/json";

const LEVELS = ["debug", "info", "warn", "error"] as const;
type Level = (typeof LEVELS)[number];

interface LogRow {
  id: bigint;
  at: Date;
  level: number;
  source: string;
  message: string;
  attempt: number | null;
}
interface Page {
  after?: string | null;
  level: Level;
  limit: number;
}

/** Log lines of runs and of workers. */
export class Logs {
  constructor(private readonly database: Database) {}

  /** Stores lines in order; of a run where `attempt` is given, else of the worker itself. */
  async append(
    db: Queries,
    of: { workerId: string; run: { runId: string; attempt: number } | null },
    lines: readonly LogLine[],
  ): Promise<void> {
    if (lines.length === 0) return;
    const rows = lines.map((line) => ({
      at: new Date(line.at).toISOString(),
      level: LEVELS.indexOf(line.level),
      source: line.source,
      message: line.message,
    }));
    await db.$executeRaw`
      INSERT INTO logs (run_id, attempt, worker_id, at, level, source, message)
      SELECT ${of.run?.runId ?? null}::uuid, ${of.run?.attempt ?? null}::int, ${of.workerId}::uuid, l.at, l.level, l.source, l.message
      FROM jsonb_to_recordset(${toJson(rows)}::jsonb) AS l(at timestamptz, level smallint, source text, message text)`;
  }

  async ofRun(runId: string, page: Page): Promise<z.infer<typeof runLogsResponseSchema>> {
    const level = LEVELS.indexOf(page.level);
    const rows = page.after
      ? await this.database.db.$queryRaw<
          LogRow[]
        >`SELECT id, at, level, source, message, attempt FROM logs WHERE run_id = ${runId}::uuid AND id > ${BigInt(page.after)} AND level >= ${level} ORDER BY id LIMIT ${page.limit}`
      : (
          await this.database.db.$queryRaw<
            LogRow[]
          >`SELECT id, at, level, source, message, attempt FROM logs WHERE run_id = ${runId}::uuid AND level >= ${level} ORDER BY id DESC LIMIT ${page.limit}`
        ).reverse();
    return { lines: rows.map(toLine) };
  }

  async ofWorker(workerId: string, page: Page): Promise<z.infer<typeof runLogsResponseSchema>> {
    const level = LEVELS.indexOf(page.level);
    const rows = page.after
      ? await this.database.db.$queryRaw<
          LogRow[]
        >`SELECT id, at, level, source, message, attempt FROM logs WHERE worker_id = ${workerId}::uuid AND run_id IS NULL AND id > ${BigInt(page.after)} AND level >= ${level} ORDER BY id LIMIT ${page.limit}`
      : (
          await this.database.db.$queryRaw<
            LogRow[]
          >`SELECT id, at, level, source, message, attempt FROM logs WHERE worker_id = ${workerId}::uuid AND run_id IS NULL AND level >= ${level} ORDER BY id DESC LIMIT ${page.limit}`
        ).reverse();
    return { lines: rows.map(toLine) };
  }
}

const toLine = (row: LogRow) => ({
  ...row,
  id: String(row.id),
  level: LEVELS[row.level] ?? "info",
});
