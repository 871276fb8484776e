import type { z } from "zod";
import type { importUpstreamResponseSchema } from "@/contracts/api/upstream";
import {
  buildQuestionKey,
  type OutputSequences,
  type ResultsFile,
  type StatsFile,
} from "@/contracts/formats/upstream/files";
import { formatQuestionText } from "@/contracts/formats/upstream/question-text";
import {
  listEpisodeDocuments,
  type Answer,
  type DocumentText,
  type EpisodeRecord,
  type MethodName,
  type Score,
} from "@/contracts/records/episode";
import type { PredictConfig } from "@/contracts/run-config/predict-config";
import type { Question } from "@/contracts/worker-protocol/questions";
import { attributeFailure } from "@/core/episode/turns";
import { scoreByRules } from "@/core/scoring/rule-scoring";
import { parseSequence, type ImportedSteps } from "@/core/upstream/episodes";
import type { UpstreamTable } from "@/core/upstream/tables";
import { hashJson } from "@/lib/hash";
import type { QuestionLookup } from "./question-lookup";

/** From upstream's files of sequences and results to episodes, answers and scores. Pure. */

/** Scores as the file states them; those of our own rules stand beside them. */
const FILE_SCORER = "generation-accuracy/upstream-file";
const FILE_EXACT = "exact-match/upstream-file";
const hashKey = (...parts: unknown[]): string => hashJson(["upstream", ...parts]);

/** Methods whose number of searches is not known without them. */
const SEARCHING: ReadonlySet<string> = new Set<MethodName>([
  "s3",
  "ircot",
  "search-o1",
  "search-r1",
  "deepretrieval",
]);

/** What the two files of a table hold, question by question. */
export interface TableRecords {
  records: EpisodeRecord[];
  /** Texts of the documents that the records name. */
  documents: DocumentText[];
  /** Questions that are not in the set. */
  unmatched: string[];
  /** Questions whose score in the files is no number. */
  unscored: string[];
  /** Windows that upstream's code has cut. */
  cutWindows: number;
}

/** Records of every question that either file holds. */
export function buildTableRecords(
  table: UpstreamTable,
  config: PredictConfig,
  lookup: QuestionLookup,
): TableRecords {
  const documents = new Map<string, DocumentText>();
  const records: EpisodeRecord[] = [];
  const unmatched: string[] = [];
  const unscored: string[] = [];
  let cutWindows = 0;
  // The two files may write one question differently (upstream appends question marks), so both go by the question.
  const [sequences, results] = [
    indexByQuestion(table.sequences, lookup),
    indexByQuestion(table.results, lookup),
  ];
  const textByKey = new Map([...sequences, ...results].map(([key, { text }]) => [key, text]));
  for (const [key, text] of textByKey) {
    const question = lookup.find(text);
    if (!question) {
      unmatched.push(text);
      continue;
    }
    if (results.get(key)?.value.score === null) unscored.push(text);
    const { record, imported } = buildRecord({
      question,
      sequence: sequences.get(key)?.value,
      result: results.get(key)?.value,
      config,
      dataset: table.dataset,
    });
    records.push(record);
    cutWindows += imported.cutWindows;
    for (const document of imported.documents) documents.set(document.hash, document);
  }
  return {
    records,
    documents: [...documents.values()],
    unmatched,
    unscored,
    cutWindows,
  };
}

/** The rows of a file by their question, or its key where the set has none; of several that mean one question, the first. */
function indexByQuestion<T>(
  table: Record<string, T>,
  lookup: QuestionLookup,
): Map<string, { text: string; value: T }> {
  const rows = new Map<string, { text: string; value: T }>();
  for (const [text, value] of Object.entries(table)) {
    const question = lookup.find(text);
    const key = JSON.stringify(question ? { id: question.id } : { key: buildQuestionKey(text) });
    if (!rows.has(key)) rows.set(key, { text, value });
  }
  return rows;
}

