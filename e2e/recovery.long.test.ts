import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canTrain, isEngine, type RealWorker } from "./support/real-worker";
import { RUN_LIMIT_MS, TrainingSetup } from "./support/training-setup";
import { waitUntil } from "@/lib/testing/wait-until";

describe.skipIf(!canTrain)(
  "a real training run (needs Linux and the set-up's Python, models and corpus)",
  () => {
    let ground: TrainingSetup;
    let first: RealWorker;
    let undisturbed: unknown;
    beforeAll(async () => {
      ground = await TrainingSetup.open();
      first = await ground.worker("first", true);
      undisturbed = await ground.undisturbed();
    }, RUN_LIMIT_MS);
    afterAll(() => ground.close());

    const endsAlike = async (runId: string): Promise<void> => {
      await ground.succeeded(runId);
      expect((await ground.weights(runId)).get(2)).toBe(undisturbed);
    };

    it("whose engine is killed goes on with a new engine to the same weights", async () => {
      const runId = await ground.launch();
      await ground.stored(runId, 1);
      process.kill(first.enginePid() ?? 0, "SIGKILL");
      await endsAlike(runId);
      expect((await ground.history(runId)).join("\n")).toMatch(
        /^1 queued by worker first: engine ended: .*SIGKILL/m,
      );
      expect(first.deaths).toBe(0);
    });

    it("whose worker is killed goes on as soon as that is back, and leaves no engine behind", async () => {
      const runId = await ground.launch();
      await ground.stored(runId, 1);
      const engine = first.enginePid() ?? 0;
      process.kill(first.pid, "SIGKILL");
      await waitUntil("the old engine ends by itself", () => !isEngine(engine), 10_000);
      await endsAlike(runId);
      expect(first.deaths).toBe(1);
      expect((await ground.history(runId)).join("\n")).toMatch(
        /^1 queued by server: the lease was lost/m,
      );
    });

    it("moves to a second worker, attached by its own token, when the first is stopped", async () => {
      const runId = await ground.launch();
      await ground.stored(runId, 1);
      await ground.worker("second", false);
      await first.stop();
      expect(first.enginePid()).toBeNull();
      await endsAlike(runId);
      const leases = (await ground.history(runId)).filter((line) => line.includes(" leased "));
      expect(leases[0]).toContain("worker first");
      expect(leases[1]).toContain("worker second");
    });
  },
);
