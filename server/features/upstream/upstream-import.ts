import type { z } from "zod";
import type {
  importUpstreamRequestSchema,
  importUpstreamResponseSchema,
} from "@/contracts/api/upstream";
import { AppError, fromWireError } from "@/contracts/errors";
import { formatQuestionText } from "@/contracts/formats/upstream/question-text";
import {
  listEpisodeDocuments,
  type DocumentText,
  type EpisodeRecord,
} from "@/contracts/records/episode";
import { predictConfigSchema, type PredictConfig } from "@/contracts/run-config/predict-config";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import type { AttemptRef } from "@/contracts/worker-protocol/attempt";
import { getHeadlineMetric } from "@/core/metrics/metrics";
import { getRunCorpus } from "@/core/run/run-summary";
import {
  getBaseName,
  type UpstreamFolder,
  type UpstreamRollouts,
  type UpstreamTable,
} from "@/core/upstream/tables";
import { selectIdsByHash } from "@/server/features/corpora/queries";
import { storeEpisodes } from "@/server/features/episodes/store-episodes";
import type { QuestionSets } from "@/server/features/question-sets/question-sets";
import type { ExternalRuns } from "@/server/features/runs/external-runs";
import type { Database } from "@/server/platform/db/database";
import { buildQuestions, describeUnused, listCorrected, QuestionLookup } from "./question-lookup";
import { buildRolloutConfig, buildRolloutRecords, collectGoldAnswers } from "./rollout-records";
import {
  applyCorpusIds,
  buildTableRecords,
  compareWithStats,
  type TableRecords,
} from "./table-records";
import { chunk } from "@/lib/chunk";
import { askIsolated } from "@/lib/isolated-process";
import type { ReadFolderRequest } from "./read-folder-program";

type Request = z.output<typeof importUpstreamRequestSchema>;
type Response = z.infer<typeof importUpstreamResponseSchema>;
type ImportedRun = Response["runs"][number];

/** Of the process that reads the files, which come in one request of 256 MiB at most. */
const LIMITS = { memoryBytes: 3 * 2 ** 30, silenceMs: 120_000 };

/** Episodes that are stored in one transaction. */
const BATCH = 250;

/** What a run is made of, apart from its configuration. */
interface RunContent {
  dataset: string;
  /** Name of the question set. */
  set: string;
  records: readonly EpisodeRecord[];
  documents: readonly DocumentText[];
  /** Questions of the files that the set does not hold. */
  unmatched: readonly string[];
  /** Questions or rollouts whose score in the files is no number. */
  unscored: readonly string[];
  /** What became of the files' gold answers, for people. */
  notes: readonly string[];
  /** Files that it comes from, for people. */
  source: string;
  /** Metric points; absent: accuracy over the scores. */
  points?: { name: string; step: number; value: number }[];
}

/** The set of the files' questions, and what became of their gold answers. */
interface ResolvedQuestions {
  set: string;
  lookup: QuestionLookup;
  notes: string[];
}

/** Upstream's result files become runs: marked external, with episodes, answers and scores as far as the files hold them. */
export class UpstreamImport {
  constructor(
    private readonly database: Database,
    private readonly questionSets: QuestionSets,
    private readonly external: ExternalRuns,
  ) {}

