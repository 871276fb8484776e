import type { z } from "zod";
import { bootstrapMeans, intervalOf } from "@/core/statistics/bootstrap";
import type { attributionSharesSchema } from "@/contracts/api/leaderboard";
import type { Database } from "@/server/platform/db/database";
import type { Prisma } from "@/server/platform/db/generated/client";
import {
  decodeOutcomes,
  encodeOutcomes,
  numberGroups,
  sumByGroup,
  type Outcomes,
} from "./outcomes";

const SAMPLES = 10_000;
const CACHED_BYTES = 64 * 1024 * 1024;
/** While a run goes on, statistics that take longer than this to make, in milliseconds, are not made anew with every report. */
const SLOW_MS = 200;
/** How many times as long as it took it is then left alone. */
const PAUSE = 20;

export type AttributionCounts = z.infer<typeof attributionSharesSchema>;

/**
 * Which scorers judge correctness itself. Where two of them disagree about an answer, whatever calls it wrong is doubtful;
 * exact match and F1 are strict by design, so that one of these and one judging scorer differ is no doubt.
 */
export const JUDGING_SCORERS = "^(span|judge|option)";

interface Tally {
  setId: string;
  generator: string;
  promptStyle: string;
  scorer: string;
  corpus: string;
  scored: number;
  ordinals: number[];
  values: number[];
  searches: number;
  documents: number;
  seconds: number;
  tokens: number | null;
  costUsd: number | null;
  attribution: AttributionCounts;
}

interface QuestionGroups {
  groups: Int32Array;
  /** Whether any question names a group. */
  grouped: boolean;
}

