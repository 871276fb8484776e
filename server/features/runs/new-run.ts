import type { z } from "zod";
import type { CheckpointChoice, projectTimeResponseSchema } from "@/contracts/api/new-run";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { countAsked, describeWork, isSameWork, projectSeconds } from "@/core/run/work";
import { DEFAULT_PROJECT, type Database, type Queries } from "@/server/platform/db/database";
import { selectCheckpoints, selectPastRuns } from "./form-queries";

const LISTED_CHECKPOINTS = 200;
/** Past runs that a projection is taken from. */
const PAST_RUNS = 20;

/** What the form of a new run is told of runs before it. */
export class NewRun {
  constructor(private readonly database: Database) {}

  /** Kept checkpoints of runs that are not deleted, the newest first, the chosen one in any case. */
  listCheckpoints(chosen: string | null): Promise<CheckpointChoice[]> {
    return selectCheckpoints(this.database.db, chosen, LISTED_CHECKPOINTS);
  }

  /** Projects how long a run will take from runs like it that ended; null where there is none. */
  async projectTime(input: unknown): Promise<z.infer<typeof projectTimeResponseSchema>> {
    const { success, data: config } = runConfigSchema.safeParse(input);
    const work = success ? describeWork(config) : null;
    if (!success || work === null) return null;
    const { db } = this.database;
    const past = await selectPastRuns(db, config.kind, work, PAST_RUNS);
    // A run over all questions is like one over some of them, once it is known how many all are.
    const all = config.kind === "predict" ? await countQuestions(db, config.questions) : null;
    const sized = past.flatMap(({ config: stored, ...run }) => {
      const parsed = runConfigSchema.safeParse(stored);
      const done = parsed.success ? describeWork(parsed.data) : null;
      // A sample matches what a run over the first questions is like; its time is of other questions.
      return parsed.success && done && isSameWork(done, work)
        ? [{ ...run, size: countAsked(parsed.data, done.size, all) }]
        : [];
    });
    const projected = projectSeconds(countAsked(config, work.size, all), sized);
    if (projected === null) return null;
    const workers = [...new Set(sized.flatMap(({ worker }) => worker ?? []))];
    return { ...projected, unit: work.unit, workers };
  }
}

/** Questions of the newest set of a name; null where there is none. */
async function countQuestions(db: Queries, name: string): Promise<number | null> {
  const newest = await db.questionSet.findFirst({
    where: { projectId: DEFAULT_PROJECT, name },
    orderBy: { createdAt: "desc" },
    select: { questions: true },
  });
  return newest?.questions ?? null;
}
