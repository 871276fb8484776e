import { workerRowSchema, type WorkerRow } from "@/contracts/api/workers";
import type { Logs } from "@/server/features/logs/logs";
import type { Database } from "@/server/platform/db/database";
import { selectHeldRuns, selectRecentUsage, selectShownIds } from "./queries";

const USAGE_POINTS = 120;
const LOG_LINES = 20;

/** Everything the Workers page shows. */
export class WorkerReader {
  constructor(
    private readonly database: Database,
    private readonly logs: Logs,
  ) {}

  /** Workers, those that are online first, each with its services, use, runs, tasks and log lines. */
  async list(): Promise<WorkerRow[]> {
    const { db } = this.database;
    const shown = await selectShownIds(db);
    const [workers, services, usage, runs, tasks] = await Promise.all([
      db.worker.findMany({
        where: { id: { in: shown } },
        orderBy: [{ state: "desc" }, { name: "asc" }, { id: "asc" }],
      }),
      db.service.findMany({
        orderBy: { key: "asc" },
        select: { workerId: true, report: true },
      }),
      selectRecentUsage(db),
      selectHeldRuns(db),
      db.task.findMany({
        where: { state: "running" },
        orderBy: { createdAt: "asc" },
        select: { workerId: true, id: true, kind: true, detail: true, fraction: true },
      }),
    ]);
    const rows = workers.map(async (worker) => {
      const isOfWorker = (row: { workerId: string }): boolean => row.workerId === worker.id;
      const { lines } = await this.logs.listForWorker(worker.id, {
        level: "debug",
        limit: LOG_LINES,
      });
      return {
        ...worker,
        services: services.filter(isOfWorker).map(({ report }) => report),
        usage: usage.filter(isOfWorker).slice(-USAGE_POINTS),
        runs: runs.filter(isOfWorker),
        tasks: tasks.filter(isOfWorker),
        logs: lines,
      };
    });
    return workerRowSchema.array().parse(await Promise.all(rows));
  }
}
