import type { z } from "zod";
import { AppError } from "@/contracts/errors";
import {
  episodeRecordSchema,
  type Attribution,
  type DocumentText,
  type EpisodePhase,
  type FormatError,
} from "@/contracts/records/episode";
import type { RunKind } from "@/contracts/records/run-state";
import type {
  EpisodeDetail,
  EpisodeRow,
  listEpisodesRequestSchema,
  listEpisodesResponseSchema,
  episodeStepsResponseSchema,
} from "@/contracts/api/episodes";
import type { Database } from "@/server/platform/db/database";
import { Prisma } from "@/server/platform/db/generated/client";
import { JUDGING_SCORERS } from "@/server/features/leaderboard/statistics";
import { cutsOf, type LineageAttempt } from "@/server/features/runs/lineage";
import { documentRefs, stepOfRow, type StepRow } from "./step-rows";

type ListRequest = z.output<typeof listEpisodesRequestSchema>;
const { sql } = Prisma;

const NO_CUT = 2_147_483_647;
/** Restricts episodes `e` to the surviving lineage. */
type Surviving = Prisma.Sql;

interface Joined {
  id: string;
  ordinal: bigint;
  phase: EpisodePhase;
  step: number | null;
  questionId: string;
  question: string;
  sampleIndex: number;
  answer: string | null;
  score: number | null;
  baselineScore: number | null;
  reward: number | null;
  advantage: number | null;
  searches: number;
  documents: number;
  attribution: Attribution | null;
  formatErrors: FormatError[];
}

const COLUMNS = sql`e.id, e.ordinal, e.phase, e.step, e.question_id AS "questionId", q.question, e.sample_index AS "sampleIndex", a.text AS answer, s.value AS score,
  b.value AS "baselineScore", e.reward, e.advantage, e.searches, cardinality(e.context_ids) AS documents, e.attribution, e.format_errors AS "formatErrors"`;
const JOINS = sql`JOIN questions q ON q.set_id = e.set_id AND q.id = e.question_id LEFT JOIN answers a ON a.id = e.answer_id
  LEFT JOIN scores s ON s.id = e.score_id LEFT JOIN scores b ON b.id = e.baseline_score_id`;

/** Reads episodes along the surviving lineage of their run. Writing is in store.ts. */
export class Episodes {
  constructor(private readonly database: Database) {}

  async list(request: ListRequest): Promise<z.infer<typeof listEpisodesResponseSchema>> {
    const { db } = this.database;
    const surviving = await this.surviving(request.runId);
    const conditions = [sql`e.run_id = ${request.runId}::uuid`];
    if (request.phase) conditions.push(sql`e.phase = ${request.phase}`);
    if (request.step !== undefined) conditions.push(sql`e.step = ${request.step}`);
    if (request.questionId !== undefined)
      conditions.push(sql`e.question_id = ${request.questionId}`);
    if (request.text) {
      const pattern = `%${request.text.replace(/[\\%_]/g, "\\$&")}%`;
      conditions.push(sql`(q.question ILIKE ${pattern} OR a.text ILIKE ${pattern})`);
    }
    const filter = filterOf(request.filter);
    if (filter) conditions.push(filter);
    const where = Prisma.join(conditions, " AND ");
    const page = request.cursor
      ? sql`AND e.ordinal ${request.order === "newest" ? sql`<` : sql`>`} ${BigInt(request.cursor)}`
      : Prisma.empty;
    const order = request.order === "newest" ? sql`DESC` : sql`ASC`;
    const [rows, totals] = await Promise.all([
      db.$queryRaw<
        Joined[]
      >`SELECT ${COLUMNS} FROM episodes e ${surviving} ${JOINS} WHERE ${where} ${page} ORDER BY e.ordinal ${order} LIMIT ${request.limit + 1}`,
      db.$queryRaw<
        { n: number }[]
      >`SELECT count(*)::int AS n FROM episodes e ${surviving} ${JOINS} WHERE ${where}`,
    ]);
    const kept = rows.slice(0, request.limit);
    const last = kept[kept.length - 1];
    return {
      rows: kept.map(toRow),
      nextCursor: rows.length > kept.length && last ? String(last.ordinal) : null,
      total: totals[0]?.n ?? 0,
    };
  }

