import { describeLibrary } from "@/gpu-workers/llm/model-files/installed-model";
import { join } from "node:path";
import { AppError } from "@/contracts/errors";
import { chooseQuestions, describeSkipped } from "@/core/questions/choose-questions";
import { parseRunIds } from "@/contracts/run-config/rl";
import { readSamplerPlacement } from "@/contracts/run-config/sampler";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import type { Question } from "@/contracts/worker-protocol/questions";
import {
  Preflight,
  waitForAll,
  waitForEngine,
  type ReportDetail,
} from "@/gpu-workers/jobs/context/preflight";
import { RetryStats } from "@/gpu-workers/llm/endpoint/retry-stats";
import { UsageSum } from "@/gpu-workers/llm/usage-sum";
import type { EngineClient, EngineModel } from "@/gpu-workers/llm/engine/client";
import { VllmSampler } from "@/gpu-workers/llm/vllm-server/sampler";
import { sharesBase } from "@/core/memory/training-memory";
import { requirementsFor } from "@/core/run/requirements";
import { dropUnusedSettings, trainsSearch } from "@/core/run/trained-method";
import { createAlgorithm } from "@/gpu-workers/rl/algorithms/create-algorithm";
import { pickHeldOutQuestions } from "@/gpu-workers/rl/held-out-evaluation";
import { openCritic, openPolicy, type Policy } from "@/gpu-workers/rl/policy";
import {
  loadModels,
  loadWeightsOnly,
  readTrainerState,
  type TrainerState,
} from "@/gpu-workers/rl/trainer-state";
import { getBaselineKey } from "@/gpu-workers/searcher/rag-baseline";
import { matchBaselines, type KnownBaselines } from "@/gpu-workers/searcher/known-baselines";
import { hasGoldPath } from "@/gpu-workers/searcher/gold-path";
import { markMessage } from "@/core/texts/mark-message";
import { buildMemoryWarning, describeEngineMachine, readShapes } from "./memory-warning";
import { describeRanks } from "./describe-ranks";
import { Training, type TrainingContext } from "./training";

/** Policy and critic as the engine has loaded them. */
interface LoadedModels {
  policy: Policy;
  critic: EngineModel | null;
}

/** Opens services, models and questions of a training run, each reported. @throws the first failure */
export async function openTraining(
  context: TrainingContext,
  wholeConfig: TrainConfig,
): Promise<Training> {
  const config = dropUnusedSettings(wholeConfig);
  const retryStats = new RetryStats();
  const endpointUsage = new UsageSum("endpoint");
  const preflight = new Preflight(context, config);
  const { requirements } = preflight;
  try {
    const engine = preflight.openEngine(
      (client, onDetail) => loadTrainedModels(context, config, client, onDetail),
      ({ policy, critic }) =>
        `${config.searcher.model}${describeTrained(policy.model)}${describeLibrary(policy.model.info)}${critic ? `; ${markMessage`critic: ${describeSize(critic)}`}` : ""}`,
    );
    const models = engine.then((opened) => opened.models);
    models.catch(() => undefined); // Not every run waits for it.
    const [retriever, { client }, generator, questions, branch] = await waitForAll([
      requirements.retriever ? preflight.openRetriever(config.data.corpus, config.retriever) : null,
      engine,
      requirements.generator === null
        ? null
        : preflight.openGenerator(config.generator, {
            endpoint: { onAttempt: retryStats.record, onUsage: endpointUsage.add },
          }),
      preflight.check(
        "questions",
        () => loadQuestions(context, config),
        ({ train, heldOut, baselines }) =>
          `${markMessage`${train.length} to train on, ${heldOut.length} held out`}${describeBaselines(train, baselines)}`,
      ),
      requirements.checkpoint === null
        ? null
        : preflight.check(
            "checkpoint",
            () => loadCheckpoint(context, config, requirements.checkpoint!, models),
            ({ step }) =>
              step === null ? markMessage`loaded` : markMessage`weights after step ${step}`,
          ),
      requirements.sampler ? openSampler(preflight, context, config, engine) : null,
      requirements.judge === null ? null : preflight.checkJudge(config),
    ] as const);
    const training = new Training(context, config, {
      ...(await models),
      engine: client,
      retriever,
      generator,
      retryStats,
      endpointUsage,
      trainQuestions: questions.train,
      heldOutQuestions: questions.heldOut,
      baselines: questions.baselines,
      release: () => preflight.release(),
    });
    // A run that resumes has a state of its own.
    if (branch?.state && context.resume === null) training.state.branchFrom(branch.state);
    return training;
  } catch (error) {
    preflight.release();
    throw error;
  }
}

