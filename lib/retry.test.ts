import { describe, expect, it } from "vitest";
import { doubleWait, parseRetryAfter, retry, waitFor, waitInTurn } from "./retry";

/** An action that fails so many times, each time with another error. */
function createFailingAction(times: number): {
  calls: number[];
  action: (attempt: number) => Promise<string>;
} {
  const calls: number[] = [];
  return {
    calls,
    action: (attempt) => {
      calls.push(attempt);
      return calls.length <= times
        ? Promise.reject(new TypeError(`failure ${calls.length}`))
        : Promise.resolve("done");
    },
  };
}

describe("retry", () => {
  it("repeats an action until it succeeds", async () => {
    const { action, calls } = createFailingAction(2);
    const told: [unknown, number][] = [];
    const onRetry = (error: unknown, failures: number): void => void told.push([error, failures]);
    expect(await retry(action, { attempts: 3, backoff: waitFor(1), onRetry })).toBe("done");
    expect(calls).toEqual([1, 2, 3]);
    expect(told).toEqual([
      [new TypeError("failure 1"), 1],
      [new TypeError("failure 2"), 2],
    ]);
  });

  it("throws the last error, or what is made of it, where all attempts failed", async () => {
    const policy = { attempts: 2, backoff: waitFor(0) };
    await expect(retry(createFailingAction(9).action, policy)).rejects.toThrow(
      new TypeError("failure 2"),
    );
    const buildGiveUpError = (error: unknown, attempts: number): Error =>
      new Error(`${attempts} attempts: ${(error as Error).message}`);
    await expect(
      retry(createFailingAction(9).action, { ...policy, buildGiveUpError }),
    ).rejects.toThrow("2 attempts: failure 2");
  });

  it("throws at once what must not be repeated", async () => {
    const { action, calls } = createFailingAction(9);
    const policy = {
      backoff: waitFor(0),
      shouldRetry: () => false,
      buildGiveUpError: () => new Error("all attempts failed"),
    };
    await expect(retry(action, policy)).rejects.toThrow("failure 1");
    expect(calls).toEqual([1]);
  });

  it("gives up where the next attempt would begin after the budget, or the backoff has no further wait", async () => {
    const late = createFailingAction(9);
    const budget = { budgetMs: 1_000, backoff: waitFor(1_001) };
    await expect(retry(late.action, budget)).rejects.toThrow("failure 1");
    const listed = createFailingAction(9);
    await expect(retry(listed.action, { backoff: waitInTurn([1, 1]) })).rejects.toThrow(
      "failure 3",
    );
  });

  it("ends with the signal's reason, also in a wait", async () => {
    const controller = new AbortController();
    const { action, calls } = createFailingAction(9);
    const { signal } = controller;
    const running = retry(action, { backoff: waitFor(60_000), signal });
    setTimeout(() => controller.abort(new Error("stopped")), 10);
    await expect(running).rejects.toThrow("stopped");
    await expect(retry(action, { backoff: waitFor(0), signal })).rejects.toThrow("stopped");
    expect(calls).toEqual([1]);
  });
});

describe("waits", () => {
  it("double up to the longest, drawn from the upper half with jitter", () => {
    const plain = doubleWait(100, { longestMs: 300, jitter: false });
    expect([1, 2, 3, 4].map((failures) => plain(failures, null))).toEqual([100, 200, 300, 300]);
    const drawn = Array.from({ length: 200 }, () => doubleWait(100)(2, null)!);
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(100);
    expect(Math.max(...drawn)).toBeLessThanOrEqual(200);
    expect(new Set(drawn).size).toBeGreaterThan(100);
  });
});

describe("Retry-After", () => {
  it("is read as seconds or as a date", () => {
    expect(parseRetryAfter("2")).toBe(2_000);
    expect(parseRetryAfter("1.5")).toBe(1_500);
    const inOneMinute = parseRetryAfter(new Date(Date.now() + 60_000).toUTCString());
    expect(inOneMinute).toBeGreaterThan(50_000);
    expect([null, undefined, "", "soon", "0"].map(parseRetryAfter)).toEqual(Array(5).fill(null));
  });
});
