import { randomUUID } from "node:crypto";
import type { MethodName } from "@/contracts/records/episode";
import { getTrainedMethod, type TrainedMethod } from "@/contracts/run-config/trained-method-names";
import { METHODS, getMethodComponents } from "@/core/run/methods";
import { AppError } from "@/contracts/errors";
import { findCondensingPrompt, findMethodPrompt } from "@/core/prompts/built-in-prompts";
import type { PredictConfig } from "@/contracts/run-config/predict-config";
import type { Thinking } from "@/contracts/run-config/model";
import { resolveSampling } from "@/contracts/run-config/sampling";
import type { ForcedTurn } from "@/contracts/worker-protocol/tasks";
import type { Question } from "@/contracts/worker-protocol/questions";
import type { EngineClient } from "@/gpu-workers/llm/engine/client";
import { EndpointClient } from "@/gpu-workers/llm/endpoint/endpoint-client";
import type { Retriever } from "@/gpu-workers/retrieval/retriever";
import type { AttemptContext } from "@/gpu-workers/runtime/attempt-context";
import type { DocumentStore } from "@/gpu-workers/retrieval/corpus/document-store";
import {
  buildEndpointOptions,
  probeMethodModel,
  type EndpointKeySource,
} from "@/gpu-workers/llm/endpoint/connection";
import { listSetParameters } from "@/gpu-workers/llm/endpoint/sampling-parameters";
import {
  describeLibrary,
  findInstalledModel,
  loadEngineModel,
} from "@/gpu-workers/llm/model-files/installed-model";
import { openPolicy, getSearcher, type Policy } from "@/gpu-workers/rl/policy";
import type { Searcher } from "@/gpu-workers/searcher/episode-inputs";
import { createFullPrompt } from "@/gpu-workers/searcher/prompt";
import { cot } from "./cot";
import { deepRetrieval } from "./deepretrieval";
import { direct, sft } from "./direct";
import { createGoldMethod } from "./gold";
import { ircot } from "./ircot";
import type { ModelMethod, Method } from "@/gpu-workers/searcher/method";
import { createEndpointModel, createEngineModel, type MethodModel } from "./method-model";
import { r1 } from "./r1";
import { createRagMethod } from "./rag";
import { createMethod, type MethodDefinition } from "./method-definition";
import { createS3Method } from "./s3";
import { defineTextS3 } from "./s3-text";
import { searchO1 } from "./search-o1";
import { searchR1 } from "./search-r1";
import { createPromptTemplate } from "@/core/prompts/prompt-template";
import { markMessage } from "@/core/texts/mark-message";

const METHOD_DEFINITIONS = {
  direct,
  sft,
  cot,
  r1,
  ircot,
  deepretrieval: deepRetrieval,
  "search-r1": searchR1,
  "search-o1": searchO1,
} as const satisfies Record<string, MethodDefinition>;

/** The model that a method asks: for s3 in the worker's own engine a searcher that works on token ids, else one asked for text. */
export type OwnModel = (
  { kind: "searcher"; searcher: Searcher } | { kind: "text"; model: MethodModel }
) & {
  /** What the run's page says of it besides its name, as `describeLibrary`. */
  note?: string;
};

type ModelContext = Pick<AttemptContext, "fetchCheckpoint" | "signal"> & Partial<EndpointKeySource>;

/**
 * Opens the model of a method that asks one; null for the others.
 * @param engine needed where `searcher.endpoint` is null
 */
