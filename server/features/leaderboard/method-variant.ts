import { answersItself } from "@/core/comparability/comparability";
import { METHODS } from "@/core/run/methods";
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

/**
 * Describes what a predict run evaluates, by the settings that can change its episodes; how an endpoint is asked cannot.
 * @param ownPrompt with which the method answered itself, e.g. "cot/1"; null where the generator answers
 */
export function describeVariant(
  config: PredictConfig,
  checkpoint: Checkpoint | null,
  ownPrompt: string | null,
): MethodVariant {
  const { method, retriever, search, documents, matchRun, methodSettings } = config;
  const { retrieves, asksModel } = METHODS[method];
  const generates = !answersItself(config);
  const { model, checkpoint: weights, endpoint, api } = config.searcher;
  const prompt = ownPrompt ?? getEditedMethodPrompt(config);
  const condensing = getEditedPrompt(findCondensingPrompt(method), methodSettings.condensingPrompt);
  // In the worker's own engine s3 samples as its protocol says.
  const temperature =
    asksModel && (method !== "s3" || endpoint !== null) ? methodSettings.temperature : null;
  const settings = {
    // Gold documents are looked up, whatever finds the others.
    ...(retrieves && method !== "gold" && { retriever }),
    // An adapter's shape is its checkpoint's; an untrained one changes nothing.
    ...(asksModel && {
      searcher: { model, checkpoint: weights, endpoint, ...(endpoint !== null && { api }) },
      prompt,
    }),
    ...(method === "s3"
      ? { search, temperature }
      : method === "rag"
        ? { documents, matchRun }
        : method === "gold"
          ? {}
          : {
              methodSettings: {
                ...methodSettings,
                promptTemplate: null,
                condensingPrompt: condensing,
                answeredBy: generates ? "generator" : "method",
              },
              protocol: search.protocol,
            }),
  };
  const parts = [
    retrieves ? formatRetriever(retriever) : null,
    asksModel
      ? checkpoint
        ? `${model}, step ${checkpoint.step} of ${checkpoint.runName}`
        : model
      : null,
    generates ? null : "answers itself",
    search.protocol !== "paper" && method !== "rag" ? `protocol ${search.protocol}` : null,
    prompt === null ? null : `prompt ${prompt}`,
    condensing === null ? null : `condensed by ${condensing}`,
    temperature === null ? null : `temperature ${temperature}`,
  ];
  // Of a model at an endpoint it is not known here.
  const trained = checkpoint ? `, step ${checkpoint.step}` : endpoint === null ? ", untrained" : "";
  return {
    id: JSON.stringify([method, sortKeys(settings)]),
    method,
    label:
      method === "s3"
        ? `s3 ${search.retrieve}-${search.select}-${search.turns}${trained}`
        : method === "rag"
          ? matchRun === null
            ? `RAG, top ${documents}`
            : "RAG, document-matched"
          : METHODS[method].title,
    detail: parts.filter((part) => part !== null).join(" · "),
    generates,
    imported: false,
    trainingSamples: checkpoint
      ? checkpoint.config.coldStart.demonstrations +
        checkpoint.step * checkpoint.config.rl.questionsPerStep
      : TRAINED_ELSEWHERE.has(method)
        ? null
        : 0,
  };
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
  return {
    id: JSON.stringify([method, "imported", importedFrom, answeredHere]),
    method,
    label: METHODS[method].title,
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
  }
}