/** Keeps what the leaderboard shows of each run beside its scores, and reads the outcomes that paired tests need. */
export class Statistics {
  private refreshing: Promise<void> | null = null;
  /** The round after the one under way: it sees what has landed since that one began. */
  private following: Promise<void> | null = null;
  private readonly groups = new Map<string, QuestionGroups>();
  private readonly outcomes = new Map<string, Outcomes>();
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
    const stale = await this.database.db.$queryRaw<
      { runId: string; since: string; ended: boolean }[]
    >`
      SELECT s.run_id AS "runId", s.since::text, r.state IN ('succeeded', 'failed', 'cancelled') AS ended FROM stale_statistics s JOIN runs r ON r.id = s.run_id ORDER BY s.since`;
    for (const { runId, since, ended } of stale) {
      const began = performance.now();
      if (!ended && (onlyEnded || began < (this.pausedUntil.get(runId) ?? 0))) continue;
      const tallies = await this.tally(runId);
      await this.database.db.$transaction(async (db) => {
        await db.$executeRaw`
          DELETE FROM run_statistics WHERE run_id = ${runId}::uuid AND (set_id::text, generator, prompt_style, scorer) NOT IN
            (SELECT * FROM unnest(${tallies.map((t) => t.setId)}::text[], ${tallies.map((t) => t.generator)}::text[], ${tallies.map((t) => t.promptStyle)}::text[], ${tallies.map((t) => t.scorer)}::text[]))`;
        for (const tally of tallies) await this.store(db, runId, tally);
        // A result that landed meanwhile has moved `since`: the run stays stale.
        await db.$executeRaw`DELETE FROM stale_statistics WHERE run_id = ${runId}::uuid AND since = ${since}::timestamptz`;
      });
      const took = performance.now() - began;
      if (took > SLOW_MS) this.pausedUntil.set(runId, performance.now() + took * PAUSE);
      else this.pausedUntil.delete(runId);
    }
  }

  private tally(runId: string): Promise<Tally[]> {
    return this.database.db.$queryRaw<Tally[]>`
      WITH answered AS MATERIALIZED (
        SELECT e.id, coalesce(e.steps_of, e.id) AS steps_of, e.set_id, e.question_id, e.corpus, e.searches, cardinality(e.context_ids) AS documents, e.attribution, e.context_ids, q.ordinal, q.gold_ids, a.id AS answer_id, a.generator, a.prompt_style,
          a.seconds + coalesce((SELECT sum(s.seconds) FROM steps s WHERE s.episode_id = coalesce(e.steps_of, e.id)), 0) AS seconds,
          CASE WHEN e.usage IS NOT NULL OR a.usage IS NOT NULL THEN coalesce((e.usage ->> 'promptTokens')::float8 + (e.usage ->> 'completionTokens')::float8, 0) + coalesce((a.usage ->> 'promptTokens')::float8 + (a.usage ->> 'completionTokens')::float8, 0) END AS tokens,
          CASE WHEN e.usage IS NOT NULL OR a.usage IS NOT NULL THEN CASE WHEN e.usage IS NULL THEN 0 ELSE (e.usage ->> 'costUsd')::float8 END + CASE WHEN a.usage IS NULL THEN 0 ELSE (a.usage ->> 'costUsd')::float8 END END AS cost_usd
        FROM episodes e JOIN questions q ON q.set_id = e.set_id AND q.id = e.question_id JOIN answers a ON a.id = e.answer_id
        WHERE e.run_id = ${runId}::uuid AND e.phase = 'predict'
      ), scored AS MATERIALIZED (
        SELECT t.*, s.scorer, s.value,
          bool_or(s.value >= 0.5) FILTER (WHERE s.scorer ~ ${JUDGING_SCORERS}) OVER same AND bool_or(s.value < 0.5) FILTER (WHERE s.scorer ~ ${JUDGING_SCORERS}) OVER same AS doubtful
        FROM answered t JOIN scores s ON s.answer_id = t.answer_id AND s.set_id = t.set_id AND s.question_id = t.question_id
        WINDOW same AS (PARTITION BY t.id)
      ), placed AS (
        SELECT *, CASE
          WHEN value >= 1 THEN 'correct'
          WHEN coalesce(doubtful, false) THEN 'scorer-doubtful'
          WHEN attribution IS NOT NULL AND attribution <> 'correct' THEN attribution
          WHEN cardinality(gold_ids) = 0 THEN 'no-gold'
          WHEN gold_ids <@ context_ids THEN 'generator-failed'
          WHEN gold_ids <@ ARRAY(SELECT unnest(s.document_ids) FROM steps s WHERE s.episode_id = scored.steps_of) THEN 'not-selected'
          ELSE 'never-retrieved' END AS place
        FROM scored
      )
      SELECT set_id AS "setId", generator, prompt_style AS "promptStyle", scorer, min(corpus) AS corpus, count(*)::int AS scored,
        array_agg(ordinal ORDER BY ordinal) AS ordinals, array_agg(value ORDER BY ordinal) AS values,
        avg(searches)::float8 AS searches, avg(documents)::float8 AS documents, avg(seconds)::float8 AS seconds, avg(tokens)::float8 AS tokens,
        CASE WHEN count(cost_usd) = count(*) THEN avg(cost_usd)::float8 END AS "costUsd",
        jsonb_build_object('correct', count(*) FILTER (WHERE place = 'correct'), 'scorerDoubtful', count(*) FILTER (WHERE place = 'scorer-doubtful'), 'neverRetrieved', count(*) FILTER (WHERE place = 'never-retrieved'),
          'notSelected', count(*) FILTER (WHERE place = 'not-selected'), 'generatorFailed', count(*) FILTER (WHERE place = 'generator-failed'), 'noGold', count(*) FILTER (WHERE place = 'no-gold'),
          'withGold', count(*) FILTER (WHERE cardinality(gold_ids) > 0 AND gold_ids <@ context_ids), 'withGoldCorrect', count(*) FILTER (WHERE cardinality(gold_ids) > 0 AND gold_ids <@ context_ids AND value >= 1)) AS attribution
      FROM placed GROUP BY set_id, generator, prompt_style, scorer`;
  }

  private async store(db: Prisma.TransactionClient, runId: string, tally: Tally): Promise<void> {
    const { groups, grouped } = await this.groupsOf(tally.setId);
    const outcomes = new Float32Array(groups.length).fill(NaN);
    tally.ordinals.forEach((ordinal, i) => (outcomes[ordinal] = tally.values[i]!));
    const entries = sumByGroup(groups, (i) => outcomes[i]!);
    const { mean, low, high, clusters } = intervalOf(entries, bootstrapMeans(entries, SAMPLES, 0));
    await db.$executeRaw`
      INSERT INTO run_statistics (run_id, set_id, generator, prompt_style, scorer, corpus, answered, scored, mean, low, high, clusters, searches, documents, seconds, tokens, cost_usd, attribution, outcomes)
      VALUES (${runId}::uuid, ${tally.setId}::uuid, ${tally.generator}, ${tally.promptStyle}, ${tally.scorer}, ${tally.corpus},
        (SELECT count(*) FROM episodes WHERE run_id = ${runId}::uuid AND set_id = ${tally.setId}::uuid AND phase = 'predict'), ${tally.scored}, ${mean}, ${low}, ${high}, ${grouped ? clusters : null}::int,
        ${tally.searches}, ${tally.documents}, ${tally.seconds}, ${tally.tokens}::float8, ${tally.costUsd}::float8, ${JSON.stringify(tally.attribution)}::jsonb, ${encodeOutcomes(outcomes)})
      ON CONFLICT (run_id, set_id, generator, prompt_style, scorer) DO UPDATE SET corpus = excluded.corpus, answered = excluded.answered, scored = excluded.scored, mean = excluded.mean, low = excluded.low, high = excluded.high,
        clusters = excluded.clusters, searches = excluded.searches, documents = excluded.documents, seconds = excluded.seconds, tokens = excluded.tokens, cost_usd = excluded.cost_usd, attribution = excluded.attribution,
        outcomes = excluded.outcomes, version = DEFAULT, updated_at = now()`;
  }

  /** Groups of a set's questions in their order. A version of a set never changes, so they are kept. */
  async groupsOf(setId: string): Promise<QuestionGroups> {
    const known = this.groups.get(setId);
    if (known) return known;
    const rows = await this.database.db.$queryRaw<
      { group: string | null }[]
    >`SELECT group_name AS "group" FROM questions WHERE set_id = ${setId}::uuid ORDER BY ordinal`;
    const made = {
      groups: numberGroups(rows.map((row) => row.group)),
      grouped: rows.some((row) => row.group !== null),
    };
    this.groups.set(setId, made);
    return made;
  }

  /** Outcomes by version of their statistics; a version that is gone is left out. */
  async outcomesOf(
    versions: readonly { version: string; questions: number }[],
  ): Promise<Map<string, Outcomes>> {
    const missing = versions.filter(({ version }) => !this.outcomes.has(version));
    if (missing.length > 0) {
      const questions = new Map(missing.map((entry) => [entry.version, entry.questions]));
      const rows = await this.database.db.$queryRaw<
        { version: string; outcomes: Uint8Array }[]
      >`SELECT version::text, outcomes FROM run_statistics WHERE version = ANY(${[...questions.keys()].map(BigInt)}::bigint[])`;
      for (const row of rows)
        this.keep(row.version, decodeOutcomes(row.outcomes, questions.get(row.version)!));
    }
    return new Map(
      versions.flatMap(({ version }) =>
        this.outcomes.has(version) ? [[version, this.outcomes.get(version)!] as const] : [],
      ),
    );
  }

  private keep(version: string, outcomes: Outcomes): void {
    this.outcomes.set(version, outcomes);
    this.cachedBytes += outcomes.byteLength;
    for (const [oldest, old] of this.outcomes) {
      if (this.cachedBytes <= CACHED_BYTES || oldest === version) break;
      this.outcomes.delete(oldest);
      this.cachedBytes -= old.byteLength;
    }
  }
}
