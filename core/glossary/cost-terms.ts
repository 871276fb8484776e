import type { Explanations } from "./glossary-entry";

/** What steps, answers and services take: time, memory, tokens, power and money. */
export const COST_TERMS = {
  "time-per-step": {
    text: "Where each step's seconds went; a phase that did not happen takes none.",
  },
  "failed-tries": {
    text: "Share of the tries at the endpoints of generator and judge that failed and were made again.",
  },
  "engine-memory": {
    text: "In MiB, on its GPU, or on a CPU resident: growth from step to step is a leak.",
  },
  "hardware-use": {
    text: "Share of the time since the report before in which the worker's machine was busy, by whatever ran on it. A GPU that waits while processors work, or the reverse, shows where a step loses time.",
  },
  "machine-memory": {
    text: "In MiB, of the worker's machine and of its GPUs together, by whatever ran on it.",
  },
  "rank-use": {
    text: "Share of their time in which the ranks of a distributed engine computed, and in which they gathered weights and scattered gradients. The rest is waiting for a slower rank: a least busy rank far below the mean has too little work.",
  },
  "rank-memory": {
    text: "In MiB, the most that any rank has taken so far: on its GPU, or on a CPU resident. The estimate before the launch is for this.",
  },
  "gpu-power": {
    text: "Watts that the machine's GPUs draw together by their own figures, mean since the report before.",
  },
  "energy-estimate": {
    text: "Energy of the GPUs of the worker's machine while the run went on, whatever used them. Processors, memory and cooling are not in it.",
    formula: "Σ power of the GPUs × time, from a reading every five seconds",
  },
  "endpoint-cost": {
    text: "US dollars that generator and judge took at their endpoints since the step before, by the prices set for them. Stored answers cost nothing again.",
  },
  "running-accuracy": {
    text: "Share of the answered questions whose answer is right, so far.",
  },
  "questions-answered": {
    text: "How many questions have their episode, answer and score stored.",
  },
  "service-latency": {
    text: "Milliseconds from a request to its answer, over the latest 1024 requests.",
  },
  "retriever-load": {
    text: "Requests and queries a second, and queries that wait: what waits longer and longer is too much.",
  },
  "model-load": {
    text: "Requests and tokens a second, and requests that wait: what waits longer and longer is too much.",
  },
  "service-health": {
    text: "Requests answered 503, and requests that were wrong or failed, since the report before.",
  },
  "service-memory": {
    text: "Resident memory of the process that serves, in MiB: steady growth is a leak.",
  },
  "method-tokens": {
    text: "Prompt tokens read and tokens written by the method's model and the generator together, mean over questions; not known where neither was counted.",
  },
  "method-seconds": {
    text: "Seconds of the episode's steps and its answer, mean over questions.",
  },
  "method-cost": {
    text: "US dollars by the prices set for the endpoints, mean over questions; not known where a price is missing for any of them. The worker's own engine costs 0.",
  },
  "training-samples": {
    text: "Demonstrations and questions that the searcher was trained on up to its checkpoint; 0 without training, not known for models that were trained elsewhere.",
    formula: "demonstrations + step × questions per step",
  },
  "search-time": { text: "The search itself, on the worker" },
  "opening-time": {
    text: "Until the retriever was open: an index that was missing is built in this time",
  },
  "total-time": {
    text: "From the request to its answer, the way to the worker and back included",
  },
} satisfies Explanations;
