import type { GlossaryEntry } from "./glossary-entry";

/** What steps, answers and services take: time, memory, tokens, power and money. */
export const COST_TERMS = {
  "time-per-step": {
    title: "Time per step",
    text: "Where each step's seconds went; a phase that did not happen takes none.",
  },
  "failed-tries": {
    title: "Tries that failed",
    text: "Share of the tries at the endpoints of generator and judge that failed and were made again.",
  },
  "engine-memory": {
    title: "Peak memory of the engine",
    text: "In MiB, on its GPU, or on a CPU resident: growth from step to step is a leak.",
  },
  "hardware-use": {
    title: "Processors and GPUs in use",
    text: "Share of the time since the report before in which the worker's machine was busy, by whatever ran on it. A GPU that waits while processors work, or the reverse, shows where a step loses time.",
  },
  "machine-memory": {
    title: "Memory in use",
    text: "In MiB, of the worker's machine and of its GPUs together, by whatever ran on it.",
  },
  "gpu-power": {
    title: "Power of the GPUs",
    text: "Watts that the machine's GPUs draw together by their own figures, mean since the report before.",
  },
  "energy-estimate": {
    title: "Energy estimate",
    text: "Energy of the GPUs of the worker's machine while the run went on, whatever used them. Processors, memory and cooling are not in it.",
    formula: "Σ power of the GPUs × time, from a reading every five seconds",
  },
  "endpoint-cost": {
    title: "Cost of endpoints",
    text: "US dollars that generator and judge took at their endpoints since the step before, by the prices set for them. Stored answers cost nothing again.",
  },
  "running-accuracy": {
    title: "Running accuracy",
    text: "Share of the answered questions whose answer is right, so far.",
  },
  "questions-answered": {
    title: "Questions answered",
    text: "How many questions have their episode, answer and score stored.",
  },
  "service-latency": {
    title: "Latency",
    text: "Milliseconds from a request to its answer, over the latest 1024 requests.",
  },
  "retriever-load": {
    title: "Load",
    text: "Requests and queries a second, and queries that wait: what waits longer and longer is too much.",
  },
  "model-load": {
    title: "Load",
    text: "Requests and tokens a second, and requests that wait: what waits longer and longer is too much.",
  },
  "service-health": {
    title: "Refused and failed",
    text: "Requests answered 503, and requests that were wrong or failed, since the report before.",
  },
  "service-memory": {
    title: "Memory",
    text: "Resident memory of the process that serves, in MiB: steady growth is a leak.",
  },
  "method-tokens": {
    title: "Tokens of a question",
    text: "Prompt tokens read and tokens written by the method's model and the generator together, mean over questions; not known where neither was counted.",
  },
  "method-seconds": {
    title: "Seconds of a question",
    text: "Seconds of the episode's steps and its answer, mean over questions.",
  },
  "method-cost": {
    title: "Cost of a question",
    text: "US dollars by the prices set for the endpoints, mean over questions; not known where a price is missing for any of them. The worker's own engine costs 0.",
  },
  "training-samples": {
    title: "Training samples",
    text: "Demonstrations and questions that the searcher was trained on up to its checkpoint; 0 without training, not known for models that were trained elsewhere.",
    formula: "demonstrations + step × questions per step",
  },
  "search-time": { title: "Search time", text: "The search itself, on the worker" },
  "opening-time": {
    title: "Opening time",
    text: "Until the retriever was open: an index that was missing is built in this time",
  },
  "total-time": {
    title: "Total time",
    text: "From the request to its answer, the way to the worker and back included",
  },
} as const satisfies Record<string, GlossaryEntry>;
