import { METHODS, rolesOf } from "@/contracts/config/method";
import type { RetrieverConfig } from "@/contracts/config/retriever";
import { runConfig, type PredictConfig, type TrainConfig } from "@/contracts/run-config";
import type { Queries } from "@/server/db/database";

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
  /** Equal for runs that differ only in questions, generator, scorer, seed and name. */
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


/** Describes what a predict run evaluates, by the settings that can change its episodes. */
export function entryOf(config: PredictConfig, checkpoint: Checkpoint | null): Entry {
  const { method, retriever, search, searcher, documents, matchRun, methodSettings } = config;
  const { retrieves, asksModel, generates } = rolesOf(config);
  const settings = {
    // Gold documents are looked up, whatever finds the others.
    ...(retrieves && method !== "gold" && { retriever }),
    ...(asksModel && { searcher }),
    ...(method === "s3" ? { search } : method === "rag" ? { documents, matchRun } : method === "gold" ? {} : { methodSettings, protocol: search.protocol }),
  };
  const parts = [
    retrieves ? retrieverText(retriever) : null,
    asksModel ? (checkpoint ? `${searcher.model}, step ${checkpoint.step} of ${checkpoint.runName}` : searcher.model) : null,
    generates ? null : "answers itself",
    search.protocol !== "paper" && method !== "rag" ? `protocol ${search.protocol}` : null,
  ];
  // Of a model at an endpoint it is not known here.
  const trained = checkpoint ? `, step ${checkpoint.step}` : searcher.endpoint === null ? ", untrained" : "";
  return {
    id: JSON.stringify([method, sorted(settings)]),
    method,
    label: method === "s3" ? `s3 ${search.retrieve}-${search.select}-${search.turns}${trained}` : method === "rag" ? (matchRun === null ? `RAG, top ${documents}` : "RAG, document-matched") : METHODS[method].title,
    detail: parts.filter((part) => part !== null).join(" · "),
    generates,
    imported: false,
    trainingSamples: checkpoint ? checkpoint.config.coldStart.demonstrations + checkpoint.step * checkpoint.config.rl.questionsPerStep : TRAINED_ELSEWHERE.has(method) ? null : 0,
  };
}

/** Entries of predictions, in their order. */
export async function entriesOf(db: Queries, runs: readonly { config: PredictConfig; importedFrom: string | null }[]): Promise<Entry[]> {
  const checkpoints = await checkpointsOf(db, runs.flatMap(({ config }) => config.searcher.checkpoint ?? []));
  return runs.map(({ config, importedFrom }) => {
    const { checkpoint } = config.searcher;
    return importedFrom === null ? entryOf(config, checkpoint === null ? null : (checkpoints.get(checkpoint) ?? null)) : importedEntry(config, importedFrom);
  });
}

async function checkpointsOf(db: Queries, ids: readonly string[]): Promise<Map<string, Checkpoint>> {
  if (ids.length === 0) return new Map();
  const rows = await db.$queryRaw<(Omit<Checkpoint, "config"> & { config: unknown })[]>`
    SELECT a.id, a.step, r.id AS "runId", r.name AS "runName", r.config FROM artifacts a JOIN runs r ON r.id = a.run_id WHERE a.id = ANY(${ids}::uuid[])`;
  return new Map(
    rows.flatMap((row) => {
      const config = runConfig.safeParse(row.config);
      return config.success && config.data.kind === "train" ? [[row.id, { ...row, config: config.data }] as const] : [];
    }),
  );
}

/** The row of results that files brought in: of their settings only what the files say is known. */
function importedEntry(config: PredictConfig, importedFrom: string): Entry {
  const { method } = config;
  return { id: JSON.stringify([method, "imported", importedFrom]), method, label: METHODS[method].title, detail: importedFrom, generates: rolesOf(config).generates, imported: true, trainingSamples: null };
}

/** Methods whose models come trained from elsewhere: on how much, their configuration does not say. */
const TRAINED_ELSEWHERE: ReadonlySet<string> = new Set(["search-r1", "deepretrieval", "r1", "sft"]);

function retrieverText(retriever: RetrieverConfig): string {
  switch (retriever.kind) {
    case "dense":
      return retriever.variant === "fp32" ? retriever.encoder : `${retriever.encoder} ${retriever.variant}`;
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
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, item]) => [key, sorted(item)]));
}