  async steps(runId: string): Promise<z.infer<typeof episodeStepsResponseSchema>> {
    const surviving = await this.surviving(runId);
    return this.database.db.$queryRaw<z.infer<typeof episodeStepsResponseSchema>>`
      SELECT e.phase, e.step, count(*)::int AS episodes, avg(e.reward) AS "meanReward", avg(s.value) AS accuracy, avg(b.value) AS "baselineAccuracy"
      FROM episodes e ${surviving} LEFT JOIN scores s ON s.id = e.score_id LEFT JOIN scores b ON b.id = e.baseline_score_id
      WHERE e.run_id = ${runId}::uuid GROUP BY e.phase, e.step ORDER BY e.step NULLS FIRST, e.phase`;
  }

  async get(id: string): Promise<EpisodeDetail> {
    const { db } = this.database;
    const [row] = await db.$queryRaw<DetailRow[]>`
      SELECT e.id, e.ordinal, coalesce(e.steps_of, e.id) AS "stepsOf", e.run_id AS "runId", e.attempt, e.corpus, e.set_id AS "setId", e.question_id AS "questionId", e.phase, e.step, e.sample_index AS "sampleIndex", e.key, e.method,
        e.protocol, e.context_ids AS "contextIds", e.context_hashes AS "contextHashes", e.context_scores AS "contextScores", e.baseline_ids AS "baselineIds",
        e.baseline_hashes AS "baselineHashes", e.baseline_scores AS "baselineScores", e.reward_detail AS reward, e.advantage, e.attribution, e.format_errors AS "formatErrors", e.usage,
        qs.name AS "questionSet", to_jsonb(q) AS question,
        CASE WHEN a.id IS NOT NULL THEN jsonb_build_object('key', a.key, 'generator', a.generator, 'promptStyle', a.prompt_style, 'text', a.text, 'seconds', a.seconds) || CASE WHEN a.usage IS NULL THEN '{}' ELSE jsonb_build_object('usage', a.usage) END END AS answer,
        CASE WHEN s.id IS NOT NULL THEN jsonb_build_object('scorer', s.scorer, 'value', s.value) END AS score,
        CASE WHEN ba.id IS NOT NULL THEN jsonb_build_object('key', ba.key, 'generator', ba.generator, 'promptStyle', ba.prompt_style, 'text', ba.text, 'seconds', ba.seconds) || CASE WHEN ba.usage IS NULL THEN '{}' ELSE jsonb_build_object('usage', ba.usage) END END AS "baselineAnswer",
        CASE WHEN bs.id IS NOT NULL THEN jsonb_build_object('scorer', bs.scorer, 'value', bs.value) END AS "baselineScore"
      FROM episodes e JOIN question_sets qs ON qs.id = e.set_id JOIN questions q ON q.set_id = e.set_id AND q.id = e.question_id
      LEFT JOIN answers a ON a.id = e.answer_id LEFT JOIN scores s ON s.id = e.score_id
      LEFT JOIN answers ba ON ba.id = e.baseline_answer_id LEFT JOIN scores bs ON bs.id = e.baseline_score_id
      WHERE e.id = ${id}::uuid`;
    if (!row) throw new AppError("not-found", `There is no episode ${id}.`);
    const surviving = await this.surviving(row.runId);
    const steps = (
      await db.$queryRaw<
        StepRow[]
      >`SELECT * FROM steps WHERE episode_id = ${row.stepsOf}::uuid ORDER BY index`
    ).map(stepOfRow);
    const record = episodeRecordSchema.parse({
      phase: row.phase,
      step: row.step,
      episode: {
        key: row.key,
        method: row.method,
        protocol: row.protocol,
        questionId: row.questionId,
        sampleIndex: row.sampleIndex,
        steps,
        context: documentRefs(row.contextIds, row.contextHashes, row.contextScores),
        ...(row.usage !== null && { usage: row.usage }),
      },
      answer: row.answer,
      score: row.score,
      baseline:
        row.baselineAnswer && row.baselineScore
          ? {
              context: documentRefs(row.baselineIds, row.baselineHashes, row.baselineScores),
              answer: row.baselineAnswer,
              score: row.baselineScore,
            }
          : null,
      reward: row.reward,
      advantage: row.advantage,
      attribution: row.attribution,
      formatErrors: row.formatErrors,
    });
    const shown = [
      ...record.episode.context,
      ...(record.baseline?.context ?? []),
      ...steps.flatMap((step) => (step.kind === "retrieve" ? step.documents : [])),
    ];
    const { question } = row;
    const sameStep = row.step === null ? sql`e.step IS NULL` : sql`e.step = ${row.step}`;
    const inStep = sql`FROM episodes e ${surviving} LEFT JOIN scores s ON s.id = e.score_id WHERE e.run_id = ${row.runId}::uuid AND e.phase = ${row.phase} AND ${sameStep}`;
    const [documents, gold, siblings, previous, next] = await Promise.all([
      this.texts(shown),
      this.gold(row.corpus, question.gold_ids),
      db.$queryRaw<
        EpisodeDetail["siblings"]
      >`SELECT e.id, e.sample_index AS "sampleIndex", e.reward, s.value AS score ${inStep} AND e.set_id = ${row.setId}::uuid AND e.question_id = ${row.questionId} ORDER BY e.sample_index, e.ordinal`,
      db.$queryRaw<
        { id: string }[]
      >`SELECT e.id ${inStep} AND e.ordinal < ${row.ordinal} ORDER BY e.ordinal DESC LIMIT 1`,
      db.$queryRaw<
        { id: string }[]
      >`SELECT e.id ${inStep} AND e.ordinal > ${row.ordinal} ORDER BY e.ordinal LIMIT 1`,
    ]);
    return {
      id: row.id,
      runId: row.runId,
      attempt: row.attempt,
      questionSet: row.questionSet,
      corpus: row.corpus,
      record,
      question: {
        id: question.id,
        question: question.question,
        answers: question.answers,
        goldIds: question.gold_ids,
        type: question.type,
        group: question.group_name,
        goldQueries: question.gold_queries,
      },
      documents,
      gold,
      siblings,
      previousId: previous[0]?.id ?? null,
      nextId: next[0]?.id ?? null,
    };
  }

