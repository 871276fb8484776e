import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { expect, it } from "vitest";
import { LockStep } from "./lock-step";

/** Plays lanes, each with a list of services to ask, and returns the batches that the services saw. */
async function play(lanes: readonly ("search" | "sample")[][], delay: () => number) {
  const batches: string[] = [];
  const lockStep = new LockStep(lanes.length);
  const addService = (name: string) =>
    lockStep.addService(async (inputs: readonly string[]) => {
      batches.push(`${name}: ${inputs.join(" ")}`);
      await sleep(delay());
      return inputs.map((input) => input.toUpperCase());
    });
  const services = { search: addService("search"), sample: addService("sample") };
  const replies = await lockStep.play(
    lanes.map((asks, lane) => async () => {
      const heard: string[] = [];
      for (const [i, ask] of asks.entries()) {
        await sleep(delay());
        heard.push(await services[ask](lane, `l${lane}.${i}`));
      }
      return heard;
    }),
  );
  return { batches, replies };
}

it("batches do not depend on timing, and every request gets its own reply", async () => {
  const ask = fc.constantFrom("search" as const, "sample" as const);
  const lanes = fc.array(fc.array(ask, { maxLength: 4 }), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(lanes, async (asks) => {
      let n = 0;
      const quick = await play(asks, () => 0);
      const uneven = await play(asks, () => (n = (n + 3) % 5));
      expect(uneven).toEqual(quick);
      expect(quick.replies).toEqual(asks.map((list, lane) => list.map((_, i) => `L${lane}.${i}`)));
    }),
    { numRuns: 15 },
  );
});

it("what is waited for together is one batch, of the service that was added first", async () => {
  const { batches } = await play([["sample", "sample"], ["search", "sample"], ["sample"]], () => 0);
  expect(batches).toEqual(["search: l1.0", "sample: l0.0 l1.1 l2.0", "sample: l0.1"]);
});

it("a service that fails ends all episodes with its error, and is not asked again", async () => {
  let asked = 0;
  const lockStep = new LockStep(2);
  const search = lockStep.addService<string, string>(() => {
    asked += 1;
    return Promise.reject(new Error("the retriever is gone"));
  });
  const sample = lockStep.addService<string, string>((inputs) => {
    asked += 1;
    return Promise.resolve(inputs);
  });
  await expect(
    lockStep.play([() => search(0, "a"), () => sample(1, "b").then(() => sample(1, "c"))]),
  ).rejects.toThrow("the retriever is gone");
  expect(asked).toBe(1);
});
