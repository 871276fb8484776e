import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { EXAMPLE_FILE } from "@/server/features/example/load-example";
import { MIGRATIONS_DIR } from "@/server/platform/db/migrate";
import { createEmptyDatabase } from "@/server/testing/test-server";
import { RECORDING_VERSION, type RecordingManifest } from "@/server/platform/recording/format";
import { loadRecording, readManifest, readRecording } from "@/server/platform/recording/load";
import { saveRecording } from "@/server/platform/recording/save";

const FILE = EXAMPLE_FILE;
/** It is part of every installation. */
const MOST_BYTES = 3 * 1024 ** 2;
const AGAIN = "the recording is of another version of the product: run `npm run record`";

let folder: string;
let databaseUrl: string;
let manifest: RecordingManifest;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "s3-recording-"));
  databaseUrl = await createEmptyDatabase();
  manifest = await loadRecording(FILE, databaseUrl, join(folder, "artifacts"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function query<T extends pg.QueryResultRow>(sql: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return (await client.query<T>(sql)).rows;
  } finally {
    await client.end();
  }
}

test("the recording is of this version of the product", async () => {
  const { version, migration } = await readManifest(FILE);
  const migrations = (await readdir(MIGRATIONS_DIR)).filter((name) => /^\d+_/.test(name)).sort();
  expect(version, AGAIN).toBe(RECORDING_VERSION);
  expect(migration, AGAIN).toBe(migrations.at(-1));
});

test("it holds something for every page to show", async () => {
  const runs = await query<{ kind: string; state: string; n: number }>(
    "SELECT kind, state, count(*)::int AS n FROM runs GROUP BY kind, state",
  );
  const count = (kind: string, state: string): number =>
    runs.find((row) => row.kind === kind && row.state === state)?.n ?? 0;
  expect(count("train", "succeeded")).toBeGreaterThanOrEqual(1);
  expect(count("train", "failed")).toBe(1);
  expect(count("train", "cancelled")).toBe(1);
  expect(count("predict", "succeeded")).toBeGreaterThanOrEqual(9);
  expect(count("evaluate", "succeeded")).toBe(2);
  expect(count("index", "succeeded")).toBeGreaterThanOrEqual(1);
  const phases = await query<{ phase: string }>("SELECT DISTINCT phase FROM episodes ORDER BY 1");
  expect(phases.map(({ phase }) => phase)).toEqual(["held-out", "predict", "train"]);
  for (const table of [
    "alarm_changes",
    "artifacts",
    "metric_series",
    "run_statistics",
    "score_labels",
    "sweeps",
  ])
    expect(manifest.tables.find(({ name }) => name === table)?.rows, table).toBeGreaterThan(0);
});

test("a judge has scored answers, and people have labelled some of those that it and the span rule differ on", async () => {
  const [judged] = await query<{ differ: number; labelled: number }>(
    `SELECT count(*)::int AS differ, count(l.answer_id)::int AS labelled
     FROM scores j JOIN scores s USING (answer_id, set_id, question_id) LEFT JOIN score_labels l USING (answer_id, set_id, question_id)
     WHERE j.scorer LIKE 'judge/%' AND s.scorer ~ '^span/[0-9]+$' AND j.value <> s.value`,
  );
  expect(judged!.labelled).toBeGreaterThan(0);
  expect(judged!.differ, "some are left to be labelled").toBeGreaterThan(judged!.labelled);
});

test("the training by PPO has an advantage for each token of its episodes", async () => {
  const [steps] = await query<{ n: number; equal: number }>(
    `SELECT count(*)::int AS n, (count(*) FILTER (WHERE cardinality(s.token_advantages) = cardinality(s.token_ids)))::int AS equal
     FROM steps s JOIN episodes e ON e.id = s.episode_id JOIN runs r ON r.id = e.run_id
     WHERE e.phase = 'train' AND r.config #>> '{rl,algorithm}' = 'ppo' AND s.token_advantages IS NOT NULL`,
  );
  expect(steps!.n).toBeGreaterThan(0);
  expect(steps!.equal).toBe(steps!.n);
});

test("it is small", async () => {
  expect((await stat(FILE)).size).toBeLessThanOrEqual(MOST_BYTES);
});

test("it holds no weights and no secrets", async () => {
  expect(manifest.leftOut.length, "weights that were left out").toBeGreaterThan(0);
  expect(manifest.files.filter(({ name }) => name.endsWith(".safetensors"))).toEqual([]);
  expect(await query("SELECT FROM endpoint_keys")).toEqual([]);
  expect(await query("SELECT FROM worker_tokens WHERE revoked_at IS NULL")).toEqual([]);
});

test("what was loaded and saved again is the same", async () => {
  const copy = join(folder, "copy.json.gz");
  await saveRecording(copy, {
    databaseUrl,
    artifactsDir: join(folder, "artifacts"),
    madeBy: manifest.madeBy,
  });
  const [saved, original] = [await readRecording(copy), await readRecording(FILE)];
  expect(saved.manifest).toEqual({ ...original.manifest, leftOut: [] });
  expect(saved.files).toEqual(original.files);
  for (const [table, rows] of original.rows) expect(saved.rows.get(table), table).toEqual(rows);
});

test("rows that come after loading get numbers of their own", async () => {
  const [answer] = await query<{ id: string; last: string }>(
    `INSERT INTO answers (project_id, key, generator, prompt_style, text, seconds)
     SELECT project_id, key || ' again', generator, prompt_style, text, seconds FROM answers LIMIT 1
     RETURNING id, (SELECT max(id) FROM answers) AS last`,
  );
  expect(BigInt(answer!.id)).toBe(BigInt(answer!.last) + 1n);
});
