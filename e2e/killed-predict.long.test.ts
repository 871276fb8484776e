import { setTimeout as sleep } from "node:timers/promises";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ATLAS_DIR } from "@/lib/paths.mjs";
import { predictConfigSchema } from "@/contracts/run-config/predict-config";
import { importAtlas } from "@/server/features/question-sets/atlas";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import { canTrain, RealWorker } from "./support/real-worker";
import { waitUntil } from "@/lib/testing/wait-until";
import { listenLocally } from "@/lib/testing/listen-locally";

/** How often the worker is killed; S3_KILLS makes a short run of it. */
const KILLS = Number(process.env.S3_KILLS ?? 20);
const LIMIT_MS = 600_000;
/** While it is killed, each answer takes this long, so that no run ends before its last kill: a batch is two rounds of answers. */
const SLOW_MS = 500;
/** A kill comes up to this long after the attempt began: some while it prepares, some between batches, some within one. */
const WITHIN_MS = 5_000;

/** Random numbers that a failed test can be repeated with. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe.skipIf(!canTrain)(
  "a predict run whose worker is killed again and again (needs Linux and the set-up's models and corpus)",
  () => {
    let server: TestServer;
    let generator: Server;
    let endpoint: string;
    let worker: RealWorker;
    let folder: string;
    let slow = false;

    beforeAll(async () => {
      // An OpenAI-compatible server that answers by rule: the second word of the first context.
      generator = createServer((request, response) => {
        let body = "";
        request.on("data", (chunk: Buffer) => (body += chunk.toString()));
        request.on("end", () => {
          const content = /Context 1[^:]*: (.{0,60})/.exec(body)?.[1] ?? "nothing";
          setTimeout(
            () => response.end(JSON.stringify({ choices: [{ message: { content } }] })),
            slow ? SLOW_MS : 5,
          );
        });
      });
      endpoint = `${await listenLocally(generator)}/v1`;
      server = await startTestServer({
        maxAttempts: KILLS + 5,
        timings: { leaseMs: 4_000, heartbeatMs: 500, attachMs: 10_000 },
      });
      await importAtlas(server.plane, ATLAS_DIR, pino({ level: "silent" }));
      folder = await mkdtemp(join(tmpdir(), "s3-killed-"));
      const { token } = await server.plane.workerTokens.create("killed", "test");
      worker = new RealWorker({
        server: server.url,
        token,
        dataDir: folder,
        name: "killed",
        restart: true,
      });
    }, LIMIT_MS);
    afterAll(async () => {
      await worker.stop();
      await server.stop();
      generator.close();
      await rm(folder, { recursive: true, force: true });
    });

    const readState = async (id: string) => (await server.plane.runReader.get(id)).state;
    const launch = (model: string): Promise<string> => {
      return server.plane.runs.create(
        predictConfigSchema.parse({
          kind: "predict",
          name: "killed",
          method: "rag",
          documents: 5,
          questions: "atlas/train",
          retriever: { kind: "bm25" },
          generator: { model, endpoint },
        }),
        { actor: "test", preset: null },
      );
    };
    const succeeded = async (id: string): Promise<void> => {
      await waitUntil(
        "the run ends",
        async () => ["succeeded", "failed"].includes(await readState(id)),
        LIMIT_MS,
      );
      const { state, error } = await server.plane.runReader.get(id);
      expect([state, error]).toEqual(["succeeded", null]);
    };
    /** All that a run has stored of each question, without what may differ: times, and the model's name in keys. */
    const listResults = async (id: string): Promise<unknown[]> =>
      server.plane.database.db.$queryRaw`
      SELECT e.question_id, e.key, e.context_ids, a.text, s.scorer, s.value, b.value AS baseline, (SELECT count(*)::int FROM steps t WHERE t.episode_id = e.id) AS steps,
        (SELECT json_agg(json_build_array(o.scorer, o.value) ORDER BY o.scorer) FROM scores o WHERE o.answer_id = e.answer_id AND o.question_id = e.question_id) AS others
      FROM episodes e JOIN answers a ON a.id = e.answer_id JOIN scores s ON s.id = e.score_id JOIN scores b ON b.id = e.baseline_score_id WHERE e.run_id = ${id}::uuid ORDER BY e.question_id`;

    it(`gives after ${KILLS} kills at random points what an undisturbed run gives`, async () => {
      const undisturbed = await launch("first");
      await succeeded(undisturbed);
      const random = mulberry32(20_261_122);
      slow = true;
      const disturbed = await launch("second");
      for (let kill = 0; kill < KILLS; kill++) {
        await waitUntil(
          "an attempt is under way",
          async () => ["leased", "preparing", "running"].includes(await readState(disturbed)),
          LIMIT_MS,
        );
        await sleep(random() * WITHIN_MS);
        process.kill(worker.pid, "SIGKILL");
        await waitUntil("the worker is started anew", () => worker.deaths === kill + 1, 30_000);
        await waitUntil(
          "its attempt is taken back",
          async () =>
            (await server.plane.runReader.get(disturbed)).attempts.filter(
              ({ outcome }) => outcome === "lost",
            ).length >=
            kill + 1,
          LIMIT_MS,
        );
      }
      slow = false;
      const { attempts } = await server.plane.runReader.get(disturbed);
      expect(attempts.filter(({ outcome }) => outcome === "lost").length).toBeGreaterThanOrEqual(
        KILLS,
      );
      // The kills were spread over the run: they neither came before its first answer nor waited for its last one.
      const { answered, questions } = await server.plane.scoring.readSummary(disturbed);
      expect(answered).toBeGreaterThan(0);
      expect(answered).toBeLessThan(questions);
      await succeeded(disturbed);
      const [expected, got] = [await listResults(undisturbed), await listResults(disturbed)];
      expect(expected.length).toBe(questions);
      expect(got).toEqual(expected);
      // The curve ends at the accuracy over all attempts, not at the last one's.
      const accuracies = (
        await Promise.all([undisturbed, disturbed].map((id) => server.plane.runReader.get(id)))
      ).map(({ headline }) => headline.value);
      expect(accuracies[1]).toBeCloseTo(accuracies[0]!, 12);
      expect((await server.plane.scoring.readSummary(disturbed)).missing).toBe(0);
    }, 1_800_000);
  },
);
