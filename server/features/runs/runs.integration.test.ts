import { setTimeout as sleep } from "node:timers/promises";
import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AppError } from "@/contracts/errors";
import type { AttemptRef } from "@/contracts/worker-protocol/attempt";
import type { ReportItem } from "@/contracts/worker-protocol/reports";
import { canTransition, HELD_STATES } from "@/core/run/transitions";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import {
  buildDocuments,
  buildRecord,
  getPresetConfig,
  storeSamples,
} from "@/server/testing/samples";
import { TestWorker } from "@/server/testing/test-worker";
import { waitUntil } from "@/lib/testing/wait-until";

type Lessee = { id: string; name: string; models: string[]; corpora: string[] };
const me = { actor: "tester", reason: null };

describe("runs", () => {
  let server: TestServer;
  let worker: TestWorker;
  const launch = () =>
    server.plane.runs.create(getPresetConfig(), { actor: "tester", preset: null });
  const readState = async (id: string) => (await server.plane.runReader.get(id)).state;

  beforeAll(async () => {
    server = await startTestServer({ maxAttempts: 3 });
    await storeSamples(server.plane);
    worker = await server.worker();
  });
  afterAll(() => server.stop());

  it("never gives one run to two workers that ask at once", async () => {
    const workers = await Promise.all(
      Array.from({ length: 6 }, (_, i) => server.worker({ name: `lessee ${i}` })),
    );
    const launched = new Set(await Promise.all(Array.from({ length: 10 }, launch)));
    const got = (
      await Promise.all([...workers, ...workers, ...workers].map((w) => w.lease()))
    ).flatMap(({ run }) => (run ? [run.runId] : []));
    expect(got).toHaveLength(10);
    expect(new Set(got)).toEqual(launched);
    for (const id of launched) await server.plane.runs.cancel(id, me);
    await waitUntil(
      "it comes true",
      async () =>
        (await server.plane.database.db.$queryRaw<unknown[]>`SELECT 1 FROM leases`).length === 0,
    );
    for (const w of workers) w.disconnect();
  });

  it("keeps a worker from runs whose model or corpus it lacks, and says what is waited for", async () => {
    const poor = await server.worker({ name: "poor", models: [] });
    const id = await launch();
    expect((await poor.lease()).run).toBeNull();
    expect((await worker.lease()).run?.runId).toBe(id);
    await server.plane.runs.cancel(id, me);
    await waitUntil("the state changes", async () => (await readState(id)) === "cancelled");
    poor.disconnect();
  });

  it("does not count deaths after progress", async () => {
    const id = await launch();
    for (let lost = 1; lost <= 6; lost++) {
      const { attempt } = await worker.leaseAndStart();
      expect(attempt).toBe(lost);
      const done = Math.min(lost, 4);
      await worker.request("report", {
        runId: id,
        attempt,
        sequence: 1,
        items: [
          { kind: "progress", progress: { phase: "predicting", done, total: 9, detail: "" } },
        ],
      });
      await waitUntil("the state changes", async () => (await readState(id)) !== "running");
      // Of six deaths three came no further than 4.
      expect(await readState(id)).toBe(lost < 6 ? "queued" : "failed");
    }
    expect((await server.plane.runReader.get(id)).error).toContain("predicting 4");
  });

  it("requeues a lost lease, fails after too many, and resumes by hand", async () => {
    const id = await launch();
    for (let lost = 1; lost <= 3; lost++) {
      expect((await worker.leaseAndStart()).attempt).toBe(lost);
      await waitUntil("the state changes", async () => (await readState(id)) !== "running");
    }
    const failed = await server.plane.runReader.get(id);
    expect(failed.state).toBe("failed");
    expect(failed.error).toMatch(/lease was lost.*given up after 3.*at the same point/);
    expect(failed.attempts.map((a) => a.outcome)).toEqual(["lost", "lost", "lost"]);
    expect(failed.actions).toContain("resume");
    await server.plane.runs.resume(id, me);
    expect((await worker.leaseAndStart()).attempt).toBe(4);
    await worker.request("transition", { runId: id, attempt: 4, to: "succeeded", reason: null });
    expect(await readState(id)).toBe("succeeded");
    // The answer may have been lost: saying it again is harmless.
    await worker.request("transition", { runId: id, attempt: 4, to: "succeeded", reason: null });
    const history = await server.plane.runReader.listHistory(id);
    expect(history.map((h) => h.to).slice(-4)).toEqual([
      "leased",
      "preparing",
      "running",
      "succeeded",
    ]);
    expect(
      history.find((h) => h.actor === "tester" && h.to === "queued" && h.from === "failed"),
    ).toBeTruthy();
  });

  it("keeps a lease alive by heartbeats and tells the worker to cancel", async () => {
    const id = await launch();
    const { attempt } = await worker.leaseAndStart();
    const ref = { runId: id, attempt };
    for (let i = 0; i < 10; i++) {
      await sleep(100);
      expect(await worker.heartbeat([ref])).toMatchObject({ lost: [], cancel: [] });
    }
    await server.plane.runs.cancel(id, me);
    expect(await worker.heartbeat([ref])).toMatchObject({ lost: [], cancel: [ref] });
    await waitUntil("the state changes", () =>
      Promise.resolve(worker.notices.some((n) => n.type === "cancel" && n.runId === id)),
    );
    await worker.request("transition", { ...ref, to: "cancelled", reason: "stopped" });
    expect(await readState(id)).toBe("cancelled");
    expect((await worker.heartbeat([ref])).lost).toEqual([ref]);
  });

  it("pauses where the run can go on from, gives its worker free and resumes from the checkpoint", async () => {
    const id = await launch();
    await server.plane.runs.pause(id, me);
    expect(await readState(id)).toBe("paused");
    expect((await worker.lease()).run).toBeNull();
    await server.plane.runs.resume(id, me);
    const { attempt } = await worker.leaseAndStart();
    const ref = { runId: id, attempt };
    await server.plane.runs.pause(id, me);
    expect(await readState(id)).toBe("pausing");
    expect(await worker.heartbeat([ref])).toMatchObject({ cancel: [], pause: [ref] });
    await worker.request("transition", { ...ref, to: "paused", reason: "Paused on request." });
    const paused = await server.plane.runReader.get(id);
    expect(paused).toMatchObject({ state: "paused", attempts: [{ outcome: "paused" }] });
    expect(paused.actions).toEqual(["duplicate", "cancel", "steps", "resume"]);
    // Saying it again is harmless; the attempt is over.
    await worker.request("transition", { ...ref, to: "paused", reason: null });
    expect((await worker.heartbeat([ref])).lost).toEqual([ref]);
    await server.plane.runs.resume(id, me);
    expect((await worker.leaseAndStart()).attempt).toBe(2);
    // A worker that dies while it should pause leaves the run paused, not queued.
    await server.plane.runs.pause(id, me);
    await waitUntil("its lease expires", async () => (await readState(id)) === "paused");
    await server.plane.runs.cancel(id, me);
    expect(await readState(id)).toBe("cancelled");
  });

  it("changes the steps of a run, tells its worker and records who did it", async () => {
    const id = await launch();
    const { attempt } = await worker.leaseAndStart();
    const ref = { runId: id, attempt };
    const { steps } = await worker.heartbeat([ref]);
    const from = steps[0]!.steps;
    expect(await server.plane.runs.changeSteps(id, from + 10, me)).toEqual({ from, to: from + 10 });
    expect((await worker.heartbeat([ref])).steps).toEqual([{ ...ref, steps: from + 10 }]);
    expect((await server.plane.runReader.listHistory(id)).at(-1)).toMatchObject({
      from: "running",
      to: "running",
      actor: "tester",
      reason: `steps: ${from} → ${from + 10}`,
    });
    await worker.request("report", {
      ...ref,
      sequence: 1,
      items: [
        {
          kind: "episodes",
          corpus: "atlas",
          questions: "atlas/train",
          documents: buildDocuments(),
          records: [buildRecord({ step: 4 })],
        },
      ],
    });
    await expect(server.plane.runs.changeSteps(id, 4, me)).rejects.toThrow(/Step 5 is under way/);
    // The next attempt has them in its configuration.
    await worker.request("transition", { ...ref, to: "queued", reason: "test" });
    const next = await worker.leaseAndStart();
    expect((await worker.heartbeat([next])).steps[0]!.steps).toBe(from + 10);
    await worker.request("transition", { ...next, to: "succeeded", reason: null });
    await expect(server.plane.runs.changeSteps(id, 99, me)).rejects.toThrow(/succeeded/);
  });

  it("takes back at once what a restarted agent does not know of", async () => {
    const id = await launch();
    await worker.leaseAndStart();
    const anew = await server.worker({ id: randomUUID(), name: "other" });
    expect(await readState(id)).toBe("running");
    anew.disconnect();
    const restarted = await TestWorker.attach({ ...worker.options, attempts: [] });
    const { state, attempts } = await server.plane.runReader.get(id);
    expect(state).toBe("queued");
    expect(attempts[0]?.reason).toMatch(/started anew/);
    await server.plane.runs.cancel(id, me);
    worker = restarted;
  });

  it("tells attached workers of a queued run", async () => {
    const before = worker.notices.length;
    const id = await launch();
    await waitUntil("the state changes", () =>
      Promise.resolve(worker.notices.slice(before).some((n) => n.type === "work")),
    );
    await server.plane.runs.cancel(id, me);
  });

  it("refuses to change or delete history", async () => {
    await expect(
      server.plane.database.db.$executeRaw`UPDATE run_transitions SET reason = 'other'`,
    ).rejects.toThrow(/append-only/);
    for (const table of ["run_transitions", "projects", "attempts", "questions", "episodes"])
      await expect(
        server.plane.database.db.$executeRawUnsafe(`DELETE FROM ${table}`),
      ).rejects.toThrow(/append-only/);
  });

  it("leaves a lease whose time is over to its worker until it is taken back", async () => {
    const quiet = await startTestServer({ timings: { leaseMs: 1, maintenanceMs: 3_600_000 } });
    try {
      await storeSamples(quiet.plane);
      const id = await quiet.plane.runs.create(getPresetConfig(), {
        actor: "tester",
        preset: null,
      });
      const holder = await quiet.worker();
      const { attempt } = await holder.leaseAndStart();
      const ref = { runId: id, attempt };
      const report = (sequence: number, items: ReportItem[]) =>
        holder.request("report", { ...ref, sequence, items });
      const metrics: ReportItem = {
        kind: "metrics",
        points: [{ name: "reward/mean", step: 1, value: 0.5, at: 1_000 }],
      };
      const log: ReportItem = {
        kind: "logs",
        lines: [{ at: 1_000, level: "info", source: "test", message: "on" }],
      };
      await sleep(10);
      expect(await report(1, [metrics])).toEqual({ accepted: true });
      expect(await report(2, [log])).toEqual({ accepted: true });
      expect((await holder.heartbeat([ref])).lost).toEqual([]);
      await sleep(10);
      expect(await quiet.plane.runs.expireLeases()).toBe(1);
      await expect(report(3, [metrics])).rejects.toThrow(AppError);
      await expect(report(3, [log])).rejects.toThrow(AppError);
      expect((await holder.heartbeat([ref])).lost).toEqual([ref]);
    } finally {
      await quiet.stop();
    }
  });

  it("keeps its invariants under any sequence of operations", async () => {
    const quiet = await startTestServer({
      maxAttempts: 2,
      timings: { leaseMs: 60_000, maintenanceMs: 3_600_000, offlineMs: 3_600_000 },
    });
    try {
      const { plane } = quiet;
      const workers: [Lessee, Lessee] = [
        {
          id: (await quiet.worker({ name: "a" })).id,
          name: "a",
          models: ["smollm2-135m-instruct"],
          corpora: ["atlas"],
        },
        {
          id: (await quiet.worker({ name: "b" })).id,
          name: "b",
          models: ["smollm2-135m-instruct"],
          corpora: ["atlas"],
        },
      ];
      const operation = fc.oneof(
        fc.record({ do: fc.constant("lease" as const), worker: fc.nat(1) }),
        fc.record({
          do: fc.constant("transition" as const),
          worker: fc.nat(1),
          to: fc.constantFrom(
            "preparing" as const,
            "running" as const,
            "succeeded" as const,
            "failed" as const,
            "cancelled" as const,
            "paused" as const,
            "queued" as const,
          ),
          stale: fc.boolean(),
        }),
        fc.record({
          do: fc.constantFrom(
            "cancel" as const,
            "pause" as const,
            "resume" as const,
            "expire" as const,
          ),
        }),
      );
      await fc.assert(
        fc.asyncProperty(
          fc.array(operation, { minLength: 4, maxLength: 25 }),
          async (operations) => {
            const id = await plane.runs.create(getPresetConfig(), {
              actor: "tester",
              preset: null,
            });
            let attempt = 0;
            let seen = 1;
            for (const op of operations) {
              const ref: AttemptRef = {
                runId: id,
                attempt: Math.max(1, op.do === "transition" && op.stale ? attempt - 1 : attempt),
              };
              try {
                if (op.do === "lease")
                  await plane.runs.lease(workers[op.worker as 0 | 1], { engine: 1, light: 0 });
                if (op.do === "transition")
                  await plane.runs.transition(workers[op.worker as 0 | 1], ref, op.to, "because");
                if (op.do === "cancel") await plane.runs.cancel(id, me);
                if (op.do === "pause") await plane.runs.pause(id, me);
                if (op.do === "resume") await plane.runs.resume(id, me);
                if (op.do === "expire") {
                  await plane.database.db
                    .$executeRaw`UPDATE leases SET expires_at = clock_timestamp() - interval '1 second' WHERE run_id = ${id}::uuid`;
                  await plane.runs.expireLeases();
                }
              } catch (error) {
                // Refusals are part of the rules; anything else is a defect.
                expect(error).toMatchObject({ name: "AppError" });
              }
              const run = await plane.runReader.get(id);
              const leases = await plane.database.db.$queryRaw<
                { attempt: number }[]
              >`SELECT attempt FROM leases WHERE run_id = ${id}::uuid`;
              expect(leases.map((l) => l.attempt)).toEqual(
                HELD_STATES.has(run.state) ? [run.attempt] : [],
              );
              expect(run.attempt).toBeGreaterThanOrEqual(attempt);
              expect(run.attempts.map((a) => a.number)).toEqual(
                Array.from({ length: run.attempt }, (_, i) => i + 1),
              );
              expect(run.attempts.filter((a) => a.endedAt === null)).toHaveLength(
                HELD_STATES.has(run.state) ? 1 : 0,
              );
              const history = await plane.runReader.listHistory(id);
              expect(history.length).toBeGreaterThanOrEqual(seen);
              history.forEach((h, i) => {
                expect(h.sequence).toBe(i + 1);
                expect(h.from).toBe(i === 0 ? null : history[i - 1]?.to);
                if (h.from) expect(canTransition(run.kind, h.from, h.to)).toBe(true);
              });
              expect(history.at(-1)?.to).toBe(run.state);
              seen = history.length;
              attempt = run.attempt;
            }
            // So that the next sequence finds the queue empty.
            await plane.database.db
              .$executeRaw`UPDATE leases SET expires_at = clock_timestamp() - interval '1 second'`;
            await plane.runs.cancel(id, me).catch(() => {});
            await plane.runs.expireLeases();
            await plane.runs.cancel(id, me).catch(() => {});
          },
        ),
        { numRuns: 25 },
      );
    } finally {
      await quiet.stop();
    }
  });
});
