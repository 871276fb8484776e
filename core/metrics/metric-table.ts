import type { METRIC_FAMILIES } from "./metric-families";
import { RANK_METRICS } from "./rank-metrics";
import {
  count,
  mebibytes,
  milliseconds,
  number,
  perSecond,
  seconds,
  share,
  tokens,
  usDollars,
  wattHours,
  watts,
  type MetricDefinition,
  type MetricRole,
} from "./metric-definition";

/**
 * Every metric that a run reports: what it means, its unit, which direction is better, and the roles by which lists,
 * charts, the command line and sweeps choose it.
 *
 * Families that upstream (verl) logs keep upstream's names, so that curves can be compared with those of earlier runs;
 * metrics of search are named search/ and held-out/. Lengths and timings count the searcher's own tokens and sampling
 * alone.
 */

type Define = (description: string, ...roles: MetricRole[]) => MetricDefinition;

/** Shows early that training or a service goes wrong: less is better. */
const healthNumber: Define = (description, ...roles) =>
  number(description, "lower", "health", ...roles);
const healthShare: Define = (description, ...roles) =>
  share(description, "lower", "health", ...roles);
const healthCount: Define = (description, ...roles) =>
  count(description, "lower", "health", ...roles);
/** What is paid for a result: less is better. */
const costSeconds: Define = (description, ...roles) => seconds(description, "lower", ...roles);
const costMilliseconds: Define = (description, ...roles) =>
  milliseconds(description, "lower", ...roles);
const costTokens: Define = (description, ...roles) => tokens(description, "lower", ...roles);
const costMebibytes: Define = (description, ...roles) => mebibytes(description, "lower", ...roles);

