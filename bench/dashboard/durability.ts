import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";

/** What a PostgreSQL does so that nothing is lost when the machine fails. */
const SETTINGS = ["fsync", "full_page_writes"] as const;
/** Until each process of the server has read a changed setting. */
const RELOAD_MS = 1_000;

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Whether what is written to a database is on the disk, as a product's is. */
export const readDurability = (url: string): Promise<boolean> =>
  withClient(url, async (client) => {
    const { rows } = await client.query<{ setting: string }>(
      "SELECT setting FROM pg_settings WHERE name = ANY($1::text[])",
      [SETTINGS],
    );
    return rows.every(({ setting }) => setting === "on");
  });

/** Runs `work` on a durable server that is not durable meanwhile: a database that is filled has nothing to lose yet. */
export async function fillFast<T>(url: string, work: () => Promise<T>): Promise<T> {
  const set = (value: string): Promise<void> =>
    withClient(url, async (client) => {
      for (const name of SETTINGS) await client.query(`ALTER SYSTEM SET ${name} = ${value}`);
      await client.query("SELECT pg_reload_conf()");
      await sleep(RELOAD_MS);
      await client.query("CHECKPOINT");
    });
  await set("off");
  const result = await work();
  await set("on");
  return result;
}