export async function openOwnModel(
  config: PredictConfig,
  context: ModelContext,
  engine: EngineClient | null,
): Promise<OwnModel | null> {
  const { searcher, method, search } = config;
  if (!getMethodComponents(config).asksModel) return null;
  if (searcher.endpoint !== null) {
    if (searcher.checkpoint !== null)
      throw new AppError(
        "invalid-input",
        "searcher.checkpoint: is loaded by the worker's own engine, not by an endpoint. Leave one of searcher.checkpoint and searcher.endpoint empty.",
      );
    if (method === "s3" && search.decoding === "guided")
      throw new AppError(
        "invalid-input",
        "search.decoding: an endpoint cannot be guided. Set it to free, or leave searcher.endpoint empty.",
      );
    const client = new EndpointClient(searcher.endpoint, {
      ...(await buildEndpointOptions(searcher.endpoint, searcher, context)),
      setParameters: listSetParameters(config.methodSettings),
    });
    return { kind: "text", model: createEndpointModel(client, searcher.model, searcher.api) };
  }
  if (engine === null) throw new AppError("internal", `Method ${method} needs the engine.`);
  const { signal } = context;
  if (method !== "s3" && searcher.checkpoint === null) {
    const directory = findInstalledModel(searcher.model);
    const { model, tokenizer, fingerprint } = await loadEngineModel(
      engine,
      `method-${randomUUID()}`,
      { base: directory, lora: null, seed: 0 },
      searcher.thinking,
      signal,
    );
    return {
      kind: "text",
      model: createEngineModel(
        model,
        false,
        tokenizer,
        searcher.model,
        `${searcher.model}:base:${fingerprint}`,
      ),
      note: describeLibrary(model.info),
    };
  }
  const { policy, note: use } = await openSearcherPolicy(config, context, engine);
  const opened = await getSearcher(policy, signal);
  const note = `${use}${describeLibrary(policy.model.info)}`;
  return method === "s3"
    ? { kind: "searcher", searcher: opened, note }
    : {
        kind: "text",
        model: createEngineModel(
          opened.model,
          true,
          opened.tokenizer,
          searcher.model,
          opened.identity,
        ),
        note,
      };
}

/**
 * The untrained searcher, or a checkpoint's with the adapter it was trained with.
 *
 * @returns also where it is used otherwise than it was trained, and its thinking, which it has from there where the run leaves it
 */
async function openSearcherPolicy(
  { method, searcher, methodSettings, seed }: PredictConfig,
  context: ModelContext,
  engine: EngineClient,
): Promise<{ policy: Policy; note: string }> {
  const { signal } = context;
  if (searcher.checkpoint === null)
    return { policy: await openPolicy(engine, searcher, seed, signal), note: "" };
  const checkpoint = await context.fetchCheckpoint(searcher.checkpoint);
  if (checkpoint.config.kind !== "train")
    throw new AppError(
      "invalid-input",
      "searcher.checkpoint: is not the checkpoint of a training run.",
    );
  const trained = checkpoint.config.searcher;
  const policy = await openPolicy(
    engine,
    // As in its training, unless the run says otherwise.
    searcher.thinking === undefined ? trained : { ...trained, thinking: searcher.thinking },
    checkpoint.config.seed,
    signal,
  );
  await policy.model.loadState(checkpoint.directory, { signal });
  const trainedAs = getTrainedMethod(checkpoint.config);
  const isOtherPrompt =
    method === trainedAs && methodSettings.promptTemplate !== (trained.promptTemplate ?? null);
  const notes = [
    describeTraining(method, trainedAs),
    isOtherPrompt
      ? `, ${markMessage`asked with another prompt than in its training (searcher.promptTemplate there)`}`
      : "",
    describeThinking(searcher.thinking, trained.thinking),
  ];
  return { policy, note: notes.join("") };
}

/** Nothing where a checkpoint is used as what it was trained as. */
const describeTraining = (method: MethodName, trained: TrainedMethod): string =>
  method === trained ? "" : `, ${markMessage`trained as ${METHODS[trained].title}`}`;

/** Nothing where the checkpoint was trained as its template has it, and the run leaves that. */
function describeThinking(own: Thinking | undefined, trained: Thinking | undefined): string {
  if (own !== undefined && own !== trained)
    return `, ${markMessage`thinking ${own} (in its training ${trained ?? markMessage`as its template has it`})`}`;
  return trained === undefined ? "" : `, ${markMessage`thinking ${trained} as in its training`}`;
}

