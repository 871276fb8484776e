import { ATLAS_DIR, DATA_DIR, modelDir } from "@/contracts/paths";
import { EngineProcess, type EngineOptions } from "../engine/process";
import { openAnyRetriever } from "../retrieval/open";
import type { Retriever, RetrieverProgress } from "../retrieval/retriever";
import { requireVllm, VllmProcess } from "../serving/vllm";
import { VllmProcess as SamplerProcess } from "../vllm-sampler/process";
import { corpusPath } from "./corpora";
import { groupResidentMb, Machine, residentMb } from "./hardware";
import type { AgentLog } from "./log";
import type { ServiceStarters } from "./services";
import type { Started } from "./shared-service";

/** The real services: the Python engine and vLLM as processes of their own, retrievers in worker threads of this one. */
export function defaultStarters(log: AgentLog, engineOptions: Pick<EngineOptions, "device" | "dtype" | "devices" | "threads"> = {}): ServiceStarters {
  return {
    async engine(_signal, onDetail) {
      onDetail("starting the engine process");
      let died: (reason: string) => void = () => undefined;
      const ended = new Promise<string>((resolve) => (died = resolve));
      const process = await EngineProcess.start({
        ...engineOptions,
        onDeath: (error) => died(error.message),
        onLog: (line) => log.say("info", line, "engine"),
      });
      const { pid } = process;
      return {
        value: process.client,
        address: process.endpoint.url,
        memoryMb: () => (pid === undefined ? Promise.resolve(null) : residentMb(pid)),
        stop: () => process.stop(),
        ended,
      };
    },

    async retriever(corpus, config, signal, onDetail) {
      const retriever = await openAnyRetriever(config, {
        corpusPath: () => corpusPath(corpus, { atlasDir: ATLAS_DIR, dataDir: DATA_DIR }),
        dataDir: DATA_DIR,
        signal,
        onProgress: (progress) => onDetail(describe(progress)),
      });
      return startedRetriever(retriever, "url" in config ? config.url : null);
    },

    async sampler({ model, rank, memoryShare }, signal, onDetail) {
      onDetail(`starting vLLM with ${model}`);
      let died: (reason: string) => void = () => undefined;
      const ended = new Promise<string>((resolve) => (died = resolve));
      const server = await SamplerProcess.start({
        model: modelDir(model),
        rank,
        memoryShare,
        signal,
        onDeath: (error) => died(error.message),
        onLog: (line) => {
          log.say("info", line, "vllm");
          onDetail(line.slice(0, 200));
        },
      });
      return { value: server.client, address: server.url, stop: () => server.stop(), ended };
    },

    async vllm(model, config, signal, onDetail) {
      onDetail("looking for vLLM and GPUs");
      const version = await requireVllm(config, (await new Machine().gpus()).length);
      onDetail(`starting vLLM ${version}`);
      let died: (reason: string) => void = () => undefined;
      const ended = new Promise<string>((resolve) => (died = resolve));
      const process = await VllmProcess.start(model, config, signal, { onDeath: (reason) => died(reason), onLog: (line) => log.say("info", line, "vllm"), onDetail });
      const { pid } = process;
      const memoryMb = () => (pid === undefined ? Promise.resolve(null) : groupResidentMb(pid));
      return { value: { ...process.backend, memoryMb }, address: process.backend.url, memoryMb, stop: () => process.stop(), ended };
    },
  };
}

/** A retriever lives in this process, so it ends only when it is asked to. */
function startedRetriever(value: Retriever, address: string | null): Started<Retriever> {
  return { value, address, stop: () => value.close(), ended: new Promise(() => undefined) };
}

function describe({ detail, done, total }: RetrieverProgress): string {
  return total > 1 ? `${detail}: ${done} of ${total}` : detail;
}
