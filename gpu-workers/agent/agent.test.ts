import { setTimeout as sleep } from "node:timers/promises";
import { existsSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AppError } from "@/contracts/errors";
import type { RunContext } from "@/gpu-workers/jobs/context/run-context";
import { point, TestAgents, waitForAbort, writeCheckpoint } from "./testing/harness";
import { ProtocolServer } from "./testing/protocol-server";
import { waitUntil } from "@/lib/testing/wait-until";

const train = { kind: "train", name: "a run" };
const index = { kind: "index", name: "an index" };

let server: ProtocolServer;
const agents = new TestAgents();
beforeEach(async () => (server = await ProtocolServer.start()));
afterEach(async () => {
  await agents.stopAll();
  await server.close();
});

describe("a leased run", () => {
  it("goes through preparing and running to succeeded, with its reports in order", async () => {
    await agents.start(server.url, {
      train: async (context) => {
        await context.reportProgress({ phase: "training", done: 0, total: 2, detail: "" });
        await context.markRunning();
        for (let step = 0; step < 50; step++)
          await context.report({ kind: "metrics", points: [point(step)] });
        context.log("info", "done");
      },
    });
    const run = server.queue(train);
    await waitUntil("the run succeeds", () => run.state === "succeeded");
    expect(run.transitions.map((t) => t.to)).toEqual(["preparing", "running", "succeeded"]);
    expect(server.listSteps(run.runId)).toEqual(Array.from({ length: 50 }, (_, i) => i));
    expect(
      run.items.some(
        ({ item }) =>
          item.kind === "logs" &&
          item.lines.some((line) => line.message === "done" && line.source === "train"),
      ),
    ).toBe(true);
  });

  it("fails with the executor's reason, after its reports are stored", async () => {
    await agents.start(server.url, {
      train: async (context) => {
        await context.report({ kind: "metrics", points: [point(1)] });
        throw new AppError(
          "generator-unavailable",
          "The generator at http://127.0.0.1:9 does not answer.",
        );
      },
    });
    const run = server.queue(train);
    await waitUntil("the run fails", () => run.state === "failed");
    expect(run.transitions.at(-1)).toEqual({
      attempt: 1,
      to: "failed",
      reason: "The generator at http://127.0.0.1:9 does not answer.",
    });
    expect(server.listSteps(run.runId)).toEqual([1]);
  });

  it("refuses a malformed report to the executor and sends nothing of it", async () => {
    let refused: unknown;
    await agents.start(server.url, {
      train: async (context) => {
        refused = await context
          .report({ kind: "metrics", points: [{ ...point(1), value: NaN }] })
          .catch((error: unknown) => error);
      },
    });
    const run = server.queue(train);
    await waitUntil("the run succeeds", () => run.state === "succeeded");
    expect(refused).toMatchObject({ code: "invalid-input" });
    expect(run.items.filter(({ item }) => item.kind === "metrics")).toEqual([]);
  });

  it("reads a question set over several pages", async () => {
    for (const id of ["a", "b", "c", "d", "e"])
      server.questions.push({
        id,
        question: id,
        answers: ["x"],
        goldIds: [],
        type: null,
        group: null,
        goldQueries: [],
      });
    let ids: string[] = [];
    await agents.start(server.url, {
      train: async (context) => void (ids = (await context.readQuestions("set")).map((q) => q.id)),
    });
    const run = server.queue(train);
    await waitUntil("the run succeeds", () => run.state === "succeeded");
    expect(ids).toEqual(["a", "b", "c", "d", "e"]);
  });

  it("takes no more runs than it has slots, and each kind from its own", async () => {
    let running = 0;
    let most = 0;
    const hold = async (context: RunContext): Promise<void> => {
      most = Math.max(most, ++running);
      await context.markRunning();
      await sleep(60);
      running--;
    };
    await agents.start(server.url, {
      train: hold,
      index: async (context) => waitForAbort(context.signal),
    });
    const trains = [server.queue(train), server.queue(train), server.queue(train)];
    const light = server.queue(index);
    await waitUntil("all training runs succeed", () =>
      trains.every((run) => run.state === "succeeded"),
    );
    expect(most).toBe(1);
    expect(light.state).toBe("held");
  });
});

