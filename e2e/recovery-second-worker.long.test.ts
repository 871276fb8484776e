import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canTrain, isEngine } from "./support/real-worker";
import { RUN_LIMIT_MS, TrainingSetup } from "./support/training-setup";
import { waitUntil } from "@/lib/testing/wait-until";

/** A real training run, small, on real workers with their real engines. */
describe.skipIf(!canTrain)(
  "a real training run (needs Linux and the set-up's Python, models and corpus)",
  () => {
    let ground: TrainingSetup;
    beforeAll(async () => {
      ground = await TrainingSetup.open();
    });
    afterAll(() => ground.close());

    it(
      "whose engine, then whose worker is killed, goes on at a second worker to the weights of an undisturbed run",
      async () => {
        const first = await ground.worker("first", false);
        const undisturbed = await ground.undisturbed();

        const runId = await ground.launch();
        await ground.stored(runId, 0);
        process.kill(first.enginePid() ?? 0, "SIGKILL");

        await ground.stored(runId, 1);
        await ground.worker("second", false);
        const engine = first.enginePid() ?? 0;
        expect(isEngine(engine)).toBe(true);
        process.kill(first.pid, "SIGKILL");
        await waitUntil(
          "the killed worker's engine ends by itself",
          () => !isEngine(engine),
          10_000,
        );

        await ground.succeeded(runId);
        const history = (await ground.history(runId)).join("\n");
        expect(history).toMatch(/^1 leased by worker first/m);
        expect(history).toMatch(/^1 queued by worker first: engine ended: .*SIGKILL/m);
        expect(history).toMatch(/^2 leased by worker first: .*step 0/m);
        expect(history).toMatch(/^2 queued by server: the lease was lost/m);
        expect(history).toMatch(/^3 leased by worker second: .*step 1/m);
        expect((await ground.weights(runId)).get(2)).toBe(undisturbed);
      },
      3 * RUN_LIMIT_MS,
    );
  },
);
