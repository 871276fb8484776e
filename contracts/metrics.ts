import { z } from "zod";

/**
 * Metric names. Families that upstream logs keep upstream's names, so that curves lie on those of earlier runs;
 * search's own stand under search/ and held-out/.
 */
export const METRICS = {
  "cold-start/loss": "Cross-entropy per action token on gold-path demonstrations",
  "reward/mean": "Mean reward of the step's episodes",
  "reward/generation_accuracy": "Share of the step's episodes whose answer is right",
  "held-out/accuracy": "Generation accuracy on held-out questions, greedy",
  "held-out/rag_accuracy": "Generation accuracy of naive RAG on the same held-out questions",
  "held-out/gbr": "Gain Beyond RAG on held-out questions",
  "held-out/gained": "Share of held-out questions that s3 answers and naive RAG does not",
  "held-out/lost": "Share of held-out questions that naive RAG answers and s3 does not",
  "held-out/both_right": "Share of held-out questions that both answer",
  "held-out/both_wrong": "Share of held-out questions that neither answers",
  "held-out/gold_retrieved": "Share of gold documents in any window, held-out",
  "held-out/gold_selected": "Share of gold documents handed to the generator, held-out",
  "held-out/documents": "Documents handed to the generator per held-out question",
  "held-out/searches": "Searches per held-out episode, the question's own retrieval not counted",
  "search/gold_retrieved": "Share of gold documents in any window",
  "search/gold_selected": "Share of gold documents handed to the generator",
  "search/searches": "Searches per episode, the question's own retrieval not counted",
  "search/documents": "Documents handed to the generator per episode",
  "search/new_documents": "Share of documents in later windows that no earlier window held",
  "search/format_errors": "Format errors per episode",
  "search/implicit_selections": "Share of turns without a selection of their own",
  "groups/without_variance": "Share of groups whose samples all got the same reward",
  "groups/resampled": "Groups drawn again because all their samples got the same reward",
  "actor/pg_loss": "Policy loss per action token",
  "actor/kl": "KL to the reference policy per action token (k3 estimate)",
  "actor/entropy": "Entropy of the policy per action token",
  "actor/grad_norm": "Gradient norm before clipping",
  "actor/clip_fraction": "Share of action tokens whose ratio was clipped",
  "response_length/mean": "Action tokens per episode",
  "timing_s/step": "Seconds a step took",
  "timing_s/pool": "Seconds for naive-RAG answers of candidate questions",
  "timing_s/rollout": "Seconds for sampling the episodes (generation by the searcher)",
  "timing_s/retrieve": "Seconds for retrieval",
  "timing_s/generator": "Seconds for the frozen generator's answers",
  "timing_s/gradient": "Seconds for forward_backward and optim_step",
  "timing_s/evaluate": "Seconds for held-out evaluation",
  "timing_s/checkpoint": "Seconds for saving and uploading a checkpoint",
  "timing_s/other": "What of the step's time no phase claims",
  "memory/engine_peak_mb": "Peak resident memory of the engine process",
  "progress/answered": "Questions answered by a predict run",
  "predict/accuracy": "Running accuracy of a predict run",
  "serve/requests_per_second": "Requests to /retrieve a second",
  "serve/queries_per_second": "Queries searched a second",
  "serve/latency_ms_p50": "Milliseconds from a request to its answer, median of the latest 1024",
  "serve/latency_ms_p99": "Milliseconds from a request to its answer, 99th percentile of the latest 1024",
  "serve/waiting": "Queries that wait for the next batch",
  "serve/refused": "Requests answered with 503 since the last report",
  "serve/errors": "Requests that were wrong or failed since the last report",
  "serve/memory_mb": "Resident memory of the worker's process while it serves",
} as const;
export type MetricName = keyof typeof METRICS;

export const metricPoint = z.object({
  name: z.string().min(1).max(120),
  /** Training step; cold-start/loss counts its own batches from 0. */
  step: z.int().nonnegative(),
  value: z.number(),
  /** Milliseconds since the epoch. */
  at: z.number(),
});
export type MetricPoint = z.infer<typeof metricPoint>;
