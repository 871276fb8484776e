import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { retrieverSchema } from "@/contracts/run-config/retriever";
import type { AppError } from "@/contracts/errors";
import { queryResultSchema } from "@/contracts/worker-protocol/search-results";
import type { AgentOptions } from "@/gpu-workers/agent/agent";
import { createDefaultStarters } from "@/gpu-workers/agent/default-services";
import { AgentLog } from "@/gpu-workers/agent/log";
import { TestAgents, waitForAbort } from "@/gpu-workers/agent/testing/harness";
import type { Executor, RunContext } from "@/gpu-workers/jobs/context/run-context";
import { FileStore } from "@/server/platform/artifacts/file-store";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import { getPresetConfig, storeSamples } from "@/server/testing/samples";
import { canTrain } from "./support/real-worker";
import { TcpProxy } from "./support/tcp-proxy";
import { waitUntil } from "@/lib/testing/wait-until";

/** The real agent against the real server: what each promises the other. */
let server: TestServer;
const agents = new TestAgents();
const proxies: TcpProxy[] = [];
/** No lease runs out by itself on a busy machine. */
const LONG_LEASE_MS = 60_000;

async function openServer(leaseMs: number): Promise<void> {
  server = await startTestServer({ timings: { leaseMs, heartbeatMs: 100 } });
  await storeSamples(server.plane);
}
beforeEach(() => openServer(LONG_LEASE_MS));
afterEach(async () => {
  await agents.stopAll();
  for (const proxy of proxies.splice(0)) await proxy.close();
  await server.stop();
});

const capabilities = {
  models: ["smollm2-135m-instruct"],
  corpora: ["atlas"],
  device: "cpu",
  dtype: "float32",
};

async function attach(
  name: string,
  train: Executor,
  overrides: Partial<AgentOptions> = {},
): Promise<Awaited<ReturnType<TestAgents["start"]>>> {
  const { token } = await server.plane.workerTokens.create(name, "test");
  return agents.start(
    overrides.server ?? server.url,
    { train },
    { token, name, capabilities, ...overrides },
  );
}

async function startProxy(): Promise<TcpProxy> {
  const proxy = await TcpProxy.start(server.url);
  proxies.push(proxy);
  return proxy;
}

const launch = (): Promise<string> =>
  server.plane.runs.create(getPresetConfig(), { actor: "test", preset: null });
const readState = async (runId: string): Promise<string> =>
  (await server.plane.runReader.get(runId)).state;
const listHistory = async (runId: string): Promise<string[]> =>
  (await server.plane.runReader.listHistory(runId)).map(({ attempt, to }) => `${attempt} ${to}`);
const endLeases = () =>
  server.plane.database.db
    .$executeRaw`UPDATE leases SET expires_at = clock_timestamp() - interval '1 second'`;
/** A heartbeat may come between the lease's end and the look at it, and renew the lease: it is ended again then. */
const loseFirstLease = (runId: string, end: () => Promise<unknown>): Promise<unknown> =>
  waitUntil("the lease is taken back", async () => {
    await end();
    await server.plane.runs.expireLeases();
    return (await listHistory(runId)).includes("1 queued");
  });
const listSteps = async (runId: string): Promise<number[]> =>
  ((await server.plane.metrics.readSeries(runId, ["reward/mean"], 2000))["reward/mean"] ?? []).map(
    ({ step }) => step,
  );
const reportMetric = (context: RunContext, step: number): Promise<void> =>
  context.report({
    kind: "metrics",
    points: [{ name: "reward/mean", step, value: step, at: Date.now() }],
  });

async function commitCheckpoint(context: RunContext, step: number, bytes = 1_000): Promise<void> {
  const directory = join(context.workDir, `checkpoint-${step}`);
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, "state.bin"), Buffer.alloc(bytes, step));
  await context.commitCheckpoint(directory, step, {});
}

/** Trains nothing, but keeps the promises of a training run: goes on after its checkpoint, one point a step. */
const counting =
  (steps: number, pauseMs: number, done: string[] = []): Executor =>
  async (context) => {
    await context.markRunning();
    let step = 0;
    if (context.resume)
      step = (await readFile(join(context.resume.directory, "state.bin")))[0] ?? 0;
    done.push(`attempt ${context.attempt} from ${step}`);
    while (step < steps) {
      step += 1;
      await Promise.race([
        new Promise((resolve) => setTimeout(resolve, pauseMs)),
        waitForAbort(context.signal),
      ]);
      await reportMetric(context, step);
      await commitCheckpoint(context, step);
    }
  };