describe("a connection that drops", () => {
  it("delivers every report exactly once although answers are lost", async () => {
    let lost = 0;
    server.beforeAnswering = (method) => !(method === "report" && lost < 8 && ++lost % 2 === 0);
    await agents.start(server.url, {
      train: async (context) => {
        await context.markRunning();
        for (let step = 0; step < 30; step++) {
          await context.report({ kind: "metrics", points: [point(step)] });
          if (step % 3 === 0) await context.flush();
        }
      },
    });
    const run = server.queue(train);
    await waitUntil("the run succeeds", () => run.state === "succeeded");
    expect(lost).toBe(8);
    expect(server.attaches.length).toBeGreaterThan(3);
    expect(server.listSteps(run.runId)).toEqual(Array.from({ length: 30 }, (_, i) => i));
    expect(run.attempt).toBe(1);
  });

  it("says what it still holds when it attaches again", async () => {
    await agents.start(server.url, {
      train: (context) => context.markRunning().then(() => waitForAbort(context.signal)),
    });
    const run = server.queue(train);
    await waitUntil("it runs", () => run.transitions.at(-1)?.to === "running");
    server.dropConnections();
    await waitUntil("it is back", () => server.attaches.length === 2);
    expect(server.attaches[1]?.attempts).toEqual([{ runId: run.runId, attempt: 1 }]);
  });

  it("sends a report again that the server could not store for a moment", async () => {
    let failures = 0;
    server.beforeHandling = (method) => {
      if (method === "report" && failures++ < 2)
        throw new AppError("internal", "deadlock detected");
    };
    await agents.start(server.url, {
      train: (context) => context.report({ kind: "metrics", points: [point(1)] }),
    });
    const run = server.queue(train);
    await waitUntil("the run succeeds", () => run.state === "succeeded");
    expect(server.listSteps(run.runId)).toEqual([1]);
  });

  it("gives the run back where the server cannot store for long", async () => {
    server.beforeHandling = (method) => {
      if (method === "report") throw new AppError("storage-full", "the database's disk is full");
    };
    await agents.start(server.url, {
      train: (context) =>
        context
          .report({ kind: "metrics", points: [point(1)] })
          .then(() => waitForAbort(context.signal)),
    });
    const run = server.queue(train);
    await waitUntil("it is given back", () => run.transitions.some((t) => t.to === "queued"));
    expect(run.transitions.find((t) => t.to === "queued")?.reason).toBe(
      "the database's disk is full",
    );
  });
});

describe("a lease", () => {
  it("that the server gave away ends the attempt at once and silently", async () => {
    let ended: unknown;
    await agents.start(server.url, {
      train: async (context) => {
        await context.markRunning();
        if (context.attempt === 1)
          await waitForAbort(context.signal).catch((error: unknown) => (ended = error));
        await context.report({ kind: "metrics", points: [point(context.attempt)] });
      },
    });
    const run = server.queue(train);
    await waitUntil("it runs", () => run.transitions.at(-1)?.to === "running");
    run.attempt = 2; // the server requeued it and another worker leased it
    await waitUntil("the executor is stopped", () => ended !== undefined);
    expect(ended).toMatchObject({ code: "stale-attempt" });
    await waitUntil(
      "the heartbeats name it no more",
      () => server.heartbeats.at(-1)?.attempts.length === 0,
    );
    expect(server.listSteps(run.runId)).toEqual([]);
    expect(run.transitions.map((t) => t.to)).toEqual(["preparing", "running"]);
  });

  it("that could not be renewed for its length is lost, although nobody said so", async () => {
    server.terms = { heartbeatMs: 20, leaseMs: 150 };
    let ended: unknown;
    const started = Date.now();
    await agents.start(server.url, {
      train: async (context) => {
        await context.markRunning();
        await waitForAbort(context.signal).catch((error: unknown) => (ended ??= error));
        throw ended as Error;
      },
    });
    const run = server.queue(train);
    await waitUntil("it runs", () => run.transitions.at(-1)?.to === "running");
    server.beforeHandling = () => server.dropConnections();
    await waitUntil("the executor is stopped", () => ended !== undefined);
    expect(ended).toMatchObject({ code: "stale-attempt" });
    expect(Date.now() - started).toBeGreaterThanOrEqual(150);
  });

  it("is given back with the reason when the agent is stopped, and its folder is deleted", async () => {
    let folder = "";
    const agent = await agents.start(server.url, {
      train: async (context) => {
        folder = context.workDir;
        await writeCheckpoint(context, "x");
        await context.markRunning();
        await waitForAbort(context.signal);
      },
    });
    const run = server.queue(train);
    await waitUntil("it runs", () => run.transitions.at(-1)?.to === "running");
    expect(existsSync(folder)).toBe(true);
    await agent.stop();
    expect(run.transitions.at(-1)).toEqual({
      attempt: 1,
      to: "queued",
      reason: "The worker stops.",
    });
    expect(existsSync(folder)).toBe(false);
    expect(await agent.finished).toBeNull();
  });
});

