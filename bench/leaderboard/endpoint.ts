import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import pino from "pino";
import { ATLAS_DIR } from "@/lib/paths.mjs";
import type { RunConfigInput } from "@/contracts/run-config/run-config";
import { type RunState } from "@/contracts/records/run-state";
import { TERMINAL_STATES } from "@/core/run/transitions";
import { RealWorker } from "@/e2e/support/real-worker";
import { importAtlas } from "@/server/features/question-sets/atlas";
import type { ControlPlane } from "@/server/compose";
import { buildBar, type Bar, printTable } from "@/bench/report/report";

/**
 * Answering at a model server that takes 50 ms a reply, 64 at once: a predict run in the worker's own process, the
 * control plane in this one, the model server in a third. Its documents were retrieved by a run before (BM25 over
 * Atlas), so that answering alone is timed: from the run's state `running` to `succeeded`, when every episode, answer
 * and score is in the database.
 */
const QUESTIONS = 1000;
const AT_ONCE = 64;
const LATENCY_MS = 50;
/** The first runs of a process are slower than those that follow; every one is told, the median is judged. */
const REPEATS = 17;

/** Whole rounds: the last one takes as long as the others, however few are left for it. */
const IDEAL_SECONDS = Math.ceil(QUESTIONS / AT_ONCE) * (LATENCY_MS / 1000);

export async function measureEndpoint(
  plane: ControlPlane,
  port: number,
): Promise<{ bars: Bar[]; figures: object }> {
  const folder = await mkdtemp(join(tmpdir(), "s3-bench-worker-"));
  const children: { stop(): Promise<void> | void }[] = [];
  try {
    await importAtlas(plane, ATLAS_DIR, pino({ level: "silent" }));
    const endpoint = await startEndpoint();
    children.push({ stop: () => void endpoint.child.kill() });
    const { token } = await plane.workerTokens.create("bench", "bench");
    const worker = new RealWorker({
      server: `http://127.0.0.1:${port}`,
      token,
      dataDir: folder,
      name: "endpoint-bench",
      restart: false,
    });
    children.push(worker);

    const config = (model: string, more: object): RunConfigInput => ({
      kind: "predict",
      name: `bench, ${model}`,
      method: "rag",
      corpus: "atlas",
      questions: "atlas/train",
      limit: QUESTIONS,
      retriever: { kind: "bm25" },
      generator: { model, endpoint: endpoint.url, connection: { concurrency: AT_ONCE } },
      ...more,
    });
    const searched = await finish(plane, config("retrieves", {}), () => worker.output);
    await endpoint.told();
    const seconds: number[] = [];
    for (let i = 0; i < REPEATS; i++) {
      await waitForStatistics(plane);
      const run = await finish(
        plane,
        config(`answers ${i}`, { reuse: { episodesOf: searched.id } }),
        () => worker.output,
      );
      const { requests, mostAtOnce } = await endpoint.told();
      // One request more: the preflight's.
      if (requests !== QUESTIONS + 1 || mostAtOnce > AT_ONCE)
        throw new Error(`The endpoint was asked ${requests} times, ${mostAtOnce} at once.`);
      seconds.push(run.seconds);
      console.log(
        `answered and stored in ${run.seconds.toFixed(2)} s, ${mostAtOnce} at once at most`,
      );
    }
    const median = [...seconds].sort((a, b) => a - b)[REPEATS >> 1]!;
    printTable([
      [`${QUESTIONS} questions`, "seconds", "times the ideal"],
      ["ideal", IDEAL_SECONDS.toFixed(2), 1],
      [
        "documents retrieved beforehand, median",
        median.toFixed(2),
        (median / IDEAL_SECONDS).toFixed(2),
      ],
      [
        "the first run: searches with BM25, new process",
        searched.seconds.toFixed(2),
        (searched.seconds / IDEAL_SECONDS).toFixed(2),
      ],
    ]);
    return {
      bars: [
        buildBar(
          "1,000 questions at an endpoint of 50 ms, 64 at once, against the ideal time",
          median / IDEAL_SECONDS,
          "times",
          "<=",
          1.3,
        ),
      ],
      figures: {
        questions: QUESTIONS,
        atOnce: AT_ONCE,
        latencyMs: LATENCY_MS,
        idealSeconds: IDEAL_SECONDS,
        seconds,
        secondsWithSearch: searched.seconds,
      },
    };
  } finally {
    for (const child of children.reverse()) await child.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Launches a run and waits for its end; throws where it has not stored an episode, an answer and a score for each
 * question.
 */
async function finish(
  plane: ControlPlane,
  config: RunConfigInput,
  output: () => string,
): Promise<{ id: string; seconds: number }> {
  const { id } = await plane.launcher.launch(config, { actor: "bench", preset: null });
  for (const until = Date.now() + 120_000; ; await sleep(200)) {
    const [run] = await plane.database.db.$queryRaw<
      { state: RunState; error: string | null }[]
    >`SELECT state, error FROM runs WHERE id = ${id}::uuid`;
    if (run?.state === "succeeded") break;
    if (!run || TERMINAL_STATES.has(run.state) || Date.now() > until)
      throw new Error(`The run is ${run?.state ?? "gone"}: ${run?.error ?? ""}\n${output()}`);
  }
  const [row] = await plane.database.db.$queryRaw<{ stored: number; seconds: number }[]>`
    SELECT (SELECT count(*)::int FROM episodes e JOIN answers a ON a.id = e.answer_id JOIN scores s ON s.id = e.score_id WHERE e.run_id = ${id}::uuid) AS stored,
      extract(epoch FROM max(at) FILTER (WHERE to_state = 'succeeded') - max(at) FILTER (WHERE to_state = 'running'))::float8 AS seconds
    FROM run_transitions WHERE run_id = ${id}::uuid`;
  if (row?.stored !== QUESTIONS)
    throw new Error(`${row?.stored ?? 0} of ${QUESTIONS} questions are stored.`);
  return { id, seconds: row.seconds };
}

/** Waits until the statistics of what has landed are made, so that a run is not timed beside those of the one before. */
async function waitForStatistics(plane: ControlPlane): Promise<void> {
  for (const until = Date.now() + 60_000; Date.now() < until; await sleep(200)) {
    const [row] = await plane.database.db.$queryRaw<
      { stale: number }[]
    >`SELECT count(*)::int AS stale FROM stale_statistics`;
    if (row?.stale === 0) return;
  }
  throw new Error("The statistics of the last run were not made within a minute.");
}

interface Endpoint {
  url: string;
  child: ChildProcess;
  /** What it was asked since the last call. */
  told(): Promise<{ requests: number; mostAtOnce: number }>;
}

async function startEndpoint(): Promise<Endpoint> {
  const child = spawn(
    process.execPath,
    ["--import", "tsx", join("bench", "leaderboard", "slow-endpoint.ts"), String(LATENCY_MS)],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const line = await lines.next();
    if (line.done) throw new Error("The bench's endpoint ended.");
    return line.value;
  };
  return {
    url: await next(),
    child,
    async told() {
      child.kill("SIGUSR2");
      return JSON.parse(await next()) as { requests: number; mostAtOnce: number };
    },
  };
}
