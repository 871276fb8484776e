import { answersItself } from "@/core/comparability/comparability";
import { METHODS } from "@/core/run/methods";
import { getAblation, type Ablation } from "@/contracts/run-config/scoring";
import type { RetrieverConfig } from "@/contracts/run-config/retriever";
import { findCondensingPrompt, findMethodPrompt } from "@/core/prompts/built-in-prompts";
import type { PromptText } from "@/core/prompts/prompt-text";
import { formatEditedVersion, formatPromptVersion } from "@/core/prompts/prompt-version";
import type { PredictConfig } from "@/contracts/run-config/predict-config";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import { sortKeys } from "@/lib/sort-keys";

/** The checkpoint that a run searched with, and the training run it came from. */
export interface Checkpoint {
  id: string;
  step: number;
  runId: string;
  runName: string;
  config: TrainConfig;
}

/** A row of the leaderboard: what is the same in all of its cells. */
export interface MethodVariant {
  /** Equal for runs that differ only in questions, generator, scorer, seed, name and how endpoints are asked. */
  id: string;
  /** Equal also for checkpoints of trainings that differ in seed and name alone. */
  family: string;
  /** Seed of the training that the checkpoint came from; null without one. */
  trainingSeed: number | null;
  method: string;
  label: string;
  detail: string;
  /** The frozen generator answers; false: the method itself. */
  generates: boolean;
  /** Brought in from another program's files. */
  imported: boolean;
  /** Questions and demonstrations the searcher was trained on; null where it is not known. */
  trainingSamples: number | null;
}

/** What a configuration makes of prompts, temperature and roles; null: as built in, or of no meaning for the method. */
interface Traits {
  generates: boolean;
  prompt: string | null;
  condensingPrompt: string | null;
  temperature: number | null;
  /** Settings of sampling beside the temperature, where they are given. */
  truncation: [name: string, value: number][];
}

/**
 * Describes what a predict run evaluates, by the settings that can change its episodes; how an endpoint is asked cannot.
 * @param ownPrompt with which the method answered itself, e.g. "cot/1"; null where the generator answers
 */
export function describeVariant(
  config: PredictConfig,
  checkpoint: Checkpoint | null,
  ownPrompt: string | null,
): MethodVariant {
  const { method, methodSettings } = config;
  const traits: Traits = {
    generates: !answersItself(config),
    prompt: ownPrompt ?? getEditedMethodPrompt(config),
    condensingPrompt: getEditedPrompt(
      findCondensingPrompt(method),
      methodSettings.condensingPrompt,
    ),
    temperature: METHODS[method].asksModel ? methodSettings.temperature : null,
    truncation: METHODS[method].asksModel ? listTruncation(methodSettings) : [],
  };
  const id = JSON.stringify([method, sortKeys(selectSettings(config, traits))]);
  return {
    id,
    family:
      checkpoint === null
        ? id
        : JSON.stringify([id.replaceAll(checkpoint.id, ""), describeTraining(checkpoint)]),
    trainingSeed: checkpoint?.config.seed ?? null,
    method,
    label: formatLabel(config, checkpoint),
    detail: formatDetail(config, checkpoint, traits),
    generates: traits.generates,
    imported: false,
    trainingSamples: countTrainingSamples(method, checkpoint),
  };
}

function listTruncation({
  topP,
  topK,
  repetitionPenalty,
}: PredictConfig["methodSettings"]): Traits["truncation"] {
  const given = [
    ["top p", topP],
    ["top k", topK],
    ["repetition penalty", repetitionPenalty],
  ] as const;
  return given.flatMap(([name, value]) => (typeof value === "number" ? [[name, value]] : []));
}

/** What two checkpoints share where their trainings differ in seed and name alone. */
function describeTraining({ step, config }: Checkpoint): unknown {
  const { seed: _seed, name: _name, ...settings } = config;
  return sortKeys({ step, settings });
}

/** The settings by which two variants differ. */
function selectSettings(config: PredictConfig, traits: Traits): object {
  const { method, retriever, search, documents, matchRun, methodSettings } = config;
  const ablation = getAblation(config.reuse);
  const { retrieves, asksModel } = METHODS[method];
  const { model, checkpoint, endpoint, dialect, api, thinking } = config.searcher;
  const { generates, prompt, condensingPrompt, temperature, truncation } = traits;
  const common = {
    // Gold documents are looked up, whatever finds the others.
    ...(retrieves && method !== "gold" && { retriever }),
    // An adapter's shape is its checkpoint's; an untrained one changes nothing.
    ...(asksModel && {
      searcher: {
        model,
        checkpoint,
        endpoint,
        ...(endpoint !== null && { api }),
        // A row that leaves these as they were before they existed keeps its name.
        ...(dialect !== undefined && { dialect }),
        ...(thinking !== undefined && { thinking }),
      },
      prompt,
    }),
  };
  if (method === "s3")
    return {
      ...common,
      search,
      temperature,
      ...(ablation !== null && { context: ablation }),
      // A row without them keeps its name.
      ...(truncation.length > 0 && { truncation: Object.fromEntries(truncation) }),
    };
  if (method === "rag") return { ...common, documents, matchRun };
  if (method === "gold") return common;
  return {
    ...common,
    methodSettings: {
      ...methodSettings,
      promptTemplate: null,
      condensingPrompt,
      answeredBy: generates ? "generator" : "method",
    },
    protocol: search.protocol,
  };
}

