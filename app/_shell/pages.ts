import {
  Bell,
  BookOpenText,
  Grid3x3,
  House,
  Library,
  LineChart,
  ListChecks,
  MessageCircleQuestion,
  Plus,
  Radar,
  Scale,
  Search,
  Server,
  Share2,
  SquareStack,
  Trophy,
  type LucideIcon,
} from "lucide-react";
import { markText } from "@/app/_i18n/format-text";

/** A page that the navigation and the palette lead to. */
export interface Page {
  href: string;
  /** Shown by `t(label)`, as are the titles of groups. */
  label: string;
  icon: LucideIcon;
  /** Further words by which the palette finds it, in English and as `t(words)`. */
  words?: string;
  /** It has a place in a phone's bar; the others are in the bar's menu. */
  inBar?: boolean;
}

/** Every page, by what people do there. */
export const PAGE_GROUPS: readonly { title: string | null; pages: readonly Page[] }[] = [
  {
    title: null,
    pages: [
      {
        href: "/",
        label: markText("Home"),
        icon: House,
        words: markText("overview start"),
        inBar: true,
      },
      {
        href: "/runs/new",
        label: markText("New run"),
        icon: Plus,
        words: markText("launch train predict"),
        inBar: true,
      },
    ],
  },
  {
    title: markText("Experiments"),
    pages: [
      {
        href: "/runs",
        label: markText("Runs"),
        icon: LineChart,
        words: markText("training"),
        inBar: true,
      },
      { href: "/sweeps", label: markText("Sweeps"), icon: Grid3x3, words: markText("grid seeds") },
    ],
  },
  {
    title: markText("Results"),
    pages: [
      {
        href: "/leaderboard",
        label: markText("Leaderboard"),
        icon: Trophy,
        words: markText("methods"),
        inBar: true,
      },
      {
        href: "/compare",
        label: markText("Compare"),
        icon: SquareStack,
        words: markText("answers checkpoints"),
      },
      {
        href: "/labels",
        label: markText("Labels"),
        icon: Scale,
        words: markText("judge agreement kappa"),
      },
    ],
  },
  {
    title: markText("Search"),
    pages: [
      {
        href: "/playground",
        label: markText("Playground"),
        icon: Search,
        words: markText("query retriever"),
      },
      {
        href: "/playground/ask",
        label: markText("Ask"),
        icon: MessageCircleQuestion,
        words: markText("question answer live methods checkpoint"),
      },
      {
        href: "/retrieval",
        label: markText("Retrieval"),
        icon: Radar,
        words: markText("recall ndcg mrr"),
      },
    ],
  },
  {
    title: markText("Data"),
    pages: [
      {
        href: "/corpora",
        label: markText("Corpora"),
        icon: Library,
        words: markText("documents index import"),
      },
      {
        href: "/questions",
        label: markText("Questions"),
        icon: ListChecks,
        words: markText("sets import"),
      },
    ],
  },
  {
    title: markText("Installation"),
    pages: [
      {
        href: "/workers",
        label: markText("Workers"),
        icon: Server,
        words: markText("gpu tokens keys"),
      },
      {
        href: "/notifications",
        label: markText("Notifications"),
        icon: Bell,
        words: markText("slack mail webhook"),
      },
      {
        href: "/mirrors",
        label: markText("Mirrors"),
        icon: Share2,
        words: markText("mlflow tensorboard wandb console"),
      },
      {
        href: "/glossary",
        label: markText("Glossary"),
        icon: BookOpenText,
        words: markText("terms help metrics"),
      },
    ],
  },
];

export const PAGES: readonly Page[] = PAGE_GROUPS.flatMap(({ pages }) => pages);

/** The page that an address belongs to: the one whose own address is its longest beginning. */
export function findPage(path: string): Page | undefined {
  const holds = ({ href }: Page): boolean =>
    href === "/" ? path === "/" : path === href || path.startsWith(`${href}/`);
  return PAGES.filter(holds).toSorted((a, b) => b.href.length - a.href.length)[0];
}