describe("reports", () => {
  it("arrive exactly once and in order although the connection breaks again and again, also between a report and its answer", async () => {
    const proxy = await startProxy();
    const steps = Array.from({ length: 200 }, (_, i) => i);
    await attach(
      "worker",
      async (context) => {
        await context.markRunning();
        for (const step of steps) {
          await reportMetric(context, step);
          if (step % 20 !== 0) continue;
          // Sooner or later than the report is sent, stored and answered.
          setTimeout(() => proxy.cut(), step / 10);
          await context.flush();
        }
      },
      { server: proxy.url },
    );
    const runId = await launch();
    await waitUntil("the run ends", async () => (await readState(runId)) === "succeeded", 100_000);
    expect(await listSteps(runId)).toEqual(steps);
    expect((await listHistory(runId)).filter((line) => line.endsWith("leased"))).toEqual([
      "1 leased",
    ]);
  });

  it("questions and answers travel both ways", async () => {
    let seen: unknown;
    await attach("worker", async (context) => {
      await context.markRunning();
      const questions = await context.readQuestions("atlas/train");
      await context.saveAnswers([
        { key: "k", generator: "g", promptStyle: "chat", text: "Lima", seconds: 1 },
      ]);
      seen = [
        questions.length,
        (await context.findAnswers(["k", "absent"])).get("k")?.text,
        (await context.readAnsweredQuestions()).size,
      ];
    });
    const runId = await launch();
    await waitUntil("the run ends", async () => (await readState(runId)) === "succeeded");
    expect(seen).toEqual([8, "Lima", 0]);
  });
});

describe("a run moves from one worker to another", () => {
  it("when its worker stops, going on from the last checkpoint", async () => {
    const done: string[] = [];
    const first = await attach("first", counting(6, 60, done));
    const runId = await launch();
    await waitUntil(
      "two checkpoints are committed",
      async () => (await server.plane.artifacts.listCheckpoints(runId)).length >= 2,
    );
    await attach("second", counting(6, 5, done));
    await first.stop();
    await waitUntil("the run ends", async () => (await readState(runId)) === "succeeded");
    expect(done[0]).toBe("attempt 1 from 0");
    expect(done[1]).toMatch(/^attempt 2 from [2-6]$/);
    expect(await listSteps(runId)).toEqual([1, 2, 3, 4, 5, 6]);
    const given = (await server.plane.runReader.listHistory(runId)).find(
      ({ to, attempt }) => to === "queued" && attempt === 1,
    );
    expect(given?.reason).toBe("The worker stops.");
    expect(given?.actor).toBe("worker first");
  });

  it("when its worker cannot be heard, which drops the run by itself and whose late words are refused", async () => {
    await server.stop();
    await openServer(3_000);
    const proxy = await startProxy();
    let isWaiting = false;
    let dropped: AppError | null = null;
    let late: unknown;
    await attach(
      "deaf",
      async (context) => {
        await context.markRunning();
        await reportMetric(context, 1);
        await commitCheckpoint(context, 1);
        isWaiting = true;
        await waitForAbort(context.signal).catch((error: AppError) => (dropped = error));
        late = await reportMetric(context, 99).catch((error: unknown) => error);
        throw dropped!;
      },
      { server: proxy.url },
    );
    const runId = await launch();
    // The worker must have heard that its checkpoint is stored, not only the server have stored it.
    await waitUntil("the first checkpoint", () => isWaiting);
    proxy.pull();
    await attach("second", counting(3, 5));
    await waitUntil(
      "the other worker finishes it",
      async () => (await readState(runId)) === "succeeded",
    );
    await waitUntil("the first drops it", () => dropped !== null);
    proxy.heal();
    expect(dropped).toMatchObject({ code: "stale-attempt" });
    expect(late).toMatchObject({ code: "stale-attempt" });
    expect(await listSteps(runId)).toEqual([1, 2, 3]);
    expect(
      (await server.plane.runReader.listHistory(runId)).find(
        ({ to, attempt }) => to === "queued" && attempt === 1,
      )?.actor,
    ).toBe("server");
  });
});

