import type { Message } from "@/contracts/run-config/prompt";
import { escapeToOneLine } from "@/gpu-workers/llm/prompts/escape-text";

/**
 * Reading what a model wrote: text -> structure, pure, by plain search, so that no text makes it slow. Documents are
 * never read from a model's text.
 */

/** Content of the first or last closed <tag>...</tag>; null where there is none. */
export function extractTag(text: string, tag: string, which: "first" | "last"): string | null {
  const [begin, end] = [`<${tag}>`, `</${tag}>`];
  if (which === "first") {
    const open = text.indexOf(begin);
    const close = open < 0 ? -1 : text.indexOf(end, open);
    return close < 0 ? null : text.slice(open + begin.length, close).trim();
  }
  const close = text.lastIndexOf(end);
  const open = close < 0 ? -1 : text.lastIndexOf(begin, close);
  return open < 0 ? null : text.slice(open + begin.length, close).trim();
}

/** A model's own text up to where it begins to imitate the environment, and whether it does. */
export function cutBeforeImitation(
  text: string,
  imitations: readonly string[],
): { own: string; invented: boolean } {
  const at = Math.min(
    ...imitations.map((mark) => text.indexOf(mark)).filter((index) => index >= 0),
    text.length,
  );
  return { own: text.slice(0, at), invented: at < text.length };
}

/** Content of the last \boxed{...} with balanced braces; null where there is none. */
export function extractBoxed(text: string): string | null {
  const begin = text.lastIndexOf("\\boxed{");
  if (begin < 0) return null;
  const start = begin + "\\boxed{".length;
  for (let at = start, depth = 1; at < text.length; at++) {
    if (text[at] === "{") depth += 1;
    if (text[at] === "}" && --depth === 0) {
      const content = text.slice(start, at).trim();
      return /^\\text\{([^{}]*)\}$/.exec(content)?.[1] ?? content;
    }
  }
  return null;
}

/** What follows "the answer is", up to the end of its line, without a closing full stop. */
export function extractStatedAnswer(text: string): string | null {
  const at = text.toLowerCase().lastIndexOf("answer is");
  if (at < 0) return null;
  const rest = text
    .slice(at + "answer is".length)
    .split("\n")[0]!
    .replace(/^\s*:?\s*/, "")
    .replace(/<.*$/, "")
    .trim();
  return rest.replace(/\.$/, "").trim() || null;
}

/** Documents as prompts show them, numbered from 1. */
export const formatDocuments = (documents: readonly { title: string; text: string }[]): string =>
  documents
    .map(
      ({ title, text }, i) =>
        `Doc ${i + 1}(Title: ${escapeToOneLine(title)}) ${escapeToOneLine(text)}`,
    )
    .join("\n");

/** The conversation in which the assistant has written this much of its turn. */
export function continueConversation(messages: readonly Message[], written: string): Message[] {
  const last = messages[messages.length - 1];
  if (last?.role === "assistant")
    return [...messages.slice(0, -1), { role: "assistant", content: last.content + written }];
  return written === "" ? [...messages] : [...messages, { role: "assistant", content: written }];
}
