import type { RetrieverConfig } from "@/contracts/config/retriever";
import type { PredictConfig, TrainConfig } from "@/contracts/run-config";

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
  /** Questions and demonstrations the searcher was trained on; null where it is not known. */
  trainingSamples: number | null;
}

const TITLES: Record<string, string> = { s3: "s3", rag: "RAG", direct: "Direct", cot: "CoT", ircot: "IRCoT", deepretrieval: "DeepRetrieval", "search-r1": "Search-R1", "search-o1": "Search-o1", r1: "R1", sft: "SFT" };
export const methodTitle = (method: string): string => TITLES[method] ?? method;

const SEARCHLESS = new Set(["direct", "cot", "r1", "sft"]);

/** Describes what a predict run evaluates, by the settings that can change its episodes. */
export function entryOf(config: PredictConfig, checkpoint: Checkpoint | null): Entry {
  const { method } = config;
  const { kind: _kind, name: _name, seed: _seed, method: _method, questions: _questions, limit: _limit, corpus: _corpus, generator: _generator, scorer: _scorer, retriever, search, searcher, documents, matchRun, ...own } = config;
  const searches = !SEARCHLESS.has(method);
  const settings =
    method === "s3"
      ? { retriever, search, searcher }
      : method === "rag"
        ? { retriever, documents, matchRun }
        : { ...own, ...(searches && { retriever }) };
  const parts = [
    method === "rag" && matchRun !== null ? "document-matched" : null,
    searches ? retrieverText(retriever) : null,
    method === "s3" ? (checkpoint ? `${searcher.model}, step ${checkpoint.step} of ${checkpoint.runName}` : `${searcher.model}, untrained`) : null,
    method === "s3" && search.protocol !== "paper" ? `protocol ${search.protocol}` : null,
  ];
  return {
    id: JSON.stringify([method, sorted(settings)]),
    method,
    label: method === "s3" ? `s3 ${search.retrieve}-${search.select}-${search.turns}` : method === "rag" ? (matchRun === null ? `RAG, top ${documents}` : "RAG, matched") : methodTitle(method),
    detail: parts.filter((part) => part !== null).join(" · "),
    trainingSamples: checkpoint ? checkpoint.config.coldStart.demonstrations + checkpoint.step * checkpoint.config.rl.questionsPerStep : method === "search-r1" || method === "deepretrieval" || method === "r1" || method === "sft" ? null : 0,
  };
}

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