  private async texts(
    documents: readonly { id: string; hash: string }[],
  ): Promise<Record<string, DocumentText>> {
    const idOf = new Map(documents.map((d) => [d.hash, d.id]));
    const rows = await this.database.db.$queryRaw<
      { hash: string; title: string; text: string }[]
    >`SELECT hash, title, text FROM documents WHERE hash = ANY(${[...idOf.keys()]}::text[])`;
    return Object.fromEntries(
      rows.map((row) => [row.hash, { ...row, id: idOf.get(row.hash) ?? "" }]),
    );
  }

  private async gold(corpus: string, ids: readonly string[]): Promise<EpisodeDetail["gold"]> {
    const rows = await this.database.db.$queryRaw<DocumentText[]>`
      SELECT cd.document_id AS id, d.hash, d.title, d.text FROM corpus_documents cd JOIN documents d ON d.hash = cd.hash
      WHERE cd.corpus_id = (SELECT id FROM corpora WHERE name = ${corpus} ORDER BY created_at DESC LIMIT 1) AND cd.document_id = ANY(${ids}::text[])`;
    return ids.map((id) => ({ id, document: rows.find((row) => row.id === id) ?? null }));
  }

  private async surviving(runId: string): Promise<Surviving> {
    const { db } = this.database;
    const [runs, attempts, firsts] = await Promise.all([
      db.$queryRaw<{ kind: RunKind }[]>`SELECT kind FROM runs WHERE id = ${runId}::uuid`,
      db.$queryRaw<
        LineageAttempt[]
      >`SELECT number, from_step AS "fromStep" FROM attempts WHERE run_id = ${runId}::uuid`,
      db.$queryRaw<
        { attempt: number; phase: EpisodePhase; first: number | null }[]
      >`SELECT attempt, phase, min(step) AS first FROM episodes WHERE run_id = ${runId}::uuid GROUP BY attempt, phase`,
    ]);
    const kind = runs[0]?.kind === "train" ? "train" : "other";
    const kept = firsts.map(({ attempt, phase }) => {
      const firstSteps = new Map(
        firsts.flatMap((row) =>
          row.phase === phase && row.first !== null ? [[row.attempt, row.first] as const] : [],
        ),
      );
      return {
        attempt,
        phase,
        cut: Math.min(
          NO_CUT,
          cutsOf(attempts, { kind, ownAxis: false, firstSteps }).get(attempt) ?? -1,
        ),
      };
    });
    return sql`JOIN unnest(${kept.map((k) => k.attempt)}::int[], ${kept.map((k) => k.phase)}::text[], ${kept.map((k) => k.cut)}::int[]) AS kept(attempt, phase, cut)
      ON kept.attempt = e.attempt AND kept.phase = e.phase AND (e.step IS NULL OR e.step <= kept.cut)`;
  }
}

