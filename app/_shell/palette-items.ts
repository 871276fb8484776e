import { z } from "zod";
import { markText, type Text } from "@/app/_i18n/format-text";
import { formatWords } from "@/app/_lib/format/format";
import { parseJson } from "@/app/_lib/config/parse-json";
import type { RunDetail } from "@/app/_lib/live/trpc";
import { listRunTabs } from "@/app/_lib/run-tabs";
import type { SearchResults } from "@/contracts/api/search";
import { LANGUAGES, type Language } from "@/core/texts/languages";
import { PAGES } from "./pages";

/** What the entries of a kind stand under, shown by `t(title)`. */
export const GROUP_TITLES = {
  recent: markText("Recent"),
  run: markText("This run"),
  pages: markText("Pages"),
  actions: markText("Actions"),
  runs: markText("Runs"),
  sweeps: markText("Sweeps"),
  questions: markText("Questions"),
  corpora: markText("Corpora"),
} as const;

/** One entry of the palette: a place to go to, or what is done where one is. */
export interface PaletteItem {
  id: string;
  group: keyof typeof GROUP_TITLES;
  label: string;
  detail?: string;
  /** Further words by which it is found. */
  words?: string;
  href?: string;
  /** Done in place of going anywhere. */
  action?: PaletteAction;
}

/** What an entry does without a page of its own. */
export type PaletteAction =
  | { theme: "light" | "dark" | "system" }
  | { language: Language }
  /** Opens a dialog of the page that is shown. */
  | { dialog: string };

/** Words in English and in the page's language: an entry is found by both. */
const joinWords = (t: Text, ...words: readonly string[]): string =>
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

const THEMES = [
  { theme: "light", label: markText("Use the light theme") },
  { theme: "dark", label: markText("Use the dark theme") },
  { theme: "system", label: markText("Use the system theme") },
] as const;

/** What can be begun from anywhere; the pages open the dialogs that addresses name. */
const BEGINNINGS = [
  {
    href: "/workers?open=attach",
    label: markText("Attach a worker"),
    words: markText("machine gpu token"),
  },
  {
    href: "/leaderboard?open=import",
    label: markText("Import results"),
    words: markText("upstream folder files"),
  },
  {
    href: "/notifications?open=channel",
    label: markText("Add a notification channel"),
    words: markText("slack mail webhook"),
  },
  {
    href: "/runs",
    label: markText("Compare runs: choose them in the list"),
    words: markText("overlay curves"),
  },
  { href: "/runs/new?as=sweep", label: markText("New sweep"), words: markText("grid seeds") },
  {
    href: "/playground/ask",
    label: markText("Ask a question of several methods"),
    words: markText("question answer live methods checkpoint"),
  },
] as const;

/** Themes, languages, and what can be begun from anywhere. */
export const listActionItems = (t: Text): PaletteItem[] => [
  ...BEGINNINGS.map(({ href, label, words }): PaletteItem => ({
    id: `begin ${href}`,
    group: "actions",
    label: t(label),
    words: joinWords(t, label, words),
    href,
  })),
  ...THEMES.map(({ theme, label }): PaletteItem => ({
    id: `theme ${theme}`,
    group: "actions",
    label: t(label),
    words: joinWords(t, label, markText("colours mode")),
    action: { theme },
  })),
  // Each is named in itself, so that it is found from any other.
  ...LANGUAGES.filter(({ value }) => value !== t.language).map(({ value, label }): PaletteItem => ({
    id: `language ${value}`,
    group: "actions",
    label: t("Language: {language}", { language: label }),
    words: `Language ${value} ${label}`,
    action: { language: value },
  })),
];

const RUN_DIALOGS = [
  { action: "cancel", label: markText("Cancel this run") },
  { action: "pause", label: markText("Pause this run") },
  { action: "steps", label: markText("Change the steps of this run") },
] as const;

/** What can be done with the run whose page is shown: what asks first opens its dialog there. */
export const listRunItems = (
  t: Text,
  run: Pick<RunDetail, "id" | "kind" | "actions">,
  hasRollouts: boolean,
): PaletteItem[] => [
  ...RUN_DIALOGS.filter(({ action }) => run.actions.includes(action)).map(
    ({ action, label }): PaletteItem => ({
      id: `do ${action}`,
      group: "run",
      label: t(label),
      words: joinWords(t, label),
      action: { dialog: action },
    }),
  ),
  ...listRunTabs(run.kind, hasRollouts).map((tab): PaletteItem => ({
    id: `tab ${tab}`,
    group: "run",
    label: t("Show its {part}", { part: t(tab) }),
    words: joinWords(t, tab),
    href: tab === "overview" ? `/runs/${run.id}` : `/runs/${run.id}?tab=${tab}`,
  })),
  {
    id: "compare this",
    group: "run",
    label: t("Compare this run with others"),
    words: joinWords(t, markText("Compare this run with others")),
    href: `/runs/compare?ids=${run.id}`,
  },
  {
    id: "report",
    group: "run",
    label: t("Show its report"),
    words: joinWords(t, markText("Show its report")),
    href: `/runs/${run.id}/report`,
  },
];

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

/** Remembers a place; not what was done, nor a part of the run that was open then. */
export function rememberItem({ id, group, label, detail, href }: PaletteItem): void {
  if (href === undefined || group === "run") return;
  const others = readRecent([]).filter((item) => item.id !== id);
  localStorage.setItem(
    RECENT_KEY,
    JSON.stringify([{ id, label, detail, href }, ...others].slice(0, RECENT)),
  );
}
