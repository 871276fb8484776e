import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createDatabase } from "@/server/testing/control-plane";
import { Database } from "./database";
import { Prisma } from "./generated/client";
import { migrate } from "./migrate";

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
    const url = await createDatabase();
    await write("0002_b", "ALTER TABLE a ADD y int;");
    const both = await Promise.all([migrate(url, directory), migrate(url, directory)]);
    expect(both.flat().sort()).toEqual(["0001_a", "0002_b"]);
    expect(await migrate(url, directory)).toEqual([]);
  });

  it("refuses a changed and an unknown migration, and leaves nothing of one that fails", async () => {
    const url = await createDatabase();
    await migrate(url, directory);
    await write("0002_b", "CREATE TABLE b (x int); SELECT 1 / 0;");
    await expect(migrate(url, directory)).rejects.toThrow(/Migration 0002_b failed: division by zero/);
    await write("0002_b", "CREATE TABLE b (x int);");
    expect(await migrate(url, directory)).toEqual(["0002_b"]);
    await write("0001_a", "CREATE TABLE a (x bigint);");
    await expect(migrate(url, directory)).rejects.toThrow(/0001_a was changed/);
    await rm(join(directory, "0002_b"), { recursive: true });
    await write("0001_a", "CREATE TABLE a (x int);");
    await expect(migrate(url, directory)).rejects.toThrow(/0002_b, which this version does not know/);
  });
});

describe("the Prisma schema", () => {
  it("has every table and column that the migrations make, with their types", async () => {
    const url = await createDatabase();
    await migrate(url);
    const database = new Database(url);
    try {
      const models = Object.values(Prisma.ModelName);
      for (const model of models) {
        const delegate = (database.db as unknown as Record<string, { findFirst(): Promise<unknown> }>)[model.charAt(0).toLowerCase() + model.slice(1)];
        // Selects every column of the model.
        await expect(delegate?.findFirst(), model).resolves.not.toThrow();
      }
      const tables = await database.db.$queryRaw<{ n: number }[]>`SELECT count(*)::int AS n FROM information_schema.tables WHERE table_schema = 'public' AND table_name <> 'schema_migrations'`;
      expect(tables[0]?.n).toBe(models.length);
    } finally {
      await database.close();
    }
  });
});
