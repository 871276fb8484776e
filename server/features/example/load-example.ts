import { join } from "node:path";
import pg from "pg";
import { ROOT } from "@/lib/paths.mjs";
import { loadRecording } from "@/server/platform/recording/load";
import { MARK_EXAMPLE, SELECT_IS_NEW } from "./queries";

/** A day of work with this product on Atlas, recorded by `npm run record`: real runs, without their weights. */
export const EXAMPLE_FILE = join(ROOT, "server", "features", "example", "example.json.gz");

/**
 * Loads the example into a database that no server has used yet, so that every page shows something in the first minute.
 *
 * @param artifactsDir folder of the artifact store
 * @returns whether the database was new
 */
export async function loadExample(databaseUrl: string, artifactsDir: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ isNew: boolean }>(SELECT_IS_NEW);
    if (!rows[0]?.isNew) return false;
    await loadRecording(EXAMPLE_FILE, databaseUrl, artifactsDir);
    await client.query(MARK_EXAMPLE);
    return true;
  } finally {
    await client.end();
  }
}
