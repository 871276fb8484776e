import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import pg from "pg";
import { z } from "zod";
import { findPreset } from "@/core/presets/run-presets";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import { createEmptyDatabase, createMigratedDatabase } from "@/server/testing/test-server";
import { decodeDoubles, encodeDoubles } from "./binary-arrays";
import { Database, type Statements } from "./database";
import { Prisma } from "./generated/client";
import { migrate, MIGRATIONS_DIR } from "./migrate";
import { queryRows } from "./query";

describe("migrations", () => {
  let directory: string;
  const write = async (name: string, sql: string) => {
    await mkdir(join(directory, name), { recursive: true });
    await writeFile(join(directory, name, "migration.sql"), sql);
  };
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "s3-migrations-"));
    await write("0001_a", "CREATE TABLE a (x int);");
  });
  afterEach(() => rm(directory, { recursive: true }));

  it("applies each once and in order, even when two servers start at once", async () => {
    const url = await createEmptyDatabase();
    await write("0002_b", "ALTER TABLE a ADD y int;");
    const both = await Promise.all([migrate(url, directory), migrate(url, directory)]);
    expect(both.flat().sort()).toEqual(["0001_a", "0002_b"]);
    expect(await migrate(url, directory)).toEqual([]);
  });

  it("refuses a changed and an unknown migration, and leaves nothing of one that fails", async () => {
    const url = await createEmptyDatabase();
    await migrate(url, directory);
    await write("0002_b", "CREATE TABLE b (x int); SELECT 1 / 0;");
    await expect(migrate(url, directory)).rejects.toThrow(
      /Migration 0002_b failed: division by zero/,
    );
    await write("0002_b", "CREATE TABLE b (x int);");
    expect(await migrate(url, directory)).toEqual(["0002_b"]);
    await write("0001_a", "CREATE TABLE a (x bigint);");
    await expect(migrate(url, directory)).rejects.toThrow(/0001_a was changed/);
    await rm(join(directory, "0002_b"), { recursive: true });
    await write("0001_a", "CREATE TABLE a (x int);");
    await expect(migrate(url, directory)).rejects.toThrow(
      /0002_b, which this version does not know/,
    );
  });
});

describe("0008_training", () => {
  it("brings stored configurations and curves to the names of today", async () => {
    const url = await createEmptyDatabase();
    const until = await mkdtemp(join(tmpdir(), "s3-migrations-"));
    const names = (await readdir(MIGRATIONS_DIR)).filter((name) => /^000[1-7]_/.test(name));
    for (const name of names)
      await cp(join(MIGRATIONS_DIR, name), join(until, name), { recursive: true });
    await migrate(url, until);
    await rm(until, { recursive: true });
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      const now = runConfigSchema.parse(findPreset("atlas-smollm2-grpo")!.config);
      if (now.kind !== "train") throw new Error("not a training preset");
      const { weights: _weights, ...reward } = now.reward;
      const store = async (name: string, normaliseByDeviation: boolean) => {
        const { rows } = await client.query<{ id: string }>(
          `INSERT INTO runs (id, project_id, created_by, created_at, kind, name, config, slot, needs_models, needs_corpora, state, queued_at)
           SELECT gen_random_uuid(), id, 'test', now(), 'train', 'old', $1, 'engine', '{}', '{}', 'succeeded', now() FROM projects LIMIT 1 RETURNING id`,
          [
            JSON.stringify({
              ...now,
              reward: { ...reward, name },
              rl: { ...now.rl, algorithm: "grpo", normaliseByDeviation },
            }),
          ],
        );
        return rows[0]!.id;
      };
      const [gbr, upstream] = [await store("gbr", true), await store("upstream", false)];
      await client.query(
        "INSERT INTO attempts (run_id, number, started_at) VALUES ($1, 1, now())",
        [gbr],
      );
      await client.query(
        "INSERT INTO metric_series (run_id, attempt, name, points, first_step, last_step, last_value, last_at) VALUES ($1, 1, 'actor/entropy', 1, 1, 1, 0.5, now()), ($1, 1, 'reward/mean', 1, 1, 1, 0.5, now())",
        [gbr],
      );
      await client.query(
        "INSERT INTO metric_chunks (run_id, attempt, name, level, chunk, min_steps, max_steps, at, means, mins, maxs) VALUES ($1, 1, 'actor/entropy', 0, 0, '{1}', '{1}', '{0}', '{0.5}', '{0.5}', '{0.5}')",
        [gbr],
      );

      await migrate(url);
      const readConfig = async (id: string) =>
        trainConfigSchema.parse(
          (await client.query<{ config: unknown }>("SELECT config FROM runs WHERE id = $1", [id]))
            .rows[0]!.config,
        );
      expect(await readConfig(gbr)).toMatchObject({
        reward: { weights: { gbr: 1, upstream: 0 } },
        rl: { algorithm: "grpo" },
      });
      expect(await readConfig(upstream)).toMatchObject({
        reward: { weights: { gbr: 0, upstream: 1 } },
        rl: { algorithm: "dr-grpo" },
      });
      for (const table of ["metric_series", "metric_chunks"]) {
        const { rows } = await client.query<{ name: string }>(
          `SELECT name FROM ${table} ORDER BY name`,
        );
        expect(rows.map(({ name }) => name)).toEqual(
          table === "metric_series"
            ? ["actor/entropy_loss", "reward/mean"]
            : ["actor/entropy_loss"],
        );
      }
    } finally {
      await client.end();
    }
  });
});

