import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connect, type Connection } from "@/cli/lib/client";
import { waitUntil } from "@/lib/testing/wait-until";
import { migrate } from "@/server/platform/db/migrate";
import { startPostgres, type TestPostgres } from "@/server/testing/postgres";
import { canTrain } from "./support/real-worker";
import { RUN_LIMIT_MS, TrainingSetup } from "./support/training-setup";

const TABS = 20;
const MEGABYTE = 2 ** 20;

describe.skipIf(!canTrain)(
  "a real training run with open pages (needs Linux and the set-up's Python, models and corpus)",
  () => {
    let postgres: TestPostgres;
    let ground: TrainingSetup;
    let undisturbed: unknown;
    const tabs: Connection[] = [];
    const told = Array.from({ length: TABS }, () => 0);

    beforeAll(async () => {
      postgres = await startPostgres();
      await migrate(postgres.url);
      ground = await TrainingSetup.open(postgres.url);
      await ground.worker("first", true);
      undisturbed = await ground.undisturbed();
      for (let tab = 0; tab < TABS; tab++) {
        const connection = connect(ground.server.address);
        tabs.push(connection);
        connection.client.live.events.subscribe({}, { onData: () => void (told[tab]! += 1) });
      }
    }, RUN_LIMIT_MS);
    afterAll(async () => {
      for (const tab of tabs) tab.close();
      await ground.close();
      await postgres.stop();
    });

    async function countConnections(): Promise<number> {
      const client = new pg.Client({ connectionString: postgres.url });
      await client.connect();
      const { rows } = await client.query<{ n: number }>(
        "SELECT count(*)::int AS n FROM pg_stat_activity WHERE usename = 's3' AND backend_type = 'client backend'",
      );
      await client.end();
      return rows[0]?.n ?? 0;
    }

    it.each([2, 6, 60])(
      "ends with the same weights where the database is away for %i s",
      async (seconds) => {
        const runId = await ground.launch();
        await ground.stored(runId, 1);
        const before = [...told];
        const memory = process.memoryUsage.rss();
        await postgres.pause();
        await sleep(seconds * 1_000);
        expect(process.memoryUsage.rss() - memory).toBeLessThan(200 * MEGABYTE);
        await postgres.resume();
        await ground.succeeded(runId);
        expect((await ground.weights(runId)).get(2)).toBe(undisturbed);
        const history = await ground.history(runId);
        expect(
          history.filter((line) => / leased /.test(line)),
          history.join("\n"),
        ).toHaveLength(1);
        await waitUntil("every page is told", () =>
          told.every((count, tab) => count > (before[tab] ?? 0)),
        );
        expect(await countConnections()).toBeLessThan(30);
      },
      RUN_LIMIT_MS + 90_000,
    );
  },
);
