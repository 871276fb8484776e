import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findFreePort } from "@/lib/free-port.mjs";
import { startProductProcess, type ProductProcess } from "./product-process";

/** A product as on the first day: nothing is stored but the corpus Atlas. It is started as `npm start` does. */
export async function startFreshProduct(): Promise<ProductProcess> {
  const dataDir = mkdtempSync(join(tmpdir(), "s3-e2e-fresh-"));
  const product = await startProductProcess({
    PORT: String(await findFreePort()),
    S3_DATA_DIR: dataDir,
    S3_IMPORT_ROOTS: tmpdir(),
    DATABASE_URL: "",
    S3_EXAMPLE: "no",
  });
  return {
    address: product.address,
    async stop() {
      await product.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
