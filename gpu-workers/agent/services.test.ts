import { setTimeout as sleep } from "node:timers/promises";
import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { retrieverSchema } from "@/contracts/run-config/retriever";
import { AppError } from "@/contracts/errors";
import { queryResultSchema } from "@/contracts/worker-protocol/search-results";
import { EngineClient } from "@/gpu-workers/llm/engine/client";
import type { Retriever } from "@/gpu-workers/retrieval/retriever";
import type { ServiceStarters } from "./services";
import { buildRetrieverKey } from "./services";
import { TestAgents, waitForAbort, NO_SERVICES } from "./testing/harness";
import { ProtocolServer } from "./testing/protocol-server";
import { waitUntil } from "@/lib/testing/wait-until";

const train = { kind: "train", name: "a run" };
const dense = retrieverSchema.parse({ kind: "dense", encoder: "minilm", variant: "int8" });

let server: ProtocolServer;
const agents = new TestAgents();
beforeEach(async () => (server = await ProtocolServer.start()));
afterEach(async () => {
  await agents.stopAll();
  await server.close();
});

/** Engines that only live and die; nobody calls them. */
function createMortalEngines(): {
  starters: ServiceStarters;
  engines: { die(reason: string): void; stopped: boolean }[];
} {
  const engines: { die(reason: string): void; stopped: boolean }[] = [];
  return {
    engines,
    starters: {
      ...NO_SERVICES,
      startEngine: () => {
        let die: (reason: string) => void = () => undefined;
        const ended = new Promise<string>((resolve) => (die = resolve));
        const engine = { die, stopped: false };
        engines.push(engine);
        return Promise.resolve({
          value: new EngineClient({ url: "http://127.0.0.1:1", secret: "" }),
          address: null,
          ended,
          stop: () => {
            engine.stopped = true;
            return Promise.resolve();
          },
        });
      },
    },
  };
}

/** Finds one document, after the tester opens the gate. */
function createRetrievers(): { starters: ServiceStarters; opened: string[]; closed: string[] } {
  const opened: string[] = [];
  const closed: string[] = [];
  return {
    opened,
    closed,
    starters: {
      ...NO_SERVICES,
      startRetriever: (corpus) => {
        opened.push(corpus);
        if (corpus === "missing")
          return Promise.reject(
            new AppError("not-found", 'The corpus "missing" is not on this worker.'),
          );
        const retriever: Retriever = {
          search: (queries, k) =>
            Promise.resolve(
              queries.map((q) => [
                { id: `${corpus}-${k}`, hash: "h", title: q, text: "text", score: 1 },
              ]),
            ),
          getDocuments: () => Promise.resolve([]),
          describe: () => ({ kind: "dense", key: "k", title: "t", documents: 1 }),
          close: () => Promise.resolve(void closed.push(corpus)),
        };
        return Promise.resolve({
          value: retriever,
          address: null,
          ended: new Promise(() => undefined),
          stop: () => retriever.close(),
        });
      },
    },
  };
}

describe("an engine that dies under a run", () => {
  it("gives the run back with the reason, and the next attempt gets a new engine", async () => {
    const { starters, engines } = createMortalEngines();
    await agents.start(
      server.url,
      {
        train: async (context) => {
          await context.services.acquireEngine(context.signal);
          await context.markRunning();
          if (context.attempt === 1) await waitForAbort(context.signal);
        },
      },
      { starters },
    );
    const run = server.queue(train);
    await waitUntil("it runs", () => run.transitions.at(-1)?.to === "running");
    engines[0]?.die("was ended by SIGKILL");
    await waitUntil("the second attempt succeeds", () => run.state === "succeeded");
    expect(run.transitions.map((t) => [t.attempt, t.to])).toEqual([
      [1, "preparing"],
      [1, "running"],
      [1, "queued"],
      [2, "preparing"],
      [2, "running"],
      [2, "succeeded"],
    ]);
    expect(run.transitions[2]?.reason).toContain("SIGKILL");
    expect(engines).toHaveLength(2);
  });

  it("that cannot start fails the run with the reason", async () => {
    const starters: ServiceStarters = {
      ...NO_SERVICES,
      startEngine: () => Promise.reject(new AppError("engine-unavailable", "Python is missing.")),
    };
    await agents.start(
      server.url,
      { train: async (context) => void (await context.services.acquireEngine(context.signal)) },
      { starters },
    );
    const run = server.queue(train);
    await waitUntil("it fails", () => run.state === "failed");
    expect(run.transitions.at(-1)?.reason).toBe("Python is missing.");
    await waitUntil(
      "the heartbeat says so",
      () => server.heartbeats.at(-1)?.services[0]?.state === "failed",
    );
    expect(server.heartbeats.at(-1)?.services[0]).toMatchObject({
      key: "engine",
      error: "Python is missing.",
      references: 0,
    });
  });

  it("is released with the run that forgot to, and stopped with the agent", async () => {
    const { starters, engines } = createMortalEngines();
    const agent = await agents.start(
      server.url,
      { train: async (context) => void (await context.services.acquireEngine(context.signal)) },
      { starters, timing: { pollMs: 50, logMs: 50, serviceIdleMs: 60_000, stopMs: 1_000 } },
    );
    const run = server.queue(train);
    await waitUntil("it succeeds", () => run.state === "succeeded");
    await waitUntil(
      "nothing holds the engine, which stays up",
      () =>
        server.heartbeats.at(-1)?.services[0]?.state === "ready" &&
        server.heartbeats.at(-1)?.services[0]?.references === 0,
    );
    expect(engines[0]?.stopped).toBe(false);
    await agent.stop();
    expect(engines[0]?.stopped).toBe(true);
  });
});