async function loadTrainedModels(
  context: TrainingContext,
  config: TrainConfig,
  client: EngineClient,
  onDetail: ReportDetail,
): Promise<LoadedModels> {
  const { signal } = context;
  const capabilities = await client.getCapabilities({ signal });
  if (capabilities.service) requireServed(config, capabilities.service.url);
  if (capabilities.cluster) context.log("info", describeRanks(capabilities.cluster));
  const machine = describeEngineMachine(capabilities);
  const shapes = await readShapes(config);
  const warning = capabilities.service ? null : buildMemoryWarning(config, capabilities, shapes);
  if (warning !== null) context.log("warn", warning);
  onDetail(markMessage`loading ${config.searcher.model}`);
  const shardsBase = sharesBase(config, machine, shapes);
  const policy = await openPolicy(client, config.searcher, config.seed, signal, shardsBase);
  const critic = createAlgorithm(config.rl).usesCritic
    ? await openCritic(client, policy, config, signal, shardsBase)
    : null;
  return { policy, critic };
}

/** @throws AppError "unsupported" where a Tinker service cannot do what the run asks for */
function requireServed(config: TrainConfig, url: string): void {
  const { ownEngine } = requirementsFor(config);
  if (ownEngine)
    throw new AppError(
      "unsupported",
      `The Tinker service at ${url} cannot follow ${ownEngine.join("; ")}.`,
    );
}

/** Starts vLLM, from which the policy samples then. */
function openSampler(
  preflight: Preflight,
  { runId, services, signal, workDir }: TrainingContext,
  { searcher }: TrainConfig,
  engine: Promise<{ client: EngineClient; models: LoadedModels }>,
): Promise<number> {
  return preflight.check(
    "sampler",
    async (onDetail) => {
      const { client, models } = await waitForEngine(engine);
      const { policy } = models;
      const { dtype } = await client.getCapabilities({ signal });
      const { model, tuning, adapter, samplerMemory } = searcher;
      const placement = readSamplerPlacement(searcher);
      const weights =
        tuning === "full"
          ? ({ kind: "full", runId } as const)
          : ({ kind: "adapter", rank: adapter.rank } as const);
      const clients = preflight.keep(
        await services.acquireSampler(
          { model, weights, memoryShare: samplerMemory, dtype, placement },
          signal,
          onDetail,
        ),
      );
      policy.vllm = new VllmSampler({
        clients,
        model: policy.model,
        tokenizer: policy.tokenizer,
        directory: join(workDir, "vllm-weights"),
        kind: weights.kind,
        tensorParallelSize: placement.tensorParallelSize,
        dtype,
      });
      return clients.length;
    },
    (replicas) =>
      replicas === 1
        ? markMessage`vLLM is healthy`
        : markMessage`${replicas} replicas of vLLM are healthy`,
  );
}

/**
 * Loads the checkpoint that a run branches from.
 *
 * @returns the step it was taken after, where that is known, and the trainer's state, unless only the weights are wanted
 */
async function loadCheckpoint(
  context: TrainingContext,
  config: TrainConfig,
  artifactId: string,
  models: Promise<LoadedModels>,
): Promise<{ step: number | null; state: TrainerState | null }> {
  const { policy, critic } = await waitForEngine(models);
  const { directory, step } = await context.fetchCheckpoint(artifactId);
  if (config.searcher.checkpointState === "weights") {
    await loadWeightsOnly(directory, policy.model, context.signal);
    return { step, state: null };
  }
  const state = await readTrainerState(directory);
  await loadModels(directory, state, policy.model, critic, context.signal);
  return { step, state };
}

const describeSize = ({ info }: EngineModel): string =>
  `${info.trainable.toLocaleString("en")} of ${info.parameters.toLocaleString("en")}`;

/** A service does not tell. */
const describeTrained = (model: EngineModel): string =>
  model.info.service ? "" : `: ${markMessage`${describeSize(model)} parameters are trained`}`;

