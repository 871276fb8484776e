import { parseContents } from "@/contracts/formats/corpus-lines";
import { parseDocuments } from "@/contracts/formats/upstream/documents";
import type { DocumentMapping } from "@/contracts/formats/traces/mapping";
import type { DocumentRef, DocumentText, EpisodeStep } from "@/contracts/records/episode";
import { hashDocument } from "@/core/episode/document-hash";
import { readSelection } from "@/core/upstream/response-text";
import { parseContainer, readFirst, readPlace, toNumber, toText } from "./read-place";
import { cutExample, type PlayedSteps, type Unread } from "./rollout";

/** A document as a search showed it. */
interface FoundDocument {
  /** What the trainer calls it; null: nothing. */
  name: string | null;
  score: number | null;
  text: DocumentText;
}

type GenerateStep = Extract<EpisodeStep, { kind: "generate" }>;

/**
 * Records what a rollout did, event by event, as typed steps. A search with the question itself before the model wrote
 * anything is turn 0. Where no selection is made, what was shown is what was answered from.
 */
export class StepRecorder {
  private readonly steps: EpisodeStep[] = [];
  private readonly documents = new Map<string, DocumentText>();
  private readonly unread: Unread[] = [];
  private readonly shown: DocumentRef[] = [];
  private readonly kept: DocumentRef[] = [];
  private window: FoundDocument[] = [];
  private turn = 0;
  private selects = false;

  constructor(private readonly question: string) {}

  recordUnread(reason: string, example: unknown): void {
    // Names of tools and spans stand in it, of any length.
    this.unread.push({ reason: cutExample(reason), example: cutExample(example) });
  }

  /** What the model wrote, which may hold a selection of the last window by upstream's tags. */
  recordText(
    text: string,
    { prompt, seconds = 0, ...tokens }: Partial<Omit<GenerateStep, "kind" | "turn" | "text">> = {},
  ): void {
    this.steps.push({
      kind: "generate",
      turn: this.turn,
      seconds,
      ...(prompt !== undefined && { prompt }),
      text,
      ...tokens,
    });
    if (this.window.length === 0) return;
    const kept = readSelection(text, this.window.length);
    if (kept !== null) this.recordKept(kept.map((i) => this.window[i]!));
  }

  /** @param found null: the result cannot be read as documents */
  recordSearch(query: string, found: readonly FoundDocument[] | null, seconds = 0): void {
    const isFirst = this.steps.length === 0 && this.isQuestion(query);
    if (!isFirst) this.turn += 1;
    this.window = [...(found ?? [])];
    const documents = removeRepeated(this.window).map(toRef);
    for (const { text } of this.window) this.documents.set(text.hash, text);
    this.shown.push(...documents);
    this.steps.push({ kind: "retrieve", turn: this.turn, seconds, query, documents });
  }

  /** Documents of the last window that are kept, by what the trainer calls them or by their place from 1. */
  recordSelection(names: readonly string[]): void {
    const found = names.flatMap((name) => {
      const one =
        this.window.find((document) => document.name === name) ??
        (/^\d{1,6}$/.test(name) ? this.window[Number(name) - 1] : undefined);
      if (!one) this.recordUnread("a selected document is not in the last search's result", name);
      return one ?? [];
    });
    this.recordKept(found);
  }

  /** Documents that are kept of the last window; others than those of it are listed. */
  recordRanking(ranked: readonly FoundDocument[]): void {
    const inWindow = new Set(this.window.map(({ text }) => text.hash));
    for (const { text } of ranked)
      if (!inWindow.has(text.hash))
        this.recordUnread(
          "a reranked document is not in the last search's result",
          text.title || text.text,
        );
    this.recordKept(ranked.filter(({ text }) => inWindow.has(text.hash)));
  }

  /** That the model searches no more: by its own decision, or as its words were neither search nor answer. */
  recordStop(reason: "model" | "malformed"): void {
    this.steps.push({ kind: "stop", turn: this.turn, seconds: 0, reason });
  }

