import type { z } from "zod";
import type {
  Learning,
  LearningDifference,
  runLearningResponseSchema,
} from "@/contracts/api/learning";
import { runStateSchema } from "@/contracts/records/run-state";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { computeLearningDifference, judgeLearning } from "@/core/run/learning";
import { TERMINAL_STATES } from "@/core/run/transitions";
import type { Alarms } from "@/server/features/alarms/alarms";
import { buildLineageJoin } from "@/server/features/episodes/queries";
import type { Database } from "@/server/platform/db/database";
import { selectEvaluationPairs, selectEvaluations } from "./queries";

const CACHED_DIFFERENCES = 2000;

/** Tells of training runs whether they learn. */
export class LearningReader {
  /** Differences by what they are of: two complete evaluations of an attempt do not change. */
  private readonly differences = new Map<string, LearningDifference | null>();

  constructor(
    private readonly database: Database,
    private readonly alarms: Alarms,
  ) {}

  /** Judges each of these runs that trains here; one that another program executed is absent. */
  async read(ids: readonly string[]): Promise<z.infer<typeof runLearningResponseSchema>> {
    const runs = await this.database.db.run.findMany({
      where: { id: { in: [...ids] }, kind: "train", executor: "native" },
      select: { id: true, state: true, attempt: true, config: true },
    });
    const found: Record<string, Learning> = {};
    for (const { id, state, attempt, config: stored } of runs) {
      const config = runConfigSchema.parse(stored);
      if (config.kind !== "train") continue;
      const [difference, alarms] = await Promise.all([
        this.compare(id, attempt),
        this.alarms.list(id),
      ]);
      found[id] = judgeLearning({
        isOpen: !TERMINAL_STATES.has(runStateSchema.parse(state)),
        heldOutQuestions: config.evaluation.questions,
        difference,
        alarms: alarms
          .filter(({ cleared }) => cleared === null)
          .map(({ name, since }) => ({ name, since })),
      });
    }
    return found;
  }

  /** The last complete evaluation against the first; null where there are no two. */
  private async compare(runId: string, attempt: number): Promise<LearningDifference | null> {
    const { db } = this.database;
    const lineage = await buildLineageJoin(db, runId);
    const evaluations = await selectEvaluations(db, runId, lineage);
    const all = Math.max(0, ...evaluations.map(({ scored }) => scored));
    const complete = evaluations.filter(({ scored }) => scored === all);
    const [first, last] = [complete[0], complete.at(-1)];
    if (!first || !last || first === last) return null;
    const key = [runId, attempt, all, first.step, last.step].join(" ");
    const known = this.differences.get(key);
    if (known !== undefined) return known;
    const at = { fromStep: first.step, toStep: last.step };
    const pairs = await selectEvaluationPairs(db, runId, lineage, at);
    const difference =
      pairs?.clusters && pairs.from !== null && pairs.to !== null
        ? computeLearningDifference(pairs.clusters, { ...at, from: pairs.from, to: pairs.to })
        : null;
    if (this.differences.size >= CACHED_DIFFERENCES)
      this.differences.delete(this.differences.keys().next().value!);
    this.differences.set(key, difference);
    return difference;
  }
}
