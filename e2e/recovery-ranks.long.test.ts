import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { waitUntil } from "@/lib/testing/wait-until";
import { canTrain, isEngine } from "./support/real-worker";
import { RUN_LIMIT_MS, TrainingSetup } from "./support/training-setup";

const RANKS = 2;

/** A real worker whose engine is two ranks of Ray on the CPU. */
describe.skipIf(!canTrain)(
  "a training run on two ranks (needs Linux and the set-up's Python, models and corpus)",
  () => {
    let ground: TrainingSetup;
    beforeAll(async () => {
      ground = await TrainingSetup.open();
    });
    afterAll(() => ground.close());

    /** Processes of the ranks, as the Workers page has them. */
    const listRanks = async (): Promise<number[]> =>
      (await ground.readCluster())?.ranks.map(({ pid }) => pid) ?? [];

    it(
      "loses a rank, says which, and makes the next step of an undisturbed run from its last checkpoint, no step twice",
      async () => {
        const worker = await ground.worker("first", false, ["--engine-devices", String(RANKS)]);
        const undisturbed = await ground.trainUndisturbed();
        const runId = await ground.launch();
        await ground.stored(runId, 1);
        const ranks = await listRanks();
        const engine = worker.enginePid() ?? 0;
        expect(ranks).toHaveLength(RANKS);
        process.kill(ranks[1]!, "SIGKILL");
        await waitUntil("its engine ends with it", () => !isEngine(engine), 60_000);

        await ground.succeeded(runId);
        const history = (await ground.history(runId)).join("\n");
        expect(history).toMatch(
          /^1 queued by worker first: engine ended: .*Rank 1 of 2 has ended.*All 2 ranks were ended/ms,
        );
        expect(history).toMatch(/^2 leased by worker first: .*step 1/m);
        expect(worker.deaths).toBe(0);
        const after = await listRanks();
        expect(after).toHaveLength(RANKS);
        expect(after).not.toContain(ranks[0]);

        expect(await ground.listTrainedSteps(runId)).toEqual(["1: step 1", "2: step 2"]);
        const made = await ground.readSteps(runId);
        expect(made).toEqual(await ground.readSteps(undisturbed));
        for (const [, points] of made) expect(points).toHaveLength(2);
        expect(await ground.weights(runId)).toEqual(await ground.weights(undisturbed));
      },
      3 * RUN_LIMIT_MS,
    );
  },
);
