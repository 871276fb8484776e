import { looksUpDocuments, searchesLocally } from "@/contracts/run-config/retriever";
import { countSamplerDevices, readSamplerPlacement } from "@/contracts/run-config/sampler";
import type { RunConfig } from "@/contracts/run-config/run-config";
import type { ServeModelConfig } from "@/contracts/run-config/serve-config";
import type { PredictConfig } from "@/contracts/run-config/predict-config";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import { needsJudge } from "@/contracts/run-config/scoring";
import type { PreflightItem } from "@/contracts/worker-protocol/reports";
import { getMethodComponents } from "./methods";
import { listPredictionLimits, listTinkerLimits } from "./tinker-limits";
import { getRunCorpus, getRunScorer } from "./run-summary";
import { asksGenerator, dropUnusedSettings, trainsSearch } from "./trained-method";

/**
 * What a configuration needs, in one place: placement chooses a worker by it, and the preflight of training,
 * prediction, evaluation and serving opens exactly this, as do the tasks that answer single questions.
 */

/** What a worker must offer to be given a run or a task. */
export interface WorkerRequirements {
  /** Training and prediction hold an engine slot; indexing, serving and evaluating retrievers are light. */
  slot: "engine" | "light";
  /** Models that the worker's own engine must have. */
  models: string[];
  /** Corpora that the worker must hold itself; a retriever behind an address needs none. */
  corpora: string[];
  /** GPUs that a vLLM server takes on the worker; absent: no vLLM server is started. */
  vllmGpus?: number;
  /** The worker must have been started to run commands; absent: it need not. */
  commands?: boolean;
  /** Why no worker that trains at a Tinker service can take it, by settings; absent: one can. */
  ownEngine?: string[];
  /** Name or id of the one worker that may take it; null: any. */
  worker: string | null;
}

/** Where a model is asked: the worker's own engine, or an endpoint. */
type ModelHost = "engine" | "endpoint";

/** Everything that a run opens or reads before its work begins. */
export interface RunRequirements extends WorkerRequirements {
  /** A retriever is opened. */
  retriever: boolean;
  /** The worker's own engine is opened. */
  engine: boolean;
  /** vLLM samples the episodes of training. */
  sampler: boolean;
  /** The searcher, or the model that a method itself asks; null: none. */
  searcher: ModelHost | null;
  /** The frozen generator; null: nothing is answered by it. */
  generator: ModelHost | null;
  /** The model that judges answers; null: a rule scores them, or nothing is scored. */
  judge: ModelHost | null;
  /** Question sets that are read. */
  questions: string[];
  /** Id of the checkpoint that is loaded; null: none. */
  checkpoint: string | null;
  /** What the preflight reports, in the order of the run's page. */
  preflight: PreflightItem["name"][];
}

/** Derives from a configuration alone what its run needs. Pure. */
export function requirementsFor(config: RunConfig): RunRequirements {
  switch (config.kind) {
    case "train":
      return requirementsForTraining(config);
    case "predict":
      return requirementsForPrediction(config);
    case "serve":
      if (config.what === "model") return requirementsForServedModel(config);
      return {
        ...buildLightRequirements(config.worker),
        corpora: listLocalCorpora(config),
        retriever: true,
        preflight: ["retriever"],
      };
    case "index": {
      // A corpus that the run itself imports need not be there before.
      const imports = config.source.kind !== "installed";
      return {
        ...buildLightRequirements(config.worker),
        corpora: imports ? [] : listLocalCorpora(config),
      };
    }
    case "external":
      return buildLightRequirements(null);
    case "command":
      // It trains, as a run of the worker's engine does.
      return { ...buildLightRequirements(config.worker), slot: "engine", commands: true };
    case "evaluate":
      return {
        ...buildLightRequirements(null),
        corpora: listLocalCorpora(config),
        retriever: true,
        questions: [config.questions],
        preflight: ["retriever", "questions"],
      };
  }
}

/**
 * Derives what the gains of an episode's turns need: the generator of its run answers, its scorer scores, and the gold
 * documents are looked up where its question names some and its retriever can. Pure.
 */
export function requirementsForTurnGains(
  config: TrainConfig | PredictConfig,
  question: { goldIds: readonly string[] },
): RunRequirements {
  const { generator, judge, retriever } = config;
  const generatorHost = getHost(generator.endpoint);
  const judgeHost = needsJudge(getRunScorer(config)) ? getHost(judge.endpoint) : null;
  const looksUpGold = question.goldIds.length > 0 && looksUpDocuments(retriever);
  return {
    ...buildLightRequirements(null),
    models: listUnique([
      judgeHost === "engine" && judge.model,
      generatorHost === "engine" && generator.model,
    ]),
    corpora: looksUpGold ? listLocalCorpora({ corpus: getRunCorpus(config), retriever }) : [],
    retriever: looksUpGold,
    engine: [generatorHost, judgeHost].includes("engine"),
    generator: generatorHost,
    judge: judgeHost,
  };
}

