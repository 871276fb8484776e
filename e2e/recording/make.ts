/**
 * Records a real session with the product: starts it on a fresh data directory, plays the session,
 * stops it and saves its state.
 *
 * usage: npm run record [-- old-database]
 *   without an argument: server/features/example/example.json.gz, which a new installation shows and the browser
 *   tests start from
 *   old-database: server/testing/old-databases/NUMBER.json.gz, for the newest migration. Record it
 *   before the next migration is written, then write what the product reads from it beside it with
 *   UPDATE_EXPECTED=1 npx vitest run --project integration server/testing/old-database
 */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { findFreePort } from "@/lib/free-port.mjs";
import { ROOT } from "@/lib/paths.mjs";
import packageJson from "@/package.json";
import { connect } from "@/cli/lib/client";
import { MIGRATIONS_DIR } from "@/server/platform/db/migrate";
import { EXAMPLE_FILE } from "@/server/features/example/load-example";
import { startPostgres } from "@/server/testing/postgres";
import type { RecordingManifest } from "@/server/platform/recording/format";
import { saveRecording } from "@/server/platform/recording/save";
import { startProductProcess } from "../support/product-process";
import { playAtlas, playOldDatabase, type Session } from "./sessions";

const STATISTICS_TIMEOUT_MS = 60_000;

/** Plays a session on a product of its own and saves what it left. */
async function record(play: Session, file: string): Promise<RecordingManifest> {
  const dataDir = await mkdtemp(join(tmpdir(), "s3-recording-"));
  const postgres = await startPostgres();
  try {
    const product = await startProductProcess({
      PORT: String(await findFreePort()),
      S3_DATA_DIR: dataDir,
      DATABASE_URL: postgres.url,
    });
    const connection = connect(product.address);
    try {
      await play(connection.client);
      await waitForStatistics(postgres.url);
    } finally {
      connection.close();
      await product.stop();
    }
    return await saveRecording(file, {
      databaseUrl: postgres.url,
      artifactsDir: join(dataDir, "artifacts"),
      madeBy: `${packageJson.name} ${packageJson.version}`,
      replacements: [
        [dataDir, "/recorded/data"],
        [ROOT, "/recorded/s3"],
        [hostname(), "recorder"],
      ],
    });
  } finally {
    await postgres.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** The server computes the leaderboard's figures in the background. */
async function waitForStatistics(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const end = Date.now() + STATISTICS_TIMEOUT_MS;
    while ((await client.query("SELECT FROM stale_statistics")).rowCount !== 0) {
      if (Date.now() > end) throw new Error("the statistics of a run were not computed");
      await sleep(500);
    }
  } finally {
    await client.end();
  }
}

const newest = (await readdir(MIGRATIONS_DIR))
  .filter((name) => /^\d+_/.test(name))
  .sort()
  .at(-1)!;
const isOldDatabase = process.argv[2] === "old-database";
const file = isOldDatabase
  ? join(ROOT, "server", "testing", "old-databases", `${newest.split("_")[0]}.json.gz`)
  : EXAMPLE_FILE;
const manifest = await record(isOldDatabase ? playOldDatabase : playAtlas, file);
console.log(`wrote ${file}`);
for (const { name, rows } of manifest.tables) if (rows > 0) console.log(`  ${name}: ${rows}`);
