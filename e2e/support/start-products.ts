import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findFreePort } from "@/lib/free-port.mjs";
import { EXAMPLE_FILE } from "@/server/features/example/load-example";
import { startPostgres } from "@/server/testing/postgres";
import { loadRecording } from "@/server/platform/recording/load";
import { PRODUCT_VARIABLES } from "./product";
import { startProductProcess } from "./product-process";

type Stop = () => Promise<void>;

/** A product as on the first day: nothing is stored but the corpus Atlas. */
async function startFreshProduct(): Promise<Stop> {
  const dataDir = mkdtempSync(join(tmpdir(), "s3-e2e-fresh-"));
  const product = await startProductProcess({
    PORT: String(await findFreePort()),
    S3_DATA_DIR: dataDir,
    S3_IMPORT_ROOTS: tmpdir(),
    DATABASE_URL: "",
    S3_EXAMPLE: "no",
  });
  process.env[PRODUCT_VARIABLES.fresh] = product.address;
  return async () => {
    await product.stop();
    rmSync(dataDir, { recursive: true, force: true });
  };
}

/** A product after a day of work on Atlas: what e2e/recording has of it (`npm run record`). */
export async function startRecordedProduct(): Promise<Stop> {
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
    process.env[PRODUCT_VARIABLES.recorded] = product.address;
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

/** Starts both products as `npm start` does, each on a data directory of its own, and stops them after the last spec. */
export default async function startProducts(): Promise<Stop> {
  const started = await Promise.allSettled([startFreshProduct(), startRecordedProduct()]);
  const stop = async (): Promise<void> => {
    for (const each of started) if (each.status === "fulfilled") await each.value();
  };
  const failed = started.find((each) => each.status === "rejected");
  if (failed) {
    await stop();
    throw failed.reason;
  }
  return stop;
}