describe("a clock that jumps", () => {
  /** What a jump of the database's clock does to the leases. */
  const jump = (hours: number) =>
    server.plane.database.db
      .$executeRaw`UPDATE leases SET expires_at = expires_at - ${hours} * interval '1 hour'`;

  it("forward lets leases run out: the run goes on from its checkpoint, and no step counts twice", async () => {
    const done: string[] = [];
    await attach("only", counting(8, 60, done));
    const runId = await launch();
    await waitUntil(
      "two checkpoints are committed",
      async () => (await server.plane.artifacts.listCheckpoints(runId)).length >= 2,
    );
    await loseFirstLease(runId, () => jump(1));
    await waitUntil("the run ends", async () => (await readState(runId)) === "succeeded");
    expect(done.length).toBeGreaterThanOrEqual(2);
    expect(done[1]).toMatch(/^attempt 2 from [2-8]$/);
    expect(await listSteps(runId)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it("back changes nothing: the next heartbeat sets the lease right", async () => {
    const done: string[] = [];
    await attach("only", counting(8, 60, done));
    const runId = await launch();
    await waitUntil(
      "a checkpoint is committed",
      async () => (await server.plane.artifacts.listCheckpoints(runId)).length >= 1,
    );
    await jump(-1);
    await waitUntil("the lease is as long as ever", async () => {
      const [lease] = await server.plane.database.db.$queryRaw<
        { seconds: number }[]
      >`SELECT extract(epoch FROM expires_at - clock_timestamp())::float8 AS seconds FROM leases WHERE run_id = ${runId}::uuid`;
      return lease !== undefined && lease.seconds <= LONG_LEASE_MS / 1000;
    });
    await waitUntil("the run ends", async () => (await readState(runId)) === "succeeded");
    expect(done).toEqual(["attempt 1 from 0"]);
    expect(await listSteps(runId)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it("at the worker, by hours and both ways, loses nothing", async () => {
    const real = Date.now.bind(Date);
    const done: string[] = [];
    try {
      await attach("only", counting(8, 60, done));
      const runId = await launch();
      await waitUntil(
        "a checkpoint is committed",
        async () => (await server.plane.artifacts.listCheckpoints(runId)).length >= 1,
      );
      Date.now = () => real() + 5 * 3_600_000;
      await waitUntil("some more", async () =>
        (await server.plane.artifacts.listCheckpoints(runId)).some(
          ({ step }) => step !== null && step >= 4,
        ),
      );
      Date.now = () => real() - 5 * 3_600_000;
      await waitUntil("the run ends", async () => (await readState(runId)) === "succeeded");
      expect(done).toEqual(["attempt 1 from 0"]);
      expect(await listSteps(runId)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    } finally {
      Date.now = real;
    }
  });
});

describe("cancelling", () => {
  it("reaches the executor at once, and its last reports are kept", async () => {
    let noticedAt = 0;
    await attach("worker", async (context) => {
      await context.markRunning();
      await waitForAbort(context.signal).catch(() => (noticedAt = Date.now()));
      await reportMetric(context, 7);
      throw context.signal.reason as Error;
    });
    const runId = await launch();
    await waitUntil("it runs", async () => (await readState(runId)) === "running");
    const askedAt = Date.now();
    await server.plane.runs.cancel(runId, { actor: "a person", reason: null });
    await waitUntil("it is cancelled", async () => (await readState(runId)) === "cancelled");
    expect(noticedAt - askedAt).toBeLessThan(1_000);
    expect(await listSteps(runId)).toEqual([7]);
  });

  it("and resuming goes on from the last checkpoint", async () => {
    const done: string[] = [];
    await attach("worker", counting(4, 40, done));
    const runId = await launch();
    await waitUntil(
      "a checkpoint is committed",
      async () => (await server.plane.artifacts.listCheckpoints(runId)).length >= 1,
    );
    await server.plane.runs.cancel(runId, { actor: "a person", reason: null });
    await waitUntil("it is cancelled", async () => (await readState(runId)) === "cancelled");
    await server.plane.runs.resume(runId, { actor: "a person", reason: null });
    await waitUntil("it ends", async () => (await readState(runId)) === "succeeded");
    expect(done[1]).toMatch(/^attempt 2 from [1-4]$/);
    expect(await listSteps(runId)).toEqual([1, 2, 3, 4]);
  });
});

describe("artifacts", () => {
  it("of many megabytes arrive whole", async () => {
    await attach("worker", async (context) => {
      await context.markRunning();
      await commitCheckpoint(context, 1, 40 * 2 ** 20);
    });
    const runId = await launch();
    await waitUntil("the run ends", async () => (await readState(runId)) === "succeeded");
    const [stored] = await server.plane.artifacts.listCheckpoints(runId);
    expect(stored?.bytes).toBe(40 * 2 ** 20);
  });

  it("of a stale attempt are refused with the reason, however large they are", async () => {
    let refused: unknown;
    await attach(
      "worker",
      async (context) => {
        await context.markRunning();
        await loseFirstLease(context.runId, endLeases);
        refused = await commitCheckpoint(context, 1, 40 * 2 ** 20).catch((error: unknown) => error);
        throw refused as Error;
      },
      { slots: { engine: 1, light: 0 } },
    );
    await launch();
    await waitUntil("the upload is refused", () => refused !== undefined);
    expect(refused).toMatchObject({ code: "stale-attempt" });
  });
});

/** A file system of one megabyte, where this user may mount one. */
async function mountSmallDisk(): Promise<{ path: string; unmount(): Promise<void> } | null> {
  const path = await mkdtemp(join(tmpdir(), "s3-small-disk-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", path], { stdio: "ignore" });
  } catch {
    await rm(path, { recursive: true });
    return null;
  }
  return {
    path,
    async unmount() {
      execFileSync("umount", ["-l", path], { stdio: "ignore" });
      await rm(path, { recursive: true });
    },
  };
}

describe("a full disk", () => {
  it("while a checkpoint is written leaves the last good one; the run goes on, ends with the reason, and can be resumed", async (test) => {
    const disk = await mountSmallDisk();
    if (!disk) return test.skip("needs the right to mount a file system");
    const full = await startTestServer({
      timings: { leaseMs: LONG_LEASE_MS },
      store: () => new FileStore(disk.path),
    });
    try {
      await storeSamples(full.plane);
      const { token } = await full.plane.workerTokens.create("worker", "test");
      const from: number[] = [];
      await agents.start(
        full.url,
        {
          train: async (context) => {
            await context.markRunning();
            from.push(context.resume?.step ?? 0);
            if (context.resume) return;
            await commitCheckpoint(context, 1, 200_000);
            await commitCheckpoint(context, 2, 8 * 2 ** 20);
            await reportMetric(context, 2);
          },
        },
        { token, capabilities },
      );
      const runId = await full.plane.runs.create(getPresetConfig(), {
        actor: "test",
        preset: null,
      });
      await waitUntil(
        "the run fails",
        async () => (await full.plane.runReader.get(runId)).state === "failed",
      );
      expect((await full.plane.runReader.get(runId)).error).toMatch(
        /last checkpoint could not be stored.*disk is full/,
      );
      expect((await full.plane.artifacts.listCheckpoints(runId)).map(({ step }) => step)).toEqual([
        1,
      ]);
      expect(
        (await full.plane.metrics.readSeries(runId, ["reward/mean"], 10))["reward/mean"],
      ).toHaveLength(1);
      await full.plane.runs.resume(runId, { actor: "test", reason: null });
      await waitUntil(
        "it ends",
        async () => (await full.plane.runReader.get(runId)).state === "succeeded",
      );
      expect(from).toEqual([0, 1]);
    } finally {
      await agents.stopAll();
      await full.stop();
      await disk.unmount();
    }
  });
});

describe("a task", () => {
  it.skipIf(!canTrain)(
    "from a person is answered by the worker with real documents, and its error by what is wrong",
    async () => {
      const patient = await startTestServer({
        timings: {
          leaseMs: 5_000,
          offlineMs: 10_000,
          taskMs: {
            query: 60_000,
            documents: 60_000,
            "dry-run": 60_000,
            "index-plan": 60_000,
            "corpus-preview": 60_000,
            "remove-corpus": 60_000,
            "turn-gains": 60_000,
            play: 60_000,
          },
        },
      });
      try {
        const { token } = await patient.plane.workerTokens.create("worker", "test");
        await agents.start(
          patient.url,
          {},
          {
            token,
            capabilities,
            starters: createDefaultStarters(new AgentLog("test", pino({ level: "silent" }))),
          },
        );
        await waitUntil("it is attached", async () =>
          (await patient.plane.workerReader.list()).some((worker) => worker.state === "online"),
        );
        const ask = async (encoder: string) => {
          const { taskId } = await patient.plane.tasks.create(
            {
              kind: "query",
              corpus: "atlas",
              retriever: retrieverSchema.parse({ kind: "dense", encoder, variant: "int8" }),
              query: "What is the capital of Peru?",
              k: 3,
            },
            "a person",
          );
          await waitUntil(
            "it is answered",
            async () => (await patient.plane.tasks.get(taskId)).state !== "running",
            60_000,
          );
          return patient.plane.tasks.get(taskId);
        };
        const found = await ask("minilm");
        expect(found.error).toBeNull();
        expect(
          queryResultSchema.parse(found.result).documents.some(({ text }) => text.includes("Lima")),
        ).toBe(true);
        const failed = await ask("no-such-encoder");
        expect(failed.state).toBe("failed");
        expect(failed.error?.message).toContain("no-such-encoder");
      } finally {
        await agents.stopAll();
        await patient.stop();
      }
    },
  );
});

describe("a token", () => {
  it("that is unknown or revoked ends the agent with what to do", async () => {
    const wrong = await agents.start(server.url, {}, { token: "s3w_unknown" });
    expect((await wrong.finished)?.message).toContain("Create a new one on the Workers page");

    const { id, token } = await server.plane.workerTokens.create("box", "test");
    const agent = await agents.start(server.url, {}, { token });
    await waitUntil("it is attached", async () =>
      (await server.plane.workerReader.list()).some((worker) => worker.state === "online"),
    );
    await server.plane.workerTokens.revoke(id);
    server.plane.workerConnections.disconnectToken(id);
    expect((await agent.finished)?.code).toBe("unauthorized");
  });
});
