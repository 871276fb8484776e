import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import pino from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { LiveEvent } from "@/contracts/api/live";
import { waitUntil } from "@/lib/testing/wait-until";
import { migrate } from "@/server/platform/db/migrate";
import { startPostgres, type TestPostgres } from "@/server/testing/postgres";
import { getPresetConfig, storeSamples } from "@/server/testing/samples";
import { startTestServer, type TestServer } from "@/server/testing/test-server";

/** A database of its own that can be away, as when it is restarted or its machine is. */
describe("a database that is away", () => {
  let postgres: TestPostgres;
  let server: TestServer;
  const lines: string[] = [];

  beforeEach(async () => {
    lines.length = 0;
    postgres = await startPostgres();
    await migrate(postgres.url);
    server = await startTestServer({
      databaseUrl: postgres.url,
      timings: { leaseMs: 3_000, offlineMs: 3_000 },
      log: pino({ level: "info" }, { write: (line: string) => void lines.push(line) }),
    });
    await storeSamples(server.plane);
  });
  afterEach(async () => {
    await server.stop();
    await postgres.stop();
  });

  async function countConnections(): Promise<{ all: number; listening: number }> {
    const client = new pg.Client({ connectionString: postgres.url });
    await client.connect();
    const { rows } = await client.query<{ all: number; listening: number }>(
      `SELECT count(*)::int AS all, (count(*) FILTER (WHERE query LIKE 'LISTEN%'))::int AS listening
       FROM pg_stat_activity WHERE usename = 's3' AND pid <> pg_backend_pid() AND backend_type = 'client backend'`,
    );
    await client.end();
    return rows[0]!;
  }
  const countHandles = (): number =>
    process.getActiveResourcesInfo().filter((name) => /Timeout|TCP/.test(name)).length;

  it.each([2, 6])("for %i s leaves one listener, the leases and the events in place", async (s) => {
    const { plane } = server;
    const worker = await server.worker();
    const runId = await plane.runs.create(getPresetConfig(), { actor: "test", preset: null });
    const run = await worker.leaseAndStart();
    const ref = { runId: run.runId, attempt: run.attempt };
    worker.keepAlive([ref]);
    const events: LiveEvent[] = [];
    const abort = new AbortController();
    const following = (async () => {
      for await (const event of plane.liveEvents.subscribe({
        runId,
        after: "0",
        signal: abort.signal,
      }))
        events.push(event);
    })();
    await waitUntil("events come", () => events.length > 0);
    const handles = countHandles();

    await postgres.pause();
    await sleep(s * 1_000);
    await expect(plane.runReader.listHistory(runId)).rejects.toThrow();
    expect(countHandles()).toBeLessThan(handles + 30);
    await postgres.resume();

    const report = {
      ...ref,
      sequence: 1,
      items: [
        {
          kind: "logs" as const,
          lines: [{ at: Date.now(), level: "info" as const, source: "test", message: "after it" }],
        },
      ],
    };
    await waitUntil("a report is stored", () =>
      worker.request("report", report).then(
        () => true,
        () => false,
      ),
    );
    await waitUntil("its event comes", () => events.some(({ kind }) => kind === "logs"));
    await sleep(3_500); // longer than a lease: the heartbeats hold it again
    expect(await plane.runReader.listHistory(runId)).toHaveLength(4);
    expect((await countConnections()).listening).toBe(1);
    expect((await countConnections()).all).toBeLessThan(26);
    expect(lines.length).toBeLessThan(60);
    abort.abort();
    await following;
  });
});
