import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pino } from "pino";
import { AppError, parseOrThrow, toWireError } from "@/contracts/errors";
import { ATLAS_DIR, DATA_DIR, SETUP_DIR } from "@/lib/paths.mjs";
import { openLogOutput } from "@/lib/log-output";
import { exitWithParent, sendHeartbeats, LOCAL_WORKER_TOKEN_FILE } from "@/lib/parent-watchdog";
import { retry, waitFor } from "@/lib/retry";
import { PROTOCOL_VERSION } from "@/contracts/worker-protocol/worker-protocol";
import type { EngineOptions } from "@/gpu-workers/llm/engine/process";
import { listVisibleDevices } from "@/gpu-workers/llm/vllm-server/device-plan";
import { executors } from "@/gpu-workers/jobs/executors";
import { runDryRun } from "@/gpu-workers/jobs/train/dry-run";
import { playQuestion } from "@/gpu-workers/jobs/predict/play-question";
import { computeTurnGains } from "@/gpu-workers/jobs/predict/turn-gains";
import { Agent } from "./agent";
import { createCorpusRemover } from "@/gpu-workers/jobs/index/remove-corpus";
import { CorpusReporter } from "@/gpu-workers/corpora/corpus-report";
import { createCorpusPreviewer } from "@/gpu-workers/jobs/index/preview-corpus";
import { createIndexPlanner } from "@/gpu-workers/jobs/index/plan-indexes";
import { getCorpusPath, listInstalledCorpora } from "@/gpu-workers/corpora/installed-corpora";
import { createDefaultStarters } from "./default-services";
import { Machine } from "@/gpu-workers/runtime/machine";
import { findCapabilities, findModels } from "./capabilities";
import { chooseEngineDevices } from "./engine-devices";
import { loadWorkerId, lockIdentity, workerNameSchema } from "./identity";
import { AgentLog } from "./log";
import { chooseTinkerService } from "./tinker-service";
import {
  checkTrackingAddress,
  openCommandTracking,
  openTrackingRelay,
  type TrackingRelay,
} from "./tracking-relay";
import { readSoftware } from "./software";
import { createDocumentReader, runQuery } from "./tasks";

export interface WorkerOptions {
  server: string;
  token?: string;
  name: string;
  engineSlots: number;
  lightSlots: number;
  engineDevice?: EngineOptions["device"];
  engineDtype?: EngineOptions["dtype"];
  engineDevices?: number;
  rayAddress?: string;
  rayStrategy?: EngineOptions["rayStrategy"];
  /** A Tinker service that trains in place of the engine. */
  tinkerUrl?: string;
  /** `FOLDER=NAME`: the service's names of base models. */
  tinkerBase?: readonly string[];
  /** Whether commands may be run: whoever may launch runs may then do what this process' user may. */
  allowCommands: boolean;
  /** Address of this machine at which jobs of Ray on other ones report, with a token of their run. */
  trackingAddress?: string;
  /** Port on which MLflow's API is forwarded to the dashboard. */
  mlflowPort?: number;
}

const FOLDERS = { atlasDir: ATLAS_DIR, dataDir: DATA_DIR };

/** Exit codes: 0 stopped in order, 1 a defect, 2 the way it was started cannot work. */
const STOPPED = 0;
const DEFECT = 1;
const UNUSABLE = 2;
const UNUSABLE_CODES: ReadonlySet<string> = new Set([
  "unauthorized",
  "unsupported",
  "invalid-input",
  "conflict",
  "not-found",
]);