export interface OpenMethodDependencies {
  context: Pick<AttemptContext, "readAnsweredQuestions">;
  /** null where the method does not search. */
  retriever: Retriever | null;
  /** null where it asks no model. */
  own: OwnModel | null;
  questions: readonly Question[];
  documents: DocumentStore;
  /** What is given of the first turns, for s3 in the worker's own engine. */
  forced?: readonly ForcedTurn[];
}

/** The method of a predict run; one that asks a model says the keys of its episodes beforehand. */
export async function openMethod(
  config: PredictConfig,
  { context, retriever, own, questions, documents, forced = [] }: OpenMethodDependencies,
): Promise<Method | ModelMethod> {
  const { method, search, methodSettings, seed } = config;
  const edited = methodSettings.promptTemplate;
  if (METHODS[method].retrieves && retriever === null)
    throw new AppError("internal", `Method ${method} needs a retriever.`);
  if (forced.length > 0 && own?.kind !== "searcher")
    throw new AppError(
      "unsupported",
      "Turns can only be given to s3 with a searcher in the worker's own engine.",
    );
  if (method === "rag")
    return createRagMethod(
      retriever!,
      documents,
      await readDocumentCounts(config, context, questions),
      search.protocol,
    );
  if (method === "gold") return createGoldMethod(retriever!, documents);
  if (own === null) throw new AppError("internal", `Method ${method} needs a model.`);
  if (own.kind === "searcher")
    return createS3Method(
      own.searcher,
      {
        retriever: retriever!,
        documents,
        settings: search,
        ...(edited === null ? {} : { template: createFullPrompt(edited) }),
      },
      seed,
      forced,
      methodSettings,
    );
  const condensing = findCondensingPrompt(method);
  const definition = getDefinition(method, search);
  return createMethod(definition, {
    model: own.model,
    retriever,
    documents,
    template: createPromptTemplate(
      findMethodPrompt(method, search.protocol)!,
      edited,
      "methodSettings.promptTemplate",
    ),
    condensing:
      condensing &&
      createPromptTemplate(
        condensing,
        methodSettings.condensingPrompt,
        "methodSettings.condensingPrompt",
      ),
    furtherPrompts: method === "s3" ? [JSON.stringify(search)] : [],
    protocol: search.protocol,
    settings:
      method === "s3"
        ? { ...methodSettings, retrieve: null, searches: null, maxTokens: null }
        : methodSettings,
    generates: getMethodComponents(config).generates,
    seed,
  });
}

const getDefinition = (
  method: keyof typeof METHOD_DEFINITIONS | "s3",
  search: PredictConfig["search"],
): MethodDefinition => (method === "s3" ? defineTextS3(search) : METHOD_DEFINITIONS[method]);

/** Looks whether the endpoint of a method's own model replies, as `probeMethodModel` does, sampled as in the run. */
export function probeOwnModel(
  config: PredictConfig,
  signal: AbortSignal,
  keys: Partial<EndpointKeySource>,
): Promise<string> {
  const { method, methodSettings, search, searcher } = config;
  if (method === "rag" || method === "gold")
    throw new AppError("internal", `Method ${method} asks no model.`);
  const prescribed = getDefinition(method, search).plans[search.protocol];
  const sampling = resolveSampling(methodSettings, prescribed, true);
  const setParameters = listSetParameters(methodSettings);
  return probeMethodModel(searcher, signal, keys, sampling, setParameters);
}

/** How many documents RAG hands over for a question. */
async function readDocumentCounts(
  config: PredictConfig,
  context: OpenMethodDependencies["context"],
  questions: readonly Question[],
): Promise<(questionId: string) => number> {
  if (config.matchRun === null) return () => config.documents;
  const counts = await context.readAnsweredQuestions(config.matchRun);
  const unknown = questions.filter(({ id }) => !counts.has(id));
  if (unknown.length > 0) {
    throw new AppError(
      "invalid-input",
      `matchRun: that run has not answered ${unknown.length} of these ${questions.length} questions (e.g. ${unknown[0]!.id}), so their documents cannot be matched. Let it finish, or set the same limit.`,
    );
  }
  return (id) => counts.get(id)!;
}
