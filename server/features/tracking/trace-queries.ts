import { z } from "zod";
import { OTHER_CORPUS } from "@/contracts/formats/mlflow/requests";
import { traceFormatSchema, type TraceMapping } from "@/contracts/formats/traces/mapping";
import type { TraceSpan } from "@/contracts/formats/traces/span";
import type { ExternalBaseline, rolloutIssueSchema } from "@/contracts/api/external-runs";
import type { AlarmState } from "@/core/alarms/alarm-state";
import { cutExample, type Unread } from "@/core/traces/rollout";
import { DEFAULT_PROJECT, type Queries } from "@/server/platform/db/database";
import { Prisma } from "@/server/platform/db/generated/client";
import { toJson, toJsonValue } from "@/server/platform/db/json";
import { jsonColumn, queryRow, queryRows } from "@/server/platform/db/query";
import { RIGHT_TERM } from "./rollout-records";

/** The statements of rollouts and traces: their mappings, spans, what of them is unread, and what is made of a step's. */

const storedMappingSchema = z.object({
  format: traceFormatSchema,
  version: z.int(),
  mapping: jsonColumn<TraceMapping>(),
  createdBy: z.string(),
  createdAt: z.date(),
});
export type StoredMapping = z.infer<typeof storedMappingSchema>;

/** A project's own mappings, the newest version of each format. */
export const selectMappings = (db: Queries): Promise<StoredMapping[]> =>
  queryRows(db, storedMappingSchema)`
    SELECT DISTINCT ON (format) format, version, mapping, created_by AS "createdBy", created_at AS "createdAt" FROM trace_mappings
    WHERE project_id = ${DEFAULT_PROJECT}::uuid ORDER BY format, version DESC`;

/** Stores a mapping as the next version of its format. @returns how many were stored: 0 where `version` is not the next */
export async function insertMapping(
  db: Queries,
  { mapping, version, createdBy }: Pick<StoredMapping, "mapping" | "version" | "createdBy">,
): Promise<number> {
  const { count } = await db.traceMapping.createMany({
    data: {
      projectId: DEFAULT_PROJECT,
      format: mapping.format,
      version,
      mapping: toJsonValue(mapping),
      createdBy,
    },
    skipDuplicates: true,
  });
  return count;
}

/** Reasons that are kept apart for one run; what comes beyond is counted together. */
const MOST_REASONS = 200;
const OTHER = "other reasons";

/** Counts what of a run's rollouts is unread. Call it under the run's lock. */
export async function upsertIssues(
  db: Queries,
  runId: string,
  format: string,
  unread: readonly Unread[],
): Promise<void> {
  if (unread.length === 0) return;
  const known = await db.rolloutIssue.findMany({
    where: { runId, format },
    select: { reason: true },
  });
  const reasons = new Set(known.map(({ reason }) => reason));
  const issues = new Map<string, { reason: string; count: number; example: string }>();
  for (const { reason: whole, example } of unread) {
    // Names of spans and tools stand in it, of any length, and it is part of the table's key.
    const reason = cutExample(whole);
    const named = reasons.has(reason) || reasons.size < MOST_REASONS ? reason : OTHER;
    reasons.add(named);
    const count = (issues.get(named)?.count ?? 0) + 1;
    issues.set(named, { reason: named, count, example });
  }
  await db.$executeRaw`
    INSERT INTO rollout_issues (run_id, format, reason, count, example)
    SELECT ${runId}::uuid, ${format}, i.reason, i.count, i.example
    FROM jsonb_to_recordset(${toJson([...issues.values()])}::jsonb) AS i(reason text, count int, example text)
    ON CONFLICT (run_id, format, reason) DO UPDATE
      SET count = rollout_issues.count + excluded.count, example = excluded.example, last_at = clock_timestamp()`;
}

type RolloutIssue = z.infer<typeof rolloutIssueSchema>;

/** What of a run's rollouts is unread, the most frequent first. */
export const selectIssues = (db: Queries, runId: string): Promise<RolloutIssue[]> =>
  db.rolloutIssue.findMany({
    where: { runId },
    orderBy: [{ count: "desc" }, { reason: "asc" }],
    omit: { runId: true },
  });

