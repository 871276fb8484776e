import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AppError } from "@/contracts/errors";
import type { ReportItem } from "@/contracts/worker-protocol/reports";
import { ReportQueue, type ReportQueueOptions } from "./report-queue";
import { waitUntil } from "@/lib/testing/wait-until";

const item = (step: number): ReportItem => ({
  kind: "metrics",
  points: [{ name: "reward/mean", step, value: 0, at: 0 }],
});
const getStep = (report: ReportItem): number =>
  report.kind === "metrics" ? (report.points[0]?.step ?? -1) : -1;

function make(options: Partial<ReportQueueOptions> = {}): {
  queue: ReportQueue;
  sent: { sequence: number; steps: number[] }[];
  failures: AppError[];
} {
  const sent: { sequence: number; steps: number[] }[] = [];
  const failures: AppError[] = [];
  const queue = new ReportQueue({
    lingerMs: 5,
    retryPausesMs: [1, 1, 1],
    send: (sequence, items) =>
      Promise.resolve(void sent.push({ sequence, steps: items.map(getStep) })),
    onFailed: (error) => failures.push(error),
    ...options,
  });
  return { queue, sent, failures };
}

describe("ReportQueue", () => {
  it("sends what comes together as one batch, numbered from 1", async () => {
    const { queue, sent } = make();
    for (let step = 0; step < 4; step++) await queue.push(item(step));
    await queue.flush();
    await queue.push(item(4));
    await queue.flush();
    expect(sent).toEqual([
      { sequence: 1, steps: [0, 1, 2, 3] },
      { sequence: 2, steps: [4] },
    ]);
  });

  it("makes the caller wait while too much is queued", async () => {
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const { queue } = make({ highWaterBytes: 150, send: () => gate });
    await queue.push(item(0));
    let through = false;
    const second = queue.push(item(1)).then(() => (through = true));
    await sleep(30);
    expect(through).toBe(false);
    open();
    await second;
  });

  it("keeps number and items of a batch that has to be sent again", async () => {
    const attempts: { sequence: number; steps: number[] }[] = [];
    const { queue } = make({
      send: (sequence, items) => {
        attempts.push({ sequence, steps: items.map(getStep) });
        if (attempts.length < 3) return Promise.reject(new AppError("internal", "not now"));
        return Promise.resolve();
      },
    });
    await queue.push(item(1));
    const flushed = queue.flush();
    await waitUntil("a first try failed", () => attempts.length >= 1);
    await queue.push(item(2));
    await flushed;
    await queue.flush();
    expect(attempts).toEqual([
      { sequence: 1, steps: [1] },
      { sequence: 1, steps: [1] },
      { sequence: 1, steps: [1] },
      { sequence: 2, steps: [2] },
    ]);
  });

  it("fails for good where the server refuses, and says so to all who wait", async () => {
    const stale = new AppError("stale-attempt", "another attempt has this run");
    const { queue, failures } = make({ send: () => Promise.reject(stale) });
    await queue.push(item(1));
    await expect(queue.flush()).rejects.toBe(stale);
    await expect(queue.push(item(2))).rejects.toBe(stale);
    expect(failures).toEqual([stale]);
  });

  it("fails soon where the server has a defect that does not pass", async () => {
    let tries = 0;
    const defect = new AppError("internal", "the same each time");
    const { queue, failures } = make({ send: () => (tries++, Promise.reject(defect)) });
    await queue.push(item(1));
    await expect(queue.flush()).rejects.toBe(defect);
    expect({ tries, failures }).toEqual({ tries: 4, failures: [defect] });
  });

  it("keeps order and loses nothing for any pattern of pushes, sizes and passing failures", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 40 }),
        fc.array(fc.boolean(), { maxLength: 20 }),
        fc.integer({ min: 1, max: 5 }),
        async (pattern, fails, maxItems) => {
          const stored: number[] = [];
          let last = 0;
          let calls = 0;
          const { queue } = make({
            lingerMs: 0,
            maxItems,
            retryPausesMs: Array.from({ length: 21 }, () => 0),
            send: (sequence, items) => {
              if (fails[calls++] === true)
                return Promise.reject(new AppError("storage-full", "not now"));
              expect(sequence).toBe(++last);
              expect(items.length).toBeLessThanOrEqual(maxItems);
              stored.push(...items.map(getStep));
              return Promise.resolve();
            },
          });
          for (const [step, action] of pattern.entries()) {
            await queue.push(item(step));
            if (action === 0) await queue.flush();
            if (action === 1) await new Promise((resolve) => setImmediate(resolve));
          }
          await queue.flush();
          expect(stored).toEqual([...pattern.keys()]);
        },
      ),
      { numRuns: 50 },
    );
  });
});
