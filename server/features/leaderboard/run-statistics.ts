import { drawBootstrapMeans, computeInterval } from "@/core/statistics/bootstrap";
import { averageByType } from "@/core/statistics/mean-by-type";
import type { Database, Queries } from "@/server/platform/db/database";
import {
  deleteOutdatedStatistics,
  deleteStaleMark,
  selectEncodedScores,
  selectQuestionKinds,
  selectStaleRuns,
  selectTallies,
  upsertStatistics,
  type Tally,
} from "./queries";
import {
  decodeQuestionScores,
  encodeQuestionScores,
  numberGroups,
  sumByGroup,
  type QuestionScores,
} from "./question-scores";

const SAMPLES = 10_000;
const CACHED_BYTES = 64 * 1024 * 1024;
/** While a run goes on, statistics that take longer than this to make, in milliseconds, are not made anew with every report. */
const SLOW_MS = 200;
/** A slow run is then left alone for this many times as long as it took. */
const PAUSE_FACTOR = 20;

interface QuestionGroups {
  /** Group of each question by its ordinal; -1: none. */
  groups: Int32Array;
  /** Whether any question names a group. */
  grouped: boolean;
  /** Type of each question by its ordinal; null: none. */
  types: readonly (string | null)[];
}

/** Keeps what the leaderboard shows of each run beside its scores, and reads the scores by question that paired tests need. */
export class RunStatistics {
  private refreshing: Promise<void> | null = null;
  /** The round after the one under way: it sees what has landed since that one began. */
  private following: Promise<void> | null = null;
  private readonly groups = new Map<string, QuestionGroups>();
  private readonly scores = new Map<string, QuestionScores>();
  private cachedBytes = 0;
  /** Milliseconds (of performance.now) before which a slow run is left alone. */
  private readonly pausedUntil = new Map<string, number>();

  constructor(private readonly database: Database) {}

  /** Makes statistics anew for all that has landed before the call. Calls during a round share the one that follows it. */
  async refresh(): Promise<void> {
    if (this.refreshing === null) {
      this.refreshing = this.refreshStale().finally(() => (this.refreshing = null));
      return this.refreshing;
    }
    this.following ??= this.refreshing
      .catch(() => {})
      .then(() => {
        this.following = null;
        return this.refresh();
      });
    return this.following;
  }

  /** The same for runs that have ended: those that go on are left to whoever looks at them. */
  async refreshEnded(): Promise<void> {
    this.refreshing ??= this.refreshStale(true).finally(() => (this.refreshing = null));
    return this.refreshing;
  }

  private async refreshStale(onlyEnded = false): Promise<void> {
    for (const { runId, since, ended } of await selectStaleRuns(this.database.db)) {
      const startedAt = performance.now();
      if (!ended && (onlyEnded || startedAt < (this.pausedUntil.get(runId) ?? 0))) continue;
      const tallies = await selectTallies(this.database.db, runId);
      await this.database.db.$transaction(async (db) => {
        await deleteOutdatedStatistics(db, runId, tallies);
        for (const tally of tallies) await this.store(db, runId, tally);
        // A result that landed meanwhile has moved `since`: the run stays stale.
        await deleteStaleMark(db, runId, since);
      });
      const duration = performance.now() - startedAt;
      if (duration > SLOW_MS)
        this.pausedUntil.set(runId, performance.now() + duration * PAUSE_FACTOR);
      else this.pausedUntil.delete(runId);
    }
  }

  private async store(db: Queries, runId: string, tally: Tally): Promise<void> {
    const { groups, grouped, types } = await this.readGroups(tally.setId);
    const scores: QuestionScores = new Float32Array(groups.length).fill(NaN);
    tally.ordinals.forEach((ordinal, i) => (scores[ordinal] = tally.values[i]!));
    const sums = sumByGroup(groups, (i) => scores[i]!);
    const { mean, low, high, clusters } = computeInterval(
      sums,
      drawBootstrapMeans(sums, SAMPLES, 0),
    );
    await upsertStatistics(
      db,
      runId,
      tally,
      {
        mean,
        low,
        high,
        clusters: grouped ? clusters : null,
        types: averageByType(types, scores),
      },
      encodeQuestionScores(scores),
    );
  }

  /** Groups of a set's questions in their order. A version of a set never changes, so they are kept. */
  async readGroups(setId: string): Promise<QuestionGroups> {
    const cached = this.groups.get(setId);
    if (cached) return cached;
    const kinds = await selectQuestionKinds(this.database.db, setId);
    const names = kinds.map(({ group }) => group);
    const groups = {
      groups: numberGroups(names),
      grouped: names.some((name) => name !== null),
      types: kinds.map(({ type }) => type),
    };
    this.groups.set(setId, groups);
    return groups;
  }

  /** Scores by question, by version of their statistics; a version that is gone is left out. */
  async readQuestionScores(
    results: readonly { version: string; questions: number }[],
  ): Promise<Map<string, QuestionScores>> {
    const missing = results.filter(({ version }) => !this.scores.has(version));
    if (missing.length > 0) {
      const questionCounts = new Map(missing.map((result) => [result.version, result.questions]));
      const rows = await selectEncodedScores(this.database.db, [...questionCounts.keys()]);
      for (const { version, scores } of rows)
        this.keep(version, decodeQuestionScores(scores, questionCounts.get(version)!));
    }
    return new Map(
      results.flatMap(({ version }) =>
        this.scores.has(version) ? [[version, this.scores.get(version)!] as const] : [],
      ),
    );
  }

  private keep(version: string, scores: QuestionScores): void {
    this.scores.set(version, scores);
    this.cachedBytes += scores.byteLength;
    for (const [oldest, old] of this.scores) {
      if (this.cachedBytes <= CACHED_BYTES || oldest === version) break;
      this.scores.delete(oldest);
      this.cachedBytes -= old.byteLength;
    }
  }
}
