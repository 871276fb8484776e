import { isCpuBuild } from "@/contracts/worker-protocol/vllm-devices";
import { ATLAS_DIR, DATA_DIR, getModelDir } from "@/lib/paths.mjs";
import { EngineProcess, type EngineOptions } from "@/gpu-workers/llm/engine/process";
import { openRetriever } from "@/gpu-workers/retrieval/backends/open-retriever";
import { describeProgress, type Retriever } from "@/gpu-workers/retrieval/retriever";
import { VllmClient } from "@/gpu-workers/llm/vllm-server/client";
import {
  listVisibleDevices,
  planCpuReplicas,
  planSamplerDevices,
} from "@/gpu-workers/llm/vllm-server/device-plan";
import { requireServingDevices, requireVllm } from "@/gpu-workers/llm/vllm-server/installation";
import { VllmProcess } from "@/gpu-workers/llm/vllm-server/process";
import {
  buildSamplerLaunch,
  buildServeLaunch,
  type VllmLaunch,
} from "@/gpu-workers/llm/vllm-server/launch-options";
import { getCorpusPath } from "@/gpu-workers/corpora/installed-corpora";
import { readGroupResidentMb, Machine, readResidentMb } from "@/gpu-workers/runtime/machine";
import { markMessage } from "@/core/texts/mark-message";
import type { AgentLog } from "./log";
import type { ServiceStarters } from "./services";
import type { StartedService } from "./shared-service";

/**
 * The real services: the Python engine and vLLM as processes of their own, retrievers in worker threads of this one.
 *
 * @param engineDevices GPUs from the first on that the engine trains on; null: those that its Ray cluster gives it
 */
export function createDefaultStarters(
  log: AgentLog,
  engineOptions: Pick<
    EngineOptions,
    "device" | "dtype" | "devices" | "rayAddress" | "rayStrategy" | "threads" | "tinker"
  > = {},
  engineDevices: number | null = engineOptions.devices ?? 1,
): ServiceStarters {
  return {
    async startEngine(_signal, onDetail) {
      onDetail(markMessage`starting the engine process`);
      let died: (reason: string) => void = () => undefined;
      const ended = new Promise<string>((resolve) => (died = resolve));
      const process = await EngineProcess.start({
        ...engineOptions,
        onUnexpectedExit: (error) => died(error.message),
        onLog: (line) => log.write("info", line, "engine"),
      });
      const { pid } = process;
      const { cluster } = await process.client.getCapabilities().catch(async (error: unknown) => {
        await process.stop();
        throw error;
      });
      return {
        cluster,
        value: process.client,
        address: process.endpoint.url,
        readMemoryMb: () => (pid === undefined ? Promise.resolve(null) : readResidentMb(pid)),
        stop: () => process.stop(),
        ended,
      };
    },

    async startRetriever(corpus, config, signal, onDetail) {
      const retriever = await openRetriever(config, {
        corpusPath: () => getCorpusPath(corpus, { atlasDir: ATLAS_DIR, dataDir: DATA_DIR }),
        dataDir: DATA_DIR,
        signal,
        onProgress: (progress) => onDetail(describeProgress(progress)),
      });
      return wrapRetriever(retriever, "url" in config ? config.url : null);
    },

    async startSampler(demand, signal, onDetail) {
      onDetail(markMessage`looking for vLLM and GPUs`);
      const version = await requireVllm("set searcher.sampler to engine");
      const visible = listVisibleDevices((await new Machine().readGpus()).length);
      const plan = isCpuBuild(version)
        ? planCpuReplicas(demand.placement)
        : planSamplerDevices(demand.placement, { visible, engineDevices });
      onDetail(markMessage`starting vLLM ${version} with ${demand.model}`);
      const { model, weights, dtype, memoryShare, placement } = demand;
      const launches = plan.map((devices) =>
        buildSamplerLaunch({
          model: getModelDir(model),
          weights,
          dtype,
          memoryShare,
          tensorParallelSize: placement.tensorParallelSize,
          devices,
          isCpuBuild: isCpuBuild(version),
        }),
      );
      return startReplicas(launches, log, signal, onDetail);
    },

    async startVllm(model, config, signal, onDetail) {
      onDetail(markMessage`looking for vLLM and GPUs`);
      const version = await requireVllm("choose the server `engine`");
      requireServingDevices(config, version, (await new Machine().readGpus()).length);
      onDetail(markMessage`starting vLLM ${version}`);
      const { process, ...started } = await startVllmProcess(
        buildServeLaunch(model, config, isCpuBuild(version)),
        log,
        signal,
        onDetail,
      );
      const { url, secret } = process;
      return { value: { url, secret, model, readMemoryMb: started.readMemoryMb }, ...started };
    },
  };
}

async function startVllmProcess(
  purpose: VllmLaunch,
  log: AgentLog,
  signal: AbortSignal,
  onDetail: (detail: string) => void,
): Promise<
  Omit<StartedService<unknown>, "value" | "readMemoryMb"> & {
    process: VllmProcess;
    readMemoryMb: () => Promise<number | null>;
  }
> {
  let died: (reason: string) => void = () => undefined;
  const ended = new Promise<string>((resolve) => (died = resolve));
  const process = await VllmProcess.start(purpose, {
    signal,
    onUnexpectedExit: ({ message }) => died(message),
    onLog: (line) => {
      log.write("info", line, "vllm");
      onDetail(line.slice(0, 200));
    },
  });
  const readMemoryMb = (): Promise<number | null> =>
    process.group === null ? Promise.resolve(null) : readGroupResidentMb(process.group);
  return { process, address: process.url, readMemoryMb, stop: () => process.stop(), ended };
}

/**
 * Starts servers side by side. They are one service: where one does not start, or ends, the others are stopped, so that
 * none goes on with weights of its own.
 */
async function startReplicas(
  launches: readonly VllmLaunch[],
  log: AgentLog,
  signal: AbortSignal,
  onDetail: (detail: string) => void,
): Promise<StartedService<readonly VllmClient[]>> {
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const outcomes = await Promise.allSettled(
    launches.map((launch) =>
      startVllmProcess(launch, log, either, onDetail).catch((error: unknown) => {
        failed.abort(error);
        throw error;
      }),
    ),
  );
  const started = outcomes.flatMap((outcome) =>
    outcome.status === "fulfilled" ? [outcome.value] : [],
  );
  const stop = async (): Promise<void> =>
    void (await Promise.all(started.map((replica) => replica.stop())));
  if (started.length < launches.length) {
    await stop();
    signal.throwIfAborted();
    throw failed.signal.reason;
  }
  return {
    value: started.map(({ process }) => new VllmClient(process)),
    address: started[0]!.address,
    readMemoryMb: async () => {
      const sizes = await Promise.all(started.map((replica) => replica.readMemoryMb()));
      return sizes.reduce<number | null>(
        (sum, size) => (sum === null || size === null ? null : sum + size),
        0,
      );
    },
    stop,
    ended: Promise.race(started.map(({ ended }) => ended)),
  };
}

/** A retriever lives in this process, so it ends only when it is asked to. */
function wrapRetriever(value: Retriever, address: string | null): StartedService<Retriever> {
  return { value, address, stop: () => value.close(), ended: new Promise(() => undefined) };
}