async function loadQuestions(
  context: TrainingContext,
  config: TrainConfig,
): Promise<{ train: Question[]; heldOut: Question[]; baselines: KnownBaselines | null }> {
  const { ragRuns } = config.rl;
  const [all, heldOut, entries] = await Promise.all([
    context.readQuestions(config.data.trainQuestions),
    config.evaluation.questions === 0 ? [] : context.readQuestions(config.data.heldOutQuestions),
    parseRunIds(ragRuns).length === 0 ? null : context.readStoredBaselines(ragRuns!),
  ]);
  const train = chooseQuestions(all, { limit: null, skipYesNo: config.data.skipYesNo });
  if (train.length === 0)
    throw new AppError(
      "invalid-input",
      all.length === 0
        ? `Question set ${config.data.trainQuestions} is empty.`
        : `Every question of ${config.data.trainQuestions} has an answer yes or no, which data.skipYesNo leaves out.`,
    );
  if (config.data.skipYesNo) context.log("info", describeSkipped(all));
  if (config.coldStart.demonstrations > 0 && trainsSearch(config) && !train.every(hasGoldPath)) {
    throw new AppError(
      "invalid-input",
      `The cold start needs gold documents for every question of ${config.data.trainQuestions}. Set coldStart.demonstrations to 0, or choose a set that has them.`,
    );
  }
  if (config.reward.weights.goldRecall !== 0 && !train.every(({ goldIds }) => goldIds.length > 0)) {
    throw new AppError(
      "invalid-input",
      `The reward's gold recall needs gold documents for every question of ${config.data.trainQuestions}. Set reward.weights.goldRecall to 0, or choose a set that has them.`,
    );
  }
  const evaluated = pickHeldOutQuestions(heldOut, config.evaluation.questions);
  const { scorer } = config.reward;
  if (entries === null) return { train, heldOut: evaluated, baselines: null };
  const ofTraining = matchBaselines(entries, train, scorer);
  warnOfBaselines(context, config, train, ofTraining);
  const { known } = matchBaselines(entries, evaluated, scorer);
  const baselines = { ...ofTraining, known: new Map([...known, ...ofTraining.known]) };
  return { train, heldOut: evaluated, baselines };
}

const describeBaselines = (train: readonly Question[], baselines: KnownBaselines | null): string =>
  baselines === null
    ? ""
    : `; ${markMessage`naive RAG known of ${countKnown(train, baselines)} to train on`}${baselines.imported === 0 ? "" : `, ${markMessage`${baselines.imported} of them as imported files have it`}`}`;

function countKnown(train: readonly Question[], { known }: KnownBaselines): string {
  const held = train.filter((question) => known.has(getBaselineKey(question))).length;
  return `${held} (${((100 * held) / train.length).toFixed(1)}%)`;
}

/** @throws AppError "invalid-input" where the runs hold none of the training questions */
function warnOfBaselines(
  context: TrainingContext,
  { data, generator }: TrainConfig,
  train: readonly Question[],
  { known, conflicting, otherGolds, imported, generators }: KnownBaselines,
): void {
  if (known.size === 0)
    throw new AppError(
      "invalid-input",
      `The runs of rl.ragRuns hold an answer to none of the ${train.length} questions of ${data.trainQuestions}: name runs on these questions, or leave the setting empty.`,
    );
  if (known.size < train.length)
    context.log(
      "warn",
      `naive RAG is known of ${known.size} of ${train.length} training questions; the others are retrieved for and answered in this run.`,
    );
  if (conflicting > 0)
    context.log(
      "warn",
      `the runs of rl.ragRuns score ${conflicting} questions differently, so these are retrieved for and answered in this run.`,
    );
  if (otherGolds > 0)
    context.log(
      "warn",
      `the scores that rl.ragRuns hold of ${otherGolds} questions were made with other gold answers, so these are retrieved for and answered in this run.`,
    );
  if (imported > 0)
    context.log(
      "info",
      `${imported} of naive RAG's answers of rl.ragRuns are from imported files, which do not say their corpus, retriever, number of documents or prompt: they are taken as they are.`,
    );
  const others = generators.filter((name) => name !== generator.model);
  if (others.length > 0)
    context.log(
      "warn",
      `naive RAG's answers of rl.ragRuns are by ${others.join(", ")}, this run's generator is ${generator.model}: the gain is measured against another generator.`,
    );
}