function formatLabel(
  { method, search, documents, matchRun, searcher, reuse }: PredictConfig,
  checkpoint: Checkpoint | null,
): string {
  if (method === "rag")
    return matchRun === null ? `RAG, top ${documents}` : "RAG, document-matched";
  if (method !== "s3")
    return checkpoint ? `${METHODS[method].title}, step ${checkpoint.step}` : METHODS[method].title;
  const ablation = getAblation(reuse);
  const label = `s3 ${search.retrieve}-${search.select}-${search.turns}${ablation === null ? "" : `, ${ABLATIONS[ablation]}`}`;
  if (checkpoint) return `${label}, step ${checkpoint.step}`;
  // Of a model at an endpoint it is not known here whether it was trained.
  return searcher.endpoint === null ? `${label}, untrained` : label;
}

/** What an ablation leaves out of what the generator reads. */
const ABLATIONS: Record<Ablation, string> = {
  "no-select": "no selection",
  "no-init": "no first window",
  "no-both": "neither selection nor first window",
};

function formatDetail(
  { method, retriever, search, searcher }: PredictConfig,
  checkpoint: Checkpoint | null,
  { generates, prompt, condensingPrompt, temperature, truncation }: Traits,
): string {
  const { retrieves, asksModel } = METHODS[method];
  const model = checkpoint
    ? `${searcher.model}, step ${checkpoint.step} of ${checkpoint.runName}`
    : searcher.model;
  const parts = [
    retrieves ? formatRetriever(retriever) : null,
    asksModel ? model : null,
    asksModel && searcher.thinking !== undefined ? `thinking ${searcher.thinking}` : null,
    generates ? null : "answers itself",
    search.protocol !== "paper" && method !== "rag" ? `protocol ${search.protocol}` : null,
    prompt === null ? null : `prompt ${prompt}`,
    condensingPrompt === null ? null : `condensed by ${condensingPrompt}`,
    temperature === null ? null : `temperature ${temperature}`,
    ...truncation.map(([name, value]) => `${name} ${value}`),
  ];
  return parts.filter((part) => part !== null).join(" · ");
}

/** Questions and demonstrations that the searcher was trained on; null where the configuration does not say. */
function countTrainingSamples(
  method: PredictConfig["method"],
  checkpoint: Checkpoint | null,
): number | null {
  if (!checkpoint) return TRAINED_ELSEWHERE.has(method) ? null : 0;
  const { coldStart, rl } = checkpoint.config;
  return coldStart.demonstrations + checkpoint.step * rl.questionsPerStep;
}

/** What of a stored result its row depends on. */
export interface VariantSource {
  config: PredictConfig;
  importedFrom: string | null;
  /** Prompt of its answers. */
  promptStyle: string;
}

/** The prompt with which a method would answer itself now, as workers name it; null where the generator answers. */
export function getOwnPrompt(config: PredictConfig): string | null {
  const builtIn = findMethodPrompt(config.method, config.search.protocol);
  if (builtIn === null || !answersItself(config)) return null;
  return `${builtIn.id}/${formatPromptVersion(builtIn, config.methodSettings.promptTemplate)}`;
}

/** The name of an edited prompt of the method, as workers name it; null for the built-in one. */
function getEditedMethodPrompt({
  method,
  search,
  methodSettings: { promptTemplate },
}: PredictConfig): string | null {
  const builtIn = findMethodPrompt(method, search.protocol);
  // Guided decoding has a prompt of its own, so there even the built-in text is an edited one.
  if (
    method === "s3" &&
    search.decoding === "guided" &&
    builtIn !== null &&
    promptTemplate !== null
  )
    return `${builtIn.id}/${formatEditedVersion(promptTemplate)}`;
  return getEditedPrompt(builtIn, promptTemplate);
}

const getEditedPrompt = (builtIn: PromptText | null, text: string | null): string | null =>
  builtIn === null || text === null || text === builtIn.text
    ? null
    : `${builtIn.id}/${formatEditedVersion(text)}`;

/** The row of results whose episodes files brought in: of their settings only what the files say is known. */
export function describeImportedVariant(
  config: PredictConfig,
  importedFrom: string,
): MethodVariant {
  const { method, reuse } = config;
  const answeredHere = reuse.episodesOf !== null && !reuse.keepAnswers;
  const ablation = getAblation(reuse);
  const id = JSON.stringify([
    method,
    "imported",
    importedFrom,
    answeredHere,
    ...(ablation === null ? [] : [ablation]),
  ]);
  return {
    id,
    family: id,
    trainingSeed: null,
    method,
    label: `${METHODS[method].title}${ablation === null ? "" : `, ${ABLATIONS[ablation]}`}`,
    detail: answeredHere ? `${importedFrom}, answered anew` : importedFrom,
    generates: !answersItself(config),
    imported: true,
    trainingSamples: null,
  };
}

/** Methods whose models come trained from elsewhere: on how much, their configuration does not say. */
const TRAINED_ELSEWHERE: ReadonlySet<string> = new Set(["search-r1", "deepretrieval", "r1", "sft"]);

function formatRetriever(retriever: RetrieverConfig): string {
  switch (retriever.kind) {
    case "dense":
      return retriever.variant === "fp32"
        ? retriever.encoder
        : `${retriever.encoder} ${retriever.variant}`;
    case "bm25":
      return "BM25";
    case "hybrid":
      return `BM25 + ${retriever.encoder}`;
    case "opensearch":
    case "qdrant":
    case "remote":
      return retriever.kind;
    case "online":
      return `${retriever.provider} online, snapshot ${retriever.snapshot}`;
  }
}
