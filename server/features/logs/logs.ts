import type { z } from "zod";
import type { runLogsResponseSchema } from "@/contracts/api/runs";
import type { LogLine } from "@/contracts/worker-protocol/reports";
import type { Database, Queries } from "@/server/platform/db/database";
import type { Prisma } from "@/server/platform/db/generated/client";
import { escapeLike } from "@/server/platform/db/paging";
import type { Timings } from "@/server/platform/timings";
import { deleteOldLogLines, insertLogLines, LOG_LEVELS, type LogOrigin } from "./queries";

interface Page {
  /** Id of the line before the page; absent or null: its last line is the last one. */
  after?: string | null | undefined;
  /** Id of the line after a page that is not given by the line before it. */
  before?: string | null | undefined;
  /** Lowest level. */
  level: (typeof LOG_LEVELS)[number];
  /** Part of the message or the source. */
  text?: string | undefined;
  limit: number;
}

type LogPage = z.infer<typeof runLogsResponseSchema>;

/** Log lines of runs and of workers. */
export class Logs {
  constructor(private readonly database: Database) {}

  /** Stores lines in their order. */
  async append(db: Queries, origin: LogOrigin, lines: readonly LogLine[]): Promise<void> {
    if (lines.length > 0) await insertLogLines(db, origin, lines);
  }

  /** Lines of a run, oldest first. */
  listForRun(runId: string, page: Page): Promise<LogPage> {
    return this.list({ runId }, page);
  }

  /** Lines of a worker that belong to no run, oldest first. */
  listForWorker(workerId: string, page: Page): Promise<LogPage> {
    return this.list({ workerId, runId: null }, page);
  }

  /** Deletes lines that are older than their retention. @returns how many */
  prune(timings: Pick<Timings, "workerLogRetentionMs" | "runLogRetentionMs">): Promise<number> {
    return deleteOldLogLines(this.database.db, timings);
  }

  private async list(
    origin: Prisma.LogWhereInput,
    { after, before, level, text, limit }: Page,
  ): Promise<LogPage> {
    const rows = await this.database.db.log.findMany({
      where: {
        ...origin,
        level: { gte: LOG_LEVELS.indexOf(level) },
        ...(after ? { id: { gt: BigInt(after) } } : before && { id: { lt: BigInt(before) } }),
        ...(text && { OR: [matchText("message", text), matchText("source", text)] }),
      },
      orderBy: { id: after ? "asc" : "desc" },
      take: limit,
    });
    return {
      lines: (after ? rows : rows.reverse()).map(({ id, at, level, source, message, attempt }) => ({
        id: String(id),
        at,
        level: LOG_LEVELS[level] ?? "info",
        source,
        message,
        attempt,
      })),
    };
  }
}

const matchText = (column: "message" | "source", text: string): Prisma.LogWhereInput => ({
  [column]: { contains: escapeLike(text), mode: "insensitive" },
});
