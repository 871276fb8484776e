import type { Explanations } from "./glossary-entry";
import { SHOWN_TEXTS } from "./shown-texts";

/** What steps, answers and services take: time, memory, tokens, power and money. */
export const COST_TERMS = {
  "time-per-step": {
    text: "Where each step's seconds went; a phase that did not happen takes none.",
    formula: "other = step − Σ phases",
    source: "gpu-workers/rl/timing-metrics.ts",
  },
  "failed-tries": {
    text: "Share of the tries at the endpoints of generator and judge that failed and were made again.",
    formula: "tries that failed / tries",
    source: "gpu-workers/llm/endpoint/retry-stats.ts",
  },
  "engine-memory": {
    text: "In MiB, on its GPU, or on a CPU resident: growth from step to step is a leak.",
    source: "gpu-workers/engine/memory.py",
  },
  "hardware-use": {
    text: "Share of the time since the report before in which the worker's machine was busy, by whatever ran on it. A GPU that waits while processors work, or the reverse, shows where a step loses time.",
    formula: "1 − idle time / time over all processors, mean use over GPUs and readings",
    source: "gpu-workers/runtime/hardware-meter.ts",
  },
  "machine-memory": {
    text: "In MiB, of the worker's machine and of its GPUs together, by whatever ran on it.",
    formula: "machine: total − available; GPUs: Σ over GPUs, mean over readings",
    source: "gpu-workers/runtime/hardware-meter.ts",
  },
  "rank-use": {
    text: "Share of their time in which the ranks of a distributed engine computed, and in which they gathered weights and scattered gradients. The rest is waiting for a slower rank: a least busy rank far below the mean has too little work.",
    formula: "computing / (computing + communicating + waiting), communicating / (the same)",
    source: "gpu-workers/rl/policy-update/update-metrics.ts, computeRankMetrics",
  },
  "rank-memory": {
    text: "In MiB, the most that any rank has taken so far: on its GPU, or on a CPU resident. The estimate before the launch is for this.",
    formula: "max over ranks of the peak",
    source: "gpu-workers/rl/policy-update/update-metrics.ts, computeRankMetrics",
  },
  "gpu-power": {
    text: "Watts that the machine's GPUs draw together by their own figures, mean since the report before.",
    formula: "Σ over GPUs, mean over readings",
    source: "gpu-workers/runtime/hardware-meter.ts",
  },
  "energy-estimate": {
    text: "Energy of the GPUs of the worker's machine while the run went on, whatever used them. Processors, memory and cooling are not in it.",
    formula: "Σ power of the GPUs × time, from a reading every five seconds",
  },
  "endpoint-cost": {
    text: "US dollars that generator and judge took at their endpoints since the step before, by the prices set for them. Stored answers cost nothing again.",
    formula:
      "Σ (prompt tokens × prompt price + tokens written × completion price) / 10⁶ over the requests",
    source: "gpu-workers/llm/endpoint/endpoint-client.ts, computeUsage",
  },
  "running-accuracy": {
    text: "Share of the answered questions whose answer is right, so far.",
    formula: "Σ score / scored answers",
    source: "gpu-workers/jobs/predict/predict.ts",
  },
  "questions-answered": {
    text: "How many questions have their episode, answer and score stored.",
    source: "gpu-workers/jobs/predict/predict.ts",
  },
  "service-latency": {
    text: "Milliseconds from a request to its answer, over the latest 1024 requests.",
    formula: "percentile p: the smallest duration that at least the share p does not exceed",
    source: "gpu-workers/runtime/latency.ts",
  },
  "retriever-load": {
    text: "Requests and queries a second, and queries that wait: what waits longer and longer is too much.",
    formula: "requests since the report before / seconds, queries since / seconds",
    source: "gpu-workers/jobs/serve/run-until-cancelled.ts",
  },
  "model-load": {
    text: "Requests and tokens a second, and requests that wait: what waits longer and longer is too much.",
    formula: "requests since the report before / seconds, tokens since / seconds",
    source: "gpu-workers/jobs/serve/run-until-cancelled.ts",
  },
  "service-health": {
    text: "Requests answered 503, and requests that were wrong or failed, since the report before.",
    formula: "count now − count at the report before",
    source: "gpu-workers/jobs/serve/run-until-cancelled.ts",
  },
  "service-memory": {
    text: "Resident memory of the process that serves, in MiB: steady growth is a leak.",
    source: "gpu-workers/jobs/serve/run-until-cancelled.ts",
  },
  "method-tokens": {
    text: "Prompt tokens read and tokens written by the method's model and the generator together, mean over questions; not known where neither was counted.",
    formula: "prompt tokens + tokens written, of the episode and its answer",
    source: "server/features/leaderboard/queries.ts, selectTallies",
  },
  "method-seconds": {
    text: "Seconds of the episode's steps and its answer, mean over questions.",
    formula: "Σ seconds of the episode's steps + seconds of the answer",
    source: "server/features/leaderboard/queries.ts, selectTallies",
  },
  "method-cost": {
    text: "US dollars by the prices set for the endpoints, mean over questions; not known where a price is missing for any of them. The worker's own engine costs 0.",
    formula: "cost of the episode + cost of the answer",
    source: "server/features/leaderboard/queries.ts, selectTallies",
  },
  "training-samples": {
    text: "Demonstrations and questions that the searcher was trained on up to its checkpoint; 0 without training, not known for models that were trained elsewhere.",
    formula: "demonstrations + step × questions per step",
  },
  "search-time": {
    text: SHOWN_TEXTS["search-time"],
    source: "gpu-workers/agent/tasks.ts, runQuery",
  },
  "opening-time": {
    text: SHOWN_TEXTS["opening-time"],
    formula: "start of the search − arrival of the request",
    source: "gpu-workers/agent/tasks.ts, runQuery",
  },
  "total-time": {
    text: SHOWN_TEXTS["total-time"],
    formula: "end of the task − its creation",
    source: "app/playground/_components/retriever-column.tsx",
  },
} satisfies Explanations;
