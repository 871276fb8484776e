import { randomUUID } from "node:crypto";
import type { RunConfig } from "@/contracts/run-config/run-config";
import type { AttemptRef } from "@/contracts/worker-protocol/attempt";
import { pinQuestionSets } from "@/server/features/question-sets/versions";
import type { Database } from "@/server/platform/db/database";
import type { Metrics } from "@/server/features/metrics/metrics";
import { insertExternalRun, markExternalRunSucceeded } from "./queries";
import { appendHistory } from "./state-machine";
import { getHeadlineMetric } from "@/core/metrics/metrics";
import { requirementsFor } from "@/core/run/requirements";

const UNFINISHED = "Its import was not finished. Import the files again.";

/** Runs that another program executed and whose results were imported: one attempt, without a worker. */
export class ExternalRuns {
  constructor(
    private readonly database: Database,
    private readonly metrics: Metrics,
  ) {}

  /**
   * Creates a run that counts as failed until `finish`, which is called when everything of it is stored.
   *
   * @param importedFrom files that it is made of, for people: "results/s3.json"
   */
  async begin(config: RunConfig, importedFrom: string, actor: string): Promise<AttemptRef> {
    const runId = randomUUID();
    const { slot } = requirementsFor(config);
    await this.database.transact(async (tx) => {
      await insertExternalRun(tx.db, {
        id: runId,
        config,
        slot,
        actor,
        importedFrom,
        error: UNFINISHED,
      });
      await pinQuestionSets(tx.db, runId, config);
    });
    return { runId, attempt: 1 };
  }

  /** Stores the metrics of an imported run and marks it as succeeded. */
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
        points.findLast((point) => point.name === getHeadlineMetric(config.kind))?.value ?? null;
      await tx.db.attempt.update({
        where: { runId_number: { runId: ref.runId, number: ref.attempt } },
        data: { outcome: "succeeded", reason: null },
      });
      await markExternalRunSucceeded(tx.db, ref.runId, headline);
      await appendHistory(tx, ref.runId, null, "succeeded", ref.attempt, { actor, reason });
    });
  }
}
