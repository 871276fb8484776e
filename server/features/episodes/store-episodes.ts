import { randomUUID } from "node:crypto";
import { AppError } from "@/contracts/errors";
import {
  listEpisodeDocuments,
  type DocumentRef,
  type EpisodeRecord,
} from "@/contracts/records/episode";
import type { ReportItem } from "@/contracts/worker-protocol/reports";
import type { AttemptRef } from "@/contracts/worker-protocol/attempt";
import { insertDocuments } from "@/server/features/corpora/queries";
import { findRunSetId } from "@/server/features/question-sets/versions";
import type { Queries } from "@/server/platform/db/database";
import { toStepRow } from "./step-rows";
import { storeScoredAnswers, type ScoredAnswer, type StoredIds } from "./store-answers";
import {
  insertEpisodes,
  insertReusedEpisodes,
  insertSteps,
  indexEpisodes,
  selectMissingDocuments,
  selectMissingQuestions,
  selectReuse,
  upsertQuestionFailures,
  type EpisodeRow,
} from "./store-queries";

type ReportedItem<Kind extends ReportItem["kind"]> = Extract<ReportItem, { kind: Kind }>;

/**
 * Stores a report's episodes with their steps, answers, scores and documents. A question that a predict run has
 * answered already is left as it is.
 *
 * @throws AppError "invalid-input" where a question set, a question or a document's text is not known
 */
export async function storeEpisodes(
  db: Queries,
  ref: AttemptRef,
  item: ReportedItem<"episodes">,
): Promise<void> {
  const setId = await findRunSetId(db, ref.runId, item.questions);
  await requireQuestions(db, setId, item);
  await insertDocuments(db, item.documents);
  await requireDocuments(db, item);

  const getIds = await storeScoredAnswers(
    db,
    setId,
    item.records.flatMap((record) => {
      const { answer, baselineAnswer } = getScoredAnswers(record);
      return baselineAnswer ? [answer, baselineAnswer] : [answer];
    }),
  );
  const rows = item.records.map((record) => toEpisodeRow(record, getIds));
  const insertedIds = await insertEpisodes(db, ref, { corpus: item.corpus, setId }, rows);
  await insertSteps(
    db,
    item.records.flatMap(({ episode }, i) => {
      const { id } = rows[i]!;
      return insertedIds.has(id)
        ? episode.steps.map((step, index) => ({ episode_id: id, index, ...toStepRow(step) }))
        : [];
    }),
  );
  await indexEpisodes(db, [...insertedIds]);
}

/**
 * Stores what a run made of another run's episodes: its answers and scores, and episodes with them that share the
 * steps of those of the run that `reuse.episodesOf` of its configuration names. A question that it has answered already
 * is left as it is.
 *
 * @throws AppError "invalid-input" where the run reuses none, answers another set, or that run has no episode of a question
 */
export async function storeReusedEpisodes(
  db: Queries,
  ref: AttemptRef,
  { questions, records }: ReportedItem<"reanswered">,
): Promise<void> {
  const reuse = await selectReuse(db, ref.runId, questions);
  if (!reuse?.sourceRunId)
    throw new AppError(
      "invalid-input",
      "This run reuses no other run's episodes (reuse.episodesOf): report its own.",
    );
  if (!reuse.setId)
    throw new AppError(
      "invalid-input",
      `This run does not answer the questions of "${questions}".`,
    );
  const { sourceRunId, setId } = reuse;
  const getIds = await storeScoredAnswers(db, setId, records);
  const rows = records.map((record) => {
    const { answer, score } = getIds(record);
    return {
      id: randomUUID(),
      question_id: record.questionId,
      answer_id: answer,
      score_id: score,
      attribution: record.attribution,
    };
  });
  const found = await insertReusedEpisodes(db, ref, { sourceRunId, setId }, rows);
  if (found < rows.length)
    throw new AppError(
      "invalid-input",
      `Run ${sourceRunId} has stored no episode of ${rows.length - found} of these questions.`,
    );
  await indexEpisodes(
    db,
    rows.map(({ id }) => id),
  );
}

/** Stores which questions could not be answered, with the last reason and the number of tries. */
export async function storeQuestionFailures(
  db: Queries,
  ref: AttemptRef,
  { questions, failures }: ReportedItem<"failures">,
): Promise<void> {
  const setId = await findRunSetId(db, ref.runId, questions);
  const lastByQuestion = new Map(failures.map((failure) => [failure.questionId, failure]));
  await upsertQuestionFailures(db, ref, setId, [...lastByQuestion.values()]);
}

/** The answer of an episode and that of its baseline, each with its scores. */
function getScoredAnswers({ episode, answer, score, otherScores, baseline }: EpisodeRecord): {
  answer: ScoredAnswer;
  baselineAnswer: ScoredAnswer | null;
} {
  const { questionId } = episode;
  return {
    answer: { questionId, answer, score, otherScores },
    baselineAnswer: baseline && { questionId, ...baseline },
  };
}

function toEpisodeRow(
  record: EpisodeRecord,
  getIds: (scoredAnswer: ScoredAnswer) => StoredIds,
): EpisodeRow {
  const { episode, baseline, reward } = record;
  const { answer, baselineAnswer } = getScoredAnswers(record);
  const ids = getIds(answer);
  const baselineIds = baselineAnswer && getIds(baselineAnswer);
  const context = splitDocumentRefs(episode.context);
  const baselineContext = baseline && splitDocumentRefs(baseline.context);
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
    answer_id: ids.answer,
    score_id: ids.score,
    baseline_ids: baselineContext?.ids ?? null,
    baseline_hashes: baselineContext?.hashes ?? null,
    baseline_scores: baselineContext?.scores ?? null,
    baseline_answer_id: baselineIds?.answer ?? null,
    baseline_score_id: baselineIds?.score ?? null,
    reward: reward?.value ?? null,
    reward_detail: reward,
    advantage: record.advantage,
    attribution: record.attribution,
    format_errors: record.formatErrors,
    usage: episode.usage ?? null,
    // Turn 0 is the retrieval with the question itself.
    searches: record.unknownSearches
      ? null
      : episode.steps.filter((step) => step.kind === "retrieve" && step.turn > 0).length,
  };
}

const splitDocumentRefs = (documents: readonly DocumentRef[]) => ({
  ids: documents.map((document) => document.id),
  hashes: documents.map((document) => document.hash),
  scores: documents.map((document) => document.score),
});

async function requireQuestions(
  db: Queries,
  setId: string,
  { questions, records }: ReportedItem<"episodes">,
): Promise<void> {
  const ids = new Set(records.map(({ episode }) => episode.questionId));
  const missing = await selectMissingQuestions(db, setId, [...ids]);
  if (missing.length > 0)
    throw new AppError(
      "invalid-input",
      `Question set "${questions}" has no question ${missing
        .slice(0, 5)
        .map((id) => `"${id}"`)
        .join(", ")}.`,
    );
}

async function requireDocuments(
  db: Queries,
  { documents, records }: ReportedItem<"episodes">,
): Promise<void> {
  const hashes = new Set<string>();
  for (const { episode, baseline } of records)
    for (const { hash } of [...listEpisodeDocuments(episode), ...(baseline?.context ?? [])])
      hashes.add(hash);
  for (const { hash } of documents) hashes.delete(hash);
  if (hashes.size === 0) return;
  const missing = await selectMissingDocuments(db, [...hashes]);
  if (missing.length > 0)
    throw new AppError(
      "invalid-input",
      `The report names ${missing.length} documents whose text was never sent, e.g. ${missing[0]}. Send them in \`documents\`.`,
    );
}
