import type { z } from "zod";
import { answersItself, buildQuestionsKey } from "@/core/comparability/comparability";
import { describeChoice } from "@/core/questions/choose-questions";
import { METHODS } from "@/core/run/methods";
import { toPredictConfig } from "@/core/run/predict-config";
import { isRule, needsJudge } from "@/contracts/run-config/scoring";
import { AppError, parseOrThrow } from "@/contracts/errors";
import { EXAMPLE_ACTOR } from "@/contracts/records/example-actor";
import { findPreset } from "@/core/presets/run-presets";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { predictConfigSchema, type PredictConfig } from "@/contracts/run-config/predict-config";
import type { QuestionChoice } from "@/contracts/run-config/question-choice";
import type {
  launchMethodsRequestSchema,
  launchMethodsResponseSchema,
} from "@/contracts/api/leaderboard";
import { selectCurrentCorpusVersion } from "@/server/features/corpora/queries";
import type { Scoring } from "@/server/features/scoring/scoring";
import { findCurrentSetId } from "@/server/features/question-sets/versions";
import type { Database } from "@/server/platform/db/database";
import type { Launcher } from "@/server/features/runs/launcher";
import { markMessage } from "@/core/texts/mark-message";
import { describeVariant, getOwnPrompt } from "./method-variant";
import { selectUnfinishedRuns } from "./queries";
import { getEffectiveChoice } from "./result-facts";

/** What a run asks and searches, by content. */
interface Versions {
  questionSetVersion: string;
  /** Questions of the whole set. */
  questions: number;
  corpusVersion: string | null;
}

/** A complete result, or a run on its way to one. */
export interface KnownResult {
  runId: string;
  config: PredictConfig;
  /** Row of the leaderboard. */
  variantId: string;
  versions: Versions;
  example: boolean;
}

/** Complete results by the version of the scorer that gave them. */
export interface CompleteResults {
  present: KnownResult[];
  /** Of rules: their answers are scored anew without a run. */
  earlier: KnownResult[];
}

interface LaunchDependencies {
  database: Database;
  launcher: Launcher;
  scoring: Scoring;
  listCompleteResults: () => Promise<CompleteResults>;
}

/** Preset whose corpus, generator and retriever are taken where no run says. */
const BASE_PRESET = "atlas-s3";

/** What must be equal so that both give the same cell of the leaderboard. */
function formatCellKey({
  variantId,
  config,
  versions: { questionSetVersion, questions, corpusVersion },
}: Omit<KnownResult, "runId" | "example">): string {
  const { generator, judge, scorer } = config;
  const choice = getEffectiveChoice(config, questions);
  const questionsAndCorpus = [
    buildQuestionsKey({ questionSet: config.questions, questionSetVersion, ...choice }),
    config.corpus,
    corpusVersion,
  ];
  const answers = answersItself(config)
    ? null
    : [
        generator.model,
        generator.promptStyle,
        generator.promptTemplate,
        generator.maxTokens,
        generator.thinking,
        generator.documentTemplate,
      ];
  return JSON.stringify([
    variantId,
    questionsAndCorpus,
    answers,
    scorer,
    needsJudge(scorer) ? [judge.model, judge.promptTemplate] : null,
  ]);
}

/**
 * Queues a predict run for each method that has neither a complete result nor a run on its way to one. What an earlier
 * version of the scorer's rule has scored completely is scored again instead.
 */
