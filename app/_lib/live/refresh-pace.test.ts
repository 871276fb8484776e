import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { RefreshPace } from "./refresh-pace";

describe("the pace of reads after events", () => {
  const began: number[] = [];
  let takes = 0;
  let pace: RefreshPace;
  const wait = (ms: number) => vi.advanceTimersByTimeAsync(ms);

  beforeEach(() => {
    vi.useFakeTimers({ now: 100_000 });
    began.length = 0;
    takes = 0;
    pace = new RefreshPace(
      () => {
        began.push(Date.now() - 100_000);
        return new Promise((resolve) => void (takes < Infinity && setTimeout(resolve, takes)));
      },
      () => Date.now(),
    );
  });
  afterEach(() => {
    pace.stop();
    vi.useRealTimers();
  });

  it("is almost at once after a pause, and one for events that come together", async () => {
    for (let i = 0; i < 5; i++) pace.ask();
    await wait(1_000);
    expect(began).toEqual([40]);
    pace.ask();
    await wait(1_000);
    expect(began).toEqual([40, 1_040]);
  });

  it("is at intervals while events go on", async () => {
    for (let i = 0; i < 100; i++) {
      pace.ask();
      await wait(10);
    }
    expect(began).toEqual([40, 440, 840]);
  });

  it("waits for what was asked for, reads once more for events meanwhile, and gives a slow server rest", async () => {
    takes = 1_000;
    pace.ask();
    await wait(500);
    pace.ask();
    pace.ask();
    await wait(1_500);
    expect(began).toEqual([40]);
    await wait(5_000);
    expect(began).toEqual([40, 2_040]);
  });

  it("does not wait for long for one that fails or never comes, nor rest for long after it", async () => {
    takes = Infinity;
    pace.ask();
    await wait(100);
    pace.ask();
    await wait(10_000);
    expect(began).toEqual([40, 3_040]);
  });

  it("ends with its page", async () => {
    pace.ask();
    pace.stop();
    pace.ask();
    await wait(1_000);
    expect(began).toEqual([]);
  });
});
