import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { ClusterStatus } from "@/contracts/engine/cluster";
import { AppError } from "@/contracts/errors";
import { serviceReportSchema } from "@/contracts/worker-protocol/attach";
import { SharedService, type StartedService } from "./shared-service";
import { waitUntil } from "@/lib/testing/wait-until";

/** Where the ranks of a service are that has two. */
const CLUSTER: ClusterStatus = {
  address: null,
  strategy: "pack",
  nodes: [
    { id: "n", address: "127.0.0.1", alive: true, cpus: 2, gpus: 0, memoryBytes: 1, ranks: [0, 1] },
  ],
  ranks: [0, 1].map((rank) => ({ rank, node: "n", device: "cpu", pid: 10 + rank })),
};

interface Life {
  number: number;
  ready(): void;
  fail(error: AppError): void;
  die(reason: string): void;
  detail(text: string): void;
  aborted: boolean;
  stopped: boolean;
}

/** A service whose lives the test brings up and ends by hand. */
function make(idleMs = 20): { service: SharedService<number>; lives: Life[] } {
  const lives: Life[] = [];
  const service = new SharedService<number>({
    key: "retriever:test",
    kind: "retriever",
    idleMs,
    start: (signal, onDetail) =>
      new Promise<StartedService<number>>((resolve, reject) => {
        let die: (reason: string) => void = () => undefined;
        const ended = new Promise<string>((end) => (die = end));
        const life: Life = {
          number: lives.length + 1,
          ready: () =>
            resolve({
              value: life.number,
              address: null,
              cluster: CLUSTER,
              readMemoryMb: () => Promise.resolve(7),
              ended,
              stop: () => Promise.resolve(void (life.stopped = true)),
            }),
          fail: reject,
          die,
          detail: onDetail,
          aborted: false,
          stopped: false,
        };
        signal.addEventListener("abort", () => {
          life.aborted = true;
          reject(signal.reason as Error);
        });
        lives.push(life);
      }),
  });
  return { service, lives };
}

const never = (): AbortSignal => new AbortController().signal;
const life = (lives: Life[], number: number): Life => lives[number - 1] as Life;