export async function launchMissing(
  { database, launcher, scoring, listCompleteResults }: LaunchDependencies,
  {
    methods,
    like,
    questions,
    checkpoint,
    untrained,
    ...choice
  }: z.output<typeof launchMethodsRequestSchema>,
  actor: string,
): Promise<z.infer<typeof launchMethodsResponseSchema>> {
  const base = like ? await readPredictConfig(database, like) : getPresetConfig();
  const trained = checkpoint ? await readTrained(database, checkpoint) : null;
  // One of s3 is left aside where s3 is not among the methods.
  if (trained && trained.method !== "s3" && !methods.includes(trained.method))
    throw new AppError(
      "invalid-input",
      `checkpoint: was trained as ${METHODS[trained.method].title}, which is not among the methods. Choose that method too, or another checkpoint.`,
    );
  const configs = methods.map((method) => {
    const config = buildConfig(base, method, questions, choice);
    if (trained?.method === method) return applyTrained(config, trained);
    if (method === "s3" && untrained)
      return { ...config, searcher: { ...config.searcher, checkpoint: null } };
    return config;
  });
  const versions = await readCurrentVersions(database, questions, base.corpus);
  // First what is under way: a run that ends meanwhile is then among the results.
  const unfinished = await listUnfinishedRuns(database);
  const complete = await listCompleteResults();
  const presentByCell = indexByCell([...complete.present, ...unfinished]);
  const outdatedByCell = indexByCell(complete.earlier);
  const wanted = configs.map((config) => {
    const cell = formatCellKey({ variantId: getCurrentVariantId(config), config, versions });
    return { config, known: presentByCell.get(cell), outdated: outdatedByCell.get(cell)?.runId };
  });
  const isMissing = ({ known, outdated }: (typeof wanted)[number]): boolean =>
    known === undefined && outdated === undefined;
  // All are checked before the first is queued: nothing is half launched.
  for (const { config } of wanted.filter(isMissing)) {
    if (like && config.searcher.checkpoint === base.searcher.checkpoint)
      await requireKeptSearcher(database, like, config);
    await launcher.requireReferences(config);
  }
  type Runs = z.infer<typeof launchMethodsResponseSchema>["launched"];
  const [launched, present, rescored]: [Runs, Runs, Runs] = [[], [], []];
  for (const { config, known, outdated } of wanted) {
    const { method } = config;
    if (known !== undefined) present.push({ method, runId: known.runId });
    else if (outdated !== undefined) {
      await scoring.rescore(outdated, isRule(config.scorer) ? config.scorer : undefined);
      rescored.push({ method, runId: outdated });
    } else {
      const run = await launcher.launch(config, { actor, preset: null });
      launched.push({ method, runId: run.id });
    }
  }
  const examples = wanted.filter(({ known }) => known?.example).length;
  return { launched, present, examples, rescored };
}

/** The first run of each cell. */
function indexByCell(results: readonly KnownResult[]): Map<string, KnownResult> {
  const resultByCell = new Map<string, KnownResult>();
  for (const result of results) {
    const cell = formatCellKey(result);
    if (!resultByCell.has(cell)) resultByCell.set(cell, result);
  }
  return resultByCell;
}

/** The configuration of a method on questions, with the corpus, generator, retriever and scorer of `base`. @throws AppError "invalid-input" where they do not go together */
const buildConfig = (
  base: PredictConfig,
  method: PredictConfig["method"],
  questions: string,
  { limit, sampleSeed, skipYesNo }: QuestionChoice,
): PredictConfig =>
  parseOrThrow(
    predictConfigSchema,
    {
      ...base,
      method,
      questions,
      limit,
      sampleSeed,
      skipYesNo,
      matchRun: null,
      reuse: { equalEpisodes: base.reuse.equalEpisodes },
      name: [METHODS[method].title, questions, describeChoice({ limit, sampleSeed, skipYesNo })]
        .filter((part) => part !== null)
        .join(", ")
        .slice(0, 120),
      // Where a method may answer itself or not, the frozen generator answers: else it would be compared with another one.
      methodSettings: {
        ...base.methodSettings,
        answeredBy: "generator",
        ...(base.method === method ? {} : { promptTemplate: null, condensingPrompt: null }),
      },
      searcher: method === "s3" ? base.searcher : { ...base.searcher, checkpoint: null },
    },
    `${METHODS[method].title} with these settings`,
  );

/** The row that a run would have with the prompts of today. */
const getCurrentVariantId = (config: PredictConfig): string =>
  describeVariant(config, null, getOwnPrompt(config)).id;

