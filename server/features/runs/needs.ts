import { rolesOf } from "@/contracts/run-config/method";
import { searchesLocally } from "@/contracts/run-config/retriever";
import { needsJudge } from "@/contracts/run-config/scoring";
import type { RunConfig } from "@/contracts/run-config/run-config";

/** What a worker must offer to be given a run. */
export interface Needs {
  /** Training and prediction hold the engine; indexing and serving are light. */
  slot: "engine" | "light";
  /** Models that the worker's own engine must have. */
  models: string[];
  /** Corpora that the worker must hold itself; a remote retriever needs none. */
  corpora: string[];
  /** GPUs that vLLM is to have on the worker; absent: no vLLM is needed. */
  vllmGpus?: number;
  /** Name or id of the one worker that may take it; null: any. */
  worker: string | null;
}

/** Derives what a run needs from its configuration. */
export function needsOf(config: RunConfig): Needs {
  if (config.kind === "serve" && config.what === "model") {
    const { server, model, worker } = config;
    // vLLM takes names and folders of its own.
    return {
      slot: "light",
      models: server.kind === "engine" ? [model] : [],
      corpora: [],
      ...(server.kind === "vllm" && { vllmGpus: server.tensorParallelSize }),
      worker,
    };
  }
  const local = searchesLocally(config.retriever);
  const corpus = config.kind === "train" ? config.data.corpus : config.corpus;
  // A corpus that the run itself brings need not be there before.
  const imports = config.kind === "index" && config.source.kind !== "installed";
  const models = new Set<string>();
  const scorer =
    config.kind === "train"
      ? config.reward.scorer
      : config.kind === "predict"
        ? config.scorer
        : null;
  if (scorer !== null && needsJudge(scorer) && "judge" in config && config.judge.endpoint === null)
    models.add(config.judge.model);
  const reuse = config.kind === "predict" ? config.reuse : null;
  const searches = reuse === null || reuse.episodesOf === null;
  const roles = config.kind === "predict" ? rolesOf(config) : null;
  if (
    config.kind === "train" ||
    (config.kind === "predict" && roles?.asksModel && searches && config.searcher.endpoint === null)
  )
    models.add(config.searcher.model);
  if (config.kind === "train" && config.rl.algorithm === "ppo" && config.rl.critic.model !== null)
    models.add(config.rl.critic.model);
  const generates =
    config.kind === "train" ||
    (config.kind === "predict" &&
      !config.reuse.keepAnswers &&
      (!searches || rolesOf(config).generates));
  if (generates && config.generator.endpoint === null) models.add(config.generator.model);
  const retrieves = searches && (roles?.retrieves ?? true);
  return {
    slot: config.kind === "train" || config.kind === "predict" ? "engine" : "light",
    models: [...models],
    corpora: local && retrieves && !imports ? [corpus] : [],
    worker: "worker" in config ? config.worker : null,
  };
}

/** The retrieve-select-turns setting as people write it; null where a run does not search in turns. */
export function settingOf(config: RunConfig): string | null {
  if (config.kind === "train" || (config.kind === "predict" && config.method === "s3"))
    return `${config.search.retrieve}-${config.search.select}-${config.search.turns}`;
  return null;
}

/** The model a run is about. */
export function modelOf(config: RunConfig): string | null {
  if (config.kind === "train") return config.searcher.model;
  if (config.kind === "serve") return config.what === "model" ? config.model : null;
  if (config.kind === "predict")
    return rolesOf(config).asksModel ? config.searcher.model : config.generator.model;
  return null;
}

/** The corpus that a run searches or brings; null where it has none. */
export function corpusOf(config: RunConfig): string | null {
  if (config.kind === "train") return config.data.corpus;
  return config.kind === "serve" && config.what === "model" ? null : config.corpus;
}

/** Metric that stands for a run in a list. */
export const headlineMetric = (kind: RunConfig["kind"]): string =>
  kind === "predict"
    ? "predict/accuracy"
    : kind === "evaluate"
      ? "retrieval/recall@10"
      : "reward/mean";
