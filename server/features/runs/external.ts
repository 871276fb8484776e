import { randomUUID } from "node:crypto";
import type { RunConfig } from "@/contracts/run-config/run-config";
import type { AttemptRef } from "@/contracts/worker-protocol/worker-protocol";
import { pinQuestionSets } from "@/server/features/question-sets/versions";
import { DEFAULT_PROJECT, type Database } from "@/server/platform/db/database";
import type { Metrics } from "@/server/features/metrics/metrics";
import { appendHistory } from "./machine";
import { headlineMetric, needsOf } from "./needs";

const UNFINISHED = "Its import was not finished. Import the files again.";

/** Runs that another program executed and whose results were brought in: one attempt, without a worker. */
export class ExternalRuns {
  constructor(
    private readonly database: Database,
    private readonly metrics: Metrics,
  ) {}

  /**
   * A run that counts as failed until `finish` says that everything of it is stored.
   * @param importedFrom files that it is made of, for people: "results/s3.json"
   */
  async begin(config: RunConfig, importedFrom: string, actor: string): Promise<AttemptRef> {
    const runId = randomUUID();
    const { slot } = needsOf(config);
    await this.database.transact(async (tx) => {
      await tx.db.$executeRaw`
        INSERT INTO runs (id, project_id, created_by, created_at, executor, kind, name, preset, config, slot, needs_models, needs_corpora, state, attempt, queued_at, started_at, ended_at, error, imported_from)
        VALUES (${runId}::uuid, ${DEFAULT_PROJECT}::uuid, ${actor}, clock_timestamp(), 'external', ${config.kind}, ${config.name}, NULL, ${JSON.stringify(config)}::jsonb, ${slot}, '{}', '{}', 'failed', 1,
          clock_timestamp(), clock_timestamp(), clock_timestamp(), ${UNFINISHED}, ${importedFrom})`;
      await tx.db.$executeRaw`
        INSERT INTO attempts (run_id, number, worker_id, started_at, ended_at, outcome, reason) VALUES (${runId}::uuid, 1, NULL, clock_timestamp(), clock_timestamp(), 'failed', ${UNFINISHED})`;
      await pinQuestionSets(tx.db, runId, config);
    });
    return { runId, attempt: 1 };
  }

  async finish(
    ref: AttemptRef,
    config: RunConfig,
    points: readonly { name: string; step: number; value: number }[],
    actor: string,
    reason: string,
  ): Promise<void> {
    await this.database.transact(async (tx) => {
      await this.metrics.append(
        tx.db,
        ref,
        points.map((point) => ({ ...point, at: Date.now() })),
      );
      const headline =
        points.findLast((point) => point.name === headlineMetric(config.kind))?.value ?? null;
      await tx.db
        .$executeRaw`UPDATE attempts SET outcome = 'succeeded', reason = NULL WHERE run_id = ${ref.runId}::uuid AND number = ${ref.attempt}`;
      await tx.db
        .$executeRaw`UPDATE runs SET state = 'succeeded', error = NULL, ended_at = clock_timestamp(), headline = ${headline} WHERE id = ${ref.runId}::uuid`;
      await appendHistory(tx, ref.runId, null, "succeeded", ref.attempt, { actor, reason });
    });
  }
}
