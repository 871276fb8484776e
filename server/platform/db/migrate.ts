import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { AppError } from "@/contracts/errors";
import { ROOT } from "@/lib/paths.mjs";
import { LOCKS } from "./locks";

export const MIGRATIONS_DIR = join(ROOT, "prisma", "migrations");

/** Whether no server has used a database yet. By a connection alone: a client of the models takes ten times as long to open. */
export async function isNewDatabase(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query("SELECT 1 WHERE to_regclass('schema_migrations') IS NULL");
    return rows.length > 0;
  } finally {
    await client.end();
  }
}

/**
 * Applies the folders of `directory` in order of their names, each `migration.sql` in a transaction of its own, and
 * records name and checksum. Two servers that start at once wait for each other.
 *
 * @returns names of the migrations that were applied now
 * @throws AppError "conflict" where an applied migration was changed or is missing from the folder
 */
export async function migrate(url: string, directory: string = MIGRATIONS_DIR): Promise<string[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query("SELECT pg_advisory_lock($1)", [LOCKS.migrations]);
    await client.query(
      "CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())",
    );
    const done = await client.query<{ name: string; sha256: string }>(
      "SELECT name, sha256 FROM schema_migrations",
    );
    const applied = new Map(done.rows.map((row) => [row.name, row.sha256]));
    const names = (await readdir(directory, { withFileTypes: true }))
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
      .sort();
    for (const name of applied.keys()) {
      if (!names.includes(name))
        throw new AppError(
          "conflict",
          `The database has migration ${name}, which this version does not know: it is of a newer version. Update the code, or use another data directory.`,
        );
    }
    const now: string[] = [];
    for (const name of names) {
      const sql = await readFile(join(directory, name, "migration.sql"), "utf8");
      const sha256 = createHash("sha256").update(sql).digest("hex");
      const known = applied.get(name);
      if (known === sha256) continue;
      if (known !== undefined)
        throw new AppError(
          "conflict",
          `Migration ${name} was changed after it was applied. Restore the file, and put the change into a new migration.`,
        );
      await client.query("BEGIN");
      try {
        await client.query(sql);
        await client.query("INSERT INTO schema_migrations (name, sha256) VALUES ($1, $2)", [
          name,
          sha256,
        ]);
        await client.query("COMMIT");
      } catch (error) {
        await client.query("ROLLBACK");
        throw new AppError(
          "internal",
          `Migration ${name} failed: ${error instanceof Error ? error.message : String(error)}`,
          { cause: error },
        );
      }
      now.push(name);
    }
    return now;
  } finally {
    // Ends the session, and with it the lock.
    await client.end();
  }
}