function requirementsForTraining(config: TrainConfig): RunRequirements {
  const used = dropUnusedSettings(config);
  const { data, searcher, generator, judge, reward, rl, evaluation } = used;
  const retriever = trainsSearch(config);
  const generatorHost = asksGenerator(config) ? getHost(generator.endpoint) : null;
  const judgeHost = needsJudge(reward.scorer) ? getHost(judge.endpoint) : null;
  const criticModel = rl.algorithm === "ppo" ? rl.critic.model : null;
  const sampler = searcher.sampler === "vllm";
  const placement = readSamplerPlacement(searcher);
  // Of its own GPUs at least one is left for the engine.
  const vllmGpus = countSamplerDevices(placement) + (placement.placement === "apart" ? 1 : 0);
  return {
    slot: "engine",
    worker: null,
    models: listUnique([
      judgeHost === "engine" && judge.model,
      searcher.model,
      criticModel,
      generatorHost === "engine" && generator.model,
    ]),
    corpora: retriever
      ? listLocalCorpora({ corpus: data.corpus, retriever: config.retriever })
      : [],
    retriever,
    engine: true,
    sampler,
    ...(sampler ? { vllmGpus } : {}),
    ...buildOwnEngine(listTinkerLimits(used)),
    searcher: "engine",
    generator: generatorHost,
    judge: judgeHost,
    questions: listUnique([data.trainQuestions, evaluation.questions > 0 && data.heldOutQuestions]),
    checkpoint: searcher.checkpoint,
    preflight: listTrue([
      ["retriever", retriever],
      ["engine", true],
      ["sampler", sampler],
      ["generator", generatorHost !== null],
      ["judge", judgeHost !== null],
      ["questions", true],
      ["checkpoint", searcher.checkpoint !== null],
    ]),
  };
}

function requirementsForPrediction(config: PredictConfig): RunRequirements {
  const { searcher, generator, judge, reuse } = config;
  // Stored episodes are answered or scored again: nothing is searched, and the method's own model is not asked.
  const searches = reuse.episodesOf === null;
  const components = getMethodComponents(config);
  const retriever = searches && components.retrieves;
  const generates = !reuse.keepAnswers && (!searches || components.generates);
  const searcherHost = searches && components.asksModel ? getHost(searcher.endpoint) : null;
  const generatorHost = generates ? getHost(generator.endpoint) : null;
  const judgeHost = needsJudge(config.scorer) ? getHost(judge.endpoint) : null;
  const engine = [searcherHost, generatorHost, judgeHost].includes("engine");
  return {
    slot: "engine",
    worker: null,
    models: listUnique([
      judgeHost === "engine" && judge.model,
      searcherHost === "engine" && searcher.model,
      generatorHost === "engine" && generator.model,
    ]),
    corpora: retriever ? listLocalCorpora(config) : [],
    retriever,
    engine,
    ...(searcherHost === "engine" ? buildOwnEngine(listPredictionLimits(config)) : {}),
    sampler: false,
    searcher: searcherHost,
    generator: generatorHost,
    judge: judgeHost,
    questions: [config.questions],
    checkpoint: searches ? searcher.checkpoint : null,
    preflight: listTrue([
      ["retriever", retriever],
      ["engine", engine],
      ["searcher", searcherHost === "endpoint"],
      ["generator", generates],
      ["judge", judgeHost !== null],
      ["questions", true],
    ]),
  };
}

function requirementsForServedModel(config: ServeModelConfig): RunRequirements {
  const { server, model, checkpoint, worker } = config;
  const shared = { ...buildLightRequirements(worker), checkpoint };
  // vLLM takes folders and names of its own, so the model need not be one of the worker's.
  if (server.kind === "vllm")
    return { ...shared, vllmGpus: server.tensorParallelSize, preflight: ["vllm"] };
  return { ...shared, models: [model], engine: true, preflight: ["model", "engine"] };
}

const buildOwnEngine = (limits: string[]): Pick<WorkerRequirements, "ownEngine"> =>
  limits.length === 0 ? {} : { ownEngine: limits };

/** A run that holds a light slot and needs nothing else. */
const buildLightRequirements = (worker: string | null): RunRequirements => ({
  slot: "light",
  worker,
  models: [],
  corpora: [],
  retriever: false,
  engine: false,
  sampler: false,
  searcher: null,
  generator: null,
  judge: null,
  questions: [],
  checkpoint: null,
  preflight: [],
});

const listLocalCorpora = ({
  corpus,
  retriever,
}: {
  corpus: string;
  retriever: Parameters<typeof searchesLocally>[0];
}): string[] => (searchesLocally(retriever) ? [corpus] : []);

const getHost = (endpoint: string | null): ModelHost => (endpoint === null ? "engine" : "endpoint");

const listUnique = (names: readonly (string | false | null)[]): string[] => [
  ...new Set(names.filter((name) => typeof name === "string")),
];

const listTrue = <T extends string>(entries: readonly (readonly [T, boolean])[]): T[] =>
  entries.flatMap(([name, applies]) => (applies ? [name] : []));
