import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findFreePort, startProductProcess } from "./support/product-process";

/**
 * Starts the product as `npm start` does, on a data directory of its own, and stops it after the last spec.
 * Specs find its address in S3_E2E_URL.
 */
export default async function startProduct(): Promise<() => Promise<void>> {
  const dataDir = mkdtempSync(join(tmpdir(), "s3-e2e-"));
  const product = await startProductProcess({
    PORT: String(await findFreePort()),
    S3_DATA_DIR: dataDir,
    DATABASE_URL: "",
  });
  process.env.S3_E2E_URL = product.url;
  process.env.S3_E2E_DATA_DIR = dataDir;
  return async () => {
    await product.stop();
    rmSync(dataDir, { recursive: true, force: true });
  };
}
