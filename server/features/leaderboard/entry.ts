import { answersItself } from "@/core/comparability/comparability";
import { METHODS } from "@/contracts/run-config/method";
import type { RetrieverConfig } from "@/contracts/run-config/retriever";
import { condensingPrompt, methodPrompt } from "@/contracts/run-config/prompts/prompts";
import type { PromptText } from "@/contracts/run-config/prompts/template";
import { editedVersion, promptVersion } from "@/contracts/run-config/prompts/version";
import {
  runConfigSchema,
  type PredictConfig,
  type TrainConfig,
} from "@/contracts/run-config/run-config";
import type { Queries } from "@/server/platform/db/database";

/** The checkpoint that a run searched with, and the training run it came from. */
export interface Checkpoint {
  id: string;
  step: number;
  runId: string;
  runName: string;
  config: TrainConfig;
}

/** A row of the leaderboard: what is the same in all of its cells. */
export interface Entry {
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
export function entryOf(
  config: PredictConfig,
  checkpoint: Checkpoint | null,
  ownPrompt: string | null,
): Entry {
  const { method, retriever, search, documents, matchRun, methodSettings } = config;
  const { retrieves, asksModel } = METHODS[method];
  const generates = !answersItself(config);
  const { model, checkpoint: weights, endpoint, api } = config.searcher;
  const prompt = ownPrompt ?? editedMethodPrompt(config);
  const condensing = editedPrompt(condensingPrompt(method), methodSettings.condensingPrompt);
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
    retrieves ? retrieverText(retriever) : null,
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
    id: JSON.stringify([method, sorted(settings)]),
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
export interface Described {
  config: PredictConfig;
  importedFrom: string | null;
  /** Prompt of its answers. */
  promptStyle: string;
}

/** Entries of results, in their order. */
export async function entriesOf(db: Queries, results: readonly Described[]): Promise<Entry[]> {
  const checkpoints = await checkpointsOf(
    db,
    results.flatMap(({ config }) => config.searcher.checkpoint ?? []),
  );
  return results.map(({ config, importedFrom, promptStyle }) => {
    const { checkpoint } = config.searcher;
    if (importedFrom !== null) return importedEntry(config, importedFrom);
    return entryOf(
      config,
      checkpoint === null ? null : (checkpoints.get(checkpoint) ?? null),
      answersItself(config) ? promptStyle : null,
    );
  });
}

/** The prompt with which a method would answer itself now, as workers name it; null where the generator answers. */
export function ownPromptOf(config: PredictConfig): string | null {
  const builtIn = methodPrompt(config.method, config.search.protocol);
  if (builtIn === null || !answersItself(config)) return null;
  return `${builtIn.id}/${promptVersion(builtIn, config.methodSettings.promptTemplate)}`;
}

/** The name of an edited prompt of the method, as workers name it; null for the built-in one. */
function editedMethodPrompt({
  method,
  search,
  methodSettings: { promptTemplate },
}: PredictConfig): string | null {
  const builtIn = methodPrompt(method, search.protocol);
  // Guided decoding has a prompt of its own, so there even the built-in text is an edited one.
  if (
    method === "s3" &&
    search.decoding === "guided" &&
    builtIn !== null &&
    promptTemplate !== null
  )
    return `${builtIn.id}/${editedVersion(promptTemplate)}`;
  return editedPrompt(builtIn, promptTemplate);
}

const editedPrompt = (builtIn: PromptText | null, text: string | null): string | null =>
  builtIn === null || text === null || text === builtIn.text
    ? null
    : `${builtIn.id}/${editedVersion(text)}`;

async function checkpointsOf(
  db: Queries,
  ids: readonly string[],
): Promise<Map<string, Checkpoint>> {
  if (ids.length === 0) return new Map();
  const rows = await db.$queryRaw<(Omit<Checkpoint, "config"> & { config: unknown })[]>`
    SELECT a.id, a.step, r.id AS "runId", r.name AS "runName", r.config FROM artifacts a JOIN runs r ON r.id = a.run_id WHERE a.id = ANY(${ids}::uuid[])`;
  return new Map(
    rows.flatMap((row) => {
      const config = runConfigSchema.safeParse(row.config);
      return config.success && config.data.kind === "train"
        ? [[row.id, { ...row, config: config.data }] as const]
        : [];
    }),
  );
}

/** The row of results whose episodes files brought in: of their settings only what the files say is known. */
function importedEntry(config: PredictConfig, importedFrom: string): Entry {
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

function retrieverText(retriever: RetrieverConfig): string {
  switch (retriever.kind) {
    case "dense":
      return retriever.variant === "fp32"
        ? retriever.encoder
        : `${retriever.encoder} ${retriever.variant}`;
    case "bm25":
      return "BM25";
    case "hybrid":
      return `BM25 + ${retriever.encoder}`;
    default:
      return retriever.kind;
  }
}

/** Keys in order, so that equal settings are equal text. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]),
  );
}
