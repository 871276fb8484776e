import type { inferRouterOutputs } from "@trpc/server";
import type { AppRouter } from "@/server/trpc/router";

/** One event of the live subscription, without its tracking. */
export type LiveEvent = {
  id: string;
  kind:
    "sync" | "run" | "metrics" | "alarms" | "episodes" | "logs" | "progress" | "task" | "worker";
  runId: string | null;
  /** By kind, as contracts/api/live.ts says. */
  payload?: Record<string, unknown>;
};

/** Procedures that must be read again after an event; runId null: for every run. */
export interface QueryTopic {
  procedures: string[];
  runId: string | null;
}

type Outputs = inferRouterOutputs<AppRouter>;
/** "router.procedure": a name that no procedure has does not compile. */
type ProcedureName = {
  [N in keyof Outputs]: `${N}.${Extract<keyof Outputs[N], string>}`;
}[keyof Outputs];

const TOPICS: Record<
  Exclude<LiveEvent["kind"], "sync">,
  { ofRun: ProcedureName[]; everywhere: ProcedureName[] }
> = {
  run: {
    ofRun: [
      "runs.get",
      "externalRuns.get",
      "runs.learning",
      "runs.history",
      "runs.checkpoints",
      "alarms.list",
    ],
    everywhere: [
      "home.activity",
      "home.results",
      "runs.list",
      "runs.matching",
      "runs.compare",
      "runs.facets",
      "sweeps.list",
      "sweeps.get",
      "retrievalEvaluation.list",
      "workers.list",
      "leaderboard.get",
      "leaderboard.run",
      "scores.judged",
    ],
  },
  metrics: {
    ofRun: [
      "metrics.seriesOfRuns",
      "metrics.names",
      "externalRuns.get",
      "runs.learning",
      "runs.checkpoints",
    ],
    everywhere: ["runs.list", "runs.compare", "sweeps.get", "sweeps.series"],
  },
  alarms: {
    ofRun: ["alarms.list", "runs.get", "runs.learning"],
    everywhere: ["home.activity", "runs.list"],
  },
  episodes: {
    ofRun: [
      "externalRuns.get",
      "episodes.list",
      "episodes.summary",
      "episodes.facets",
      "episodes.steps",
      "episodes.passRates",
    ],
    everywhere: ["leaderboard.get", "leaderboard.run"],
  },
  logs: { ofRun: ["runs.logs"], everywhere: [] },
  progress: { ofRun: ["runs.get"], everywhere: ["home.activity", "runs.list"] },
  task: { ofRun: [], everywhere: ["tasks.get", "episodes.turnGains"] },
  worker: {
    ofRun: [],
    everywhere: [
      "home.activity",
      "workers.list",
      "workers.logs",
      "catalogue.presets",
      "corpora.list",
      "corpora.get",
      "runs.check",
    ],
  },
};

const EVERYTHING = [
  "home",
  "runs",
  "sweeps",
  "retrievalEvaluation",
  "metrics",
  "alarms",
  "episodes",
  "inspector",
  "workers",
  "tasks",
  "catalogue",
  "corpora",
  "leaderboard",
  "scores",
  "compare",
];

/** What shows anything that events tell of. */
export const EVERY_TOPIC: QueryTopic = { procedures: EVERYTHING, runId: null };

/** What to read again after an event. */
export function listQueriesToRefresh(event: LiveEvent): QueryTopic[] {
  if (event.kind === "sync") return [EVERY_TOPIC];
  const { ofRun, everywhere } = TOPICS[event.kind];
  const topics: QueryTopic[] = [];
  if (ofRun.length > 0 && event.runId !== null)
    topics.push({ procedures: ofRun, runId: event.runId });
  if (everywhere.length > 0) topics.push({ procedures: everywhere, runId: null });
  return topics;
}
