import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { AppError } from "@/contracts/errors";
import type { RunKind } from "@/contracts/records/run-state";
import { PROTOCOL_VERSION } from "@/contracts/worker-protocol/worker-protocol";
import type { Executor } from "@/gpu-workers/jobs/run-context";
import { Agent, type AgentOptions } from "@/gpu-workers/agent/agent";
import { AgentLog } from "@/gpu-workers/agent/log";
import type { ServiceStarters } from "@/gpu-workers/agent/services";
import { query } from "@/gpu-workers/agent/tasks";
import { TOKEN } from "./protocol-server";

const unused = (what: string) => (): Promise<never> =>
  Promise.reject(new AppError("unsupported", `${what} is not part of this test`));

export const noServices: ServiceStarters = {
  engine: unused("the engine"),
  retriever: unused("a retriever"),
  sampler: unused("a sampler"),
  vllm: unused("vLLM"),
};

export const executorsWith = (
  executors: Partial<Record<RunKind, Executor>>,
): Record<RunKind, Executor> => ({
  train: unused("train"),
  predict: unused("predict"),
  index: unused("index"),
  serve: unused("serve"),
  evaluate: unused("evaluate"),
  ...executors,
});

/** Agents that a test starts, with short times; `stopAll` ends them and deletes their folders. */
export class Agents {
  private readonly started: { agent: Agent; root: string }[] = [];

  async start(
    server: string,
    executors: Partial<Record<RunKind, Executor>>,
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
      executors: executorsWith(executors),
      tasks: {
        query,
        documents: unused("documents"),
        "dry-run": unused("dry-run"),
        "index-plan": unused("index-plan"),
        "remove-corpus": unused("remove-corpus"),
        "turn-gains": unused("turn-gains"),
      },
      starters: noServices,
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
export const forever = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
