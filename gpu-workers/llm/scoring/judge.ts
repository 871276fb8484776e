import { randomUUID } from "node:crypto";
import type { ModelUsage } from "@/contracts/records/episode";
import { AppError } from "@/contracts/errors";
import { judgePrompt } from "@/core/prompts/generating";
import type { Message } from "@/contracts/run-config/prompt";
import type { JudgeConfig } from "@/contracts/run-config/scoring";
import type { EngineClient } from "@/gpu-workers/llm/engine/client";
import type { CompletionBody } from "@/gpu-workers/llm/endpoint/completion-body";
import {
  EndpointClient,
  endsInThoughts,
  requireAnswer,
  type Completion,
  type EndpointOptions,
  type TimedReply,
} from "@/gpu-workers/llm/endpoint/endpoint-client";
import { escapeToOneLine } from "@/gpu-workers/llm/prompts/escape-text";
import { fillQuestion } from "@/gpu-workers/llm/prompts/fill-question";
import { createPromptTemplate } from "@/core/prompts/prompt-template";
import {
  buildEndpointOptions,
  describeReply,
  PROBE_OPTIONS,
  type EndpointKeySource,
} from "@/gpu-workers/llm/endpoint/connection";
import { findInstalledModel } from "@/gpu-workers/llm/model-files/installed-model";
import { loadTokenizer } from "@/gpu-workers/llm/model-files/tokenizer";
import { chunk } from "@/lib/chunk";
import { markMessage } from "@/core/texts/mark-message";
import type { Judge, JudgedAnswer, JudgeKind, ReportUnread } from "./judge-kind";
import {
  createUpstreamJudgePrompt,
  decideAsUpstream,
  parseUpstreamVerdict,
  UPSTREAM_VERDICT_TOKENS,
} from "./upstream-judge";

/** Of a longer answer the judge reads the beginning and the end. */
const MAX_ANSWER_CHARACTERS = 4_000;
const truncateMiddle = (text: string): string =>
  text.length <= MAX_ANSWER_CHARACTERS
    ? text
    : `${text.slice(0, MAX_ANSWER_CHARACTERS / 2)} … ${text.slice(-MAX_ANSWER_CHARACTERS / 2)}`;

/** The built-in prompt (core/prompts/generating.ts), or an edited one. Its version is part of the name of every judged score. */
export function createJudgePrompt(edited: string | null = null): {
  version: string;
  messages(item: JudgedAnswer): Message[];
} {
  const template = createPromptTemplate(judgePrompt, edited, "judge.promptTemplate");
  return {
    version: template.version,
    messages: ({ golds, answer, ...asked }) =>
      template.fill({
        ...fillQuestion(template, asked, escapeToOneLine),
        golds: golds.map(escapeToOneLine).join(" | "),
        answer: escapeToOneLine(truncateMiddle(answer)) || "(empty)",
      }),
  };
}

const createPrompt = (kind: JudgeKind, edited: string | null) =>
  kind === "own" ? createJudgePrompt(edited) : createUpstreamJudgePrompt(edited, kind);