/** Runs one worker until it is stopped by a signal or cannot go on. Gives the exit code. */
export async function runWorker(options: WorkerOptions): Promise<number> {
  const logger = pino(
    {
      level: process.env.S3_LOG_LEVEL ?? "info",
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    openLogOutput(),
  );
  const log = new AgentLog(options.name, logger);
  let unlock: () => void = () => undefined;
  let relay: TrackingRelay | null = null;
  try {
    const name = parseOrThrow(workerNameSchema, options.name, "--name");
    unlock = lockIdentity(DATA_DIR, name);
    sendHeartbeats();
    const token = options.token || (await readLocalToken());
    if (options.trackingAddress !== undefined) await checkTrackingAddress(options.trackingAddress);
    const agent = await createAgent({ ...options, token }, name, log);
    if (options.mlflowPort !== undefined) {
      relay = await openTrackingRelay({ ...options, token, port: options.mlflowPort });
      log.writeLocally(
        "info",
        `MLFLOW_TRACKING_URI=${relay.address} reports runs to the dashboard`,
      );
    }
    const stop = (): void => void agent.stop();
    process.once("SIGTERM", stop);
    process.once("SIGINT", stop);
    exitWithParent(stop);
    await agent.start();
    const fatal = await agent.finished;
    if (fatal === null) return STOPPED;
    log.writeLocally("error", fatal.message);
    return UNUSABLE;
  } catch (error) {
    log.writeLocally(
      "error",
      error instanceof AppError
        ? error.message
        : ((error as Error).stack ?? toWireError(error).message),
    );
    return error instanceof AppError && UNUSABLE_CODES.has(error.code) ? UNUSABLE : DEFECT;
  } finally {
    await relay?.close();
    unlock();
  }
}

async function createAgent(
  options: WorkerOptions & { token: string },
  name: string,
  log: AgentLog,
): Promise<Agent> {
  const { token } = options;
  const [workerId, gpus, corpora] = await Promise.all([
    loadWorkerId(DATA_DIR, name, token),
    new Machine().readGpus(),
    listInstalledCorpora(FOLDERS),
  ]);
  const tinker = chooseTinkerService(options);
  const engine = chooseEngineDevices(
    options,
    listVisibleDevices(gpus.length).length,
    (await readSoftware()).ray !== undefined,
  );
  if (engine.warning !== null) log.writeLocally("warn", engine.warning);
  const reporter = new CorpusReporter(FOLDERS);
  const findCorpus = (corpus: string): string => getCorpusPath(corpus, FOLDERS);
  return new Agent({
    server: options.server,
    token,
    workerId,
    name,
    capabilities: {
      ...(await findCapabilities(SETUP_DIR, corpora, gpus.length, {
        device: options.engineDevice,
        dtype: options.engineDtype,
        ranks: engine.ranks,
      })),
      commands: options.allowCommands,
      ...(tinker && { tinker: tinker.url }),
    },
    openTracking: options.allowCommands
      ? (command, isJob) =>
          openCommandTracking(
            { server: options.server, token, command },
            isJob ? (options.trackingAddress ?? null) : null,
          )
      : null,
    readModels: () => findModels(SETUP_DIR),
    slots: { engine: options.engineSlots, light: options.lightSlots },
    workRoot: join(DATA_DIR, "work", workerId),
    executors,
    taskHandlers: {
      query: runQuery,
      documents: createDocumentReader(findCorpus),
      "dry-run": runDryRun,
      "index-plan": createIndexPlanner(findCorpus, DATA_DIR),
      "corpus-preview": createCorpusPreviewer(DATA_DIR),
      "remove-corpus": createCorpusRemover(reporter, FOLDERS),
      "turn-gains": computeTurnGains,
      play: playQuestion,
    },
    starters: createDefaultStarters(
      log,
      {
        device: options.engineDevice,
        dtype: options.engineDtype,
        devices: engine.devices,
        rayAddress: options.rayAddress,
        rayStrategy: options.rayStrategy,
        tinker,
      },
      engine.gpus,
    ),
    log,
    corpora: reporter,
    protocolVersion: PROTOCOL_VERSION,
  });
}

/** The server leaves the local worker's token in the data folder when it starts, perhaps a moment after this process. */
function readLocalToken(): Promise<string> {
  const path = join(DATA_DIR, LOCAL_WORKER_TOKEN_FILE);
  const read = async (): Promise<string> => {
    const token = (await readFile(path, "utf8").catch(() => "")).trim();
    if (token === "")
      throw new AppError(
        "unauthorized",
        `There is no token: create one on the Workers page and start with it in S3_WORKER_TOKEN (looked for ${LOCAL_WORKER_TOKEN_FILE} in the data folder for 30 s).`,
      );
    return token;
  };
  return retry(read, { attempts: 60, backoff: waitFor(500) });
}