  /**
   * Imports every table and every folder of rollouts; what cannot be used is named with its reason, and the rest is
   * imported all the same.
   * @throws AppError "invalid-input" where nothing could be imported
   */
  async import(request: Request, actor: string): Promise<Response> {
    const folder = await askIsolated<ReadFolderRequest, UpstreamFolder>({
      program: new URL("./read-folder-program.ts", import.meta.url),
      request: request.files,
      getSubject: () => "The folder",
      limits: LIMITS,
      toError: fromWireError,
    });
    const runs: Response["runs"] = [];
    const { skipped } = folder;
    const problems = [...folder.problems];
    const tryImport = async (
      paths: readonly string[],
      importRun: () => Promise<ImportedRun>,
    ): Promise<void> => {
      try {
        runs.push(await importRun());
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        for (const path of paths) problems.push({ path, reason: error.message });
      }
    };
    for (const table of folder.tables) {
      await tryImport(table.files, async () => {
        const run = await this.importTable(table, request, actor);
        run.notes.push(...table.stats.flatMap((stats) => compareWithStats(stats, run)));
        return run;
      });
    }
    for (const rollouts of folder.rollouts)
      await tryImport(
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
  ): Promise<ImportedRun> {
    const golden = new Map(
      Object.entries(table.sequences).map(
        ([text, { golden_answers: answers }]) => [text, answers] as const,
      ),
    );
    const { set, lookup, notes } = await this.resolveQuestions(
      table.dataset,
      golden,
      request,
      actor,
    );
    const method = table.method === "rag" ? "rag" : (request.method ?? table.method ?? "s3");
    const config = predictConfigSchema.parse({
      kind: "predict",
      name: `${request.name ?? getBaseName(table.label)} · ${table.dataset}`.slice(0, 120),
      method,
      corpus: request.corpus,
      questions: set,
      search: { protocol: "upstream" },
      generator: { model: request.generator, promptStyle: "chat" },
      scorer: "generation-accuracy",
    });
    const built = buildTableRecords(table, config, lookup);
    const { records, documents, unmatched, unscored } = built;
    const ids = await selectIdsByHash(
      this.database.db,
      request.corpus,
      documents.map(({ hash }) => hash),
    );
    return this.storeRun(config, actor, {
      dataset: table.dataset,
      set,
      records: records.map((record) => applyCorpusIds(record, ids, lookup)),
      documents: documents.map((document) => ({
        ...document,
        id: ids.get(document.hash) ?? document.id,
      })),
      unmatched,
      unscored,
      notes: [...notes, ...describeSearches(built)],
      source: table.label,
    });
  }

  private async importRollouts(
    { label, files }: UpstreamRollouts,
    request: Request,
    actor: string,
  ): Promise<ImportedRun> {
    const rollouts = files.map(({ file }) => file);
    const { set, lookup, notes } = await this.resolveQuestions(
      "rollouts",
      collectGoldAnswers(rollouts),
      request,
      actor,
    );
    const config = buildRolloutConfig(
      { ...request, name: request.name ?? getBaseName(label) },
      set,
    );
    const { records, unmatched, unscored, points } = buildRolloutRecords(rollouts, lookup);
    return this.storeRun(config, actor, {
      dataset: "rollouts",
      set,
      records,
      documents: [],
      unmatched,
      unscored,
      notes,
      source: label,
      points,
    });
  }

  /**
   * The set that the questions of files belong to: the one that is named, else one that is made of the files themselves.
   * Gold answers of the files that are others than those of their own set make a new version of it; a set that is named
   * stays as it is, which is said.
   */
  private async resolveQuestions(
    dataset: string,
    golden: ReadonlyMap<string, readonly string[]>,
    request: Request,
    actor: string,
  ): Promise<ResolvedQuestions> {
    const set = request.questions ?? `upstream/${dataset.replace(/[^\w.-]+/g, "_")}`;
    const known = (await this.questionSets.list()).some(({ name }) => name === set)
      ? await this.readLookup(set)
      : null;
    const made = buildQuestions(golden);
    const differing = known === null ? [] : listCorrected(made, known);
    if (request.questions !== null)
      return {
        set,
        lookup: known ?? (await this.readLookup(set)),
        notes: describeUnused(set, differing),
      };
    // Another method's files on the same questions, in whatever order, are of the same set: else they could not be compared.
    const isSame =
      known !== null &&
      [...golden.keys()].every((text) => known.find(text) !== null) &&
      // Options that the set does not have yet make a new version of it.
      made.every((record) => !record.options || known.find(formatQuestionText(record))?.options);
    if (isSame && differing.length === 0) return { set, lookup: known, notes: [] };
    const questions = isSame ? known.withAnswers(differing) : made;
    if (questions.length === 0 && known === null)
      throw new AppError(
        "invalid-input",
        `The files of ${dataset} hold no gold answers, so no question set can be made of them. Import the set first and name it.`,
      );
    const stored =
      questions.length > 0 ? await this.questionSets.store(set, questions, actor) : null;
    const notes = stored?.note ? [`${set}: ${stored.note}`] : [];
    return { set, lookup: await this.readLookup(set), notes };
  }

  /** @throws AppError "invalid-input" where there is no such set */
  private async readLookup(set: string): Promise<QuestionLookup> {
    return new QuestionLookup(await this.questionSets.readAll(set));
  }

  /** Stores a run with its episodes. @throws AppError "invalid-input" where no question is in the set */
  private async storeRun(
    config: PredictConfig | TrainConfig,
    actor: string,
    content: RunContent,
  ): Promise<ImportedRun> {
    const { dataset, set, records, unmatched, source } = content;
    if (records.length === 0)
      throw new AppError(
        "invalid-input",
        `${source}: none of its ${unmatched.length} questions is in the set "${set}", e.g. ${JSON.stringify(unmatched[0]?.slice(0, 120))}. Name the set that they are of.`,
      );
    const ref = await this.external.begin(config, source, actor);
    await this.storeRecords(ref, getRunCorpus(config), content);
    const scores = records.flatMap(({ score }) => (score ? [score.value] : []));
    const accuracy =
      scores.length > 0 ? scores.reduce((sum, value) => sum + value, 0) / scores.length : null;
    const points =
      content.points ??
      (accuracy === null
        ? []
        : [{ name: getHeadlineMetric("predict"), step: scores.length, value: accuracy }]);
    await this.external.finish(ref, config, points, actor, `imported from ${source}`);
    const withoutScore = records.length - scores.length;
    const notes = [...content.notes, ...describeUnscored(content.unscored)];
    if (withoutScore > 0 && config.kind === "predict")
      notes.push(
        `${withoutScore} of ${records.length} questions have no score in the files; accuracy counts the others only.`,
      );
    return {
      id: ref.runId,
      name: config.name,
      dataset,
      questions: set,
      episodes: records.length,
      scored: scores.length,
      accuracy,
      unmatched: unmatched.slice(0, 50),
      unmatchedCount: unmatched.length,
      notes,
    };
  }

  /** Stores episodes in batches, each with the texts that it names. */
  private async storeRecords(
    ref: AttemptRef,
    corpus: string,
    { set, records, documents }: RunContent,
  ): Promise<void> {
    const documentByHash = new Map(documents.map((document) => [document.hash, document]));
    for (const batch of chunk(records, BATCH)) {
      const hashes = new Set(
        batch.flatMap(({ episode }) => listEpisodeDocuments(episode).map(({ hash }) => hash)),
      );
      await this.database.transact(({ db }) =>
        storeEpisodes(db, ref, {
          kind: "episodes",
          corpus,
          questions: set,
          documents: [...hashes].flatMap((hash) => documentByHash.get(hash) ?? []),
          records: batch,
        }),
      );
    }
  }
}

/** Says what the files do not show of the searches. */
function describeSearches({ records, cutWindows }: TableRecords): string[] {
  const notes: string[] = [];
  const withoutSearches = records.filter((record) => record.unknownSearches).length;
  if (withoutSearches > 0)
    notes.push(
      `${withoutSearches} of ${records.length} episodes show no search in the files: their queries and windows are unknown, not none.`,
    );
  if (cutWindows > 0)
    notes.push(
      `${cutWindows} ${cutWindows === 1 ? "window is" : "windows are"} cut in the files, as upstream's code cuts long ones: the last document of each is incomplete.`,
    );
  return notes;
}

/** Names what has NaN or nothing where its score should stand. */
function describeUnscored(unscored: readonly string[]): string[] {
  if (unscored.length === 0) return [];
  const shown = unscored.slice(0, 20).map((text) => JSON.stringify(text));
  const more = unscored.length > shown.length ? ` and ${unscored.length - shown.length} more` : "";
  return [`The score in the files is no number (NaN or null): ${shown.join(", ")}${more}.`];
}