/** What a run that is launched now asks and searches. */
async function readCurrentVersions(
  { db }: Database,
  questions: string,
  corpus: string,
): Promise<Versions> {
  const set = await db.questionSet.findUniqueOrThrow({
    where: { id: await findCurrentSetId(db, questions) },
    select: { contentHash: true, questions: true },
  });
  return {
    questionSetVersion: set.contentHash,
    questions: set.questions,
    corpusVersion: await selectCurrentCorpusVersion(db, corpus),
  };
}

/** Predict runs that are still to bring results, with the versions that they are pinned to. */
async function listUnfinishedRuns({ db }: Database): Promise<KnownResult[]> {
  const unfinished: KnownResult[] = [];
  for (const { runId, config: stored, attempt, ...versions } of await selectUnfinishedRuns(db)) {
    const { success, data: config } = predictConfigSchema.safeParse(stored);
    if (!success) continue;
    // Its first attempt will find the corpus of then.
    const corpusVersion =
      attempt === 0 && config.reuse.episodesOf === null
        ? await selectCurrentCorpusVersion(db, config.corpus)
        : versions.corpusVersion;
    const variantId = getCurrentVariantId(config);
    unfinished.push({
      runId,
      config,
      variantId,
      versions: { ...versions, corpusVersion },
      example: false,
    });
  }
  return unfinished;
}

async function readPredictConfig({ db }: Database, runId: string): Promise<PredictConfig> {
  const run = await db.run.findUnique({ where: { id: runId }, select: { config: true } });
  if (!run) throw new AppError("not-found", `There is no run ${runId}.`);
  const config = runConfigSchema.parse(run.config);
  if (config.kind !== "predict")
    throw new AppError("invalid-input", "Only a predict run's settings can be taken over.");
  return config;
}

/** @throws AppError "conflict" where the weights that a run searched with are not kept, as those of the example */
async function requireKeptSearcher(
  { db }: Database,
  runId: string,
  { searcher }: PredictConfig,
): Promise<void> {
  if (searcher.checkpoint === null) return;
  const where = { id: searcher.checkpoint, kind: "checkpoint", deletedAt: null };
  if ((await db.artifact.count({ where })) > 0) return;
  const run = await db.run.findUnique({
    where: { id: runId },
    select: { name: true, createdBy: true },
  });
  throw new AppError(
    "conflict",
    `The searcher of "${run?.name ?? runId}" is not kept here${run?.createdBy === EXAMPLE_ACTOR ? markMessage`, as the example brings no weights` : ""}. Let s3 search with another checkpoint or the untrained model, or train one first.`,
  );
}

/** A method with the model of a checkpoint, as it was trained. Who answers stays as the comparison has it. */
function applyTrained(config: PredictConfig, trained: Trained): PredictConfig {
  const { searcher, search, methodSettings } = trained;
  const { retrieve, searches, maxTokens } = methodSettings;
  return {
    ...config,
    searcher,
    search,
    ...(trained.method !== "s3" && {
      methodSettings: { ...config.methodSettings, retrieve, searches, maxTokens },
    }),
  };
}

type Trained = Pick<PredictConfig, "method" | "searcher" | "search" | "methodSettings">;

/** What a checkpoint was trained as, its model, and how it searched in training: it is used as it was trained. */
async function readTrained({ db }: Database, checkpoint: string): Promise<Trained> {
  const artifact = await db.artifact.findUnique({
    where: { id: checkpoint, kind: "checkpoint", deletedAt: null },
    select: { runId: true },
  });
  const run =
    artifact &&
    (await db.run.findUnique({ where: { id: artifact.runId }, select: { config: true } }));
  const config = run ? runConfigSchema.parse(run.config) : null;
  if (config?.kind !== "train")
    throw new AppError(
      "not-found",
      `There is no checkpoint ${checkpoint}, or it is no longer kept.`,
    );
  const { method, searcher, search, methodSettings } = toPredictConfig(config);
  return { method, searcher: { ...searcher, checkpoint }, search, methodSettings };
}

function getPresetConfig(): PredictConfig {
  const config = runConfigSchema.parse(findPreset(BASE_PRESET)?.config);
  if (config.kind !== "predict")
    throw new AppError("internal", `The preset ${BASE_PRESET} is not a predict run.`);
  return config;
}
