import { join } from "node:path";
import { ROOT } from "@/lib/paths.mjs";
import { Database } from "@/server/platform/db/database";
import { isNewDatabase } from "@/server/platform/db/migrate";
import { loadRecording } from "@/server/platform/recording/load";
import { markExample } from "./queries";

/** A day of work with this product on Atlas, recorded by `npm run record`: real runs, without their weights. */
export const EXAMPLE_FILE = join(ROOT, "server", "features", "example", "example.json.gz");

/**
 * Loads the example into a database that no server has used yet, so that every page shows something in the first minute.
 *
 * @param artifactsDir folder of the artifact store
 * @returns whether the database was new
 */
export async function loadExample(databaseUrl: string, artifactsDir: string): Promise<boolean> {
  if (!(await isNewDatabase(databaseUrl))) return false;
  await loadRecording(EXAMPLE_FILE, databaseUrl, artifactsDir);
  const database = new Database(databaseUrl);
  try {
    await database.transact(({ db }) => markExample(db));
  } finally {
    await database.close();
  }
  return true;
}