  finish(): PlayedSteps {
    const { steps, unread } = this;
    const context = this.selects ? this.kept : this.shown;
    return {
      steps,
      context: [...new Map(context.map((one) => [one.hash, one])).values()],
      documents: [...this.documents.values()],
      unread,
    };
  }

  private recordKept(documents: readonly FoundDocument[]): void {
    this.selects = true;
    const refs = removeRepeated(documents).map(toRef);
    this.kept.push(...refs);
    this.steps.push({
      kind: "select",
      turn: this.turn,
      seconds: 0,
      selected: refs.map(({ id }) => id),
      implicit: false,
    });
  }

  private isQuestion(query: string): boolean {
    const normalise = (text: string): string =>
      text
        .toLowerCase()
        .replace(/[\s?]+/g, " ")
        .trim();
    return normalise(query) === normalise(this.question);
  }
}

const toRef = ({ text: { id, hash }, score }: FoundDocument): DocumentRef => ({ id, hash, score });

const removeRepeated = (documents: readonly FoundDocument[]): FoundDocument[] => [
  ...new Map(documents.map((one) => [one.text.hash, one])).values(),
];

/**
 * The documents of a result: a list at one of the places, a result that is a list itself, or upstream's text
 * (`Doc 1(Title: "T") body`). Null where it is none of these.
 */
export function readDocuments(
  values: readonly unknown[],
  places: readonly string[],
  mapping: DocumentMapping,
): FoundDocument[] | null {
  const listed = readFirst(values, places, (value) => toDocuments(value, mapping));
  if (listed) return listed;
  for (const value of values) {
    const own = toDocuments(value, mapping);
    if (own) return own;
  }
  return null;
}

function toDocuments(value: unknown, mapping: DocumentMapping): FoundDocument[] | null {
  if (typeof value === "string") {
    const parsed = parseContainer(value);
    if (parsed !== undefined) return toDocuments(parsed, mapping);
    const written = parseDocuments(value);
    return written.length === 0
      ? null
      : written.map((text, i) => buildDocument({ ...text, name: String(i + 1), score: null }));
  }
  if (!Array.isArray(value)) return null;
  const found = value.map((item: unknown) => toDocument(item, mapping));
  return found.every((one) => one !== null) ? found : null;
}

function toDocument(item: unknown, mapping: DocumentMapping): FoundDocument | null {
  const written = readFirst([item], mapping.text, toText);
  if (written === null) return null;
  const title = readFirst([item], mapping.title, toText);
  // Without a title of its own, the text may begin with it, as retrieval servers of Search-R1's protocol have it.
  const { title: first, text } = title === null ? parseContents(written) : { title, text: written };
  return buildDocument({
    title: first,
    text,
    name: readFirst([item], mapping.id, toText),
    score: readFirst([item], mapping.score, toNumber),
  });
}

/** The server replaces the id where the hash is of a document in a corpus. */
function buildDocument({
  title,
  text,
  name,
  score,
}: {
  title: string;
  text: string;
  name: string | null;
  score: number | null;
}): FoundDocument {
  const hash = hashDocument({ title, text });
  return { name, score, text: { id: `external-${hash.slice(0, 16)}`, hash, title, text } };
}

/** Names in a value that is one, or a list of them. */
export function readNames(values: readonly unknown[], places: readonly string[]): string[] {
  return (
    readFirst(values, places, (value) =>
      Array.isArray(value)
        ? value.flatMap((one: unknown) => toText(one) ?? toText(readPlace(one, "id")) ?? [])
        : typeof value === "string" || typeof value === "number"
          ? String(value)
              .split(/[\s,]+/)
              .filter((name) => name !== "")
          : null,
    ) ?? []
  );
}

/** Whether a tool is one of those named. */
export const isNamed = (name: string, names: readonly string[]): boolean =>
  names.includes("*") || names.some((one) => one.toLowerCase() === name.toLowerCase());
