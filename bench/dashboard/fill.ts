import { randomUUID } from "node:crypto";
import pg from "pg";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import type { Hardware } from "@/contracts/worker-protocol/attach";
import { findPreset } from "@/core/presets/run-presets";
import { DEFAULT_PROJECT } from "@/server/platform/db/database";
import { migrate } from "@/server/platform/db/migrate";
import { fillEpisodes } from "./fill-episodes";
import { fillMetrics } from "./fill-metrics";
import { COMPARED_SET, fillResults, refreshStatistics } from "./fill-results";
import { SIZES, type FilledRuns, type TrainedRuns } from "./sizes";

/**
 * Migrates an empty database and fills it with generated rows, without the checks and triggers that writing through the
 * product would go through; metrics go through the product's own compaction code.
 */
export async function fillDatabase(url: string): Promise<FilledRuns> {
  await migrate(url);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(
      "SET session_replication_role = replica; SET synchronous_commit = off; SET work_mem = '256MB'; SET maintenance_work_mem = '512MB'; SELECT setseed(0.5)",
    );
    const runs = await fillRuns(client);
    await fillMetrics(client, url, runs);
    await fillResults(client);
    await fillEpisodes(client, runs);
    await client.query("ANALYZE");
  } finally {
    await client.end();
  }
  await refreshStatistics(url);
  return findRuns(url);
}

/** The runs of a database that was filled before. @throws Error where an older version has filled it */
export async function findRuns(url: string): Promise<FilledRuns> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const big = await client.query<{ id: string }>(
      "SELECT id FROM runs WHERE name LIKE 'Long run %' ORDER BY created_at DESC",
    );
    const sweeps = await client.query<{ id: string }>("SELECT id FROM sweeps ORDER BY created_at");
    const predictions = await client.query<{ id: string }>(
      "SELECT r.id FROM runs r JOIN run_question_sets s ON s.run_id = r.id WHERE r.kind = 'predict' AND s.name = $1 ORDER BY r.created_at DESC LIMIT 3",
      [COMPARED_SET],
    );
    const episodes = await client.query<{ id: string }>(
      "SELECT id FROM episodes WHERE run_id = $1 ORDER BY ordinal LIMIT 1",
      [big.rows[0]?.id],
    );
    if (predictions.rows.length < 3 || !episodes.rows[0] || !sweeps.rows[0])
      throw new Error("The database lacks what pages are opened with: fill one anew.");
    return {
      big: big.rows.map(({ id }) => id),
      sweep: sweeps.rows[0].id,
      predictions: predictions.rows.map(({ id }) => id),
      episode: episodes.rows[0].id,
    };
  } finally {
    await client.end();
  }
}

/** Of the worker that has run everything. */
const HARDWARE: Hardware = {
  hostname: "bench",
  platform: "linux",
  cpuModel: "bench",
  cores: 2,
  memoryMb: 4096,
  gpus: [],
};
const SLOTS = { engine: 1, light: 4 };
const CAPABILITIES = {
  models: ["smollm2-135m-instruct"],
  corpora: ["atlas"],
  device: "cpu",
  dtype: "float32",
  vllm: null,
};

const INSERT_RUNS = `INSERT INTO runs (id, project_id, created_by, created_at, kind, name, preset, config, slot, needs_models, needs_corpora, state, attempt,
  queued_at, started_at, ended_at, error, headline, sweep_id, sweep_row, varied)`;
const ENDED = `'engine', '{smollm2-135m-instruct}', '{atlas}'`;

