import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runAllOrNone } from "./all-or-none";
import { gatherCalls } from "./gather-calls";

describe("calls that are gathered", () => {
  it("wait together while earlier ones are worked on, and each gets its own answer", async () => {
    const batches: number[][] = [];
    let release: (() => void)[] = [];
    const call = gatherCalls<number, number>(async (inputs) => {
      batches.push([...inputs]);
      await new Promise<void>((resolve) => release.push(resolve));
      return inputs.map((input) => input * 10);
    }, 2);
    const answers = [1, 2, 3, 4, 5].map(call);
    expect(batches).toEqual([[1], [2]]);
    release.shift()!();
    expect(await answers[0]).toBe(10);
    await new Promise((resolve) => setImmediate(resolve));
    expect(batches).toEqual([[1], [2], [3, 4, 5]]);
    for (const resolve of release) resolve();
    expect(await Promise.all(answers)).toEqual([10, 20, 30, 40, 50]);
    release = [];
  });

  it("are answered once each, in batches of at most as many as are allowed at once", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 30 }),
        fc.integer({ min: 1, max: 4 }),
        async (delays, parallel) => {
          let running = 0;
          let most = 0;
          const seen: number[] = [];
          const call = gatherCalls<number, number>(async (inputs) => {
            most = Math.max(most, ++running);
            seen.push(...inputs);
            await new Promise((resolve) => setTimeout(resolve, delays[inputs[0]!]));
            running -= 1;
            return inputs.map((input) => -input);
          }, parallel);
          expect(await Promise.all(delays.map((_, i) => call(i)))).toEqual(
            delays.map((_, i) => -i),
          );
          expect(seen.sort((a, b) => a - b)).toEqual(delays.map((_, i) => i));
          expect(most).toBeLessThanOrEqual(parallel);
        },
      ),
      { numRuns: 30 },
    ));

  it("fail with their batch, and later ones are worked on all the same", async () => {
    const call = gatherCalls<number, number>(
      (inputs) => (inputs.includes(2) ? Promise.reject(new Error("two")) : Promise.resolve(inputs)),
      1,
    );
    const [first, second, third] = [1, 2, 3].map(call);
    await expect(first).resolves.toBe(1);
    await expect(second).rejects.toThrow("two");
    await expect(third).rejects.toThrow("two");
    await expect(call(4)).resolves.toBe(4);
  });
});

describe("work that is of use as a whole", () => {
  it("gives its parts in order", async () => {
    const never = new AbortController().signal;
    expect(await runAllOrNone(never, () => [Promise.resolve(1), "two"] as const)).toEqual([
      1,
      "two",
    ]);
  });

  it("is cancelled by its first failure, and ends when every part has", async () => {
    const ended: string[] = [];
    const slow = (signal: AbortSignal): Promise<never> =>
      new Promise((_, reject) =>
        signal.addEventListener("abort", () =>
          setTimeout(() => {
            ended.push("slow");
            reject(new Error("cancelled"));
          }, 5),
        ),
      );
    const never = new AbortController().signal;
    await expect(
      runAllOrNone(never, (signal) => [slow(signal), Promise.reject(new Error("first"))]),
    ).rejects.toThrow("first");
    expect(ended).toEqual(["slow"]);
  });
});
