import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import pg from "pg";
import { migrate, MIGRATIONS_DIR } from "@/server/platform/db/migrate";
import {
  quoteName,
  recordingManifestSchema,
  SESSION_SETTINGS,
  type RecordingManifest,
} from "./format";
import { chunk } from "@/lib/chunk";

/** Rows that are inserted by one statement. */
const ROWS_AT_ONCE = 1_000;

/** Reads the manifest of a recording. @throws Error where the file is not one */
export const readManifest = async (file: string): Promise<RecordingManifest> =>
  (await readRecording(file)).manifest;

/**
 * Loads a recording into an empty database: the schema as it was recorded, the rows, then the
 * migrations that came since, as the server applies them when it starts.
 *
 * @param artifactsDir folder of the artifact store, which gets the recorded files; null: they are not written
 * @returns the manifest
 */
export async function loadRecording(
  file: string,
  databaseUrl: string,
  artifactsDir: string | null = null,
): Promise<RecordingManifest> {
  const { manifest, rows, files } = await readRecording(file);
  await migrateUntil(databaseUrl, manifest.migration);
  await insertRows(databaseUrl, manifest, rows);
  await migrate(databaseUrl);
  if (artifactsDir !== null) {
    for (const [i, { name }] of manifest.files.entries()) {
      const path = join(artifactsDir, name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, Buffer.from(files[i]!, "base64"));
    }
  }
  return manifest;
}

export interface Recording {
  manifest: RecordingManifest;
  /** JSON texts of the rows by table. */
  rows: Map<string, string[]>;
  /** Base64 contents, in the manifest's order. */
  files: string[];
}

/** Reads a recording without loading it. @throws Error where the file is not one */
export async function readRecording(file: string): Promise<Recording> {
  const text = (await promisify(gunzip)(await readFile(file))).toString("utf8");
  const lines = text.split("\n").slice(0, -1);
  const manifest = recordingManifestSchema.parse(JSON.parse(lines[0] ?? "null"));
  const rows = new Map<string, string[]>();
  let next = 1;
  for (const table of manifest.tables) {
    rows.set(table.name, lines.slice(next, next + table.rows));
    next += table.rows;
  }
  const files = lines.slice(next);
  if (files.length !== manifest.files.length) throw new Error(`${file} is cut short`);
  return { manifest, rows, files };
}

/** Applies the migrations up to one, which is the newest of the folder that `migrate` gets to see. */
async function migrateUntil(databaseUrl: string, newest: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "s3-migrations-"));
  try {
    const names = (await readdir(MIGRATIONS_DIR)).filter((name) => name <= newest);
    for (const name of names)
      await cp(join(MIGRATIONS_DIR, name), join(folder, name), { recursive: true });
    await migrate(databaseUrl, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Replaces all rows by the recorded ones; foreign keys and triggers do not act meanwhile. */
async function insertRows(
  databaseUrl: string,
  manifest: RecordingManifest,
  rows: ReadonlyMap<string, string[]>,
): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(SESSION_SETTINGS);
    await client.query("BEGIN");
    await client.query("SET LOCAL session_replication_role = replica");
    // Migrations insert rows of their own, which are in the recording as well.
    await client.query(
      `TRUNCATE ${manifest.tables.map(({ name }) => quoteName(name)).join(", ")} CASCADE`,
    );
    for (const { name } of manifest.tables) {
      const table = quoteName(name);
      const all = rows.get(name)!;
      for (const part of chunk(all, ROWS_AT_ONCE)) {
        await client.query(
          `INSERT INTO ${table} OVERRIDING SYSTEM VALUE SELECT * FROM json_populate_recordset(NULL::${table}, $1::json)`,
          [`[${part.join(",")}]`],
        );
      }
    }
    await advanceSequences(client);
    await client.query("COMMIT");
  } finally {
    await client.end();
  }
}

/** New rows get numbers after those of the recorded rows. */
async function advanceSequences(client: pg.Client): Promise<void> {
  const { rows: columns } = await client.query<{ table: string; column: string }>(
    `SELECT c.relname AS table, a.attname AS column
     FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
     WHERE c.relnamespace = 'public'::regnamespace AND a.attidentity <> ''`,
  );
  for (const { table, column } of columns)
    await client.query(
      `SELECT setval(pg_get_serial_sequence($1, $2), coalesce((SELECT max(${quoteName(column)}) FROM ${quoteName(table)}), 0) + 1, false)`,
      [quoteName(table), column],
    );
}
