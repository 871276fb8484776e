import type { WorkerRow } from "@/contracts/api/workers";
import type { Database } from "@/server/platform/db/database";
import type { Logs } from "@/server/features/logs/logs";

type Stored = Omit<WorkerRow, "services" | "usage" | "runs" | "tasks" | "logs">;
type Of<T> = T & { workerId: string };

/** Everything the Workers page shows. */
export class WorkerReader {
  constructor(
    private readonly database: Database,
    private readonly logs: Logs,
  ) {}

  async list(): Promise<WorkerRow[]> {
    const { db } = this.database;
    const [workers, services, usage, runs, tasks] = await Promise.all([
      db.$queryRaw<Stored[]>`
        SELECT id, name, state, last_seen_at AS "lastSeenAt", attached_at AS "attachedAt", hardware, slots, free_slots AS "freeSlots", capabilities FROM workers ORDER BY state DESC, name, id`,
      db.$queryRaw<
        { workerId: string; report: WorkerRow["services"][number] }[]
      >`SELECT worker_id AS "workerId", report FROM services ORDER BY key`,
      // The last of every half minute: 120 points an hour.
      db.$queryRaw<Of<WorkerRow["usage"][number]>[]>`
        SELECT DISTINCT ON (worker_id, date_bin('30 seconds', at, 'epoch')) worker_id AS "workerId", at, cpu, memory_mb AS "memoryMb", gpus FROM worker_usage
        WHERE at > now() - interval '1 hour' ORDER BY worker_id, date_bin('30 seconds', at, 'epoch'), at DESC`,
      db.$queryRaw<Of<WorkerRow["runs"][number]>[]>`
        SELECT l.worker_id AS "workerId", r.id, r.name, r.kind, r.state, r.attempt, r.progress FROM leases l JOIN runs r ON r.id = l.run_id ORDER BY l.acquired_at`,
      db.$queryRaw<
        Of<WorkerRow["tasks"][number]>[]
      >`SELECT worker_id AS "workerId", id, kind, detail, fraction FROM tasks WHERE state = 'running' ORDER BY created_at`,
    ]);
    return Promise.all(
      workers.map(async (worker) => ({
        ...worker,
        services: services.filter((s) => s.workerId === worker.id).map((s) => s.report),
        usage: of(worker.id, usage).slice(-120),
        runs: of(worker.id, runs),
        tasks: of(worker.id, tasks),
        logs: (await this.logs.ofWorker(worker.id, { level: "debug", limit: 20 })).lines,
      })),
    );
  }
}

const of = <T extends object>(workerId: string, rows: readonly Of<T>[]): T[] =>
  rows
    .filter((row) => row.workerId === workerId)
    .map(({ workerId: _workerId, ...row }) => row as unknown as T);
