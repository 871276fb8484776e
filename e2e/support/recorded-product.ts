import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findFreePort } from "@/lib/free-port.mjs";
import { EXAMPLE_FILE } from "@/server/features/example/load-example";
import { startPostgres } from "@/server/testing/postgres";
import { loadRecording } from "@/server/platform/recording/load";
import { startProductProcess, type ProductProcess } from "./product-process";

/**
 * A product after a day of work on Atlas: what e2e/recording has of it (`npm run record`). It is started as `npm start`
 * does.
 */
export async function startRecordedProduct(): Promise<ProductProcess> {
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
    return {
      address: product.address,
      async stop() {
        await product.stop();
        await postgres.stop();
        rmSync(dataDir, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await postgres.stop();
    throw error;
  }
}