export const METRICS = {
  "cold-start/loss": number(
    "Cross-entropy per action token on gold-path demonstrations",
    "lower",
    "progress",
  ),
  "cold-start/validation_accuracy": share(
    "Accuracy on the training questions set apart for the cold start, after a batch of it",
    "higher",
  ),
  "reward/mean": {
    ...number("Mean reward of the step's episodes", "higher", "headline", "key", "progress"),
    label: "reward",
  },
  "reward/generation_accuracy": share(
    "Share of the step's episodes whose answer is right",
    "higher",
  ),
  "reward/utility_1_gen_1": share(
    "Share of episodes whose answer is right where naive RAG's is wrong",
    "higher",
    "gained",
  ),
  "reward/utility_0_gen_1": share(
    "Share of episodes whose answer is right as naive RAG's is",
    "higher",
    "both-right",
  ),
  "reward/utility_0_gen_0": share(
    "Share of episodes whose answer is wrong as naive RAG's is",
    "lower",
    "both-wrong",
  ),
  "reward/utility_-1_gen_0": share(
    "Share of episodes whose answer is wrong where naive RAG's is right",
    "lower",
    "lost",
  ),
  "reward/gbr": number("What Gain Beyond RAG adds to the mean reward", "higher"),
  "reward/upstream": number("What utility + generation adds to the mean reward", "higher"),
  "reward/accuracy": number("What accuracy adds to the mean reward", "higher"),
  "reward/exact_match": number("What exact match adds to the mean reward", "higher"),
  "reward/gold_recall": number("What gold recall adds to the mean reward", "higher"),
  "reward/format": number("What keeping the format adds to the mean reward", "higher"),
  "reward/length": number(
    "What the cost of length takes from the mean reward (negative)",
    "higher",
  ),
  "reward/search": number(
    "What the cost of searching takes from the mean reward (negative)",
    "higher",
  ),
  "reward/overlong": number(
    "What the soft overlong punishment takes from the mean reward (negative)",
    "higher",
  ),
  "reward/unread_replies": share(
    "Share of the judge's replies in this step that said neither yes nor no and count as no, of the answers that the reward compares",
    "lower",
    "health",
  ),
  "held-out/unread_replies": share(
    "Share of the judge's replies in this held-out evaluation that said neither yes nor no and count as no",
    "lower",
    "health",
  ),
  "held-out/accuracy": share(
    "Generation accuracy on held-out questions, greedy",
    "higher",
    "outcome",
    "key",
    "progress",
  ),
  "held-out/rag_accuracy": share(
    "Generation accuracy of naive RAG on the same held-out questions",
    "higher",
    "progress",
    "reference",
  ),
  "held-out/gbr": number("Gain Beyond RAG on held-out questions", "higher", "key"),
  "held-out/gained": share(
    "Share of held-out questions that s3 answers and naive RAG does not",
    "higher",
    "gained",
  ),
  "held-out/lost": share(
    "Share of held-out questions that naive RAG answers and s3 does not",
    "lower",
    "lost",
  ),
  "held-out/both_right": share(
    "Share of held-out questions that both answer",
    "higher",
    "both-right",
  ),
  "held-out/both_wrong": share(
    "Share of held-out questions that neither answers",
    "lower",
    "both-wrong",
  ),
  "held-out/gold_retrieved": share("Share of gold documents in any window, held-out", "higher"),
  "held-out/gold_selected": share(
    "Share of gold documents handed to the generator, held-out",
    "higher",
    "key",
  ),
  "held-out/documents": number("Documents handed to the generator per held-out question"),
  "held-out/searches": number(
    "Searches per held-out episode, the question's own retrieval not counted",
  ),
  "held-out/redundant_queries": share(
    "Share of queries that repeat an earlier one or the question, held-out",
    "lower",
  ),
  "held-out/format_errors": healthNumber("Format errors per held-out episode"),
  "search/gold_retrieved": share("Share of gold documents in any window", "higher"),
  "search/gold_selected": share("Share of gold documents handed to the generator", "higher"),
  "search/searches": number(
    "Searches per episode, the question's own retrieval not counted",
    null,
    "key",
  ),
  "search/documents": number("Documents handed to the generator per episode"),
  "search/new_documents": share(
    "Share of documents in later windows that no earlier window held",
    "higher",
  ),
  "search/redundant_queries": healthShare(
    "Share of queries that repeat an earlier one or the question (normalised words)",
  ),
  "search/copied_question": healthShare(
    "Share of queries that are the question itself (normalised words)",
  ),
  "search/query_information": share(
    "What queries tell of their questions: a lower bound of the mutual information, as a share of the most that it can be",
    "higher",
    "health",
  ),
  "search/format_errors": healthNumber("Format errors per episode", "key"),
  "search/implicit_selections": healthShare("Share of turns without a selection of their own"),
  "groups/without_variance": healthShare(
    "Share of groups that cannot teach: all their samples got the same reward",
    "key",
  ),
  "groups/dead_questions": healthShare(
    "Share of the step's questions, of those with several samples, that no sample answered right",
  ),
  "groups/resampled": count("Groups drawn again because they could not teach", "lower"),
  "critic/score/mean": number("Outcome reward of an episode, mean", "higher"),
  "critic/score/max": number("Outcome reward of an episode, largest", "higher"),
  "critic/score/min": number("Outcome reward of an episode, smallest", "higher"),
  "critic/rewards/mean": number("Reward of an episode with its KL penalty, mean", "higher"),
  "critic/rewards/max": number("Reward of an episode with its KL penalty, largest", "higher"),
  "critic/rewards/min": number("Reward of an episode with its KL penalty, smallest", "higher"),
  "critic/advantages/mean": number("Advantage of an action token, mean"),
  "critic/advantages/max": number("Advantage of an action token, largest"),
  "critic/advantages/min": number("Advantage of an action token, smallest"),
  "critic/returns/mean": number("Return of an action token, mean"),
  "critic/returns/max": number("Return of an action token, largest"),
  "critic/returns/min": number("Return of an action token, smallest"),
  "critic/values/mean": number("Value that the critic gives a state, before the update, mean"),
  "critic/values/max": number("Value that the critic gives a state, before the update, largest"),
  "critic/values/min": number("Value that the critic gives a state, before the update, smallest"),
  "critic/vf_loss": number("Value loss per action token: half the squared error", "lower"),
  "critic/vf_clipfrac": healthShare("Share of action tokens whose value loss was clipped"),
  "critic/vf_explained_var": share(
    "Share of the returns' variance that the critic explains, before the update",
    "higher",
    "health",
    "key",
  ),
  "critic/grad_norm": healthNumber("Gradient norm of the critic before clipping"),
  "critic/lr": number("Learning rate of the critic"),
  "critic/kl": healthNumber(
    "KL to the reference policy per action token, where it is taken from the reward",
  ),
  "critic/kl_coeff": number("Weight of the KL in the reward"),
  "actor/pg_loss": number("Policy loss per action token, without KL and entropy", "lower"),
  "actor/kl_loss": healthNumber(
    "KL to the reference policy per action token, where it is a term of the loss",
    "key",
  ),
  "actor/kl_coef": number("Weight of the KL in the loss"),
  "actor/ppo_kl": healthNumber("KL from the old policy per action token (k1 estimate)"),
  "actor/entropy_loss": number("Entropy of the policy per action token", null, "health", "key"),
  "actor/grad_norm": healthNumber("Gradient norm before clipping", "key"),
  "actor/lr": number("Learning rate of the searcher"),
  "actor/pg_clipfrac": healthShare("Share of action tokens whose ratio was clipped"),
  "actor/ratio_max": number("Largest importance ratio", null, "health"),
  "actor/positive_logprob": number(
    "Log-probability of an action token with a positive advantage before the update, mean",
    "higher",
    "health",
  ),
  "actor/off_policy_steps": count(
    "Updates between the weights that the episodes were sampled with and those updated",
  ),
  "actor/skipped_updates": healthCount(
    "Optimiser steps skipped because a loss or gradient was not finite",
  ),
  "mismatch/logprob_mean": healthNumber(
    "Mean distance of sampler's and trainer's log-probability of an action token",
  ),
  "mismatch/logprob_max": healthNumber(
    "Largest distance of sampler's and trainer's log-probability of an action token",
  ),
  "mismatch/kl": healthNumber("KL of the sampler from the trainer per action token (k1 estimate)"),
  "mismatch/truncated": healthShare("Share of action tokens whose importance weight was truncated"),
  "response_length/mean": tokens("Action tokens per episode, mean", null, "key"),
  "response_length/max": tokens("Action tokens per episode, largest"),
  "response_length/min": tokens("Action tokens per episode, smallest"),
  "response_length/clip_ratio": healthShare("Share of episodes cut by a token limit"),
  "prompt_length/mean": tokens("Tokens fed before the first action, mean"),
  "prompt_length/max": tokens("Tokens fed before the first action, largest"),
  "prompt_length/min": tokens("Tokens fed before the first action, smallest"),
  "global_seqlen/mean": tokens("Tokens of an episode, fed ones included, mean"),
  "global_seqlen/max": tokens("Tokens of an episode, fed ones included, largest"),
  "global_seqlen/min": tokens("Tokens of an episode, fed ones included, smallest"),
  "state_tokens/total": tokens("Action tokens of the step's episodes, which carry the loss"),
  "state_tokens/coverage": share(
    "Share of action tokens among all tokens after the prompt",
    "higher",
  ),
  "timing_s/step": costSeconds("Seconds a step took", "key"),
  "timing_s/pool": costSeconds("Seconds for naive-RAG answers of candidate questions"),
  "timing_s/gen": costSeconds("Seconds for sampling the episodes (generation by the searcher)"),
  "timing_s/retrieve": costSeconds("Seconds for retrieval"),
  "timing_s/generator": costSeconds("Seconds for the frozen generator's answers"),
  "timing_s/ref": costSeconds(
    "Seconds for log-probabilities under the reference and the old policy",
  ),
  "timing_s/values": costSeconds("Seconds for the critic's values"),
  "timing_s/update_critic": costSeconds("Seconds for the critic's gradient and optimiser steps"),
  "timing_s/update_actor": costSeconds("Seconds for the searcher's gradient and optimiser steps"),
  "timing_s/testing": costSeconds("Seconds for held-out evaluation"),
  "timing_s/save_checkpoint": costSeconds("Seconds for saving and uploading a checkpoint"),
  "timing_s/other": costSeconds("Seconds of the step that belong to no phase"),
  "timing_per_token_ms/gen": costMilliseconds("Milliseconds of sampling per action token"),
  "timing_per_token_ms/ref": costMilliseconds("Milliseconds for log-probabilities per token"),
  "timing_per_token_ms/values": costMilliseconds("Milliseconds for values per token"),
  "timing_per_token_ms/update_critic": costMilliseconds(
    "Milliseconds of the critic's update per token",
  ),
  "timing_per_token_ms/update_actor": costMilliseconds(
    "Milliseconds of the searcher's update per token",
  ),
  "memory/out_of_memory_retries": healthCount(
    "Micro-batches that ran out of memory and were repeated with half the tokens",
  ),
  "memory/engine_peak_mb": costMebibytes(
    "Peak memory of the engine: on its GPU, or on a CPU resident",
  ),
  ...RANK_METRICS,
  "system/cpu": share(
    "Share of the processors' time that the worker's machine used since the report before, by whatever ran on it",
  ),
  "system/memory_mb": mebibytes("Memory of the worker's machine in use at the report"),
  "system/gpu_utilisation": share(
    "Share of the time since the report before in which a GPU of the machine was busy, mean over GPUs",
  ),
  "system/gpu_memory_mb": mebibytes(
    "Memory in use on the machine's GPUs together, mean since the report before",
  ),
  "system/gpu_power_w": watts(
    "Power that the machine's GPUs draw together, mean since the report before",
  ),
  "system/gpu_energy_wh": wattHours(
    "Estimated energy of the machine's GPUs together since the report before: their power over time",
    "lower",
  ),
  "endpoint/calls": count(
    "Requests that the endpoints of generator and judge answered since the step before",
    "lower",
  ),
  "endpoint/prompt_tokens": costTokens(
    "Prompt tokens that the endpoints of generator and judge read since the step before",
  ),
  "endpoint/completion_tokens": costTokens(
    "Tokens that the endpoints of generator and judge wrote since the step before",
  ),
  "endpoint/cost_usd": usDollars(
    "US dollars that the endpoints of generator and judge cost since the step before, by the prices set for them",
    "lower",
  ),
  "generator/retries": healthShare(
    "Share of requests to generator and judge that failed and were repeated",
  ),
  "progress/answered": count("Questions answered by a predict run", "higher"),
  "predict/accuracy": share("Running accuracy of a predict run", "higher", "headline", "progress"),
  "generator/turn_answers": count(
    "Answers that the step took for the gains of turns, beside those of its episodes",
    "lower",
  ),
  "judge/calls": count("Requests that the judge has answered in this attempt", "lower"),
  "judge/prompt_tokens": costTokens("Prompt tokens that the judge has read in this attempt"),
  "judge/completion_tokens": costTokens("Tokens that the judge has written in this attempt"),
  "judge/cost_usd": usDollars(
    "US dollars that the judge has cost in this attempt, by the prices set for it",
    "lower",
  ),
  "retrieval/recall@1": share("Share of gold documents among the first 1", "higher"),
  "retrieval/recall@3": share("Share of gold documents among the first 3", "higher"),
  "retrieval/recall@10": share("Share of gold documents among the first 10", "higher", "headline"),
  "retrieval/recall@100": share("Share of gold documents among the first 100", "higher"),
  "retrieval/full-support@3": share(
    "Share of questions with all gold documents among the first 3",
    "higher",
  ),
  "retrieval/full-support@10": share(
    "Share of questions with all gold documents among the first 10",
    "higher",
  ),
  "retrieval/full-support@100": share(
    "Share of questions with all gold documents among the first 100",
    "higher",
  ),
  "retrieval/mrr": share("Mean reciprocal rank of the first gold document", "higher"),
  "retrieval/ndcg@10": share(
    "Normalised discounted cumulated gain of the first 10, binary gains",
    "higher",
  ),
  "retrieval/precision@10": share("Share of gold documents among the first 10, of 10", "higher"),
  "retrieval/queries_per_second": perSecond("Queries searched per second, in batches", "higher"),
  "retrieval/unknown_gold": count("Gold documents that the corpus does not hold", "lower"),
  "retrieval/unknown_gold_questions": count(
    "Questions that name a gold document that the corpus does not hold",
    "lower",
  ),
  "command/swallowed_errors": healthCount(
    "Errors that a command's trainer wrote to its console and went on from",
  ),
  "serve/requests_per_second": perSecond("Requests to the service a second", "higher"),
  "serve/queries_per_second": perSecond("Queries searched a second", "higher"),
  "serve/prompt_tokens_per_second": perSecond(
    "Prompt tokens that a served model read a second",
    "higher",
  ),
  "serve/completion_tokens_per_second": perSecond(
    "Tokens that a served model wrote a second",
    "higher",
  ),
  "serve/latency_ms_p50": costMilliseconds(
    "Milliseconds until the answer, median of the latest 1024",
  ),
  "serve/latency_ms_p99": costMilliseconds(
    "Milliseconds until the answer, 99th percentile of the latest 1024",
  ),
  "serve/waiting": count(
    "Queries that wait for the next batch, or requests that wait for the model",
    "lower",
  ),
  "serve/refused": healthCount("Requests answered with 503 since the last report"),
  "serve/errors": healthCount("Requests that were wrong or failed since the last report"),
  "serve/memory_mb": costMebibytes(
    "Resident memory of the process that serves: the worker's, or the model server's",
  ),
} as const satisfies Record<string, MetricDefinition>;

export type MetricName = keyof typeof METRICS | `${keyof typeof METRIC_FAMILIES}${string}`;
