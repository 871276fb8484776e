import type { RolloutLine } from "@/contracts/formats/upstream/files";
import type { VerlMapping } from "@/contracts/formats/traces/mapping";
import { parseSequence } from "@/core/upstream/episodes";
import { readFirst, readPlace, readTexts, toCount, toText } from "./read-place";
import { readReward } from "./read-reward";
import {
  findSearchTags,
  listUnknownTags,
  maskQuoted,
  playTaggedText,
  readTaggedAnswer,
} from "./read-tagged-text";
import { cutExample, type PlayedSteps, type Rollout, type Unread } from "./rollout";

/** Marks by which chat templates begin a turn: the boundary of prompt and answer is known without them. */
const TURN_MARKS = /<\|im_start\|>|<\|start_header_id\|>|<start_of_turn>/g;
/** Tags that the model itself writes by upstream's prompt, and by no other. */
const UPSTREAM_TAGS = ["query", "important_info", "search_complete"];

/**
 * A line of a file that holds prompt and answer as texts, as verl writes its rollouts. Searches, windows and selections
 * are those that the text shows by upstream's tags or by those of the mapping; where it shows none, prompt and answer are
 * one step, and nothing is said of searches. Tags that are not known are listed.
 *
 * @returns the rollout, or why there is none in the line
 */
export function readVerlRollout(line: unknown, mapping: VerlMapping): Rollout | string {
  const input = readFirst([line], mapping.input, toText);
  const output = readFirst([line], mapping.output, toWritten);
  if (input === null) return `no prompt is at ${mapping.input.join(", ")}`;
  if (output === null) return `no answer is at ${mapping.output.join(", ")}`;
  const reward = readReward([line], mapping.reward);
  const step = readFirst([line], mapping.step, toCount);
  const written = mapping.step
    .map((place) => readPlace(line, place))
    .find((one) => one !== undefined);
  if (step === null && written !== undefined && written !== null)
    return `its step ${cutExample(written)} is no step: a whole number from 0 to 2147483647`;
  const phase = readFirst([line], mapping.phase, toText);
  const text = { input: maskQuoted(input, mapping), output };
  // A project may have its own meaning for one of these tags.
  const isUpstream = UPSTREAM_TAGS.some(
    (tag) => output.includes(`</${tag}>`) && !mapping.searches.some(({ call }) => call === tag),
  );
  const tags = isUpstream ? null : findSearchTags({ input, output }, mapping);
  return {
    phase: phase !== null && mapping.heldOut.includes(phase) ? "held-out" : "train",
    step,
    reward,
    answer: tags && readTaggedAnswer(output, tags, mapping),
    model: null,
    method: tags ? mapping.method : "s3",
    questions: readTexts([line], mapping.question),
    prompts: [input],
    unread:
      reward === null
        ? [{ reason: `no reward is at ${mapping.reward.join(", ")}`, example: cutExample(line) }]
        : [],
    play: (question) =>
      tags
        ? playTaggedText({ input, output }, question, tags, mapping)
        : playUpstreamText(text, question, mapping, input),
  };
}

/** An answer may be an empty text. */
const toWritten = (value: unknown): string | null =>
  typeof value === "string" ? value : toText(value);

/** @param prompt the input as it was written */
function playUpstreamText(
  { input, output }: Pick<RolloutLine, "input" | "output">,
  question: string,
  mapping: VerlMapping,
  prompt: string,
): PlayedSteps {
  const text = `${input.replace(TURN_MARKS, "")}<|im_start|>assistant\n${output}`;
  const sequence = { golden_answers: [], context_with_info: "", response_str: text };
  const { steps, documents } = parseSequence(sequence, question);
  if (!steps.some(({ kind }) => kind === "retrieve"))
    return {
      steps: [{ kind: "generate", turn: 0, seconds: 0, prompt, text: output }],
      context: [],
      documents: [],
      unread: listUnknownTags(output, mapping).map(cutUnread),
    };
  const shown = new Map(documents.map((document) => [document.id, document]));
  const kept = steps.flatMap((one) => (one.kind === "select" ? one.selected : []));
  return {
    steps,
    context: [...new Set(kept)].map((id) => ({ id, hash: shown.get(id)!.hash, score: null })),
    documents,
    unread: steps.flatMap((one) => {
      if (one.kind === "generate") return listUnknownTags(one.text, mapping).map(cutUnread);
      return one.kind === "retrieve" && one.documents.length === 0
        ? [
            {
              reason: "a window holds no document that can be read",
              example: cutExample(one.query),
            },
          ]
        : [];
    }),
  };
}

const cutUnread = ({ reason, example }: Unread): Unread => ({
  reason,
  example: cutExample(example),
});
