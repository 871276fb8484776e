import type { z } from "zod";
import { corpusReportSchema, type CorpusReport } from "@/contracts/worker-protocol/corpus-report";
import { AppError } from "@/contracts/errors";
import { TERMINAL } from "@/core/run/transitions";
import type { corpusDetailSchema, corpusRowSchema } from "@/contracts/api/corpora";
import { DEFAULT_PROJECT, type Database } from "@/server/platform/db/database";
import { toJson } from "@/server/platform/db/json";

type Row = z.infer<typeof corpusRowSchema>;
type Detail = z.infer<typeof corpusDetailSchema>;

interface Held {
  name: string;
  workerId: string;
  workerName: string;
  online: boolean;
  updatedAt: Date;
  report: unknown;
}

/** Which corpora there are: what the workers say they hold. The documents themselves stay on the workers. */
export class Corpora {
  constructor(private readonly database: Database) {}

  /** Takes what a worker says; corpora that it no longer names are gone from it. @returns their names */
  async take(workerId: string, reports: readonly CorpusReport[]): Promise<string[]> {
    const names = reports.map(({ name }) => name);
    await this.database.transact(async (tx) => {
      await tx.db
        .$executeRaw`DELETE FROM worker_corpora WHERE worker_id = ${workerId}::uuid AND NOT (name = ANY(${names}::text[]))`;
      await tx.db.$executeRaw`
        INSERT INTO worker_corpora (worker_id, name, report, updated_at)
        SELECT ${workerId}::uuid, r.name, r.report, clock_timestamp() FROM jsonb_to_recordset(${toJson(reports.map((report) => ({ name: report.name, report })))}::jsonb) AS r(name text, report jsonb)
        ON CONFLICT (worker_id, name) DO UPDATE SET report = excluded.report, updated_at = excluded.updated_at`;
      // What runs are matched by.
      await tx.db
        .$executeRaw`UPDATE workers SET capabilities = jsonb_set(capabilities, '{corpora}', ${toJson(names)}::jsonb) WHERE id = ${workerId}::uuid`;
      tx.emit({ kind: "worker", runId: null, payload: { workerId, state: "online" } });
    });
    return names;
  }

  async list(): Promise<Row[]> {
    const held = await this.held(null);
    const names = [...new Set(held.map(({ name }) => name))].sort();
    return names.map((name) =>
      this.row(
        name,
        held.filter((entry) => entry.name === name),
      ),
    );
  }

  /** @throws AppError "not-found" */
  async get(name: string): Promise<Detail> {
    const held = await this.held(name);
    const [first] = newestFirst(held);
    if (!first)
      throw new AppError(
        "not-found",
        `No worker holds a corpus "${name}". Import it on the Corpora page, or attach the worker that has it.`,
      );
    const { samples, manifest, indexes } = corpusReportSchema.parse(first.report);
    return { ...this.row(name, held), samples, manifest, indexes };
  }

  /** @throws AppError "conflict" that names the runs which use the corpus or are about to */
  async requireUnused(name: string): Promise<void> {
    const users = await this.database.db.$queryRaw<{ name: string }[]>`
      SELECT name FROM runs WHERE project_id = ${DEFAULT_PROJECT}::uuid AND NOT (state = ANY(${[...TERMINAL]}::text[]))
        AND (${name} = ANY(needs_corpora) OR (kind = 'index' AND config ->> 'corpus' = ${name})) ORDER BY created_at LIMIT 3`;
    if (users.length > 0)
      throw new AppError(
        "conflict",
        `The corpus "${name}" is used by ${users.map((run) => `“${run.name}”`).join(", ")}. Cancel what uses it, or wait for its end, then delete it.`,
      );
  }

  private row(name: string, held: readonly Held[]): Row {
    const sorted = newestFirst(held);
    const reports = sorted.map(({ report }) => corpusReportSchema.parse(report));
    const [first] = reports;
    const hashes = new Set(reports.flatMap(({ hash }) => (hash === null ? [] : [hash])));
    return {
      name,
      documents: first?.documents ?? null,
      bytes: first?.bytes ?? 0,
      hash: first?.hash ?? null,
      licence: first?.manifest?.licence ?? "",
      source: first?.manifest ? first.manifest.source.from : null,
      importedAt: first?.manifest?.importedAt ?? null,
      badLines: first?.manifest?.badLines.total ?? 0,
      indexes: first?.indexes.length ?? 0,
      workers: sorted.map(({ workerId, workerName, online }) => ({
        id: workerId,
        name: workerName,
        online,
      })),
      sameEverywhere: hashes.size <= 1,
    };
  }

  private held(name: string | null): Promise<Held[]> {
    return this.database.db.$queryRaw<Held[]>`
      SELECT c.name, c.worker_id AS "workerId", w.name AS "workerName", w.state = 'online' AS online, c.updated_at AS "updatedAt", c.report
      FROM worker_corpora c JOIN workers w ON w.id = c.worker_id WHERE w.project_id = ${DEFAULT_PROJECT}::uuid AND (${name}::text IS NULL OR c.name = ${name})`;
  }
}

/** Workers that can be asked now first, then by what was said last. */
function newestFirst(held: readonly Held[]): Held[] {
  return [...held].sort(
    (a, b) => Number(b.online) - Number(a.online) || b.updatedAt.getTime() - a.updatedAt.getTime(),
  );
}
