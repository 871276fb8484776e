import type { TrainConfig } from "@/contracts/run-config/train-config";
import {
  getTrainedMethod,
  RAG_TERMS,
  SEARCH_TERMS,
  TRAINED_METHODS,
  type TrainedMethod,
} from "@/contracts/run-config/trained-method-names";
import { METHODS } from "./methods";
import { getSettingValue } from "./setting-values";

/** Naive RAG and the generator that answers it. */
const OF_GENERATOR = ["generator", "rl.filterAnswered", "rl.ragRuns"] as const;
/** What only the turns of s3 have. */
const OF_TURNS = ["search.select", "search.skipSeen", "search.queryTokens"] as const;
const OF_SEARCH = ["retriever", "search.retrieve", "search.turns"] as const;
const nameWeights = (terms: readonly string[]): string[] =>
  terms.map((term) => `reward.weights.${term}`);

/** Settings, or whole groups of them, that training a method does not read. */
const UNUSED: Readonly<Record<TrainedMethod, readonly string[]>> = {
  s3: [],
  "search-r1": [...OF_GENERATOR, ...OF_TURNS, ...nameWeights(RAG_TERMS)],
  r1: [...OF_GENERATOR, ...OF_TURNS, ...OF_SEARCH, ...nameWeights([...RAG_TERMS, ...SEARCH_TERMS])],
  sft: [...OF_GENERATOR, ...OF_TURNS, ...OF_SEARCH, "reward.weights", "rl"],
};

/** Settings of a group that `UNUSED` names whole which are read all the same: the optimiser's, and the number of steps, which must be 0. */
const USED_BY_SFT: ReadonlySet<string> = new Set([
  "rl.steps",
  "rl.adamBeta1",
  "rl.adamBeta2",
  "rl.weightDecay",
  "rl.gradientClip",
]);

/** Whether a configuration reads a setting, or a group of them, given what it trains. Pure; other kinds of runs read all. */
export function isSettingUsed(path: string, config: unknown): boolean {
  const { kind, method } = (config ?? {}) as { kind?: unknown; method?: unknown };
  const trained = TRAINED_METHODS.find((name) => name === method);
  if (kind !== "train" || trained === undefined) return true;
  if (trained === "sft" && USED_BY_SFT.has(path)) return true;
  return !UNUSED[trained].some((unused) => path === unused || path.startsWith(`${unused}.`));
}

/** Metrics that compare with naive RAG, or that are about selections and the retrieval with the question itself. */
const OF_S3 =
  /^held-out\/(rag_accuracy|gbr|gained|lost|both_)|^reward\/(utility_|gbr$|upstream$)|gold_selected$|implicit_selections$|copied_question$|gold_recall\/turn_0$/;
const OF_SEARCHES =
  /gold_re|^reward\/(gold_recall|search)$|\/(searches|documents|new_documents|redundant_queries)$/;
const OF_SUPERVISED =
  /^(held-out|val|cold-start|system|memory|endpoint)\/|^timing_s\/(testing|save_)/;

/** Whether a training run measures this metric, given what it trains. Pure. */
export function isMetricMeasured(metric: string, config: Pick<TrainConfig, "method">): boolean {
  if (asksGenerator(config)) return true;
  if (OF_S3.test(metric) || (!trainsSearch(config) && OF_SEARCHES.test(metric))) return false;
  return config.method !== "sft" || OF_SUPERVISED.test(metric);
}

/** Whether a training run asks a frozen generator, and so naive RAG. */
export const asksGenerator = (config: Pick<TrainConfig, "method">): boolean =>
  METHODS[getTrainedMethod(config)].answers === "generator";

/** Whether the episodes of a training run search. */
export const trainsSearch = (config: Pick<TrainConfig, "method">): boolean =>
  METHODS[getTrainedMethod(config)].retrieves;

/** The configuration with what its method does not use switched off, so that whoever reads it need not ask again. Pure. */
export function dropUnusedSettings(config: TrainConfig): TrainConfig {
  if (asksGenerator(config)) return config;
  const searches = trainsSearch(config);
  const dropped = [...RAG_TERMS, ...(searches ? [] : SEARCH_TERMS)];
  return {
    ...config,
    search: searches ? config.search : { ...config.search, turns: 0 },
    reward: {
      ...config.reward,
      weights: {
        ...config.reward.weights,
        ...Object.fromEntries(dropped.map((term) => [term, 0])),
      },
    },
    rl: {
      ...config.rl,
      filterAnswered: false,
      ragRuns: undefined,
      // Without reinforcement learning there is no critic.
      ...(config.method === "sft" && { algorithm: "grpo" as const }),
    },
  };
}

/** A setting that a method needs otherwise than a configuration has it. */
export interface MethodChange {
  path: string;
  before: unknown;
  value: unknown;
}

/** Demonstrations where there were none: supervised training has nothing else to learn from. */
const SFT_DEMONSTRATIONS = 384;

/**
 * What of a training configuration its method refuses (contracts' `listTrainedMethodProblems`), with what it needs in its
 * place: the answer is rewarded by exact match where nothing else would be, and supervised training has demonstrations
 * and no steps. Pure; `config` may be what a form holds.
 */
export function listMethodChanges(config: unknown): MethodChange[] {
  const { kind, method } = (config ?? {}) as { kind?: unknown; method?: unknown };
  const trained = TRAINED_METHODS.find((name) => name === method);
  if (kind !== "train" || trained === undefined || trained === "s3") return [];
  const read = (path: string): unknown => getSettingValue(config, path);
  const wanted: [path: string, value: unknown][] = [
    ["search.protocol", "paper"],
    ["search.decoding", "free"],
    ...(read("rl.credit") === "turn" ? [["rl.credit", "episode"] as [string, unknown]] : []),
    ...(trained === "sft" ? listSftNeeds(read) : listRewardNeeds(trained, read)),
  ];
  return wanted.flatMap(([path, value]) =>
    read(path) === value ? [] : [{ path, before: read(path), value }],
  );
}

const listSftNeeds = (read: (path: string) => unknown): [string, unknown][] => [
  ["rl.steps", 0],
  ...(read("coldStart.demonstrations") === 0
    ? [["coldStart.demonstrations", SFT_DEMONSTRATIONS] as [string, unknown]]
    : []),
];

/** Nothing where a term that the method has is weighted. */
function listRewardNeeds(method: TrainedMethod, read: (path: string) => unknown) {
  const weights = (read("reward.weights") ?? {}) as Record<string, unknown>;
  const isRewarded = Object.entries(weights).some(
    ([term, weight]) =>
      weight !== 0 && isSettingUsed(`reward.weights.${term}`, { kind: "train", method }),
  );
  const needs: [string, unknown][] = [
    ["reward.weights.gbr", 0],
    ["reward.weights.exactMatch", 1],
  ];
  return isRewarded ? [] : needs;
}
