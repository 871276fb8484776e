import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findFreePort } from "@/lib/free-port.mjs";
import { EXAMPLE_FILE } from "@/server/features/example/load-example";
import { startPostgres } from "@/server/testing/postgres";
import { loadRecording } from "@/server/platform/recording/load";
import { RECORDED_URL_VARIABLE } from "./product";
import { startProductProcess } from "./product-process";

/**
 * A product after a day of work on Atlas: what e2e/recording has of it (`npm run record`). It is started as `npm start`
 * does, once for all specs, and leaves its address in `RECORDED_URL_VARIABLE`.
 *
 * @returns what stops it
 */
export default async function startRecordedProduct(): Promise<() => Promise<void>> {
  const dataDir = mkdtempSync(join(tmpdir(), "s3-e2e-recorded-"));
  const postgres = await startPostgres();
  try {
    await loadRecording(EXAMPLE_FILE, postgres.url, join(dataDir, "artifacts"));
    const product = await startProductProcess({
      PORT: String(await findFreePort()),
      S3_DATA_DIR: dataDir,
      S3_IMPORT_ROOTS: tmpdir(),
      DATABASE_URL: postgres.url,
    });
    process.env[RECORDED_URL_VARIABLE] = product.address;
    return async () => {
      await product.stop();
      await postgres.stop();
      rmSync(dataDir, { recursive: true, force: true });
    };
  } catch (error) {
    await postgres.stop();
    throw error;
  }
}
