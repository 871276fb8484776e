import { setTimeout as sleep } from "node:timers/promises";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { expect } from "vitest";
import type { ClusterStatus } from "@/contracts/engine/cluster";
import { ATLAS_DIR } from "@/lib/paths.mjs";
import { importAtlas } from "@/server/features/question-sets/atlas";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import { RealWorker, buildTwoStepConfig } from "./real-worker";
import { waitUntil } from "@/lib/testing/wait-until";

export const RUN_LIMIT_MS = 480_000;

const LEARNED_METRICS = ["reward/mean", "actor/pg_loss", "actor/grad_norm", "critic/grad_norm"];

/** A real server with the real corpus, real workers, and questions about the runs on them. */
export class TrainingSetup {
  private readonly workers: RealWorker[] = [];

  private constructor(
    readonly server: TestServer,
    private readonly folder: string,
  ) {}

  /** @param databaseUrl a migrated database; by default one of this test run's PostgreSQL */
  static async open(databaseUrl?: string): Promise<TrainingSetup> {
    const folder = await mkdtemp(join(tmpdir(), "s3-recovery-"));
    const server = await startTestServer({
      ...(databaseUrl === undefined ? {} : { databaseUrl }),
      timings: { leaseMs: 8_000, heartbeatMs: 500, attachMs: 10_000 },
    });
    await importAtlas(server.plane, ATLAS_DIR, pino({ level: "silent" }));
    return new TrainingSetup(server, folder);
  }

  async close(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.stop()));
    await this.server.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Starts a worker with a token of its own. */
  async worker(name: string, restart: boolean, flags: readonly string[] = []): Promise<RealWorker> {
    const { token } = await this.server.plane.workerTokens.create(name, "test");
    const worker = new RealWorker({
      server: this.server.url,
      token,
      dataDir: this.folder,
      name,
      restart,
      flags,
    });
    this.workers.push(worker);
    return worker;
  }

  launch(): Promise<string> {
    return this.server.plane.runs.create(buildTwoStepConfig(), { actor: "test", preset: null });
  }

  /** The checkpoint after `step` is stored, and the step after it is under way. */
  async stored(runId: string, step: number): Promise<void> {
    await waitUntil(
      `step ${step} is stored`,
      async () =>
        (await this.server.plane.artifacts.listCheckpoints(runId)).some(
          (checkpoint) => checkpoint.step === step,
        ),
      RUN_LIMIT_MS,
    );
    await sleep(500);
  }

  async succeeded(runId: string): Promise<void> {
    await waitUntil(
      "the run ends",
      async () =>
        ["succeeded", "failed"].includes((await this.server.plane.runReader.get(runId)).state),
      RUN_LIMIT_MS,
    );
    const { state, error } = await this.server.plane.runReader.get(runId);
    expect([state, error], (await this.history(runId)).join("\n")).toEqual(["succeeded", null]);
  }

  /** Lines of "attempt state by actor: reason". */
  async history(runId: string): Promise<string[]> {
    return (await this.server.plane.runReader.listHistory(runId)).map(
      ({ attempt, to, actor, reason }) =>
        `${attempt} ${to} by ${actor}${reason ? `: ${reason}` : ""}`,
    );
  }

  /** Hash of the weights after each step, by the run's checkpoints. */
  async weights(runId: string): Promise<Map<number, unknown>> {
    return new Map(
      (await this.server.plane.artifacts.listCheckpoints(runId)).map(({ step, metadata }) => [
        step,
        metadata.weightsHash,
      ]),
    );
  }

  /** What was learned in each step, as the run's page shows it: points [step, value] by metric. */
  async readSteps(
    runId: string,
    metrics: readonly string[] = LEARNED_METRICS,
  ): Promise<[string, [number, number][]][]> {
    const series = await this.server.plane.metrics.readSeries(runId, [...metrics], 100);
    return Object.entries(series).map(([name, points]) => [
      name,
      points.map(({ step, value }): [number, number] => [step, value]),
    ]);
  }

  /** Steps whose training episodes each attempt has reported, as "attempt: step". */
  async listTrainedSteps(runId: string): Promise<string[]> {
    const episodes = await this.server.plane.database.db.episode.findMany({
      where: { runId, phase: "train" },
      select: { attempt: true, step: true },
    });
    return [...new Set(episodes.map(({ attempt, step }) => `${attempt}: step ${step}`))].sort();
  }

  /** What the worker's engine has told of its ranks; null before it has. */
  async readCluster(): Promise<ClusterStatus | null> {
    const [worker] = await this.server.plane.workerReader.list();
    return worker?.services.find(({ kind }) => kind === "engine")?.cluster ?? null;
  }

  /** The weights that a run ends with when nothing happens to it. */
  async undisturbed(): Promise<unknown> {
    return (await this.weights(await this.trainUndisturbed())).get(2);
  }

  /** Trains a run that nothing happens to. @returns its id */
  async trainUndisturbed(): Promise<string> {
    const runId = await this.launch();
    await this.succeeded(runId);
    const weights = await this.weights(runId);
    expect([...weights.keys()].sort()).toEqual([0, 1, 2]);
    expect(new Set(weights.values()).size, "every step changes the weights").toBe(3);
    return runId;
  }
}