/** Stores spans that were not stored before. @returns their ids */
export async function insertSpans(
  db: Queries,
  runId: string,
  spans: readonly TraceSpan[],
): Promise<Set<string>> {
  const rows = spans.map((span) => ({ ...span, span }));
  const stored = await queryRows(db, z.object({ id: z.string() }), { check: "first" })`
    INSERT INTO trace_spans (run_id, trace_id, span_id, parent_id, span)
    SELECT ${runId}::uuid, s."traceId", s."spanId", s."parentId", s.span
    FROM jsonb_to_recordset(${toJson(rows)}::jsonb) AS s("traceId" text, "spanId" text, "parentId" text, span jsonb)
    ON CONFLICT DO NOTHING RETURNING trace_id || span_id AS id`;
  return new Set(stored.map(({ id }) => id));
}

const wholeTraceSchema = z.object({ traceId: z.string(), spans: jsonColumn<TraceSpan[]>() });

/** Those of these traces whose spans are all there: one is the first, and every other one's parent came. */
export const selectWholeTraces = (db: Queries, runId: string, traceIds: readonly string[]) =>
  queryRows(db, wholeTraceSchema, { check: "first" })`
    SELECT s.trace_id AS "traceId", jsonb_agg(s.span) AS spans FROM trace_spans s
    WHERE s.run_id = ${runId}::uuid AND s.trace_id = ANY(${[...traceIds]}::text[])
    GROUP BY s.trace_id
    HAVING bool_or(s.parent_id IS NULL) AND bool_and(s.span IS NOT NULL)
      AND bool_and(s.parent_id IS NULL OR EXISTS (SELECT 1 FROM trace_spans p WHERE p.run_id = ${runId}::uuid AND p.trace_id = s.trace_id AND p.span_id = s.parent_id))
    ORDER BY min(s.received_at), s.trace_id`;

/** Drops the content of traces that were read, and keeps that they came. */
export async function emptyTraces(
  db: Queries,
  runId: string,
  traceIds: readonly string[],
): Promise<void> {
  await db.traceSpan.updateMany({
    where: { runId, traceId: { in: [...traceIds] } },
    data: { span: Prisma.DbNull },
  });
}

/** Those of these traces that were read before. */
export async function selectReadTraces(
  db: Queries,
  runId: string,
  traceIds: readonly string[],
): Promise<Set<string>> {
  const groups = await db.traceSpan.groupBy({
    by: ["traceId"],
    where: { runId, traceId: { in: [...traceIds] }, span: { equals: Prisma.DbNull } },
  });
  return new Set(groups.map(({ traceId }) => traceId));
}

const waitingSchema = z.object({ traces: z.int() });

/** How many traces of a run wait for spans. */
export const selectWaitingTraces = (db: Queries, runId: string) =>
  queryRow(db, waitingSchema)`
    SELECT count(DISTINCT trace_id)::int AS traces FROM trace_spans WHERE run_id = ${runId}::uuid AND span IS NOT NULL`;

/** What is kept of a run by watching it. `late`: steps whose evaluations are to be summed up again; absent: none. */
interface Known {
  state: AlarmState;
  heldOutQuestions: number;
  late?: readonly number[];
}

const observationSchema = z.object({
  alarms: jsonColumn<Known | null>(),
  summedStep: z.int(),
  baseline: jsonColumn<ExternalBaseline | null>(),
  reported: z.array(z.string()),
});
export type Observation = z.infer<typeof observationSchema>;

/** What is known of a run by watching it, with the names of the metrics that its trainer reports. */
export const selectObservation = (db: Queries, runId: string): Promise<Observation | null> =>
  queryRow(db, observationSchema)`
    SELECT alarms, summed_step AS "summedStep", 
      (SELECT jsonb_build_object('runId', r.id, 'corpus', r.config ->> 'corpus', 'scorer', coalesce(r.config ->> 'scorer', 'span'))
        FROM runs r WHERE r.id = baseline_run_id) AS baseline,
      ARRAY(SELECT name FROM external_series WHERE run_id = ${runId}::uuid) AS reported
    FROM external_runs WHERE run_id = ${runId}::uuid`;

export async function updateObservation(
  db: Queries,
  runId: string,
  { alarms, summedStep }: Pick<Observation, "alarms" | "summedStep">,
): Promise<void> {
  await db.externalRun.updateMany({
    where: { runId },
    data: { alarms: alarms === null ? Prisma.DbNull : toJsonValue(alarms), summedStep },
  });
}

/**
 * Chooses the run of naive RAG that a run's episodes are compared with, where none is chosen: the newest prediction by it on
 * the same version of the question set and on the same corpus, on any where the run's corpus is none of ours. RAG that is
 * matched in documents to another run is not naive. It stays, so that a run is compared with one thing.
 */
