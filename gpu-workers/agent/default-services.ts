import { ATLAS_DIR, DATA_DIR, modelDir } from "@/lib/paths.mjs";
import { EngineProcess, type EngineOptions } from "@/gpu-workers/llm/engine/process";
import { openRetriever } from "@/gpu-workers/retrieval/backends/open-retriever";
import { describeProgress, type Retriever } from "@/gpu-workers/retrieval/retriever";
import { VllmClient } from "@/gpu-workers/llm/vllm-server/client";
import { requireVllm } from "@/gpu-workers/llm/vllm-server/installation";
import { VllmProcess } from "@/gpu-workers/llm/vllm-server/process";
import {
  buildSamplerLaunch,
  buildServeLaunch,
  type VllmLaunch,
} from "@/gpu-workers/llm/vllm-server/launch-options";
import { getCorpusPath } from "@/gpu-workers/corpora/installed-corpora";
import { readGroupResidentMb, Machine, readResidentMb } from "@/gpu-workers/runtime/machine";
import type { AgentLog } from "./log";
import type { ServiceStarters } from "./services";
import type { StartedService } from "./shared-service";

/** The real services: the Python engine and vLLM as processes of their own, retrievers in worker threads of this one. */
export function createDefaultStarters(
  log: AgentLog,
  engineOptions: Pick<
    EngineOptions,
    "device" | "dtype" | "devices" | "rayAddress" | "rayStrategy" | "threads"
  > = {},
): ServiceStarters {
  return {
    async startEngine(_signal, onDetail) {
      onDetail("starting the engine process");
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
        memoryMb: () => (pid === undefined ? Promise.resolve(null) : readResidentMb(pid)),
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

    async startSampler({ model, rank, memoryShare }, signal, onDetail) {
      onDetail(`starting vLLM with ${model}`);
      const { process, ...started } = await startVllmProcess(
        buildSamplerLaunch({ model: modelDir(model), rank, memoryShare }),
        log,
        signal,
        onDetail,
      );
      return { value: new VllmClient(process), ...started };
    },

    async startVllm(model, config, signal, onDetail) {
      onDetail("looking for vLLM and GPUs");
      const version = await requireVllm(config, (await new Machine().readGpus()).length);
      onDetail(`starting vLLM ${version}`);
      const { process, ...started } = await startVllmProcess(
        buildServeLaunch(model, config),
        log,
        signal,
        onDetail,
      );
      const { url, secret } = process;
      return { value: { url, secret, model, memoryMb: started.memoryMb }, ...started };
    },
  };
}

async function startVllmProcess(
  purpose: VllmLaunch,
  log: AgentLog,
  signal: AbortSignal,
  onDetail: (detail: string) => void,
): Promise<
  Omit<StartedService<unknown>, "value" | "memoryMb"> & {
    process: VllmProcess;
    memoryMb: () => Promise<number | null>;
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
  const memoryMb = (): Promise<number | null> =>
    process.group === null ? Promise.resolve(null) : readGroupResidentMb(process.group);
  return { process, address: process.url, memoryMb, stop: () => process.stop(), ended };
}

/** A retriever lives in this process, so it ends only when it is asked to. */
function wrapRetriever(value: Retriever, address: string | null): StartedService<Retriever> {
  return { value, address, stop: () => value.close(), ended: new Promise(() => undefined) };
}