describe("SharedService", () => {
  it("tells what its start is doing, and nothing of what a server writes once it is up", async () => {
    const { service, lives } = make();
    const details: string[] = [];
    const acquired = service.acquire({ signal: never(), onDetail: (text) => details.push(text) });
    await waitUntil("it starts", () => lives.length === 1);
    life(lives, 1).detail("loading");
    life(lives, 1).ready();
    await acquired;
    life(lives, 1).detail("POST /v1/completions 200");
    expect(details).toEqual(["loading"]);
    expect(await service.buildReport()).toMatchObject({ state: "ready", detail: "" });
    await service.stop();
  });

  it("starts once for callers that come together, and counts them", async () => {
    const { service, lives } = make();
    const first = service.acquire({ signal: never() });
    const second = service.acquire({ signal: never() });
    await waitUntil("it starts", () => lives.length === 1);
    expect(await service.buildReport()).toMatchObject({ state: "starting", references: 2 });
    life(lives, 1).ready();
    const [a, b] = await Promise.all([first, second]);
    expect([a.value, b.value]).toEqual([1, 1]);
    expect(await service.buildReport()).toMatchObject({
      state: "ready",
      references: 2,
      memoryMb: 7,
      cluster: CLUSTER,
    });
    a.release();
    a.release(); // a second release of the same handle is not somebody else's
    expect(await service.buildReport()).toMatchObject({ references: 1 });
  });

  it("stays warm after the last release and stops when it was idle for long", async () => {
    const { service, lives } = make(60);
    const acquired = service.acquire({ signal: never() });
    await waitUntil("it starts", () => lives.length === 1);
    life(lives, 1).ready();
    (await acquired).release();
    const again = await service.acquire({ signal: never() });
    expect(again.value).toBe(1);
    await sleep(100);
    expect(life(lives, 1).stopped).toBe(false);
    again.release();
    await waitUntil("it stops", () => life(lives, 1).stopped);
    const report = await service.buildReport();
    expect(report).toMatchObject({ state: "stopped", references: 0, error: null });
    expect(report.cluster, "its ranks, for the plan of the next run").toEqual(CLUSTER);
    expect(serviceReportSchema.parse(report)).toEqual(report);
  });

  it("passes on what it does while it starts, also to those who come later", async () => {
    const { service, lives } = make();
    const heard: string[] = [];
    void service.acquire({ signal: never(), onDetail: (detail) => heard.push(`a ${detail}`) });
    await waitUntil("it starts", () => lives.length === 1);
    life(lives, 1).detail("encoding 1 of 2");
    void service.acquire({ signal: never(), onDetail: (detail) => heard.push(`b ${detail}`) });
    life(lives, 1).detail("encoding 2 of 2");
    expect(heard).toEqual([
      "a encoding 1 of 2",
      "b encoding 1 of 2",
      "a encoding 2 of 2",
      "b encoding 2 of 2",
    ]);
    expect(await service.buildReport()).toMatchObject({ detail: "encoding 2 of 2" });
    life(lives, 1).ready();
  });

  it("gives every waiting caller the reason of a failed start, and starts anew at the next call", async () => {
    const { service, lives } = make();
    const first = service.acquire({ signal: never() }).catch((error: unknown) => error);
    const second = service.acquire({ signal: never() }).catch((error: unknown) => error);
    await waitUntil("it starts", () => lives.length === 1);
    life(lives, 1).fail(new AppError("retriever-unavailable", "no corpus"));
    expect([await first, await second]).toMatchObject([
      { message: "no corpus" },
      { message: "no corpus" },
    ]);
    expect(await service.buildReport()).toMatchObject({
      state: "failed",
      error: "no corpus",
      references: 0,
    });
    const third = service.acquire({ signal: never() });
    await waitUntil("it starts again", () => lives.length === 2);
    life(lives, 2).ready();
    expect((await third).value).toBe(2);
  });

  it("goes on starting for the others when one caller gives up, and stops when all have", async () => {
    const { service, lives } = make();
    const impatient = new AbortController();
    const alsoImpatient = new AbortController();
    const first = service.acquire({ signal: impatient.signal }).catch((error: unknown) => error);
    const second = service
      .acquire({ signal: alsoImpatient.signal })
      .catch((error: unknown) => error);
    await waitUntil("it starts", () => lives.length === 1);
    impatient.abort(new AppError("cancelled", "first"));
    expect(await first).toMatchObject({ message: "first" });
    expect(life(lives, 1).aborted).toBe(false);
    alsoImpatient.abort(new AppError("cancelled", "second"));
    expect(await second).toMatchObject({ message: "second" });
    expect(life(lives, 1).aborted).toBe(true);
    expect(await service.buildReport()).toMatchObject({ state: "stopped" });
  });

  it("tells its holders when it dies, and old handles do not touch the next life", async () => {
    const { service, lives } = make();
    const lost: AppError[] = [];
    const acquired = service.acquire({ signal: never(), onLost: (error) => lost.push(error) });
    await waitUntil("it starts", () => lives.length === 1);
    life(lives, 1).ready();
    const old = await acquired;
    life(lives, 1).die("killed by SIGKILL");
    await waitUntil("its holder is told", () => lost.length === 1);
    expect(lost[0]).toMatchObject({
      code: "retriever-unavailable",
      message: "retriever:test ended: killed by SIGKILL",
    });
    expect(await service.buildReport()).toMatchObject({
      state: "failed",
      error: expect.stringContaining("SIGKILL") as string,
    });
    const again = service.acquire({ signal: never() });
    await waitUntil("it starts again", () => lives.length === 2);
    life(lives, 2).ready();
    await again;
    old.release();
    expect(await service.buildReport()).toMatchObject({ state: "ready", references: 1 });
  });

  it("stops what came up while it was being stopped", async () => {
    const { service, lives } = make();
    const acquired = service.acquire({ signal: never() }).catch((error: unknown) => error);
    await waitUntil("it starts", () => lives.length === 1);
    life(lives, 1).ready();
    await service.stop();
    await acquired;
    expect(life(lives, 1).stopped).toBe(true);
    expect(await service.buildReport()).toMatchObject({ state: "stopped", references: 0 });
  });
});
