import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { MIGRATIONS_DIR } from "@/server/platform/db/migrate";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import { storeSamples } from "@/server/testing/samples";
import { conversation, docs, file, importFiles } from "./testing/upstream-files";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await storeSamples(server.plane);
});
afterAll(() => server.stop());

const answers = { "who?": { answer: "Ann", score: 1 }, "where?": { answer: "Rome", score: 0 } };
const silent = { golden_answers: ["Rome"], context_with_info: "", response_str: "" };
/** Two questions of a table of its own. */
const bring = async (dataset: string, sequence: object, method?: string) => {
  const sequences = { "who?": sequence, "where?": silent };
  const { runs } = await importFiles(
    server,
    [
      file(`${dataset}_output_sequences.json`, sequences),
      file(`results/${dataset}.json`, { [dataset]: answers }),
    ],
    { name: dataset, ...(method && { method }) },
  );
  return runs[0]!.id;
};
const shown = {
  golden_answers: ["Ann"],
  context_with_info: docs("d0"),
  response_str: conversation("who?", ["d0", "d2"], ["d1"]),
};

const listSearches = async (runId: string) => {
  const order = { filter: "all", sort: "searches", sortDirection: "ascending" } as const;
  const { rows } = await server.plane.episodeReader.list({ runId, limit: 10, ...order });
  return rows.map(({ searches }) => searches);
};
/** Mean searches by run, as the leaderboard has them over all its scopes. */
const readMeans = async (): Promise<Record<string, number | null>> => {
  const { scopes } = await server.plane.leaderboard.get({});
  const boards = await Promise.all(
    scopes.map(({ key }) => server.plane.leaderboard.get({ scope: key })),
  );
  const cells = boards.flatMap(({ rows }) => rows.flatMap((row) => row.cells));
  return Object.fromEntries(cells.flatMap((cell) => (cell ? [[cell.runId, cell.searches]] : [])));
};

it("what the files do not show of the searches is unknown, and no part of a mean", async () => {
  const part = await bring("part", shown);
  const none = await bring("none", silent);
  const cot = await bring("alone", silent, "cot");
  expect(await listSearches(part)).toEqual([1, null]);
  expect(await listSearches(none)).toEqual([null, null]);
  expect(await listSearches(cot), "a method that never searches").toEqual([0, 0]);
  expect(await readMeans()).toMatchObject({ [part]: 1, [none]: null, [cot]: 0 });

  const { plane } = server;
  const { rows } = await plane.episodeReader.list({
    runId: none,
    filter: "all",
    sortDirection: "ascending",
    limit: 10,
  });
  const { record } = await plane.episodeReader.get(rows[0]!.id);
  expect(record.unknownSearches).toBe(true);

  // As earlier versions stored it: the migration corrects those rows, and no other.
  const { db } = plane.database;
  for (const table of ["episodes", "episode_facts"])
    await db.$executeRawUnsafe(`UPDATE ${table} SET searches = 0 WHERE searches IS NULL`);
  expect(await readMeans()).toMatchObject({ [part]: 0.5, [none]: 0 });
  const path = join(MIGRATIONS_DIR, "0047_unknown_searches", "migration.sql");
  const statements = readFileSync(path, "utf8")
    .replace(/^--.*$/gm, "")
    .split(/;\s*\n/);
  await db.$transaction(async (transaction) => {
    for (const statement of statements.filter((text) => text.trim() !== ""))
      await transaction.$executeRawUnsafe(statement);
  });
  expect([await listSearches(part), await listSearches(cot)]).toEqual([
    [1, null],
    [0, 0],
  ]);
  expect(await readMeans()).toMatchObject({ [part]: 1, [none]: null, [cot]: 0 });
});
