import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chooseNext, readSeconds, runInLanes } from "./schedule.mjs";

const job = (name: string, seconds: number, memoryGb = 1) => ({ name, seconds, memoryGb });

/** Runs jobs by a clock of their own. @returns when each began, when all had ended, the most memory at once */
async function simulate(jobs: ReturnType<typeof job>[], lanes: number, memoryGb: number) {
  const begun: [string, number][] = [];
  const ends: { at: number; resolve: () => void }[] = [];
  let now = 0;
  let used = 0;
  let mostUsed = 0;
  let most = 0;
  const done = runInLanes(jobs, {
    lanes,
    memoryGb,
    run: (each) => {
      begun.push([each.name, now]);
      used += each.memoryGb;
      return new Promise((resolve) => {
        ends.push({
          at: now + each.seconds,
          resolve: () => {
            used -= each.memoryGb;
            resolve();
          },
        });
        mostUsed = Math.max(mostUsed, used);
        most = Math.max(most, ends.length);
      });
    },
  });
  while (ends.length > 0) {
    ends.sort((a, b) => b.at - a.at);
    const next = ends.pop()!;
    now = next.at;
    next.resolve();
    // The lane that is free now begins its next one.
    await new Promise((resolve) => setImmediate(resolve));
  }
  await done;
  return { begun, end: now, mostUsed, most };
}

describe("lanes", () => {
  it("begin with the longest, and end together", async () => {
    const jobs = [job("c", 3), job("a", 10), job("b", 6), job("d", 1)];
    const { begun, end } = await simulate(jobs, 2, 16);
    expect(begun).toEqual([
      ["a", 0],
      ["b", 0],
      ["c", 6],
      ["d", 9],
    ]);
    expect(end).toBe(10);
  });

  it("leave what does not fit into memory until it does, and take a shorter one meanwhile", async () => {
    const jobs = [job("browser", 10, 6), job("engine", 9, 6), job("unit", 4, 2)];
    expect((await simulate(jobs, 2, 8)).begun).toEqual([
      ["browser", 0],
      ["unit", 0],
      ["engine", 10],
    ]);
    expect((await simulate(jobs, 2, 12)).begun).toEqual([
      ["browser", 0],
      ["engine", 0],
      ["unit", 9],
    ]);
  });

  it("begin a stage with nothing beside it whatever it needs", () => {
    expect(chooseNext([job("large", 1, 64)], [], 8)?.name).toBe("large");
    expect(chooseNext([job("large", 1, 64)], [job("small", 1)], 8)).toBeNull();
    expect(chooseNext([], [], 8)).toBeNull();
  });

  it("run each job once, never too many or too large at once, and leave no lane empty while one waits", async () => {
    const jobsArbitrary = fc
      .array(fc.tuple(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 6 })), {
        maxLength: 12,
      })
      .map((all) => all.map(([seconds, memory], i) => job(String(i), seconds, memory)));
    await fc.assert(
      fc.asyncProperty(
        jobsArbitrary,
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 20 }),
        async (jobs, lanes, memoryGb) => {
          const { begun, end, mostUsed, most } = await simulate(jobs, lanes, memoryGb);
          expect(begun.map(([name]) => Number(name)).sort((a, b) => a - b)).toEqual(
            jobs.map((_, i) => i),
          );
          expect(most).toBeLessThanOrEqual(lanes);
          const largest = Math.max(0, ...jobs.map((each) => each.memoryGb));
          expect(mostUsed).toBeLessThanOrEqual(Math.max(memoryGb, largest));
          if (memoryGb < lanes * 6) return;
          // Graham 1969: where no lane is empty while a job waits, no schedule is longer than this.
          const total = jobs.reduce((sum, each) => sum + each.seconds, 0);
          const longest = Math.max(0, ...jobs.map((each) => each.seconds));
          expect(end).toBeLessThanOrEqual(total / lanes + (1 - 1 / lanes) * longest);
        },
      ),
    );
  });
});

describe("seconds of a run before", () => {
  it("are read by name; what is no number is left out", () => {
    const text = JSON.stringify({ unit: 90.5, lint: "long", db: -1, engine: null });
    expect([...readSeconds(text)]).toEqual([["unit", 90.5]]);
  });

  it("are none where the text cannot be read", () => {
    for (const text of ["", "{", "null"]) expect(readSeconds(text).size).toBe(0);
  });
});