/** Parses a reply that begins with yes or no; null for anything else. */
export function parseVerdict(reply: string): boolean | null {
  const word = /^[\s"'*(`]*(yes|no)(?![a-z])/i.exec(reply)?.[1];
  return word === undefined ? null : word.toLowerCase() === "yes";
}

/** Decides by the probability mass of yes and no among the first token's alternatives; null where neither is more likely. */
export function decideByLogprobs(
  alternatives: readonly { token: string; logprob: number }[],
): boolean | null {
  const sumProbability = (verdict: boolean): number =>
    alternatives
      .filter(({ token }) => parseVerdict(token) === verdict)
      .reduce((sum, { logprob }) => sum + Math.exp(logprob), 0);
  const [yes, no] = [sumProbability(true), sumProbability(false)];
  return yes === no ? null : yes > no;
}

/** What one kind of judge asks the engine's model, and how its text is read. */
interface EngineJudging {
  template: ReturnType<typeof createJudgePrompt>;
  sampling: { guide?: { lark: string }; maxTokens: number };
  decide: (text: string, index: number, onUnread: ReportUnread | undefined) => boolean;
}

/** Our own judge decodes greedily under a grammar that allows only yes and no; upstream's writes what it likes. */
const createEngineJudging = ({ promptTemplate }: JudgeConfig, kind: JudgeKind): EngineJudging =>
  kind === "own"
    ? {
        template: createJudgePrompt(promptTemplate),
        sampling: { guide: { lark: 'start: "yes" | "no"\n' }, maxTokens: 4 },
        decide: (text, index, onUnread) => countAsNo(parseVerdict(text), text, index, onUnread),
      }
    : {
        template: createUpstreamJudgePrompt(promptTemplate, kind),
        sampling: { maxTokens: UPSTREAM_VERDICT_TOKENS },
        decide: (text, index, onUnread) => decideAsUpstream([text], index, onUnread),
      };

/** A judge in the worker's engine, at temperature 0. */
async function createEngineJudge(
  engine: EngineClient,
  config: JudgeConfig,
  kind: JudgeKind,
  signal: AbortSignal,
  onUsage?: (usage: ModelUsage) => void,
): Promise<Judge> {
  const name = config.model;
  const directory = findInstalledModel(name);
  const [model, tokenizer] = await Promise.all([
    engine.createModel(
      `judge-${randomUUID()}`,
      { base: directory, lora: null, seed: 0 },
      { signal },
    ),
    loadTokenizer(directory),
  ]);
  const { template, sampling, decide } = createEngineJudging(config, kind);
  const chatTemplate = tokenizer.chat.describe(
    template.messages({ question: "", golds: [], answer: "" }),
  );
  const BATCH = 32;
  return {
    id: [template.version, name, chatTemplate].filter((part) => part !== undefined).join(" "),
    async judge(items, stop, onUnread) {
      const verdicts: boolean[] = [];
      for (const batch of chunk(items, BATCH)) {
        const sequences = batch.map((item) => ({
          ids: tokenizer.encode(tokenizer.chat.render(template.messages(item))),
          ...sampling,
          temperature: 0,
        }));
        const { sequences: sampled } = await model.sample(
          { adapter: false, sequences },
          { signal: stop },
        );
        sampled.forEach(([sample], i) =>
          onUsage?.({
            calls: 1,
            promptTokens: sequences[i]!.ids.length,
            completionTokens: sample?.ids.length ?? 0,
            costUsd: 0,
          }),
        );
        for (const [sample] of sampled)
          verdicts.push(decide(sample?.text ?? "", verdicts.length, onUnread));
      }
      return verdicts;
    },
  };
}

/** Tokens of a verdict; of a model that thinks first, with its thoughts. */
const VERDICT_TOKENS = { plain: 10, thinking: 4096 };

/**
 * A judge at an endpoint. The reply must begin with yes or no; otherwise the alternatives of its first
 * token decide, where the server gives them and that token is no thought (upstream reads ten tokens of text). A judge
 * that thinks is given room to. A text without a verdict is asked about once more, then it counts as no and is reported.
 * Nothing else is a verdict: a server that fails, a refusal, a filtered, broken or empty reply, and one that ends within
 * its thoughts are errors.
 */
export function createEndpointJudge(
  endpoint: string,
  model: string,
  options: Partial<EndpointOptions> = {},
  promptTemplate: string | null = null,
): Judge {
  const template = createJudgePrompt(promptTemplate);
  const client = new EndpointClient(endpoint, options);
  let thinks = false;
  const ask = async (
    messages: readonly Message[],
    signal: AbortSignal,
    withRoom = thinks,
  ): Promise<Completion> => {
    const tokens = withRoom ? VERDICT_TOKENS.thinking : VERDICT_TOKENS.plain;
    const reply = await client.complete(buildJudgeBody(model, messages, tokens), signal);
    if (reply.thoughts !== null) thinks = true;
    return !withRoom && endsInThoughts(reply) ? ask(messages, signal, true) : reply;
  };
  const judgeOne = async (
    item: JudgedAnswer,
    index: number,
    signal: AbortSignal,
    onUnread: ReportUnread | undefined,
  ): Promise<boolean> => {
    const messages = template.messages(item);
    const first = await ask(messages, signal);
    const verdict = readVerdict(first);
    if (verdict !== null) return verdict;
    const again = [
      ...messages,
      { role: "assistant" as const, content: first.text },
      { role: "user" as const, content: "Reply with the single word yes or the single word no." },
    ];
    let last = await ask(again, signal);
    // Thoughts that the chat template begins are only known as such once they end.
    if (readVerdict(last) === null && last.finish === "length")
      last = await ask(again, signal, true);
    requireAnswer(last, "of a verdict, which cannot be set: use a judge that thinks less");
    return countAsNo(readVerdict(last), last.content, index, onUnread);
  };
  return {
    id: `${template.version} ${model}`,
    judge: (items, signal, onUnread) =>
      Promise.all(items.map((item, index) => judgeOne(item, index, signal, onUnread))),
  };
}

const buildJudgeBody = (
  model: string,
  messages: readonly Message[],
  maxTokens: number,
): CompletionBody => ({
  model,
  temperature: 0,
  max_tokens: maxTokens,
  logprobs: true,
  top_logprobs: 5,
  messages,
});

const readVerdict = ({ text, thoughts, alternatives }: TimedReply): boolean | null =>
  parseVerdict(text) ?? (thoughts === null ? decideByLogprobs(alternatives) : null);

/**
 * A text without a verdict counts as no, and is reported.
 * @throws AppError "generator-unavailable" where there is no text
 */
function countAsNo(
  verdict: boolean | null,
  reply: string,
  index: number,
  onUnread: ReportUnread | undefined,
): boolean {
  if (verdict !== null) return verdict;
  if (reply.trim() === "")
    throw new AppError(
      "generator-unavailable",
      "The judge replied with an empty text, which is no verdict; the answer stays unscored.",
    );
  onUnread?.(index, reply);
  return false;
}

/**
 * Upstream's judge at an OpenAI-compatible server: one message, ten tokens, the same request once more after a reply
 * that says neither. Upstream asks its default model then; here it is the same one.
 */
export function createUpstreamEndpointJudge(
  endpoint: string,
  model: string,
  kind: Exclude<JudgeKind, "own">,
  options: Partial<EndpointOptions> = {},
  promptTemplate: string | null = null,
): Judge {
  const template = createUpstreamJudgePrompt(promptTemplate, kind);
  const client = new EndpointClient(endpoint, options);
  const judgeOne = async (
    item: JudgedAnswer,
    index: number,
    signal: AbortSignal,
    onUnread: ReportUnread | undefined,
  ): Promise<boolean> => {
    const body = {
      model,
      temperature: 0,
      max_tokens: UPSTREAM_VERDICT_TOKENS,
      messages: template.messages(item),
    };
    const first = await client.readWhatever(body, signal);
    if (parseUpstreamVerdict(first.content) !== null) return decideAsUpstream([first.content]);
    const second = await client.readWhatever(body, signal);
    return decideAsUpstream([first.content, second.content], index, onUnread);
  };
  return {
    id: `${template.version} ${model}`,
    judge: (items, signal, onUnread) =>
      Promise.all(items.map((item, index) => judgeOne(item, index, signal, onUnread))),
  };
}

/**
 * Opens the judge of a configuration, at its endpoint or in the engine.
 *
 * @param engine may be null where the configuration names an endpoint
 * @param overrides `kind` of the judge; the rest is of the endpoint's client: in the engine only `onUsage` has an effect
 */
export async function openJudge(
  config: JudgeConfig,
  engine: EngineClient | null,
  keys: Partial<EndpointKeySource>,
  signal: AbortSignal,
  { kind = "own", ...overrides }: Partial<EndpointOptions> & { kind?: JudgeKind } = {},
): Promise<Judge> {
  const { endpoint, model, promptTemplate } = config;
  if (endpoint !== null) {
    const options = { ...(await buildEndpointOptions(endpoint, config, keys)), ...overrides };
    return kind === "own"
      ? createEndpointJudge(endpoint, model, options, promptTemplate)
      : createUpstreamEndpointJudge(endpoint, model, kind, options, promptTemplate);
  }
  if (engine === null)
    throw new AppError("internal", "A judge without an endpoint needs the engine.");
  return createEngineJudge(engine, config, kind, signal, overrides.onUsage);
}

/**
 * Has the judge decide on a simple answer, with short limits, to see whether it replies. Any reply will do; one that
 * cannot be read is said.
 * @returns how long it took and what came, as text
 */
export async function probeJudge(
  config: JudgeConfig,
  engine: EngineClient | null,
  keys: Partial<EndpointKeySource>,
  signal: AbortSignal,
  kind: JudgeKind = "own",
): Promise<string> {
  const { endpoint, model, promptTemplate } = config;
  const question = "In which city does the Eiffel Tower stand?";
  const item: JudgedAnswer = { question, golds: ["Paris"], answer: "Paris" };
  if (endpoint === null) {
    const judge = await openJudge(config, engine, keys, signal, { kind });
    const start = performance.now();
    await judge.judge([item], signal);
    return markMessage`judges in ${((performance.now() - start) / 1000).toFixed(1)} s`;
  }
  const options = await buildEndpointOptions(endpoint, config, keys);
  const client = new EndpointClient(endpoint, { ...options, ...PROBE_OPTIONS });
  const messages = createPrompt(kind, promptTemplate).messages(item);
  const body = buildJudgeBody(model, messages, VERDICT_TOKENS.plain);
  const reply = await client.ask(body, signal);
  if (kind !== "own") return describeReply(reply, client.describeRefused(model));
  // A whole text that is no verdict: it is asked as in a run.
  const unread: string[] = [];
  if (reply.finish === "stop" && reply.text.trim() !== "" && readVerdict(reply) === null)
    await (
      await openJudge(config, null, keys, signal, PROBE_OPTIONS)
    ).judge([item], signal, (_, text) => unread.push(text));
  const described = describeReply(reply, client.describeRefused(model));
  return unread[0] === undefined
    ? described
    : `${described}; ${markMessage`its reply to a simple answer, ${JSON.stringify(unread[0].slice(0, 120))}, says neither yes nor no: such replies count as no`}`;
}
