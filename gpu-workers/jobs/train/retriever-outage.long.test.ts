import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DATA_DIR, ATLAS_DIR } from "@/lib/paths.mjs";
import { retrieverSchema as retrieverConfig } from "@/contracts/run-config/retriever";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import { executors } from "@/gpu-workers/jobs/executors";
import { openRetriever } from "@/gpu-workers/retrieval/backends/open-retriever";
import type { Retriever } from "@/gpu-workers/retrieval/retriever";
import { RetrieveService } from "@/gpu-workers/retrieval/service/retrieve-service";
import { LocalServices, MemoryContext } from "@/gpu-workers/testing/memory-context";
import { canTrainHere, smallTrainingConfig } from "@/gpu-workers/testing/small-training";
import { readTrainerState } from "@/gpu-workers/rl/trainer-state";

const OUTAGE_MS = 60_000;

describe.skipIf(!canTrainHere)("a PPO run at a /retrieve service", () => {
  const services = new LocalServices();
  let folder: string;
  let bm25: Retriever;
  let service: RetrieveService;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "retriever-outage-"));
    bm25 = await openRetriever(retrieverConfig.parse({ kind: "bm25" }), {
      corpusPath: () => join(ATLAS_DIR, "corpus.jsonl"),
      dataDir: DATA_DIR,
      signal: new AbortController().signal,
    });
    service = await RetrieveService.start(bm25);
  });
  afterAll(async () => {
    await services.close();
    await service.stop(0);
    await bm25.close();
    await rm(folder, { recursive: true, force: true });
  });

  it("that is gone for a minute in a step waits for it, says so once, and ends with the weights of an undisturbed run", async () => {
    const config = trainConfigSchema.parse({
      ...smallTrainingConfig,
      coldStart: { ...smallTrainingConfig.coldStart, demonstrations: 0 },
      retriever: { kind: "remote", url: service.url },
      reward: { ...smallTrainingConfig.reward, weights: { gbr: 1, length: 10 } },
      rl: {
        ...smallTrainingConfig.rl,
        algorithm: "ppo",
        groupSize: 1,
        resample: 0,
        oldLogprobs: "trainer",
        critic: { learningRate: 1e-3 },
      },
    });
    const readWeights = async (run: MemoryContext) =>
      Promise.all(
        run.checkpoints.map(
          async ({ directory }) => (await readTrainerState(directory)).weightsHash,
        ),
      );
    const undisturbed = new MemoryContext({
      config,
      services,
      workDir: join(folder, "undisturbed"),
    });
    await executors.train(undisturbed);

    const outages: Promise<void>[] = [];
    const { port } = new URL(service.url);
    const gone = async (): Promise<void> => {
      await service.stop(0);
      await sleep(OUTAGE_MS);
      service = await RetrieveService.start(bm25, { port: Number(port) });
    };
    // After the first step, so in the searches of the second.
    const disturbed = new MemoryContext({
      config,
      services,
      workDir: join(folder, "disturbed"),
      onCheckpoint: ({ step }) => {
        if (step === 1 && outages.length === 0) outages.push(gone());
        return Promise.resolve();
      },
    });
    const began = performance.now();
    await executors.train(disturbed);
    await Promise.all(outages);
    expect(performance.now() - began).toBeGreaterThan(OUTAGE_MS);
    expect(
      disturbed.logged.filter(([, message]) =>
        message.includes("The retriever is not available; it is asked again"),
      ),
    ).toHaveLength(1);
    const weights = await readWeights(undisturbed);
    expect(new Set(weights).size).toBe(3);
    expect(await readWeights(disturbed)).toEqual(weights);
    expect(disturbed.points("reward/mean")).toEqual(
      undisturbed
        .points("reward/mean")
        .map((point) => ({ ...point, at: expect.any(Number) as number })),
    );
  }, 600_000);
});
