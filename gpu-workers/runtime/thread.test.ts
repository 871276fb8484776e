import { afterEach, describe, expect, it } from "vitest";
import type { CrashingOperations } from "./testing/crashing-thread";
import { RestartingThread, ThreadClient } from "./thread";

type Mortal = RestartingThread<CrashingOperations, "open">;
const threads: Mortal[] = [];
let started = 0;
function createMortal(name: string): Mortal {
  const start = (): ThreadClient<CrashingOperations> => {
    started += 1;
    return new ThreadClient(
      new URL("./testing/crashing-thread.ts", import.meta.url),
      "mortal thread",
      null,
    );
  };
  const thread: Mortal = new RestartingThread(start, { operation: "open", request: { name } });
  threads.push(thread);
  return thread;
}
afterEach(async () => {
  await Promise.all(threads.splice(0).map((thread) => thread.terminate()));
  started = 0;
});

describe("a thread that lasts", () => {
  it("comes back after it has died, with what it had open; what was under way fails and says why", async () => {
    const thread = createMortal("corpus");
    const { thread: first } = await thread.open();
    const [dead, lost] = await Promise.allSettled([
      thread.call("die", null),
      thread.call("echo", "too late"),
    ]);
    for (const call of [dead, lost])
      expect(call).toMatchObject({
        status: "rejected",
        reason: { code: "retriever-unavailable", message: "the mortal thread ended (exit code 7)" },
      });
    expect(await Promise.all([thread.call("echo", "a"), thread.call("echo", "b")])).toEqual([
      "corpus: a",
      "corpus: b",
    ]);
    expect((await thread.open()).thread).not.toBe(first);
    expect(started).toBe(2);
  });

  it("that cannot open says so each time, and leaves no thread behind", async () => {
    const thread = createMortal("broken");
    for (let i = 0; i < 2; i++)
      await expect(thread.call("echo", "x")).rejects.toMatchObject({
        code: "invalid-input",
        message: "it is broken",
      });
    expect(started).toBe(2);
  });

  it("stays closed once it was closed", async () => {
    const thread = createMortal("corpus");
    await thread.open();
    await thread.terminate();
    await expect(thread.call("echo", "x")).rejects.toMatchObject({ code: "retriever-unavailable" });
    expect(started).toBe(1);
  });
});
