import { router } from "./trpc";
import { listAlarms } from "./alarms/list";
import { importQuestions } from "./catalogue/import-questions";
import { importQuestionFile } from "./catalogue/import-question-file";
import { listCorpora } from "./catalogue/corpora";
import { listPresets } from "./catalogue/presets";
import { previewQuestions } from "./catalogue/preview-questions";
import { questionSetVersions } from "./catalogue/question-set-versions";
import { listQuestionSets } from "./catalogue/question-sets";
import { listQuestions } from "./catalogue/questions";
import { compareCheckpoints } from "./compare/checkpoints";
import { compareRuns } from "./compare/get";
import { compareQuestions } from "./compare/questions";
import { findUpload } from "./corpora/find-upload";
import { getCorpus } from "./corpora/get";
import { listWorkerCorpora } from "./corpora/list";
import { getEpisode } from "./episodes/get";
import { listEpisodes } from "./episodes/list";
import { episodeSteps } from "./episodes/steps";
import { turnGains } from "./episodes/turn-gains";
import { getLeaderboard } from "./leaderboard/get";
import { launchMethods } from "./leaderboard/launch";
import { publishedTables } from "./leaderboard/published";
import { runStatistics } from "./leaderboard/run";
import { listKeys } from "./keys/list";
import { putKey } from "./keys/put";
import { removeKey } from "./keys/remove";
import { liveEvents } from "./live/events";
import { metricNames } from "./metrics/names";
import { metricSeries } from "./metrics/series";
import { compareRetrievers } from "./retrieval-evaluation/compare";
import { listEvaluations } from "./retrieval-evaluation/list";
import { rankedQuestions } from "./retrieval-evaluation/questions";
import { cancelRun } from "./runs/cancel";
import { checkRun } from "./runs/check";
import { runCheckpoints } from "./runs/checkpoints";
import { runOfCheckpoint } from "./runs/of-checkpoint";
import { exportRun } from "./runs/export";
import { getRun } from "./runs/get";
import { runHistory } from "./runs/history";
import { launchRun } from "./runs/launch";
import { listRuns } from "./runs/list";
import { runLogs } from "./runs/logs";
import { resumeRun } from "./runs/resume";
import { servedModels } from "./runs/served-models";
import { scoreAgreement } from "./scores/agreement";
import { disagreements } from "./scores/disagreements";
import { scoreFailures } from "./scores/failures";
import { judgedRuns } from "./scores/judged";
import { labelScore } from "./scores/label";
import { rescore } from "./scores/rescore";
import { scoreSummary } from "./scores/summary";
import { cancelSweep } from "./sweeps/cancel";
import { getSweep } from "./sweeps/get";
import { launchSweep } from "./sweeps/launch";
import { listSweeps } from "./sweeps/list";
import { removeSweep } from "./sweeps/remove";
import { retrySweep } from "./sweeps/retry";
import { sweepSeries } from "./sweeps/series";
import { cancelTask } from "./tasks/cancel";
import { createTask } from "./tasks/create";
import { getTask } from "./tasks/get";
import { exportUpstream } from "./upstream/export";
import { importUpstream } from "./upstream/import";
import { createToken } from "./workers/create-token";
import { listWorkers } from "./workers/list";
import { workerLogs } from "./workers/logs";
import { revokeToken } from "./workers/revoke-token";
import { listTokens } from "./workers/tokens";

export const appRouter = router({
  runs: router({
    list: listRuns,
    get: getRun,
    launch: launchRun,
    check: checkRun,
    cancel: cancelRun,
    resume: resumeRun,
    history: runHistory,
    logs: runLogs,
    checkpoints: runCheckpoints,
    ofCheckpoint: runOfCheckpoint,
    export: exportRun,
    servedModels,
  }),
  sweeps: router({
    list: listSweeps,
    get: getSweep,
    series: sweepSeries,
    launch: launchSweep,
    cancel: cancelSweep,
    retry: retrySweep,
    remove: removeSweep,
  }),
  metrics: router({ names: metricNames, series: metricSeries }),
  alarms: router({ list: listAlarms }),
  episodes: router({ list: listEpisodes, get: getEpisode, steps: episodeSteps, turnGains }),
  workers: router({
    list: listWorkers,
    createToken,
    tokens: listTokens,
    revokeToken,
    logs: workerLogs,
  }),
  scores: router({
    summary: scoreSummary,
    failures: scoreFailures,
    agreement: scoreAgreement,
    disagreements,
    judged: judgedRuns,
    label: labelScore,
    rescore,
  }),
  upstream: router({ import: importUpstream, export: exportUpstream }),
  tasks: router({ create: createTask, get: getTask, cancel: cancelTask }),
  catalogue: router({
    presets: listPresets,
    corpora: listCorpora,
    questionSets: listQuestionSets,
    questions: listQuestions,
    importQuestions,
    previewQuestions,
    importQuestionFile,
    questionSetVersions,
  }),
  leaderboard: router({
    get: getLeaderboard,
    published: publishedTables,
    launch: launchMethods,
    run: runStatistics,
  }),
  compare: router({
    get: compareRuns,
    questions: compareQuestions,
    checkpoints: compareCheckpoints,
  }),
  retrievalEvaluation: router({
    list: listEvaluations,
    compare: compareRetrievers,
    questions: rankedQuestions,
  }),
  corpora: router({ list: listWorkerCorpora, get: getCorpus, findUpload }),
  keys: router({ list: listKeys, put: putKey, remove: removeKey }),
  live: router({ events: liveEvents }),
});
/** The only thing the pages and the command line take from the server. */
export type AppRouter = typeof appRouter;
