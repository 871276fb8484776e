import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EXAMPLE_ACTOR } from "@/contracts/records/example-actor";
import { listRunsRequestSchema } from "@/contracts/api/run-list";
import { compose, type ControlPlane } from "@/server/compose";
import { FileStore } from "@/server/platform/artifacts/file-store";
import { createEmptyDatabase, FAST_TIMINGS } from "@/server/testing/test-server";
import { loadExample } from "./load-example";
import { selectExampleRuns } from "./queries";

describe("the example", () => {
  let folder: string;
  let databaseUrl: string;
  let plane: ControlPlane;

  const listRuns = () => plane.runReader.list(listRunsRequestSchema.parse({ limit: 100 }));

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "s3-example-"));
    databaseUrl = await createEmptyDatabase();
    expect(await loadExample(databaseUrl, folder)).toBe(true);
    plane = compose({
      databaseUrl,
      store: new FileStore(folder),
      timings: FAST_TIMINGS,
      log: pino({ level: "silent" }),
      dataDir: folder,
    });
  });
  afterAll(async () => {
    await plane.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it("is loaded into a new database only", async () => {
    expect(await loadExample(databaseUrl, folder)).toBe(false);
  });

  it("is marked, and counts for nothing that a person has done", async () => {
    const { rows } = await listRuns();
    expect(rows.length).toBeGreaterThan(10);
    for (const run of rows) expect(run).toMatchObject({ tags: [EXAMPLE_ACTOR] });
    expect((await plane.home.readResults()).done).toMatchObject({
      indexed: false,
      trained: false,
      evaluated: false,
      compared: false,
    });
  });

  it("is told apart on the leaderboard, and where missing methods are launched", async () => {
    const { rows, columns } = await plane.leaderboard.get({});
    const cells = rows.flatMap((row) => row.cells).filter((cell) => cell !== null);
    expect(cells.length).toBeGreaterThan(2);
    expect(cells.filter(({ example }) => !example)).toEqual([]);
    const rag = rows.find(({ method }) => method === "rag")!.cells[0]!;
    const [{ questionSet, limit }] = columns as [(typeof columns)[number]];
    const launched = await plane.leaderboard.launch(
      { methods: ["rag"], like: rag.runId, questions: questionSet, limit },
      "test",
    );
    expect(launched).toMatchObject({ launched: [], present: { length: 1 }, examples: 1 });
  });

  it("offers none of its checkpoints, as its weights are not in it", async () => {
    const { rows } = await listRuns();
    for (const { id } of rows) expect(await plane.artifacts.listCheckpoints(id)).toEqual([]);
  });

  it("is removed as runs are deleted, and can be restored", async () => {
    const { db } = plane.database;
    const ids = await selectExampleRuns(db);
    expect(ids.length).toBeGreaterThan(10);
    await plane.runOrganiser.update({ ids, deleted: true });
    expect(await selectExampleRuns(db)).toEqual([]);
    expect((await listRuns()).rows).toEqual([]);
    await plane.runOrganiser.update({ ids, deleted: false });
    expect((await selectExampleRuns(db)).sort()).toEqual(ids.sort());
  });
});