/** The record of one question, and the texts that it names. */
function buildRecord({
  question,
  sequence,
  result,
  config,
  dataset,
}: {
  question: Question;
  sequence: OutputSequences[string] | undefined;
  result: ResultsFile[string][string] | undefined;
  config: PredictConfig;
  dataset: string;
}): { record: EpisodeRecord; imported: ImportedSteps } {
  const imported: ImportedSteps = sequence
    ? parseSequence(sequence, question.question)
    : { steps: [], context: [], documents: [], cutWindows: 0 };
  const { steps, context } = imported;
  const asked = formatQuestionText(question);
  // Scores belong to answers: one text that two files score differently is two answers, and each keeps what its file says.
  const answer: Answer | null = result
    ? {
        key: hashKey(
          dataset,
          asked,
          config.generator.model,
          result.answer,
          result.score,
          result.em_score,
        ),
        generator: config.generator.model,
        promptStyle: "upstream",
        text: result.answer,
        seconds: 0,
      }
    : null;
  const toScore = (scorer: string, value: number | null | undefined): Score | null =>
    value === null || value === undefined ? null : { scorer, value };
  const score = toScore(FILE_SCORER, result?.score);
  const exact = toScore(FILE_EXACT, result?.em_score);
  const record: EpisodeRecord = {
    phase: "predict",
    step: null,
    episode: {
      key: hashKey(dataset, asked, config.method, steps, context),
      method: config.method,
      protocol: "upstream",
      questionId: question.id,
      sampleIndex: 0,
      steps,
      context,
    },
    answer,
    score,
    ...(answer && {
      otherScores: [...(exact ? [exact] : []), ...scoreByRules(answer.text, question)],
    }),
    baseline: null,
    reward: null,
    advantage: null,
    attribution: null,
    formatErrors: [],
    ...(SEARCHING.has(config.method) &&
      !steps.some(({ kind }) => kind === "retrieve") && { unknownSearches: true }),
  };
  return { record, imported };
}

/** Names documents as the corpus does, and says where the answer was lost, where that can be known. */
export function applyCorpusIds(
  record: EpisodeRecord,
  ids: ReadonlyMap<string, string>,
  lookup: QuestionLookup,
): EpisodeRecord {
  const rename = <T extends { id: string; hash: string }>(document: T): T => ({
    ...document,
    id: ids.get(document.hash) ?? document.id,
  });
  const { episode, score } = record;
  const context = episode.context.map(rename);
  const renamed = new Map(
    listEpisodeDocuments(episode).map((document) => [document.id, rename(document).id]),
  );
  const steps = episode.steps.map((step) => {
    if (step.kind === "retrieve") return { ...step, documents: step.documents.map(rename) };
    if (step.kind !== "select") return step;
    return { ...step, selected: step.selected.map((id) => renamed.get(id) ?? id) };
  });
  // Files without retrievals cannot tell "never retrieved" from "not selected", nor a corpus we do not hold any gold.
  const isGoldKnown =
    steps.some((step) => step.kind === "retrieve") && context.every(({ hash }) => ids.has(hash));
  const goldIds = isGoldKnown ? lookup.getGoldIds(episode.questionId) : [];
  return {
    ...record,
    episode: { ...episode, context, steps },
    attribution: score ? attributeFailure(steps, context, goldIds, score.value === 1) : null,
  };
}

/** A note where a file of statistics and the imported results disagree; empty where they agree. */
export function compareWithStats(
  stats: StatsFile,
  run: z.infer<typeof importUpstreamResponseSchema>["runs"][number],
): string[] {
  const stated = Object.hasOwn(stats.data_source_stats, run.dataset)
    ? stats.data_source_stats[run.dataset]!
    : null;
  if (!stated || run.accuracy === null) return [];
  const accuracy = stated.accuracy > 1 ? stated.accuracy / 100 : stated.accuracy;
  return stated.total !== run.scored || Math.abs(accuracy - run.accuracy) > 5e-4
    ? [
        `Its statistics state ${stated.total} questions and accuracy ${accuracy.toFixed(4)}; the results hold ${run.scored} and ${run.accuracy.toFixed(4)}.`,
      ]
    : [];
}
