import { randomInt } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { KnownNames } from "@/lib/testing/hostile-inputs";
import { fuzzRouter, fuzzWorkerProtocol, startFuzzServer } from "@/server/testing/fuzz";
import { getPresetConfig } from "@/server/testing/samples";
import type { TestServer } from "@/server/testing/test-server";

const MINUTES = 10;
const MEGABYTE = 2 ** 20;

describe(`generated inputs for ${MINUTES} minutes, other ones each time`, () => {
  let server: TestServer;
  let known: KnownNames;
  beforeAll(async () => {
    ({ server, known } = await startFuzzServer(3_600_000));
  });
  afterAll(() => server.stop());

  it("give no defect, no hang and no growth", async () => {
    const end = Date.now() + MINUTES * 60_000;
    let memory = Infinity;
    for (let round = 0; Date.now() < end; round++) {
      const seed = randomInt(2 ** 31);
      const said = `seed ${seed}`;
      expect(await fuzzRouter(server, known, { seed, runs: 20 }), said).toEqual([]);
      await server.plane.runs.create(getPresetConfig(), { actor: "test", preset: null });
      // One of its own a round: what was sent may have told the server that the worker before has no models.
      const worker = await server.worker({ name: `fuzzer ${round}` });
      const { runId, attempt } = await worker.leaseAndStart();
      expect(
        await fuzzWorkerProtocol(worker, known, { runId, attempt }, { seed, runs: 40 }),
        said,
      ).toEqual([]);
      worker.disconnect();
      if (round === 2) memory = process.memoryUsage.rss();
    }
    expect(process.memoryUsage.rss() - memory).toBeLessThan(300 * MEGABYTE);
  });
});
