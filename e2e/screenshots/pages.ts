import type { Client } from "@/cli/lib/client";
import { RECORDED } from "../support/product";

/** What of the recording the pages are opened with. */
export interface Recorded {
  training: string;
  collapsed: string;
  cancelled: string;
  imported: string;
  /** Runs of all methods over the same questions. */
  predictions: string[];
  evaluations: string[];
  index: string;
  sweep: string;
  /** An episode of the training that searched and was answered right. */
  episode: string;
}

/** What no recording has: a run of another trainer, and a model service. */
export interface Added {
  external: string;
  serve: string;
}

/** A product with what was added to it. */
export type Shown = Recorded & Added;

type Address = string | ((shown: Shown) => string);

/** Addresses of the pages and their main states by name. A state's name begins with its page's. */
export const PAGES = {
  home: "/",
  runs: "/runs",
  "runs-folded": "/runs?sweeps=folded",
  "runs-nothing": "/runs?q=nothing+is+called+that",
  "runs-compare": ({ training, collapsed }) => `/runs/compare?ids=${training},${collapsed}`,
  "runs-compare-values": ({ training, collapsed }) =>
    `/runs/compare?ids=${training},${collapsed}&tab=values`,
  "runs-compare-configuration": ({ training, collapsed }) =>
    `/runs/compare?ids=${training},${collapsed}&tab=configuration`,
  run: ({ training }) => `/runs/${training}`,
  "run-metrics": ({ training }) => `/runs/${training}?tab=metrics`,
  "run-episodes": ({ training }) => `/runs/${training}?tab=episodes`,
  "run-episodes-filtered": ({ training }) =>
    `/runs/${training}?tab=episodes&filter=correct&searches=1..&q=country`,
  "run-questions": ({ training }) => `/runs/${training}?tab=questions`,
  "run-logs": ({ training }) => `/runs/${training}?tab=logs`,
  "run-checkpoints": ({ training }) => `/runs/${training}?tab=checkpoints`,
  "run-configuration": ({ training }) => `/runs/${training}?tab=configuration`,
  "run-history": ({ training }) => `/runs/${training}?tab=history`,
  "run-alarm": ({ collapsed }) => `/runs/${collapsed}`,
  "run-cancelled": ({ cancelled }) => `/runs/${cancelled}`,
  "run-predict": ({ predictions }) => `/runs/${predictions[0]}`,
  "run-evaluate": ({ evaluations }) => `/runs/${evaluations[0]}`,
  "run-index": ({ index }) => `/runs/${index}`,
  "run-imported": ({ imported }) => `/runs/${imported}`,
  "run-external": ({ external }) => `/runs/${external}`,
  "run-external-configuration": ({ external }) => `/runs/${external}?tab=configuration`,
  "run-serve": ({ serve }) => `/runs/${serve}`,
  "run-missing": "/runs/00000000-0000-4000-8000-000000000000",
  report: ({ training }) => `/runs/${training}/report`,
  episode: ({ training, episode }) => `/runs/${training}/episodes/${episode}?filter=correct`,
  "episode-raw": ({ training, episode }) => `/runs/${training}/episodes/${episode}?view=raw`,
  "episode-what-if": ({ training, episode }) =>
    `/runs/${training}/episodes/${episode}?view=what-if&turn=0`,
  "episode-elsewhere": ({ training, episode }) =>
    `/runs/${training}/episodes/${episode}?view=elsewhere`,
  mirrors: "/mirrors",
  sweeps: "/sweeps",
  sweep: ({ sweep }) => `/sweeps/${sweep}`,
  leaderboard: "/leaderboard",
  compare: "/compare",
  "compare-answers": ({ predictions }) => `/compare?runs=${predictions.slice(0, 3).join(",")}`,
  "compare-checkpoints": ({ training }) => `/compare?train=${training}`,
  questions: "/questions",
  corpora: "/corpora",
  corpus: "/corpora/atlas",
  retrieval: "/retrieval",
  "retrieval-compared": ({ evaluations }) => `/retrieval?runs=${evaluations.join(",")}`,
  playground: "/playground",
  ask: "/playground/ask",
  labels: "/labels",
  workers: "/workers",
  notifications: "/notifications",
  glossary: "/glossary",
  "glossary-settings": "/glossary/settings",
  "new-run": "/runs/new",
  "new-run-sweep": "/runs/new?as=sweep&preset=atlas-rag",
  "new-run-copy": ({ training }) => `/runs/new?from=${training}`,
  missing: "/no-such-page",
} satisfies Record<string, Address>;

