import { randomUUID } from "node:crypto";
import { AppError } from "@/contracts/errors";
import {
  documentsOf,
  type Answer,
  type DocumentRef,
  type DocumentText,
  type EpisodeRecord,
  type Score,
} from "@/contracts/records/episode";
import type { AttemptRef, ReportItem } from "@/contracts/worker-protocol/worker-protocol";
import { setOfRun } from "@/server/features/question-sets/versions";
import { DEFAULT_PROJECT, type Queries } from "@/server/platform/db/database";
import { storable, toJson } from "@/server/platform/db/json";
import { rowOfStep } from "./step-rows";

export type EpisodesItem = Extract<ReportItem, { kind: "episodes" }>;

const answerKey = (answer: Pick<Answer, "key" | "text">): string =>
  `${answer.key} ${storable(answer.text)}`;

/** Stores texts that are not stored yet. Sorted, so that two reports at once cannot deadlock. */
export async function storeDocuments(
  db: Queries,
  documents: readonly DocumentText[],
): Promise<void> {
  if (documents.length === 0) return;
  const rows = [
    ...new Map(
      documents.map((d) => [d.hash, { hash: d.hash, title: d.title, text: d.text }]),
    ).values(),
  ].sort((a, b) => (a.hash < b.hash ? -1 : 1));
  await db.$executeRaw`
    INSERT INTO documents (hash, title, text)
    SELECT hash, title, text FROM jsonb_to_recordset(${toJson(rows)}::jsonb) AS d(hash text, title text, text text) ORDER BY hash
    ON CONFLICT (hash) DO NOTHING`;
}

/** Stores answers that are not stored yet. @returns their ids, by key and text */
export async function storeAnswers(
  db: Queries,
  answers: readonly Answer[],
): Promise<Map<string, bigint>> {
  if (answers.length === 0) return new Map();
  const rows = [...new Map(answers.map((a) => [answerKey(a), a])).values()].sort((a, b) =>
    a.key < b.key ? -1 : 1,
  );
  const fresh = await db.$queryRaw<StoredAnswer[]>`
    INSERT INTO answers (project_id, key, generator, prompt_style, text, seconds, usage)
    SELECT ${DEFAULT_PROJECT}::uuid, a.key, a.generator, a."promptStyle", a.text, a.seconds, a.usage
    FROM jsonb_to_recordset(${toJson(rows)}::jsonb) AS a(key text, generator text, "promptStyle" text, text text, seconds real, usage jsonb) ORDER BY a.key
    ON CONFLICT (project_id, key, md5(text)) DO NOTHING
    RETURNING id, key, text`;
  const ids = new Map(fresh.map((stored) => [answerKey(stored), stored.id]));
  const known = rows.filter((answer) => !ids.has(answerKey(answer)));
  if (known.length === 0) return ids;
  const stored = await db.$queryRaw<StoredAnswer[]>`
    SELECT s.id, s.key, s.text FROM jsonb_to_recordset(${toJson(known)}::jsonb) AS a(key text, text text)
    JOIN answers s ON s.project_id = ${DEFAULT_PROJECT}::uuid AND s.key = a.key AND md5(s.text) = md5(a.text)`;
  for (const answer of stored) ids.set(answerKey(answer), answer.id);
  return ids;
}

interface StoredAnswer {
  id: bigint;
  key: string;
  text: string;
}

interface Scored {
  answer: Answer;
  score: Score;
  questionId: string;
}
type ScoreKey = { answer: string; question: string; scorer: string };
const scoreKey = ({ answer, question, scorer }: ScoreKey): string =>
  `${answer} ${scorer} ${question}`;
const scoreKeyOf = (
  { answer, score, questionId }: Scored,
  answerIds: ReadonlyMap<string, bigint>,
): ScoreKey => ({
  answer: String(answerIds.get(answerKey(answer))),
  question: questionId,
  scorer: score.scorer,
});

/** Stores scores that are not stored yet. @returns their ids, by `scoreKey` */
async function storeScores(
  db: Queries,
  setId: string,
  scored: readonly Scored[],
  answerIds: ReadonlyMap<string, bigint>,
): Promise<Map<string, string>> {
  if (scored.length === 0) return new Map();
  const keyed = scored.map((s) => ({ ...scoreKeyOf(s, answerIds), value: s.score.value }));
  const rows = [...new Map(keyed.map((row) => [scoreKey(row), row])).entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, row]) => row);
  // As one JSON value: a row costs the client more than the database.
  const [inserted] = await db.$queryRaw<{ fresh: StoredScore[] }[]>`
    WITH fresh AS (
      INSERT INTO scores (answer_id, set_id, question_id, scorer, value)
      SELECT s.answer, ${setId}::uuid, s.question, s.scorer, s.value FROM jsonb_to_recordset(${toJson(rows)}::jsonb) AS s(answer bigint, question text, scorer text, value float8)
      ON CONFLICT (answer_id, set_id, question_id, scorer) DO NOTHING
      RETURNING id, answer_id, question_id, scorer
    )
    SELECT coalesce(json_agg(json_build_object('id', id::text, 'answer', answer_id::text, 'question', question_id, 'scorer', scorer)), '[]') AS fresh FROM fresh`;
  const ids = new Map(inserted!.fresh.map((stored) => [scoreKey(stored), stored.id]));
  const known = rows.filter((row) => !ids.has(scoreKey(row)));
  if (known.length === 0) return ids;
  const stored = await db.$queryRaw<StoredScore[]>`
    SELECT t.id::text, t.answer_id::text AS answer, t.question_id AS question, t.scorer FROM jsonb_to_recordset(${toJson(known)}::jsonb) AS s(answer bigint, question text, scorer text)
    JOIN scores t ON t.answer_id = s.answer AND t.set_id = ${setId}::uuid AND t.question_id = s.question AND t.scorer = s.scorer`;
  for (const score of stored) ids.set(scoreKey(score), score.id);
  return ids;
}

