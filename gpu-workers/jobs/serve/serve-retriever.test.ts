import { setTimeout as sleep } from "node:timers/promises";
import { createServer } from "node:http";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { MetricPoint } from "@/contracts/records/metric-point";
import { AppError } from "@/contracts/errors";
import type { ServiceStarters } from "@/gpu-workers/agent/services";
import { TestAgents, NO_SERVICES } from "@/gpu-workers/agent/testing/harness";
import { ProtocolServer } from "@/gpu-workers/agent/testing/protocol-server";
import type { RunContext } from "@/gpu-workers/jobs/context/run-context";
import { RemoteRetriever } from "@/gpu-workers/retrieval/backends/remote";
import type { Retriever } from "@/gpu-workers/retrieval/retriever";
import { deriveServiceToken } from "./service-token";
import { serve } from "./serve";
import { findFreePort } from "@/lib/free-port.mjs";
import { waitUntil } from "@/lib/testing/wait-until";

vi.mock(import("@/lib/paths.mjs"), async (original) => ({
  ...(await original()),
  DATA_DIR: mkdtempSync(join(tmpdir(), "s3-serve-")),
}));

const quick = (context: RunContext): Promise<void> =>
  serve(context, { reportMs: 20, idleReportMs: 100, portMs: 2_000 });
const times = { requestMs: 1_000, backoffMs: 20, attempts: 20 };

let server: ProtocolServer;
const agents = new TestAgents();
beforeEach(async () => (server = await ProtocolServer.start()));
afterEach(async () => {
  await agents.stopAll();
  await server.close();
});

/** Finds the query itself; breaks when told to, and mends. */
function createRetriever(): { starters: ServiceStarters; breakDown: () => void; mend: () => void } {
  let broken = false;
  const retriever: Retriever = {
    search: (queries, k) => {
      if (broken)
        return Promise.reject(new AppError("retriever-unavailable", "the encoder thread ended"));
      return Promise.resolve(
        queries.map((query) =>
          Array.from({ length: k }, (_, i) => ({
            id: `${query}-${i}`,
            hash: "",
            title: query,
            text: "text",
            score: 1 / (i + 1),
          })),
        ),
      );
    },
    getDocuments: () => Promise.resolve([]),
    describe: () => ({ kind: "dense", key: "k", title: "words", documents: 3 }),
    close: () => Promise.resolve(),
  };
  return {
    starters: {
      ...NO_SERVICES,
      startRetriever: () =>
        Promise.resolve({
          value: retriever,
          address: null,
          ended: new Promise(() => undefined),
          stop: () => Promise.resolve(),
        }),
    },
    breakDown: () => void (broken = true),
    mend: () => void (broken = false),
  };
}

type Run = ReturnType<ProtocolServer["queue"]>;
const config = (rest: Record<string, unknown> = {}) => ({
  kind: "serve",
  name: "a service",
  corpus: "atlas",
  ...rest,
});
const findAddress = (run: Run): string | undefined =>
  run.items
    .flatMap(({ item }) =>
      item.kind === "progress" && item.progress.phase === "serving" ? [item.progress.detail] : [],
    )
    .at(-1);
const listPoints = (run: Run): MetricPoint[] =>
  run.items.flatMap(({ item }) => (item.kind === "metrics" ? item.points : []));

async function waitForAddress(run: Run): Promise<string> {
  await waitUntil("it serves", () => findAddress(run) !== undefined);
  return findAddress(run) ?? "";
}

