import type { VerifiersMapping } from "@/contracts/formats/traces/mapping";
import { parseContainer, readFirst, readPlace, readTexts, toCount, toText } from "./read-place";
import { readReward } from "./read-reward";
import { cutExample, type PlayedSteps, type Rollout, type Unread } from "./rollout";
import { isNamed, readDocuments, readNames, StepRecorder } from "./step-recorder";

/**
 * Saved results of verifiers, which prime-rl trains with: of versions before 0.2 a line a rollout with `prompt` and
 * `completion`, since then a line an episode with `traces`, each a graph of messages (`nodes`).
 * https://github.com/PrimeIntellect-ai/verifiers
 */

interface ToolCall {
  id: string | null;
  name: string;
  /** As the model wrote them. */
  arguments: unknown;
}

interface Message {
  role: string;
  text: string;
  calls: ToolCall[];
  /** Of a tool's result: the call that it answers. */
  answers: string | null;
  name: string | null;
}

/** The rollouts of a line. @returns one each, or why it cannot be read */
export function readVerifiersRollouts(
  line: unknown,
  mapping: VerifiersMapping,
): (Rollout | string)[] {
  const listed = readFirst([line], mapping.rollouts, (value) =>
    Array.isArray(value) ? (value as unknown[]) : null,
  );
  if (listed?.length === 0) return ["the line holds no rollout: its list of traces is empty"];
  return (listed ?? [line]).map((one) => readRollout([one, line], mapping));
}

/** @param values where places are sought: the rollout, then its line */
function readRollout(values: readonly unknown[], mapping: VerifiersMapping): Rollout | string {
  const unread: Unread[] = [];
  const entries = readFirst(values, mapping.messages, (value) =>
    Array.isArray(value) ? (value as unknown[]) : null,
  );
  if (entries === null) return `no list of messages is at ${mapping.messages.join(", ")}`;
  const messages = listMessages(entries, unread);
  const reward = readReward(values, mapping.reward);
  if (reward === null)
    unread.push({
      reason: `no reward is at ${mapping.reward.join(", ")}`,
      example: cutExample(values[0]),
    });
  const phase = readFirst(values, mapping.phase, toText);
  const prompt = readFirst(values, mapping.prompt, toPrompt);
  return {
    phase: phase !== null && mapping.heldOut.includes(phase) ? "held-out" : "train",
    step: readFirst(values, mapping.step, toCount),
    reward,
    answer: readFirst(values, mapping.answer, toText) ?? readLastText(messages),
    model: readFirst(values, mapping.model, toText),
    method: mapping.method,
    questions: readTexts(values, mapping.question),
    prompts: [
      ...(prompt === null ? [] : [prompt]),
      ...messages.flatMap(({ role, text }) => (role === "user" ? text : [])),
    ],
    unread,
    play: (question) => play(messages, prompt, question, mapping),
  };
}

/** A prompt as one text: it is one already, or chat messages. */
const toPrompt = (value: unknown): string | null =>
  typeof value === "string"
    ? toText(value)
    : Array.isArray(value)
      ? toText(value.map((one: unknown) => toText(readPlace(one, "content")) ?? ""))
      : null;

const readLastText = (messages: readonly Message[]): string | null =>
  messages.findLast(({ role, text }) => role === "assistant" && text !== "")?.text ?? null;

/** Messages in their order; of a graph of messages the path to its last leaf, as others are branches that were left. */
function listMessages(entries: readonly unknown[], unread: Unread[]): Message[] {
  const isGraph = entries.some((entry) => readPlace(entry, "message") !== undefined);
  const path = isGraph ? followPath(entries, unread) : entries;
  return path.flatMap((entry) => {
    const message = readMessage(isGraph ? readPlace(entry, "message") : entry);
    if (message) return message;
    unread.push({ reason: "a message has no role", example: cutExample(entry) });
    return [];
  });
}

function followPath(nodes: readonly unknown[], unread: Unread[]): unknown[] {
  const parents = nodes.map((node) => toCount(readPlace(node, "parent")));
  const inner = new Set(parents.filter((parent) => parent !== null));
  const leaves = nodes.flatMap((_, i) => (inner.has(i) ? [] : i));
  for (const leaf of leaves.slice(0, -1))
    unread.push({
      reason: "a branch of messages besides the last",
      example: cutExample(nodes[leaf]),
    });
  const path: unknown[] = [];
  // A parent comes before its child, so a circle ends it.
  for (
    let at: number | null = leaves.at(-1) ?? null, before = nodes.length;
    at !== null && at < before;
  ) {
    path.unshift(nodes[at]);
    before = at;
    at = parents[at] ?? null;
  }
  return path;
}