interface DetailRow {
  id: string;
  ordinal: bigint;
  stepsOf: string;
  runId: string;
  attempt: number;
  corpus: string;
  setId: string;
  questionId: string;
  phase: EpisodePhase;
  step: number | null;
  sampleIndex: number;
  key: string;
  method: string;
  protocol: string;
  contextIds: string[];
  contextHashes: string[];
  contextScores: (number | null)[];
  baselineIds: string[] | null;
  baselineHashes: string[] | null;
  baselineScores: (number | null)[] | null;
  reward: unknown;
  advantage: number | null;
  attribution: string | null;
  formatErrors: string[];
  usage: unknown;
  questionSet: string;
  question: {
    id: string;
    question: string;
    answers: string[];
    gold_ids: string[];
    type: string | null;
    group_name: string | null;
    gold_queries: string[];
  };
  answer: unknown;
  score: unknown;
  baselineAnswer: unknown;
  baselineScore: unknown;
}

function toRow({ ordinal: _ordinal, ...row }: Joined): EpisodeRow {
  return row;
}

/** Judging scorers disagree about the answer, as server/leaderboard/statistics.ts counts it. */
const DOUBTFUL = sql`coalesce((SELECT bool_or(d.value >= 0.5) AND bool_or(d.value < 0.5) FROM scores d WHERE d.answer_id = e.answer_id AND d.set_id = e.set_id AND d.question_id = e.question_id AND d.scorer ~ ${JUDGING_SCORERS}), false)`;

function filterOf(filter: ListRequest["filter"]): Prisma.Sql | null {
  switch (filter) {
    case "all":
      return null;
    case "correct":
      return sql`s.value >= 1`;
    case "wrong":
      return sql`s.value < 1`;
    case "gained":
      return sql`s.value > b.value`;
    case "lost":
      return sql`s.value < b.value`;
    case "format-errors":
      return sql`cardinality(e.format_errors) > 0`;
    case "no-variance":
      return sql`(e.step, e.attempt, e.set_id, e.question_id) IN (SELECT g.step, g.attempt, g.set_id, g.question_id FROM episodes g
        WHERE g.run_id = e.run_id AND g.phase = 'train' GROUP BY g.step, g.attempt, g.set_id, g.question_id HAVING count(*) > 1 AND min(g.reward) = max(g.reward)) AND e.phase = 'train'`;
    case "never-retrieved":
    case "not-selected":
    case "generator-failed":
      return sql`e.attribution = ${filter} AND NOT ${DOUBTFUL}`;
    case "scorer-doubtful":
      return sql`s.value < 1 AND ${DOUBTFUL}`;
  }
}
