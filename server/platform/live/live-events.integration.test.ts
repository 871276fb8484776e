import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LiveEvent } from "@/contracts/api/live";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import { getPresetConfig } from "@/server/testing/samples";

describe("live events", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server.stop());

  const launch = () => server.plane.runs.create(getPresetConfig(), { actor: "test", preset: null });
  const emit = (runId: string, n: number) =>
    server.plane.database.transact((tx) =>
      Promise.resolve(tx.emit({ kind: "logs", runId, payload: { n } })),
    );

  /** Reads until `enough`, dropping the connection after every `chunk` events and going on by the last id. */
  async function follow(
    runId: string | null,
    after: string | null,
    enough: (events: LiveEvent[]) => boolean,
    chunk = Number.POSITIVE_INFINITY,
  ): Promise<LiveEvent[]> {
    const events: LiveEvent[] = [];
    let last = after;
    while (!enough(events)) {
      const abort = new AbortController();
      let received = 0;
      for await (const event of server.plane.liveEvents.subscribe({
        runId,
        after: last,
        signal: abort.signal,
      })) {
        last = event.id;
        if (event.kind !== "sync") events.push(event);
        if (++received >= chunk || enough(events)) break;
      }
      abort.abort();
    }
    return events;
  }

  it("misses none and repeats none under concurrent writers and reconnects", async () => {
    const run = await launch();
    const start = await follow(run, "0", (events) => events.length >= 1);
    const writers = Promise.all(
      Array.from({ length: 8 }, async (_, w) => {
        for (let i = 0; i < 25; i++) await emit(run, w * 25 + i);
      }),
    );
    const [one, all] = await Promise.all([
      follow(run, start[0]?.id ?? "0", (events) => events.length >= 200, 7),
      follow(null, start[0]?.id ?? "0", (events) => events.length >= 200, 11),
      writers,
    ]);
    for (const events of [one, all]) {
      expect(new Set(events.map((e) => e.payload.n)).size).toBe(200);
      const ids = events.map((e) => BigInt(e.id));
      expect(ids).toEqual([...ids].sort((a, b) => (a < b ? -1 : 1)));
    }
  });

  it("begins with sync, tells only of its run, and drops what was rolled back", async () => {
    const [mine, other] = [await launch(), await launch()];
    const abort = new AbortController();
    const events = server.plane.liveEvents.subscribe({
      runId: mine,
      after: null,
      signal: abort.signal,
    });
    expect((await events.next()).value).toMatchObject({ kind: "sync" });
    await emit(other, 1);
    await expect(
      server.plane.database.transact(async (tx) => {
        tx.emit({ kind: "logs", runId: mine, payload: { n: "rolled back" } });
        await tx.db.$executeRaw`SELECT 1 / 0`;
      }),
    ).rejects.toThrow();
    await emit(mine, 2);
    expect((await events.next()).value).toMatchObject({
      kind: "logs",
      runId: mine,
      payload: { n: 2 },
    });
    abort.abort();
    expect((await events.next()).done).toBe(true);
  });

  it("says sync where the past is forgotten", async () => {
    const run = await launch();
    await emit(run, 1);
    const [first] = await follow(run, "0", (events) => events.length >= 1);
    await emit(run, 2);
    await server.plane.database.db.$executeRaw`DELETE FROM events`;
    const events = server.plane.liveEvents.subscribe({ runId: run, after: first?.id ?? null });
    expect((await events.next()).value).toMatchObject({ kind: "sync" });
    await events.return();
  });

  it("goes on after the listening connection was cut", async () => {
    const run = await launch();
    const events = server.plane.liveEvents.subscribe({ runId: run, after: null });
    await events.next();
    const next = events.next();
    await server.plane.database.db
      .$queryRaw`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()`;
    await emit(run, 7);
    expect((await next).value).toMatchObject({ payload: { n: 7 } });
    await events.return();
  });
});