function readMessage(value: unknown): Message | null {
  const role = toText(readPlace(value, "role"));
  if (role === null) return null;
  const calls = readPlace(value, "tool_calls");
  return {
    role,
    text: [readPlace(value, "reasoning_content"), readPlace(value, "content")]
      .flatMap((part, i) => {
        const text = toText(part);
        return text === null ? [] : i === 0 ? `<think>${text}</think>` : text;
      })
      .join("\n"),
    calls: Array.isArray(calls) ? calls.flatMap((call: unknown) => readCall(call) ?? []) : [],
    answers: toText(readPlace(value, "tool_call_id")),
    name: toText(readPlace(value, "name")),
  };
}

/** A call in the form of OpenAI's API, or flat; saved results hold each as a JSON text. */
function readCall(value: unknown): ToolCall | null {
  const name = readFirst([value], ["function.name", "name"], toText);
  if (name === null) return null;
  return {
    id: toText(readPlace(value, "id")),
    name,
    arguments: readPlace(value, "function.arguments") ?? readPlace(value, "arguments"),
  };
}

function play(
  messages: readonly Message[],
  prompt: string | null,
  question: string,
  mapping: VerifiersMapping,
): PlayedSteps {
  const recorder = new StepRecorder(question);
  const before = messages.findIndex(({ role }) => role === "assistant");
  const first = [
    ...(prompt === null ? [] : [prompt]),
    ...messages.slice(0, Math.max(0, before)).map(({ text }) => text),
  ].join("\n\n");
  let open: readonly ToolCall[] = [];
  for (const [i, message] of messages.entries()) {
    if (message.role === "assistant") {
      reportUnanswered(open, recorder, mapping);
      const text = [message.text, ...message.calls.map(writeCall)].filter((part) => part !== "");
      recorder.recordText(text.join("\n"), i === before && first !== "" ? { prompt: first } : {});
      open = message.calls;
      for (const { name, arguments: given } of open)
        if (isNamed(name, mapping.select.tools))
          recorder.recordSelection(readNames([given], mapping.select.ids));
    } else if (message.role === "tool") {
      const call = open.find(({ id }) => id !== null && id === message.answers) ?? open[0];
      open = open.filter((one) => one !== call);
      recordResult(message, call, recorder, mapping);
    }
  }
  reportUnanswered(open, recorder, mapping);
  // Calls stand apart in these messages: a last one without any is the model's decision to search no more.
  const last = messages.at(-1);
  if (last?.role === "assistant" && last.calls.length === 0) recorder.recordStop("model");
  return recorder.finish();
}

/** As chat templates of the Hermes form write a call. */
const writeCall = ({ name, arguments: given }: ToolCall): string =>
  `<tool_call>\n{"name": ${JSON.stringify(name)}, "arguments": ${typeof given === "string" ? given : JSON.stringify(given ?? {})}}\n</tool_call>`;

/** A selection needs no answer; a search without one found nothing that is known. */
function reportUnanswered(
  calls: readonly ToolCall[],
  recorder: StepRecorder,
  { select }: VerifiersMapping,
): void {
  for (const call of calls)
    if (!isNamed(call.name, select.tools))
      recorder.recordUnread("a tool call has no result", writeCall(call));
}

function recordResult(
  message: Message,
  call: ToolCall | undefined,
  recorder: StepRecorder,
  { search, select }: VerifiersMapping,
): void {
  const tool = call?.name ?? message.name;
  // What a tool of selecting answers says nothing new.
  if (tool !== null && isNamed(tool, select.tools)) return;
  if (tool === null || !isNamed(tool, search.tools))
    return recorder.recordUnread(
      `tool "${tool ?? "unnamed"}" is none of those that search`,
      message.text,
    );
  const query = call && readQuery(call.arguments, search.query);
  if (!query)
    return recorder.recordUnread("a search has no query", call ? writeCall(call) : message.text);
  const found = readDocuments([message.text], search.documents, search.document);
  if (found === null)
    recorder.recordUnread("a search's result is no list of documents", message.text);
  recorder.recordSearch(query, found);
}

/** The query at one of the places, or arguments that are a bare text. */
const readQuery = (given: unknown, places: readonly string[]): string | null =>
  readFirst([given], places, toText) ??
  (typeof given === "string" && parseContainer(given) === undefined ? toText(given) : null);
