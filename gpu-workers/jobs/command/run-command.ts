import { createReadStream } from "node:fs";
import { mkdir, stat } from "node:fs/promises";
import { isAbsolute, join, resolve } from "node:path";
import { AppError } from "@/contracts/errors";
import { parseEnvironment, type CommandConfig } from "@/contracts/run-config/command-config";
import type { RunContext } from "@/gpu-workers/jobs/context/run-context";
import type { CommandTracking } from "@/gpu-workers/runtime/attempt-context";
import { ConsoleWatch } from "./console-watch";
import { runProcess } from "./command-process";
import { hasOtherMachines, runRayJob } from "./ray-job";
import { RolloutFollower } from "./rollout-follower";
import type { CommandFailure } from "./started-command";

/** Times of the follower; tests bring shorter ones. */
export interface CommandTimes {
  pollMs: number;
}
const TIMES: CommandTimes = { pollMs: 2_000 };
const UNREACHABLE =
  "Ray has nodes on other machines, from which a job does not reach this worker's loopback, where it is to report: start the worker with --tracking-address and the address by which they reach it.";

/**
 * Another trainer as a job of this worker: its command runs in a process group of its own, or as a job of Ray, with
 * the address of MLflow's API in its environment. Its console is the run's log, its rollouts are followed while they are
 * written, and its exit code is the run's end.
 */
export async function runCommand(context: RunContext, times: CommandTimes = TIMES): Promise<void> {
  const { config, signal } = context;
  if (config.kind !== "command")
    throw new AppError("internal", `A ${config.kind} run is not a command.`);
  if (!context.allowsCommands)
    throw new AppError(
      "unsupported",
      "This worker runs no commands. Start it with --allow-commands where whoever may launch runs may also do on this machine what its user may.",
    );
  const folder = await openFolder(config, context.workDir);
  const { address } = config.ray;
  const isJob = address !== "";
  const tracking = await context.openTracking(isJob);
  const watch = await ConsoleWatch.open(context, join(context.workDir, "output.log"));
  const followers = createFollowers(config, context, folder, tracking.address);
  const following = followers.map((one) => one.follow(times.pollMs, signal));
  try {
    await context.markRunning();
    const started = {
      command: config.command,
      folder,
      isGivenFolder: config.folder !== "",
      environment: buildEnvironment(config, context, tracking),
      signal,
      onLine: (line: string) => watch.take(line),
    };
    const { runId, attempt } = context;
    if (isJob && tracking.outside === null && (await hasOtherMachines(address)))
      context.log("warn", UNREACHABLE);
    const failure = await (isJob
      ? runRayJob({ ...started, address, runId, attempt })
      : runProcess(started));
    await Promise.all([...followers.map((one) => one.finish()), watch.close()]);
    await Promise.all(following);
    await sayEnd(context, tracking.address, failure, watch.path);
    signal.throwIfAborted();
    if (failure !== null) throw new AppError("invalid-input", failure);
  } finally {
    for (const one of followers) one.stop();
    await watch.close();
    await tracking.close();
  }
}

/** @throws AppError "not-found" where the folder is none of this machine */
async function openFolder({ folder, ray }: CommandConfig, workDir: string): Promise<string> {
  if (folder === "") {
    const made = join(workDir, "command");
    await mkdir(made, { recursive: true });
    return made;
  }
  // A job's folder is Ray's to find.
  if (ray.address !== "") return folder;
  const isFolder = isAbsolute(folder) && (await stat(folder).catch(() => null))?.isDirectory();
  if (!isFolder)
    throw new AppError(
      "not-found",
      `Setting "folder": ${folder} is no folder of this worker. Give its whole path, or leave it empty.`,
    );
  return folder;
}

/** One of the rollouts' folder, and one of the evaluations'; none of a folder that is not named. */
function createFollowers(
  { rollouts }: CommandConfig,
  context: RunContext,
  folder: string,
  address: string,
): RolloutFollower[] {
  const { format, questions, corpus } = rollouts;
  const query = { run_id: context.runId, format, questions, corpus };
  const follow = (
    named: string | undefined,
    other: string | undefined,
    own: Record<string, string>,
  ): RolloutFollower[] =>
    named
      ? [
          new RolloutFollower({
            folder: resolve(folder, named),
            except: other ? resolve(folder, other) : null,
            address,
            query: { ...query, ...own },
            onProblem: (message) => context.log("warn", message),
          }),
        ]
      : [];
  return [
    ...follow(rollouts.folder, rollouts.validationFolder, {}),
    ...follow(rollouts.validationFolder, rollouts.folder, {
      phase: "held-out",
      questions: rollouts.validationQuestions || questions,
    }),
  ];
}

/** What tells the command where to report, by the names that MLflow, OpenTelemetry and our client read. */
function buildEnvironment(
  { environment, experiment, rollouts, addresses }: CommandConfig,
  { runId }: RunContext,
  tracking: CommandTracking,
): Record<string, string> {
  const run = runId.replaceAll("-", "");
  const { outside } = tracking;
  const { address } = outside ?? tracking;
  return {
    ...parseEnvironment(environment),
    MLFLOW_TRACKING_URI: address,
    MLFLOW_EXPERIMENT_NAME: experiment,
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${address}/v1/traces`,
    OTEL_RESOURCE_ATTRIBUTES: [
      `s3.run_id=${run}`,
      `s3.questions=${encodeURIComponent(rollouts.questions)}`,
      `s3.corpus=${encodeURIComponent(rollouts.corpus)}`,
    ].join(","),
    S3_TRACKING_URI: address,
    ...(outside && {
      MLFLOW_TRACKING_TOKEN: outside.token,
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: `authorization=Bearer%20${outside.token}`,
    }),
    S3_RUN_ID: run,
    ...(addresses.retriever !== "" && { S3_RETRIEVER_URL: addresses.retriever }),
    ...(addresses.generator !== "" && { S3_GENERATOR_URL: addresses.generator }),
  };
}

/** Stores what the command wrote with its run, and says that no more rollouts come. The run's own end does not wait for it. */
async function sayEnd(
  context: RunContext,
  address: string,
  failure: CommandFailure,
  output: string,
): Promise<void> {
  const id = context.runId.replaceAll("-", "");
  const send = async (path: string, init: RequestInit & { duplex?: "half" }): Promise<void> => {
    const response = await fetch(`${address}/api/2.0/${path}`, init);
    if (!response.ok) throw new Error((await response.text()).slice(0, 500));
  };
  try {
    await send(`mlflow-artifacts/artifacts/0/${id}/artifacts/output.log`, {
      method: "PUT",
      body: createReadStream(output) as unknown as BodyInit,
      duplex: "half",
    });
    await send("mlflow/runs/update", {
      method: "POST",
      body: JSON.stringify({
        run_id: id,
        status: failure === null ? "FINISHED" : "FAILED",
        end_time: Date.now(),
      }),
    });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    context.log("warn", `What the command wrote could not be stored with its run: ${why}`);
  }
}