type StoredScore = ScoreKey & { id: string };

/** What came of an episode. */
export interface Outcome {
  questionId: string;
  answer: Answer | null;
  score: Score | null;
  otherScores?: readonly Score[];
}
/** The stored answer and score of an outcome; null for what it has not. */
export type OutcomeIds = (outcome: Outcome) => { answer: string | null; score: string | null };

/** Stores the answers and scores that are not stored yet. A score without an answer is of nothing and is left out. */
export async function storeOutcomes(
  db: Queries,
  setId: string,
  outcomes: readonly Outcome[],
): Promise<OutcomeIds> {
  const answerIds = await storeAnswers(
    db,
    outcomes.flatMap(({ answer }) => answer ?? []),
  );
  const scored = outcomes.flatMap(({ questionId, answer, score, otherScores }) =>
    answer
      ? [...(score ? [score] : []), ...(otherScores ?? [])].map((each) => ({
          answer,
          score: each,
          questionId,
        }))
      : [],
  );
  const scoreIds = await storeScores(db, setId, scored, answerIds);
  return ({ questionId, answer, score }) => ({
    answer: answer && String(answerIds.get(answerKey(answer))),
    score:
      answer &&
      score &&
      String(scoreIds.get(scoreKey(scoreKeyOf({ answer, score, questionId }, answerIds)))),
  });
}

const refs = (documents: readonly DocumentRef[]) => ({
  ids: documents.map((d) => d.id),
  hashes: documents.map((d) => d.hash),
  scores: documents.map((d) => d.score),
});

/**
 * Stores a report's episodes with their steps, answers, scores and documents. A question that a predict run has
 * answered already is left as it is.
 *
 * @throws AppError "invalid-input" where a question set, a question or a document's text is not known
 */
export async function storeEpisodes(
  db: Queries,
  ref: AttemptRef,
  item: EpisodesItem,
): Promise<void> {
  const setId = await setOfRun(db, ref.runId, item.questions);
  await requireQuestions(
    db,
    setId,
    item.questions,
    item.records.map(({ episode }) => episode.questionId),
  );
  await storeDocuments(db, item.documents);
  await requireDocuments(db, item);

  const idsOf = await storeOutcomes(
    db,
    setId,
    item.records.flatMap(({ baseline, ...record }) => [
      outcomeOf(record),
      ...(baseline ? [outcomeOf({ episode: record.episode, ...baseline })] : []),
    ]),
  );
  const rows = item.records.map((record) => episodeRow(record, idsOf));
  const inserted = await db.$queryRaw<{ id: string }[]>`
    INSERT INTO episodes (id, project_id, run_id, attempt, corpus, set_id, question_id, phase, step, sample_index, key, method, protocol,
      context_ids, context_hashes, context_scores, answer_id, score_id, baseline_ids, baseline_hashes, baseline_scores, baseline_answer_id, baseline_score_id,
      reward, reward_detail, advantage, attribution, format_errors, searches, usage)
    SELECT e.id, ${DEFAULT_PROJECT}::uuid, ${ref.runId}::uuid, ${ref.attempt}, ${item.corpus}, ${setId}::uuid, e.question_id, e.phase, e.step, e.sample_index, e.key, e.method, e.protocol,
      e.context_ids, e.context_hashes, e.context_scores, e.answer_id, e.score_id, e.baseline_ids, e.baseline_hashes, e.baseline_scores, e.baseline_answer_id, e.baseline_score_id,
      e.reward, nullif(e.reward_detail, 'null'::jsonb), e.advantage, e.attribution, e.format_errors, e.searches, nullif(e.usage, 'null'::jsonb)
    FROM ROWS FROM (jsonb_to_recordset(${toJson(rows)}::jsonb) AS (id uuid, question_id text, phase text, step int, sample_index int, key text, method text, protocol text,
      context_ids text[], context_hashes text[], context_scores float8[], answer_id bigint, score_id bigint, baseline_ids text[], baseline_hashes text[], baseline_scores float8[],
      baseline_answer_id bigint, baseline_score_id bigint, reward float8, reward_detail jsonb, advantage float8, attribution text, format_errors text[], searches int, usage jsonb))
      WITH ORDINALITY AS e(id, question_id, phase, step, sample_index, key, method, protocol, context_ids, context_hashes, context_scores, answer_id, score_id, baseline_ids,
      baseline_hashes, baseline_scores, baseline_answer_id, baseline_score_id, reward, reward_detail, advantage, attribution, format_errors, searches, usage, n)
    ORDER BY e.n
    ON CONFLICT (run_id, set_id, question_id) WHERE phase = 'predict' DO NOTHING
    RETURNING id`;
  const stored = new Set(inserted.map((row) => row.id));
  const steps = item.records.flatMap(({ episode }, i) => {
    const id = rows[i]?.id;
    return id !== undefined && stored.has(id)
      ? episode.steps.map((step, index) => ({ episode_id: id, index, ...rowOfStep(step) }))
      : [];
  });
  await db.$executeRaw`
    INSERT INTO steps (episode_id, index, kind, turn, seconds, text, prompt, prompt_tokens, completion_tokens, token_ids, token_mask, token_logprobs, document_ids, document_hashes, document_scores, selected, implicit, reason)
    SELECT episode_id, index, kind, turn, seconds, text, prompt, prompt_tokens, completion_tokens, token_ids, token_mask, token_logprobs, document_ids, document_hashes, document_scores, selected, implicit, reason
    FROM jsonb_to_recordset(${toJson(steps)}::jsonb) AS s(episode_id uuid, index smallint, kind text, turn smallint, seconds real, text text, prompt text, prompt_tokens int, completion_tokens int, token_ids int[], token_mask smallint[],
      token_logprobs real[], document_ids text[], document_hashes text[], document_scores float8[], selected text[], implicit boolean, reason text)`;
}

