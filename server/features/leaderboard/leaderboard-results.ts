import { runConfigSchema } from "@/contracts/run-config/run-config";
import type { ComparabilityReason } from "@/contracts/records/comparability";
import type { PredictConfig } from "@/contracts/run-config/predict-config";
import { assessCompleteness, type ResultFacts } from "@/core/comparability/comparability";
import { countAskedQuestions, isChosen } from "@/server/features/question-sets/count-chosen";
import type { Database } from "@/server/platform/db/database";
import type { MethodVariant } from "./method-variant";
import { selectResults, type StoredResult } from "./queries";
import { readVariants } from "./read-variants";
import { buildResultFacts } from "./result-facts";

/** Statistics of one run by one scorer, with what decides where they stand on the leaderboard. */
export interface LeaderboardResult extends Omit<StoredResult, "config"> {
  config: PredictConfig;
  facts: ResultFacts;
  variant: MethodVariant;
  /** Questions that the run asks and that can be scored. */
  expected: number;
  complete: boolean;
  /** Why it is incomplete; null where it is complete. */
  reason: ComparabilityReason | null;
}

/** Reads the results of all predict runs. */
export class LeaderboardResults {
  /** Configurations never change, and parsing them is most of a read's work. Null: not of a predict run. */
  private readonly configs = new Map<string, PredictConfig | null>();

  /** Questions of runs that do not just ask the first ones, by version of the set and choice: neither ever changes. */
  private readonly asked = new Map<string, Promise<number>>();

  constructor(private readonly database: Database) {}

  /** Results of every run, the newest run first. */
  async read(): Promise<LeaderboardResult[]> {
    const { db } = this.database;
    const results = (await selectResults(db)).flatMap((result) => {
      const config = this.parseConfig(result.runId, result.config);
      return config ? [{ ...result, config }] : [];
    });
    const variants = await readVariants(db, results);
    const counts = await Promise.all(results.map((result) => this.countExpected(result)));
    return results.map((result, i) => {
      const { config, answered, scored, failed } = result;
      const expected = counts[i]!;
      return {
        ...result,
        facts: buildResultFacts(config, result),
        variant: variants[i]!,
        expected,
        ...assessCompleteness({ expected, answered, scored, failed }),
      };
    });
  }

  private async countExpected({
    setId,
    config,
    questions,
    withGold,
  }: StoredResult & { config: PredictConfig }): Promise<number> {
    const { limit, sampleSeed, skipYesNo, method } = config;
    if (!isChosen(config)) return withGold ?? Math.min(limit ?? questions, questions);
    const key = JSON.stringify([setId, limit, sampleSeed, skipYesNo, method === "gold"]);
    const known = this.asked.get(key);
    if (known) return known;
    const count = countAskedQuestions(this.database.db, setId, config, questions);
    this.asked.set(key, count);
    count.catch(() => this.asked.delete(key));
    return count;
  }

  private parseConfig(runId: string, stored: unknown): PredictConfig | null {
    const cached = this.configs.get(runId);
    if (cached !== undefined) return cached;
    const { data } = runConfigSchema.safeParse(stored);
    const config = data?.kind === "predict" ? data : null;
    this.configs.set(runId, config);
    return config;
  }
}
