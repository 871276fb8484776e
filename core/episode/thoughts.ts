/**
 * Thoughts of reasoning models within what they wrote. They are no part of an answer: they are kept to be looked at, and
 * neither scored nor read as an action.
 */

/** How models mark where their thoughts begin and end. Which mark is used is not told apart: models mix them. */
const MARKS =
  /<(\/?)(?:seed:)?(?:think|thinking|thoughts?|reasoning)>|\[(\/?)THINK\]|◁(\/?)think▷|<\|channel\|>(?:analysis|commentary)<\|message\|>|(?:<\|end\|>)?(?:<\|start\|>assistant)?(<\|channel\|>final<\|message\|>)/gi;

const OPENING_AT_END = /(?:<(?:seed:)?think(?:ing)?>|\[THINK\]|◁think▷)\s*$/i;

/** A stretch of a text that is thought, with its marks. */
interface ThoughtSpan {
  start: number;
  end: number;
  /** What stands between the marks. */
  content: string;
}

/** A text and the thoughts that were found in it. */
export interface SplitText {
  /** The text without its thoughts. Trimmed where there were any. */
  text: string;
  /** null: none. */
  thoughts: string | null;
  /** It ends within its thoughts: whatever was to follow is missing. */
  open: boolean;
}

/**
 * Splits thoughts off a model's text: between marks, before a lone closing mark (the chat template has written the
 * opening one), and after an opening mark that is never closed.
 *
 * @param prompt that the text continues, where it is known: a chat template may end it with an opening mark
 */
export function splitThoughts(text: string, prompt = ""): SplitText {
  const { spans, openAt } = findThoughts(text, OPENING_AT_END.test(prompt.slice(-40)));
  if (spans.length === 0 && openAt === null) return { text, thoughts: null, open: false };
  const rest = openAt === null ? [] : [text.slice(openAt).replace(MARKS, "")];
  const thoughts = [...spans.map(({ content }) => content), ...rest];
  return {
    text: removeSpans(text.slice(0, openAt ?? text.length), spans, () => "").trim(),
    thoughts:
      thoughts
        .map((each) => each.trim())
        .filter(Boolean)
        .join("\n\n") || null,
    open: openAt !== null,
  };
}

/**
 * The text with its closed thoughts blanked out, every other character in its place: for methods whose model thinks and
 * acts in one text. Thoughts that are not closed stay, because there an action is what ends them.
 */
export const blankThoughts = (text: string): string =>
  removeSpans(text, findThoughts(text).spans, ({ start, end }) => " ".repeat(end - start));

/** Marks that are not read, and gpt-oss's text without its special tokens. A reply with one is refused, so no answer changes. */
const UNREAD_MARK =
  /<\|(?:begin_of_thought|START_THINKING|think)\|>|<\|channel>thought|<\/?[a-z]{1,12}[:_]think(?:ing)?>|<\/?think(?:ing)?\s[^<>]{0,80}>|^\s*analysis(?=[\sA-Z])[^]*?assistant ?final(?=.)/;

/**
 * A mark of thoughts that `splitThoughts` does not know, in a text that it gave; null: there is none. Whoever reads one
 * adds it to `MARKS`, and raises the versions of what is read.
 */
export const findUnreadMark = (text: string): string | null =>
  UNREAD_MARK.exec(text)?.[0].trim().slice(0, 30) ?? null;

/** Puts thoughts that a server gave apart before the text that followed them, as models write them. */
export const joinThoughts = (thoughts: string | null, text: string): string =>
  thoughts === null ? text : `<think>\n${thoughts}\n</think>\n\n${text}`;

function findThoughts(
  text: string,
  isOpen = false,
): { spans: ThoughtSpan[]; openAt: number | null } {
  let spans: ThoughtSpan[] = [];
  let opened: { at: number; end: number } | null = isOpen ? { at: 0, end: 0 } : null;
  for (const mark of text.matchAll(MARKS)) {
    const end = mark.index + mark[0].length;
    const closes = [mark[1], mark[2], mark[3], mark[4]].some(Boolean);
    if (!closes) opened ??= { at: mark.index, end };
    else if (opened) {
      const content = text.slice(opened.end, mark.index);
      spans.push({ start: opened.at, end, content });
      opened = null;
    } else {
      const content = removeSpans(text.slice(0, mark.index), spans, (span) => span.content);
      spans = [{ start: 0, end, content }];
    }
  }
  return { spans, openAt: opened?.at ?? null };
}

function removeSpans(
  text: string,
  spans: readonly ThoughtSpan[],
  replace: (span: ThoughtSpan) => string,
): string {
  let result = "";
  let at = 0;
  for (const span of spans) {
    result += text.slice(at, span.start) + replace(span);
    at = span.end;
  }
  return result + text.slice(at);
}
