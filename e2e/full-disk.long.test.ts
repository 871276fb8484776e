import { setTimeout as sleep } from "node:timers/promises";
import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connect, type Connection } from "@/cli/lib/client";
import { findFreePort } from "@/lib/free-port.mjs";
import { waitUntil } from "@/lib/testing/wait-until";
import { startProductProcess, type ProductProcess } from "./support/product-process";
import { canTrain, buildTwoStepConfig } from "./support/real-worker";

const LIMIT_MS = 8 * 60_000;
/** Of the disk that holds all of a product: database, store, the worker's folders, logs. */
const DISK = "1g";
/** How long it stays full at least: more than a step takes, and many tries to start a database. */
const FULL_MS = 60_000;

/** Mounts a small disk; null where this user may not, as in most containers. */
function mountDisk(): string | null {
  if (!canTrain) return null;
  const folder = mkdtempSync(join(tmpdir(), "s3-full-disk-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${DISK},mode=0755`, "tmpfs", folder], {
      stdio: "ignore",
    });
    return folder;
  } catch {
    rmSync(folder, { recursive: true });
    return null;
  }
}

/** Takes all room that a disk has. @returns bytes taken */
function fill(path: string): number {
  const file = openSync(path, "a");
  let taken = 0;
  try {
    for (let chunk = Buffer.alloc(2 ** 20); chunk.length >= 512;)
      try {
        taken += writeSync(file, chunk);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
        chunk = chunk.subarray(0, chunk.length / 2);
      }
  } finally {
    closeSync(file);
  }
  return taken;
}

const disk = mountDisk();

describe.skipIf(disk === null)(
  "a product whose disk is full (needs Linux, the set-up, and the right to mount a small disk)",
  () => {
    const dataDir = join(disk ?? "", "data");
    const filler = join(disk ?? "", "filler");
    let product: ProductProcess;
    let page: Connection;
    beforeAll(async () => {
      product = await startProductProcess({
        PORT: String(await findFreePort()),
        S3_DATA_DIR: dataDir,
      });
      page = connect(product.address);
    }, LIMIT_MS);
    afterAll(async () => {
      page.close();
      await product.stop();
      execFileSync("umount", ["-l", disk ?? ""]);
      rmSync(disk ?? "", { recursive: true, force: true });
    });

    const get = (id: string) => page.client.runs.get.query({ id });
    const launch = async () =>
      (await page.client.runs.launch.mutate({ config: buildTwoStepConfig() })).id;
    const readWeights = async (id: string) =>
      new Map(
        (await page.client.runs.checkpoints.query({ id })).map(({ step, metadata }) => [
          step,
          metadata.weightsHash,
        ]),
      );
    const waitForEnd = (id: string) =>
      waitUntil(
        "the run ends",
        () =>
          get(id).then(
            ({ state }) => ["succeeded", "failed"].includes(state),
            () => false,
          ),
        LIMIT_MS,
      );
    const describeRun = async (id: string) =>
      JSON.stringify(await page.client.runs.history.query({ id }), null, 1);

    it(
      "goes on as soon as there is room, and its run ends as an undisturbed one",
      async () => {
        const undisturbed = await launch();
        await waitForEnd(undisturbed);
        const weights = await readWeights(undisturbed);
        expect(weights.size, await describeRun(undisturbed)).toBe(3);

        const id = await launch();
        await waitUntil(
          "the cold start is stored",
          async () => (await readWeights(id)).has(0),
          LIMIT_MS,
        );
        const end = Date.now() + FULL_MS;
        let taken = 0;
        // What is deleted meanwhile (old logs of the database, temporary files) makes room that is taken, too.
        for (; Date.now() < end; await sleep(250)) taken += fill(filler);
        expect(taken).toBeGreaterThan(2 ** 20);
        rmSync(filler);

        await waitForEnd(id);
        expect((await get(id)).state, await describeRun(id)).toBe("succeeded");
        expect((await readWeights(id)).get(2)).toBe(weights.get(2));
        // Neither worker nor server ends because it cannot write.
        const history = await page.client.runs.history.query({ id });
        expect(
          history.filter(({ to }) => to === "leased"),
          await describeRun(id),
        ).toHaveLength(1);
      },
      4 * LIMIT_MS,
    );
  },
);
