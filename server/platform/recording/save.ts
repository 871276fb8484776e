import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import pg from "pg";
import {
  quoteName,
  RECORDING_VERSION,
  recordingManifestSchema,
  SESSION_SETTINGS,
  type RecordingManifest,
} from "./format";

/** Larger artifact files are weights, which no page reads. */
const FILE_LIMIT_BYTES = 64 * 1024;
/** Record of the migrations: the manifest names the newest, and loading applies them. */
const MIGRATIONS_TABLE = "schema_migrations";

export interface SaveOptions {
  databaseUrl: string;
  /** Folder of the artifact store; null: the recording gets no files. */
  artifactsDir: string | null;
  madeBy: string;
  /** Texts to replace in every row, in this order: names of the machine that recorded. */
  replacements?: readonly (readonly [from: string, to: string])[];
}

/**
 * Saves all rows of a product's database, and its small artifact files, as one file. Secrets are not
 * in it: stored API keys are left out, and worker tokens are revoked and their hashes replaced.
 *
 * @returns the manifest that was written
 * @throws Error where a row would not survive the way through JSON
 */
export async function saveRecording(
  file: string,
  options: SaveOptions,
): Promise<RecordingManifest> {
  const { migration, tables } = await readTables(options);
  const { kept, leftOut } = await listFiles(options.artifactsDir);
  const manifest = recordingManifestSchema.parse({
    version: RECORDING_VERSION,
    migration,
    madeBy: options.madeBy,
    tables: tables.map(({ name, rows }) => ({ name, rows: rows.length })),
    files: kept.map(({ name, bytes }) => ({ name, bytes })),
    leftOut,
  });
  const lines = [
    JSON.stringify(manifest),
    ...tables.flatMap(({ rows }) => rows),
    ...(await Promise.all(kept.map(({ path }) => readFile(path, "base64")))),
  ];
  await writeFile(file, await promisify(gzip)(`${lines.join("\n")}\n`, { level: 9 }));
  return manifest;
}

interface TableRows {
  name: string;
  /** JSON texts. They are never parsed here: JavaScript would round numbers of jsonb columns. */
  rows: string[];
}

/** Reads every table as of one moment, in the order of its primary key. */
async function readTables({
  databaseUrl,
  replacements = [],
}: SaveOptions): Promise<{ migration: string; tables: TableRows[] }> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(SESSION_SETTINGS);
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
    const {
      rows: [newest],
    } = await client.query<{ name: string }>(
      `SELECT name FROM ${MIGRATIONS_TABLE} ORDER BY name DESC LIMIT 1`,
    );
    if (!newest) throw new Error("the database has no migration: it is not a product's");
    await removeSecrets(client);
    const tables: TableRows[] = [];
    for (const { name, key } of await listTables(client)) {
      await requireNoJsonNull(client, name);
      const { rows } = await client.query<{ row: string }>(
        `SELECT row_to_json(t)::text AS row FROM ${quoteName(name)} t ORDER BY ${key.map(quoteName).join(", ")}`,
      );
      tables.push({
        name,
        rows: rows.map(({ row }) =>
          replacements.reduce((text, [from, to]) => text.replaceAll(from, to), row),
        ),
      });
    }
    return { migration: newest.name, tables };
  } finally {
    // Ends the session, and the transaction is rolled back: the recorded database keeps its secrets.
    await client.end();
  }
}

/** What stays of a token is that it was there: workers refer to it. */
async function removeSecrets(client: pg.Client): Promise<void> {
  await client.query("DELETE FROM endpoint_keys");
  await client.query("DELETE FROM mirrors");
  await client.query("DELETE FROM pools");
  await client.query(
    `UPDATE worker_tokens SET sha256 = sha256(convert_to('not recorded ' || id, 'UTF8')), revoked_at = coalesce(revoked_at, created_at)`,
  );
}

/** Application tables by name, each with the columns of its primary key. */
async function listTables(client: pg.Client): Promise<{ name: string; key: string[] }[]> {
  const { rows } = await client.query<{ name: string; key: string[] | null }>(
    `SELECT c.relname AS name,
       (SELECT array_agg(a.attname::text ORDER BY array_position(i.indkey::int2[], a.attnum))
        FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey::int2[])
        WHERE i.indrelid = c.oid AND i.indisprimary) AS key
     FROM pg_class c
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> $1
     ORDER BY c.relname`,
    [MIGRATIONS_TABLE],
  );
  return rows.map(({ name, key }) => {
    if (!key) throw new Error(`table ${name} has no primary key to order its rows by`);
    return { name, key };
  });
}

/** The null of JSON in a jsonb column would be loaded as SQL's NULL. */
async function requireNoJsonNull(client: pg.Client, table: string): Promise<void> {
  const { rows: columns } = await client.query<{ name: string }>(
    `SELECT attname AS name FROM pg_attribute
     WHERE attrelid = $1::regclass AND atttypid = 'jsonb'::regtype AND attnum > 0 AND NOT attisdropped`,
    [quoteName(table)],
  );
  for (const { name } of columns) {
    const { rowCount } = await client.query(
      `SELECT FROM ${quoteName(table)} WHERE ${quoteName(name)} = 'null' LIMIT 1`,
    );
    if (rowCount) throw new Error(`${table}.${name} holds the null of JSON, which is not recorded`);
  }
}

interface StoredFile {
  name: string;
  path: string;
  bytes: number;
}

async function listFiles(
  directory: string | null,
): Promise<{ kept: StoredFile[]; leftOut: Omit<StoredFile, "path">[] }> {
  if (directory === null) return { kept: [], leftOut: [] };
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return []; // Nothing was stored yet.
      throw error;
    },
  );
  const files = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(async (entry): Promise<StoredFile> => {
        const path = join(entry.parentPath, entry.name);
        const name = relative(directory, path).split(sep).join("/");
        return { name, path, bytes: (await stat(path)).size };
      }),
  );
  files.sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    kept: files.filter(({ bytes }) => bytes <= FILE_LIMIT_BYTES),
    leftOut: files
      .filter(({ bytes }) => bytes > FILE_LIMIT_BYTES)
      .map(({ name, bytes }) => ({ name, bytes })),
  };
}
