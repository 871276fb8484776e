import type { z } from "zod";
import { answersItself } from "@/core/comparability/comparability";
import { METHODS } from "@/contracts/run-config/method";
import { needsJudge } from "@/contracts/run-config/scoring";
import { AppError } from "@/contracts/errors";
import { presetById } from "@/core/presets/run-presets";
import {
  predictConfigSchema,
  runConfigSchema,
  type PredictConfig,
} from "@/contracts/run-config/run-config";
import type {
  launchMethodsRequestSchema,
  launchMethodsResponseSchema,
} from "@/contracts/api/leaderboard";
import { currentCorpus, currentSet } from "@/server/features/question-sets/versions";
import type { Database } from "@/server/platform/db/database";
import type { Launcher } from "@/server/features/runs/launcher";
import { entryOf, ownPromptOf } from "./entry";
import { limitOf } from "./facts";

/** What a run asks and searches, by content. */
interface Versions {
  questionSetVersion: string;
  /** Questions of the whole set. */
  questions: number;
  corpusVersion: string | null;
}

/** A complete result, or a run on its way to one. */
export interface Present {
  runId: string;
  config: PredictConfig;
  /** Row of the leaderboard. */
  row: string;
  versions: Versions;
}

interface Parts {
  database: Database;
  launcher: Launcher;
  /** Complete results. */
  results: () => Promise<Present[]>;
}

/** Preset whose corpus, generator and retriever are taken where no run says. */
const BASE_PRESET = "atlas-s3";

/** What must be equal so that both give the same cell of the leaderboard. */
function cellKey({
  row,
  config,
  versions: { questionSetVersion, questions, corpusVersion },
}: Omit<Present, "runId">): string {
  const { generator, judge, scorer } = config;
  const asked = [
    config.questions,
    questionSetVersion,
    limitOf(config, questions),
    config.corpus,
    corpusVersion,
  ];
  const answers = answersItself(config)
    ? null
    : [generator.model, generator.promptStyle, generator.promptTemplate, generator.maxTokens];
  return JSON.stringify([
    row,
    asked,
    answers,
    scorer,
    needsJudge(scorer) ? [judge.model, judge.promptTemplate] : null,
  ]);
}

/** Queues a predict run for each method that has neither a complete result nor a run on its way to one. */
export async function launchMissing(
  { database, launcher, results }: Parts,
  { methods, like, questions, limit }: z.output<typeof launchMethodsRequestSchema>,
  actor: string,
): Promise<z.infer<typeof launchMethodsResponseSchema>> {
  const base = like ? await configOf(database, like) : presetConfig();
  const wanted = methods.map((method) =>
    predictConfigSchema.parse({
      ...base,
      method,
      questions,
      limit,
      matchRun: null,
      reuse: { equalEpisodes: base.reuse.equalEpisodes },
      name: `${METHODS[method].title}, ${questions}${limit === null ? "" : `, first ${limit}`}`.slice(
        0,
        120,
      ),
      // Where a method may answer itself or not, the frozen generator answers: else it would be compared with another one.
      methodSettings: {
        ...base.methodSettings,
        answeredBy: "generator",
        ...(base.method === method ? {} : { promptTemplate: null, condensingPrompt: null }),
      },
      searcher: method === "s3" ? base.searcher : { ...base.searcher, checkpoint: null },
    }),
  );
  // All are checked before the first is queued: nothing is half launched.
  for (const config of wanted) await launcher.requireReferences(config);
  const current = await currentVersions(database, questions, base.corpus);
  // First what is under way: a run that ends meanwhile is then among the results.
  const running = await underWay(database);
  const there = [...(await results()), ...running].map((known) => ({
    runId: known.runId,
    cell: cellKey(known),
  }));
  const launched: z.infer<typeof launchMethodsResponseSchema>["launched"] = [];
  const present: typeof launched = [];
  for (const config of wanted) {
    const cell = cellKey({ row: rowOf(config), config, versions: current });
    const found = there.find((known) => known.cell === cell);
    if (found) present.push({ method: config.method, runId: found.runId });
    else
      launched.push({
        method: config.method,
        runId: (await launcher.launch(config, { actor, preset: null })).id,
      });
  }
  return { launched, present };
}

/** The row that a run would have with the prompts of today. */
const rowOf = (config: PredictConfig): string => entryOf(config, null, ownPromptOf(config)).id;

/** What a run that is launched now asks and searches. */
async function currentVersions(
  { db }: Database,
  questions: string,
  corpus: string,
): Promise<Versions> {
  const [set] = await db.$queryRaw<Omit<Versions, "corpusVersion">[]>`
    SELECT content_hash AS "questionSetVersion", questions FROM question_sets WHERE id = ${await currentSet(db, questions)}::uuid`;
  return { ...set!, corpusVersion: await currentCorpus(db, corpus) };
}

/** Predict runs that are still to bring results, with the versions that they are pinned to. */
async function underWay({ db }: Database): Promise<Present[]> {
  const running = await db.$queryRaw<
    ({ runId: string; config: unknown; attempt: number } & Versions)[]
  >`
    SELECT r.id AS "runId", r.config, r.attempt, s.content_hash AS "questionSetVersion", s.questions, coalesce(r.corpus_version, o.corpus_version) AS "corpusVersion"
    FROM runs r JOIN run_question_sets p ON p.run_id = r.id JOIN question_sets s ON s.id = p.set_id LEFT JOIN runs o ON o.id = (r.config #>> '{reuse,episodesOf}')::uuid
    WHERE r.kind = 'predict' AND r.state IN ('queued', 'leased', 'preparing', 'running') ORDER BY r.created_at`;
  const found: Present[] = [];
  for (const { runId, config: stored, attempt, ...versions } of running) {
    const { success, data: config } = predictConfigSchema.safeParse(stored);
    if (!success) continue;
    // Its first attempt will find the corpus of then.
    const corpusVersion =
      attempt === 0 && config.reuse.episodesOf === null
        ? await currentCorpus(db, config.corpus)
        : versions.corpusVersion;
    found.push({ runId, config, row: rowOf(config), versions: { ...versions, corpusVersion } });
  }
  return found;
}

async function configOf(database: Database, runId: string): Promise<PredictConfig> {
  const [row] = await database.db.$queryRaw<
    { config: unknown }[]
  >`SELECT config FROM runs WHERE id = ${runId}::uuid`;
  if (!row) throw new AppError("not-found", `There is no run ${runId}.`);
  const config = runConfigSchema.parse(row.config);
  if (config.kind !== "predict")
    throw new AppError("invalid-input", "Only a predict run's settings can be taken over.");
  return config;
}

function presetConfig(): PredictConfig {
  const config = runConfigSchema.parse(presetById(BASE_PRESET)?.config);
  if (config.kind !== "predict")
    throw new AppError("internal", `The preset ${BASE_PRESET} is not a predict run.`);
  return config;
}
