import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, describe } from "vitest";
import type { AppError } from "@/contracts/errors";
import { getModelDir } from "@/lib/paths.mjs";
import { EngineProcess } from "./process";

const base = getModelDir("smollm2-135m-instruct");
if (!existsSync(base)) console.warn(`skipped: ${base} is not installed (run the setup)`);

const MINUTES = 60_000;

describe.skipIf(!existsSync(base))("an engine of two ranks that it starts by Ray", () => {
  it(
    "learns, tells what its ranks did, and ends with the reason when one is killed",
    async () => {
      const folder = await mkdtemp(join(tmpdir(), "ranks-"));
      let report: (error: AppError) => void = () => undefined;
      const reported = new Promise<AppError>((resolve) => (report = resolve));
      const engine = await EngineProcess.start({
        device: "cpu",
        dtype: "float32",
        devices: 2,
        onUnexpectedExit: report,
      });
      try {
        const model = await engine.client.createModel("m", {
          base,
          lora: { rank: 4, alpha: 8, firstLayer: 28 },
          seed: 1,
        });
        const question = [504, 3575, 282, 4649, 314]; // "The capital of France is"
        const data = [7042, 30].map((id) => ({
          ids: [...question, id],
          weights: [0, 0, 0, 0, 0, 1],
        }));
        const learn = async (): Promise<number> => {
          const { loss } = await model.forwardBackward({ loss: "cross_entropy", data });
          const { ranks = [] } = await model.optimStep({ learningRate: 1e-2 });
          expect(ranks.map(({ rank }) => rank)).toEqual([0, 1]);
          for (const { computeSeconds, tokens } of ranks) {
            expect(computeSeconds).toBeGreaterThan(0);
            expect(tokens).toBeGreaterThan(0);
          }
          return loss;
        };
        const first = await learn();
        expect(await learn()).toBeLessThan(first);
        const saved = await model.saveState(join(folder, "state"));
        expect(saved.step).toBe(2);
        const { cluster, models } = await engine.client.getCapabilities();
        expect(models).toMatchObject([{ id: "m", step: 2 }]);
        expect(cluster?.nodes.map(({ ranks }) => ranks)).toEqual([[0, 1]]);
        process.kill(cluster!.ranks[1]!.pid, "SIGKILL");
        expect((await reported).message).toMatch(/Rank 1 of 2 has ended.*All 2 ranks were ended/s);
        expect(engine.isRunning).toBe(false);
      } finally {
        await engine.stop();
        await rm(folder, { recursive: true });
      }
    },
    5 * MINUTES,
  );
});
