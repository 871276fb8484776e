import { z } from "zod";
import { markText, type Text } from "@/app/_i18n/format-text";
import { formatWords } from "@/app/_lib/format/format";
import { parseJson } from "@/app/_lib/config/parse-json";
import type { SearchResults } from "@/contracts/api/search";
import { PAGES } from "./pages";

/** What the entries of a kind stand under, shown by `t(title)`. */
export const GROUP_TITLES = {
  recent: markText("Recent"),
  pages: markText("Pages"),
  actions: markText("Actions"),
  runs: markText("Runs"),
  sweeps: markText("Sweeps"),
  questions: markText("Questions"),
  corpora: markText("Corpora"),
} as const;

/** One entry of the palette: a place to go to. Actions that are no place have a `run` in the dialog. */
export interface PaletteItem {
  id: string;
  group: keyof typeof GROUP_TITLES;
  label: string;
  detail?: string;
  /** Further words by which it is found. */
  words?: string;
  href?: string;
}

/** Words in English and in the page's language: an entry is found by both. */
export const joinWords = (t: Text, ...words: readonly string[]): string =>
  words.flatMap((word) => [word, t(word)]).join(" ");

/** Every page. */
export const listPageItems = (t: Text): PaletteItem[] =>
  PAGES.map(({ href, label, words = "" }) => ({
    id: href,
    group: "pages",
    label: t(label),
    words: joinWords(t, label, words),
    href,
  }));

/** What the server found. */
export const listFoundItems = (
  t: Text,
  { runs, sweeps, questions, corpora }: SearchResults,
): PaletteItem[] => [
  ...runs.map(({ id, name, kind, state }): PaletteItem => ({
    id: `run ${id}`,
    group: "runs",
    label: name,
    detail: t("{kind}, {state}", { kind: formatWords(t, kind), state: formatWords(t, state) }),
    href: `/runs/${id}`,
  })),
  ...sweeps.map(({ id, name }): PaletteItem => ({
    id: `sweep ${id}`,
    group: "sweeps",
    label: name,
    href: `/sweeps/${id}`,
  })),
  ...questions.map(({ set, id, question }): PaletteItem => ({
    id: `question ${set} ${id}`,
    group: "questions",
    label: question,
    detail: set,
    href: `/questions?${new URLSearchParams({ set, q: question.slice(0, 200) }).toString()}`,
  })),
  ...corpora.map(({ name }): PaletteItem => ({
    id: `corpus ${name}`,
    group: "corpora",
    label: name,
    href: `/corpora/${encodeURIComponent(name)}`,
  })),
];

/** Items whose label, detail or words hold every word of a text, in any order; those that begin with it come first. */
export function filterItems(items: readonly PaletteItem[], text: string): PaletteItem[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const first = text.trim().toLowerCase();
  const begins = ({ label }: PaletteItem): boolean => label.toLowerCase().startsWith(first);
  return items
    .filter(({ label, detail, words: more }) => {
      const held = `${label} ${detail ?? ""} ${more ?? ""}`.toLowerCase();
      return words.every((word) => held.includes(word));
    })
    .toSorted((a, b) => Number(begins(b)) - Number(begins(a)));
}

const RECENT_KEY = "s3.palette.recent";
const RECENT = 6;
const recentSchema = z.array(
  z.object({ id: z.string(), label: z.string(), detail: z.string().optional(), href: z.string() }),
);

/**
 * Places that were gone to from the palette in this browser, the last first. Those of the page's own entries are written
 * as these are: the language may have changed since.
 */
export function readRecent(own: readonly PaletteItem[]): PaletteItem[] {
  const stored = recentSchema.safeParse(parseJson(localStorage.getItem(RECENT_KEY) ?? ""));
  if (!stored.success) return [];
  return stored.data.map((item) => ({
    ...(own.find(({ id }) => id === item.id) ?? item),
    group: "recent",
  }));
}

/** Remembers a place; actions are not kept. */
export function rememberItem({ id, label, detail, href }: PaletteItem): void {
  if (href === undefined) return;
  const others = readRecent([]).filter((item) => item.id !== id);
  localStorage.setItem(
    RECENT_KEY,
    JSON.stringify([{ id, label, detail, href }, ...others].slice(0, RECENT)),
  );
}
