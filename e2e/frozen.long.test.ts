import { setTimeout as sleep } from "node:timers/promises";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connect, type Connection } from "@/cli/lib/client";
import { findFreePort } from "@/lib/free-port.mjs";
import { waitUntil } from "@/lib/testing/wait-until";
import { startProductProcess, type ProductProcess } from "./support/product-process";
import { canTrain, buildTwoStepConfig } from "./support/real-worker";

const LIMIT_MS = 6 * 60_000;
/** What each process of a product has in its command line. */
const PROCESSES = {
  engine: "engine.main",
  worker: "agent/main.ts",
  server: "server/main.ts",
} as const;

describe.skipIf(!canTrain)(
  "a process of the product that lives but does not move (needs Linux and the set-up)",
  () => {
    let dataDir: string;
    let product: ProductProcess;
    let page: Connection;
    beforeAll(async () => {
      dataDir = await mkdtemp(join(tmpdir(), "s3-frozen-"));
      product = await startProductProcess({
        PORT: String(await findFreePort()),
        S3_DATA_DIR: dataDir,
      });
      page = connect(product.address);
    }, LIMIT_MS);
    afterAll(async () => {
      page.close();
      await product.stop();
      await rm(dataDir, { recursive: true, force: true });
    });

    /**
     * The process of this product with these words in its command line; a wrapper of it has them, too, but no child of
     * Node.
     */
    function findProcess(words: string): number | null {
      for (const name of readdirSync("/proc")) {
        if (!/^\d+$/.test(name)) continue;
        try {
          const environment = readFileSync(`/proc/${name}/environ`, "latin1");
          const command = readFileSync(`/proc/${name}/cmdline`, "utf8");
          if (environment.includes(`S3_DATA_DIR=${dataDir}\0`) && command.includes(words))
            return Number(name);
        } catch {
          // ended meanwhile, or another user's
        }
      }
      return null;
    }
    const get = (id: string) => page.client.runs.get.query({ id });

    it.each(Object.entries(PROCESSES))(
      "is noticed where it is the %s, and the run ends",
      async (_name, words) => {
        const { id } = await page.client.runs.launch.mutate({ config: buildTwoStepConfig() });
        await waitUntil(
          "a step is stored",
          async () => (await get(id)).headline.value !== null,
          LIMIT_MS,
        );
        const frozen = findProcess(words);
        expect(frozen).not.toBeNull();
        process.kill(frozen ?? 0, "SIGSTOP");
        await waitUntil(
          "another one takes its place",
          () => ![null, frozen].includes(findProcess(words)),
          LIMIT_MS,
        );
        await waitUntil(
          "the run succeeds",
          () =>
            get(id).then(
              ({ state }) => state === "succeeded",
              () => false,
            ),
          LIMIT_MS,
        );
        await sleep(1_000);
      },
      3 * LIMIT_MS,
    );
  },
);
