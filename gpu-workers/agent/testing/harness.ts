import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { AppError } from "@/contracts/errors";
import type { LaunchedKind } from "@/contracts/records/run-state";
import { PROTOCOL_VERSION } from "@/contracts/worker-protocol/worker-protocol";
import type { Executor, RunContext } from "@/gpu-workers/jobs/context/run-context";
import { Agent, type AgentOptions } from "@/gpu-workers/agent/agent";
import { AgentLog } from "@/gpu-workers/agent/log";
import type { ServiceStarters } from "@/gpu-workers/agent/services";
import { runQuery } from "@/gpu-workers/agent/tasks";
import { TOKEN } from "./protocol-server";

const rejectAsUnused = (what: string) => (): Promise<never> =>
  Promise.reject(new AppError("unsupported", `${what} is not part of this test`));

export const NO_SERVICES: ServiceStarters = {
  startEngine: rejectAsUnused("the engine"),
  startRetriever: rejectAsUnused("a retriever"),
  startSampler: rejectAsUnused("a sampler"),
  startVllm: rejectAsUnused("vLLM"),
};

const createExecutors = (
  executors: Partial<Record<LaunchedKind, Executor>>,
): Record<LaunchedKind, Executor> => ({
  train: rejectAsUnused("train"),
  predict: rejectAsUnused("predict"),
  index: rejectAsUnused("index"),
  serve: rejectAsUnused("serve"),
  evaluate: rejectAsUnused("evaluate"),
  command: rejectAsUnused("command"),
  ...executors,
});

/** Agents that a test starts, with short times; `stopAll` ends them and deletes their folders. */
export class TestAgents {
  private readonly started: { agent: Agent; root: string }[] = [];

  async start(
    server: string,
    executors: Partial<Record<LaunchedKind, Executor>>,
    overrides: Partial<AgentOptions> = {},
  ): Promise<Agent> {
    const root = await mkdtemp(join(tmpdir(), "s3-agent-"));
    const agent = new Agent({
      server,
      token: TOKEN,
      workerId: randomUUID(),
      name: "test",
      capabilities: { models: [], corpora: [], device: "cpu", dtype: "float32" },
      slots: { engine: 1, light: 2 },
      workRoot: join(root, "work"),
      executors: createExecutors(executors),
      taskHandlers: {
        query: runQuery,
        documents: rejectAsUnused("documents"),
        "dry-run": rejectAsUnused("dry-run"),
        "index-plan": rejectAsUnused("index-plan"),
        "corpus-preview": rejectAsUnused("corpus-preview"),
        "remove-corpus": rejectAsUnused("remove-corpus"),
        "turn-gains": rejectAsUnused("turn-gains"),
        play: rejectAsUnused("play"),
      },
      starters: NO_SERVICES,
      log: new AgentLog("test", pino({ level: "silent" })),
      protocolVersion: PROTOCOL_VERSION,
      timing: { pollMs: 50, logMs: 50, serviceIdleMs: 100, stopMs: 2_000 },
      connection: { firstPauseMs: 10, maxPauseMs: 50, pingMs: 200 },
      reports: { lingerMs: 5, retryPausesMs: [5, 5] },
      artifactRetryPausesMs: [5],
      ...overrides,
    });
    this.started.push({ agent, root });
    await agent.start();
    return agent;
  }

  async stopAll(): Promise<void> {
    for (const { agent, root } of this.started.splice(0)) {
      await agent.stop();
      await rm(root, { recursive: true, force: true });
    }
  }
}

/** Resolves never, rejects with the signal's reason: an executor's work that only a signal ends. */
export const waitForAbort = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });

/** A point of a metric, as executors report it. */
export const point = (step: number): { name: string; step: number; value: number; at: number } => ({
  name: "reward/mean",
  step,
  value: step / 10,
  at: 1,
});

/** Writes a checkpoint of two files into the attempt's folder. @returns its folder */
export async function writeCheckpoint(context: RunContext, text: string): Promise<string> {
  const directory = join(context.workDir, "checkpoint");
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, "adapter.safetensors"), text);
  await writeFile(join(directory, "state.json"), "{}");
  return directory;
}