const outcomeOf = ({
  episode,
  answer,
  score,
  otherScores,
}: Pick<EpisodeRecord, "episode" | "answer" | "score" | "otherScores">): Outcome => ({
  questionId: episode.questionId,
  answer,
  score,
  otherScores,
});

function episodeRow(record: EpisodeRecord, idsOf: OutcomeIds) {
  const { episode, baseline, reward } = record;
  const own = idsOf(outcomeOf(record));
  const ragIds = baseline && idsOf(outcomeOf({ episode, ...baseline }));
  const context = refs(episode.context);
  const rag = baseline && refs(baseline.context);
  return {
    id: randomUUID(),
    question_id: episode.questionId,
    phase: record.phase,
    step: record.step,
    sample_index: episode.sampleIndex,
    key: episode.key,
    method: episode.method,
    protocol: episode.protocol,
    context_ids: context.ids,
    context_hashes: context.hashes,
    context_scores: context.scores,
    answer_id: own.answer,
    score_id: own.score,
    baseline_ids: rag?.ids ?? null,
    baseline_hashes: rag?.hashes ?? null,
    baseline_scores: rag?.scores ?? null,
    baseline_answer_id: ragIds?.answer ?? null,
    baseline_score_id: ragIds?.score ?? null,
    reward: reward?.value ?? null,
    reward_detail: reward,
    advantage: record.advantage,
    attribution: record.attribution,
    format_errors: record.formatErrors,
    usage: episode.usage ?? null,
    // Turn 0 is the retrieval with the question itself.
    searches: episode.steps.filter((step) => step.kind === "retrieve" && step.turn > 0).length,
  };
}

async function requireQuestions(
  db: Queries,
  setId: string,
  name: string,
  questionIds: readonly string[],
): Promise<void> {
  const ids = [...new Set(questionIds)];
  const missing = await db.$queryRaw<
    { id: string }[]
  >`SELECT i.id FROM unnest(${ids}::text[]) AS i(id) WHERE NOT EXISTS (SELECT 1 FROM questions q WHERE q.set_id = ${setId}::uuid AND q.id = i.id)`;
  if (missing.length > 0)
    throw new AppError(
      "invalid-input",
      `Question set "${name}" has no question ${missing
        .slice(0, 5)
        .map((row) => `"${row.id}"`)
        .join(", ")}.`,
    );
}

async function requireDocuments(db: Queries, item: EpisodesItem): Promise<void> {
  const hashes = new Set<string>();
  for (const { episode, baseline } of item.records)
    for (const { hash } of [...documentsOf(episode), ...(baseline?.context ?? [])])
      hashes.add(hash);
  for (const { hash } of item.documents) hashes.delete(hash);
  if (hashes.size === 0) return;
  const missing = await db.$queryRaw<
    { hash: string }[]
  >`SELECT h.hash FROM unnest(${[...hashes]}::text[]) AS h(hash) WHERE NOT EXISTS (SELECT 1 FROM documents d WHERE d.hash = h.hash)`;
  if (missing.length > 0)
    throw new AppError(
      "invalid-input",
      `The report names ${missing.length} documents whose text was never sent, e.g. ${missing[0]?.hash ?? ""}. Send them in \`documents\`.`,
    );
}
