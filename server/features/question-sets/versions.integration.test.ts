import { cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { expect, it } from "vitest";
import { predictConfigSchema } from "@/contracts/run-config/predict-config";
import { migrate, MIGRATIONS_DIR } from "@/server/platform/db/migrate";
import { createEmptyDatabase } from "@/server/testing/test-server";

it("0021_corpus_versions: runs from before get the corpus version of then, and runs on stored episodes what their source says", async () => {
  const url = await createEmptyDatabase();
  const until = await mkdtemp(join(tmpdir(), "s3-migrations-"));
  for (const name of (await readdir(MIGRATIONS_DIR)).filter((each) => each < "0021"))
    await cp(join(MIGRATIONS_DIR, name), join(until, name), { recursive: true });
  await migrate(url, until);
  await rm(until, { recursive: true });
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const store = async (changes: object, minute: number): Promise<string> => {
      const { rows } = await client.query<{ id: string }>(
        `INSERT INTO runs (id, project_id, created_by, created_at, kind, name, config, slot, needs_models, needs_corpora, state, queued_at, started_at)
         SELECT gen_random_uuid(), id, 'test', now(), 'predict', 'p', $1, 'engine', '{}', '{}', 'succeeded', now(), '2026-01-01Z'::timestamptz + $2 * interval '1 minute' FROM projects LIMIT 1 RETURNING id`,
        [
          JSON.stringify(predictConfigSchema.parse({ kind: "predict", name: "p", ...changes })),
          minute,
        ],
      );
      return rows[0]!.id;
    };
    for (const [hash, minute] of [
      ["v1", 0],
      ["v2", 20],
    ])
      await client.query(
        "INSERT INTO corpora (id, project_id, name, content_hash, documents, created_by, created_at) SELECT gen_random_uuid(), id, 'atlas', $1, 1, 'test', '2026-01-01Z'::timestamptz + $2 * interval '1 minute' FROM projects LIMIT 1",
        [hash, minute],
      );
    await client.query(
      "INSERT INTO worker_tokens (id, project_id, name, sha256, created_by) SELECT gen_random_uuid(), id, 'w', sha256('w'), 'test' FROM projects LIMIT 1",
    );
    await client.query(
      "INSERT INTO workers (id, project_id, token_id, name, hardware, slots, free_slots, capabilities, state, attached_at, last_seen_at) SELECT id, project_id, id, 'w', '{}', '{}', '{}', '{}', 'offline', now(), now() FROM worker_tokens",
    );
    const importedAt = Date.parse("2026-01-01T00:20:00Z");
    await client.query(
      "INSERT INTO worker_corpora (worker_id, name, report, updated_at) SELECT id, 'mine', $1, now() FROM workers",
      [JSON.stringify({ manifest: { hash: "m2", importedAt } })],
    );

    const source = await store(
      { method: "ircot", retriever: { kind: "bm25" }, methodSettings: { searches: 7 } },
      10,
    );
    const anew = await store({ method: "ircot", reuse: { episodesOf: source } }, 30);
    const scored = await store(
      { method: "ircot", scorer: "judge", reuse: { episodesOf: anew, keepAnswers: true } },
      40,
    );
    const cot = await store({ method: "cot", methodSettings: { answeredBy: "generator" } }, 30);
    const kept = await store(
      {
        method: "cot",
        methodSettings: { answeredBy: "generator" },
        reuse: { episodesOf: cot, keepAnswers: true },
      },
      31,
    );
    const [replaced, present] = [
      await store({ corpus: "mine" }, 10),
      await store({ corpus: "mine" }, 30),
    ];
    await migrate(url);

    const of = async (id: string) => {
      const { rows } = await client.query<{ config: unknown; version: string | null }>(
        "SELECT config, corpus_version AS version FROM runs WHERE id = $1",
        [id],
      );
      return { ...rows[0]!, config: predictConfigSchema.parse(rows[0]!.config) };
    };
    expect(await of(source)).toMatchObject({
      version: "v1",
      config: { methodSettings: { answeredBy: "method" } },
    });
    for (const id of [anew, scored])
      expect(await of(id)).toMatchObject({
        version: "v1",
        config: {
          retriever: { kind: "bm25" },
          methodSettings: { searches: 7, answeredBy: "generator" },
        },
      });
    expect((await of(scored)).config).toMatchObject({
      scorer: "judge",
      reuse: { episodesOf: anew },
    });
    expect(await of(kept)).toMatchObject({
      version: "v2",
      config: { methodSettings: { answeredBy: "method" } },
    });
    expect(
      [(await of(replaced)).version, (await of(present)).version],
      "what a worker held before its import is not known",
    ).toEqual([null, "m2"]);
  } finally {
    await client.end();
  }
});