describe("a serve run", () => {
  it("serves at the address that its progress names, reports what it does, and ends when it is cancelled", async () => {
    const run = server.queue(config());
    await agents.start(server.url, { serve: quick }, { starters: createRetriever().starters });
    const address = await waitForAddress(run);
    const remote = await RemoteRetriever.open(address, { times });
    expect((await remote.search(["capital"], 2))[0]?.map(({ id }) => id)).toEqual([
      "capital-0",
      "capital-1",
    ]);
    await waitUntil("the metrics are reported", () =>
      listPoints(run).some(({ name }) => name === "serve/latency_ms_p99"),
    );
    const last = new Map(listPoints(run).map(({ name, value }) => [name, value]));
    expect([...last.keys()].sort()).toEqual([
      "serve/errors",
      "serve/latency_ms_p50",
      "serve/latency_ms_p99",
      "serve/memory_mb",
      "serve/queries_per_second",
      "serve/refused",
      "serve/requests_per_second",
      "serve/waiting",
    ]);
    expect(last.get("serve/memory_mb")).toBeGreaterThan(10);
    server.push({ type: "cancel", runId: run.runId, attempt: run.attempt });
    await waitUntil("it is cancelled", () => run.state === "cancelled");
    await expect(fetch(address.replace("/retrieve", "/healthz"))).rejects.toThrow();
  });

  it("names the address that it was told to advertise", async () => {
    const run = server.queue(config({ advertise: "http://gpu-box:3000/" }));
    await agents.start(server.url, { serve: quick }, { starters: createRetriever().starters });
    expect(await waitForAddress(run)).toBe("http://gpu-box:3000/retrieve");
  });

  it("beyond the loopback answers whoever has the token of its address, and no one else", async () => {
    const run = server.queue(config({ host: "0.0.0.0", advertise: "http://127.0.0.1:1" }));
    await agents.start(server.url, { serve: quick }, { starters: createRetriever().starters });
    const token = new URL(await waitForAddress(run)).searchParams.get("token") ?? "";
    expect(token).toMatch(/^[\w-]{43}$/);
    expect(await deriveServiceToken(run.runId)).toBe(token);
    expect(await deriveServiceToken("another run")).not.toBe(token);
  });

  it("fails where its port is taken, and says what to do", async () => {
    const port = await findFreePort();
    const other = createServer().listen(port, "127.0.0.1");
    const run = server.queue(config({ port }));
    await agents.start(server.url, { serve: quick }, { starters: createRetriever().starters });
    await waitUntil("it has failed", () => run.state === "failed");
    expect(run.transitions.at(-1)?.reason).toContain(
      `port ${port} of 127.0.0.1 is in use by another process; choose another port`,
    );
    await new Promise((resolve) => other.close(resolve));
  });

  it("comes back on its port when its worker is gone, and clients that retry see no error", async () => {
    const port = await findFreePort();
    const run = server.queue(config({ port }));
    const first = await agents.start(
      server.url,
      { serve: quick },
      { starters: createRetriever().starters },
    );
    const remote = await RemoteRetriever.open(await waitForAddress(run), { times });
    await first.stop();
    expect(run.state).toBe("queued");
    const searched = remote.search(["while it is down"], 1);
    await agents.start(server.url, { serve: quick }, { starters: createRetriever().starters });
    expect((await searched)[0]?.[0]?.id).toBe("while it is down-0");
    expect(run.attempt).toBe(2);
  });

  it("waits for its port where the attempt before it still holds it", async () => {
    const port = await findFreePort();
    const other = createServer().listen(port, "127.0.0.1");
    const run = server.queue(config({ port }));
    run.attempt = 1;
    await agents.start(server.url, { serve: quick }, { starters: createRetriever().starters });
    await waitUntil("it has begun", () => run.transitions.length > 0);
    other.close();
    await waitUntil("it serves", () => findAddress(run) !== undefined, 6_000);
  });

  it("outlives a retriever that fails for a while", async () => {
    const { starters, breakDown, mend } = createRetriever();
    const run = server.queue(config());
    await agents.start(server.url, { serve: quick }, { starters });
    const address = await waitForAddress(run);
    const ask = async (): Promise<number> =>
      (await fetch(address, { method: "POST", body: JSON.stringify({ queries: ["a"] }) })).status;
    breakDown();
    expect(await ask()).toBe(503);
    mend();
    expect(await ask()).toBe(200);
    await sleep(200);
    expect([await ask(), run.state]).toEqual([200, "held"]);
  });

  it("fails with the reason where its retriever is gone for good", async () => {
    const { starters, breakDown } = createRetriever();
    const run = server.queue(config());
    await agents.start(server.url, { serve: quick }, { starters });
    const address = await waitForAddress(run);
    breakDown();
    const answer = await fetch(address, {
      method: "POST",
      body: JSON.stringify({ queries: ["a"] }),
    });
    expect(answer.status).toBe(503);
    await waitUntil("it has failed", () => run.state === "failed");
    expect(run.transitions.at(-1)?.reason).toContain("the encoder thread ended");
  });
});
