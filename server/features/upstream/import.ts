import { createHash } from "node:crypto";
import type { z } from "zod";
import { scoreByRules } from "@/core/scoring/rule-scoring";
import {
  documentsOf,
  type Answer,
  type DocumentText,
  type EpisodeRecord,
  type Score,
} from "@/contracts/records/episode";
import { AppError } from "@/contracts/errors";
import { predictConfigSchema, type RunConfig } from "@/contracts/run-config/run-config";
import { attributeFailure } from "@/core/episode/turns";
import { stepsOfSequence } from "@/core/upstream/episodes";
import {
  questionKey,
  type OutputSequences,
  type ResultsFile,
  type StatsFile,
} from "@/contracts/formats/upstream/files";
import {
  baseOf,
  readUpstreamFolder,
  type UpstreamRollouts,
  type UpstreamTable,
} from "@/core/upstream/tables";
import type { AttemptRef, Question } from "@/contracts/worker-protocol/worker-protocol";
import type {
  importUpstreamRequestSchema,
  importUpstreamResponseSchema,
} from "@/contracts/api/upstream";
import type { Catalogue } from "@/server/features/question-sets/catalogue";
import type { Database } from "@/server/platform/db/database";
import { storeEpisodes } from "@/server/features/episodes/store";
import type { ExternalRuns } from "@/server/features/runs/external";
import { QuestionBook, questionsOf } from "./question-book";
import { rolloutRecords, rolloutConfig, goldenOfRollouts } from "./rollouts";

type Request = z.output<typeof importUpstreamRequestSchema>;
type Response = z.infer<typeof importUpstreamResponseSchema>;
type Sequences = OutputSequences[string];
type Result = ResultsFile[string][string];

const BATCH = 250;
/** Scores as the file states them; those of our own rules stand beside them. */
const FILE_SCORER = "generation-accuracy/upstream-file";
const FILE_EXACT = "exact-match/upstream-file";
const keyOf = (...parts: unknown[]): string =>
  createHash("sha256")
    .update(JSON.stringify(["upstream", ...parts]))
    .digest("hex");

/** Upstream's result files become runs: marked external, with episodes, answers and scores as far as the files hold them. */
export class UpstreamImport {
  constructor(
    private readonly database: Database,
    private readonly catalogue: Catalogue,
    private readonly external: ExternalRuns,
  ) {}

  /**
   * Imports every table and every folder of rollouts; what cannot be used is named with its reason, and the rest is
   * imported all the same.
   * @throws AppError "invalid-input" where nothing could be imported
   */
  async import(request: Request, actor: string): Promise<Response> {
    const folder = readUpstreamFolder(request.files);
    const runs: Response["runs"] = [];
    const { skipped } = folder;
    const problems = [...folder.problems];
    const attempt = async (
      paths: readonly string[],
      make: () => Promise<Response["runs"][number]>,
    ): Promise<void> => {
      try {
        runs.push(await make());
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        for (const path of paths) problems.push({ path, reason: error.message });
      }
    };
    for (const table of folder.tables) {
      await attempt(table.files, async () => {
        const run = await this.importTable(table, request, actor);
        run.notes.push(...table.stats.flatMap((stats) => statsNotes(stats, run)));
        return run;
      });
    }
    for (const rollouts of folder.rollouts)
      await attempt(
        rollouts.files.map(({ path }) => path),
        () => this.importRollouts(rollouts, request, actor),
      );
    if (runs.length > 0) return { runs, skipped, problems };
    if (problems.length > 0)
      throw new AppError(
        "invalid-input",
        `Nothing was imported. ${problems.map(({ path, reason }) => `${path}: ${reason}`).join("\n")}`,
      );
    throw new AppError(
      "invalid-input",
      "None of these files is one of upstream's: DATASET_output_sequences.json, rag_cache.json, results/NAME.json, NAME_stats.json, or a rollout JSONL of verl.",
    );
  }