async function fillRuns(client: pg.Client): Promise<TrainedRuns> {
  const worker = randomUUID();
  await client.query(
    "INSERT INTO worker_tokens (id, project_id, name, sha256, created_by) VALUES ($1, $2, 'bench', sha256('bench'), 'bench')",
    [worker, DEFAULT_PROJECT],
  );
  await client.query(
    "INSERT INTO workers (id, project_id, token_id, name, hardware, slots, free_slots, capabilities, state, attached_at, last_seen_at) VALUES ($1, $2, $1, 'bench', $3, $4, $4, $5, 'offline', now(), now())",
    [
      worker,
      DEFAULT_PROJECT,
      ...[HARDWARE, SLOTS, CAPABILITIES].map((part) => JSON.stringify(part)),
    ],
  );
  const train = runConfigSchema.parse(findPreset("atlas-smollm2-grpo")?.config);
  const predict = runConfigSchema.parse(findPreset("atlas-rag")?.config);
  const big = Array.from({ length: SIZES.bigRuns }, () => randomUUID());
  await client.query(
    `${INSERT_RUNS}
     SELECT b.id, $1, 'bench', now() - i * interval '1 hour', 'train', 'Long run ' || i, 'atlas-smollm2-grpo',
       jsonb_set(jsonb_set(jsonb_set($2::jsonb, '{rl,steps}', $4::jsonb), '{seed}', to_jsonb(i % 5)), '{rl,learningRate}', to_jsonb(0.0001 * (1 + i / 5))),
       ${ENDED}, 'succeeded', 1, now() - i * interval '1 hour', now() - i * interval '1 hour', now(), NULL, random(), NULL, NULL, NULL
     FROM unnest($3::uuid[]) WITH ORDINALITY AS b(id, i)`,
    [DEFAULT_PROJECT, JSON.stringify(train), big, String(SIZES.bigSteps)],
  );
  await client.query(
    `${INSERT_RUNS}
     SELECT gen_random_uuid(), $1, 'bench', now() - i * interval '11 minutes', k.kind, k.kind || ' ' || (ARRAY['baseline','wide','narrow','cold','warm','long context','ablation','check'])[1 + i % 8] || ' ' || i,
       CASE WHEN i % 3 = 0 THEN 'atlas-rag' ELSE 'atlas-smollm2-grpo' END,
       CASE WHEN i % 3 = 0 THEN jsonb_set($3::jsonb, '{documents}', to_jsonb(1 + i % 10))
         ELSE jsonb_set(jsonb_set($2::jsonb, '{seed}', to_jsonb(i % 7)), '{rl,learningRate}', to_jsonb((1 + i % 20) * 0.00005)) END,
       ${ENDED}, s.state, 1, now() - i * interval '11 minutes', now() - i * interval '11 minutes', now() - i * interval '11 minutes' + random() * interval '2 hours',
       CASE WHEN s.state = 'failed' THEN 'The engine ran out of memory.' END, random(), NULL, NULL, NULL
     FROM generate_series(1, $4::int) i, LATERAL (SELECT CASE WHEN i % 3 = 0 THEN 'predict' ELSE 'train' END AS kind) k,
       LATERAL (SELECT CASE WHEN i % 10 = 0 THEN 'failed' WHEN i % 17 = 0 THEN 'cancelled' ELSE 'succeeded' END AS state) s`,
    [DEFAULT_PROJECT, JSON.stringify(train), JSON.stringify(predict), SIZES.smallRuns],
  );
  const sweep = randomUUID();
  const values = Array.from({ length: SIZES.sweepRows }, (_, i) => (i + 1) / 100_000);
  const spec = {
    mode: "grid",
    name: "Learning rates",
    base: train,
    axes: [{ path: "rl.learningRate", values }],
    seeds: Array.from({ length: SIZES.sweepSeeds }, (_, i) => i),
  };
  await client.query(
    "INSERT INTO sweeps (id, project_id, created_by, created_at, name, preset, spec, paths, client_key) VALUES ($1, $2, 'bench', now(), 'Learning rates', 'atlas-smollm2-grpo', $3, '{rl.learningRate}', 'bench')",
    [sweep, DEFAULT_PROJECT, JSON.stringify(spec)],
  );
  await client.query(
    `${INSERT_RUNS}
     SELECT gen_random_uuid(), $1, 'bench', now() - interval '1 day', 'train', 'Learning rates ' || row || ', seed=' || seed, 'atlas-smollm2-grpo',
       jsonb_set(jsonb_set($2::jsonb, '{seed}', to_jsonb(seed)), '{rl,learningRate}', to_jsonb(rate)), ${ENDED}, 'succeeded', 1,
       now() - interval '1 day', now() - interval '1 day', now() - interval '20 hours', NULL, random(), $3, row - 1, jsonb_build_object('rl.learningRate', rate)
     FROM unnest($4::float8[]) WITH ORDINALITY AS v(rate, row), generate_series(0, $5::int - 1) seed`,
    [DEFAULT_PROJECT, JSON.stringify(train), sweep, values, SIZES.sweepSeeds],
  );
  await client.query(
    "INSERT INTO attempts (run_id, number, worker_id, started_at, ended_at, outcome) SELECT id, 1, $1, started_at, ended_at, CASE WHEN state IN ('failed', 'cancelled') THEN state ELSE 'succeeded' END FROM runs",
    [worker],
  );
  await client.query(
    `INSERT INTO run_transitions (run_id, sequence, at, from_state, to_state, attempt, actor, reason)
     SELECT id, n, created_at, NULL, CASE WHEN n = 1 THEN 'queued' ELSE state END, n - 1, 'bench', NULL FROM runs, generate_series(1, 2) n`,
  );
  return { big, sweep };
}
