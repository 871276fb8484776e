import type { Explanations } from "./glossary-entry";

/** What is launched, where it is computed, and what it leaves. */
export const RUN_TERMS = {
  run: {
    text: "A configuration that a worker executes: a training, a prediction, an index, a service, an evaluation of a retriever or a command. Runs of other trainers are reported from outside.",
    source: "contracts/records/run-states.ts",
  },
  command: {
    text: "Another trainer, which a worker that allows it starts as a process or as a job of Ray. Its exit code says how the run ended.",
    source: "contracts/run-config/command-config.ts",
  },
  "external-run": {
    text: "A run of another trainer that reports here by MLflow's API or by the Python client, and is only observed.",
    source: "contracts/run-config/external-config.ts",
  },
  mapping: {
    text: "Where question, reward, queries and documents stand in the rollouts of another trainer. A project may store its own.",
    source: "core/traces/mappings.ts",
  },
  mirror: {
    text: "Another tracker that gets what runs report here: MLflow, Weights & Biases or TensorBoard.",
    source: "server/features/mirrors/mirrors.ts",
  },
  endpoint: {
    text: "A model server at an address, asked in place of the worker's own engine.",
    source: "gpu-workers/llm/endpoint/endpoint-client.ts",
  },
  branch: {
    text: "A training that begins at step 0 from another run's checkpoint, by its weights alone or with the whole state.",
    source: "contracts/run-config/searcher.ts, checkpointState",
  },
  preset: {
    text: "A configuration to begin with. A run stores the settings themselves, so a preset that changes later changes no run.",
    source: "core/presets/run-presets.ts",
  },
  sweep: {
    text: "Runs that differ in chosen settings only, each combination with every seed.",
    formula: "product of the numbers of values × seeds, for a grid",
    source: "core/sweep/expand-sweep.ts",
  },
  worker: {
    text: "A process that executes runs on its own machine and reports to this server. It takes a run whose model, corpus and GPUs it has, while a slot is free.",
    source: "gpu-workers/agent/run-worker.ts; server/features/runs/placement.ts",
  },
  pool: {
    text: "Workers that are started by Slurm, Ray, Kubernetes, SSH or SkyPilot while runs wait, and ended when they are idle.",
    source: "server/features/pools/plan-starts.ts; server/features/pools/decide-next.ts",
  },
  attempt: {
    text: "One execution of a run by one worker. After a worker is lost the next attempt goes on from the last checkpoint, and what the old one still sends is refused.",
    source: "contracts/worker-protocol/attempt.ts",
  },
  lease: {
    text: "A worker's hold on a run, which its heartbeats extend. Where it runs out, the run goes back to the queue.",
    formula: "expiry = latest heartbeat + 20 s",
    source: "server/platform/timings.ts",
  },
  preflight: {
    text: "The checks before a run begins: retriever, engine, generator, judge and questions are opened, and each is listed with its state and its error.",
    source: "gpu-workers/jobs/context/preflight.ts; core/run/requirements.ts",
  },
  checkpoint: {
    text: "What a training stores after a step: weights, optimiser and the place in the questions. Runs resume and branch from it, and predictions answer with it.",
    source: "contracts/worker-protocol/artifacts.ts; gpu-workers/rl/trainer-state.ts",
  },
  alarm: {
    text: "A known way in which a training collapses, told from its metrics. It is raised past one limit and cleared after readings within a milder one.",
    source: "core/alarms/rules.ts",
  },
} satisfies Explanations;
