import { z } from "zod";

/**
 * Metric names. Families that upstream (verl) logs keep upstream's names, so that curves lie on those of earlier runs;
 * search's own stand under search/ and held-out/. Lengths and timings count the searcher's own tokens and sampling alone.
 */
export const METRICS = {
  "cold-start/loss": "Cross-entropy per action token on gold-path demonstrations",
  "reward/mean": "Mean reward of the step's episodes",
  "reward/generation_accuracy": "Share of the step's episodes whose answer is right",
  "reward/utility_1_gen_1": "Share of episodes whose answer is right where naive RAG's is wrong",
  "reward/utility_0_gen_1": "Share of episodes whose answer is right as naive RAG's is",
  "reward/utility_0_gen_0": "Share of episodes whose answer is wrong as naive RAG's is",
  "reward/utility_-1_gen_0": "Share of episodes whose answer is wrong where naive RAG's is right",
  "reward/gbr": "What Gain Beyond RAG adds to the mean reward",
  "reward/upstream": "What utility + generation adds to the mean reward",
  "reward/accuracy": "What accuracy adds to the mean reward",
  "reward/exact_match": "What exact match adds to the mean reward",
  "reward/gold_recall": "What gold recall adds to the mean reward",
  "reward/format": "What keeping the format adds to the mean reward",
  "reward/length": "What the cost of length takes from the mean reward (negative)",
  "reward/search": "What the cost of searching takes from the mean reward (negative)",
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
  "held-out/redundant_queries":
    "Share of queries that repeat an earlier one or the question, held-out",
  "held-out/format_errors": "Format errors per held-out episode",
  "search/gold_retrieved": "Share of gold documents in any window",
  "search/gold_selected": "Share of gold documents handed to the generator",
  "search/searches": "Searches per episode, the question's own retrieval not counted",
  "search/documents": "Documents handed to the generator per episode",
  "search/new_documents": "Share of documents in later windows that no earlier window held",
  "search/redundant_queries":
    "Share of queries that repeat an earlier one or the question (normalised words)",
  "search/copied_question": "Share of queries that are the question itself (normalised words)",
  "search/format_errors": "Format errors per episode",
  "search/implicit_selections": "Share of turns without a selection of their own",
  "groups/without_variance":
    "Share of groups that cannot teach: all their samples got the same reward",
  "groups/resampled": "Groups drawn again because they could not teach",
  "critic/score/mean": "Outcome reward of an episode, mean",
  "critic/score/max": "Outcome reward of an episode, largest",
  "critic/score/min": "Outcome reward of an episode, smallest",
  "critic/rewards/mean": "Reward of an episode with its KL penalty, mean",
  "critic/rewards/max": "Reward of an episode with its KL penalty, largest",
  "critic/rewards/min": "Reward of an episode with its KL penalty, smallest",
  "critic/advantages/mean": "Advantage of an action token, mean",
  "critic/advantages/max": "Advantage of an action token, largest",
  "critic/advantages/min": "Advantage of an action token, smallest",
  "critic/returns/mean": "Return of an action token, mean",
  "critic/returns/max": "Return of an action token, largest",
  "critic/returns/min": "Return of an action token, smallest",
  "critic/values/mean": "Value that the critic gives a state, before the update, mean",
  "critic/values/max": "Value that the critic gives a state, before the update, largest",
  "critic/values/min": "Value that the critic gives a state, before the update, smallest",
  "critic/vf_loss": "Value loss per action token: half the squared error",
  "critic/vf_clipfrac": "Share of action tokens whose value loss was clipped",
  "critic/vf_explained_var":
    "Share of the returns' variance that the critic explains, before the update",
  "critic/grad_norm": "Gradient norm of the critic before clipping",
  "critic/lr": "Learning rate of the critic",
  "critic/kl": "KL to the reference policy per action token, where it is taken from the reward",
  "critic/kl_coeff": "Weight of the KL in the reward",
  "actor/pg_loss": "Policy loss per action token, without KL and entropy",
  "actor/kl_loss": "KL to the reference policy per action token, where it is a term of the loss",
  "actor/kl_coef": "Weight of the KL in the loss",
  "actor/ppo_kl": "KL from the old policy per action token (k1 estimate)",
  "actor/entropy_loss": "Entropy of the policy per action token",
  "actor/grad_norm": "Gradient norm before clipping",
  "actor/lr": "Learning rate of the searcher",
  "actor/pg_clipfrac": "Share of action tokens whose ratio was clipped",
  "actor/ratio_max": "Largest importance ratio",
  "actor/off_policy_steps":
    "Updates between the weights that the episodes were sampled with and those updated",
  "actor/skipped_updates": "Optimiser steps skipped because a loss or gradient was not finite",
  "mismatch/logprob_mean":
    "Mean distance of sampler's and trainer's log-probability of an action token",
  "mismatch/logprob_max":
    "Largest distance of sampler's and trainer's log-probability of an action token",
  "mismatch/kl": "KL of the sampler from the trainer per action token (k1 estimate)",
  "mismatch/truncated": "Share of action tokens whose importance weight was truncated",
  "response_length/mean": "Action tokens per episode, mean",
  "response_length/max": "Action tokens per episode, largest",
  "response_length/min": "Action tokens per episode, smallest",
  "response_length/clip_ratio": "Share of episodes cut by a token limit",
  "prompt_length/mean": "Tokens fed before the first action, mean",
  "prompt_length/max": "Tokens fed before the first action, largest",
  "prompt_length/min": "Tokens fed before the first action, smallest",
  "global_seqlen/mean": "Tokens of an episode, fed ones included, mean",
  "global_seqlen/max": "Tokens of an episode, fed ones included, largest",
  "global_seqlen/min": "Tokens of an episode, fed ones included, smallest",
  "state_tokens/total": "Action tokens of the step's episodes, which carry the loss",
  "state_tokens/coverage": "Share of action tokens among all tokens after the prompt",
  "timing_s/step": "Seconds a step took",
  "timing_s/pool": "Seconds for naive-RAG answers of candidate questions",
  "timing_s/gen": "Seconds for sampling the episodes (generation by the searcher)",
  "timing_s/retrieve": "Seconds for retrieval",
  "timing_s/generator": "Seconds for the frozen generator's answers",
  "timing_s/ref": "Seconds for log-probabilities under the reference and the old policy",
  "timing_s/values": "Seconds for the critic's values",
  "timing_s/update_critic": "Seconds for the critic's gradient and optimiser steps",
  "timing_s/update_actor": "Seconds for the searcher's gradient and optimiser steps",
  "timing_s/testing": "Seconds for held-out evaluation",
  "timing_s/save_checkpoint": "Seconds for saving and uploading a checkpoint",
  "timing_s/other": "What of the step's time no phase claims",
  "timing_per_token_ms/gen": "Milliseconds of sampling per action token",
  "timing_per_token_ms/ref": "Milliseconds for log-probabilities per token",
  "timing_per_token_ms/values": "Milliseconds for values per token",
  "timing_per_token_ms/update_critic": "Milliseconds of the critic's update per token",
  "timing_per_token_ms/update_actor": "Milliseconds of the searcher's update per token",
  "memory/out_of_memory_retries":
    "Micro-batches begun again with half the tokens, as memory did not suffice",
  "memory/engine_peak_mb": "Peak memory of the engine: on its GPU, or on a CPU resident",
  "generator/retries":
    "Share of tries at the endpoints of generator and judge that failed and were made again",
  "progress/answered": "Questions answered by a predict run",
  "predict/accuracy": "Running accuracy of a predict run",
  "judge/calls": "Requests that the judge of a predict run has answered, in this attempt",
  "judge/prompt_tokens": "Prompt tokens that the judge of a predict run has read, in this attempt",
  "judge/completion_tokens": "Tokens that the judge of a predict run has written, in this attempt",
  "judge/cost_usd":
    "What the judge of a predict run has cost in US dollars by the prices set for its endpoint, in this attempt",
  "retrieval/recall@1": "Share of gold documents among the first 1",
  "retrieval/recall@3": "Share of gold documents among the first 3",
  "retrieval/recall@10": "Share of gold documents among the first 10",
  "retrieval/recall@100": "Share of gold documents among the first 100",
  "retrieval/full-support@3": "Share of questions with all gold documents among the first 3",
  "retrieval/full-support@10": "Share of questions with all gold documents among the first 10",
  "retrieval/full-support@100": "Share of questions with all gold documents among the first 100",
  "retrieval/mrr": "Mean reciprocal rank of the first gold document",
  "retrieval/ndcg@10": "Normalised discounted cumulated gain of the first 10, binary gains",
  "retrieval/precision@10": "Share of gold documents among the first 10, of 10",
  "retrieval/queries_per_second": "Queries searched per second, in batches",
  "retrieval/unknown_gold": "Gold documents that the corpus does not hold",
  "retrieval/unknown_gold_questions":
    "Questions that name a gold document that the corpus does not hold",
  "serve/requests_per_second": "Requests to the service a second",
  "serve/queries_per_second": "Queries searched a second",
  "serve/prompt_tokens_per_second": "Prompt tokens that a served model read a second",
  "serve/completion_tokens_per_second": "Tokens that a served model wrote a second",
  "serve/latency_ms_p50": "Milliseconds from a request to its answer, median of the latest 1024",
  "serve/latency_ms_p99":
    "Milliseconds from a request to its answer, 99th percentile of the latest 1024",
  "serve/waiting": "Queries that wait for the next batch, or requests that wait for the model",
  "serve/refused": "Requests answered with 503 since the last report",
  "serve/errors": "Requests that were wrong or failed since the last report",
  "serve/memory_mb":
    "Resident memory of the process that serves: the worker's, or the model server's",
} as const;

/** Families whose last part is not known here, each with what it means. */
export const METRIC_FAMILIES = {
  "val/test_score/": "Generation accuracy on this set of held-out questions, greedy",
  "search/gold_recall/turn_": "Share of gold documents in the windows up to this turn",
  "held-out/gold_recall/turn_": "Share of gold documents in the windows up to this turn, held-out",
  "search/format_errors/": "Format errors of this kind per episode",
} as const;
export type MetricName = keyof typeof METRICS | `${keyof typeof METRIC_FAMILIES}${string}`;

/** What a metric means; null for a name that is not ours (an imported run's). */
export function metricDescription(name: string): string | null {
  const families = Object.entries(METRIC_FAMILIES);
  return (
    (METRICS as Readonly<Record<string, string>>)[name] ??
    families.find(([prefix]) => name.startsWith(prefix))?.[1] ??
    null
  );
}

export const metricPoint = z.object({
  name: z.string().min(1).max(120),
  /** Training step; cold-start/loss counts its own batches from 0. */
  step: z.int().nonnegative(),
  value: z.number(),
  /** Milliseconds since the epoch. */
  at: z.number(),
});
export type MetricPoint = z.infer<typeof metricPoint>;