  private async importTable(
    table: UpstreamTable,
    request: Request,
    actor: string,
  ): Promise<Response["runs"][number]> {
    const golden = new Map(
      Object.entries(table.sequences).map(
        ([text, { golden_answers: answers }]) => [text, answers] as const,
      ),
    );
    const { set, book } = await this.questions(table.dataset, golden, request, actor);
    const method = table.method === "rag" ? "rag" : (request.method ?? table.method ?? "s3");
    const config = predictConfigSchema.parse({
      kind: "predict",
      name: `${request.name ?? baseOf(table.label)} · ${table.dataset}`.slice(0, 120),
      method,
      corpus: request.corpus,
      questions: set,
      search: { protocol: "upstream" },
      generator: { model: request.generator, promptStyle: "chat" },
      scorer: "generation-accuracy",
    });
    const documents = new Map<string, DocumentText>();
    const records: EpisodeRecord[] = [];
    const unmatched: string[] = [];
    // The two files may write one question differently (upstream appends question marks), so both go by its key.
    const [sequences, results] = [byQuestion(table.sequences), byQuestion(table.results)];
    for (const [key, text] of new Map(
      [...sequences, ...results].map(([key, { text }]) => [key, text]),
    )) {
      const question = book.find(text);
      if (!question) unmatched.push(text);
      else
        records.push(
          recordOf({
            question,
            sequence: sequences.get(key)?.value,
            result: results.get(key)?.value,
            config,
            documents,
            dataset: table.dataset,
          }),
        );
    }
    const ids = await this.corpusIds(request.corpus, [...documents.keys()]);
    const named = records.map((record) => withCorpusIds(record, ids, book));
    return this.store(
      config,
      named,
      [...documents.values()].map((d) => ({ ...d, id: ids.get(d.hash) ?? d.id })),
      { set, dataset: table.dataset, unmatched, actor, source: table.label },
    );
  }

  private async importRollouts(
    { label, files }: UpstreamRollouts,
    request: Request,
    actor: string,
  ): Promise<Response["runs"][number]> {
    const rollouts = files.map(({ file }) => file);
    const { set, book } = await this.questions(
      "rollouts",
      goldenOfRollouts(rollouts),
      request,
      actor,
    );
    const config = rolloutConfig({ ...request, name: request.name ?? baseOf(label) }, set);
    const { records, unmatched, points } = rolloutRecords(rollouts, book);
    return this.store(config, records, [], {
      set,
      dataset: "rollouts",
      unmatched,
      actor,
      source: label,
      points,
    });
  }

  private async questions(
    dataset: string,
    golden: ReadonlyMap<string, readonly string[]>,
    request: Request,
    actor: string,
  ): Promise<{ set: string; book: QuestionBook }> {
    const set = request.questions ?? `upstream/${dataset.replace(/[^\w.-]+/g, "_")}`;
    const known = (await this.catalogue.questionSets()).some(({ name }) => name === set)
      ? await this.bookOf(set)
      : null;
    // Another method's files on the same questions, in whatever order, are of the same set: else they could not be compared.
    if (
      request.questions !== null ||
      (known !== null && [...golden.keys()].every((text) => known.find(text) !== null))
    )
      return { set, book: known ?? (await this.bookOf(set)) };
    const questions = questionsOf(golden);
    if (questions.length > 0) await this.catalogue.storeQuestionSet(set, questions, actor);
    else if (known === null)
      throw new AppError(
        "invalid-input",
        `The files of ${dataset} hold no gold answers, so no question set can be made of them. Import the set first and name it.`,
      );
    return { set, book: await this.bookOf(set) };
  }

  /** @throws AppError "not-found" where there is no such set */
  private async bookOf(set: string): Promise<QuestionBook> {
    const all: Question[] = [];
    for (let after: string | null = null; ;) {
      const page = await this.catalogue.questionPage({ set, after, limit: 5000 });
      all.push(...page.questions);
      if (page.next === null) return new QuestionBook(all);
      after = page.next;
    }
  }

  private async store(
    config: RunConfig,
    records: readonly EpisodeRecord[],
    documents: readonly DocumentText[],
    about: {
      set: string;
      dataset: string;
      unmatched: string[];
      actor: string;
      source: string;
      points?: { name: string; step: number; value: number }[];
    },
  ): Promise<Response["runs"][number]> {
    const { set, unmatched, actor } = about;
    if (records.length === 0)
      throw new AppError(
        "invalid-input",
        `${about.source}: none of its ${unmatched.length} questions is in the set "${set}", e.g. ${JSON.stringify(unmatched[0]?.slice(0, 120))}. Name the set that they are of.`,
      );
    const ref: AttemptRef = await this.external.begin(config, about.source, actor);
    const textOf = new Map(documents.map((document) => [document.hash, document]));
    for (let start = 0; start < records.length; start += BATCH) {
      const batch = records.slice(start, start + BATCH);
      const hashes = new Set(
        batch.flatMap(({ episode }) => documentsOf(episode).map(({ hash }) => hash)),
      );
      await this.database.transact((tx) =>
        storeEpisodes(tx.db, ref, {
          kind: "episodes",
          corpus:
            config.kind === "train"
              ? config.data.corpus
              : config.kind === "predict"
                ? config.corpus
                : "",
          questions: set,
          documents: [...hashes].flatMap((hash) => textOf.get(hash) ?? []),
          records: batch,
        }),
      );
    }
    const scores = records.flatMap(({ score }) => (score ? [score.value] : []));
    const accuracy =
      scores.length > 0 ? scores.reduce((sum, value) => sum + value, 0) / scores.length : null;
    const points =
      about.points ??
      (accuracy === null
        ? []
        : [{ name: "predict/accuracy", step: scores.length, value: accuracy }]);
    await this.external.finish(ref, config, points, actor, `imported from ${about.source}`);
    const notes =
      scores.length < records.length && config.kind === "predict"
        ? [
            `${records.length - scores.length} of ${records.length} questions have no score in the files; accuracy counts the others only.`,
          ]
        : [];
    return {
      id: ref.runId,
      name: config.name,
      dataset: about.dataset,
      questions: set,
      episodes: records.length,
      scored: scores.length,
      accuracy,
      unmatched: unmatched.slice(0, 50),
      unmatchedCount: unmatched.length,
      notes,
    };
  }

