import { alarmsRouter } from "@/server/features/alarms/router";
import { notificationsRouter } from "@/server/features/notifications/router";
import { questionSetsRouter } from "@/server/features/question-sets/router";
import { compareRouter } from "@/server/features/compare/router";
import { corporaRouter } from "@/server/features/corpora/router";
import { episodesRouter } from "@/server/features/episodes/router";
import { homeRouter } from "@/server/features/home/router";
import { inspectorRouter } from "@/server/features/inspector/router";
import { keysRouter } from "@/server/features/keys/router";
import { mirrorsRouter } from "@/server/features/mirrors/router";
import { poolsRouter } from "@/server/features/pools/router";
import { leaderboardRouter } from "@/server/features/leaderboard/router";
import { liveRouter } from "@/server/features/live/router";
import { metricsRouter } from "@/server/features/metrics/router";
import { retrievalEvaluationRouter } from "@/server/features/retrieval-evaluation/router";
import { externalRunsRouter } from "@/server/features/tracking/router";
import { runsRouter } from "@/server/features/runs/router";
import { savedViewsRouter } from "@/server/features/saved-views/router";
import { scoresRouter } from "@/server/features/scoring/router";
import { searchRouter } from "@/server/features/search/router";
import { sweepsRouter } from "@/server/features/sweeps/router";
import { tasksRouter } from "@/server/features/tasks/router";
import { upstreamRouter } from "@/server/features/upstream/router";
import { workersRouter } from "@/server/features/workers/router";
import { router } from "./trpc";

export const appRouter = router({
  runs: runsRouter,
  externalRuns: externalRunsRouter,
  sweeps: sweepsRouter,
  metrics: metricsRouter,
  alarms: alarmsRouter,
  episodes: episodesRouter,
  inspector: inspectorRouter,
  workers: workersRouter,
  scores: scoresRouter,
  upstream: upstreamRouter,
  tasks: tasksRouter,
  catalogue: questionSetsRouter,
  leaderboard: leaderboardRouter,
  compare: compareRouter,
  retrievalEvaluation: retrievalEvaluationRouter,
  corpora: corporaRouter,
  keys: keysRouter,
  savedViews: savedViewsRouter,
  home: homeRouter,
  notifications: notificationsRouter,
  mirrors: mirrorsRouter,
  pools: poolsRouter,
  search: searchRouter,
  live: liveRouter,
});
/** The only type that the pages and the command line import from the server. */
export type AppRouter = typeof appRouter;
