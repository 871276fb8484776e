import type { z } from "zod";
import type {
  HomeBest,
  homeActivityResponseSchema,
  homeResultsResponseSchema,
} from "@/contracts/api/home";
import { selectExampleRuns } from "@/server/features/example/queries";
import type { Alarms } from "@/server/features/alarms/alarms";
import type {
  LeaderboardResult,
  LeaderboardResults,
} from "@/server/features/leaderboard/leaderboard-results";
import type { Database } from "@/server/platform/db/database";
import { chooseBest } from "./best-results";
import {
  countRuns,
  selectActiveRuns,
  selectDone,
  selectEndedRuns,
  selectEndedSince,
  selectWorkers,
} from "./queries";

/** Runs that are listed in each part. */
const LISTED_RUNS = 8;
/** Runs under way, and runs that ended, whose alarms are looked at. */
const WATCHED_RUNS = 200;

/** What the home page shows. */
export class Home {
  constructor(
    private readonly database: Database,
    private readonly alarms: Alarms,
    private readonly results: Pick<LeaderboardResults, "read">,
  ) {}

  /** What runs, what ended after a time, and who works. */
  async readActivity(since: Date): Promise<z.infer<typeof homeActivityResponseSchema>> {
    const { db } = this.database;
    const [active, ended, endedSince, counts, workers] = await Promise.all([
      selectActiveRuns(db, WATCHED_RUNS),
      selectEndedRuns(db, LISTED_RUNS),
      selectEndedSince(db, since, WATCHED_RUNS),
      countRuns(db, since),
      selectWorkers(db),
    ]);
    const listed = new Set(ended.map(({ id }) => id));
    const watched = [...active, ...ended, ...endedSince.filter(({ id }) => !listed.has(id))];
    const raised = await this.alarms.listActive(watched.map(({ id }) => id));
    const alarms = watched.flatMap(({ id, name: run }) =>
      (raised.get(id) ?? []).map((name) => ({ runId: id, run, name })),
    );
    return { active: active.slice(0, LISTED_RUNS), ended, alarms, ...counts, workers };
  }

  /** What is left of the example, the best result on each question set, and which first steps were taken. */
  async readResults(): Promise<z.infer<typeof homeResultsResponseSchema>> {
    const { db } = this.database;
    const [results, done, exampleRuns] = await Promise.all([
      this.results.read(),
      selectDone(db),
      selectExampleRuns(db),
    ]);
    const best: HomeBest[] = chooseBest(results);
    const own = results.filter(({ runId }) => !exampleRuns.includes(runId));
    return { exampleRuns, best, done: { ...done, compared: hasComparison(own) } };
  }
}

/** Whether two methods answered the same questions. */
const hasComparison = (results: readonly LeaderboardResult[]): boolean => {
  const variants = new Map<string, string>();
  return results.some(({ facts, variant, complete }) => {
    if (!complete) return false;
    const key = `${facts.questionSetVersion} ${facts.limit ?? ""} ${facts.scorer}`;
    const first = variants.get(key);
    variants.set(key, first ?? variant.id);
    return first !== undefined && first !== variant.id;
  });
};