  /** Ids of documents in a corpus that the server knows, by content: so gold passages are recognised. */
  private async corpusIds(corpus: string, hashes: readonly string[]): Promise<Map<string, string>> {
    const rows = await this.database.db.$queryRaw<{ hash: string; id: string }[]>`
      SELECT DISTINCT ON (cd.hash) cd.hash, cd.document_id AS id FROM corpus_documents cd JOIN corpora c ON c.id = cd.corpus_id
      WHERE c.name = ${corpus} AND cd.hash = ANY(${hashes}::text[]) ORDER BY cd.hash, c.created_at DESC`;
    return new Map(rows.map(({ hash, id }) => [hash, id]));
  }
}

/** The rows of a file by the key of their question; of several that mean one question, the first. */
function byQuestion<T>(table: Record<string, T>): Map<string, { text: string; value: T }> {
  const rows = new Map<string, { text: string; value: T }>();
  for (const [text, value] of Object.entries(table))
    if (!rows.has(questionKey(text))) rows.set(questionKey(text), { text, value });
  return rows;
}

function recordOf({
  question,
  sequence,
  result,
  config,
  documents,
  dataset,
}: {
  question: Question;
  sequence: Sequences | undefined;
  result: Result | undefined;
  config: Extract<RunConfig, { kind: "predict" }>;
  documents: Map<string, DocumentText>;
  dataset: string;
}): EpisodeRecord {
  const read = sequence ? stepsOfSequence(sequence) : { steps: [], context: [], documents: [] };
  for (const document of read.documents) documents.set(document.hash, document);
  // Scores belong to answers: one text that two files score differently is two answers, and each keeps what its file says.
  const answer: Answer | null = result
    ? {
        key: keyOf(
          dataset,
          question.question,
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
  const score: Score | null = result ? { scorer: FILE_SCORER, value: result.score } : null;
  const exact: Score[] =
    result?.em_score === undefined ? [] : [{ scorer: FILE_EXACT, value: result.em_score }];
  return {
    phase: "predict",
    step: null,
    episode: {
      key: keyOf(dataset, question.question, config.method, read.steps, read.context),
      method: config.method,
      protocol: "upstream",
      questionId: question.id,
      sampleIndex: 0,
      steps: read.steps,
      context: read.context,
    },
    answer,
    score,
    ...(answer && { otherScores: [...exact, ...scoreByRules(answer.text, question)] }),
    baseline: null,
    reward: null,
    advantage: null,
    attribution: null,
    formatErrors: [],
  };
}

/** Names documents as the corpus does, and says where the answer was lost, where that can be known. */
function withCorpusIds(
  record: EpisodeRecord,
  ids: ReadonlyMap<string, string>,
  book: QuestionBook,
): EpisodeRecord {
  const named = <T extends { id: string; hash: string }>(document: T): T => ({
    ...document,
    id: ids.get(document.hash) ?? document.id,
  });
  const { episode, score } = record;
  const context = episode.context.map(named);
  const steps = episode.steps.map((step) =>
    step.kind === "retrieve" ? { ...step, documents: step.documents.map(named) } : step,
  );
  // Files without retrievals cannot tell "never retrieved" from "not selected", nor a corpus we do not hold any gold.
  const knows =
    steps.some((step) => step.kind === "retrieve") && context.every(({ hash }) => ids.has(hash));
  const goldIds = knows ? book.goldIds(episode.questionId) : [];
  return {
    ...record,
    episode: { ...episode, context, steps },
    attribution: score ? attributeFailure(steps, context, goldIds, score.value === 1) : null,
  };
}

/** Where a file of statistics and the results disagree, that is said. */
function statsNotes(stats: StatsFile, run: Response["runs"][number]): string[] {
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
