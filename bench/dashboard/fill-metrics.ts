import type pg from "pg";
import { METRICS } from "@/core/metrics/metric-table";
import { appendBuckets } from "@/server/features/metrics/metric-chunks";
import { toBucket, type Point } from "@/server/features/metrics/rollup";
import { Database } from "@/server/platform/db/database";
import { SIZES, type TrainedRuns } from "./sizes";

/** Different series that are computed; the others are copies of these. */
const PATTERNS = 5;
/** Of a run of the sweep and of a small one. */
const FEW = ["held-out/accuracy", "reward/mean", "actor/kl", "actor/entropy_loss", "held-out/gbr"];
const SMALL_POINTS = 40;
const STARTED = Date.UTC(2026, 0, 1);

/** Names that a long run reports: the first so many of ours, the ones of the lists among them. */
export const LONG_NAMES: readonly string[] = [...new Set([...FEW, ...Object.keys(METRICS)])].slice(
  0,
  SIZES.metrics,
);

/** A curve that rises with noise, and one spike. */
function drawPattern(pattern: number, points: number): Point[] {
  let state = 1 + pattern;
  return Array.from({ length: points }, (_, i) => {
    state = (state * 48_271) % 2_147_483_647;
    const noise = state / 2_147_483_647 - 0.5;
    const value = 1 - Math.exp((-(1 + pattern) * i) / points) + noise * 0.2;
    return {
      step: i + 1,
      value: i === Math.floor(points * 0.37) ? 5 + pattern : value,
      at: STARTED + i * 1_000 + Math.floor(500 * noise),
    };
  });
}

/** Writes chunks and rollups of every run: a few series by the product's own code, the others as copies of them. */
export async function fillMetrics(
  client: pg.Client,
  url: string,
  { big, sweep }: TrainedRuns,
): Promise<void> {
  const [first] = big;
  const listed = async (condition: string): Promise<string[]> =>
    (
      await client.query<{ id: string }>(
        `SELECT id FROM runs WHERE ${condition} ORDER BY created_at DESC, id`,
      )
    ).rows.map(({ id }) => id);
  const members = await listed(`sweep_id = '${sweep}'`);
  const small = (await listed("sweep_id IS NULL AND kind = 'train'")).filter(
    (id) => !big.includes(id),
  );
  const answered = await listed("kind = 'predict'");
  await fillKind(client, url, first!, big, LONG_NAMES, SIZES.bigSteps);
  await fillKind(client, url, members[0]!, members, FEW, SIZES.sweepSteps);
  await fillKind(client, url, small[0]!, small, FEW, SMALL_POINTS);
  await fillKind(client, url, answered[0]!, answered, ["predict/accuracy"], SMALL_POINTS);
}

async function fillKind(
  client: pg.Client,
  url: string,
  model: string,
  runs: readonly string[],
  names: readonly string[],
  points: number,
): Promise<void> {
  // Named as none of ours, so that every name is a copy.
  const patterns = Array.from(
    { length: Math.min(PATTERNS, names.length) },
    (_, i) => `pattern ${i}`,
  );
  const drawn = patterns.map((name, i) => ({ name, points: drawPattern(i, points) }));
  const insertSeries = `INSERT INTO metric_series (run_id, attempt, name, points, first_step, last_step, last_value, last_at, min_value, max_value)`;
  for (const { name, points: of } of drawn) {
    const values = of.map(({ value }) => value);
    const last = of.at(-1)!;
    await client.query(`${insertSeries} VALUES ($1, 1, $2, $3, 1, $3, $4, $5, $6, $7)`, [
      model,
      name,
      points,
      last.value,
      new Date(last.at),
      Math.min(...values.slice(-1000)),
      5,
    ]);
  }
  const database = new Database(url);
  try {
    await database.db.$transaction(
      (db) =>
        appendBuckets(
          db,
          { runId: model, attempt: 1 },
          0,
          drawn.map(({ name, points: of }) => ({ name, offset: 0, buckets: of.map(toBucket) })),
        ),
      { timeout: 600_000 },
    );
  } finally {
    await database.close();
  }
  const targets = "unnest($1::uuid[]) r(id), unnest($2::text[]) WITH ORDINALITY n(name, i)";
  const parameters = [runs, names, model, patterns.length];
  await client.query(
    `${insertSeries} SELECT r.id, 1, n.name, s.points, s.first_step, s.last_step, random(), s.last_at, s.min_value, s.max_value
     FROM ${targets} JOIN metric_series s ON s.run_id = $3 AND s.name = 'pattern ' || (n.i - 1) % $4::int`,
    parameters,
  );
  await client.query(
    `INSERT INTO metric_chunks SELECT r.id, 1, n.name, c.level, c.chunk, c.min_steps, c.max_steps, c.at, c.means, c.mins, c.maxs
     FROM ${targets} JOIN metric_chunks c ON c.run_id = $3 AND c.name = 'pattern ' || (n.i - 1) % $4::int`,
    parameters,
  );
  await client.query("DELETE FROM metric_chunks WHERE run_id = $1 AND name LIKE 'pattern %'", [
    model,
  ]);
  await client.query("DELETE FROM metric_series WHERE run_id = $1 AND name LIKE 'pattern %'", [
    model,
  ]);
}