export const chooseBaselineRun = (
  db: Queries,
  runId: string,
  { questions, corpus }: { questions: string; corpus: string },
): Promise<number> => db.$executeRaw`
    UPDATE external_runs SET baseline_run_id = (
      SELECT r.id FROM runs r JOIN run_question_sets mine ON mine.run_id = ${runId}::uuid AND mine.name = ${questions}
      WHERE r.kind = 'predict' AND r.state = 'succeeded' AND r.deleted_at IS NULL AND r.config ->> 'method' = 'rag'
        AND r.config ->> 'matchRun' IS NULL AND (${corpus} = ${OTHER_CORPUS} OR r.config ->> 'corpus' = ${corpus})
        AND EXISTS (SELECT 1 FROM episodes e WHERE e.run_id = r.id AND e.set_id = mine.set_id AND e.score_id IS NOT NULL)
      ORDER BY r.created_at DESC LIMIT 1)
    WHERE run_id = ${runId}::uuid AND baseline_run_id IS NULL`;

/** Gives a run's episodes the stored answers of its run of naive RAG, where it has answered their questions. @returns how many */
export const applyNaiveAnswers = (db: Queries, runId: string): Promise<number> => db.$executeRaw`
  WITH changed AS (
    UPDATE episodes e SET baseline_ids = b.context_ids, baseline_hashes = b.context_hashes, baseline_scores = b.context_scores,
      baseline_answer_id = b.answer_id, baseline_score_id = b.score_id
    FROM external_runs x JOIN episodes b ON b.run_id = x.baseline_run_id AND b.phase = 'predict'
    WHERE x.run_id = ${runId}::uuid AND e.run_id = x.run_id AND e.baseline_score_id IS NULL
      AND b.set_id = e.set_id AND b.question_id = e.question_id AND b.score_id IS NOT NULL
    RETURNING e.id, b.score_id)
  UPDATE episode_facts f SET baseline_score = s.value FROM changed c JOIN scores s ON s.id = c.score_id WHERE f.id = c.id`;

const observedRowSchema = z.object({
  phase: z.enum(["train", "held-out"]),
  step: z.int(),
  questionId: z.string(),
  question: z.string(),
  reward: z.number().nullable(),
  right: z.number().nullable(),
  naive: z.number().nullable(),
  queries: z.array(z.string()).nullable(),
});
export type ObservedRow = z.infer<typeof observedRowSchema>;

/** Steps of which a run has training episodes or evaluations, beyond one, in their order. */
export async function selectObservedSteps(
  db: Queries,
  runId: string,
  after: number,
): Promise<number[]> {
  const groups = await db.episodeFacts.groupBy({
    by: ["step"],
    where: { runId, step: { gt: after } },
    orderBy: { step: "asc" },
  });
  return groups.map(({ step }) => step!);
}

/** The last step of which a run has evaluations, up to one; null: none. */
export async function selectNewestEvaluation(
  db: Queries,
  runId: string,
  upTo: number,
): Promise<number | null> {
  const row = await queryRow(db, z.object({ step: z.int().nullable() }))`
    SELECT max(step) AS step FROM episode_facts WHERE run_id = ${runId}::uuid AND phase = 'held-out' AND step <= ${upTo}`;
  return row?.step ?? null;
}

/** Episodes of a step as its metrics need them. */
export const selectObservedEpisodes = (
  db: Queries,
  runId: string,
  step: number,
): Promise<ObservedRow[]> =>
  queryRows(db, observedRowSchema, { check: "first" })`
    SELECT e.phase, e.step, e.question_id AS "questionId", q.question, e.reward, n.value AS naive,
      (SELECT (t ->> 'value')::float8 FROM jsonb_array_elements(e.reward_detail -> 'terms') t WHERE t ->> 'term' = ${RIGHT_TERM} LIMIT 1) AS right,
      CASE WHEN EXISTS (SELECT FROM steps s WHERE s.episode_id = e.id AND s.kind <> 'generate')
        THEN ARRAY(SELECT coalesce(s.text, '') FROM steps s WHERE s.episode_id = e.id AND s.kind = 'retrieve' AND s.turn > 0 ORDER BY s.index) END AS queries
    FROM episodes e JOIN questions q ON q.set_id = e.set_id AND q.id = e.question_id LEFT JOIN scores n ON n.id = e.baseline_score_id
    WHERE e.run_id = ${runId}::uuid AND e.step = ${step} ORDER BY e.ordinal`;
