import { setTimeout as sleep } from "node:timers/promises";
import { splitThoughts } from "@/core/episode/thoughts";
import type { SampleSequence, Sampled } from "@/contracts/engine/dialect";
import type { ModelUsage } from "@/contracts/records/episode";
import type { Message } from "@/contracts/run-config/prompt";
import type { EngineModel } from "@/gpu-workers/llm/engine/client";
import type { EndpointClient } from "@/gpu-workers/llm/endpoint/endpoint-client";
import { buildSamplingParameters } from "@/gpu-workers/llm/endpoint/sampling-parameters";
import { CHATML_TEMPLATE } from "@/gpu-workers/llm/model-files/chat-template";
import type { Tokenizer } from "@/gpu-workers/llm/model-files/tokenizer";
import type { TokenSampling } from "@/contracts/run-config/sampling";
import type { ModelApi } from "@/contracts/run-config/model";

/** One call of a method's own model. */
export interface ModelRequest extends TokenSampling {
  /** The conversation; an assistant's message at its end is continued. */
  messages: readonly Message[];
  stop: readonly string[];
  maxTokens: number;
  seed: number;
}

export interface ModelReply {
  /** What the model wrote without its thoughts, with the stop string that ended it. */
  text: string;
  /** The same with the thoughts that stand in it. */
  content: string;
  /** All that the model wrote: also with the thoughts that its server gave apart. */
  written: string;
  thoughts: string | null;
  /** length: cut by the token limit. */
  finish: "stop" | "length";
  usage: ModelUsage;
  seconds: number;
}

/** A model that methods ask. Throws AppError; never makes up a reply. */
export interface MethodModel {
  /** As it is listed beside answers. */
  readonly name: string;
  /** Whatever beside the request can change a reply: part of every cache key. */
  readonly identity: unknown;
  /** A server that samples by defaults of its own where a request leaves something out. */
  readonly hasOwnDefaults?: boolean;
  /** What the model's chat template adds to keys; undefined where it adds nothing. */
  describeChat?(messages: readonly Message[]): string | undefined;
  reply(request: ModelRequest, signal: AbortSignal): Promise<ModelReply>;
}

/** A server, in any dialect; where it is not OpenAI's, keys hold it. */
export function createEndpointModel(
  client: EndpointClient,
  model: string,
  api: ModelApi,
): MethodModel {
  return {
    name: model,
    identity: { endpoint: client.base, model, api, ...client.identity },
    hasOwnDefaults: true,
    async reply(request, signal) {
      const { messages, stop, maxTokens, temperature, seed } = request;
      const sampling = {
        model,
        max_tokens: maxTokens,
        ...buildSamplingParameters(request),
        ...(temperature > 0 ? { seed } : {}),
        ...(stop.length > 0 ? { stop: [...stop] } : {}),
      };
      const continued = messages[messages.length - 1]?.role === "assistant";
      const completion = await client.complete(
        api === "chat"
          ? {
              ...sampling,
              messages,
              ...(continued && { continue_final_message: true, add_generation_prompt: false }),
            }
          : {
              ...sampling,
              prompt:
                api === "chatml" ? CHATML_TEMPLATE.render(messages) : renderPlainPrompt(messages),
            },
        signal,
      );
      if (completion.finish !== "stop") return completion;
      const restore = (part: string): string => restoreStopString(part, stop, completion.stoppedAt);
      const content = restore(completion.content);
      const written = restore(completion.written);
      return { ...completion, text: splitThoughts(content).text, content, written };
    },
  };
}

/** Longest wait for company before a batch goes to the engine. */
const GATHER_MS = 5;
const ENGINE_BATCH = 32;

interface PendingRequest {
  sequence: SampleSequence;
  signal: AbortSignal;
  resolve: (reply: { sampled: Sampled; seconds: number }) => void;
  reject: (error: unknown) => void;
}

/** The worker's own engine. Requests that come together are sampled as one batch, which shares their common beginning. */
export function createEngineModel(
  model: Pick<EngineModel, "sample">,
  adapter: boolean,
  tokenizer: Tokenizer,
  name: string,
  identity: string,
): MethodModel {
  let waiting: PendingRequest[] = [];
  let busy = false;

  async function work(): Promise<void> {
    if (busy) return;
    busy = true;
    await sleep(GATHER_MS);
    while (waiting.length > 0) {
      const batch = waiting.slice(0, ENGINE_BATCH);
      waiting = waiting.slice(ENGINE_BATCH);
      await sampleBatch(batch);
    }
    busy = false;
  }

  async function sampleBatch(batch: readonly PendingRequest[]): Promise<void> {
    const start = performance.now();
    try {
      // The requests of one run share its signal; the first one's ends the batch.
      const { sequences } = await model.sample(
        { adapter, sequences: batch.map(({ sequence }) => sequence) },
        { signal: batch[0]!.signal },
      );
      const seconds = (performance.now() - start) / 1000 / batch.length;
      batch.forEach(({ resolve }, i) => resolve({ sampled: sequences[i]![0]!, seconds }));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  return {
    name,
    identity,
    describeChat: (messages) => tokenizer.chat.describe(messages),
    async reply({ messages, stop, maxTokens, ...sampling }, signal) {
      const prompt = tokenizer.chat.render(messages);
      const ids = tokenizer.encode(prompt);
      const { sampled, seconds } = await new Promise<{ sampled: Sampled; seconds: number }>(
        (resolve, reject) => {
          waiting.push({
            sequence: { ids, maxTokens, stop: [...stop], ...sampling },
            signal,
            resolve,
            reject,
          });
          void work();
        },
      );
      return buildEngineReply({ text: prompt, tokens: ids.length }, sampled, seconds);
    },
  };
}

/** What the worker's own engine sampled, as a method reads it. @param prompt what was read before it */
export function buildEngineReply(
  prompt: { text: string; tokens: number },
  sampled: Sampled,
  seconds: number,
): ModelReply {
  const { text, thoughts } = splitThoughts(sampled.text, prompt.text);
  return {
    text,
    content: sampled.text,
    written: sampled.text,
    thoughts,
    finish: sampled.finishReason === "length" ? "length" : "stop",
    usage: {
      calls: 1,
      promptTokens: prompt.tokens,
      completionTokens: sampled.ids.length,
      costUsd: 0,
    },
    seconds,
  };
}

/** For models without a chat template. */
function renderPlainPrompt(messages: readonly Message[]): string {
  const last = messages[messages.length - 1];
  const continued = last?.role === "assistant" ? last.content : "";
  const told = last?.role === "assistant" ? messages.slice(0, -1) : messages;
  return `${told.map(({ content }) => content).join("\n\n")}\n${continued}`;
}

/**
 * Servers leave the stop string out and rarely say which it was: the one that closes what the text left open is put
 * back, so that a method reads the same text from every server.
 */
function restoreStopString(
  text: string,
  stop: readonly string[],
  stoppedAt: string | null,
): string {
  if (stoppedAt !== null && stop.includes(stoppedAt))
    return text.endsWith(stoppedAt) ? text : text + stoppedAt;
  let closing = "";
  let latest = -1;
  for (const end of stop) {
    // "</query>" closes "<query>", "True</search_complete>" closes "<search_complete>".
    const begin = end.includes("</")
      ? end.slice(end.indexOf("</")).replace("</", "<")
      : end.replace("|end_", "|begin_");
    const opened = begin === end ? -1 : text.lastIndexOf(begin);
    if (opened > latest && text.indexOf(end, opened) < 0) [closing, latest] = [end, opened];
  }
  return text + closing;
}
