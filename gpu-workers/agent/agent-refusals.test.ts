import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AppError } from "@/contracts/errors";
import { waitUntil } from "@/lib/testing/wait-until";
import { TestAgents, waitForAbort } from "./testing/harness";
import { ProtocolServer } from "./testing/protocol-server";

const train = { kind: "train", name: "a run" };
const point = { name: "reward/mean", step: 1, value: 0.1, at: 1 };

let server: ProtocolServer;
const agents = new TestAgents();
beforeEach(async () => {
  server = await ProtocolServer.start();
  server.terms = { heartbeatMs: 40, leaseMs: 600 };
});
afterEach(async () => {
  await agents.stopAll();
  await server.close();
});

describe("what the server refuses", () => {
  it("of heartbeats is said in the run's log, and ends the run with that reason", async () => {
    server.beforeHandling = (method) => {
      if (method === "heartbeat") throw new AppError("invalid-input", "a kind nobody knows");
    };
    await agents.start(server.url, {
      train: (context) => context.markRunning().then(() => waitForAbort(context.signal)),
    });
    const run = server.queue(train);
    await waitUntil("the run fails", () => run.state === "failed");
    const lines = run.items.flatMap(({ item }) => (item.kind === "logs" ? item.lines : []));
    expect(
      lines.filter(({ message }) =>
        message.startsWith("The server refuses this worker's heartbeats: a kind nobody knows"),
      ),
    ).toHaveLength(1);
    expect(run.transitions.at(-1)).toMatchObject({
      attempt: 1,
      to: "failed",
      reason: "The server refused this worker's heartbeats for 1 s: a kind nobody knows",
    });
  });

  it("of heartbeats while its disk is full is said, and the run goes on", async () => {
    let isFull = true;
    server.terms = { heartbeatMs: 40, leaseMs: 2_000 };
    server.beforeHandling = (method) => {
      if (method === "heartbeat" && isFull) throw new AppError("storage-full", "no room");
    };
    await agents.start(server.url, {
      train: async (context) => {
        await context.markRunning();
        await sleep(5_000); // longer than a lease
        context.signal.throwIfAborted();
      },
    });
    const run = server.queue(train);
    await waitUntil("it ends", () => ["succeeded", "failed"].includes(run.state));
    isFull = false;
    expect(run.transitions.at(-1)).toEqual({ attempt: 1, to: "succeeded", reason: null });
    const lines = run.items.flatMap(({ item }) => (item.kind === "logs" ? item.lines : []));
    expect(lines.filter(({ message }) => message.includes("no room"))).toHaveLength(1);
  });

  it("of a report at which it has a defect fails the run soon, not after five attempts", async () => {
    server.beforeHandling = (method) => {
      if (method === "report") throw new AppError("internal", "the same defect each time");
    };
    await agents.start(server.url, {
      train: (context) =>
        context
          .report({ kind: "metrics", points: [point] })
          .then(() => waitForAbort(context.signal)),
    });
    const run = server.queue(train);
    await waitUntil("the run fails", () => run.state === "failed");
    expect(run.transitions.at(-1)).toMatchObject({
      attempt: 1,
      reason: "the same defect each time",
    });
  });

  it("while its database is away is done later, however long that takes", async () => {
    let isAway = false;
    server.beforeHandling = (method) => {
      if (isAway && method !== "attach")
        throw new AppError("database-unavailable", "the database does not answer");
    };
    await agents.start(
      server.url,
      {
        train: async (context) => {
          await context.markRunning();
          isAway = true;
          await context.report({ kind: "metrics", points: [point] });
          await context.flush();
        },
      },
      { connection: { firstPauseMs: 10, maxPauseMs: 50, pingMs: 200, unavailablePauseMs: 30 } },
    );
    const run = server.queue(train);
    await waitUntil("the database is away", () => isAway);
    await sleep(2_000); // more than three leases
    isAway = false;
    await waitUntil("the run succeeds", () => run.state === "succeeded");
    expect(run.transitions.map(({ attempt, to }) => `${attempt} ${to}`)).toEqual([
      "1 preparing",
      "1 running",
      "1 succeeded",
    ]);
    expect(run.items.filter(({ item }) => item.kind === "metrics")).toHaveLength(1);
  });
});
