import type { z } from "zod";
import type { CorpusReport } from "@/contracts/worker-protocol/corpus-report";
import { AppError } from "@/contracts/errors";
import type { corpusDetailSchema, corpusRowSchema } from "@/contracts/api/corpora";
import type { Database } from "@/server/platform/db/database";
import {
  selectHeldCorpora,
  selectRunsUsingCorpus,
  upsertWorkerReports,
  type HeldCorpus,
} from "./queries";

type Row = z.infer<typeof corpusRowSchema>;
type Detail = z.infer<typeof corpusDetailSchema>;

/** Which corpora there are: what the workers say they hold. The documents themselves stay on the workers. */
export class WorkerCorpora {
  constructor(private readonly database: Database) {}

  /** Stores what a worker reports; corpora that it no longer names are gone from it. @returns their names */
  async storeReports(workerId: string, reports: readonly CorpusReport[]): Promise<string[]> {
    const names = reports.map(({ name }) => name);
    await this.database.transact(async (tx) => {
      await tx.db.workerCorpus.deleteMany({ where: { workerId, name: { notIn: names } } });
      await upsertWorkerReports(tx.db, workerId, reports);
      tx.emit({ kind: "worker", runId: null, payload: { workerId, state: "online" } });
    });
    return names;
  }

  /** Every corpus that a worker holds, by name. */
  async list(): Promise<Row[]> {
    const held = await selectHeldCorpora(this.database.db, null);
    const names = [...new Set(held.map(({ name }) => name))].sort();
    return names.map((name) =>
      toCorpusRow(
        name,
        held.filter((entry) => entry.name === name),
      ),
    );
  }

  /** @throws AppError "not-found" */
  async get(name: string): Promise<Detail> {
    const held = await selectHeldCorpora(this.database.db, name);
    const [first] = sortNewestFirst(held);
    if (!first)
      throw new AppError(
        "not-found",
        `No worker holds a corpus "${name}". Import it on the Corpora page, or attach the worker that has it.`,
      );
    const { samples, manifest, indexes } = first.report;
    return { ...toCorpusRow(name, held), samples, manifest, indexes };
  }

  /** @throws AppError "conflict" that names the runs which use the corpus or are about to */
  async requireUnused(name: string): Promise<void> {
    const users = await selectRunsUsingCorpus(this.database.db, name);
    if (users.length > 0)
      throw new AppError(
        "conflict",
        `The corpus "${name}" is used by ${users.map((run) => `“${run}”`).join(", ")}. Cancel what uses it, or wait for its end, then delete it.`,
      );
  }
}

/** The row of a corpus in the list, from what each of its workers reports. */
function toCorpusRow(name: string, held: readonly HeldCorpus[]): Row {
  const sorted = sortNewestFirst(held);
  const reports = sorted.map(({ report }) => report);
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

/** Workers that can be asked now first, then by what was said last. */
function sortNewestFirst(held: readonly HeldCorpus[]): HeldCorpus[] {
  return [...held].sort(
    (a, b) => Number(b.online) - Number(a.online) || b.updatedAt.getTime() - a.updatedAt.getTime(),
  );
}