describe("cancelling", () => {
  it.each(["notice", "heartbeat"] as const)(
    "by %s stops the executor and is said to the server after its last reports",
    async (way) => {
      await agents.start(server.url, {
        train: async (context) => {
          await context.markRunning();
          try {
            await waitForAbort(context.signal);
          } finally {
            await context.report({ kind: "metrics", points: [point(7)] });
          }
        },
      });
      const run = server.queue(train);
      await waitUntil("it runs", () => run.transitions.at(-1)?.to === "running");
      if (way === "notice") server.push({ type: "cancel", runId: run.runId, attempt: 1 });
      else run.cancelRequested = true;
      await waitUntil("it is cancelled", () => run.state === "cancelled");
      expect(server.listSteps(run.runId)).toEqual([7]);
    },
  );
});

describe("attaching", () => {
  it("with a wrong token ends the agent and says where a new one comes from", async () => {
    const agent = await agents.start(server.url, {}, { token: "not-the-right-one" });
    const error = await agent.finished;
    expect(error).toMatchObject({ code: "unauthorized" });
    expect(error?.message).toMatch(/Workers page/);
    expect(error?.message).not.toContain("not-the-right-one");
  });

  it("with another protocol version ends the agent with the server's reason", async () => {
    const agent = await agents.start(server.url, {}, { protocolVersion: 99 });
    expect(await agent.finished).toMatchObject({ code: "unsupported" });
  });

  it("waits for a server that is not up yet", async () => {
    const url = server.url;
    await server.close();
    const agent = await agents.start(url, {});
    const race = await Promise.race([
      agent.finished,
      new Promise((resolve) => setTimeout(resolve, 150, "still trying")),
    ]);
    expect(race).toBe("still trying");
  });

  it("tells what the machine has and uses", async () => {
    await agents.start(server.url, {});
    await waitUntil("two heartbeats came", () => server.heartbeats.length >= 2);
    expect(server.attaches[0]?.hardware.cores).toBeGreaterThan(0);
    expect(server.heartbeats[1]?.usage.memoryMb).toBeGreaterThan(0);
  });

  it("two agents share the work of one server", async () => {
    const done: string[] = [];
    const take = (name: string) => async (context: RunContext) => {
      await context.markRunning();
      await sleep(40);
      done.push(name);
    };
    await agents.start(server.url, { train: take("one") });
    await agents.start(server.url, { train: take("two") });
    await waitUntil("both are attached", () => server.attaches.length === 2);
    const runs = [1, 2, 3, 4].map(() => server.queue(train));
    await waitUntil("all succeed", () => runs.every((run) => run.state === "succeeded"));
    expect(new Set(done)).toEqual(new Set(["one", "two"]));
  });
});