export type PageName = keyof typeof PAGES;

/** Pages that show what does not exist: the browser logs that it was not found. */
export const MISSING: ReadonlySet<PageName> = new Set(["run-missing", "missing"]);

/** The address of a page. */
export function buildAddress(name: PageName, shown: Shown): string {
  const address: Address = PAGES[name];
  return typeof address === "string" ? address : address(shown);
}

/** Curves of the recorded training that are reported once more, as another trainer reports its own. */
const REPORTED_NAMES = ["critic/score/mean", "response_length/mean", "actor/entropy_loss"];

/**
 * Adds a run as other trainers report theirs, which goes on: curves and two settings of a recorded training, sent by MLflow's
 * API. Adds a service that waits for a worker with its model, too.
 * @param training id of the recorded training
 */
export async function addRuns(client: Client, origin: string, training: string): Promise<Added> {
  const report = async (path: string, body: object): Promise<unknown> => {
    const response = await fetch(`${origin}/api/2.0/mlflow/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
    return response.json();
  };
  const [{ config }, { series }] = await Promise.all([
    client.runs.get.query({ id: training }),
    client.metrics.series.query({ runId: training, names: REPORTED_NAMES }),
  ]);
  if (config.kind !== "train") throw new Error(`${training} is no training`);
  const { run } = (await report("runs/create", {
    experiment_id: "0",
    run_name: "The example's training, reported by MLflow",
  })) as { run: { info: { run_id: string } } };
  const { run_id } = run.info;
  await report("runs/log-batch", {
    run_id,
    params: [
      { key: "rl/algorithm", value: config.rl.algorithm },
      { key: "rl/learning_rate", value: String(config.rl.learningRate) },
    ],
    metrics: Object.entries(series).flatMap(([key, { steps, values, ats }]) =>
      steps.map((step, i) => ({ key, value: values[i]!, step, timestamp: Math.round(ats[i]!) })),
    ),
  });
  // MLflow writes ids without dashes.
  const external = run_id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  const { id: serve } = await client.runs.launch.mutate({
    config: {
      kind: "serve",
      what: "model",
      name: "Served elsewhere",
      model: "qwen2.5-14b-instruct",
      server: { kind: "vllm" },
    },
  });
  return { external, serve };
}

/** Takes away again what `addRuns` added. */
export async function removeRuns(client: Client, { external, serve }: Added): Promise<void> {
  const ids = [external, serve];
  for (const id of ids) await client.runs.cancel.mutate({ id });
  await client.runs.update.mutate({ ids, deleted: true });
}

/** Looks up what the pages are opened with. @throws Error where the recording has no such thing */
export async function findRecorded(client: Client): Promise<Recorded> {
  const [{ rows: runs }, { rows: sweeps }] = await Promise.all([
    client.runs.list.query({ limit: 200 }),
    client.sweeps.list.query({}),
  ]);
  const find = (what: string, matches: (run: (typeof runs)[number]) => boolean): string => {
    const run = runs.find(matches);
    if (!run) throw new Error(`the recording has no ${what}`);
    return run.id;
  };
  const training = find("training", ({ name }) => name === RECORDED.training);
  const { rows: episodes } = await client.episodes.list.query({
    runId: training,
    filter: "correct",
    ranges: { searches: { min: 1 } },
    limit: 1,
  });
  const [sweep] = sweeps;
  const [episode] = episodes;
  if (!sweep || !episode) throw new Error("the recording has no sweep, or no right answer");
  // The sweep's runs and the imported one are over other questions.
  const listHeldOut = (kind: string): string[] =>
    runs
      .filter((run) => run.kind === kind && run.name.startsWith("Atlas held-out"))
      .map(({ id }) => id);
  const [predictions, evaluations] = [listHeldOut("predict"), listHeldOut("evaluate")];
  if (predictions.length < 3 || evaluations.length < 2)
    throw new Error("the recording has too few runs to compare");
  return {
    training,
    collapsed: find("collapsed run", ({ name }) => name === RECORDED.collapsed),
    cancelled: find("cancelled run", ({ state }) => state === "cancelled"),
    imported: find("imported run", ({ importedFrom }) => importedFrom !== null),
    predictions,
    evaluations,
    index: find("index", ({ kind }) => kind === "index"),
    sweep: sweep.id,
    episode: episode.id,
  };
}
