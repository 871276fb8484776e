import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decideNext,
  type Decision,
  type WatchedWorker,
  type WorkerFacts,
  type WorkerLimits,
} from "./decide-next";
import type { JobStatus } from "./drivers/driver";

const LIMITS: WorkerLimits = { idleMs: 60_000, startMs: 120_000, appearsWithinMs: 0 };
const at = (seconds: number): Date => new Date(1_700_000_000_000 + seconds * 1_000);
const job = (phase: JobStatus["phase"], detail: string = phase): JobStatus => ({ phase, detail });
const RUNNING = job("running");

const worker = (changes: Partial<WatchedWorker> = {}): WatchedWorker => ({
  state: "pending",
  submittedAt: at(0),
  wasListed: true,
  startedAt: null,
  idleSince: null,
  ...changes,
});
const facts = (changes: Partial<WorkerFacts> = {}): WorkerFacts => ({
  job: RUNNING,
  presence: null,
  isUnneeded: false,
  listeningSince: at(0),
  ...changes,
});
const online = (changes: Partial<NonNullable<WorkerFacts["presence"]>> = {}) => ({
  isOnline: true,
  isBusy: false,
  lastSeenAt: at(0),
  lacks: [],
  ...changes,
});
const decide = (
  w: Partial<WatchedWorker>,
  f: Partial<WorkerFacts>,
  seconds = 10,
  limits = LIMITS,
): Decision => decideNext(worker(w), facts(f), limits, at(seconds));

describe("what becomes of a pool's worker", () => {
  it("waits in the scheduler's queue for as long as a run waits for it", () => {
    expect(decide({}, { job: job("queued") }, 1e6)).toEqual({ kind: "keep", state: "pending" });
    expect(decide({}, { job: job("queued"), isUnneeded: true })).toMatchObject({
      kind: "end",
      failing: false,
    });
    expect(decide({ startedAt: at(5) }, { isUnneeded: true }), "it runs").toMatchObject({
      kind: "keep",
    });
  });

  it("fails where none attaches in time, or its job ends before", () => {
    const late = { startedAt: at(0) };
    expect(decide(late, {}, 120)).toMatchObject({ kind: "keep", state: "pending" });
    expect(decide(late, { job: job("running", "ImagePullBackOff") }, 121)).toEqual({
      kind: "end",
      failing: true,
      reason: "No worker attached within 120 s of its job's start: ImagePullBackOff.",
    });
    for (const over of [job("failed", "code 2"), job("ended", "code 0"), null])
      expect(decide({}, { job: over })).toMatchObject({ kind: "finish", failing: true });
  });

  it("waits for a job that the scheduler lists late, but not for one that it has listed", () => {
    const limits = { ...LIMITS, appearsWithinMs: 60_000 };
    const unlisted = { wasListed: false };
    expect(decide(unlisted, { job: null }, 59, limits)).toMatchObject({ kind: "keep" });
    expect(decide(unlisted, { job: null }, 61, limits)).toMatchObject({ kind: "finish" });
    expect(decide({}, { job: null }, 10, limits)).toMatchObject({ kind: "finish" });
    const ending = { ...unlisted, state: "ending" as const };
    expect(decide(ending, { job: null }, 10, limits)).toEqual({ kind: "keep", state: "ending" });
    expect(decide({ ...ending, submittedAt: null }, { job: null }, 10, limits)).toMatchObject({
      kind: "finish",
    });
  });

  it("is refused where it lacks what the pool offers", () => {
    const presence = online({ lacks: ["the model m"] });
    expect(decide({}, { presence })).toEqual({
      kind: "end",
      failing: true,
      reason: "It attached without the model m, which the pool says that its workers have.",
    });
    expect(decide({ state: "idle" }, { presence }), "later it may change").toMatchObject({
      kind: "keep",
    });
  });

  it("ends once it was idle for longer than the limit, and only then", () => {
    const presence = online();
    expect(decide({}, { presence })).toEqual({ kind: "keep", state: "idle" });
    const idle = { state: "idle" as const, idleSince: at(0) };
    expect(decide(idle, { presence }, 60)).toEqual({ kind: "keep", state: "idle" });
    expect(decide(idle, { presence }, 61)).toMatchObject({
      kind: "end",
      failing: false,
      onlyIfIdle: true,
    });
    expect(decide(idle, { presence: online({ isBusy: true }) }, 1e6)).toEqual({
      kind: "keep",
      state: "attached",
    });
  });

  it("is given up where nothing is heard of it, not where the server was away for a moment", () => {
    const presence = online({ isOnline: false });
    const attached = { state: "attached" as const, startedAt: at(0) };
    expect(decide(attached, { presence }, 119)).toMatchObject({ kind: "keep" });
    expect(decide(attached, { presence }, 121)).toMatchObject({ kind: "end", failing: true });
  });

  it("is given its time anew by a server that was away for longer than the limits", () => {
    const listeningSince = at(10_000);
    const silent = { presence: online({ isOnline: false }), listeningSince };
    const coming = { startedAt: at(0) };
    for (const [w, f] of [
      [{ state: "attached" as const, startedAt: at(0) }, silent],
      [coming, { listeningSince }],
    ] as const) {
      expect(decide(w, f, 10_120)).toMatchObject({ kind: "keep" });
      expect(decide(w, f, 10_121)).toMatchObject({ kind: "end", failing: true });
    }
  });

  it("is over with its job", () => {
    const attached = { state: "attached" as const };
    const presence = online({ isBusy: true });
    expect(decide(attached, { presence, job: job("failed", "TIMEOUT") })).toEqual({
      kind: "finish",
      failing: true,
      reason: "Its job is over: TIMEOUT.",
    });
    expect(decide(attached, { presence, job: job("ended", "COMPLETED") })).toMatchObject({
      kind: "finish",
      failing: false,
    });
    expect(decide({ state: "ending" }, { presence })).toEqual({ kind: "keep", state: "ending" });
    expect(decide({ state: "ending" }, { presence, job: null })).toMatchObject({ kind: "finish" });
  });

  it("never finishes while its job lives, never keeps one whose job is over, never ends a busy one that is there", () => {
    const anyJob = fc.constantFrom(null, job("queued"), RUNNING, job("ended"), job("failed"));
    const anyPresence = fc.option(
      fc.record({
        isOnline: fc.boolean(),
        isBusy: fc.boolean(),
        lastSeenAt: fc.integer({ min: 0, max: 500 }).map(at),
        lacks: fc.subarray(["the model m"]),
      }),
    );
    const time = fc.option(fc.integer({ min: 0, max: 500 }).map(at));
    fc.assert(
      fc.property(
        fc.record({
          state: fc.constantFrom("pending", "attached", "idle", "ending" as const),
          submittedAt: time,
          wasListed: fc.boolean(),
          startedAt: time,
          idleSince: time,
        }),
        fc.record({
          job: anyJob,
          presence: anyPresence,
          isUnneeded: fc.boolean(),
          listeningSince: fc.integer({ min: 0, max: 500 }).map(at),
        }),
        fc.integer({ min: 0, max: 1_000 }),
        (w, f, seconds) => {
          const decision = decideNext(w, f, LIMITS, at(seconds));
          const isLive = f.job?.phase === "queued" || f.job?.phase === "running";
          expect(decision.kind === "finish").toBe(!isLive);
          if (w.state === "ending") expect(decision.kind).not.toBe("end");
          if (w.state === "attached" && f.presence?.isOnline && f.presence.isBusy && isLive)
            expect(decision).toEqual({ kind: "keep", state: "attached" });
          expect(decideNext(w, f, LIMITS, at(seconds))).toEqual(decision);
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