describe("tasks", () => {
  const ask = (corpus: string): string => {
    const taskId = randomUUID();
    server.push({
      type: "task",
      task: { taskId, kind: "query", corpus, retriever: dense, query: "capital of Peru", k: 3 },
    });
    return taskId;
  };

  it("answer a query with ranked documents and share the retriever", async () => {
    const { starters, opened } = createRetrievers();
    await agents.start(server.url, {}, { starters });
    await waitUntil("it is attached", () => server.attaches.length === 1);
    const ids = [ask("atlas"), ask("atlas")];
    await waitUntil("both are answered", () => ids.every((id) => server.results.has(id)));
    const result = queryResultSchema.parse(server.results.get(ids[0] as string)?.result);
    expect(result.documents).toEqual([
      { id: "atlas-3", title: "capital of Peru", text: "text", score: 1 },
    ]);
    expect(opened).toEqual(["atlas"]);
  });

  it("give the reason where they cannot", async () => {
    const { starters } = createRetrievers();
    await agents.start(server.url, {}, { starters });
    await waitUntil("it is attached", () => server.attaches.length === 1);
    const id = ask("missing");
    await waitUntil("it is answered", () => server.results.has(id));
    expect(server.results.get(id)).toMatchObject({
      error: { code: "not-found", message: 'The corpus "missing" is not on this worker.' },
    });
    expect(server.results.get(id)?.result).toBeUndefined();
  });

  it("stop when they are cancelled", async () => {
    await agents.start(
      server.url,
      {},
      {
        taskHandlers: {
          query: (_task, context) => waitForAbort(context.signal),
          documents: () => Promise.reject(new Error()),
          "dry-run": () => Promise.reject(new Error()),
          "turn-gains": () => Promise.reject(new Error()),
          play: () => Promise.reject(new Error()),
          "index-plan": () => Promise.reject(new Error()),
          "corpus-preview": () => Promise.reject(new Error()),
          "remove-corpus": () => Promise.reject(new Error()),
        },
      },
    );
    await waitUntil("it is attached", () => server.attaches.length === 1);
    const id = ask("atlas");
    await sleep(50);
    expect(server.results.has(id)).toBe(false);
    server.push({ type: "cancel-task", taskId: id });
    await waitUntil("it is answered", () => server.results.has(id));
    expect(server.results.get(id)).toMatchObject({ error: { code: "cancelled" } });
  });

  it("answer with an error where the result is not what the protocol says", async () => {
    await agents.start(
      server.url,
      {},
      {
        taskHandlers: {
          query: () => Promise.resolve({ documents: "none" }),
          documents: () => Promise.reject(new Error()),
          "dry-run": () => Promise.reject(new Error()),
          "turn-gains": () => Promise.reject(new Error()),
          play: () => Promise.reject(new Error()),
          "index-plan": () => Promise.reject(new Error()),
          "corpus-preview": () => Promise.reject(new Error()),
          "remove-corpus": () => Promise.reject(new Error()),
        },
      },
    );
    await waitUntil("it is attached", () => server.attaches.length === 1);
    const id = ask("atlas");
    await waitUntil("it is answered", () => server.results.has(id));
    expect(server.results.get(id)?.error?.message).toContain("Result of query is not valid");
  });
});

describe("retrieverKey", () => {
  it("tells retrievers apart by corpus, encoder, weights and address", () => {
    const remote = (port: number) =>
      retrieverSchema.parse({ kind: "remote", url: `http://127.0.0.1:${port}/retrieve` });
    const keys = [
      buildRetrieverKey("atlas", dense),
      buildRetrieverKey("wiki", dense),
      buildRetrieverKey("atlas", retrieverSchema.parse({ ...dense, variant: "fp32" })),
      buildRetrieverKey("atlas", remote(3000)),
      buildRetrieverKey("atlas", remote(3001)),
    ];
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys[0]).toMatch(/^retriever:atlas:dense-[0-9a-f]{8}$/);
    expect(buildRetrieverKey("wiki", remote(3000))).toBe(keys[3]);
    expect(
      buildRetrieverKey(
        "atlas",
        retrieverSchema.parse({ variant: "int8", encoder: "minilm", kind: "dense" }),
      ),
    ).toBe(keys[0]);
  });
});