describe("the Prisma schema", () => {
  it("has every table and column that the migrations make, with their types", async () => {
    const database = new Database(await createMigratedDatabase());
    try {
      const models = Object.values(Prisma.ModelName);
      for (const model of models) {
        const delegate = (
          database.db as unknown as Record<string, { findFirst(): Promise<unknown> }>
        )[model.charAt(0).toLowerCase() + model.slice(1)];
        // Selects every column of the model.
        await expect(delegate?.findFirst(), model).resolves.not.toThrow();
      }
      const tables = await database.db.$queryRaw<
        { n: number }[]
      >`SELECT count(*)::int AS n FROM information_schema.tables WHERE table_schema = 'public' AND table_name <> 'schema_migrations'`;
      expect(tables[0]?.n).toBe(models.length);
    } finally {
      await database.close();
    }
  });
});

describe("transactions past Prisma", () => {
  it("write all or nothing, read as of their beginning, and give numbers back bit by bit", async () => {
    const database = new Database(await createEmptyDatabase());
    const numbers = [
      0,
      -0,
      0.1,
      Number.NaN,
      Number.NEGATIVE_INFINITY,
      5e-324,
      1.7976931348623157e308,
    ];
    const rowSchema = z.object({ id: z.int(), numbers: z.instanceof(Uint8Array) });
    const select = (db: Statements) =>
      queryRows(db, rowSchema)`SELECT id, array_send(numbers) AS numbers FROM kept ORDER BY id`;
    const insert = async (db: Statements, id: number): Promise<number> =>
      db.$executeRaw`INSERT INTO kept VALUES (${id}, ${encodeDoubles(numbers)}::float8[])`;
    try {
      await database.db.$executeRaw`CREATE TABLE kept (id int PRIMARY KEY, numbers float8[])`;
      const failing = database.transactArrays(async (db) => {
        await insert(db, 1);
        await insert(db, 1);
      });
      await expect(failing).rejects.toThrow(/duplicate key/);
      const before = database.commits;
      const written = await database.transactArrays((db) =>
        Promise.all([insert(db, 2), insert(db, 3)]),
      );
      expect(written).toEqual([1, 1]);
      expect(database.commits).toBe(before + 1);
      const seen = await database.readArrays(async (db) => {
        const first = await select(db);
        await database.transactArrays((other) => insert(other, 4));
        return [first, await select(db)];
      });
      expect(seen.map((rows) => rows.map(({ id }) => id))).toEqual([
        [2, 3],
        [2, 3],
      ]);
      for (const row of seen[0]!) expect(decodeDoubles(row.numbers)).toEqual(numbers);
      expect(await select(database.db)).toHaveLength(3);
      await expect(database.readArrays((db) => insert(db, 5))).rejects.toThrow(/read-only/);

      // What was begun with a statement that failed is not written after all.
      const begun = database.transactArrays((db) =>
        Promise.all([insert(db, 2), insert(db, 6), insert(db, 7)]),
      );
      await expect(begun).rejects.toThrow(/duplicate key/);
      // A connection that the database ends fails what uses it, and nothing else.
      const ended = database.readArrays(async (db) => {
        const [own] = await queryRows(
          db,
          z.object({ pid: z.int() }),
        )`SELECT pg_backend_pid() AS pid`;
        await database.db.$queryRaw`SELECT pg_terminate_backend(${own!.pid}::int)`;
        return select(db);
      });
      await expect(ended).rejects.toThrow();
      expect(await database.readArrays(select)).toHaveLength(3);
    } finally {
      await database.close();
    }
  });
});
