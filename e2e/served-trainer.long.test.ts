import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commandConfigSchema } from "@/contracts/run-config/command-config";
import { ATLAS_DIR, resolveInRoot, PYTHON } from "@/lib/paths.mjs";
import { importAtlas } from "@/server/features/question-sets/atlas";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import { canTrain, RealWorker } from "./support/real-worker";
import { serveGenerator, serveRetriever } from "./support/served-atlas";

const TRAINER = fileURLToPath(new URL("support/client_trainer.py", import.meta.url));
const LIMIT_MS = 480_000;
const STEPS = 20;
const SAMPLES = 8;

/** Another trainer's small training, started on a worker, that searches and is answered by what the same worker serves. */
describe.skipIf(!canTrain)(
  "a launched trainer (needs the set-up's Python, model and Atlas)",
  () => {
    let server: TestServer;
    let worker: RealWorker;
    let folder: string;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "s3-served-"));
      server = await startTestServer({
        timings: { leaseMs: 60_000, offlineMs: 90_000, attachMs: 60_000 },
      });
      await importAtlas(server.plane, ATLAS_DIR, pino({ level: "silent" }));
      const { token } = await server.plane.workerTokens.create("real", "test");
      worker = new RealWorker({
        server: server.url,
        token,
        dataDir: join(folder, "worker"),
        name: "real",
        restart: false,
        flags: ["--allow-commands", "--engine-device", "cpu"],
      });
    });
    afterAll(async () => {
      await worker.stop();
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    });

    it(
      "learns from the retriever's documents, and its rollouts become episodes with them",
      async () => {
        const create = (config: Parameters<typeof server.plane.runs.create>[0]) =>
          server.plane.runs.create(config, { actor: "test", preset: null });
        const [retriever, generator] = await Promise.all([
          serveRetriever(create),
          serveGenerator(create),
        ]);
        const id = await create(
          commandConfigSchema.parse({
            kind: "command",
            name: "another trainer",
            command: `"${PYTHON}" "${TRAINER}" rollouts ${STEPS}`,
            environment: `PYTHONPATH=${resolveInRoot("gpu-workers", "client")}\nOMP_NUM_THREADS=1`,
            rollouts: { folder: "rollouts", questions: "atlas/train", corpus: "atlas" },
            addresses: { retriever, generator },
          }),
        );
        const { plane } = server;
        const readLines = async () =>
          (await plane.logs.listForRun(id, { level: "info", limit: 500 })).lines.map(
            ({ message }) => message,
          );
        await expect
          .poll(async () => (await plane.runReader.get(id)).endedAt, { timeout: LIMIT_MS / 2 })
          .not.toBeNull();
        const { state, error } = await plane.runReader.get(id);
        const lines = await readLines();
        expect([state, error], lines.join("\n")).toEqual(["succeeded", null]);

        const names = ["critic/score/mean", "answer/right", "search/searches"];
        const series = await plane.metrics.readSeries(id, names, 100);
        const scores = series["critic/score/mean"]!.map(({ value }) => value);
        expect(scores).toHaveLength(STEPS);
        const computeMean = (part: number[]) =>
          part.reduce((sum, value) => sum + value, 0) / part.length;
        expect(computeMean(scores.slice(-5))).toBeGreaterThan(computeMean(scores.slice(0, 5)));
        expect(lines.find((line) => line.startsWith("answered: "))).toMatch(/Lima/);
        expect(series["answer/right"]).toMatchObject([{ step: STEPS, value: 1 }]);

        const { episodes, issues } = await plane.trackedRuns.describeRollouts(id);
        expect([episodes, issues]).toEqual([SAMPLES * STEPS, []]);
        const list = { runId: id, filter: "all", sortDirection: "ascending", limit: 200 } as const;
        const { rows } = await plane.episodeReader.list({ ...list, cursor: undefined });
        const rewarded = rows.find(({ reward }) => reward === 1)!;
        const { record, gold } = await plane.episodeReader.get(rewarded.id);
        expect(gold.map((one) => one.id)).toContain("peru:capital");
        const found = record.episode.steps.flatMap((step) =>
          step.kind === "retrieve" ? step.documents.map((document) => document.id) : [],
        );
        expect(found, "a document of Atlas under its own id").toContain("peru:capital");
        expect(series["search/searches"]).toHaveLength(STEPS);
      },
      LIMIT_MS,
    );
  },
);
