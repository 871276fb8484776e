import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ATLAS_DIR } from "@/lib/paths.mjs";
import { predictConfigSchema } from "@/contracts/run-config/predict-config";
import { ScriptedEndpoint } from "@/gpu-workers/testing/scripted-endpoint";
import { importAtlas } from "@/server/features/question-sets/atlas";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import { RealWorker } from "./support/real-worker";
import { waitUntil } from "@/lib/testing/wait-until";

const QUESTIONS = 60;
const LIMIT_MS = 60_000;

/** From the database through a real worker to a model server that wants a key. */
describe.skipIf(!existsSync(join(ATLAS_DIR, "train.jsonl")))(
  "a stored key (needs the set-up's Atlas)",
  () => {
    let server: TestServer;
    let worker: RealWorker;
    let folder: string;
    let endpoint: ScriptedEndpoint;
    /** What the model server takes. */
    let valid = "sk-e2e-first";
    /** Questions it answered; after so many the key is revoked. */
    let answered = 0;
    let revokeAt = Infinity;

    beforeAll(async () => {
      endpoint = await ScriptedEndpoint.start(({ headers }) => {
        if (answered === revokeAt) valid = "sk-e2e-second";
        if (headers.authorization !== `Bearer ${valid}`)
          return { status: 401, body: `no such key: ${headers.authorization}` };
        answered++;
        return "an answer";
      });
      server = await startTestServer({
        timings: { leaseMs: 8_000, heartbeatMs: 500, attachMs: 10_000 },
      });
      await importAtlas(server.plane, ATLAS_DIR, pino({ level: "silent" }));
      folder = await mkdtemp(join(tmpdir(), "s3-key-"));
      const { token } = await server.plane.workerTokens.create("keyed", "test");
      worker = new RealWorker({
        server: server.url,
        token,
        dataDir: folder,
        name: "keyed",
        restart: false,
      });
    });
    afterAll(async () => {
      await worker.stop();
      await server.stop();
      await endpoint.close();
      await rm(folder, { recursive: true, force: true });
    });

    const launch = (key: string | null, url = endpoint.url): Promise<string> =>
      server.plane.runs.create(
        predictConfigSchema.parse({
          kind: "predict",
          name: "keyed",
          method: "direct",
          questions: "atlas/held-out",
          limit: QUESTIONS,
          searcher: {
            model: "hosted",
            endpoint: url,
            api: "chat",
            connection: { key, concurrency: 2 },
          },
          failures: { stopAfter: 5 },
        }),
        { actor: "test", preset: null },
      );
    const ended = async (id: string): Promise<{ state: string; error: string | null }> => {
      await waitUntil(
        "the run ends",
        async () => ["succeeded", "failed"].includes((await server.plane.runReader.get(id)).state),
        LIMIT_MS,
      );
      return server.plane.runReader.get(id);
    };

    it(
      "reaches the model server that it was stored for; revoked half way, the run says so, and goes on with a new one",
      async () => {
        await server.plane.endpointKeys.put("hosted", endpoint.url, "sk-e2e-first", "test");
        revokeAt = QUESTIONS / 2;
        const id = await launch("hosted");
        const failed = await ended(id);
        expect([failed.state, failed.error]).toEqual([
          "failed",
          expect.stringMatching(
            /5 questions in a row could not be answered.*missing, wrong or revoked/s,
          ),
        ]);

        await server.plane.endpointKeys.put("hosted", endpoint.url, "sk-e2e-second", "test");
        revokeAt = Infinity;
        await server.plane.runs.resume(id, { actor: "test", reason: null });
        expect(await ended(id)).toMatchObject({ state: "succeeded", error: null });
        // Two more answers than questions: those to the two attempts' preflights. Nothing is asked, or paid for, twice.
        expect([await server.plane.scoring.readSummary(id), answered]).toMatchObject([
          { answered: QUESTIONS, missing: 0 },
          QUESTIONS + 2,
        ]);
      },
      LIMIT_MS,
    );

    it(
      "goes to no other server, and a run without it is refused by this one",
      async () => {
        const other = await ScriptedEndpoint.start(["an answer"]);
        expect(await ended(await launch("hosted", other.url))).toMatchObject({
          state: "failed",
          error: expect.stringContaining("belongs to") as unknown,
        });
        expect(other.requests).toEqual([]);
        await other.close();
        expect(await ended(await launch(null))).toMatchObject({
          state: "failed",
          error: expect.stringContaining("missing, wrong or revoked") as unknown,
        });
      },
      LIMIT_MS,
    );

    it("is in no log, report or row of the database", async () => {
      const { db } = server.plane.database;
      const tables = await db.$queryRaw<
        { name: string }[]
      >`SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`;
      expect(tables.length).toBeGreaterThan(20);
      for (const { name } of tables) {
        const [row] = await db.$queryRawUnsafe<{ leaks: number }[]>(
          `SELECT count(*)::int AS leaks FROM "${name}" t WHERE t::text LIKE '%sk-e2e%'`,
        );
        expect([name, row!.leaks]).toEqual([name, 0]);
      }
      expect(worker.output).not.toContain("sk-e2e");
    });
  },
);
